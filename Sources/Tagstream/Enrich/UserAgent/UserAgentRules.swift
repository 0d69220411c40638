import CRE2

/// The rules by which user agents are recognised, compiled: uap-core's `regexes.yaml`, by its specification.
///
/// Of each of three lists (browsers, operating systems, devices) the first rule that matches counts, in the file's order, and its
/// groups are put into its replacements. RE2 matches them in time linear in the text.
///
/// Sendable: the lists are compiled once here and only searched afterwards, which RE2 allows any number of threads to do at once; they are
/// destroyed by the last owner, when nobody is left to search.
public final class UserAgentRules: @unchecked Sendable {
    private let browsers: RuleList
    private let systems: RuleList
    private let devices: RuleList

    /// Texts that are longer are taken for no user agent: real ones have 60 to 600 bytes.
    public static let longestText = 1024

    /// Compiles the rules of a file; takes some tenths of a second for 1,200.
    ///
    /// - Throws: ``UserAgentRulesFailure`` with the line and what RE2 says of its pattern.
    public init(_ bytes: UnsafeRawBufferPointer) throws(UserAgentRulesFailure) {
        let file = try UserAgentRuleFile(bytes)
        browsers = try RuleList(file.browsers) {
            [
                $0["family_replacement"], $0["v1_replacement"], $0["v2_replacement"], $0["v3_replacement"],
                $0["v4_replacement"],
            ]
        }
        systems = try RuleList(file.systems) {
            [
                $0["os_replacement"], $0["os_v1_replacement"], $0["os_v2_replacement"], $0["os_v3_replacement"],
                $0["os_v4_replacement"],
            ]
        }
        devices = try RuleList(file.devices) {
            [$0["device_replacement"], $0["brand_replacement"], $0["model_replacement"]]
        }
    }

    /// How many rules there are.
    public var count: Int { browsers.count + systems.count + devices.count }

    /// Recognises a user agent.
    ///
    /// Some microseconds to tens of them, and allocates: lanes ask their ``UserAgentCache``.
    ///
    /// - Parameter text: the text, decoded; one of more than ``longestText`` bytes is not looked at.
    public func recognise(_ text: UnsafeRawBufferPointer) -> UserAgent {
        var agent = UserAgent()
        guard !text.isEmpty, text.count <= Self.longestText else { return agent }
        if let match = browsers.first(in: text) {
            // A browser's family knows only group 1, and its version is taken as it stands.
            agent.browser = Self.family(match)
            agent.browserVersion = (1..<5).map { match.template($0).map { Array($0.utf8) } ?? match.group($0 + 1) }
        }
        if let match = systems.first(in: text) {
            agent.system = match.filled(0, else: 1)
            agent.systemVersion = (1..<5).map { match.filled($0, else: $0 + 1) }
        }
        if let match = devices.first(in: text) {
            agent.device = match.filled(0, else: 1)
            agent.brand = match.filled(1, else: nil)
            agent.model = match.filled(2, else: 1)
        }
        agent.type = DeviceType(of: agent, text: text)
        return agent
    }

    private static func family(_ match: RuleList.Match) -> [UInt8]? {
        guard let template = match.template(0) else { return match.group(1) }
        let parts = template.split(separator: "$1", omittingEmptySubsequences: false)
        return Array(parts.joined(separator: String(decoding: match.group(1) ?? [], as: UTF8.self)).utf8)
    }
}

/// What a user agent was recognised as; a part that no rule tells is nil.
public struct UserAgent: Equatable, Sendable {
    /// The browser's family, such as `Mobile Safari`.
    public var browser: [UInt8]?
    /// Up to four parts, the most significant first.
    public var browserVersion: [[UInt8]?] = []
    /// The operating system's family, such as `iOS`.
    public var system: [UInt8]?
    /// Up to four parts, the most significant first.
    public var systemVersion: [[UInt8]?] = []
    /// The device's family, such as `iPhone`; `Spider` for robots.
    public var device: [UInt8]?
    /// Who makes the device.
    public var brand: [UInt8]?
    /// The device's model.
    public var model: [UInt8]?
    /// What kind of thing it is.
    public var type: DeviceType?

