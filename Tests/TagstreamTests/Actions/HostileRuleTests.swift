import Testing

@testable import Tagstream

/// Definitions that somebody wrote to do harm (R1–R8 of the threat model): refused, or within their budget.
@Suite("A hostile definition")
struct HostileRuleTests {
    private func read(_ members: String) throws -> ActionReading {
        ActionDefinition.reading(try JSONTree(parsing: #"{"id": 1, \#(members)}"#))
    }

    private func filter(_ operation: String, _ value: JSONTree) throws -> ActionReading {
        try read(
            #""steps": [{"properties": [{"key": "a", "operator": "\#(operation)", "value": \#(value.jsonText)}]}]"#
        )
    }

    private func matches(_ reading: ActionReading, _ text: String) throws -> Bool {
        let plan = ActionPlan.compile([try #require(reading.definition)])
        let value = JSONTree.string(text).jsonText
        let event = Array(
            #"{"event": "x", "distinct_id": "d", "properties": {"a": \#(value), "$current_url": \#(value)}}"#.utf8
        )
        var trial = Trial()
        return try event.withUnsafeBytes { try !trial.match($0, with: plan).isEmpty }
    }

    // MARK: R1–R3, patterns

    /// Patterns for which backtracking engines take exponential or polynomial time.
    static let evil = [
        "(a+)+$", "(a+)+b", "([a-zA-Z]+)*$", "(a|aa)+$", "(a|a?)+$", "(.*a){20}$", "(a*)*b", "((a*)*)*b", "(a|b|ab)*c",
        "^(([a-z])+.)+[A-Z]([a-z])+$", "(x+x+)+y", "(?:(?:a{0,20}){0,20})b", "^(a?){50}a{50}b$",
        "(\\w+\\s*)+:", "([^\"\\\\]|\\\\.)*\\\\$", "(.*)*(.*)*(.*)*x", "a*a*a*a*a*a*a*a*b", "(?i)(ſ|s)+K$",
    ]

    @Test("is a pattern that others backtrack on: it is linear here", arguments: evil)
    func backtracking(pattern: String) throws {
        let reading = try filter("regex", .string(pattern))
        guard reading.definition != nil else {
            #expect(reading.refusals.map(\.reason) == [.regex])
            return
        }
        let clock = ContinuousClock()
        let text = String(repeating: "a", count: 50_000) + "!"
        let time = try clock.measure { _ = try matches(reading, text) }
        // A backtracking engine would not be done this year; the bound leaves room for a busy machine and a debug build.
        #expect(time < .seconds(5))
    }

    @Test(
        "is a pattern with a program beyond the budget: it is refused",
        arguments: [
            "(a{1,1000}){1,1000}", "((((a{1,100}){1,100}){1,100}){1,100})", "(?:(?:x{1000}){1000})", "x{1001}",
            "(\\pL{500}){500}", "(((((((((a{9}){9}){9}){9}){9}){9}){9}){9}){9})",
        ]
    )
    func programs(pattern: String) throws {
        #expect(try filter("regex", .string(pattern)).refusals.map(\.reason) == [.regex])
    }

    @Test("is a pattern that nests very deeply, or is very long: it is refused or compiled")
    func deepPatterns() throws {
        let deep = String(repeating: "(", count: 2000) + "a" + String(repeating: ")", count: 2000)
        let reading = try filter("regex", .string(deep))
        #expect(reading.definition != nil || reading.refusals.map(\.reason) == [.regex])
        #expect(try filter("regex", .string(String(repeating: "a", count: 4097))).refusals.map(\.reason) == [.regex])
    }

    @Test("is a list of large patterns: compiling stops at the budget of an action")
    func manyPatterns() throws {
        let clock = ContinuousClock()
        var reading = ActionReading(refusals: [], warnings: [])
        let time = try clock.measure {
            reading = try filter("regex", .array((0..<2000).map { .string("[a-z]{300}\($0)") }))
        }
        #expect(reading.refusals.map(\.reason) == [.budget])
        #expect(time < .seconds(10))
        let tooLarge = try filter(
            "regex",
            .array((0..<500).map { .string("(?:(?:\\pL){30}){30}\($0)") })
        )
        #expect(tooLarge.refusals.count < 20)
        #expect(tooLarge.refusals.allSatisfy { $0.reason == .regex })
    }

    // MARK: R4, selectors

    @Test("is a long selector: it is refused", arguments: [" ", ">", ","])
    func selectors(combinator: String) throws {
        let selector = Array(repeating: "div", count: 10_000).joined(separator: combinator)
        #expect(try read(#""steps": [{"selector": "\#(selector)"}]"#).refusals.map(\.reason) == [.selector])
    }

    @Test("is one compound with very many tests: its cost is counted")
    func compounds() throws {
        let selector = "a" + String(repeating: ".b", count: 10_000)
        #expect(try read(#""steps": [{"selector": "\#(selector)"}]"#).refusals.map(\.reason) == [.budget])
    }

    @Test("is a selector that makes matching backtrack over a deep chain: it ends")
    func backtrackingSelector() throws {
        let selector = Array(repeating: "div", count: 31).joined(separator: " ") + " p"
        let reading = try read(#""steps": [{"selector": "\#(selector)"}]"#)
        let plan = ActionPlan.compile([try #require(reading.definition)])
        let chain = "p:" + String(repeating: ";div:", count: 1000)
        let text = #"{"event": "$autocapture", "distinct_id": "d", "properties": {"$elements_chain": "\#(chain)"}}"#
        var trial = Trial()
        let clock = ContinuousClock()
        var ids: [Int64] = []
        let time = try clock.measure {
            ids = try Array(text.utf8).withUnsafeBytes { try trial.match($0, with: plan) }
        }
        #expect(ids == [1])
        // Child combinators that nearly fit force a search; naive backtracking would take 1000 over 16 steps here.
        let nearly = Array(repeating: "div > div", count: 15).joined(separator: " ") + " section p"
        let other = ActionPlan.compile([
            try #require(try read(#""steps": [{"selector": "\#(nearly)"}]"#).definition)
        ])
        let second = try clock.measure {
            ids = try Array(text.utf8).withUnsafeBytes { try trial.match($0, with: other) }
        }
        #expect(ids.isEmpty)
        #expect(time < .seconds(5) && second < .seconds(5))
    }

    // MARK: R5, R6, sizes

    @Test("is nested beyond the depth of JSON that is read", arguments: [65, 10_000, 1_000_000])
    func depth(levels: Int) {
        for (open, close) in [("[", "]"), (#"{"a":"#, "}")] {
            let text = String(repeating: open, count: levels) + "1" + String(repeating: close, count: levels)
            #expect(throws: JSONFailure.self) { try JSONTree(parsing: text) }
        }
        var log = CatalogueLog()
        let change = log.put("action/2/1", String(repeating: "[", count: levels))
        guard case .quarantined = change else {
            Issue.record("expected it quarantined")
            return
        }
    }

    @Test("has 10,000 values: it is within the budget and matches")
    func manyValues() throws {
        let values = (0..<10_000).map { JSONTree.string("v\($0)") }
        let reading = try filter("exact", .array(values))
        #expect(reading.definition?.cost == 10_002)
        #expect(try matches(reading, "v9999"))
        #expect(try !matches(reading, "v10000"))
    }

    @Test("has huge texts: it is refused by its size")
    func hugeTexts() throws {
        let huge = String(repeating: "x", count: 2_000_000)
        for field in ["event", "url", "text", "selector"] {
            let reading = try read(#""steps": [{"\#(field)": "\#(huge)"}]"#)
            #expect(reading.refusals.map(\.reason) == [.size])
            #expect(reading.refusals.allSatisfy { $0.description.utf8.count < 1000 })
        }
    }

    @Test("has a pattern of many wildcards: its cost is counted, and it ends")
    func wildcards() throws {
        let reading = try read(#""steps": [{"url": "\#(String(repeating: "a%", count: 2000))b"}]"#)
        let clock = ContinuousClock()
        var isMatched = true
        let time = try clock.measure { isMatched = try matches(reading, String(repeating: "a", count: 50_000)) }
        #expect(!isMatched)
        #expect(time < .seconds(5))
        let any = String(repeating: "_", count: 10_000)
        #expect(try read(#""steps": [{"url": "\#(any)"}]"#).refusals.map(\.reason) == [.budget])
    }

    @Test("has very many keys, or one key very often: reading it is linear")
    func manyKeys() throws {
        let clock = ContinuousClock()
        let different = (0..<50_000).map { #""k\#($0)": 1"# }.joined(separator: ",")
        let same = Array(repeating: #""k": 1"#, count: 50_000).joined(separator: ",")
        let time = try clock.measure {
            for keys in [different, same] { _ = try read(#""steps": [{"event": "x"}], \#(keys)"#) }
        }
        #expect(time < .seconds(10))
        let step = try read(#""steps": [{\#(different)}]"#)
        #expect(step.warnings.count <= Refusal.largestCount + 1)
    }

    @Test("is one of 50,000: all are read, linked and within the default quota")
    func manyActions() throws {
        var catalogue = Catalogue()
        for id in 1...50_000 {
            let text =
                #"{"id": \#(id), "steps": [{"event": "e\#(id % 100)", "properties": [{"key": "k", "value": "v\#(id)"}]}]}"#
            catalogue.apply(key: Array("action/2/\(id)".utf8), value: Array(text.utf8), at: Int64(id))
        }
        #expect(catalogue.actionCount == 50_000)
        #expect(catalogue.quarantined.isEmpty)
        let plan = catalogue.snapshot(onlyTeam: 2).teams[0].plan
        var trial = Trial()
        let event = Array(#"{"event": "e7", "distinct_id": "d", "properties": {"k": "v49907"}}"#.utf8)
        #expect(try event.withUnsafeBytes { try trial.match($0, with: plan) } == [49_907])
    }

    @Test("is one of 20,000 beyond a quota: each is quarantined, and the first ones stay in force")
    func manyBeyondQuota() {
        var log = CatalogueLog()
        log.team(2, token: "t", quota: 1000)
        let clock = ContinuousClock()
        let time = clock.measure {
            for id in 1...20_000 {
                let text = #"{"id": \#(id), "steps": [{"event": "x"}]}"#
                log.put("action/2/\(id)", text)
            }
        }
        #expect(log.catalogue.actionCount == 500)
        #expect(log.catalogue.quarantined.count == 19_500)
        #expect(time < .seconds(30))
    }
}
