import Testing

@testable import Tagstream

/// Patterns that no index can file are searched for together.
@Suite("A set of patterns")
struct PatternSetTests {
    /// Patterns without four letters in a row that every match has.
    private static let patterns =
        (0..<100).map { #"/[a-z]+/\d{\#($0 % 9 + 1)}[\#("abcdefghijkl".prefix($0 / 9 + 1))]?$"# }

    private static func action(_ id: Int, _ filter: String) throws -> ActionDefinition {
        let text = #"{"id": \#(id), "steps": [{"event": "e", \#(filter)}]}"#
        return try #require(ActionDefinition.reading(try JSONTree(parsing: text)).definition)
    }

    private static func quoted(_ text: String) -> String { JSONTree.string(text).jsonText }

    /// Each pattern as an action on the URL, one on a property, and one that must not match it.
    private static func actions() throws -> [ActionDefinition] {
        try patterns.enumerated().flatMap { index, pattern in
            [
                try action(3 * index + 1, #""url": \#(quoted(pattern)), "url_matching": "regex""#),
                try action(3 * index + 2, property("regex", pattern)),
                try action(3 * index + 3, property("not_regex", pattern)),
            ]
        }
    }

    private static func property(_ meaning: String, _ pattern: String) -> String {
        #""properties": [{"key": "path", "operator": "\#(meaning)", "value": \#(quoted(pattern))}]"#
    }

    private static func event(_ url: String?, _ path: String?) -> [UInt8] {
        var members: [String] = []
        if let url { members.append(#""$current_url": \#(quoted(url))"#) }
        if let path { members.append(#""path": \#(path)"#) }
        return Array(
            #"{"event": "e", "distinct_id": "d", "properties": {\#(members.joined(separator: ","))}}"#.utf8
        )
    }

    @Test(
        "gives what each of its patterns gives",
        arguments: [
            ("/shop/12", #""/shop/12""#), ("/shop/123456789a", #""/docs/1l""#), ("", #""""#), (nil, nil),
            ("/é/1", "12"), ("nothing", #"["/shop/1"]"#), ("/shop/12\n", "null"), ("/a/1 /b/22", "true"),
        ] as [(String?, String?)]
    )
    func agrees(url: String?, path: String?) throws {
        let plan = ActionPlan.compile(try Self.actions())
        #expect(plan.tables.sets.count >= 2)
        var trial = Trial()
        try Self.event(url, path).withUnsafeBytes {
            let matching = (try trial.match($0, with: plan), try trial.matchLinearly($0, with: plan))
            #expect(matching.0 == matching.1)
        }
    }

    @Test("is one search, and the linear evaluator does without it")
    func searchesOnce() throws {
        let plan = ActionPlan.compile(
            try Self.patterns.enumerated().map { index, pattern in
                try Self.action(index + 1, #""url": \#(Self.quoted(pattern)), "url_matching": "regex""#)
            }
        )
        #expect(plan.tables.sets.count == 1 && plan.tables.sets[0].count == 100)
        var trial = Trial()
        try Self.event("https://example.com/shop/123", nil).withUnsafeBytes {
            let before = trial.matcher.evaluator.evaluated
            let matching = try trial.match($0, with: plan)
            #expect(trial.matcher.evaluator.evaluated - before == 1)
            // Three digits and nothing behind them: every ninth pattern.
            #expect(matching.count == 11)
        }
    }

    @Test("leaves a long text to each pattern")
    func longText() throws {
        let plan = ActionPlan.compile(try Self.actions())
        let long = String(repeating: "x", count: 300_000) + "/shop/12"
        var trial = Trial()
        try Self.event(long, Self.quoted(long)).withUnsafeBytes {
            let matching = (try trial.match($0, with: plan), try trial.matchLinearly($0, with: plan))
            #expect(matching.0 == matching.1 && matching.0.count > 100)
        }
    }

    @Test("is not made of a few patterns, of heavy ones, nor of those that the index files")
    func without() throws {
        let heavy = (0..<20).map { #"[a-z]{300}\#($0)"# }
        let filed = (0..<20).map { #"/products/\d+/\#($0)"# }
        for patterns in [Array(Self.patterns.prefix(PatternSet.fewest - 1)), heavy, filed] {
            let plan = ActionPlan.compile(
                try patterns.enumerated().map { index, pattern in
                    try Self.action(index + 1, #""url": \#(Self.quoted(pattern)), "url_matching": "regex""#)
                }
            )
            #expect(plan.tables.sets.count == 0)
        }
    }

    @Test("is not compiled again when another action changes")
    func reused() throws {
        let actions = try Self.actions()
        let first = ActionPlan.compile(actions)
        let more = try Self.action(1000, #""url": "/pricing""#)
        let second = first.changing([1000: more], leaving: .max)
        let relinked = first.changing([1000: more], leaving: 0)
        let withoutOneURL = first.changing([actions[0].id: ActionDefinition?.none], leaving: 0)
        func handles(_ plan: ActionPlan) -> Set<OpaquePointer> {
            Set((0..<plan.tables.sets.count).map { plan.tables.sets[$0].handle })
        }
        #expect(handles(second) == handles(first))
        #expect(handles(relinked) == handles(first))
        #expect(handles(first).count == 3)
        #expect(handles(withoutOneURL).intersection(handles(first)).count == 2)
    }
}
