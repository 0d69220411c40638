/// A lane's memory of user agents: each text is recognised and rendered once, then found by its hash and compared whole.
///
/// Bounded in entries and bytes (``MemberCache``); once warm it allocates nothing for a text that it has.
public struct UserAgentCache: ~Copyable {
    private var cache: MemberCache
    private var rules: UserAgentRules?

    /// The names of the members that may come, in their order: a part that is not known is missing, `$is_bot` is always there.
    public static let keys: [String] = [
        "$browser", "$browser_version", "$os", "$os_version", "$device", "$device_brand", "$device_model",
        "$device_type",
        "$browser_type", "$is_bot",
    ]

    /// Makes an empty cache.
    ///
    /// - Parameters:
    ///   - agents: how many user agents are kept.
    ///   - bytes: how many bytes their texts and members take at most, about 0.8 KB each.
    public init(agents: Int = 1 << 13, bytes: Int = 8 << 20) { cache = MemberCache(entries: agents, bytes: bytes) }

    /// How many user agents are kept.
    var entryCount: Int { cache.count }

    /// What a user agent is recognised as, as members for the properties; lent until the next look-up.
    ///
    /// - Parameters:
    ///   - text: the user agent's text, decoded. One that is empty or longer than ``UserAgentRules/longestText`` has no members.
    ///   - rules: the rules; when they are others than the last time, everything is forgotten.
    public mutating func find(_ text: UnsafeRawBufferPointer, by rules: UserAgentRules) -> Members {
        if rules !== self.rules {
            self.rules = rules
            cache.removeAll()
        }
        guard !text.isEmpty, text.count <= UserAgentRules.longestText else { return .none }
        let hash = contentHash(text)
        if let place = cache.find(text, hash: hash) { return cache.first(place) }
        let place = cache.insert(text, hash: hash) { store in
            (UserAgentRendering.render(rules.recognise(text), into: &store), MemberRange(), MemberRange())
        }
        return cache.first(place)
    }
}

/// Renders what was recognised.
enum UserAgentRendering {
    static func render(_ agent: UserAgent, into store: inout MemberStore) -> MemberRange {
        store.open()
        func put(_ key: StaticString, _ text: [UInt8]?) {
            guard let text else { return }
            text.withUnsafeBytes { store.put(Array("\(key)".utf8), string: $0) }
        }
        put("$browser", agent.browser)
        put("$browser_version", UserAgent.version(agent.browserVersion))
        put("$os", agent.system)
        put("$os_version", UserAgent.version(agent.systemVersion))
        put("$device", agent.device)
        put("$device_brand", agent.brand)
        put("$device_model", agent.model)
        put("$device_type", (agent.type?.rawValue).map { Array($0.utf8) })
        if agent.isBot || agent.browser != nil { put("$browser_type", Array((agent.isBot ? "bot" : "browser").utf8)) }
        store.put(
            Array("$is_bot".utf8),
            json: Array((agent.isBot ? "true" : "false").utf8),
            kind: agent.isBot ? .true : .false
        )
        return store.close()
    }
}
