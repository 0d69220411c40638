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
        return evaluateFirst(index, tables)
    }

    /// Evaluates a condition that nobody has asked for yet, with its set's others where it is in one.
    @inline(never)
    private mutating func evaluateFirst(_ index: Int32, _ tables: PlanTables) -> Outcome {
        let set = tables.conditions.base[Int(index)].set
        if set >= 0, rememberSet(set, tables) {
            return Outcome(rawValue: UInt8(truncatingIfNeeded: memo[Int(index)] & 3)).unsafelyUnwrapped
        }
        evaluated &+= 1
        let outcome = evaluate(index, tables)
        remember(index, outcome)
        return outcome
    }

    /// Whether a condition has been evaluated for this event.
    func isRemembered(_ index: Int32) -> Bool { memo[Int(index)] >> 2 == epoch }

    @inline(__always)
    mutating func remember(_ index: Int32, _ outcome: Outcome) {
        memo[Int(index)] = epoch << 2 | UInt32(outcome.rawValue)
    }
}
