/// Gives conditions and steps their numbers: equal conditions one number, whatever steps they come from.
///
/// Numbers are given in the order in which an event asks: by event name, then by the key that steps are filed under. So what one key
/// leads to lies side by side (files, entries, conditions, operands, texts), and a hundred conditions that one URL leads to are read
/// from memory in a row; numbered as their authors wrote them, each would be a miss of the nearest cache.
///
/// Links either all actions of a plan, or those that a change brings, on top of an earlier plan: their conditions and files get the
/// numbers behind its own, and a condition that the earlier plan has as well is there twice until the plan is linked anew.
struct PlanLinker {
    /// The new steps, of all new actions, and their conditions.
    private(set) var steps: [FlatStep] = []
    private(set) var stepConditions: [Int32] = []
    /// How many steps the earlier plan has.
    private let earlierSteps: Int
    var builder: TableBuilder
    var index: IndexBuilder

    /// The distinct conditions in the order in which steps named them: what ``stepConditions`` holds until the plan is linked.
    private var conditions: [Condition] = []
    private var numbers: NumberTable
    /// What owns the sets of patterns in the tables.
    private(set) var sets: [PatternSet] = []
    /// By condition: its number among the new ones in the tables.
    private var finalNumbers: [Int32] = []
    /// By condition: how many steps have it.
    private var uses: [Int32] = []

    init(stepCount: Int, on base: ActionPlan? = nil) {
        earlierSteps = base?.steps.count ?? 0
        builder = TableBuilder(capacity: stepCount * 2, on: base?.tables)
        index = IndexBuilder(capacity: stepCount, on: base?.index)
        numbers = NumberTable(capacity: stepCount)
        steps.reserveCapacity(stepCount)
        stepConditions.reserveCapacity(stepCount * 2)
    }

    /// Adds the steps of the action at a place.
    mutating func append(_ parts: [ActionDefinition.LinkPart], of place: Int32) {
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
        for (condition, uses) in zip(conditions, uses) {
            if let access = condition.access { index.count(access, uses: uses) }
        }
        let ranks = conditions.map { condition in
            condition.access.map { index.rank(of: $0, among: earlierSteps + steps.count) }
        }
        let order = order(ranks)
        let firstNew = Int32(builder.firstNew)
        let unfiled = renumber(order, from: firstNew)
        sets = builder.makeSets(unfiled, reusing: known)
        for place in order {
            let step = steps[Int(place.step)]
            let filing = place.filing < 0 ? -1 : firstNew + finalNumbers[Int(place.filing)]
            let own = stepConditions[Int(step.first)..<Int(step.first + step.count)]
            guard index.file(step.action, event: step.event, under: filing, of: own) else { continue }
            let access = place.filing < 0 ? nil : conditions[Int(place.filing)].access
            let slot = filing < 0 ? -1 : builder.conditions[Int(filing - firstNew)].slot
            index.addKeys(event: step.event, slot: slot, of: access)
        }
    }

    /// Where a step comes in the order in which events ask.
    private struct Place {
        var event: Int32
        var filing: Int32
        var key: UInt64
        var step: Int32
    }

    private func order(_ ranks: [Int?]) -> [Place] {
        var keys: [UInt64?] = Array(repeating: nil, count: conditions.count)
        var places: [Place] = []
        places.reserveCapacity(steps.count)
        for (number, step) in steps.enumerated() {
            let filing = filing(of: stepConditions[Int(step.first)..<Int(step.first + step.count)], ranks)
            var key: UInt64 = 0
            if filing >= 0 {
                key = keys[Int(filing)] ?? conditions[Int(filing)].access.map { index.firstKey(of: $0) } ?? 0
                keys[Int(filing)] = key
            }
            places.append(Place(event: step.event, filing: filing, key: key, step: Int32(number)))
        }
        places.sort {
            if $0.event != $1.event { return $0.event < $1.event }
            if $0.key != $1.key { return $0.key < $1.key }
            return $0.filing != $1.filing ? $0.filing < $1.filing : $0.step < $1.step
        }
        return places
    }

    /// Numbers the conditions anew and puts them into the tables.
    ///
    /// - Returns: the numbers of those that no index can file.
    private mutating func renumber(_ order: [Place], from firstNew: Int32) -> [Int32] {
        finalNumbers = Array(repeating: -1, count: conditions.count)
        var unfiled: [Int32] = []
        var next: Int32 = 0
        func number(_ old: Int32, _ numbers: inout [Int32], _ builder: inout TableBuilder) {
            guard numbers[Int(old)] < 0 else { return }
            numbers[Int(old)] = next
            builder.append(conditions[Int(old)].parts)
            if conditions[Int(old)].access == nil { unfiled.append(firstNew + next) }
            next += 1
        }
        for place in order {
            if place.filing >= 0 { number(place.filing, &finalNumbers, &builder) }
            let step = steps[Int(place.step)]
            for index in Int(step.first)..<Int(step.first + step.count) {
                number(stepConditions[index], &finalNumbers, &builder)
                stepConditions[index] = firstNew + finalNumbers[Int(stepConditions[index])]
            }
        }
        return unfiled
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
        }
        uses[Int(number)] += 1
        return number
    }
}
