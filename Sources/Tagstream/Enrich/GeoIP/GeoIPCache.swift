import CMaxMindDB

/// What was found for an address, as the members that an event gets.
public struct GeoIPFinding {
    /// For the properties: `$geoip_…`, only what is known.
    public let properties: Members
    /// For `$set`: every `$geoip_…` that these tables may give, null where it is not known, so that an old place does not outlive a new.
    public let set: Members
    /// For `$set_once`: the same as `$initial_geoip_…`.
    public let setOnce: Members
}

/// A lane's memory of addresses and places: what events share is looked up and rendered once.
///
/// An address leads to its records (a table with one place for each of some thousand addresses), and the records lead to members
/// (``MemberCache``). The finding is lent until the next look-up. Bounded; once warm it allocates nothing.
public struct GeoIPCache: ~Copyable {
    /// What is known of an address: 64 bytes, so that an address that comes again costs one line of the processor's caches, then its
    /// members.
    private struct Slot {
        var high: UInt64 = 0
        var low: UInt64 = 0
        var records = Records()
        /// Zero where nothing is kept; else 1 for IPv6 and 2 for IPv4.
        var mark: UInt32 = 0
        /// Where the members are as long as ``MemberCache/stamp`` is `stamp`; zero for nowhere.
        var stamp: UInt64 = 0
        var link = Link()
        var unused: UInt64 = 0
    }

    /// Where the three runs of a place's members lie, which ``GeoIPRendering`` writes one behind the other.
    private struct Link {
        var offset: UInt32 = 0
        var firstField: UInt32 = 0
        /// Of the properties, of `$set`, which begins with the same members, and of `$set_once`, which stands behind it.
        var lengths: (UInt16, UInt16, UInt16) = (0, 0, 0)
        /// Of the properties; of `$set` and of `$set_once`.
        var counts: (UInt8, UInt8) = (0, 0)

        init() {}

        /// Nil for runs that lie otherwise or are too long.
        init?(_ ranges: MemberCache.Ranges) {
            let (properties, set, once) = ranges
            guard properties.isBeginning(of: set), once.offset == set.offset &+ set.length,
                once.firstField == set.firstField &+ set.fieldCount, once.fieldCount == set.fieldCount,
                let first = UInt16(exactly: properties.length), let second = UInt16(exactly: set.length),
                let third = UInt16(exactly: once.length), let known = UInt8(exactly: properties.fieldCount),
                let all = UInt8(exactly: set.fieldCount)
            else { return nil }
            offset = set.offset
            firstField = set.firstField
            lengths = (first, second, third)
            counts = (known, all)
        }

        var properties: MemberRange {
            MemberRange(offset: offset, length: UInt32(lengths.0), firstField: firstField, fieldCount: UInt32(counts.0))
        }

        var set: MemberRange {
            MemberRange(offset: offset, length: UInt32(lengths.1), firstField: firstField, fieldCount: UInt32(counts.1))
        }

        var setOnce: MemberRange {
            MemberRange(
                offset: offset &+ UInt32(lengths.1),
                length: UInt32(lengths.2),
                firstField: firstField &+ UInt32(counts.1),
                fieldCount: UInt32(counts.1)
            )
        }
    }

    /// Offsets of records and one, zero where there is none: what a place is known by.
    private struct Records {
        var place: UInt32 = 0
        var asn: UInt32 = 0
        /// Whether the place's record is the country database's.
        var isCountry: UInt32 = 0
    }

    private let slots: UnsafeMutablePointer<Slot>
    private let mask: Int
    private var cache: MemberCache
    private var tables: GeoIPTables?
    /// The address that ``expect(_:)`` announced.
    private var expected: InternetAddress?

    /// Makes an empty cache.
    ///
    /// - Parameters:
    ///   - addresses: for how many addresses their records are remembered, rounded up to a power of two; 64 bytes each.
    ///   - places: for how many places their members are kept.
    ///   - bytes: how many bytes those members take at most, about 2.5 KB each.
    public init(addresses: Int = 1 << 14, places: Int = 1 << 13, bytes: Int = 24 << 20) {
        let capacity = max(16, addresses).nextPowerOfTwo
        mask = capacity - 1
        let size = MemoryLayout<Slot>.stride
        assert(size == 64, "a slot is a line of the processor's caches")
        slots = UnsafeMutableRawPointer.allocate(byteCount: capacity * size, alignment: 64)
            .bindMemory(to: Slot.self, capacity: capacity)
        slots.initialize(repeating: Slot(), count: capacity)
        cache = MemberCache(entries: places, bytes: bytes)
    }

    deinit { slots.deallocate() }

    /// For how many places members are kept.
    var entryCount: Int { cache.count }
    /// What those members take, in bytes.
    var byteCount: Int { cache.byteCount }

