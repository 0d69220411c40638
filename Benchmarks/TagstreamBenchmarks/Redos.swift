import CAllocationCounter
import Foundation
import Tagstream

/// A pattern that was published as vulnerable, with the text that makes a backtracking engine slow.
struct PublishedPattern {
    let pattern: String
    let source: String
    /// An event whose property `p` is the attack.
    let event: [UInt8]

    /// How long the repeated part of an attack is, in bytes.
    static let pumped = 50_000
    /// The source of patterns that nobody published: they attack RE2, not a backtracking engine.
    static let ownSource = "written against this engine"

    /// Reads a line of redos.jsonl.
    init(_ line: some Sequence<UInt8>) throws {
        let tree = try JSONTree(parsing: Array(line))
        guard let pattern = tree["pattern"]?.text, let source = tree["source"]?.text, let attack = tree["attack"],
            let prefix = attack["prefix"]?.text, let pump = attack["pump"]?.text, !pump.isEmpty,
            let suffix = attack["suffix"]?.text
        else { preconditionFailure("a line of redos.jsonl is incomplete: \(tree.jsonText)") }
        let text = prefix + String(repeating: pump, count: Self.pumped / pump.utf8.count) + suffix
        let properties = JSONTree.object([.init(key: "p", value: .string(text))])
        let event = JSONTree.object([
            .init(key: "event", value: .string("e")), .init(key: "distinct_id", value: .string("d")),
            .init(key: "properties", value: properties),
        ])
        self.pattern = pattern
        self.source = source
        self.event = Array(event.jsonText.utf8)
    }

    /// All lines of a file.
    static func all(_ path: String) throws -> [PublishedPattern] {
        try Data(contentsOf: URL(fileURLWithPath: path)).split(separator: 0x0A).map { try PublishedPattern($0) }
    }
}

/// What published patterns cost with the texts that attack them.
///
/// Each is the `regex` of an action and the `not_regex` of another: no index spares the evaluation of a negation, and
/// whoever attacks can write the text that an index waits for. An event's time is that of the whole event, less that of
/// the same event under an action that asks for a property it does not have.
final class Redos {
    private var trial = Trial()
    private let patterns: [PublishedPattern]
    private let bystander: ActionPlan
    private let rounds: Int
    private let name: String
    private var failed: Set<String> = []

    private static let limit = 5.0
    private static let ways = ["regex", "not_regex"]

    /// What was measured of a pattern in one way, in milliseconds.
    private struct Cost {
        var pattern: PublishedPattern
        var way: String
        /// The event that builds the automaton.
        var first: Double
        /// The median of the events behind it.
        var later: Double
        var compiling: Double
        /// Bytes that are allocated behind the first event and were not before compiling.
        var bytes: Int

        var worst: Double { max(first, later) }
    }

    /// Takes the published patterns of a file, or those that were written against RE2; every event is evaluated so many times.
    init(_ path: String, isPublished: Bool, rounds: Int) throws {
        self.rounds = rounds
        name = isPublished ? "published ReDoS patterns" : "patterns written against RE2"
        patterns = try PublishedPattern.all(path).filter {
            ($0.source != PublishedPattern.ownSource) == isPublished
        }
        guard let definition = Self.reading("is_set", "q", "").definition else {
            preconditionFailure("the action to compare with is refused")
        }
        bystander = ActionPlan.compile([definition])
    }

    private static func reading(_ meaning: String, _ key: String, _ value: String) -> ActionReading {
        let filter = JSONTree.object([
            .init(key: "key", value: .string(key)), .init(key: "operator", value: .string(meaning)),
            .init(key: "value", value: .string(value)),
        ])
        let step = JSONTree.object([.init(key: "properties", value: .array([filter]))])
        return ActionDefinition.reading(.object([.init(key: "steps", value: .array([step]))]), defaultID: 1)
    }

