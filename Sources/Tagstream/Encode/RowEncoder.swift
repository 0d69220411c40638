#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Writes the row of `events_tagged`: one JSON object as ClickHouse's Kafka engine reads it (JSONEachRow), PostHog's event row with
/// `actions` and `actions_epoch` behind it (docs/events.md; schemas/tagged_event.schema.json).
///
/// The properties column is JSON in a JSON string, and so is what the scanner read: writing it copies the ranges between the
/// fields that were taken away, and adds the texts of those that were added.
enum RowEncoder {
    /// Appends the row.
    ///
    /// Allocates nothing once the arena is large enough.
    ///
    /// - Parameters:
    ///   - matched: the actions that matched, and those that failed, as places in the plan, which are in the order of their ids.
    static func encode(
        _ valid: ValidEvent,
        team: Int64,
        actions matched: borrowing MatchedActions,
        of plan: ActionPlan,
        epoch: Int64,
        on bench: borrowing Workbench,
        into out: inout ByteArena
    ) {
        let event = valid.decoded.event
        // Everything that is copied lies on the workbench and is copied at most twice (a property that `$set` repeats).
        out.reserve(2 * bench.bytes.count + 20 * (matched.count + matched.failedCount) + 1024)
        out.put("{\"uuid\":\"")
        out.put(bench.written(valid.uuid))
        out.put("\",\"event\":\"")
        out.put(string: event.name, bench)
        out.put("\",\"properties\":\"")
        properties(valid, bench, &out)
        out.put("\",\"timestamp\":\"")
        out.put(bench.written(event.timestampText))
        out.put("\",\"team_id\":")
        out.put(decimal: team)
        out.put(",\"project_id\":")
        out.put(decimal: team)
        out.put(",\"distinct_id\":\"")
        out.put(string: event.distinctID, bench)
        out.put("\",\"elements_chain\":\"")
        if event.elementsChain.kind == .string { out.put(string: event.elementsChain, bench) }
        out.put("\",\"created_at\":\"")
        Timestamp.write(milliseconds: valid.createdAt, into: &out)
        out.put("\",\"captured_at\":")
        if let captured = valid.capturedAt {
            out.put(0x22)
            Timestamp.write(milliseconds: captured, into: &out)
            out.put(0x22)
        } else {
            out.put("null")
        }
        person(valid, bench, &out)
        if valid.decoded.isHistorical { out.put(",\"historical_migration\":true") }
        groups(valid.decoded, bench, &out)
        out.put(",\"actions\":[")
        for index in 0..<matched.count {
            if index > 0 { out.put(0x2C) }
            out.put(decimal: plan.id(at: matched[index]))
        }
        if matched.failedCount > 0 { failed(matched, plan, &out) }
        out.put("],\"actions_epoch\":")
        out.put(decimal: epoch)
        out.put(0x7D)
    }

    /// Which actions could not be evaluated: whether they match is not known.
    @inline(never)
    private static func failed(_ matched: borrowing MatchedActions, _ plan: ActionPlan, _ out: inout ByteArena) {
        out.put("],\"actions_failed\":[")
        for index in 0..<matched.failedCount {
            if index > 0 { out.put(0x2C) }
            out.put(decimal: plan.id(at: matched.failed(index)))
        }
    }

    // MARK: Properties

    private static func properties(_ valid: ValidEvent, _ bench: borrowing Workbench, _ out: inout ByteArena) {
        let event = valid.decoded.event
        out.put(0x7B)
        var isFirst = true
        if valid.decoded.leavesPropertiesWhole {
            // The common event: everything between the first quote and the last brace, as it stands.
            if event.properties.count > 0 {
                let first = bench.fields[Int(event.properties.first)].written.lowerBound
                let last = bench.fields[Int(event.properties.first &+ event.properties.count) &- 1].written.upperBound
                out.put(member: first..<last, bench, &isFirst)
            }
            out.put(runsOf: event.addedProperties, bench, &isFirst)
            out.put(0x7D)
            return
        }
        // A run of neighbours that stay is copied whole, commas and blanks between them included.
        var run: Range<Int>? = nil
        for index in Int(event.properties.first)..<Int(event.properties.first &+ event.properties.count) {
            let field = bench.fields[index]
            if field.value.flags.isDisjoint(with: [.removed, .superseded]) {
                run = (run?.lowerBound ?? field.written.lowerBound)..<field.written.upperBound
            } else if let ended = run {
                out.put(member: ended, bench, &isFirst)
                run = nil
            }
        }
        if let run { out.put(member: run, bench, &isFirst) }
        out.put(runsOf: event.addedProperties, bench, &isFirst)
        out.put(0x7D)
    }

    // MARK: Person and groups

