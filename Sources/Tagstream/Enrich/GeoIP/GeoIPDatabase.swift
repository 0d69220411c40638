import CMaxMindDB

/// A MaxMind DB file in memory: checked as a whole, immutable, ready to be asked.
///
/// Sendable: the handle is set once here and only read afterwards, libmaxminddb reads a sealed copy that nothing changes, any number of
/// threads may read it, and the handle is closed by the last owner, when nobody is left to read.
public final class GeoIPDatabase: @unchecked Sendable {
    /// What a database tells.
    public enum Kind: String, Sendable {
        case city
        case country
        case asn
    }

    /// What the database tells, by its type's name.
    public let kind: Kind
    /// The type that its description names, such as `GeoLite2-City`.
    public let databaseType: String
    /// When it was built, in seconds since 1970.
    public let buildEpoch: UInt64
    private let handle: OpaquePointer

    /// Opens a private copy of a file's bytes, checks all of it, and compares what libmaxminddb finds with what the check found.
    ///
    /// Takes about a second for 60 MB. The bytes are not needed afterwards.
    ///
    /// - Throws: ``MMDBFailure`` with what is wrong: not a MaxMind DB, cut off, damaged, hostile, or of a type that nothing here uses.
    public init(_ bytes: UnsafeRawBufferPointer) throws(MMDBFailure) {
        let check = try MMDBCheck(bytes)
        databaseType = check.metadata.databaseType
        buildEpoch = check.metadata.buildEpoch
        kind = try Self.kind(of: databaseType)
        var reason: UnsafePointer<CChar>?
        guard let opened = tagstream_mmdb_open(bytes.baseAddress, bytes.count, &reason) else {
            throw MMDBFailure("libmaxminddb: \(reason.map { String(cString: $0) } ?? "no reason")")
        }
        handle = opened
        for address in Self.probes {
            let found = record(for: address)
            guard found == check.record(for: address) else {
                throw MMDBFailure("libmaxminddb finds another record than the search tree has for a test address")
            }
        }
    }

    deinit { tagstream_mmdb_close(handle) }

    private static func kind(of type: String) throws(MMDBFailure) -> Kind {
        // MaxMind's names: GeoLite2-City, GeoIP2-City-Europe, GeoIP2-Enterprise, DBIP-City-Lite, GeoIP2-ISP, GeoLite2-ASN, …
        if type.contains("City") || type.contains("Enterprise") { return .city }
        if type.contains("Country") { return .country }
        if type.contains("ASN") || type.contains("ISP") { return .asn }
        throw MMDBFailure("its database_type is \"\(type)\", expected one with City, Enterprise, Country, ASN or ISP")
    }

    /// Addresses all over the place, both ends of the range among them.
    private static let probes: [InternetAddress] =
        (0..<64).map { InternetAddress(ipv4: UInt32(truncatingIfNeeded: $0 &* 0x0410_4105 &+ 1)) }
        + [InternetAddress(ipv4: 0), InternetAddress(ipv4: .max), InternetAddress(high: 0, low: 1)]
        + (0..<64).map { InternetAddress(high: 0x2000_0000_0000_0000 | UInt64($0) << 53, low: UInt64($0)) }
        + [InternetAddress(high: .max, low: .max)]

    /// The offset of an address's record, which is the same for addresses of one place; nil when there is none.
    ///
    /// About 0.1 µs; allocates nothing.
    @inline(__always)
    func record(for address: InternetAddress) -> Int? {
        let found = address.withBytes {
            tagstream_mmdb_find(handle, $0.baseAddress?.assumingMemoryBound(to: UInt8.self), address.isIPv4 ? 1 : 0)
        }
        return found >= 0 ? Int(found) : nil
    }

    /// A value of a record.
    enum Found {
        case text(UnsafeRawBufferPointer)
        case integer(Int64)
        case double(Double)
    }

    /// The value at a path of keys and of indices of arrays; nil where there is none, or none of these kinds.
    ///
    /// The text lies in the database.
    func value(_ path: [StaticString], of record: Int) -> Found? {
        var names: [UnsafePointer<CChar>?] = path.map {
            UnsafeRawPointer($0.utf8Start).assumingMemoryBound(to: CChar.self)
        }
        names.append(nil)
        let value = tagstream_mmdb_get(handle, UInt32(truncatingIfNeeded: record), names)
        switch Int(value.kind) {
        case TAGSTREAM_MMDB_TEXT: return .text(UnsafeRawBufferPointer(start: value.text, count: value.length))
        case TAGSTREAM_MMDB_INTEGER: return .integer(value.integer)
        case TAGSTREAM_MMDB_DOUBLE: return .double(value.number)
        default: return nil
        }
    }
}

/// The databases in force, of which each may be missing: immutable, replaced whole.
public final class GeoIPTables: Sendable {
    /// City, region, position and time zone; the first choice for a country as well.
    public let city: GeoIPDatabase?
    /// Asked where ``city`` has no record.
    public let country: GeoIPDatabase?
    /// Networks and who runs them.
    public let asn: GeoIPDatabase?

    /// Makes tables; nil when there is no database at all.
    public init?(city: GeoIPDatabase? = nil, country: GeoIPDatabase? = nil, asn: GeoIPDatabase? = nil) {
        guard city != nil || country != nil || asn != nil else { return nil }
        self.city = city
        self.country = country
        self.asn = asn
    }
}
