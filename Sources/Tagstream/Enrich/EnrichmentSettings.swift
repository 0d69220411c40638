/// What is to be done to events, as an operator or a team wrote it: a plain value, compiled by ``Enrichments``.
///
/// Everything is off until somebody asks for it (docs/enrichments.md).
public struct EnrichmentSettings: Sendable, Equatable {
    /// What becomes of the client's address, from what keeps most to what keeps least.
    public enum AddressRule: String, Sendable, CaseIterable {
        /// `$ip` stays.
        case keep
        /// The last octet of an IPv4 address becomes 0; of an IPv6 address the first 48 bits stay.
        case truncate
        /// `$ip` is taken away after matching.
        case remove

        fileprivate var strictness: Int { Self.allCases.firstIndex(of: self) ?? 0 }
    }

    /// What is written over every part of a path that a pattern matches.
    public struct CleaningRule: Sendable, Equatable {
        /// The pattern, for RE2.
        public var pattern: String
        /// The text in its place, taken literally.
        public var replacement: String
    }

    /// A table's place in an event: which property's value is looked up in it.
    public struct LookupJoin: Sendable, Equatable {
        /// The table's name.
        public var table: String
        /// The property whose value is the key.
        public var property: String

        /// Makes a join.
        public init(table: String, property: String) {
            self.table = table
            self.property = property
        }
    }

    /// The enrichments that have a switch of their own and are on.
    public var on: EnrichmentSet = []
    /// Whether the user agent's findings replace what the event already says of its browser, system and device.
    public var overridesUserAgent = false
    /// Whether a place is also written into `$set` and `$set_once`.
    public var locatesPersons = true
    /// The joins, in their order.
    public var lookups: [LookupJoin] = []
    /// Whether they are made.
    public var looksUp = true
    /// The properties that hold a URL or a path.
    public var urlProperties = defaultURLProperties
    /// What is written over parts of paths, in this order.
    public var cleaning: [CleaningRule] = []
    /// Query parameters whose values are redacted.
    public var redactedParameters: [String] = []
    /// Whether e-mail addresses in URLs are redacted.
    public var redactsEmails = false
    /// Whether credentials and tokens in URLs are redacted.
    public var redactsTokens = false
    /// Properties that are dropped.
    public var dropped: [String] = []
    /// Properties whose values are hashed.
    public var hashed: [String] = []
    /// What is hashed before a value.
    public var salt: [UInt8] = []
    /// What becomes of `$ip`.
    public var address = AddressRule.keep

    /// Makes settings with nothing on.
    public init() {}

    /// The properties of SDKs that hold a URL or a path.
    public static let defaultURLProperties = [
        "$current_url", "$pathname", "$referrer", "$initial_current_url", "$initial_pathname", "$initial_referrer",
        "$session_entry_url", "$session_entry_pathname", "$session_entry_referrer", "$prev_pageview_pathname",
        "$external_click_url",
    ]

    /// The enrichments that have anything to do.
    public var active: EnrichmentSet {
        var set = on
        if looksUp, !lookups.isEmpty { set.insert(EnrichmentSet(.lookup)) }
        if !cleaning.isEmpty || !redactedParameters.isEmpty || redactsEmails || redactsTokens {
            set.insert(EnrichmentSet(.urls))
        }
        if !dropped.isEmpty || !hashed.isEmpty || address != .keep { set.insert(EnrichmentSet(.privacy)) }
        return set
    }

    /// The same settings with only some enrichments: what `tagstream enrich` compares.
    public func limited(to some: EnrichmentSet) -> EnrichmentSettings {
        var limited = self
        limited.on.formIntersection(some)
        if !some.contains(.lookup) { limited.lookups = [] }
        if !some.contains(.urls) {
            limited.cleaning = []
            limited.redactedParameters = []
            limited.redactsEmails = false
            limited.redactsTokens = false
        }
        if !some.contains(.privacy) {
            limited.dropped = []
            limited.hashed = []
            limited.address = .keep
        }
        return limited
    }

    // MARK: Teams

    /// These settings with what a team sets over them.
    ///
    /// A team switches enrichments on and off and adds to what is dropped, hashed, redacted and cleaned; what the deployment takes away
    /// it cannot bring back.
    ///
    /// - Parameter team: the team's `settings`; nil where it has none.
    /// - Throws: a ``SettingMistake`` for the first value that cannot be used.
    public func with(team settings: JSONTree?) throws(SettingMistake) -> EnrichmentSettings {
        var own = self
        // Of what the deployment, `anonymize_ips` and `privacy.ip` say of addresses the strictest counts.
        var strictest = address
        guard let settings, !settings.isNull else { return own }
        if let anonymizes = settings["anonymize_ips"], !anonymizes.isNull {
            guard case .bool(let removes) = anonymizes else {
                throw SettingMistake("anonymize_ips", anonymizes, "true or false")
            }
            if removes { strictest = .remove }
        }
        if let tree = settings["enrich"], !tree.isNull { try own.read(tree, prefix: "") }
        if own.address.strictness < strictest.strictness { own.address = strictest }
        own.redactsEmails = own.redactsEmails || redactsEmails
        own.redactsTokens = own.redactsTokens || redactsTokens
        own.redactedParameters = Self.union(redactedParameters, own.redactedParameters)
        own.dropped = Self.union(dropped, own.dropped)
        own.hashed = Self.union(hashed, own.hashed)
        own.urlProperties = Self.union(urlProperties, own.urlProperties)
        own.cleaning = cleaning + own.cleaning.filter { !cleaning.contains($0) }
        return own
    }

    private static func union(_ first: [String], _ second: [String]) -> [String] {
        first + second.filter { name in !first.contains { $0.hasBytes(of: name) } }
    }

    private mutating func read(_ tree: JSONTree, prefix: String) throws(SettingMistake) {
        guard case .object(let members) = tree else { throw SettingMistake("enrich", tree, "an object of settings") }
        for member in members {
            let name = prefix + member.key
            if let key = Self.keys.first(where: { $0.name == name }) {
                try key.set(&self, member.value)
            } else if Self.keys.contains(where: { $0.name.hasPrefix(name + ".") }), case .object = member.value {
                try read(member.value, prefix: name + ".")
            } else {
                let known = Self.keys.map { "enrich." + $0.name }
                throw SettingMistake("enrich." + name, member.value, "one of \(known.joined(separator: ", "))")
            }
        }
    }
}

/// A setting's value that cannot be used.
public struct SettingMistake: Error, Sendable, CustomStringConvertible {
    /// The setting.
    public var name: String
    /// What was found, as JSON text.
    public var found: String
    /// What would have been right.
    public var expected: String

    /// Makes a mistake.
    public init(_ name: String, _ found: JSONTree, _ expected: String) {
        self.name = name
        self.found = Printable.shortened(found.jsonText, to: 200)
        self.expected = expected
    }

    /// One sentence for a human.
    public var description: String { "\"\(name)\" is \(found), expected \(expected)" }
}
