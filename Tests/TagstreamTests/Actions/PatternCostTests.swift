import Testing

@testable import Tagstream

/// Patterns that were written against RE2 itself: their automaton outgrows its cache, or has no room from the beginning.
@Suite("A pattern written against RE2")
struct PatternCostTests {
    private static func action(_ meaning: String, _ pattern: String) throws -> ActionReading {
        let filter = #"{"key": "p", "operator": "\#(meaning)", "value": \#(JSONTree.string(pattern).jsonText)}"#
        return ActionDefinition.reading(
            try JSONTree(parsing: #"{"id": 1, "steps": [{"properties": [\#(filter)]}]}"#)
        )
    }

    private static func event(_ text: String) -> [UInt8] {
        Array(
            #"{"event": "e", "distinct_id": "d", "properties": {"p": \#(JSONTree.string(text).jsonText)}}"#.utf8
        )
    }

    /// So many characters of an alphabet, the same every time and without a period.
    private static func noise(_ alphabet: String, _ count: Int) -> String {
        let letters = Array(alphabet)
        var state: UInt64 = 1
        var text = ""
        for _ in 0..<count {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            text.append(letters[Int((state >> 33) % UInt64(letters.count))])
        }
        return text
    }

    private static let letters = "abcdefghijklmnopqrstuvwxyz0123456789"

    private func verdict(_ pattern: String, _ text: String, _ meaning: String = "regex") throws -> Verdict {
        let definition = try #require(try Self.action(meaning, pattern).definition)
        var trial = Trial()
        return try Self.event(text).withUnsafeBytes { try trial.explain($0, [definition])[0].verdict }
    }

    @Test(
        "is refused when its automaton has no room, with what to write instead",
        arguments: [
            "(?:a.{1000}|b.{1000}|c.{1000}|d.{1000})!", "\\pL{50}!", "\\pL{2,60}@", "(?i)\\pL{100}x", "\\pL{200}!",
            "^user: \\pL{60}", "\\pL{60}$", "^id=\\pL{60}$", ".{1000}.{1000}.{1000}.{1000}!",
        ]
    )
    func refused(pattern: String) throws {
        for meaning in ["regex", "not_regex"] {
            let refusals = try Self.action(meaning, pattern).refusals
            #expect(refusals.map(\.reason) == [.regex], "\(pattern)")
            #expect(refusals.first?.description.contains("do not fit into 8 MiB") == true)
            #expect(refusals.first?.suggestion?.contains("shorter repetitions") == true)
        }
    }

    @Test(
        "fails on the long text that it was written for, and is evaluated on short ones",
        arguments: [
            ("[ab]*a[ab]{1000}c", "ab"), ("[ab]*a[ab]{300}c", "ab"), ("[ab]*a[ab]{100}c", "ab"),
            ("[ab]*a[ab]{30}c", "ab"), ("a.{200}!", "ab"), ("a.{900}!", "ab"), ("[a-d]{500}e[a-d]{400}!", "abcd"),
            ("(?:a|b.){400}~", "ab"), ("(?s).*a.{15}b.{15}c.{15}!", "abc"), ("[ -}]{900}~", "ab"),
            ("(?:[ab]{3}c?){200}!", "ab"), ("(?:a[bc]?){300}!", "aaaab"), ("(?i)a.{200}!", "aBb"),
            ("(?:[a-z]?){900}~", "abcdefghijklmnopqrstuvwxyz "), ("[\\w-]{1,300}-[\\w-]{300}~", "ab-"),
        ]
    )
    func failed(pattern: String, alphabet: String) throws {
        let long = Self.noise(alphabet, 50_000)
        #expect(try verdict(pattern, long) == .error, "\(pattern)")
        // What is not known is not known of the negation either.
        #expect(try verdict(pattern, long, "not_regex") == .error, "\(pattern)")
        #expect(try verdict(pattern, "cd") == .no)
        #expect(try verdict(pattern, "cd", "not_regex") == .yes)
    }

    @Test(
        "is evaluated like the usual ones when its automaton stays small, whatever the text",
        arguments: [
            ("[a-z0-9._%+-]+@[a-z0-9.-]+\\.[a-z]{2,}", "ann@shop.example"),
            ("(?i)https?://[^/ ]+/[A-Z]+", "HTTPS://shop.example/x"),
            ("\\pL+\\pN+\\pS", "é9$"), ("(?i)\\pL+ \\pL+!", "ж é!"), ("[0-9]{4}-[0-9]{2}-[0-9]{2}", "2026-01-31"),
            ("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "0123abcd-0123-0123-0123-0123456789ab"),
            ("a.{60}!$", "a" + String(repeating: "b", count: 60) + "!"), ("[ab]*a[ab]{5}~", "abbbbb~"),
            ("(?:\\+|00)[0-9]{6,14}", "+4912345678"),
            ("token=.{32}&", "token=" + String(repeating: "t", count: 32) + "&"),
        ]
    )
    func evaluated(pattern: String, match: String) throws {
        let long = Self.noise(Self.letters, 50_000)
        #expect(try verdict(pattern, long) == .no, "\(pattern)")
        #expect(try verdict(pattern, long + " " + match) == .yes, "\(pattern)")
        #expect(try verdict(pattern, match) == .yes, "\(pattern)")
    }

    @Test("is no choice of hundreds of words: that is evaluated")
    func words() throws {
        let words = (0..<400).map { "\(Self.noise("bcdfghklmn", 3 + $0 % 4))\($0)" }
        let pattern = "(?i)\\b(?:\(words.joined(separator: "|").prefix(4000)))_"
        let long = Self.noise(Self.letters + " ", 50_000)
        #expect(try verdict(pattern, long) == .no)
        #expect(try verdict(pattern, long + " \(words[100].uppercased())_") == .yes)
    }

    @Test("leaves the event's other actions alone, and its own where another step matches")
    func others() throws {
        func step(_ pattern: String) -> String {
            #"{"properties": [{"key": "p", "operator": "regex", "value": "\#(pattern)"}]}"#
        }
        let evil = (1...20).map { #"{"id": \#($0), "steps": [\#(step("[ab]*a[ab]{\(100 + $0)}c"))]}"# }
        let usual = #"{"id": 50, "steps": [\#(step("a[ab]+~"))]}"#
        let saved = #"{"id": 51, "steps": [\#(step("[ab]*a[ab]{99}c")), {"event": "e"}]}"#
        let definitions = try (evil + [usual, saved]).map { text in
            try #require(ActionDefinition.reading(try JSONTree(parsing: text)).definition)
        }
        let plan = ActionPlan.compile(definitions)
        var trial = Trial()
        // Whatever the caches hold by now, the outcome is the same.
        for _ in 0..<5 {
            let long = Self.event(Self.noise("ab", 50_000) + "~")
            try long.withUnsafeBytes { event in
                let matching = (
                    try trial.match(event, with: plan), try trial.matchLinearly(event, with: plan)
                )
                #expect(matching == ([50, 51], [50, 51]))
                let verdicts = try trial.explain(event, definitions).map(\.verdict)
                #expect(verdicts == Array(repeating: .error, count: 20) + [.yes, .yes])
            }
            try Self.event("ba~").withUnsafeBytes { event in
                let matching = try trial.match(event, with: plan)
                #expect(matching == [51])
            }
        }
    }

    @Test("is in the event's row among the actions that failed, and counted")
    func row() throws {
        var catalogue = Catalogue()
        let entries = [
            ("team/1", #"{"id": 1, "name": "Test", "api_token": "phc_test"}"#),
            ("action/1/3", Self.entry(3, "regex", "[ab]*a[ab]{300}c")),
            ("action/1/4", Self.entry(4, "regex", "[ab]+~")),
            ("action/1/5", Self.entry(5, "not_regex", "a.{200}!")),
        ]
        for (offset, entry) in entries.enumerated() {
            catalogue.apply(key: Array(entry.0.utf8), value: Array(entry.1.utf8), at: Int64(offset))
        }
        let long = flat(properties: #"{"p": "\#(Self.noise("ab", 50_000))~"}"#)
        let short = flat(properties: #"{"p": "ab~"}"#)
        let (counts, outcomes) = process([long, short], under: catalogue.snapshot())
        let rows = outcomes.map { Outcome(counts: counts, records: $0).row }
        #expect(rows[0]["actions"] as? [Int] == [4] && rows[0]["actions_failed"] as? [Int] == [3, 5])
        #expect(rows[1]["actions"] as? [Int] == [4, 5] && rows[1]["actions_failed"] == nil)
        #expect(counts.evaluationErrors == 2 && counts.matches == 3 && counts.tagged == 2)
    }

    private static func entry(_ id: Int, _ meaning: String, _ pattern: String) -> String {
        let filter = #"{"key": "p", "operator": "\#(meaning)", "value": "\#(pattern)"}"#
        return #"{"id": \#(id), "version": 1, "name": "A", "steps": [{"properties": [\#(filter)]}]}"#
    }
}
