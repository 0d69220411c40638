import ArgumentParser
import Foundation
import Tagstream

/// `tagstream user-agent`: what the worker recognises in user agents.
struct UserAgentCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "user-agent",
        abstract: "Show what user agents are recognised as, by the rules of uap-core.",
        discussion: """
            Reads one user agent a line and writes one JSON object a line: "browser" and "os" with "family" and "version" (up to four \
            parts), "device" with "family", "brand" and "model", "device_type", "is_bot", and the "properties" that an event gets. What \
            no rule tells is null.

              echo 'Mozilla/5.0 (iPhone; CPU iPhone OS 17_1 like Mac OS X) Version/17.1 Mobile/15E148 Safari/604.1' \\
                | tagstream user-agent

            Exit codes: 0 done; 2 the rules cannot be read, or wrong use.
            """
    )

    @Option(help: "The rules: regexes.yaml of uap-core.")
    var rules = UserAgentCommand.debianRules

    @Argument(help: "A file of user agents, one a line; - for standard input.")
    var file = "-"

    /// Where Debian's package uap-core has the rules.
    static let debianRules = "/usr/share/uap-core/regexes.yaml"

    func run() async throws {
        try await reportingFailures {
            let rules = try Self.read(rules)
            var lines = try LineFile(file)
            var out = LineWriter(FileHandle.standardOutput)
            var cache = UserAgentCache()
            try lines.forEachLine(
                { _, line in
                    let agent = rules.recognise(line)
                    out.write(Self.json(agent, cache.find(line, by: rules)))
                },
                release: {}
            )
            out.flush()
        }
    }

    private static func read(_ path: String) throws -> UserAgentRules {
        guard let bytes = FileManager.default.contents(atPath: path) else {
            throw Failure(
                .usage,
                "cannot read the rules \"\(path)\"; Debian's package uap-core has them in \(debianRules)"
            )
        }
        do {
            return try bytes.withUnsafeBytes { bytes throws(UserAgentRulesFailure) in try UserAgentRules(bytes) }
        } catch {
            throw Failure(.usage, "\(path): \(error)")
        }
    }

    private static func json(_ agent: UserAgent, _ members: Members) -> String {
        func text(_ bytes: [UInt8]?) -> JSONTree { bytes.map { .string(String(decoding: $0, as: UTF8.self)) } ?? .null }
        func version(_ parts: [[UInt8]?]) -> JSONTree {
            .array((0..<4).map { text($0 < parts.count ? parts[$0] : nil) })
        }
        func object(_ members: (String, JSONTree)...) -> JSONTree {
            .object(members.map { JSONTree.Member(key: $0.0, value: $0.1) })
        }
        let recognised = [
            "\"browser\":"
                + object(("family", text(agent.browser)), ("version", version(agent.browserVersion))).jsonText,
            "\"os\":" + object(("family", text(agent.system)), ("version", version(agent.systemVersion))).jsonText,
            "\"device\":"
                + object(("family", text(agent.device)), ("brand", text(agent.brand)), ("model", text(agent.model)))
                .jsonText,
            "\"device_type\":" + (agent.type.map { JSONTree.string($0.rawValue) } ?? .null).jsonText,
            "\"is_bot\":\(agent.isBot)", "\"properties\":" + members.jsonText,
        ]
        return "{" + recognised.joined(separator: ",") + "}"
    }
}
