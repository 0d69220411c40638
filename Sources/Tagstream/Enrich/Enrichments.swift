/// What is done to the events of one team: its settings, compiled into tables.
///
/// Immutable, made away from the lanes with the team's plan; lanes only read it.
public final class Enrichments: Sendable {
    /// The settings that were compiled.
    public let settings: EnrichmentSettings
    /// The enrichments that have anything to do.
    public let active: EnrichmentSet

    /// What is to be done with a property by its name alone.
    struct Duties: OptionSet, Sendable {
        let rawValue: UInt8
        /// It is dropped.
        static let drop = Duties(rawValue: 1)
        /// Its value is hashed.
        static let hash = Duties(rawValue: 2)
        /// It holds a URL.
        static let url = Duties(rawValue: 4)
        /// Only GeoIP may write it.
        static let geoIP = Duties(rawValue: 8)
    }

    /// Every name that an event's fields are asked for: ``PropertyKey``, the first values of the promoted ones, GeoIP's, then those of
    /// the settings.
    let table: KeyTable
    /// The duties of each name.
    let duties: [Duties]
    /// The numbers of the names that have each duty.
    let dropped: [Int32]
    let hashed: [Int32]
    let urls: [Int32]
    let located: [Int32]
    /// Whether a place's properties have other duties, so that they cannot be copied blindly.
    let locationHasDuties: Bool
    /// The number of the property of each join.
    let joins: [Int32]
    /// How paths are cleaned.
    let cleaner: PathCleaner
    /// How URLs are redacted.
    let redactor: URLRedactor

    /// The numbers of `$initial_…`, in the order of ``PropertyKey``.
    static let initialBase = PropertyKey.names.count
    /// The numbers of GeoIP's properties and of their first values, in the order of ``GeoIPField/names``.
    static let geoBase = initialBase + PropertyKey.promotedCount
    static let geoInitialBase = geoBase + GeoIPField.names.count
    private static let fixedCount = geoInitialBase + GeoIPField.names.count

    private static let fixedNames: [String] = {
        let known = PropertyKey.names.map(\.description)
        let initial = known.prefix(PropertyKey.promotedCount).map(PropertyKey.initialName)
        return known + initial + GeoIPField.names + GeoIPField.names.map(PropertyKey.initialName)
    }()

    /// Nothing on.
    public static let none = Enrichments(EnrichmentSettings())

    /// Compiles settings.
    ///
    /// A pattern that RE2 does not take is left out: ``EnrichmentSettings/keys`` refuse it before.
    public init(_ settings: EnrichmentSettings) {
        self.settings = settings
        active = settings.active
        var names = Self.fixedNames
        var numbers: [[UInt8]: Int] = [:]
        for (number, name) in names.enumerated() { numbers[Array(name.utf8)] = number }
        func number(of name: String) -> Int {
            if let known = numbers[Array(name.utf8)] { return known }
            names.append(name)
            numbers[Array(name.utf8)] = names.count - 1
            return names.count - 1
        }
        var duties = [Int: Duties]()
        func note(_ list: [String], _ duty: Duties) -> [Int32] {
            list.map { name in
                let number = number(of: name)
                duties[number, default: []].insert(duty)
                return Int32(number)
            }
        }
        dropped = note(settings.dropped, .drop)
        // Without a salt, a hash tells whoever guesses the value: it is dropped instead.
        hashed = note(settings.hashed, settings.salt.isEmpty ? .drop : .hash)
        urls = settings.active.contains(.urls) ? note(settings.urlProperties, .url) : []
        located = settings.on.contains(.geoIP) ? note(GeoIPField.names, .geoIP) : []
        if settings.on.contains(.geoIP) { _ = note(GeoIPField.names.map(PropertyKey.initialName), .geoIP) }
        joins = settings.lookups.map { Int32(number(of: $0.property)) }
        let locations = Self.geoBase..<Self.fixedCount
        locationHasDuties = (dropped + hashed + urls + joins).contains { locations.contains(Int($0)) }
        table = KeyTable(names, wanted: Self.wanted(by: settings).union(duties.keys).union(joins.map(Int.init)))
        self.duties = (0..<names.count).map { duties[$0] ?? [] }
        cleaner = PathCleaner(settings.cleaning)
        redactor = URLRedactor(settings)
    }

    /// The names that the enrichments that are on ask for: what no enrichment reads or writes is not looked for in an event.
    private static func wanted(by settings: EnrichmentSettings) -> Set<Int> {
        let active = settings.active
        var wanted: Set = [PropertyKey.set.rawValue, PropertyKey.setOnce.rawValue]
        func want(_ keys: PropertyKey...) { wanted.formUnion(keys.map(\.rawValue)) }
        if active.contains(.userAgent) {
            want(.userAgentPlain, .userAgentDashed, .userAgentUnderscored, .rawUserAgent)
            want(.browser, .browserVersion, .os, .osVersion, .device, .deviceBrand, .deviceModel, .deviceType)
            want(.browserType, .isBot)
        }
        if active.contains(.geoIP) { want(.ip, .geoipDisable) }
        if active.contains(.privacy) { want(.ip) }
        if active.contains(.campaign) { want(.currentURL) }
        if active.contains(.referrer) { want(.currentURL, .referrer, .referringDomain, .referrerType, .referrerName) }
        if active.contains(.campaign) || active.contains(.referrer) { wanted.formUnion(PropertyKey.campaign) }
        if active.contains(.promotion) {
            wanted.formUnion(0..<PropertyKey.promotedCount)
            wanted.formUnion(initialBase..<(initialBase + PropertyKey.promotedCount))
        }
        return wanted
    }

    /// Whether a name has a duty in the objects beside the properties, too: `$set`, `$set_once`, the person's properties.
    var hasPersonDuties: Bool { !(dropped.isEmpty && hashed.isEmpty && urls.isEmpty && located.isEmpty) }
}
