import TestKit
import Testing

@Suite struct `Lanes over a broker that fails in every way` {
    @Test func `write every record once, in order, with its offset`() {
        var coverage = ModelBroker.Coverage()
        for seed in Seeds.run(2000) {
            let simulation = Simulation(seed: seed)
            if simulation.run() != nil {
                Issue.record(Self.account(of: seed))
                return
            }
            coverage.add(simulation.broker.coverage)
        }
        guard Seeds.replayed == nil else { return }
        // A simulation that never meets a fault proves nothing.
        for count in [
            coverage.commits, coverage.aborts, coverage.recoveries, coverage.unknownApplied, coverage.unknownDropped,
            coverage.delayedEnds, coverage.timeouts, coverage.fenced, coverage.staleGenerations, coverage.changedPlaces,
            coverage.losses,
            coverage.revokes, coverage.kills, coverage.zombies, coverage.failedDeliveries, coverage.interleavings,
            coverage.duplicates, coverage.restorations, coverage.lateChangelogs,
            coverage.doubts, coverage.lateRequests, coverage.refusedRequests,
        ] { #expect(count > 0, "\(coverage)") }
        print("simulation: \(coverage)")
    }

    @Test(arguments: ModelBroker.Bug.allCases)
    func `are caught when something is wrong`(bug: ModelBroker.Bug) {
        for seed in UInt64(1)...2000 {
            if let problem = Simulation(seed: seed, bug: bug).run() {
                print("simulation: \(bug) is caught with seed \(seed): \(problem)")
                return
            }
        }
        Issue.record("\(bug) was not caught by 2000 seeds")
    }

    @Test func `do the same again with the same seed`() {
        for seed: UInt64 in [3, 17, 99] {
            let runs = (0..<2).map { _ in
                let simulation = Simulation(seed: seed, isTraced: true)
                _ = simulation.run()
                return simulation.broker.trace
            }
            #expect(runs[0] == runs[1])
        }
    }

    /// Runs a seed again, to tell its last steps.
    private static func account(of seed: UInt64) -> Comment {
        let simulation = Simulation(seed: seed, isTraced: true)
        let problem = simulation.run() ?? "it did not fail again"
        let steps = (simulation.broker.trace ?? []).joined(separator: "\n  ")
        return "seed \(seed): \(problem); \(Seeds.replay(seed))\n  \(steps)"
    }
}
