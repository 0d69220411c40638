/// What GeoIP found for an event, until it is written to the person.
struct GeoFields {
    var count = 0
    var bytes: Int { 0 }
}

extension Enricher {
    mutating func readUserAgent(
        _ valid: inout ValidEvent,
        _ rules: Enrichments,
        _ tables: EnrichmentTables,
        on bench: inout Workbench,
        _ outages: inout EnrichmentOutages
    ) {
        outages.userAgent &+= 1
    }

    mutating func locate(
        _ valid: inout ValidEvent,
        _ rules: Enrichments,
        _ tables: EnrichmentTables,
        on bench: inout Workbench,
        _ outages: inout EnrichmentOutages
    ) {
        for number in rules.located { remove(Int(number), of: &valid, on: bench) }
        outages.geoIP &+= 1
    }

    mutating func lookUp(
        _ valid: inout ValidEvent,
        _ rules: Enrichments,
        _ tables: EnrichmentTables,
        on bench: inout Workbench,
        _ outages: inout EnrichmentOutages
    ) {
        outages.lookup &+= 1
    }

    func appendLocation(isFirstValue: Bool, _ first: Int, _ rules: Enrichments, on bench: inout Workbench) {}
}
