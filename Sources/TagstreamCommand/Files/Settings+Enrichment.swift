import Foundation
import Tagstream
import Worker

extension Settings {
    /// The keys of `enrich`: those that teams may have too (``EnrichmentSettings/keys``), and the deployment's files.
    static let enrichmentKeys: [Key] =
        EnrichmentSettings.keys.map { key in
            Key(name: "enrich." + key.name, meaning: key.meaning) { settings, value in
                do {
                    try key.set(&settings.enrichment, value)
                } catch let mistake as SettingMistake {
                    throw Mistake(found: mistake.found, expected: mistake.expected)
                }
            }
        } + [
            Key(
                name: "enrich.privacy.salt_file",
                meaning: "path, none: what is hashed before a value; needed for enrich.privacy.hash"
            ) {
                guard let text = $1.text, !text.isEmpty else { throw Mistake($1, "a path") }
                $0.saltFile = text
            },
            path(
                name: "enrich.geoip.city",
                "path, none: a MaxMind DB of cities, such as GeoLite2-City.mmdb",
                \.enrichmentFiles.city
            ),
            path(
                name: "enrich.geoip.country",
                "path, none: a MaxMind DB of countries, asked where the cities have nothing",
                \.enrichmentFiles.country
            ),
            path(name: "enrich.geoip.asn", "path, none: a MaxMind DB of networks", \.enrichmentFiles.asn),
            path(
                name: "enrich.user_agent.rules",
                "path, none: uap-core's regexes.yaml",
                \.enrichmentFiles.userAgentRules
            ),
            Key(
                name: "enrich.lookup.tables",
                meaning:
                    "list of name, file and key or topic, property and prefix, []: tables that are joined by a property"
            ) { settings, value in
                (settings.enrichmentFiles.tables, settings.enrichment.lookups) = try tables(value)
            },
            Key(
                name: "enrich.refresh_seconds",
                meaning: "seconds, 30, 1…86400: how often the files are looked at; a new one is put into force"
            ) { settings, value in
                guard let number = value.integer, 1...86_400 ~= number else {
                    throw Mistake(value, "a whole number from 1 to 86400")
                }
                settings.enrichmentFiles.refreshSeconds = Int(number)
            },
            Key(
                name: "enrich.stale_after_days",
                meaning: "days, none, 1…3650: a file that was changed longer ago is in force and reported as degraded"
            ) { settings, value in
                guard let number = value.integer, 1...3650 ~= number else {
                    throw Mistake(value, "a whole number from 1 to 3650")
                }
                settings.enrichmentFiles.staleAfterDays = number
            },
        ]

    private static func path(
        name: String,
        _ meaning: String,
        _ path: any WritableKeyPath<Settings, String?> & Sendable
    ) -> Key {
        Key(name: name, meaning: meaning) { settings, value in
            guard let text = value.text, !text.isEmpty else { throw Mistake(value, "a path") }
            settings[keyPath: path] = text
        }
    }

    /// How many lookup tables there may be.
    static let mostTables = 16

    private static func tables(
        _ value: JSONTree
    ) throws -> (files: [EnrichmentFiles.Table], joins: [EnrichmentSettings.LookupJoin]) {
        let expected =
            "a list of at most \(mostTables) objects with \"name\", \"file\" and \"key\" or \"topic\", \"property\" and, if "
            + "need be, \"prefix\""
        guard case .array(let list) = value, list.count <= mostTables else { throw Mistake(value, expected) }
        var files: [EnrichmentFiles.Table] = []
        var joins: [EnrichmentSettings.LookupJoin] = []
        for item in list {
            guard case .object(let members) = item,
                members.allSatisfy({ ["name", "file", "key", "topic", "property", "prefix"].contains($0.key) }),
                let name = item["name"]?.text, let property = item["property"]?.text,
                1...EnrichmentSettings.longestEntry ~= property.utf8.count
            else { throw Mistake(item, expected) }
            let origin = try origin(item, expected)
            files.append(.init(name: name, origin: origin, prefix: item["prefix"]?.text ?? ""))
            joins.append(.init(table: name, property: property))
        }
        return (files, joins)
    }

    /// A table's file with its key, or its topic, whose records have their own.
    private static func origin(_ item: JSONTree, _ expected: String) throws -> EnrichmentFiles.Table.Origin {
        if let topic = item["topic"]?.text, !topic.isEmpty, item["file"] == nil, item["key"] == nil {
            return .topic(topic)
        }
        guard let file = item["file"]?.text, let key = item["key"]?.text, item["topic"] == nil else {
            throw Mistake(item, expected)
        }
        let format: LookupTable.Format? =
            file.hasSuffix(".csv") ? .csv : file.hasSuffix(".jsonl") || file.hasSuffix(".ndjson") ? .jsonLines : nil
        guard let format else { throw Mistake(item, "a \"file\" that ends with .csv, .jsonl or .ndjson") }
        return .file(path: file, format: format, key: key)
    }

    /// The data of enrichments, read once; what cannot be used is told on standard error, and is done without.
    func enrichmentTables() -> EnrichmentTables {
        let sources = EnrichmentSources(enrichmentFiles)
        for problem in sources.load() { printError("warning: enrichment \(problem)") }
        return sources.tables
    }

    /// The fewest and the most bytes of a salt.
    static let saltBytes = 16...4096

    /// What the deployment does to events, with what stands in files.
    func enrichments() throws -> EnrichmentSettings {
        var settings = enrichment
        if let saltFile { settings.salt = try Self.salt(saltFile) }
        guard settings.hashed.isEmpty || !settings.salt.isEmpty else {
            throw Failure(
                .usage,
                "enrich.privacy.hash names \(counted(settings.hashed.count, "property")), but there is no "
                    + "enrich.privacy.salt_file: without a salt a hash tells its value to whoever guesses it"
            )
        }
        return settings
    }

    /// Reads a salt; a newline at its end is none of it.
    private static func salt(_ path: String) throws -> [UInt8] {
        guard let data = try? Data(contentsOf: URL(fileURLWithPath: path)) else {
            throw Failure(.usage, "cannot read enrich.privacy.salt_file \"\(path)\": no such file, or not readable")
        }
        var salt = [UInt8](data.prefix(saltBytes.upperBound + 2))
        if salt.last == 0x0A { salt.removeLast() }
        if salt.last == 0x0D { salt.removeLast() }
        guard saltBytes.contains(salt.count) else {
            throw Failure(
                .usage,
                "enrich.privacy.salt_file \"\(path)\" has \(data.count) bytes, expected \(saltBytes.lowerBound) to "
                    + "\(saltBytes.upperBound)"
            )
        }
        return salt
    }
}

extension Settings.Mistake {
    init(found: String, expected: String) {
        self.found = found
        self.expected = expected
    }
}
