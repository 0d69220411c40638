extension Evaluator {
    /// Evaluates a condition by its index.
    mutating func evaluate(_ index: Int32, _ tables: PlanTables) -> Outcome {
        evaluate(UnsafePointer(tables.conditions.base + Int(index)), tables)
    }

    /// Most conditions are about a property: that way is inlined.
    @inline(__always)
    private mutating func evaluate(_ condition: UnsafePointer<FlatCondition>, _ tables: PlanTables) -> Outcome {
        condition.pointee.kind == .property
            ? evaluateProperty(condition, tables) : evaluateOther(condition, tables)
    }

    @inline(never)
    private mutating func evaluateOther(_ condition: UnsafePointer<FlatCondition>, _ tables: PlanTables) -> Outcome {
        switch condition.pointee.kind {
        case .event:
            return Outcome(
                TextSearch.equal(eventName(), tables.bytes(tables.operands[Int(condition.pointee.first)].text))
            )
        case .url:
            let subject = subject(condition.pointee.slot, tables)
            guard subject.pointee.kind == .string, subject.pointee.written.length > 0 else { return .isFalse }
            return matches(subject, UnsafePointer(tables.operands.base + Int(condition.pointee.first)), tables)
        case .element: return evaluateElement(condition.pointee, tables)
        case .selector: return evaluateSelector(condition.pointee, tables)
        case .elementTag: return evaluateTag(condition.pointee, tables)
        case .elementFilter: return evaluateElementFilter(condition.pointee, tables)
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
        let condition = UnsafePointer(tables.conditions.base + Int(index))
        if condition.pointee.set >= 0, rememberSet(condition.pointee.set, tables) {
            return Outcome(rawValue: UInt8(truncatingIfNeeded: memo[Int(index)] & 3)).unsafelyUnwrapped
        }
        evaluated &+= 1
        let outcome = evaluate(condition, tables)
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
