import Foundation
import Tagstream

/// `TagstreamBenchmarks DIRECTORY [BENCHMARK…]`: what `make bench` runs.
///
/// Every figure is CPU time of this process; the variants of a table run in turn, round after round.
@main
struct Main {
    static let usage = """
        usage: TagstreamBenchmarks DIRECTORY [whole | match | schema | compile | enrich | redos | sources | duplicates …]
               TagstreamBenchmarks DIRECTORY repeat way|match|limit|link ACTIONS TIMES
               TagstreamBenchmarks DIRECTORY repeat enrich|schema ROW TIMES
          DIRECTORY  what Benchmarks/prepare wrote
          whole      an event's whole way, beside simdjson and a copy of the row
          match      matching alone, above the scan
          schema     what a schema of twenty rules adds to an event's whole way
          compile    compiling and changing a plan, and its memory
          enrich     every enrichment above the bare way; needs Debian's uap-core
          redos      published ReDoS patterns, and others against RE2, with the texts that attack them
          sources    look-ups of enrichment: GeoIP, user agents, a table
          duplicates looking for uuids in a full window, and its memory
          repeat     one variant again and again, to count its instructions; ROW is the table's, 0 for the first
        """

    static func main() throws {
        var arguments = Array(CommandLine.arguments.dropFirst())
        guard let directory = arguments.first else {
            print(usage)
            exit(2)
        }
        arguments.removeFirst()
        if arguments.first == "repeat", arguments.count == 4 {
            try repeatOnly(arguments[1], actions: arguments[2], times: Int(arguments[3]) ?? 1, directory)
            return
        }
        let all = ["whole", "match", "schema", "compile", "enrich", "redos", "sources", "duplicates"]
        for name in arguments.isEmpty ? all : arguments {
            switch name {
            case "whole": try wholeWay(directory)
            case "match": try matchOnly(directory)
            case "schema": try schemas(directory)
            case "compile": try compile(directory)
            case "enrich": try Enriching("\(directory)/generated/skewed.ndjson").report(rounds: 25)
            case "redos":
                for isPublished in [true, false] {
                    try Redos("\(directory)/redos.jsonl", isPublished: isPublished, rounds: 9).report()
                }
            case "sources":
                var benchmark = SourceBenchmark()
                try benchmark.report(rounds: 9)
            case "duplicates": Duplicates.report(rounds: 15)
            default:
                print("benchmark \"\(name)\", expected \(all.joined(separator: ", ")) or repeat\n\(usage)")
                exit(2)
            }
        }
    }

    static let sizes = ["10", "100", "1000", "10000"]

    static func generated(_ directory: String, _ size: String) throws -> ActionSet {
        ActionSet("\(size) actions", try ActionSet.trees("\(directory)/generated/actions_\(size).json"))
    }

    // MARK: The whole way

    static func wholeWay(_ directory: String) throws {
        let inputs = try Inputs("\(directory)/generated/envelopes.ndjson")
        let ways = try sizes.map { size in
            let set = try generated(directory, size)
            return (name: set.name, way: WholeWay(inputs, set.snapshot))
        }
        ways[2].way.run()
        let limit = Limit(inputs, rowBytes: ways[2].way.rowBytes / inputs.lines.count)
        var variants = [
            Variant(name: "limit: simdjson on-demand, both layers, and a copy of the row", inputs, limit.run)
        ]
        variants += ways.map { Variant(name: "whole way, \($0.name)", inputs, $0.way.run) }
        let results = measure(variants, rounds: 15)
        print(
            "\nThe whole way of \(inputs.lines.count) raw records of \(inputs.meanBytes) bytes, nanoseconds of CPU for each"
        )
        print(padded(""), " median  minimum  ÷ limit  ÷ first  allocations   matches")
        for (index, result) in results.enumerated() {
            let counts = index == 0 ? nil : ways[index - 1].way.counts
            precondition((counts?.deadLetters ?? 0) == 0, "inputs became dead letters")
            print(
                padded(result.name),
                decimals(result.median, 0),
                decimals(result.minimum, 0),
                decimals(result.minimum / results[0].minimum, 2),
                index == 0 ? decimals(nil, 2) : decimals(result.minimum / results[1].minimum, 2),
                decimals(result.allocations, 3),
                counts.map { "   \($0.matches)" } ?? ""
            )
        }
    }

