/// Whether a decoded event may go on, and in which shape: the rooms "tenant", "validate" and "normalise".
///
/// The rules are in docs/events.md, what is refused in docs/dead-letters.md.
///
/// Allocates nothing for an event that passes.
struct EventValidator {
    enum Verdict {
        case valid(ValidEvent)
        case ignored(IgnoredReason)
    }

    /// The most bytes that a person's id may have as written; PostHog's are UUIDs.
    static let longestPersonID = 200

    let limits: EventLimits
    /// Tokens whose records are ignored.
    var droppedTokens: [[UInt8]] = []

    /// Checks and normalises an event.
    ///
    /// What is computed on the way (a corrected timestamp's text, an added `$ip`) is appended to the workbench.
    ///
    /// What is noticed is noted for whoever warns the team.
    ///
    /// - Throws: a ``Rejection`` of the steps `tenant` or `validate`.
    func validate(
        _ decoded: DecodedEvent,
        from record: RecordContext,
        under snapshot: Snapshot,
        on bench: inout Workbench,
        noting notes: inout EventNotes
    ) throws(Rejection) -> Verdict {
        notes.name = decoded.event.name
        notes.distinctID = decoded.event.distinctID
        guard let team = try team(of: decoded, record, snapshot, &bench) else { return .ignored(.droppedToken) }
        notes.team = team
        var valid = ValidEvent(decoded: decoded, team: team)
        times(of: &valid, record, on: &bench, noting: &notes)
        try name(of: &valid, on: &bench)
        notes.name = valid.decoded.event.name
        if let reason = ignored(valid, on: &bench, noting: &notes) { return .ignored(reason) }
        try distinctID(of: &valid, on: &bench, noting: &notes)
        notes.distinctID = valid.decoded.event.distinctID
        try uuid(of: &valid, record, on: &bench)
        notes.uuid = valid.uuid
        valid.kind = EventKind(bench.written(valid.decoded.event.name))
        try IdentityCheck.check(valid.kind, valid, limits.distinctIDUnits, on: &bench, noting: &notes)
        // The rules are asked where they are: a copy would count references that all lanes share.
        let oldest = snapshot.teams[team].rules.dropsOlderThanSeconds
        if oldest > 0, let age = notes.age, age > oldest * Timestamp.second { return .ignored(.tooOld) }
        divergence(of: valid, decoded, on: bench, noting: &notes)
        // Every match record repeats the person's id: what is no id by its length must not be multiplied.
        if valid.decoded.personID.length > Self.longestPersonID { valid.decoded.personID = .missing }
        valid.decoded.isHistorical = valid.decoded.isHistorical || record.isHistorical
        if decoded.duplicateKeys > 0 {
            notes.duplicateKeys = decoded.duplicateKeys
            notes.warn(.duplicateKeys)
        }
        notes.isForcedPersonless = record.forcesPersonless
        var groups: GroupColumns.Columns?
        if decoded.special.groups >= 0 {
            groups = GroupColumns.find(decoded.special.groups, snapshot.teams[team].rules, on: &bench)
        }
        let normaliser = Normaliser(groups: groups, elementLimit: limits.elements)
        guard normaliser.normalise(&valid, forcesPersonless: record.forcesPersonless, on: &bench, noting: &notes)
        else { return .ignored(.personless) }
        return .valid(valid)
    }

    /// Events that are none.
    @inline(__always)
    private func ignored(_ valid: ValidEvent, on bench: inout Workbench, noting notes: inout EventNotes)
        -> IgnoredReason?
    {
        let name = bench.written(valid.decoded.event.name)
        if equals(name, "$performance_event") { return .performanceEvent }
        guard equals(name, "$$client_ingestion_warning") else { return nil }
        notes.message = bench.property("$$client_ingestion_warning_message", of: valid.decoded.event.properties)
        return .clientIngestionWarning
    }

    /// A UUIDv7 tells when it was made; one that is days away from the timestamp tells of a clock or of a forged id.
    @inline(__always)
    private func divergence(
        of valid: ValidEvent,
        _ decoded: DecodedEvent,
        on bench: borrowing Workbench,
        noting notes: inout EventNotes
    ) {
        guard decoded.event.uuid.kind == .string, decoded.event.uuid.length > 0,
            let made = UUIDText.version7Time(bench.bytes.base + Int(valid.uuid.offset)),
            abs(made - notes.timestamp) > Self.mostDivergence
        else { return }
        notes.uuidTime = made
        notes.warn(.divergentUUID)
    }

    /// Three days in milliseconds, as at PostHog.
    private static let mostDivergence: Int64 = 3 * 86_400_000

