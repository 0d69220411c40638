/// The enrichments, in the order in which an event walks through them (docs/enrichments.md).
///
/// The order is fixed: what one enrichment finds the next may use, and what a privacy rule takes away nothing behind it can see.
public enum Enrichment: UInt8, Sendable, CaseIterable {
    /// Browser, system and device from the user agent's text.
    case userAgent
    /// Where the client's address is.
    case geoIP
    /// `utm_*` and click ids from the query of `$current_url`.
    case campaign
    /// What kind of place the visitor came from.
    case referrer
    /// What tables know of a property's value.
    case lookup
    /// Redaction and cleaning of URLs.
    case urls
    /// Properties that are dropped or hashed, and the client's address.
    case privacy
    /// Properties that are copied to the person.
    case promotion

    /// The name in settings, reports and documents.
    public var name: String {
        switch self {
        case .userAgent: "user_agent"
        case .geoIP: "geoip"
        case .campaign: "campaign"
        case .referrer: "referrer"
        case .lookup: "lookup"
        case .urls: "urls"
        case .privacy: "privacy"
        case .promotion: "promotion"
        }
    }
}

/// A set of enrichments: one bit each.
public struct EnrichmentSet: OptionSet, Sendable, Hashable {
    /// The bits, in the order of ``Enrichment``.
    public let rawValue: UInt16
    /// Makes a set of its bits.
    public init(rawValue: UInt16) { self.rawValue = rawValue }
    /// The set of one enrichment.
    public init(_ one: Enrichment) { rawValue = 1 << UInt16(one.rawValue) }
    /// Every enrichment.
    public static var all: EnrichmentSet { EnrichmentSet(rawValue: (1 << UInt16(Enrichment.allCases.count)) - 1) }

    /// Whether an enrichment is in the set.
    @inline(__always)
    public func contains(_ one: Enrichment) -> Bool { rawValue >> UInt16(one.rawValue) & 1 == 1 }
}