    private static func person(_ valid: ValidEvent, _ bench: borrowing Workbench, _ out: inout ByteArena) {
        let id = valid.decoded.personID
        out.put(",\"person_id\":")
        if id.kind == .string, id.length > 0 {
            out.put(0x22)
            out.put(string: id, bench)
            out.put(0x22)
        } else {
            out.put("null")
        }
        out.put(",\"person_properties\":\"")
        let event = valid.decoded.event
        if event.set.count == 0, event.setOnce.count == 0, valid.decoded.personObject.kind == .object {
            out.put(bench.written(valid.decoded.personObject))
        } else if event.personProperties.count == 0, hasText(event.setOnce, valid.decoded.setOnceObject),
            hasText(event.set, valid.decoded.setObject), areDisjoint(valid, bench)
        {
            enriched(valid, bench, &out)
        } else {
            merged(event, bench, &out)
        }
        out.put("\",\"person_created_at\":null,\"person_mode\":\"")
        out.put(valid.personMode.name)
        out.put(0x22)
    }

    /// Whether `$set` and `$set_once`, as enrichment wrote them, have no key in common; where that would take long to find out, false.
    ///
    /// What enrichment itself adds has other names in the one than in the other, so only the author's own keys are looked for.
    private static func areDisjoint(_ valid: ValidEvent, _ bench: borrowing Workbench) -> Bool {
        let (set, once) = (valid.decoded.event.set, valid.decoded.event.setOnce)
        let ownSet = Section(first: set.first, count: valid.ownFields.set)
        let ownOnce = Section(first: once.first, count: valid.ownFields.setOnce)
        let comparisons = Int(ownSet.count) &* Int(once.count) &+ Int(ownOnce.count) &* Int(set.count)
        guard comparisons <= Workbench.mostComparisons else { return false }
        return !bench.contains(anyOf: ownSet, in: once) && !bench.contains(anyOf: ownOnce, in: set)
    }

    /// Whether a section's members stand side by side as enrichment wrote them.
    private static func hasText(_ section: Section, _ object: Value) -> Bool {
        section.count == 0 || object.kind == .object
    }

    /// The usual event whose person enrichment has written: the members of both objects as they stand.
    private static func enriched(_ valid: ValidEvent, _ bench: borrowing Workbench, _ out: inout ByteArena) {
        out.put(0x7B)
        let once = valid.decoded.event.setOnce.count > 0 ? valid.decoded.setOnceObject : .missing
        let set = valid.decoded.event.set.count > 0 ? valid.decoded.setObject : .missing
        if once.length > 2 { out.put(bench.bytes.base + Int(once.offset) + 1, Int(once.length) - 2) }
        if once.length > 2, set.length > 2 { out.put(0x2C) }
        if set.length > 2 { out.put(bench.bytes.base + Int(set.offset) + 1, Int(set.length) - 2) }
        out.put(0x7D)
    }

    /// What the event carries of its person, `$set_once` where that has nothing, `$set` over both.
    private static func merged(_ event: Event, _ bench: borrowing Workbench, _ out: inout ByteArena) {
        out.put(0x7B)
        var isFirst = true
        out.put(members: event.personProperties, without: event.set, bench, &isFirst)
        out.put(members: event.setOnce, without: event.personProperties, and: event.set, bench, &isFirst)
        out.put(members: event.set, bench, &isFirst)
        out.put(0x7D)
    }

    private static func groups(_ decoded: DecodedEvent, _ bench: borrowing Workbench, _ out: inout ByteArena) {
        group(decoded.groupObjects.0, ",\"group0_properties\":\"", bench, &out)
        group(decoded.groupObjects.1, ",\"group1_properties\":\"", bench, &out)
        group(decoded.groupObjects.2, ",\"group2_properties\":\"", bench, &out)
        group(decoded.groupObjects.3, ",\"group3_properties\":\"", bench, &out)
        group(decoded.groupObjects.4, ",\"group4_properties\":\"", bench, &out)
    }

    @inline(__always)
    private static func group(
        _ object: Value,
        _ opening: StaticString,
        _ bench: borrowing Workbench,
        _ out: inout ByteArena
    ) {
        guard object.kind == .object else { return }
        out.put(opening)
        out.put(bench.written(object))
        out.put(0x22)
    }
}

extension ByteArena {
    /// Appends bytes.
    ///
    /// Room must have been reserved.
    @inline(__always)
    mutating func put(_ bytes: UnsafeRawBufferPointer) { put(bytes.baseAddress!, bytes.count) }

    /// Appends a value as the content of a plain JSON string.
    ///
    /// Room must have been reserved.
    @inline(__always)
    mutating func put(string value: Value, _ bench: borrowing Workbench) {
        let written = bench.written(value)
        if value.flags.contains(.escaped), !value.flags.contains(.plain) {
            append(peeling: written)
        } else if value.kind == .string {
            put(written)
        } else {
            append(peeling: written)  // the JSON text of another type: its quotes are escaped once too often
        }
    }

