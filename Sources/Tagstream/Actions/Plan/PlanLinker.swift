/// Gives conditions and steps their numbers: equal conditions one number, whatever steps they come from.
struct PlanLinker {
    private(set) var steps: [FlatStep] = []
    private(set) var stepConditions: [Int32] = []
    private(set) var firstSteps: [Int32] = []
    var builder: TableBuilder
    var index: IndexBuilder

    private var conditions: [Condition] = []
    private var numbers: NumberTable
    /// What owns the sets of patterns in the tables.
    private(set) var sets: [PatternSet] = []
    /// By condition: how many steps have it.
    private var uses: [Int32] = []

    init(stepCount: Int) {
        builder = TableBuilder(capacity: stepCount * 2)
        index = IndexBuilder(capacity: stepCount)
        numbers = NumberTable(capacity: stepCount)
        steps.reserveCapacity(stepCount)
        stepConditions.reserveCapacity(stepCount * 2)
    }

    /// Adds the steps of the action at a place.
    mutating func append(_ parts: [ActionDefinition.LinkPart], of place: Int32) {
        firstSteps.append(Int32(steps.count))
        for part in parts {
            let event = part.event.map { index.index(ofEvent: $0, part.eventHash) } ?? -1
            let first = stepConditions.count
            for condition in part.conditions { stepConditions.append(number(of: condition)) }
            steps.append(
                FlatStep(first: UInt32(first), count: UInt32(part.conditions.count), action: place, event: event)
            )
        }
    }

    /// Files the steps, when all are known: how rare a gram is depends on all of them.
    ///
    /// - Parameter known: sets of an earlier plan, to be used again.
    mutating func link(reusing known: [PatternSet]) {
        firstSteps.append(Int32(steps.count))
        for (condition, uses) in zip(conditions, uses) {
            if let access = condition.access { index.count(access, uses: uses) }
        }
        let unfiled = conditions.indices.filter { conditions[$0].access == nil }.map { Int32($0) }
        sets = builder.makeSets(unfiled, reusing: known)
        let ranks = conditions.map { condition in condition.access.map { index.rank(of: $0, among: steps.count) } }
        for step in steps {
            let own = stepConditions[Int(step.first)..<Int(step.first + step.count)]
            let filing = filing(of: own, ranks)
            guard index.file(step.action, event: step.event, under: filing, of: own) else { continue }
            let access = filing < 0 ? nil : conditions[Int(filing)].access
            let slot = filing < 0 ? -1 : builder.conditions[Int(filing)].slot
            index.addKeys(event: step.event, slot: slot, of: access)
        }
    }

    /// The condition that rarely holds; -1 where none can be looked up.
    private func filing(of conditions: ArraySlice<Int32>, _ ranks: [Int?]) -> Int32 {
        var best: Int32 = -1
        var lowest = Int.max
        for condition in conditions {
            guard let rank = ranks[Int(condition)], rank < lowest else { continue }
            best = condition
            lowest = rank
        }
        return best
    }

    private mutating func number(of condition: Condition) -> Int32 {
        let (number, isNew) = numbers.number(condition.hash) { [conditions] found in
            let known = conditions[Int(found)]
            return known === condition || known.hash == condition.hash && known.identity == condition.identity
        }
        if isNew {
            conditions.append(condition)
            uses.append(0)
            builder.append(condition.parts)
        }
        uses[Int(number)] += 1
        return number
    }
}