    /// Makes one of which nothing is known.
    public init() {}

    /// Whether it is a robot: uap-core calls their devices `Spider`.
    public var isBot: Bool { device.map { $0.elementsEqual("Spider".utf8) } ?? false }

    /// The parts of a version up to the first that is missing, joined by dots; nil when there is none.
    public static func version(_ parts: [[UInt8]?]) -> [UInt8]? {
        let known = parts.prefix { $0 != nil }.compactMap { $0 }
        return known.isEmpty ? nil : Array(known.joined(separator: [0x2E]))
    }
}

/// One list of rules.
private final class RuleList {
    private let handle: OpaquePointer
    private let templates: [[String?]]

    var count: Int { templates.count }

    /// RE2's budget for a rule's program and its automata: the largest real rule needs a fourth of it.
    private static let budget: Int64 = 2 << 20

    init(
        _ rules: [UserAgentRuleFile.Rule],
        templates fields: (UserAgentRuleFile.Rule) -> [String?]
    ) throws(UserAgentRulesFailure) {
        templates = rules.map(fields)
        guard let created = tagstream_rules_create() else { throw UserAgentRulesFailure("out of memory") }
        handle = created
        for rule in rules {
            guard let pattern = rule["regex"] else {
                throw UserAgentRulesFailure("the rule has no \"regex\"", line: rule.line)
            }
            let flag = rule["regex_flag"]
            guard flag == nil || flag == "i" else {
                throw UserAgentRulesFailure("regex_flag is \"\(flag ?? "")\", expected 'i'", line: rule.line)
            }
            let error = Array(pattern.utf8).withUnsafeBytes { bytes in
                tagstream_rules_add(
                    created,
                    bytes.baseAddress?.assumingMemoryBound(to: CChar.self),
                    bytes.count,
                    flag == nil ? 0 : 1,
                    Self.budget
                )
            }
            if let error { throw UserAgentRulesFailure("RE2: \(String(cString: error))", line: rule.line) }
        }
        guard tagstream_rules_compile(created) == 0 else { throw UserAgentRulesFailure("out of memory") }
    }

    deinit { tagstream_rules_destroy(handle) }

    struct Match {
        let text: UnsafeRawBufferPointer
        let templates: [String?]
        let groups: [tagstream_group]

        func template(_ index: Int) -> String? { templates[index] }

        /// A group's text; nil where it is empty or did not take part.
        func group(_ index: Int) -> [UInt8]? {
            let group = groups[index]
            guard group.offset >= 0, group.length > 0 else { return nil }
            return Array(text[Int(group.offset)..<Int(group.offset + group.length)])
        }

        /// A template with its `$1` to `$9` replaced, and blanks at its ends taken off; without a template a group, treated alike.
        func filled(_ index: Int, else fallback: Int?) -> [UInt8]? {
            var out: [UInt8] = []
            if let template = templates[index] {
                var rest = Array(template.utf8)[...]
                while let byte = rest.popFirst() {
                    if byte == 0x24, let digit = rest.first, isDigit(digit) {
                        rest.removeFirst()
                        if digit > 0x30 { out += group(Int(digit - 0x30)) ?? [] }
                    } else {
                        out.append(byte)
                    }
                }
            } else if let fallback {
                out = group(fallback) ?? []
            }
            let trimmed = out.drop { $0 <= 0x20 }
            guard let last = trimmed.lastIndex(where: { $0 > 0x20 }) else { return nil }
            return Array(trimmed[...last])
        }
    }

    func first(in text: UnsafeRawBufferPointer) -> Match? {
        var groups = [tagstream_group](repeating: tagstream_group(offset: -1, length: 0), count: 10)
        let index = tagstream_rules_first(handle, text.baseAddress, text.count, &groups)
        guard index >= 0, Int(index) < templates.count else { return nil }
        return Match(text: text, templates: templates[Int(index)], groups: groups)
    }
}
