extension Matcher {
    /// Finds an event's actions without the index and without remembering anything: every condition of every step, in order.
    ///
    /// What the index has to agree with. It takes time in proportion to the number of actions.
    mutating func matchLinearly(
        _ event: Event,
        on bench: borrowing Workbench,
        with plan: ActionPlan,
        into result: inout MatchedActions
    ) {
        begin(event, on: bench, with: plan)
        result.removeAll()
        for (place, definition) in plan.definitions.enumerated() {
            var outcome = Outcome.isFalse
            for step in 0..<definition.steps.count where outcome != .isTrue {
                outcome = outcome.or(evaluateStep(Int(plan.firstSteps[place]) + step, plan))
            }
            if outcome == .isTrue { result.append(Int32(place)) }
            if outcome == .failed { result.appendFailed(Int32(place)) }
        }
    }

    private mutating func evaluateStep(_ step: Int, _ plan: ActionPlan) -> Outcome {
        let flat = plan.steps[step]
        if flat.event >= 0 {
            let range = plan.index.names[Int(flat.event)]
            let name = UnsafeRawBufferPointer(
                start: plan.index.namePool.base + Int(range.offset),
                count: Int(range.length)
            )
            guard TextSearch.equal(evaluator.eventName(), name) else { return .isFalse }
        }
        var outcome = Outcome.isTrue
        for place in 0..<Int(flat.count) where outcome != .isFalse {
            outcome = outcome.and(evaluator.evaluate(plan.stepConditions[Int(flat.first) + place], plan.tables))
        }
        return outcome
    }
}
