import Foundation
import Testing

@testable import Tagstream

@Suite("The index, the linear evaluator and the explanation")
struct AgreementTests {
    /// Pairs of an action and an event that one run compares; TAGSTREAM_RANDOM_PAIRS sets another number.
    static let pairs = ProcessInfo.processInfo.environment["TAGSTREAM_RANDOM_PAIRS"].flatMap(Int.init) ?? 120_000
    /// Where the random numbers begin; TAGSTREAM_SEED replays a run.
    static let seed = ProcessInfo.processInfo.environment["TAGSTREAM_SEED"].flatMap(UInt64.init) ?? 20_261_124

    /// An explainer that an array can hold.
    private final class Held {
        let explainer: Explainer
        init(_ explainer: consuming Explainer) { self.explainer = explainer }
    }

    private func explain(
        _ explainers: [Held],
        _ event: UnsafeRawBufferPointer,
        _ trial: inout Trial
    ) throws -> [Verdict] {
        var verdicts: [Verdict] = []
        for held in explainers { verdicts.append(try trial.explain(event, by: held.explainer).verdict) }
        return verdicts
    }

    /// A plan of other actions, some of them under the same ids, that has been changed into a plan of these.
    private static func changed(into actions: [ActionDefinition], from random: inout RandomActions) -> ActionPlan {
        var earlier: [ActionDefinition] = []
        var changes: [Int64: ActionDefinition?] = [:]
        for action in actions {
            switch action.id % 4 {
            case 0: earlier.append(action)
            case 1: changes[action.id] = action
            case 2:
                if let other = ActionDefinition.reading(random.action(id: action.id)).definition {
                    earlier.append(other)
                }
                changes[action.id] = action
            default:
                earlier.append(action)
                let gone = 1000 + action.id
                if let other = ActionDefinition.reading(random.action(id: gone)).definition { earlier.append(other) }
                changes.updateValue(nil, forKey: gone)
            }
        }
        return ActionPlan.compile(earlier).changing(changes, leaving: .max)
    }

    @Test("agree on random actions and events")
    func agree() throws {
        let (actionsPerPlan, eventsPerPlan) = (40, 20)
        var trial = Trial()
        var (compared, matched, refused) = (0, 0, 0)
        var round: UInt64 = 0
        print("seed \(Self.seed), \(Self.pairs) pairs")
        while compared < Self.pairs {
            var random = RandomActions(seed: Self.seed &+ round)
            var actions: [ActionDefinition] = []
            while actions.count < actionsPerPlan {
                if let action = ActionDefinition.reading(random.action(id: Int64(actions.count + 1))).definition {
                    actions.append(action)
                } else {
                    refused += 1
                }
            }
            // Every other plan has come about by a change: of some actions to what they are now, and back from others.
            let plan =
                round % 2 == 0 ? ActionPlan.compile(actions) : Self.changed(into: actions, from: &random)
            let explainers = actions.map { Held(Explainer($0)) }
            for _ in 0..<eventsPerPlan {
                let event = random.event()
                let (indexed, linear, verdicts) = try event.withUnsafeBytes {
                    (
                        try trial.match($0, with: plan), try trial.matchLinearly($0, with: plan),
                        try explain(explainers, $0, &trial)
                    )
                }
                let explained = zip(actions, verdicts).filter { $1 == .yes }.map(\.0.id)
                compared += actions.count
                matched += indexed.count
                if indexed != linear || explained != linear || verdicts.contains(.error) {
                    let differing = Set(indexed).symmetricDifference(linear)
                        .union(Set(explained).symmetricDifference(linear))
                    let only = differing.min() ?? actions[0].id
                    Issue.record(
                        """
                        seed \(Self.seed &+ round): the index gives \(indexed), the linear evaluator \(linear), the
                        explanation \(explained)
                        action: \(actions.first { $0.id == only }!.source.jsonText)
                        event: \(String(decoding: event, as: UTF8.self))
                        """
                    )
                    return
                }
            }
            round += 1
        }
        // A vocabulary in which nothing matches, or everything is refused, would compare nothing.
        print("\(compared) pairs compared, \(matched) matches, \(refused) refused")
        #expect(matched > compared / 100)
        #expect(refused < compared / 20)
    }
}
