import Foundation
public import Kafka
import Synchronization
public import Tagstream

/// Which files enrichments look things up in.
public struct EnrichmentFiles: Sendable {
    /// A lookup table, and what it is made of.
    public struct Table: Sendable, Equatable {
        /// Where its rows are.
        public enum Origin: Sendable, Equatable {
            /// A file; `key` is the column or member that is the key.
            case file(path: String, format: LookupTable.Format, key: String)
            /// A compacted topic: a record's key is the key, its value an object of properties.
            case topic(String)
        }

        /// The table's name, for logs.
        public var name: String
        /// Where its rows are.
        public var origin: Origin
        /// What the name of every property begins with.
        public var prefix: String

        /// Makes one.
        public init(name: String, origin: Origin, prefix: String) {
            self.name = name
            self.origin = origin
            self.prefix = prefix
        }
    }

    /// A MaxMind DB of cities.
    public var city: String?
    /// A MaxMind DB of countries, asked where the cities have nothing.
    public var country: String?
    /// A MaxMind DB of networks.
    public var asn: String?
    /// uap-core's `regexes.yaml`.
    public var userAgentRules: String?
    /// Lookup tables, files and topics, in the order of the joins.
    public var tables: [Table] = []
    /// How many seconds between two looks at the files.
    public var refreshSeconds = 30
    /// After how many days without a new file one counts as stale; nil for never.
    public var staleAfterDays: Int64?

    /// Makes one that names no file.
    public init() {}

    /// Whether no file is named.
    public var isEmpty: Bool {
        city == nil && country == nil && asn == nil && userAgentRules == nil && tables.isEmpty
    }
}

/// The files of a deployment's enrichments, loaded: what a ``Snapshot``'s tables are made of.
public final class EnrichmentSources: Sendable {
    private let city: EnrichmentFile<GeoIPDatabase>?
    private let country: EnrichmentFile<GeoIPDatabase>?
    private let asn: EnrichmentFile<GeoIPDatabase>?
    private let userAgentRules: EnrichmentFile<UserAgentRules>?
    private let lookups: [Lookup]
    /// The databases that were put together last: lanes forget what they remember when they see others.
    private let geoIP = Mutex<GeoIPTables?>(nil)

    /// What a lookup table is made of.
    private enum Lookup {
        case file(EnrichmentFile<LookupTable>)
        case topic(LookupTopic)
        /// A topic, and no cluster to read it from.
        case outOfReach(String)

        var value: LookupTable? {
            switch self {
            case .file(let file): file.value
            case .topic(let topic): topic.value
            case .outOfReach: nil
            }
        }
    }

    /// Makes sources that nobody has looked at yet.
    ///
    /// - Parameters:
    ///   - client: the cluster that tables are read from which are topics; without one these stay missing.
    ///   - group: names the consumers of these topics in the broker's logs.
    public init(_ files: EnrichmentFiles, client: ClientConfiguration? = nil, group: String = "") {
        let limits = EnrichmentFileLimits(age: files.staleAfterDays.map { $0 * 86_400 })
        func database(_ name: String, _ path: String?, _ kinds: [GeoIPDatabase.Kind]) -> EnrichmentFile<GeoIPDatabase>?
        {
            path.map { path in
                EnrichmentFile(name: name, path: path, limits: limits) { bytes in
                    let database = try GeoIPDatabase(bytes)
                    guard kinds.contains(database.kind) else {
                        throw WrongDatabase(found: database.kind.rawValue, expected: kinds[0].rawValue)
                    }
                    return database
                }
            }
        }
        city = database("geoip.city", files.city, [.city])
        country = database("geoip.country", files.country, [.country, .city])
        asn = database("geoip.asn", files.asn, [.asn])
        userAgentRules = files.userAgentRules.map { path in
            EnrichmentFile(name: "user_agent.rules", path: path, limits: limits) { try UserAgentRules($0) }
        }
        lookups = files.tables.map { table in
            let name = "lookup.\(table.name)"
            switch table.origin {
            case .file(let path, let format, let key):
                return .file(
                    EnrichmentFile(name: name, path: path, limits: limits) { bytes in
                        try LookupTable.read(bytes, format, key: key, prefix: table.prefix)
                    }
                )
            case .topic(let topic):
                guard let client else { return .outOfReach(name) }
                return .topic(
                    LookupTopic(name: name, topic: topic, client: client, group: group, prefix: table.prefix)
                )
            }
        }
    }

    /// A database of another kind than the setting says.
    private struct WrongDatabase: Error, CustomStringConvertible {
        var found: String
        var expected: String
        var description: String { "it is a database of kind \(found), expected \(expected)" }
    }

    /// What is loaded at present.
    public var tables: EnrichmentTables {
        var tables = EnrichmentTables()
        tables.userAgent = userAgentRules?.value
        tables.lookups = lookups.map(\.value)
        tables.geoIP = geoIP.withLock { last in
            let (city, country, asn) = (city?.value, country?.value, asn?.value)
            let isSame = last?.city === city && last?.country === country && last?.asn === asn
            if !isSame { last = GeoIPTables(city: city, country: country, asn: asn) }
            return last
        }
        return tables
    }

    /// Looks once at every file, on this thread: for commands that read them once.
    ///
    /// - Returns: a sentence for each that cannot be used.
    public func load() -> [String] {
        let now = Int64(Date().timeIntervalSince1970)
        let missing = lookups.compactMap { lookup -> String? in
            guard case .outOfReach(let name) = lookup else { return nil }
            return "\(name) is missing: it is a topic, which only commands of a cluster read"
        }
        return missing
            + watched().compactMap { source in
                guard case .degraded(let reason, let detail) = source.look(now).after else { return nil }
                return "\(source.name) is \(reason.rawValue): \(detail)"
            }
    }

    /// The files as a watcher takes them.
    ///
    /// - Parameter onNew: is called when a file was put into force.
    public func watched(onNew: @escaping @Sendable () -> Void = {}) -> [EnrichmentWatcher.Watched] {
        var all: [EnrichmentWatcher.Watched] = []
        for file in [city, country, asn].compactMap({ $0 }) { all.append(.init(file, onNew: onNew)) }
        if let userAgentRules { all.append(.init(userAgentRules, onNew: onNew)) }
        for lookup in lookups {
            switch lookup {
            case .file(let file): all.append(.init(file, onNew: onNew))
            case .topic(let topic): all.append(.init(topic, onNew: onNew))
            case .outOfReach: break
            }
        }
        return all
    }
}
