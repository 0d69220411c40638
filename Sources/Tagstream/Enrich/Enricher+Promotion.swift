extension Enricher {
    private static let os = PropertyKey.os.bit
    private static let osName = PropertyKey.osName.bit
    private static let promoted: UInt64 = (1 << UInt64(PropertyKey.promotedCount)) - 1

    /// Writes `$set` and `$set_once` anew: what the event's author put there, what GeoIP found, and what is promoted.
    ///
    /// The objects are written once onto the bench; the row's `properties` and `person_properties` copy them whole.
    mutating func writePerson(
        _ valid: inout ValidEvent,
        _ rules: Enrichments,
        promotes: Bool,
        on bench: inout Workbench
    ) {
        let found = promotes ? present & Self.promoted : 0
        if let set = write(.set, valid.decoded.event.set, found, hasChangedSet, &valid, rules, on: &bench) {
            valid.decoded.event.set = set.section
            valid.decoded.setObject = set.object
            valid.ownFields.set = set.own
        }
        if let once = write(.setOnce, valid.decoded.event.setOnce, found, hasChangedSetOnce, &valid, rules, on: &bench)
        {
            valid.decoded.event.setOnce = once.section
            valid.decoded.setOnceObject = once.object
            valid.ownFields.setOnce = once.own
        }
    }

    /// An object that was written anew.
    private struct Written {
        var section: Section
        /// How many of the section's first fields the event's author wrote.
        var own: Int32
        var object: Value
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
    ) -> Written? {
        let base = key == .set ? 0 : Enrichments.initialBase
        let table = rules.table
        var wanted: UInt64 = 0
        var alias = Value.missing
        var hasLost = false
        if found != 0 { (wanted, alias, hasLost) = resolve(section, found, base, table, on: bench) }
        guard wanted != 0 || alias.kind != .missing || hasChanged || hasLost || location != nil else { return nil }

        // Every part that is copied lies on the bench, each another; the names are short.
        let members = (key == .set ? location?.set : location?.setOnce) ?? .none
        bench.bytes.reserve(bench.bytes.count &+ 4096 &+ members.text.count)
        let entry = table.entry(key.rawValue)
        let name = bench.bytes.count &+ 2
        bench.bytes.putShort(table.text(entry), Int(entry.length))
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
        let own = Int32(truncatingIfNeeded: bench.fields.count &- first)
        append(members, first, rules, on: &bench)
        if wanted != 0 {
            Self.separate(first, on: &bench)
            if base == 0 { promote(wanted, on: &bench) } else { promote(wanted, base, table, on: &bench) }
        }
        if alias.kind != .missing {
            Self.separate(first, on: &bench)
            Self.copy(alias, as: table.entry(base &+ PropertyKey.os.rawValue), table, on: &bench)
        }
        bench.bytes.put(0x7D)
        let object = Value.object(start..<bench.bytes.count)
        remove(key.rawValue, of: &valid, on: bench)
        bench.fields[setPlace &+ (key == .set ? 0 : 1)] = Self.field(entry, name, object)
        let count = bench.fields.count &- first
        return Written(
            section: Section(first: Int32(truncatingIfNeeded: first), count: Int32(truncatingIfNeeded: count)),
            own: own,
            object: object
        )
    }

    /// Copies properties as they stand, with commas between them.
    ///
    /// Room must have been reserved.
    private func promote(_ wanted: UInt64, on bench: inout Workbench) {
        var pen = Pen(bench.bytes)
        var wanted = wanted
        while wanted != 0 {
            let field = bench.fields.base[place(wanted.trailingZeroBitCount)]
            let start = Int(field.keyOffset) &- 2
            pen.copy(
                bench.bytes.base + start,
                Int(field.value.offset &+ field.value.length) &+ (field.value.kind == .string ? 2 : 0) &- start
            )
            pen.separate()
            bench.fields.append(field)
            wanted &= wanted &- 1
        }
        bench.bytes.advance(by: pen.written &- 1)
    }

    /// Copies properties as `$initial_…`, with commas between them.
    ///
    /// Room must have been reserved.
    private func promote(_ wanted: UInt64, _ base: Int, _ table: KeyTable, on bench: inout Workbench) {
        var pen = Pen(bench.bytes)
        let start = bench.bytes.count
        var wanted = wanted
        while wanted != 0 {
            let number = wanted.trailingZeroBitCount
            var value = bench.fields.base[place(number)].value
            let entry = table.entry(base &+ number)
            let key = start &+ pen.written &+ 2
            pen.copy(table.text(entry), Int(entry.length))
            let quotes = value.kind == .string ? 2 : 0
            let content = bench.bytes.base + (Int(value.offset) &- quotes)
            value.offset = UInt32(truncatingIfNeeded: start &+ pen.written &+ quotes)
            value.flags.remove([.keyEscaped, .removed, .superseded])
            pen.copy(content, Int(value.length) &+ 2 &* quotes)
            pen.separate()
            bench.fields.append(Self.field(entry, key, value))
            wanted &= wanted &- 1
        }
        bench.bytes.advance(by: pen.written &- 1)
    }

    /// Writes behind an arena's last byte, where room has been reserved, without keeping the arena's books for every piece.
    private struct Pen {
        private let start: UnsafeMutableRawPointer
        private(set) var written = 0

        @inline(__always)
        init(_ arena: borrowing ByteArena) { start = arena.base + arena.count }

        /// See ``ByteArena/putShort(_:_:)``.
        @inline(__always)
        mutating func copy(_ source: UnsafeRawPointer, _ length: Int) {
            copyShort(source, length, to: start + written)
            written &+= length
        }

        @inline(__always)
        mutating func separate() {
            start.storeBytes(of: 0x2C, toByteOffset: written, as: UInt8.self)
            written &+= 1
        }
    }

    @inline(__always)
    private static func separate(_ first: Int, on bench: inout Workbench) {
        if bench.fields.count > first { bench.bytes.put(0x2C) }
    }

    /// Appends a field of another name with a value that lies on the bench.
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