    /// Normalises an event without refusing anything: for ``Trial``.
    func prepare(
        _ decoded: DecodedEvent,
        at now: Int64,
        under rules: EventRules,
        on bench: inout Workbench
    ) -> ValidEvent {
        var valid = ValidEvent(decoded: decoded, team: 0)
        var notes = EventNotes()
        times(of: &valid, RecordContext(timestamp: now), on: &bench, noting: &notes)
        // Without a usable time of its own an event fails every relative date (docs/actions.md, "Dates") instead of
        // happening in 1970.
        let hasOwnTime =
            decoded.offset.isSet || bench.instant(decoded.correctedTimestamp) != nil
            || bench.instant(decoded.clientTimestamp) != nil || bench.instant(decoded.now) != nil
        if !hasOwnTime { valid.decoded.event.timestamp = nil }
        // Matching sees the name and the ids as a worker would store them, where there are any.
        try? name(of: &valid, on: &bench)
        try? self.distinctID(of: &valid, on: &bench, noting: &notes)
        if valid.decoded.event.uuid.length > 0 { try? uuid(of: &valid, RecordContext(timestamp: now), on: &bench) }
        valid.kind = EventKind(bench.written(valid.decoded.event.name))
        let groups = GroupColumns.find(decoded.special.groups, rules, on: &bench)
        let normaliser = Normaliser(groups: groups, elementLimit: limits.elements)
        _ = normaliser.normalise(&valid, forcesPersonless: false, on: &bench, noting: &notes)
        return valid
    }

    // MARK: Tenant

    private func team(
        of decoded: DecodedEvent,
        _ record: RecordContext,
        _ snapshot: Snapshot,
        _ bench: inout Workbench
    ) throws(Rejection) -> Int? {
        if let only = snapshot.onlyTeam { return only }
        var value = decoded.event.token
        if !value.isSet, decoded.special.token >= 0 { value = bench.fields[Int(decoded.special.token)].value }
        bench.scratch.removeAll()
        let token = record.token ?? (value.kind == .string ? bench.text(ofStringAt: value) : nil)
        guard let token, token.count > 0 else {
            throw Rejection(.noToken, in: .tenant, "neither a header nor the event has a \"token\"")
        }
        if !droppedTokens.isEmpty, droppedTokens.contains(where: { $0.elementsEqual(token) }) { return nil }
        guard let team = snapshot.team(for: token) else {
            throw Rejection(
                .unknownToken,
                in: .tenant,
                "no team of the catalogue (epoch \(snapshot.epoch)) has the token \"\(quoted(token))\""
            )
        }
        return team
    }

    // MARK: Name, distinct id, uuid

    private func name(of valid: inout ValidEvent, on bench: inout Workbench) throws(Rejection) {
        let name = valid.decoded.event.name
        guard name.isSet, name.kind != .string || name.length > 0 else {
            throw Rejection(.missingEvent, in: .validate, "\"event\" is \(name.kindName), expected the event's name")
        }
        // A name of another type becomes its JSON text; text of at most so many bytes has no more UTF-16 units than the limit.
        if name.kind == .string, name.length <= limits.eventNameUnits, !name.flags.contains(.escaped) { return }
        bench.scratch.removeAll()
        let text = bench.text(ofStringAt: name)
        // What has no escapes but the necessary ones stays as it is; `\u0024identify` is spelt `$identify` from here on.
        if name.kind == .string, name.length <= limits.eventNameUnits, text.first != 0x24 { return }
        let kept = utf16Prefix(of: text, units: limits.eventNameUnits)
        valid.decoded.event.name = bench.appendString(UnsafeRawBufferPointer(rebasing: text[..<kept]))
    }

    private func distinctID(
        of valid: inout ValidEvent,
        on bench: inout Workbench,
        noting notes: inout EventNotes
    ) throws(Rejection) {
        let id = valid.decoded.event.distinctID
        guard id.isSet else { throw missingDistinctID(id.kindName) }
        // An id that begins with a letter of ASCII is not blank; nearly all end here.
        if id.kind == .string, id.length <= limits.distinctIDUnits, id.length > 0, !id.flags.contains(.escaped),
            0x21..<0x80 ~= bench.bytes.base.load(fromByteOffset: Int(id.offset), as: UInt8.self)
        {
            return
        }
        bench.scratch.removeAll()
        let text = bench.text(ofStringAt: id)
        guard !isWhiteSpace(text) else { throw missingDistinctID("blank") }
        let units = utf16Length(text)
        guard units <= limits.distinctIDUnits else {
            notes.length = units
            throw Rejection(
                .distinctIDTooLong,
                in: .validate,
                "\"distinct_id\" has \(units) UTF-16 code units, the limit is \(limits.distinctIDUnits)"
            )
        }
        if id.kind == .string, !text.contains(0) { return }
        valid.decoded.event.distinctID = bench.appendString(text, replacingNUL: true)
    }

    private func missingDistinctID(_ found: String) -> Rejection {
        Rejection(.missingDistinctID, in: .validate, "\"distinct_id\" is \(found), expected who did it")
    }

