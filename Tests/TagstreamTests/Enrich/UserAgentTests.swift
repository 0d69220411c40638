import TestKit
import Testing

@testable import Tagstream

@Suite struct `User agents` {
    /// A few rules in the form of uap-core, written for these tests.
    private static let file = #"""
        user_agent_parsers:
          # the first that matches counts
          - regex: '(Special) Browser/(\d+)\.(\d+)'
            family_replacement: '$1 One'
            v2_replacement: '9'   # static

          - regex: '(Browser)/(\d+)(?:\.(\d+)(?:\.(\d+)|)|)'
          - regex: 'It''s (me)'
            family_replacement: 'Fixed'
          - regex: '(crawler)/'

        os_parsers:
          - regex: '(Win)dows NT (6)\.(1)'
            os_replacement: '$1dows'
            os_v1_replacement: '7'
            os_v2_replacement: ' $3 '
          - regex: '(iOS|Android) (\d+)'

        device_parsers:
          - regex: 'crawler'
            device_replacement: 'Spider'
            brand_replacement: 'Spider'
            model_replacement: 'Desktop'
          - regex: '; *(acme) ([^;)]+)\)'
            regex_flag: 'i'
            device_replacement: 'ACME $2'
            brand_replacement: 'ACME'
            model_replacement: '$2'
          - regex: '(iPhone)'
        """#

    private func rules(_ text: String = file) throws -> UserAgentRules {
        try text.withBytes { bytes in try UserAgentRules(bytes) }
    }

    private func refusal(_ text: String) -> String? {
        do {
            _ = try rules(text)
            return nil
        } catch {
            return "\(error)"
        }
    }

    private func text(_ bytes: [UInt8]?) -> String? { bytes.map { String(decoding: $0, as: UTF8.self) } }

    @Test func `are recognised by the first rule of each list that matches`() throws {
        let rules = try rules()
        #expect(rules.count == 9)
        let one = "Special Browser/4.5 (Windows NT 6.1; AcMe  Phone 3 )".withBytes { rules.recognise($0) }
        #expect(text(one.browser) == "Special One")
        #expect(one.browserVersion.map(text) == ["4", "9", nil, nil])
        #expect(text(one.system) == "Windows")
        #expect(one.systemVersion.map(text) == ["7", "1", nil, nil])
        #expect(text(one.device) == "ACME  Phone 3")
        #expect(text(one.brand) == "ACME")
        #expect(text(one.model) == "Phone 3")
        #expect(!one.isBot)
        let two = "Browser/12.3.4 (iPhone; iOS 17)".withBytes { rules.recognise($0) }
        #expect(text(two.browser) == "Browser")
        #expect(two.browserVersion.map(text) == ["12", "3", "4", nil])
        #expect(text(two.system) == "iOS")
        #expect((text(two.device), text(two.brand), text(two.model)) == ("iPhone", nil, "iPhone"))
        #expect(two.type == .mobile)
        #expect(text("It's me".withBytes { rules.recognise($0) }.browser) == "Fixed")
        #expect("nothing".withBytes { rules.recognise($0) } == UserAgent())
        #expect("".withBytes { rules.recognise($0) } == UserAgent())
        let bot = "crawler/ (Android 9)".withBytes { rules.recognise($0) }
        #expect(bot.isBot)
        #expect(bot.type == .bot)
    }

    @Test func `are rendered as members, of which the row and matching see the same`() throws {
        let rules = try rules()
        var cache = UserAgentCache()
        "Special Browser/4.5 (Windows NT 6.1; acme a\"b\\c)".withBytes { text in
            let expected: [String: JSONTree] = [
                "$browser": .string("Special One"), "$browser_version": .string("4.9"), "$os": .string("Windows"),
                "$os_version": .string("7.1"), "$device": .string("ACME a\"b\\c"), "$device_brand": .string("ACME"),
                "$device_model": .string("a\"b\\c"), "$device_type": .string("Desktop"),
                "$browser_type": .string("browser"),
                "$is_bot": .bool(false),
            ]
            for _ in 0..<2 {
                let found = cache.find(text, by: rules)
                #expect(found.object == expected)
                #expect(found.objectOnWorkbench() == expected)
            }
            #expect(Set(expected.keys) == Set(UserAgentCache.keys))
        }
        "crawler/".withBytes { text in
            let found = cache.find(text, by: rules)
            #expect(found.object?["$is_bot"] == .bool(true))
            #expect(found.object?["$browser_type"] == .string("bot"))
            #expect(found.object?["$device_type"] == .string("Bot"))
        }
        "unheard of".withBytes { #expect(cache.find($0, by: rules).object == ["$is_bot": .bool(false)]) }
        "".withBytes { #expect(cache.find($0, by: rules).isEmpty) }
    }

    @Test func `of more than the longest text are not looked at`() throws {
        let rules = try rules()
        var cache = UserAgentCache()
        let longest = "Browser/1 " + String(repeating: "x", count: UserAgentRules.longestText - 10)
        longest.withBytes { #expect(!cache.find($0, by: rules).isEmpty) }
        (longest + "x").withBytes { #expect(cache.find($0, by: rules).isEmpty) }
    }

    @Test func `are remembered within bounds, and anew when the rules are others`() throws {
        let rules = try rules()
        var cache = UserAgentCache(agents: 32, bytes: 16 << 10)
        var random = SeededGenerator(seed: 11)
        for _ in 0..<5000 {
            let version = random.below(200)
            "Browser/\(version)".withBytes { text in
                #expect(cache.find(text, by: rules).object?["$browser_version"] == .string("\(version)"))
            }
            #expect(cache.entryCount <= 64)
        }
        let other = try self.rules("user_agent_parsers:\n  - regex: '(Brow)ser'\n")
        "Browser/1".withBytes { text in
            #expect(cache.find(text, by: other).object?["$browser"] == .string("Brow"))
            #expect(cache.find(text, by: rules).object?["$browser"] == .string("Browser"))
        }
    }

    @Test(arguments: [
        ("Mozilla/5.0 (iPad; CPU OS 16_0 like Mac OS X) Mobile/15E148", DeviceType.tablet),
        ("Mozilla/5.0 (Linux; Android 13; SM-X700) Chrome/120.0 Safari/537.36", .tablet),
        ("Mozilla/5.0 (Linux; Android 13; SM-S911B) Chrome/120.0 Mobile Safari/537.36", .mobile),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X)", .mobile), ("SAMSUNG; SmartTV; Tizen", .tv),
        ("Mozilla/5.0 (PlayStation 5/SmartTV)", .tv), ("Mozilla/5.0 (PlayStation 4 11.00)", .console),
        ("App/1 watchOS/10.1", .wearable), ("Mozilla/5.0 (Linux; Android 9; AFTMM Build)", .tv),
    ])
    func `have a kind of device`(text: String, type: DeviceType) {
        #expect(text.withBytes { DeviceType(of: UserAgent(), text: $0) } == type)
    }

    @Test func `have no kind of device where nothing says it`() {
        #expect("curl/8".withBytes { DeviceType(of: UserAgent(), text: $0) } == nil)
        var agent = UserAgent()
        agent.system = Array("Mac OS X".utf8)
        #expect("Mozilla/5.0 (Macintosh)".withBytes { DeviceType(of: agent, text: $0) } == .desktop)
    }

    @Test func `rules are refused with their line`() {
        #expect(refusal("")?.contains("no rules") == true)
        #expect(refusal("user_agent_parsers:\n  - regex: '(a'\n")?.hasPrefix("line 2: RE2: missing )") == true)
        #expect(refusal("user_agent_parsers:\n  - regex: '(?=a)'\n")?.hasPrefix("line 2: RE2: ") == true)
        #expect(refusal("user_agent_parsers:\n  - name: 'x'\n") == "line 2: the rule has no \"regex\"")
        #expect(refusal("parsers:\n")?.hasPrefix("line 1: found \"parsers:\"") == true)
        #expect(refusal("  - regex: 'x'\n")?.contains("before the name of a list") == true)
        #expect(refusal("os_parsers:\n    regex: 'x'\n")?.contains("before the first rule") == true)
        #expect(refusal("os_parsers:\n  - regex: 'x\n")?.contains("does not end in its quotes") == true)
        #expect(refusal("os_parsers:\n  - regex: 'x' y\n")?.contains("does not end in its quotes") == true)
        #expect(refusal("os_parsers:\n  - regex: *alias\n")?.contains("no text in quotes") == true)
        #expect(refusal("os_parsers:\n  - regex: 'x'\n    regex_flag: 'x'\n")?.contains("regex_flag is \"x\"") == true)
        #expect(
            refusal("os_parsers:\n  - regex: '\(String(repeating: "(a)", count: 10))'\n")?.contains("nine groups")
                == true
        )
        #expect(refusal("os_parsers:\n  - regex: \"a\\\\d\"\n") == nil)
    }
}
