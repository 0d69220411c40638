/// Finds an event's actions.
public struct Matcher: ~Copyable {
    var evaluator = Evaluator()
    /// Makes a matcher.
    public init() {}
    mutating func match(_ event: Event, on bench: inout Workbench, with plan: ActionPlan, into matched: inout MatchedActions) { matchLinearly(event, on: &bench, with: plan, into: &matched) }
    mutating func matchLinearly(_ event: Event, on bench: inout Workbench, with plan: ActionPlan, into matched: inout MatchedActions) {
        matched.removeAll()
        evaluator.begin(event, on: bench, plan.tables)
        for action in 0..<plan.definitions.count {
            var outcome = Outcome.isFalse
            for step in Int(plan.firstSteps[action])..<Int(plan.firstSteps[action + 1]) where outcome != .isTrue {
                var all = Outcome.isTrue
                for place in Int(plan.steps[step].first)..<Int(plan.steps[step].first + plan.steps[step].count) {
                    let one = evaluator.evaluate(plan.stepConditions[place], plan.tables)
                    if one == .isFalse { all = .isFalse; break }
                    if one == .failed { all = .failed }
                }
                if all != .isFalse { outcome = all }
            }
            if outcome == .isTrue { matched.append(Int32(action)) }
        }
    }
}
/// What matched.
public struct MatchedActions: ~Copyable {
    var ids = Column<Int32>(capacity: 256)
    var failed = Column<Int32>(capacity: 16)
    /// Makes an empty one.
    public init() {}
    /// How many.
    public var count: Int { ids.count }
    /// Place in the plan.
    public subscript(_ index: Int) -> Int32 { ids[index] }
    mutating func removeAll() { ids.removeAll(); failed.removeAll() }
    mutating func append(_ place: Int32) { ids.append(place) }
}
extension Evaluator {
    mutating func evaluate(_ index: Int32, _ tables: PlanTables) -> Outcome {
        let condition = tables.conditions[Int(index)]
        switch condition.kind {
        case .event: 
            var subject = Subject(event.name, epoch: epoch)
            guard event.name.kind == .string else { return .isFalse }
            return withUnsafeMutablePointer(to: &subject) { Outcome(TextSearch.equal(text($0), tables.bytes(tables.operands[Int(condition.first)].text))) }
        case .url:
            let s = subject(condition.slot, tables)
            guard s.pointee.kind == .string, s.pointee.written.length > 0 else { return .isFalse }
            return matches(s, tables.operands[Int(condition.first)], tables)
        case .element: return evaluateElement(condition, tables)
        case .selector: return evaluateSelector(condition, tables)
        case .elementTag: return evaluateTag(condition, tables)
        case .elementFilter: return evaluateElementFilter(condition, tables)
        case .property: return evaluateProperty(condition, tables)
        }
    }
}