    @inline(__always)
    fileprivate mutating func put(member text: Range<Int>, _ bench: borrowing Workbench, _ isFirst: inout Bool) {
        if !isFirst { put(0x2C) }
        isFirst = false
        put(bench.bytes.base + text.lowerBound, text.count)
    }

    /// Appends the members of a section, those at once that stand side by side on the bench, as enrichment leaves them.
    fileprivate mutating func put(runsOf section: Section, _ bench: borrowing Workbench, _ isFirst: inout Bool) {
        var first = 0
        var end = 0
        for index in Int(section.first)..<Int(section.first &+ section.count) {
            let field = bench.fields.base + index
            guard field.pointee.value.flags.isDisjoint(with: [.removed, .superseded]) else { continue }
            let written = field.pointee.written
            let isNext =
                end > first && written.lowerBound == end &+ 1
                && bench.bytes.base.load(fromByteOffset: end, as: UInt8.self) == 0x2C
            if !isNext {
                if end > first { put(member: first..<end, bench, &isFirst) }
                first = written.lowerBound
            }
            end = written.upperBound
        }
        if end > first { put(member: first..<end, bench, &isFirst) }
    }

    @inline(__always)
    fileprivate mutating func put(
        members section: Section,
        without one: Section = .empty,
        and other: Section = .empty,
        _ bench: borrowing Workbench,
        _ isFirst: inout Bool
    ) {
        if Int(section.count) * Int(one.count &+ other.count) > Workbench.mostComparisons {
            return put(manyMembers: section, without: bench.keys(of: one, other), bench, &isFirst)
        }
        for index in Int(section.first)..<Int(section.first &+ section.count) {
            let field = bench.fields[index]
            guard field.value.flags.isDisjoint(with: [.removed, .superseded]) else { continue }
            if one.count > 0, bench.contains(field, in: one) { continue }
            if other.count > 0, bench.contains(field, in: other) { continue }
            put(member: field.written, bench, &isFirst)
        }
    }

    /// The way for objects that are so large that comparing every key with every other would be an attack.
    @inline(never)
    fileprivate mutating func put(
        manyMembers section: Section,
        without keys: Set<[UInt8]>,
        _ bench: borrowing Workbench,
        _ isFirst: inout Bool
    ) {
        for index in Int(section.first)..<Int(section.first &+ section.count) {
            let field = bench.fields[index]
            guard field.value.flags.isDisjoint(with: [.removed, .superseded]), !keys.contains(bench.decodedKey(field))
            else { continue }
            put(member: field.written, bench, &isFirst)
        }
    }
}

extension Workbench {
    /// How many comparisons of hashes an event may cost: a hundred keys with a hundred others.
    fileprivate static let mostComparisons = 10_000

    /// The decoded keys of two sections; allocates.
    fileprivate borrowing func keys(of one: Section, _ other: Section) -> Set<[UInt8]> {
        var keys: Set<[UInt8]> = []
        for section in [one, other] {
            for index in 0..<Int(section.count) {
                let field = fields[Int(section.first) + index]
                if !field.value.flags.contains(.superseded) { keys.insert(decodedKey(field)) }
            }
        }
        return keys
    }

    /// Whether a section has a field of the same key as one of another section.
    fileprivate borrowing func contains(anyOf fields: Section, in section: Section) -> Bool {
        for index in Int(fields.first)..<Int(fields.first &+ fields.count)
        where contains(self.fields[index], in: section) {
            return true
        }
        return false
    }

    /// Whether a section has a field of the same key that counts.
    ///
    /// Linear, the hashes first.
    fileprivate borrowing func contains(_ field: Field, in section: Section) -> Bool {
        for index in Int(section.first)..<Int(section.first &+ section.count) {
            let other = fields.base + index
            // A field that enrichment has taken away hides no other.
            if other.pointee.keyHash == field.keyHash, !other.pointee.value.flags.contains(.superseded),
                hasSameKey(other.pointee, field)
            {
                return true
            }
        }
        return false
    }

    private borrowing func hasSameKey(_ one: Field, _ other: Field) -> Bool {
        if one.value.flags.union(other.value.flags).contains(.keyEscaped) {
            return decodedKey(one) == decodedKey(other)
        }
        return one.keyLength == other.keyLength
            && areEqual(bytes.base + Int(one.keyOffset), bytes.base + Int(other.keyOffset), Int(one.keyLength))
    }

    /// A key's text, for where one of two has escapes (`\\u0061` and `a` are the same key) or there are too many; allocates.
    fileprivate borrowing func decodedKey(_ field: Field) -> [UInt8] {
        var arena = ByteArena(capacity: Int(field.keyLength))
        arena.append(decoding: bytes.bytes(Int(field.keyOffset), Int(field.keyLength)), marker: 2)
        return Array(arena.bytes(0, arena.count))
    }
}
