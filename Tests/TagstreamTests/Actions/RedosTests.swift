import Foundation
import Testing

@testable import Tagstream

/// The published patterns that `make bench ARGS=redos` measures; here only what they match counts, not how long it takes.
@Suite("A published ReDoS pattern")
struct RedosTests {
    /// A line of Benchmarks/Inputs/redos.jsonl.
    struct Row {
        var pattern: String
        var source: String
        var prefix: String
        var pump: String
        var suffix: String

        /// An event whose property `p` is the attack, with so many bytes of repetitions.
        func event(pumped bytes: Int) -> [UInt8] {
            let attack = prefix + String(repeating: pump, count: bytes / pump.utf8.count) + suffix
            let value = JSONTree.string(attack).jsonText
            return Array(#"{"event": "e", "distinct_id": "d", "properties": {"p": \#(value)}}"#.utf8)
        }

        func reading(_ meaning: String) throws -> ActionReading {
            let filter = #"{"key": "p", "operator": "\#(meaning)", "value": \#(JSONTree.string(pattern).jsonText)}"#
            let action = #"{"id": 1, "steps": [{"properties": [\#(filter)]}]}"#
            return ActionDefinition.reading(try JSONTree(parsing: action))
        }
    }

    private static func rows() throws -> [Row] {
        let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent(
                "Benchmarks/Inputs/redos.jsonl"
            )
        return try Data(contentsOf: path).split(separator: 0x0A).map { line in
            let tree = try JSONTree(parsing: [UInt8](line))
            let attack = try #require(tree["attack"])
            return Row(
                pattern: try #require(tree["pattern"]?.text),
                source: try #require(tree["source"]?.text),
                prefix: try #require(attack["prefix"]?.text),
                pump: try #require(attack["pump"]?.text),
                suffix: try #require(attack["suffix"]?.text)
            )
        }
    }

    @Test("is one of at least 200, with its source and an attack, and no pattern is there twice")
    func file() throws {
        let rows = try Self.rows()
        #expect(rows.count >= 200)
        #expect(Set(rows.map(\.pattern)).count == rows.count)
        for row in rows {
            #expect(!row.pattern.isEmpty && !row.source.isEmpty && !row.pump.isEmpty, "\(row)")
        }
    }

    @Test("is refused as a pattern, or evaluated to the same result by the index and by the linear evaluator")
    func refusedOrEvaluated() throws {
        var trial = Trial()
        var evaluated = 0
        // What was written against RE2 may be given up: PatternCostTests.
        for row in try Self.rows() where row.source != "written against this engine" {
            let readings = (try row.reading("regex"), try row.reading("not_regex"))
            guard let matching = readings.0.definition, let negated = readings.1.definition else {
                #expect(readings.0.refusals.map(\.reason) == [.regex], "\(row.pattern)")
                #expect(readings.1.refusals.map(\.reason) == [.regex], "\(row.pattern)")
                continue
            }
            evaluated += 1
            let plans = [ActionPlan.compile([matching]), ActionPlan.compile([negated])]
            let results = try row.event(pumped: 50_000).withUnsafeBytes { event in
                try plans.map { plan in
                    (try trial.match(event, with: plan), try trial.matchLinearly(event, with: plan))
                }
            }
            for (indexed, linear) in results { #expect(indexed == linear, "\(row.source): \(row.pattern)") }
            #expect(results[0].0.isEmpty != results[1].0.isEmpty, "\(row.source): \(row.pattern)")
        }
        #expect(evaluated > 200)
    }
}