    // MARK: Matching alone

    static func matchOnly(_ directory: String) throws {
        let inputs = try Inputs("\(directory)/events.jsonl")
        var sets = try sizes.map { ActionSet("\($0) actions", try ActionSet.trees("\(directory)/actions_\($0).json")) }
        sets.append(.unindexable(steps: 1000))
        sets.append(.unindexable(steps: 10_000))
        sets.append(.patterns(100))
        sets.append(.patterns(1000))
        let scan = MatchOnly(inputs, ActionPlan())
        let ways = sets.map { MatchOnly(inputs, $0.plan) }
        var variants = [Variant(name: "scan: decode and normalise, no actions", inputs, scan.run)]
        variants += zip(sets, ways).map { Variant(name: $0.name, inputs, $1.run) }
        let results = measure(variants, rounds: 15)
        print("\nMatching \(inputs.lines.count) events of \(inputs.meanBytes) bytes, nanoseconds of CPU for each")
        print(padded(""), " median  minimum  above the scan  allocations  matches/event")
        for (index, result) in results.enumerated() {
            let matches = index == 0 ? 0 : Double(ways[index - 1].matches) / Double(inputs.lines.count)
            print(
                padded(result.name),
                decimals(result.median, 0),
                decimals(result.minimum, 0),
                "       ",
                decimals(result.minimum - results[0].minimum, 0),
                "   ",
                decimals(result.allocations, 3),
                "     ",
                decimals(matches, 2)
            )
        }
    }

    // MARK: Compiling

    static func compile(_ directory: String) throws {
        for (name, path) in [("generated", "generated/actions_10000.json"), ("stored", "actions_10000.json")] {
            print("\nThe \(name) set of 10,000 actions")
            Compiling(try ActionSet.trees("\(directory)/\(path)")).report(rounds: 9)
        }
    }

    /// Repeats one variant, for callgrind: instructions per event are the difference of two counts.
    static func repeatOnly(_ what: String, actions: String, times: Int, _ directory: String) throws {
        let run: () -> Void
        switch what {
        case "match":
            let set = ActionSet(actions, try ActionSet.trees("\(directory)/actions_\(actions).json"))
            run = MatchOnly(try Inputs("\(directory)/events.jsonl", limit: 2000), set.plan).run
        case "link":
            let trees = try ActionSet.trees("\(directory)/actions_\(actions).json")
            let definitions = trees.compactMap { ActionDefinition.reading($0).definition }
            run = { _ = ActionPlan.compile(definitions) }
        case "enrich":
            run = try Enriching("\(directory)/generated/skewed.ndjson", limit: 2000).way(Int(actions) ?? 0).run
        case "schema":
            let inputs = try Inputs("\(directory)/generated/envelopes.ndjson", limit: 2000)
            run = try schemaWays(inputs, directory)[Int(actions) ?? 0].way.run
        default:
            let inputs = try Inputs("\(directory)/generated/envelopes.ndjson", limit: 2000)
            let way = WholeWay(inputs, try generated(directory, actions).snapshot)
            way.run()
            run = what == "limit" ? Limit(inputs, rowBytes: way.rowBytes / inputs.lines.count).run : way.run
        }
        run()
        for _ in 0..<times { run() }
    }
}

/// A name in a column of its own.
func padded(_ name: String) -> String { name.padding(toLength: 64, withPad: " ", startingAt: 0) }

/// A figure, right-aligned; a dash where there is none.
func decimals(_ value: Double?, _ count: Int) -> String {
    value.map { String(format: "%8.\(count)f", $0) } ?? "       –"
}
