/// Reads `regexes.yaml` of the uap-core project: three lists of rules, each a pattern and what replaces its groups.
///
/// The file is YAML, but of one shape: a list's name, and under it items of one-line texts in quotes. Only that shape is read, because
/// nothing else of YAML (aliases, folded texts, types) has a meaning here, and a line that does not fit is better refused than guessed.
struct UserAgentRuleFile {
    /// A rule: its fields by name.
    struct Rule {
        var line: Int
        var fields: [(name: String, text: String)]

        /// A field's text; nil where there is none or it is empty.
        subscript(name: String) -> String? {
            guard let text = fields.last(where: { $0.name == name })?.text, !text.isEmpty else { return nil }
            return text
        }
    }

    var browsers: [Rule] = []
    var systems: [Rule] = []
    var devices: [Rule] = []

    /// The file's size in bytes and its rules in number are limited: real ones have 0.2 MB and 1,200.
    private static let largestFile = 4 << 20
    private static let mostRules = 10_000

    /// Reads a file.
    ///
    /// - Throws: ``UserAgentRulesFailure`` with the line.
    init(_ bytes: UnsafeRawBufferPointer) throws(UserAgentRulesFailure) {
        guard bytes.count <= Self.largestFile else {
            throw UserAgentRulesFailure("the file has \(bytes.count) bytes, the limit is \(Self.largestFile)")
        }
        if let start = bytes.baseAddress, !isUTF8(start.assumingMemoryBound(to: UInt8.self), bytes.count) {
            throw UserAgentRulesFailure("the file is not UTF-8")
        }
        var list: WritableKeyPath<UserAgentRuleFile, [Rule]>?
        var number = 0
        for line in bytes.split(separator: 0x0A, omittingEmptySubsequences: false) {
            number += 1
            var rest = Substring(decoding: line, as: UTF8.self)
            if rest.hasSuffix("\r") { rest.removeLast() }
            let indent = rest.prefix { $0 == " " }.count
            rest = rest.dropFirst(indent)
            if rest.isEmpty || rest.hasPrefix("#") || rest == "---" { continue }
            if indent == 0 {
                list = try Self.list(rest, number)
                continue
            }
            guard let list else { throw UserAgentRulesFailure("a rule stands before the name of a list", line: number) }
            let isFirst = rest.hasPrefix("- ")
            if isFirst { rest = rest.dropFirst(2).drop { $0 == " " } }
            let field = try Self.field(rest, number)
            if isFirst {
                self[keyPath: list].append(Rule(line: number, fields: [field]))
            } else {
                guard let last = self[keyPath: list].indices.last else {
                    throw UserAgentRulesFailure(
                        "\"\(field.name)\" stands before the first rule of its list",
                        line: number
                    )
                }
                self[keyPath: list][last].fields.append(field)
            }
        }
        let count = browsers.count + systems.count + devices.count
        guard count > 0 else { throw UserAgentRulesFailure("the file has no rules") }
        guard count <= Self.mostRules else {
            throw UserAgentRulesFailure("the file has \(count) rules, the limit is \(Self.mostRules)")
        }
    }

    private static func list(
        _ text: Substring,
        _ line: Int
    ) throws(UserAgentRulesFailure) -> WritableKeyPath<UserAgentRuleFile, [Rule]> {
        switch text {
        case "user_agent_parsers:": \.browsers
        case "os_parsers:": \.systems
        case "device_parsers:": \.devices
        default:
            throw UserAgentRulesFailure(
                "found \"\(text.prefix(60))\", expected user_agent_parsers:, os_parsers: or device_parsers:",
                line: line
            )
        }
    }

    /// Reads `name: 'text'`.
    private static func field(_ text: Substring, _ line: Int) throws(UserAgentRulesFailure) -> (
        name: String, text: String
    ) {
        guard let colon = text.firstIndex(of: ":") else {
            throw UserAgentRulesFailure("found \"\(text.prefix(60))\", expected name: 'text'", line: line)
        }
        let name = text[..<colon]
        let value = text[text.index(after: colon)...].drop { $0 == " " }
        guard let quote = value.first, quote == "'" || quote == "\"" else {
            throw UserAgentRulesFailure("\"\(name)\" has no text in quotes", line: line)
        }
        var content = ""
        var rest = value.dropFirst()
        while let character = rest.popFirst() {
            if character == quote {
                // Two quotes are one; a single one ends the text.
                guard quote == "'", rest.first == "'" else {
                    let behind = rest.drop { $0 == " " }
                    guard behind.isEmpty || behind.hasPrefix("#") else { break }
                    return (String(name), content)
                }
                rest = rest.dropFirst()
            } else if quote == "\"", character == "\\" {
                guard let escaped = rest.popFirst(), escaped == "\\" || escaped == "\"" || escaped == "/" else { break }
                content.append(escaped)
                continue
            }
            content.append(character)
        }
        throw UserAgentRulesFailure("the text of \"\(name)\" does not end in its quotes", line: line)
    }
}

/// Why a file of rules for user agents is refused.
public struct UserAgentRulesFailure: Error, Sendable, CustomStringConvertible {
    /// What was found.
    public let message: String
    /// In which line of the file, counted from 1; nil where it is about the file.
    public let line: Int?

    init(_ message: String, line: Int? = nil) {
        self.message = message
        self.line = line
    }

    /// The message with its place.
    public var description: String { line.map { "line \($0): \(message)" } ?? message }
}
