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
    private struct Slot {
        var high: UInt64 = 0
        var low: UInt64 = 0
        var records = Records()
        /// Zero where nothing is kept; else 1 for IPv6 and 2 for IPv4.
        var mark: UInt32 = 0
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

    /// Makes an empty cache.
    ///
    /// - Parameters:
    ///   - addresses: for how many addresses their records are remembered, rounded up to a power of two; 40 bytes each.
    ///   - places: for how many places their members are kept.
    ///   - bytes: how many bytes those members take at most, about 3 KB each.
    public init(addresses: Int = 1 << 14, places: Int = 1 << 13, bytes: Int = 24 << 20) {
        let capacity = max(16, addresses).nextPowerOfTwo
        mask = capacity - 1
        slots = .allocate(capacity: capacity)
        slots.initialize(repeating: Slot(), count: capacity)
        cache = MemberCache(entries: places, bytes: bytes)
    }

    deinit { slots.deallocate() }

    /// For how many places members are kept.
    var entryCount: Int { cache.count }
    /// What those members take, in bytes.
    var byteCount: Int { cache.byteCount }

    /// What is known of an address; nil when it is none, not public, or in no database.
    ///
    /// - Parameters:
    ///   - text: the address as text, decoded.
    ///   - tables: the databases; when they are others than the last time, everything is forgotten.
    public mutating func find(_ text: UnsafeRawBufferPointer, in tables: GeoIPTables) -> GeoIPFinding? {
        if tables !== self.tables { forget(for: tables) }
        guard let address = InternetAddress(text), address.isPublic else { return nil }
        let records = records(of: address, in: tables)
        guard records.place != 0 || records.asn != 0 else { return nil }
        let key = (records.place, records.asn, records.isCountry)
        let place = withUnsafeBytes(of: key) { key in
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
        let (properties, set, setOnce) = cache.all(place)
        return GeoIPFinding(properties: properties, set: set, setOnce: setOnce)
    }

    @inline(never)
    private mutating func forget(for tables: GeoIPTables) {
        self.tables = tables
        slots.update(repeating: Slot(), count: mask + 1)
        cache.removeAll()
    }

    @inline(__always)
    private func records(of address: InternetAddress, in tables: GeoIPTables) -> Records {
        let mark: UInt32 = address.isIPv4 ? 2 : 1
        let index = address.withBytes { Int(truncatingIfNeeded: contentHash($0)) } & mask
        let slot = slots[index]
        if slot.mark == mark, slot.low == address.low, slot.high == address.high { return slot.records }
        return lookUp(address, in: tables, mark, index)
    }

    @inline(never)
    private func lookUp(_ address: InternetAddress, in tables: GeoIPTables, _ mark: UInt32, _ index: Int) -> Records {
        func offset(_ database: GeoIPDatabase?) -> UInt32 {
            (database?.record(for: address)).map { UInt32(truncatingIfNeeded: $0 + 1) } ?? 0
        }
        var records = Records(place: offset(tables.city), asn: offset(tables.asn))
        if records.place == 0 {
            records.place = offset(tables.country)
            records.isCountry = records.place == 0 ? 0 : 1
        }
        slots[index] = Slot(high: address.high, low: address.low, records: records, mark: mark)
        return records
    }
}
