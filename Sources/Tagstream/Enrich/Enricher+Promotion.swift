extension Enricher {
    private static let os: UInt64 = 1 << UInt64(PropertyKey.os.rawValue)
    private static let osName: UInt64 = 1 << UInt64(PropertyKey.osName.rawValue)

    /// Writes `$set` and `$set_once` anew: what the event's author put there, what GeoIP found, and what is promoted.
    ///
    /// The objects are written once onto the bench; the row's `properties` and `person_properties` copy them whole.
    mutating func writePerson(
        _ valid: inout ValidEvent,
        _ rules: Enrichments,
        promotes: Bool,
        on bench: inout Workbench
    ) {
        var found: UInt64 = 0
        if promotes {
            for number in 0..<PropertyKey.promotedCount where place(number) >= 0 { found |= 1 << UInt64(number) }
        }
        if let set = write(.set, valid.decoded.event.set, found, hasChangedSet, &valid, rules, on: &bench) {
            (valid.decoded.event.set, valid.decoded.setObject) = set
        }
        if let once = write(.setOnce, valid.decoded.event.setOnce, found, hasChangedSetOnce, &valid, rules, on: &bench)
        {
            (valid.decoded.event.setOnce, valid.decoded.setOnceObject) = once
        }
    }

    /// Writes one of the two objects; nil where it stays as it is.
    ///
    /// - Parameters:
    ///   - key: `$set` or `$set_once`.
    ///   - section: its fields so far.
    ///   - found: a bit for each promoted property that the event has.
    private mutating func write(
        _ key: PropertyKey,
        _ section: Section,
        _ found: UInt64,
        _ hasChanged: Bool,
        _ valid: inout ValidEvent,
        _ rules: Enrichments,
        on bench: inout Workbench
    ) -> (Section, Value)? {
        let base = key == .set ? 0 : Enrichments.initialBase
        var wanted = found
        var alias = Value.missing
        var hasLost = false
        if found != 0 || section.count > 0 {
            (wanted, alias, hasLost) = resolve(section, found, base, rules.table, on: bench)
        }
        guard wanted != 0 || alias.kind != .missing || hasChanged || hasLost || location != nil else { return nil }

        // Every part that is copied lies on the bench, each another; the names are short.
        let members = (key == .set ? location?.set : location?.setOnce) ?? .none
        bench.bytes.reserve(bench.bytes.count &+ 4096 &+ members.text.count)
        let entry = rules.table.entry(key.rawValue)
        let name = bench.bytes.count &+ 2
        bench.bytes.putShort(rules.table.text(entry), Int(entry.length))
        let start = bench.bytes.count
        bench.bytes.put(0x7B)
        let first = bench.fields.count
        for index in Int(section.first)..<Int(section.first &+ section.count) {
            let field = bench.fields[index]
            guard !field.value.flags.contains(.superseded) else { continue }
            Self.separate(first, on: &bench)
            bench.bytes.putShort(bench.bytes.base + field.written.lowerBound, field.written.count)
            bench.fields.append(field)
        }
        append(members, first, rules, on: &bench)
        while wanted != 0 {
            let number = wanted.trailingZeroBitCount
            wanted &= wanted &- 1
            Self.separate(first, on: &bench)
            let field = bench.fields[place(number)]
            if base == 0 {
                bench.bytes.putShort(bench.bytes.base + field.written.lowerBound, field.written.count)
                bench.fields.append(field)
            } else {
                Self.copy(field.value, as: rules.table.entry(base &+ number), rules.table, on: &bench)
            }
        }
        if alias.kind != .missing {
            Self.separate(first, on: &bench)
            Self.copy(alias, as: rules.table.entry(base &+ PropertyKey.os.rawValue), rules.table, on: &bench)
        }
        bench.bytes.put(0x7D)
        let object = Value.object(start..<bench.bytes.count)
        remove(key.rawValue, of: &valid, on: bench)
        bench.fields[setPlace &+ (key == .set ? 0 : 1)] = Self.field(entry, name, object)
        let count = bench.fields.count &- first
        return (Section(first: Int32(truncatingIfNeeded: first), count: Int32(truncatingIfNeeded: count)), object)
    }

    @inline(__always)
    private static func separate(_ first: Int, on bench: inout Workbench) {
        if bench.fields.count > first { bench.bytes.put(0x2C) }
    }

    /// Appends a field of another name with a value that lies on the bench.
    @inline(__always)
    private static func copy(_ value: Value, as entry: KeyTable.Entry, _ table: KeyTable, on bench: inout Workbench) {
        let key = bench.bytes.count &+ 2
        bench.bytes.putShort(table.text(entry), Int(entry.length))
        let quotes = value.kind == .string ? 2 : 0
        var copied = value
        copied.offset = UInt32(truncatingIfNeeded: bench.bytes.count &+ quotes)
        copied.flags.remove([.keyEscaped, .removed, .superseded])
        bench.bytes.putShort(bench.bytes.base + Int(value.offset) - quotes, Int(value.length) &+ 2 &* quotes)
        bench.fields.append(field(entry, key, copied))
    }

    /// What of the promoted properties an object does not have yet, and what its `$os` becomes where `$os_name` stands for it.
    ///
    /// `$os_name` is another name of `$os` and never stays beside it.
    ///
    /// - Returns: a bit for each property to add, the value of `$os` where it is an alias, and whether a field was taken away.
    private mutating func resolve(
        _ section: Section,
        _ found: UInt64,
        _ base: Int,
        _ table: KeyTable,
        on bench: borrowing Workbench
    ) -> (wanted: UInt64, alias: Value, hasLost: Bool) {
        var there: UInt64 = 0
        var places = (os: -1, osName: -1)
        for index in Int(section.first)..<Int(section.first &+ section.count) {
            let field = bench.fields[index]
            guard table.mayHave(field.keyHash), !field.value.flags.contains(.superseded) else { continue }
            let number = number(of: field, table, on: bench) &- base
            guard 0..<PropertyKey.promotedCount ~= number else { continue }
            there |= 1 << UInt64(number)
            if number == PropertyKey.os.rawValue { places.os = index }
            if number == PropertyKey.osName.rawValue { places.osName = index }
        }
        var wanted = found & ~there
        // Nothing is promoted: what the author wrote stays.
        guard found != 0, (there | wanted) & Self.osName != 0 else { return (wanted, .missing, false) }
        let other = places.osName >= 0 ? bench.fields[places.osName].value : value(.osName, on: bench)
        let own =
            places.os >= 0 ? bench.fields[places.os].value : wanted & Self.os != 0 ? value(.os, on: bench) : .missing
        var alias = Value.missing
        if !own.isSet {
            alias = other
            wanted &= ~Self.os
            if places.os >= 0 { bench.fields[places.os].value.flags.formUnion([.removed, .superseded]) }
        }
        if places.osName >= 0 { bench.fields[places.osName].value.flags.formUnion([.removed, .superseded]) }
        wanted &= ~Self.osName
        return (wanted, alias, places.osName >= 0)
    }
}
