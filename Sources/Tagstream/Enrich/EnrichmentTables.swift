/// The data that enrichments look things up in, loaded from files and replaced whole: one immutable value of a ``Snapshot``.
///
/// What is missing (its file was never there, or cannot be read) is nil, and its enrichment does nothing: events are tagged without
/// it and counted (``EnrichmentOutages``), never dead-lettered.
public struct EnrichmentTables: Sendable {
    /// Where addresses are.
    public var geoIP: GeoIPTables?
    /// How user agents are recognised.
    public var userAgent: UserAgentRules?
    /// The tables of the deployment's joins (``EnrichmentSettings/lookups``), in their order.
    public var lookups: [LookupTable?] = []

    /// Makes tables of nothing.
    public init() {}
}

/// How many events went without an enrichment that is on, because its data was missing.
public struct EnrichmentOutages: Sendable, Equatable {
    /// Without the address's place.
    public var geoIP = 0
    /// Without the user agent's findings.
    public var userAgent = 0
    /// Without a table's row.
    public var lookup = 0

    /// Makes counts of zero.
    public init() {}

    /// How many there are together; an event that went without two enrichments counts twice.
    public var total: Int { geoIP + userAgent + lookup }

    /// The counts by the enrichment's name; those of zero are left out.
    public var byName: [(enrichment: String, count: Int)] {
        [(Enrichment.geoIP, geoIP), (.userAgent, userAgent), (.lookup, lookup)].filter { $0.1 > 0 }.map {
            ($0.name, $1)
        }
    }

    /// Adds the counts of another batch.
    public mutating func add(_ other: EnrichmentOutages) {
        geoIP &+= other.geoIP
        userAgent &+= other.userAgent
        lookup &+= other.lookup
    }
}
