/// The properties that GeoIP owns, in the order of events.md, then the network's.
enum GeoIPField {
    /// Their names.
    static let names: [String] = [
        "$geoip_city_name", "$geoip_city_confidence", "$geoip_country_name", "$geoip_country_code",
        "$geoip_continent_name", "$geoip_continent_code", "$geoip_postal_code", "$geoip_latitude", "$geoip_longitude",
        "$geoip_accuracy_radius", "$geoip_time_zone",
        "$geoip_subdivision_1_code", "$geoip_subdivision_1_name", "$geoip_subdivision_2_code",
        "$geoip_subdivision_2_name", "$geoip_subdivision_3_code", "$geoip_subdivision_3_name",
        "$geoip_asn", "$geoip_as_organization",
    ]
}
