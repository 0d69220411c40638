import TestKit
import Testing

@testable import Tagstream

@Suite struct `GeoIP` {
    private func open(_ database: TestDatabase) throws -> GeoIPDatabase {
        try database.bytes.withUnsafeBytes { bytes throws(MMDBFailure) in try GeoIPDatabase(bytes) }
    }

    private func find(_ address: String, in tables: GeoIPTables) -> [[String: JSONTree]?] {
        var cache = GeoIPCache()
        return address.withBytes { text in
            guard let found = cache.find(text, in: tables) else { return [] }
            return [found.properties.object, found.set.object, found.setOnce.object]
        }
    }

    @Test(arguments: [24, 28, 32])
    func `gives an event what the record says`(recordBits: Int) throws {
        var database = TestDatabase.sample
        database.recordBits = recordBits
        let tables = try #require(GeoIPTables(city: try open(database)))
        let found = find("81.2.69.142", in: tables)
        try #require(found.count == 3)
        let expected: [String: JSONTree] = [
            "$geoip_city_name": .string("Bonn"), "$geoip_city_confidence": .number(80),
            "$geoip_country_name": .string("Germany"), "$geoip_country_code": .string("DE"),
            "$geoip_continent_name": .string("Europe"), "$geoip_continent_code": .string("EU"),
            "$geoip_postal_code": .string("53111"), "$geoip_latitude": .number(50.7358, text: "50.7358"),
            "$geoip_longitude": .number(7), "$geoip_accuracy_radius": .number(20),
            "$geoip_time_zone": .string("Europe/Berlin"), "$geoip_subdivision_1_code": .string("NW"),
            "$geoip_subdivision_1_name": .string("North Rhine-Westphalia"), "$geoip_subdivision_2_code": .string("K"),
            "$geoip_subdivision_2_name": .string("Cologne \"Region\""),
        ]
        #expect(found[0] == expected)
        var set = expected
        set["$geoip_subdivision_3_code"] = .null
        set["$geoip_subdivision_3_name"] = .null
        #expect(found[1] == set)
        let initial = set.map { ("$initial_" + $0.key.dropFirst(), $0.value) }
        #expect(found[2] == Dictionary(uniqueKeysWithValues: initial))
    }

    @Test func `shows matching the same as the row`() throws {
        let tables = try #require(GeoIPTables(city: try open(.sample)))
        var cache = GeoIPCache()
        for address in ["81.2.69.142", "2a02:db80::1"] {
            address.withBytes { text in
                let found = cache.find(text, in: tables)
                for members in [found?.properties, found?.set, found?.setOnce] {
                    #expect(members?.object != nil)
                    #expect(members?.object == members?.objectOnWorkbench())
                }
            }
        }
    }

    @Test func `finds IPv6, IPv4 and IPv4-mapped addresses`() throws {
        let tables = try #require(GeoIPTables(city: try open(.sample)))
        let loire = JSONTree.string("Saint-Étienne \\ \"Loire\"")
        #expect(find("2a02:db80:1234::9", in: tables).first??["$geoip_city_name"] == loire)
        #expect(find("::ffff:81.2.69.1", in: tables).first??["$geoip_city_name"] == .string("Bonn"))
        #expect(find("89.160.20.127", in: tables).first??["$geoip_country_code"] == .string("SE"))
        #expect(find("89.160.20.128", in: tables).isEmpty)
    }

    @Test(arguments: ["127.0.0.1", "10.0.0.1", "::1", "fe80::1", "", "x", "81.2.69.142:80", "9.9.9.9"])
    func `finds nothing for what is no public address or in no network`(address: String) throws {
        let tables = try #require(GeoIPTables(city: try open(.sample)))
        #expect(find(address, in: tables).isEmpty)
    }