    /// Announces an address that will be looked up in a while.
    ///
    /// Which place an event has is as good as random, so that its slot and its members often lie in no near cache: they are on their
    /// way while something else is done.
    mutating func expect(_ text: UnsafeRawBufferPointer) {
        expected = InternetAddress(text)
        if let expected { tagstream_prefetch(place(of: expected)) }
    }

    /// Sends for the members of the address that was announced, where its slot knows them.
    func fetchExpected() {
        guard let expected else { return }
        let slot = place(of: expected)
        guard slot.pointee.stamp == cache.stamp, slot.pointee.low == expected.low else { return }
        let members = cache.members(young: slot.pointee.link.properties)
        guard let text = members.text.baseAddress, let fields = members.fields.baseAddress else { return }
        for offset in stride(from: 0, to: members.text.count, by: 64) { tagstream_prefetch(text + offset) }
        let size = members.fields.count &* MemoryLayout<Field>.stride
        for offset in stride(from: 0, to: size, by: 64) { tagstream_prefetch(UnsafeRawPointer(fields) + offset) }
    }

    /// What is known of the address that was announced last.
    mutating func findExpected(in tables: GeoIPTables) -> GeoIPFinding? {
        expected.flatMap { find($0, in: tables) }
    }

    /// What is known of an address; nil when it is none, not public, or in no database.
    ///
    /// - Parameters:
    ///   - text: the address as text, decoded.
    ///   - tables: the databases; when they are others than the last time, everything is forgotten.
    public mutating func find(_ text: UnsafeRawBufferPointer, in tables: GeoIPTables) -> GeoIPFinding? {
        InternetAddress(text).flatMap { find($0, in: tables) }
    }

    private mutating func find(_ address: InternetAddress, in tables: GeoIPTables) -> GeoIPFinding? {
        if tables !== self.tables { forget(for: tables) }
        guard address.isPublic else { return nil }
        let slot = slot(of: address, in: tables)
        if slot.pointee.stamp == cache.stamp {
            let link = slot.pointee.link
            return GeoIPFinding(
                properties: cache.members(young: link.properties),
                set: cache.members(young: link.set),
                setOnce: cache.members(young: link.setOnce)
            )
        }
        let records = slot.pointee.records
        guard records.place != 0 || records.asn != 0 else { return nil }
        let place = place(of: records, in: tables)
        if let ranges = cache.youngRanges(place), let link = Link(ranges) {
            slot.pointee.link = link
            slot.pointee.stamp = cache.stamp
        }
        let (properties, set, setOnce) = cache.all(place)
        return GeoIPFinding(properties: properties, set: set, setOnce: setOnce)
    }

    /// The members of some records, rendered where they are not kept.
    @inline(never)
    private mutating func place(of records: Records, in tables: GeoIPTables) -> MemberCache.Place {
        let key = (records.place, records.asn, records.isCountry)
        return withUnsafeBytes(of: key) { key in
            let hash = contentHash(key)
            if let place = cache.find(key, hash: hash) { return place }
            return cache.insert(key, hash: hash) { store in
                let country = tables.country.map { ($0, records.place) }
                let city = tables.city.map { ($0, records.place) }
                return GeoIPRendering.render(
                    place: records.place == 0 ? nil : records.isCountry != 0 ? country : city,
                    asn: records.asn == 0 ? nil : tables.asn.map { ($0, records.asn) },
                    of: tables,
                    into: &store
                )
            }
        }
    }

    @inline(never)
    private mutating func forget(for tables: GeoIPTables) {
        self.tables = tables
        slots.update(repeating: Slot(), count: mask + 1)
        cache.removeAll()
    }

    /// The place that an address shares with others.
    @inline(__always)
    private func place(of address: InternetAddress) -> UnsafeMutablePointer<Slot> {
        slots + (address.withBytes { Int(truncatingIfNeeded: contentHash($0)) } & mask)
    }

    @inline(__always)
    private func slot(of address: InternetAddress, in tables: GeoIPTables) -> UnsafeMutablePointer<Slot> {
        let mark: UInt32 = address.isIPv4 ? 2 : 1
        let slot = place(of: address)
        if slot.pointee.mark != mark || slot.pointee.low != address.low || slot.pointee.high != address.high {
            slot.pointee = lookUp(address, in: tables, mark)
        }
        return slot
    }

    @inline(never)
    private func lookUp(_ address: InternetAddress, in tables: GeoIPTables, _ mark: UInt32) -> Slot {
        func offset(_ database: GeoIPDatabase?) -> UInt32 {
            (database?.record(for: address)).map { UInt32(truncatingIfNeeded: $0 + 1) } ?? 0
        }
        var records = Records(place: offset(tables.city), asn: offset(tables.asn))
        if records.place == 0 {
            records.place = offset(tables.country)
            records.isCountry = records.place == 0 ? 0 : 1
        }
        return Slot(high: address.high, low: address.low, records: records, mark: mark)
    }
}
