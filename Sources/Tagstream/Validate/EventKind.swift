/// The events whose names mean something to persons and groups.
enum EventKind {
    case other, identify, alias, merge, groupIdentify

    /// By the event's name, as it is stored.
    @inline(__always)
    init(_ name: UnsafeRawBufferPointer) {
        switch name.count {
        case 9 where equals(name, "$identify"): self = .identify
        case 13 where equals(name, "$create_alias"): self = .alias
        case 14 where equals(name, "$groupidentify"): self = .groupIdentify
        case 18 where equals(name, "$merge_dangerously"): self = .merge
        default: self = .other
        }
    }

    /// Whether the event merges two persons.
    var merges: Bool { self == .identify || self == .alias || self == .merge }
}

/// Checks what such events say beside their name.
enum IdentityCheck {
    /// Checks the group key or the id that is to be merged.
    ///
    /// Allocates nothing for what passes.
    ///
    /// - Parameter limit: UTF-16 code units of a group key.
    /// - Throws: a ``Rejection`` of the step `validate`.
    static func check(
        _ kind: EventKind,
        _ valid: ValidEvent,
        _ limit: Int,
        on bench: inout Workbench,
        noting notes: inout EventNotes
    ) throws(Rejection) {
        switch kind {
        case .other: return
        case .groupIdentify: try groupKey(valid, limit, on: &bench, noting: &notes)
        case .identify:
            let id = bench.property("$anon_distinct_id", of: valid.decoded.event.properties)
            guard id.kind == .string || !id.isSet else {
                throw notText(.invalidAnonDistinctID, "$anon_distinct_id", id)
            }
            legality(valid, id, on: &bench, noting: &notes)
        case .alias, .merge:
            let id = bench.property("alias", of: valid.decoded.event.properties)
            guard id.kind == .string || !id.isSet else { throw notText(.invalidAlias, "alias", id) }
            legality(valid, id, on: &bench, noting: &notes)
        }
    }

    private static func groupKey(
        _ valid: ValidEvent,
        _ limit: Int,
        on bench: inout Workbench,
        noting notes: inout EventNotes
    ) throws(Rejection) {
        let key = bench.property("$group_key", of: valid.decoded.event.properties)
        guard key.kind == .string, key.length > limit else { return }
        bench.scratch.removeAll()
        let units = utf16Length(bench.text(ofStringAt: key))
        guard units > limit else { return }
        notes.length = units
        throw Rejection(
            .groupKeyTooLong,
            in: .validate,
            "\"$group_key\" has \(units) UTF-16 code units, the limit is \(limit)"
        )
    }

    private static func notText(_ reason: DeadLetterReason, _ name: StaticString, _ value: Value) -> Rejection {
        Rejection(reason, in: .validate, "\"\(name)\" is \(value.kindName), expected a text")
    }

    /// Ids that must not be merged block the merge and not the event: the team is warned.
    private static func legality(
        _ valid: ValidEvent,
        _ other: Value,
        on bench: inout Workbench,
        noting notes: inout EventNotes
    ) {
        guard other.kind == .string else { return }
        bench.scratch.removeAll()
        let isOtherIllegal = IllegalDistinctID.contains(bench.text(ofStringAt: other))
        bench.scratch.removeAll()
        guard isOtherIllegal || IllegalDistinctID.contains(bench.text(ofStringAt: valid.decoded.event.distinctID))
        else { return }
        notes.otherID = other
        notes.isOtherIllegal = isOtherIllegal
        notes.warn(.illegalDistinctID)
    }
}

extension Workbench {
    /// The value of a property by its name; missing where there is none.
    ///
    /// Linear: for names that only some events are asked for.
    mutating func property(_ name: StaticString, of section: Section) -> Value {
        for index in Int(section.first)..<Int(section.first &+ section.count) {
            let field = fields[index]
            if field.value.flags.contains(.superseded) { continue }
            if field.value.flags.contains(.keyEscaped) {
                if equals(key(of: field), name) { return field.value }
            } else if Int(field.keyLength) == name.utf8CodeUnitCount,
                equals(bytes.bytes(Int(field.keyOffset), Int(field.keyLength)), name)
            {
                return field.value
            }
        }
        return .missing
    }
}

extension Value {
    /// What the value is, in words for humans.
    var kindName: String {
        switch kind {
        case .missing: "missing"
        case .null: "null"
        case .true, .false: "a boolean"
        case .number: "a number"
        case .string: length == 0 ? "empty" : "a text"
        case .array: "a list"
        case .object: "an object"
        }
    }
}
