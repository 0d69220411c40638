import Foundation
import Tagstream

/// `tagstream-benchmarks`: what `make bench` runs.
///
/// Prints one table; every figure is CPU time of this process, variants in turn.
@main
struct Main {
    static func main() throws {
        let arguments = Array(CommandLine.arguments.dropFirst())
        guard let directory = arguments.first else {
            print(
                "usage: TagstreamBenchmarks DIRECTORY [--repeat WAY|LIMIT ACTIONS TIMES]\n  DIRECTORY: what Benchmarks/generate.py wrote"
            )
            exit(2)
        }
        let inputs = try Inputs(directory + "/envelopes.ndjson")
        if arguments.count == 5, arguments[1] == "--repeat" {
            try repeatOnly(arguments[2], actions: arguments[3], times: Int(arguments[4]) ?? 1, inputs, directory)
            return
        }
        try wholeWay(inputs, directory)
    }

    static func snapshot(_ directory: String, _ actions: String) throws -> Snapshot {
        Snapshot(epoch: 1, teams: [Team(id: 2, token: "", plan: ActionPlan())], onlyTeam: 0)
    }

    static func wholeWay(_ inputs: Inputs, _ directory: String) throws {
        let ways = try ["10", "100", "1000", "10000"].map {
            (name: $0, way: WholeWay(inputs, try snapshot(directory, $0)))
        }
        ways[0].way.run()
        let limit = Limit(inputs, rowBytes: ways[0].way.bytesOut / inputs.lines.count)
        var variants = [
            Variant(
                name: "limit: simdjson on-demand, both layers + memcpy",
                operations: inputs.lines.count,
                run: limit.run
            )
        ]
        for (name, way) in ways {
            variants.append(Variant(name: "whole way, \(name) actions", operations: inputs.lines.count, run: way.run))
        }
        let results = measure(variants, rounds: 9)
        print("ns/event CPU: median (minimum), ÷ limit, heap allocations/event, tagged, matches")
        for (index, result) in results.enumerated() {
            let counts = index == 0 ? nil : ways[index - 1].way.counts
            print(
                result.name.padding(toLength: 50, withPad: " ", startingAt: 0),
                String(
                    format: "%7.0f (%6.0f)  %5.2f  %6.3f",
                    result.median,
                    result.minimum,
                    result.median / results[0].median,
                    result.allocations
                ),
                counts.map { "\($0.tagged) \($0.matches) dead:\($0.deadLetters)" } ?? ""
            )
        }
    }

    /// Repeats one variant, for callgrind: instructions per event are the difference of two counts.
    static func repeatOnly(_ what: String, actions: String, times: Int, _ inputs: Inputs, _ directory: String) throws {
        let way = WholeWay(inputs, try snapshot(directory, actions))
        way.run()
        let limit = Limit(inputs, rowBytes: way.bytesOut / inputs.lines.count)
        for _ in 0..<times { if what == "LIMIT" { limit.run() } else { way.run() } }
    }
}
