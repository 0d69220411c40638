extension EventDecoder {
    /// Puts the fields of the remaining objects onto the tape and indexes them all.
    mutating func finish(_ parts: EventParts, on bench: inout Workbench) throws(ScanFailure) -> DecodedEvent {
        var decoded = DecodedEvent()
        decoded.event.name = parts.event
        decoded.event.distinctID = parts.distinctID.isSet ? parts.distinctID : parts.dollarDistinctID
        decoded.event.uuid = parts.uuid
        decoded.event.token =
            parts.token.isSet ? parts.token : parts.dollarToken.isSet ? parts.dollarToken : parts.apiKey
        decoded.event.elementsChain = parts.elementsChain
        decoded.correctedTimestamp = parts.correctedTimestamp
        decoded.clientTimestamp = parts.timestamp
        decoded.now = parts.now
        decoded.sentAt = parts.sentAt
        decoded.offset = parts.offset
        decoded.ip = parts.ip
        decoded.personID = parts.personID
        decoded.topUnset = parts.unset
        if parts.unset.kind == .string {
            decoded.topUnset = try container(in: parts.unset, of: UnsafeRawPointer(bench.bytes.base)) ?? .missing
        }
        decoded.isHistorical = parts.historicalMigration.kind == .true

        guard parts.properties.kind == .object || !parts.properties.isSet else {
            throw ScanFailure(wrongTypeOf: "properties", parts.properties)
        }
        // Of two fields of the same name the last counts: the tape may hold the fields of properties that a null has superseded.
        if parts.properties.kind != .object { bench.fields.removeAll() }
        keysLeft = parts.keysLeft
        decoded.propertiesObject = parts.properties
        decoded.event.properties = Section(first: 0, count: Int32(truncatingIfNeeded: bench.fields.count))
        var duplicates = parts.duplicates
        duplicates &+= index.mark(
            decoded.event.properties,
            of: &bench.fields,
            bytes: bench.bytes,
            scratch: &bench.scratch,
            special: &decoded.special
        )
        // `$set` within the properties comes first on the tape, so that the one beside them supersedes it field by field.
        decoded.event.set = try merged(property: decoded.special.set, with: parts.set, "$set", &duplicates, on: &bench)
        decoded.event.setOnce = try merged(
            property: decoded.special.setOnce,
            with: parts.setOnce,
            "$set_once",
            &duplicates,
            on: &bench
        )
        decoded.hasTopSet = parts.set.isSet
        decoded.hasTopSetOnce = parts.setOnce.isSet
        decoded.personObject = parts.personProperties
        decoded.event.personProperties = try section(
            of: &decoded.personObject,
            "person_properties",
            &duplicates,
            on: &bench
        )
        decoded.groupObjects = parts.groups
        decoded.event.groups.0 = try section(of: &decoded.groupObjects.0, "group0_properties", &duplicates, on: &bench)
        decoded.event.groups.1 = try section(of: &decoded.groupObjects.1, "group1_properties", &duplicates, on: &bench)
        decoded.event.groups.2 = try section(of: &decoded.groupObjects.2, "group2_properties", &duplicates, on: &bench)
        decoded.event.groups.3 = try section(of: &decoded.groupObjects.3, "group3_properties", &duplicates, on: &bench)
        decoded.event.groups.4 = try section(of: &decoded.groupObjects.4, "group4_properties", &duplicates, on: &bench)
        decoded.duplicateKeys = duplicates
        return decoded
    }

    private mutating func merged(
        property: Int32,
        with top: Value,
        _ name: StaticString,
        _ duplicates: inout Int,
        on bench: inout Workbench
    ) throws(ScanFailure) -> Section {
        guard property >= 0 || top.kind != .missing else { return .empty }
        let first = bench.fields.count
        if property >= 0 {
            let value = bench.fields[Int(property)].value
            // A `$set` among the properties that is no object is only a property: PostHog keeps and ignores it.
            if value.kind == .object { _ = try scan(value, name, onto: &bench) }
        }
        let middle = bench.fields.count
        _ = try scan(top, name, onto: &bench)
        if middle > first, bench.fields.count > middle {
            // That the one beside the properties supersedes the one within is no duplicate: each is counted by itself.
            _ = mark(from: middle, &duplicates, on: &bench)
            _ = mark(first..<middle, &duplicates, on: &bench)
            var overlaps = 0
            return mark(from: first, &overlaps, on: &bench)
        }
        return mark(from: first, &duplicates, on: &bench)
    }

    private mutating func section(
        of value: inout Value,
        _ name: StaticString,
        _ duplicates: inout Int,
        on bench: inout Workbench
    ) throws(ScanFailure) -> Section {
        guard value.kind != .missing else { return .empty }
        let first = bench.fields.count
        value = try scan(value, name, onto: &bench)
        return mark(from: first, &duplicates, on: &bench)
    }

    private mutating func mark(from first: Int, _ duplicates: inout Int, on bench: inout Workbench) -> Section {
        mark(first..<bench.fields.count, &duplicates, on: &bench)
    }

    private mutating func mark(
        _ range: Range<Int>,
        _ duplicates: inout Int,
        on bench: inout Workbench
    ) -> Section {
        let section = Section(
            first: Int32(truncatingIfNeeded: range.lowerBound),
            count: Int32(truncatingIfNeeded: range.count)
        )
        guard section.count > 0 else { return .empty }
        var unused = SpecialProperties()
        duplicates += index.mark(
            section,
            of: &bench.fields,
            bytes: bench.bytes,
            scratch: &bench.scratch,
            special: &unused
        )
        return section
    }

    /// Appends an object's fields to the tape; returns the object's range in escaped space.
    ///
    /// The keys of an object of escaped space were counted when it was passed over; those of a text are counted here.
    private mutating func scan(
        _ value: Value,
        _ name: StaticString,
        onto bench: inout Workbench
    ) throws(ScanFailure) -> Value {
        var scanner = Scanner<EscapedSpace>(
            bench.bytes.base,
            at: Int(value.offset),
            keysLeft: value.kind == .string ? keysLeft : limits.keys,
            keyBytes: limits.keyBytes
        )
        switch (value.kind, value.flags.contains(.plain)) {
        case (.missing, _), (.null, _): return .missing
        case (.object, false):
            try scanner.fields(onto: &bench.fields, depthLeft: limits.depth - 2)
            return value
        case (.string, true) where value.length == 0: return .missing
        case (.string, true):
            scanner.skipBlanks()
            let start = scanner.position
            if scanner.load32(start) == 0x6C6C_756E, Int(value.length) == 4 { return .missing }  // null
            guard scanner.byte == 0x7B else {
                // A brace or a `null` that somebody wrote with escapes shows itself in the rewritten text.
                if value.flags.contains(.escaped), !isRewritten {
                    throw ScanFailure(kind: .rewrite, offset: scanner.position)
                }
                throw ScanFailure(wrongTypeOf: name, value)
            }
            try scanner.fields(onto: &bench.fields, depthLeft: limits.depth - 2)
            let end = scanner.position
            scanner.skipBlanks()
            guard scanner.position == Int(value.offset &+ value.length) else { throw scanner.unexpected() }
            keysLeft = scanner.keysLeft
            return .object(start..<end)
        default: throw ScanFailure(wrongTypeOf: name, value)
        }
    }
}
