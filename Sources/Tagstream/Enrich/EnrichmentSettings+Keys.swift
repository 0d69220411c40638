extension EnrichmentSettings {
    /// One setting: `enrich.NAME` in a deployment's configuration file, `settings.enrich.NAME` of a team in the catalogue.
    public struct Key: Sendable {
        /// The name without `enrich.`.
        public var name: String
        /// `type, default: meaning`, as the reference shows it.
        public var meaning: String
        /// Reads a value into the settings.
        public var set: @Sendable (inout EnrichmentSettings, JSONTree) throws(SettingMistake) -> Void
    }

    /// How many entries a list may have, and how many bytes each.
    public static let longestList = 200, longestEntry = 200

    /// The settings that a deployment and a team may have; files are the deployment's only (Settings.swift).
    public static let keys: [Key] = [
        onOff(
            "user_agent.enabled",
            "true or false, false: read browser, system and device from the user agent",
            .userAgent
        ),
        flag(
            "user_agent.override",
            "true or false, false: also where the event has a browser, system or device already",
            \.overridesUserAgent
        ),
        onOff("geoip.enabled", "true or false, false: write where the client's address is as $geoip_*", .geoIP),
        flag("geoip.person", "true or false, true: also into $set and $set_once", \.locatesPersons),
        onOff(
            "campaign.enabled",
            "true or false, false: take utm_* and click ids from $current_url's query",
            .campaign
        ),
        onOff("referrer.enabled", "true or false, false: write the kind of the referrer as $referrer_type", .referrer),
        flag("lookup.enabled", "true or false, true: join the tables of enrich.lookup.tables", \.looksUp),
        Key(
            name: "urls.clean",
            meaning: "list of pattern (RE2) and replacement, []: written over what matches in the paths of URLs"
        ) { (settings, value) throws(SettingMistake) in
            settings.cleaning = try rules(value)
        },
        names("urls.redact_parameters", "list of texts, []: query parameters to redact", \.redactedParameters),
        flag("urls.redact_emails", "true or false, false: redact e-mail addresses in URLs", \.redactsEmails),
        flag("urls.redact_tokens", "true or false, false: redact credentials and tokens in URLs", \.redactsTokens),
        names("urls.properties", "list of texts, [$current_url, …]: the properties that hold URLs", \.urlProperties),
        properties("privacy.drop", "list of texts, []: properties to drop", \.dropped),
        properties("privacy.hash", "list of texts, []: properties to hash", \.hashed),
        Key(
            name: "privacy.ip",
            meaning: "keep, truncate or remove, keep: what becomes of the client's address behind GeoIP"
        ) { (settings, value) throws(SettingMistake) in
            guard let rule = value.text.flatMap(AddressRule.init) else {
                throw SettingMistake("enrich.privacy.ip", value, "keep, truncate or remove")
            }
            settings.address = rule
        },
        onOff("promotion.enabled", "true or false, false: copy PostHog's list of properties to the person", .promotion),
    ]

    // MARK: Kinds of keys

    private static func onOff(_ name: String, _ meaning: String, _ one: Enrichment) -> Key {
        Key(name: name, meaning: meaning) { (settings, value) throws(SettingMistake) in
            if try bool(name, value) {
                settings.on.insert(EnrichmentSet(one))
            } else {
                settings.on.remove(EnrichmentSet(one))
            }
        }
    }

    private static func flag(
        _ name: String,
        _ meaning: String,
        _ path: any WritableKeyPath<EnrichmentSettings, Bool> & Sendable
    ) -> Key {
        Key(name: name, meaning: meaning) { (settings, value) throws(SettingMistake) in
            settings[keyPath: path] = try bool(name, value)
        }
    }

    private static func bool(_ name: String, _ value: JSONTree) throws(SettingMistake) -> Bool {
        guard case .bool(let flag) = value else { throw SettingMistake("enrich." + name, value, "true or false") }
        return flag
    }

    private static func names(
        _ name: String,
        _ meaning: String,
        _ path: any WritableKeyPath<EnrichmentSettings, [String]> & Sendable
    ) -> Key {
        Key(name: name, meaning: meaning) { (settings, value) throws(SettingMistake) in
            guard case .array(let list) = value, list.count <= longestList,
                list.allSatisfy({ 1...longestEntry ~= $0.text?.utf8.count ?? 0 })
            else {
                throw SettingMistake(
                    "enrich." + name,
                    value,
                    "a list of at most \(longestList) names of 1 to \(longestEntry) bytes"
                )
            }
            settings[keyPath: path] = list.compactMap(\.text)
        }
    }

    /// Names of properties, of which `$set` and its like are none: their own members are named.
    private static func properties(
        _ name: String,
        _ meaning: String,
        _ path: any WritableKeyPath<EnrichmentSettings, [String]> & Sendable
    ) -> Key {
        let list = names(name, meaning, path)
        return Key(name: name, meaning: meaning) { (settings, value) throws(SettingMistake) in
            try list.set(&settings, value)
            if settings[keyPath: path].contains(where: { ["$set", "$set_once", "$unset"].contains($0) }) {
                throw SettingMistake(
                    "enrich." + name,
                    value,
                    "names of properties; those within $set and $set_once are meant as well"
                )
            }
        }
    }

    private static func rules(_ value: JSONTree) throws(SettingMistake) -> [CleaningRule] {
        let name = "enrich.urls.clean"
        guard case .array(let list) = value, list.count <= PathCleaner.mostRules else {
            throw SettingMistake(
                name,
                value,
                "a list of at most \(PathCleaner.mostRules) objects with \"pattern\" and \"replacement\""
            )
        }
        var rules: [CleaningRule] = []
        for item in list {
            guard let pattern = item["pattern"]?.text, let replacement = item["replacement"]?.text,
                replacement.utf8.count <= longestEntry
            else {
                throw SettingMistake(
                    name,
                    item,
                    "an object with \"pattern\" and \"replacement\", of at most \(longestEntry) bytes"
                )
            }
            let rule = CleaningRule(pattern: pattern, replacement: replacement)
            if let problem = PathCleaner.problem(with: rule) { throw SettingMistake(name, item, problem) }
            rules.append(rule)
        }
        return rules
    }
}