    private func uuid(of valid: inout ValidEvent, _ record: RecordContext, on bench: inout Workbench) throws(Rejection)
    {
        var given = valid.decoded.event.uuid
        if given.kind == .string, given.flags.contains(.escaped) {
            bench.scratch.removeAll()
            given = bench.appendString(bench.text(ofStringAt: given))
        }
        if !given.isSet || given.kind == .string && given.length == 0 {
            bench.scratch.removeAll()
            bench.scratch.append(source: record)
            let start = bench.bytes.count
            UUIDText.appendVersion5(of: bench.scratch.bytes(0, bench.scratch.count), to: &bench.bytes)
            valid.uuid = Value(offset: UInt32(start), length: UInt32(UUIDText.length), kind: .string, flags: .plain)
        } else {
            guard given.kind == .string, given.length == UUIDText.length else { throw invalidUUID(given, bench) }
            let check = UUIDText.check(bench.bytes.base + Int(given.offset))
            guard check.isValid else { throw invalidUUID(given, bench) }
            valid.uuid = check.hasUpperCase ? bench.appendLowerCased(given) : given
        }
        valid.decoded.event.uuid = valid.uuid
    }

    private func invalidUUID(_ value: Value, _ bench: borrowing Workbench) -> Rejection {
        let found = value.kind == .string ? "\"\(quoted(bench.written(value)))\"" : value.kindName
        return Rejection(.invalidUUID, in: .validate, "\"uuid\" is \(found), expected 8-4-4-4-12 hexadecimal digits")
    }

    // MARK: Words for humans

    /// A bounded, printable form of bytes from outside: never a control character, never more than 80 characters.
    private func quoted(_ bytes: UnsafeRawBufferPointer) -> String {
        let text = String(decoding: bytes.prefix(80), as: UTF8.self)
        return String(
            String.UnicodeScalarView(
                text.unicodeScalars.map { scalar in
                    switch scalar.properties.generalCategory {
                    case .control, .format, .lineSeparator, .paragraphSeparator: "\u{FFFD}"
                    default: scalar
                    }
                }
            )
        )
    }
}

extension ByteArena {
    /// Appends `topic/partition/offset`: the position of a record, as headers and match records name it.
    mutating func append(source record: RecordContext) {
        reserve(record.topic.count + 40)
        if let topic = record.topic.baseAddress { put(topic, record.topic.count) }
        put(0x2F)
        put(decimal: Int64(record.partition))
        put(0x2F)
        put(decimal: record.offset)
    }
}

extension Workbench {
    /// The decoded text of a value, which must not be used after the scratch arena or the workbench's bytes change.
    ///
    /// For any other kind of value it is its JSON text.
    mutating func text(ofStringAt value: Value) -> UnsafeRawBufferPointer {
        let start = scratch.count
        if value.kind == .object || value.kind == .array, !value.flags.contains(.plain) {
            scratch.append(peeling: written(value))
            return scratch.bytes(start, scratch.count - start)
        }
        guard value.flags.contains(.escaped) else { return written(value) }
        scratch.append(decoding: written(value), marker: value.flags.contains(.plain) ? 1 : 2)
        return scratch.bytes(start, scratch.count - start)
    }

    /// The instant that a value's text names, in microseconds since 1970; nil where it names none.
    mutating func instant(_ value: Value) -> Int64? { value.isSet ? Timestamp.parse(text(ofStringAt: value)) : nil }

    /// Appends text as a JSON string's content; returns it as a value.
    ///
    /// The text may lie on the workbench itself.
    mutating func appendString(_ text: UnsafeRawBufferPointer, replacingNUL: Bool = false) -> Value {
        let copy = Array(text)  // rare: only names and ids that have to be changed come here
        let start = bytes.count
        var isEscaped = false
        bytes.reserve(6 * copy.count + 8)
        for byte in copy {
            if byte == 0, replacingNUL {
                bytes.append(scalar: 0xFFFD)
            } else {
                let before = bytes.count
                withUnsafeBytes(of: byte) { bytes.append(escaping: $0) }
                isEscaped = isEscaped || bytes.count > before + 1
            }
        }
        return Value(
            offset: UInt32(start),
            length: UInt32(bytes.count - start),
            kind: .string,
            flags: isEscaped ? [.plain, .escaped] : .plain
        )
    }

    /// Appends a string that has no escapes in lower case (ASCII).
    mutating func appendLowerCased(_ value: Value) -> Value {
        let start = bytes.count
        bytes.reserve(Int(value.length))
        for index in 0..<Int(value.length) {
            let byte = bytes.base.load(fromByteOffset: Int(value.offset) + index, as: UInt8.self)
            bytes.put(byte &- 0x41 < 26 ? byte | 0x20 : byte)
        }
        return Value(offset: UInt32(start), length: value.length, kind: .string, flags: value.flags)
    }
}
