extension Evaluator {
    /// Evaluates a condition by its index.
    mutating func evaluate(_ index: Int32, _ tables: PlanTables) -> Outcome {
        let condition = tables.conditions[Int(index)]
        switch condition.kind {
        case .event:
            return Outcome(TextSearch.equal(eventName(), tables.bytes(tables.operands[Int(condition.first)].text)))
        case .url:
            let subject = subject(condition.slot, tables)
            guard subject.pointee.kind == .string, subject.pointee.written.length > 0 else { return .isFalse }
            return matches(subject, tables.operands[Int(condition.first)], tables)
        case .element: return evaluateElement(condition, tables)
        case .selector: return evaluateSelector(condition, tables)
        case .elementTag: return evaluateTag(condition, tables)
        case .elementFilter: return evaluateElementFilter(condition, tables)
        case .property: return evaluateProperty(condition, tables)
        }
    }

    /// Evaluates a condition unless that has been done for this event.
    @inline(__always)
    mutating func remembered(_ index: Int32, _ tables: PlanTables) -> Outcome {
        let known = memo[Int(index)]
        if known >> 2 == epoch { return Outcome(rawValue: UInt8(truncatingIfNeeded: known & 3)).unsafelyUnwrapped }
        evaluated &+= 1
        let outcome = evaluate(index, tables)
        memo[Int(index)] = epoch << 2 | UInt32(outcome.rawValue)
        return outcome
    }
}
