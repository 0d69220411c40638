/// Renders what the databases' records say into members.
enum GeoIPRendering {
    /// A property: its names, made once, and where records have it.
    private struct Property {
        let key: [UInt8]
        let initialKey: [UInt8]
        let path: [StaticString]

        init(name: StaticString, path: [StaticString]) {
            key = Array("$geoip_\(name)".utf8)
            initialKey = Array("$initial_geoip_\(name)".utf8)
            self.path = path
        }
    }

    /// PostHog's properties, in its order; of subdivisions the first three, the largest first.
    private static let place: [Property] = [
        Property(name: "city_name", path: ["city", "names", "en"]),
        Property(name: "city_confidence", path: ["city", "confidence"]),
        Property(name: "country_name", path: ["country", "names", "en"]),
        Property(name: "country_code", path: ["country", "iso_code"]),
        Property(name: "continent_name", path: ["continent", "names", "en"]),
        Property(name: "continent_code", path: ["continent", "code"]),
        Property(name: "postal_code", path: ["postal", "code"]),
        Property(name: "latitude", path: ["location", "latitude"]),
        Property(name: "longitude", path: ["location", "longitude"]),
        Property(name: "accuracy_radius", path: ["location", "accuracy_radius"]),
        Property(name: "time_zone", path: ["location", "time_zone"]),
        Property(name: "subdivision_1_code", path: ["subdivisions", "0", "iso_code"]),
        Property(name: "subdivision_1_name", path: ["subdivisions", "0", "names", "en"]),
        Property(name: "subdivision_2_code", path: ["subdivisions", "1", "iso_code"]),
        Property(name: "subdivision_2_name", path: ["subdivisions", "1", "names", "en"]),
        Property(name: "subdivision_3_code", path: ["subdivisions", "2", "iso_code"]),
        Property(name: "subdivision_3_name", path: ["subdivisions", "2", "names", "en"]),
    ]

    /// What PostHog does not have: a network's number and the organisation behind it.
    private static let network: [Property] = [
        Property(name: "asn", path: ["autonomous_system_number"]),
        Property(name: "as_organization", path: ["autonomous_system_organization"]),
    ]

    /// Renders the members of an address: for the properties what is known, for the person the same and null for the rest.
    ///
    /// The nulls stand behind the others, so that one text serves the properties and `$set`.
    ///
    /// - Parameters:
    ///   - place: the database that has the place and its record's offset and one.
    ///   - asn: the same of the network.
    ///   - tables: what there is: it decides which properties are null for the person.
    static func render(
        place: (GeoIPDatabase, UInt32)?,
        asn: (GeoIPDatabase, UInt32)?,
        of tables: GeoIPTables,
        into store: inout MemberStore
    ) -> MemberCache.Ranges {
        var known: [(Property, GeoIPDatabase.Found?)] = []
        if tables.city != nil || tables.country != nil {
            for property in Self.place { known.append((property, find(property, in: place))) }
        }
        if tables.asn != nil {
            for property in network { known.append((property, find(property, in: asn))) }
        }
        store.open()
        putFound(known, \.key, into: &store)
        let properties = store.close()
        putNulls(known, \.key, into: &store)
        let set = store.close()
        store.open()
        putFound(known, \.initialKey, into: &store)
        putNulls(known, \.initialKey, into: &store)
        return (properties, set, store.close())
    }

    private static func find(_ property: Property, in record: (GeoIPDatabase, UInt32)?) -> GeoIPDatabase.Found? {
        guard let (database, mark) = record, let found = database.value(property.path, of: Int(mark) - 1) else {
            return nil
        }
        // An empty name says nothing, and a number that JSON cannot have is none.
        if case .text(let text) = found, text.isEmpty { return nil }
        if case .double(let number) = found, !number.isFinite { return nil }
        return found
    }

    private static func putFound(
        _ known: [(Property, GeoIPDatabase.Found?)],
        _ name: KeyPath<Property, [UInt8]>,
        into store: inout MemberStore
    ) {
        for (property, found) in known {
            let key = property[keyPath: name]
            switch found {
            case .text(let text): store.put(key, string: text)
            case .integer(let number): store.put(key, json: Array(String(number).utf8), kind: .number)
            case .double(let number): store.put(key, json: NumberRendering.json(number), kind: .number)
            case nil: break
            }
        }
    }

    private static func putNulls(
        _ known: [(Property, GeoIPDatabase.Found?)],
        _ name: KeyPath<Property, [UInt8]>,
        into store: inout MemberStore
    ) {
        for (property, found) in known where found == nil { store.putNull(property[keyPath: name]) }
    }
}

/// How numbers are written that are not copied from an event.
enum NumberRendering {
    /// A finite number as JavaScript writes it where that is JSON: the shortest text that reads back the same, whole ones without a point.
    static func json(_ number: Double) -> [UInt8] {
        if number == number.rounded(), abs(number) < 1e15 { return Array(String(Int64(number)).utf8) }
        return Array(String(number).utf8)
    }
}
