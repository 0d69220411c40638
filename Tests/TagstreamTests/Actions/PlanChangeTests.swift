import TestKit
import Testing

@testable import Tagstream

@Suite("A plan that is changed")
struct PlanChangeTests {
    private static let seed: UInt64 = 20_261_127

    private func action(_ id: Int64, _ steps: String) throws -> ActionDefinition {
        let tree = try JSONTree(parsing: Array(#"{"id":\#(id),"version":1,"name":"A\#(id)","steps":\#(steps)}"#.utf8))
        return try #require(ActionDefinition.reading(tree).definition)
    }

    private func matches(_ event: String, _ plan: ActionPlan, _ trial: inout Trial) throws -> [Int64] {
        try Array(event.utf8).withUnsafeBytes { try trial.match($0, with: plan) }
    }

    private func fragment(_ plan: ActionPlan, _ place: Int) -> [UInt8] {
        Array(plan.matchFragment(at: Int32(place)))
    }

    @Test("is the one that its actions would be linked to, after any row of changes")
    func anyChanges() throws {
        print("seed \(Self.seed)")
        var random = RandomActions(seed: Self.seed)
        var generator = SeededGenerator(seed: Self.seed)
        var trial = Trial()
        var actions: [Int64: ActionDefinition] = [:]
        var plan = ActionPlan()
        var (matched, kept) = (0, 0)
        for round in 0..<150 {
            var changes: [Int64: ActionDefinition?] = [:]
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                let id = Int64.random(in: 1...40, using: &generator)
                let isGone = Int.random(in: 0..<4, using: &generator) == 0
                let new = isGone ? nil : ActionDefinition.reading(random.action(id: id)).definition
                changes.updateValue(new, forKey: id)
                actions[id] = new
            }
            // Some rounds link anew, so that changes come upon both kinds of plan.
            plan = plan.changing(changes, leaving: round % 20 == 19 ? 0 : .max)
            let linked = ActionPlan.compile(Array(actions.values))
            #expect(plan.definitions.map(\.id) == linked.definitions.map(\.id))
            #expect(plan.definitions.indices.allSatisfy { plan.definitions[$0] === linked.definitions[$0] })
            #expect(plan.cost == linked.cost)
            for place in plan.definitions.indices {
                #expect(plan.id(at: Int32(place)) == plan.definitions[place].id)
                #expect(fragment(plan, place) == fragment(linked, place))
            }
            for _ in 0..<20 {
                let event = random.event()
                let (one, other, linear) = try event.withUnsafeBytes {
                    (
                        try trial.match($0, with: plan), try trial.match($0, with: linked),
                        try trial.matchLinearly($0, with: plan)
                    )
                }
                try #require(one == other && one == linear, "round \(round): \(one), linked \(other), linear \(linear)")
                matched += one.count
                kept += 1
            }
        }
        #expect(matched > kept / 10)
    }

    @Test("knows events, properties and groups that only the change asks for")
    func newNames() throws {
        var trial = Trial()
        let first = ActionPlan.compile([
            try action(2, #"[{"event":"a","properties":[{"key":"x","type":"event","value":"1"}]}]"#)
        ])
        let second = first.changing(
            [
                1: try action(1, #"[{"event":"b","properties":[{"key":"y","type":"event","value":"2"}]}]"#),
                3: try action(3, #"[{"properties":[{"key":"z","type":"event","value":"3"}]}]"#),
            ],
            leaving: .max
        )
        #expect(try matches(#"{"event":"b","properties":{"y":2,"z":"3"}}"#, second, &trial) == [1, 3])
        #expect(try matches(#"{"event":"a","properties":{"x":1,"z":3}}"#, second, &trial) == [2, 3])
        #expect(try matches(#"{"event":"c","properties":{"z":3}}"#, second, &trial) == [3])
        #expect(try matches(#"{"event":"b","properties":{"y":2,"z":"3"}}"#, first, &trial) == [])
        // A name that is new asks as well for what steps of any event want to know.
        let third = second.changing([4: try action(4, #"[{"event":"d"}]"#)], leaving: .max)
        #expect(try matches(#"{"event":"d","properties":{"z":"3"}}"#, third, &trial) == [3, 4])
    }

    @Test("keeps the patterns of actions that are gone for as long as a set has them")
    func goneFromASet() throws {
        func pattern(_ id: Int64, _ letter: String) throws -> ActionDefinition {
            try action(id, #"[{"event":"$pageview","url":"^/[\#(letter)]+/\\d+$","url_matching":"regex"}]"#)
        }
        var trial = Trial()
        var plan = ActionPlan.compile(try zip(1..., ["a-z", "a-f", "a-m", "d-z", "x-z"]).map { try pattern($0, $1) })
        let event = #"{"event":"$pageview","properties":{"$current_url":"/abc/12"}}"#
        #expect(try matches(event, plan, &trial) == [1, 2, 3])
        for id in [1, 3] as [Int64] { plan = plan.changing([id: ActionDefinition?.none], leaving: .max) }
        #expect(try matches(event, plan, &trial) == [2])
        plan = plan.changing([7: try pattern(7, "a-c")], leaving: .max)
        #expect(try matches(event, plan, &trial) == [2, 7])
    }

    @Test("does not grow with the number of changes")
    func bounded() throws {
        var plan = ActionPlan.compile(
            try (1...2000).map { try action($0, #"[{"event":"e\#($0 % 10)","url":"/page/\#($0)"}]"#) }
        )
        let linked = plan.byteCount
        var largest = 0
        for round in 0..<2000 {
            let id = Int64(round % 2000 + 1)
            let changed = try action(id, #"[{"event":"e\#(id % 10)","url":"/page/\#(id)/\#(round)"}]"#)
            plan = plan.changing([id: changed])
            largest = max(largest, plan.byteCount)
        }
        #expect(largest < linked * 5 / 4, "\(linked) bytes have become \(largest)")
    }

    @Test("takes little memory where it is small: there may be thousands of teams")
    func small() throws {
        let plan = ActionPlan.compile([try action(1, #"[{"event":"a","url":"/pricing"}]"#)])
        #expect(plan.byteCount < 4096)
        #expect(plan.changing([2: try action(2, #"[{"event":"b"}]"#)]).byteCount < 4096)
    }
}
