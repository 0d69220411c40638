/// Gives conditions and steps their numbers: equal conditions one number, whatever steps they come from.
struct PlanLinker {
    private(set) var steps: [FlatStep] = []
    private(set) var stepConditions: [Int32] = []
    private(set) var firstSteps: [Int32] = []
    var builder: TableBuilder
    var index: IndexBuilder

    private var conditions: [Condition] = []
    /// Conditions by hash; -1 where there is none.
    ///
    /// At most half full.
    private var table: [Int32]
    /// By step: the number of the condition it is filed under; -1 for the event's name.
    private var filings: [Int32] = []

    init(stepCount: Int) {
        builder = TableBuilder(capacity: stepCount * 2)
        index = IndexBuilder(capacity: stepCount)
        table = Array(repeating: -1, count: max(64, stepCount * 4).nextPowerOfTwo)
        steps.reserveCapacity(stepCount)
        stepConditions.reserveCapacity(stepCount * 2)
    }

    mutating func append(_ definition: ActionDefinition, at place: Int32) {
        firstSteps.append(Int32(steps.count))
        for step in definition.steps {
            var flat = FlatStep(first: UInt32(stepConditions.count), count: 0, action: place, event: -1)
            var numbers: [Int32] = []
            for written in step.conditions {
                if case .event(let name) = written.condition.test {
                    flat.event = index.index(ofEvent: name)
                } else {
                    numbers.append(number(of: written.condition))
                }
            }
            let filing =
                numbers.min { rank(of: $0) < rank(of: $1) }.flatMap { rank(of: $0) == Int.max ? nil : $0 } ?? -1
            // What the step is filed under is likely to hold; of the others the cheap ones come first.
            numbers.sort { conditions[Int($0)].cost < conditions[Int($1)].cost }
            flat.count = UInt32(numbers.count)
            stepConditions += numbers
            steps.append(flat)
            filings.append(filing)
        }
    }

    /// Files the steps, when all are known: how rare a gram is depends on all of them.
    mutating func link() {
        firstSteps.append(Int32(steps.count))
        for condition in conditions { if let access = condition.access { index.count(access) } }
        for (number, filing) in filings.enumerated() {
            let step = steps[number]
            let others = stepConditions[Int(step.first)..<Int(step.first + step.count)].filter { $0 != filing }
            let isNew = index.file(step.action, event: step.event, under: filing, others: others)
            guard isNew else { continue }
            let access = filing < 0 ? nil : conditions[Int(filing)].access
            let slot = filing < 0 ? -1 : builder.conditions[Int(filing)].slot
            index.addKeys(event: step.event, slot: slot, of: access)
        }
    }

    private func rank(of number: Int32) -> Int { conditions[Int(number)].access?.rank ?? Int.max }

    private mutating func number(of condition: Condition) -> Int32 {
        var place = Int(truncatingIfNeeded: condition.hash ^ condition.hash >> 32) & (table.count - 1)
        while table[place] >= 0 {
            let known = conditions[Int(table[place])]
            if known === condition || known.hash == condition.hash && known.identity == condition.identity {
                return table[place]
            }
            place = (place + 1) & (table.count - 1)
        }
        let number = Int32(conditions.count)
        table[place] = number
        conditions.append(condition)
        builder.append(condition.parts)
        if conditions.count * 2 > table.count { grow() }
        return number
    }

    private mutating func grow() {
        table = Array(repeating: -1, count: table.count * 2)
        for (number, condition) in conditions.enumerated() {
            var place = Int(truncatingIfNeeded: condition.hash ^ condition.hash >> 32) & (table.count - 1)
            while table[place] >= 0 { place = (place + 1) & (table.count - 1) }
            table[place] = Int32(number)
        }
    }
}