    @Test func `joins databases, the country's where the city's has nothing`() throws {
        var country = TestDatabase()
        country.type = "Test-Country"
        country.ipVersion = 4
        country.recordBits = 24
        country.add("9.9.9.0/24", .map([("country", .map([("iso_code", .text("US"))]))]))
        country.add("81.2.69.0/24", .map([("country", .map([("iso_code", .text("XX"))]))]))
        var asn = TestDatabase()
        asn.type = "Test-ASN"
        asn.add(
            "9.9.9.0/24",
            .map([("autonomous_system_number", .uint32(19281)), ("autonomous_system_organization", .text("Quad\n9"))])
        )
        let tables = try #require(
            GeoIPTables(city: try open(.sample), country: try open(country), asn: try open(asn))
        )
        let found = find("9.9.9.9", in: tables)
        try #require(found.count == 3)
        #expect(
            found[0] == [
                "$geoip_country_code": .string("US"), "$geoip_asn": .number(19281),
                "$geoip_as_organization": .string("Quad\n9"),
            ]
        )
        #expect(found[1]?.count == 19)
        #expect(find("81.2.69.142", in: tables).first??["$geoip_country_code"] == .string("DE"))
        #expect(find("81.2.69.142", in: tables)[1]?["$geoip_asn"] == .null)
        #expect(find("2a02:db80::1", in: tables).count == 3)
        let countryOnly = try #require(GeoIPTables(country: try open(country)))
        #expect(find("2a02:db80::1", in: countryOnly).isEmpty)
    }

    @Test func `forgets what it knew when the tables are others`() throws {
        var other = TestDatabase()
        other.add(
            "81.2.69.0/24",
            TestDatabase.city("Köln", country: "Germany", code: "DE", latitude: 50.9, longitude: 6.9)
        )
        let first = try #require(GeoIPTables(city: try open(.sample)))
        let second = try #require(GeoIPTables(city: try open(other)))
        var cache = GeoIPCache()
        "81.2.69.142".withBytes { text in
            #expect(cache.find(text, in: first)?.properties.object?["$geoip_city_name"] == .string("Bonn"))
            #expect(cache.find(text, in: second)?.properties.object?["$geoip_city_name"] == .string("Köln"))
            #expect(cache.find(text, in: first)?.properties.object?["$geoip_city_name"] == .string("Bonn"))
        }
    }

    @Test func `stays within its bounds whatever comes`() throws {
        var database = TestDatabase()
        for third in 0..<100 {
            database.add(
                "81.2.\(third).0/24",
                TestDatabase.city("City \(third)", country: "Germany", code: "DE", latitude: 1, longitude: 2)
            )
        }
        let tables = try #require(GeoIPTables(city: try open(database)))
        var cache = GeoIPCache(addresses: 16, places: 16, bytes: 64 << 10)
        for round in 0..<3 {
            for third in 0..<100 {
                "81.2.\(third).\(round)".withBytes { text in
                    let name = cache.find(text, in: tables)?.properties.object?["$geoip_city_name"]
                    #expect(name == .string("City \(third)"))
                }
            }
        }
        #expect(cache.entryCount <= 32)
        #expect(cache.byteCount <= 2 * (64 << 10))
    }

    @Test(arguments: [8, 16, 64, 256])
    func `finds the same whatever it has kept and forgotten`(places: Int) throws {
        var database = TestDatabase()
        for third in 0..<100 {
            database.add(
                "81.2.\(third).0/24",
                TestDatabase.city("City \(third)", country: "Germany", code: "DE", latitude: 1, longitude: 2)
            )
        }
        let tables = try #require(GeoIPTables(city: try open(database)))
        var cache = GeoIPCache(addresses: 32, places: places, bytes: places << 12)
        // A few places come again and again, so that addresses find them while others make their neighbours give way.
        var state: UInt32 = 20_261_127
        func next(_ bound: Int) -> Int {
            state = state &* 1_664_525 &+ 1_013_904_223
            return Int(state >> 8) % bound
        }
        for _ in 0..<3000 {
            let third = next(2) == 0 ? next(100) : next(5)
            "81.2.\(third).\(next(3))".withBytes { text in
                guard let found = cache.find(text, in: tables) else {
                    Issue.record("City \(third) was not found")
                    return
                }
                let name = JSONTree.string("City \(third)")
                #expect(found.properties.objectOnWorkbench()?["$geoip_city_name"] == name)
                let set = found.set.objectOnWorkbench()
                #expect(set?["$geoip_city_name"] == name && set?["$geoip_subdivision_3_name"] == .null)
                let once = found.setOnce.objectOnWorkbench()
                #expect(once?["$initial_geoip_city_name"] == name && once?.count == set?.count)
                #expect(found.properties.fields.count + 2 == found.set.fields.count)
            }
        }
    }
}

extension JSONTree {
    /// A whole number.
    fileprivate static func number(_ value: Int) -> JSONTree { .number(Int64(value)) }
}