    /// Measures everything and prints it.
    func report() {
        var costs: [Cost] = []
        var refused: [String: Int] = [:]
        for pattern in patterns {
            for way in Self.ways {
                let reading = Self.reading(way, "p", pattern.pattern)
                guard reading.definition != nil else {
                    guard way == Self.ways[0] else { continue }
                    let refusal = reading.refusals[0]
                    refused["\(refusal.reason.rawValue): \(refusal.suggestion ?? refusal.expected)", default: 0] += 1
                    continue
                }
                costs.append(cost(of: pattern, way))
            }
        }
        printTable(costs)
        printWorst(costs)
        print("\nRefused: \(refused.values.reduce(0, +)) of \(patterns.count) patterns")
        for (reason, count) in refused.sorted(by: { ($1.value, $0.key) < ($0.value, $1.key) }) {
            print(String(format: "%8d", count), reason)
        }
        print("Given up: \(failed.count) of \(patterns.count) patterns")
        let over = Set(costs.filter { $0.worst >= Self.limit }.map(\.pattern.pattern)).count
        let limit = decimals(Self.limit, 0).trimmingCharacters(in: .whitespaces)
        print(
            over == 0
                ? "\nPASS: each of \(patterns.count) patterns is refused, or evaluated or given up in less than \(limit) ms"
                : "\nOVER: \(over) of \(patterns.count) patterns take \(limit) ms or more"
        )
    }

    private func cost(of pattern: PublishedPattern, _ way: String) -> Cost {
        let compiling = median((0..<5).map { _ in milliseconds { _ = Self.reading(way, "p", pattern.pattern) } })
        let allocated = tagstream_allocated_bytes()
        guard let definition = Self.reading(way, "p", pattern.pattern).definition else {
            preconditionFailure("\(pattern.pattern) is refused the second time")
        }
        let plan = ActionPlan.compile([definition])
        // The workbench grows with the longest event; that is not the pattern's doing.
        _ = evaluate(pattern.event, bystander)
        let before = median((0..<rounds).map { _ in evaluate(pattern.event, bystander) })
        let first = evaluate(pattern.event, plan)
        let bytes = Int(tagstream_allocated_bytes() - allocated)
        if trial.failedCount > 0 { failed.insert(pattern.pattern) }
        let later = median((0..<rounds).map { _ in evaluate(pattern.event, plan) })
        return Cost(
            pattern: pattern,
            way: way,
            first: max(0, first - before),
            later: max(0, later - before),
            compiling: compiling,
            bytes: bytes
        )
    }

    private func evaluate(_ event: [UInt8], _ plan: ActionPlan) -> Double {
        milliseconds {
            do {
                _ = try event.withUnsafeBytes { try trial.count($0, with: plan) }
            } catch {
                preconditionFailure("an attack is no event: \(error)")
            }
        }
    }

    // MARK: Printing

    private func printTable(_ costs: [Cost]) {
        let kilobytes = PublishedPattern.pumped / 1000
        print("\n\(patterns.count) \(name) × \(kilobytes) KB, milliseconds of CPU for each event")
        print(padded(""), " median       p99       max  over \(Int(Self.limit)) ms")
        for way in Self.ways {
            let of = costs.filter { $0.way == way }
            printRow("\(way), the first event", of.map(\.first))
            printRow("\(way), the events behind it", of.map(\.later))
        }
        print(padded(""), " median       p99       max")
        printRow("read and compile the action, ms", costs.map(\.compiling), isLimited: false)
        printRow(
            "memory of the action with its automaton, KB",
            costs.map { Double($0.bytes) / 1000 },
            isLimited: false
        )
    }

    private func printRow(_ name: String, _ values: [Double], isLimited: Bool = true) {
        let sorted = values.sorted()
        guard let largest = sorted.last else { return }
        print(
            padded(name),
            decimals(sorted[sorted.count / 2], 3),
            "",
            decimals(sorted[(sorted.count * 99 + 99) / 100 - 1], 3),
            "",
            decimals(largest, 3),
            isLimited ? "     \(sorted.count { $0 >= Self.limit })" : ""
        )
    }

    private func printWorst(_ costs: [Cost]) {
        print("\nThe worst five, milliseconds\n   first   later")
        var seen: Set<String> = []
        for cost in costs.sorted(by: { $0.worst > $1.worst }) where seen.insert(cost.pattern.pattern).inserted {
            print(decimals(cost.first, 3), decimals(cost.later, 3), " \(cost.way): \(cost.pattern.source)")
            print("                  \(cost.pattern.pattern.prefix(100))")
            if seen.count == 5 { break }
        }
    }
}

/// CPU time of some work.
private func milliseconds(_ work: () -> Void) -> Double {
    let start = cpuNanoseconds()
    work()
    return (cpuNanoseconds() - start) / 1e6
}

private func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }
