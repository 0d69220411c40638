extension Enricher {
    // MARK: User agent

    /// Where SDKs leave the user agent's text for a server to read; it is taken away then.
    private static let agentKeys: [PropertyKey] = [.userAgentPlain, .userAgentDashed, .userAgentUnderscored]
    /// An event that has one of these knows its browser itself.
    private static let agentFindings: [PropertyKey] = [.browser, .browserVersion, .os, .device, .deviceType]

    /// Reads browser, system and device from the user agent.
    mutating func readUserAgent(
        _ valid: inout ValidEvent,
        _ rules: Enrichments,
        _ tables: EnrichmentTables,
        on bench: inout Workbench,
        _ outages: inout EnrichmentOutages
    ) {
        remove(PropertyKey.isBot.rawValue, of: &valid, on: bench)
        var agent = Value.missing
        for key in Self.agentKeys where agent.length == 0 || agent.kind != .string { agent = value(key, on: bench) }
        if agent.length == 0 || agent.kind != .string { agent = value(.rawUserAgent, on: bench) }
        guard agent.length > 0, let text = read(agent, on: bench) else { return }
        guard let known = tables.userAgent else {
            outages.userAgent &+= 1
            return
        }
        for key in Self.agentKeys { remove(key.rawValue, of: &valid, on: bench) }
        let members = agents.find(text, by: known)
        if !rules.settings.overridesUserAgent, knowsItsBrowser(on: bench) {
            add(onlyBot: members, to: &valid, on: &bench)
        } else {
            add(members, to: &valid, rules, on: &bench)
        }
    }

    private func knowsItsBrowser(on bench: borrowing Workbench) -> Bool {
        for key in Self.agentFindings where present & key.bit != 0 && value(key, on: bench).isSet { return true }
        return false
    }

    /// Adds `$is_bot`, the last of a user agent's members, which has been taken away before.
    private mutating func add(onlyBot members: Members, to valid: inout ValidEvent, on bench: inout Workbench) {
        guard let field = members.fields.last else { return }
        note(PropertyKey.isBot.rawValue, at: bench.fields.count)
        bench.bytes.reserve(members.text.count)
        copy(field, of: members, on: &bench)
    }

    // MARK: GeoIP

    /// Writes where the client's address is.
    mutating func locate(
        _ valid: inout ValidEvent,
        _ rules: Enrichments,
        _ tables: EnrichmentTables,
        on bench: inout Workbench,
        _ outages: inout EnrichmentOutages
    ) {
        if hasAny(Enrichments.geoBase..<Enrichments.geoInitialBase) {
            for number in rules.located { remove(Int(number), of: &valid, on: bench) }
        }
        let ip = value(.ip, on: bench)
        guard ip.kind == .string, ip.length > 0, !Self.isTruthy(value(.geoipDisable, on: bench), on: bench) else {
            return
        }
        guard let databases = tables.geoIP else {
            outages.geoIP &+= 1
            return
        }
        guard let found = find(ip, in: databases, on: bench) else { return }
        let section = bench.append(found.properties)
        if rules.locationHasDuties { walk(section, rules.table, on: bench) }
        if updatesPerson, rules.settings.locatesPersons { location = found }
    }

    /// Announces the address that will be looked up: the normaliser's `$ip`, else the event's own.
    mutating func expectAddress(of valid: ValidEvent, _ rules: Enrichments, on bench: borrowing Workbench) {
        let hash = rules.table.entry(PropertyKey.ip.rawValue).hash
        let added = valid.decoded.event.addedProperties
        var index = Int(valid.decoded.special.ip)
        for place in Int(added.first)..<Int(added.first &+ added.count) where bench.fields.base[place].keyHash == hash {
            index = place
        }
        guard index >= 0 else { return }
        let value = bench.fields[index].value
        guard value.kind == .string, value.length > 0, !value.flags.contains(.escaped) else { return }
        expectedAddress = value
        places.expect(bench.written(value))
    }

    private mutating func find(_ ip: Value, in tables: GeoIPTables, on bench: borrowing Workbench) -> GeoIPFinding? {
        // The same bytes, whatever became of the field: nothing is written over them.
        if expectedAddress.kind == .string, ip.offset == expectedAddress.offset, ip.length == expectedAddress.length {
            return places.findExpected(in: tables)
        }
        return read(ip, on: bench).flatMap { places.find($0, in: tables) }
    }

    /// Whether JavaScript takes a value for true.
    private static func isTruthy(_ value: Value, on bench: borrowing Workbench) -> Bool {
        switch value.kind {
        case .missing, .null, .false: return false
        case .true, .array, .object: return true
        case .string: return value.length > 0
        case .number:
            for byte in bench.written(value) {
                if byte | 0x20 == 0x65 { return false }
                if 0x31...0x39 ~= byte { return true }
            }
            return false
        }
    }

    /// Appends a place's members to the object of the person that is being written.
    ///
    /// Room must have been reserved.
    mutating func append(_ members: Members, _ first: Int, _ rules: Enrichments, on bench: inout Workbench) {
        guard !members.isEmpty else { return }
        guard rules.locationHasDuties else {
            if bench.fields.count > first { bench.bytes.put(0x2C) }
            _ = bench.append(members)
            return
        }
        for field in members.fields {
            var number = rules.table.number(of: members.key(of: field), field.keyHash)
            var duties = number < 0 ? [] : rules.duties[number]
            // What is done to a place is done to the first place as well.
            if number >= Enrichments.geoInitialBase {
                number -= Enrichments.geoInitialBase - Enrichments.geoBase
                duties.formUnion(rules.duties[number])
            }
            if duties.contains(.drop) { continue }
            if bench.fields.count > first { bench.bytes.put(0x2C) }
            copy(field, of: members, on: &bench)
            let last = bench.fields.count &- 1
            guard duties.contains(.hash), bench.fields[last].value.isSet else { continue }
            let digest = hash(of: bench.fields[last].value, rules, on: bench)
            bench.bytes.truncate(to: Int(bench.fields[last].value.offset) &- (field.value.kind == .string ? 2 : 0))
            bench.bytes.reserve(digest.count &+ 8)
            let key = bench.bytes.count
            bench.bytes.put("\\\"")
            bench.bytes.append(digest)
            bench.bytes.put("\\\"")
            bench.fields[last].value = Value(
                offset: UInt32(truncatingIfNeeded: key &+ 2),
                length: UInt32(truncatingIfNeeded: digest.count),
                kind: .string,
                flags: []
            )
        }
    }

    // MARK: Lookup

    /// Adds what tables know of a property's value.
    mutating func lookUp(
        _ valid: inout ValidEvent,
        _ rules: Enrichments,
        _ tables: EnrichmentTables,
        on bench: inout Workbench,
        _ outages: inout EnrichmentOutages
    ) {
        var isWithout = false
        for index in 0..<rules.joins.count {
            let key = value(Int(rules.joins[index]), on: bench)
            guard key.kind == .string || key.kind == .number else { continue }
            guard index < tables.lookups.count, let table = tables.lookups[index] else {
                isWithout = true
                continue
            }
            var members = Members.none
            if key.kind == .number {
                members = table.find(bench.written(key))
            } else if let text = read(key, on: bench) {
                members = table.find(text)
            }
            guard !members.isEmpty else { continue }
            add(members, to: &valid, rules, on: &bench)
        }
        if isWithout { outages.lookup &+= 1 }
    }

    // MARK: Members

    /// Adds members to the properties, each in the place of one of the same name.
    private mutating func add(
        _ members: Members,
        to valid: inout ValidEvent,
        _ rules: Enrichments,
        on bench: inout Workbench
    ) {
        bench.bytes.reserve(members.text.count)
        for field in members.fields {
            let key = members.key(of: field)
            let number = field.value.flags.contains(.keyEscaped) ? -1 : rules.table.number(of: key, field.keyHash)
            if number >= 0 {
                remove(number, of: &valid, on: bench)
                note(number, at: bench.fields.count)
            } else {
                removeOthers(key, field.keyHash, of: &valid, on: bench)
            }
            copy(field, of: members, on: &bench)
        }
    }

    /// Copies one member onto the bench.
    ///
    /// Room must have been reserved.
    private func copy(_ field: Field, of members: Members, on bench: inout Workbench) {
        let written = field.written
        let base = bench.bytes.count &- written.lowerBound
        guard let text = members.text.baseAddress else { return }
        bench.bytes.put(text + written.lowerBound, written.count)
        bench.fields.append(field.moved(by: base))
    }

    /// Takes away the properties of a name that is none of the table's; linear in fields, which are told apart by their hashes.
    private mutating func removeOthers(
        _ key: UnsafeRawBufferPointer,
        _ hash: UInt32,
        of valid: inout ValidEvent,
        on bench: borrowing Workbench
    ) {
        let properties = Int(valid.decoded.event.properties.first)
        let end = properties &+ Int(valid.decoded.event.properties.count)
        let added = Int(valid.decoded.event.addedProperties.first)
        for index in properties..<end where bench.fields.base[index].keyHash == hash {
            guard isKey(of: bench.fields[index], key, on: bench) else { continue }
            bench.fields[index].value.flags.formUnion([.removed, .superseded])
            valid.decoded.hasRemovedProperties = true
        }
        for index in added..<bench.fields.count where bench.fields.base[index].keyHash == hash {
            guard isKey(of: bench.fields[index], key, on: bench) else { continue }
            bench.fields[index].value.flags.formUnion([.removed, .superseded])
        }
    }

    /// Whether a field has a name that stands in escaped space.
    private mutating func isKey(
        of field: Field,
        _ key: UnsafeRawBufferPointer,
        on bench: borrowing Workbench
    ) -> Bool {
        let written = bench.bytes.bytes(Int(field.keyOffset), Int(field.keyLength))
        if TextSearch.equal(written, key) { return true }
        guard field.value.flags.contains(.keyEscaped) else { return false }
        // One name in two spellings.
        made.removeAll()
        made.append(decoding: written, marker: 2)
        spare.removeAll()
        spare.append(decoding: key, marker: 2)
        return TextSearch.equal(made.bytes(0, made.count), spare.bytes(0, spare.count))
    }
}
