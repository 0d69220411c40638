import Testing

@testable import Tagstream

@Suite("The meaning of actions")
struct ConformanceTests {
    @Test("is that of every open case, by the index and by the linear evaluator")
    func vectors() throws {
        var trial = Trial()
        let rows = try Vectors.rows()
        #expect(rows.count > 17_000)
        for row in rows {
            guard let action = ActionDefinition.reading(row.action, defaultID: 1).definition else {
                #expect(row.isAsExpected(nil), "\(row.id) is refused, expected \(row.expected.jsonText)")
                continue
            }
            let plan = ActionPlan.compile([action])
            let (indexed, linear) = try row.event.withUnsafeBytes {
                (try trial.match($0, with: plan), try trial.matchLinearly($0, with: plan))
            }
            #expect(row.isAsExpected(indexed), "\(row.id) gives \(indexed), expected \(row.expected.jsonText)")
            #expect(indexed == linear, "\(row.id): the index gives \(indexed), the linear evaluator \(linear)")
        }
    }

    @Test("does not depend on what else is in the plan: each event of a group against all actions of the group")
    func groups() throws {
        var trial = Trial()
        for (group, rows) in Dictionary(grouping: try Vectors.rows(), by: \.group) {
            // Every action under an id of its own; a few hundred keep the work of the linear evaluator small.
            let some = rows.prefix(300)
            let actions = some.enumerated().compactMap { number, row in
                ActionDefinition.reading(row.action.numbered(Int64(number + 1))).definition
            }
            let plan = ActionPlan.compile(actions)
            for (number, row) in some.enumerated() {
                let (indexed, linear) = try row.event.withUnsafeBytes {
                    (try trial.match($0, with: plan), try trial.matchLinearly($0, with: plan))
                }
                #expect(indexed == linear, "\(group) \(row.id)")
                if case .bool(let matched) = row.expected {
                    #expect(indexed.contains(Int64(number + 1)) == matched, "\(row.id) among the actions of \(group)")
                }
            }
        }
    }
}

extension JSONTree {
    /// The definition under another id.
    func numbered(_ id: Int64) -> JSONTree {
        guard case .object(let members) = self else { return self }
        return .object([Member(key: "id", value: .number(id))] + members.filter { $0.key != "id" })
    }
}
