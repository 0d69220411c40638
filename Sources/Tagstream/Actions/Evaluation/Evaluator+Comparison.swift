import CRE2

extension Evaluator {
    /// Whether a filter on a property holds.
    @inline(__always)
    mutating func evaluateProperty(_ condition: UnsafePointer<FlatCondition>, _ tables: PlanTables) -> Outcome {
        let subject = textSubject(condition.pointee.slot, tables)
        return compare(
            subject,
            condition,
            matchesMembers: tables.slots.base[Int(condition.pointee.slot)].matchesMembers,
            tables
        )
    }

    /// Whether a subject satisfies a comparison, its negation included.
    @inline(__always)
    mutating func compare(
        _ subject: UnsafeMutablePointer<Subject>,
        _ condition: UnsafePointer<FlatCondition>,
        matchesMembers: Bool,
        _ tables: PlanTables
    ) -> Outcome {
        // Missing and null are the same: every positive operator is false, every negative one true.
        guard subject.pointee.kind.rawValue > Value.Kind.null.rawValue else {
            return Outcome(condition.pointee.isNegated)
        }
        return satisfies(subject, condition, matchesMembers: matchesMembers, tables)
            .negated(if: condition.pointee.isNegated)
    }

    /// Whether a subject that is set satisfies the positive comparison with any of the values.
    @inline(__always)
    private mutating func satisfies(
        _ subject: UnsafeMutablePointer<Subject>,
        _ condition: UnsafePointer<FlatCondition>,
        matchesMembers: Bool,
        _ tables: PlanTables
    ) -> Outcome {
        let operands = tables.operands.base + Int(condition.pointee.first)
        let count = Int(condition.pointee.count)
        switch condition.pointee.meaning {
        case .isSet: return .isTrue
        case .exact:
            if matchesMembers, subject.pointee.kind == .array {
                return Outcome(anyMemberEquals(subject.pointee, operands, count, tables))
            }
            return Outcome(equals(subject, operands, count, sorted: Int(condition.pointee.sortedTexts), tables))
        case .icontains:
            let text = lowered(subject)
            for index in 0..<count where TextSearch.contains(tables.bytes(operands[index].lowered), in: text) {
                return .isTrue
            }
            return .isFalse
        case .regex: return search(text(subject), operands, count, tables)
        case .gt, .gte, .lt, .lte, .between:
            return Outcome(orders(subject, condition.pointee.meaning, operands, count, tables))
        case .dateExact, .dateBefore, .dateAfter:
            return Outcome(dates(subject, condition.pointee.meaning, operands, count))
        case .semverEqual, .semverGreater, .semverGreaterOrEqual, .semverLess, .semverLessOrEqual, .semverRange,
            .semverUnequal:
            return Outcome(versions(subject, condition.pointee.meaning, operands, count, tables))
        }
    }

    private mutating func search(
        _ text: UnsafeRawBufferPointer,
        _ operands: UnsafeMutablePointer<FlatOperand>,
        _ count: Int,
        _ tables: PlanTables
    ) -> Outcome {
        var outcome = Outcome.isFalse
        for index in 0..<count {
            switch search(text, UnsafePointer(operands + index), tables) {
            case .isTrue: return .isTrue
            case .failed: outcome = .failed
            case .isFalse: break
            }
        }
        return outcome
    }

    /// Whether a pattern, or one of the texts that it stands for, occurs in a text.
    ///
    /// A search that was given up has failed: neither a match nor none.
    mutating func search(
        _ text: UnsafeRawBufferPointer,
        _ operand: UnsafePointer<FlatOperand>,
        _ tables: PlanTables
    ) -> Outcome {
        if operand.pointee.kind == .literals {
            return Outcome(containsOne(of: tables.bytes(operand.pointee.text), anchors: operand.pointee.truth, text))
        }
        let pattern = OpaquePointer(bitPattern: UInt(operand.pointee.first))
        let found = tagstream_re2_search(pattern, text.baseAddress, text.count, &refills)
        return found < 0 ? .failed : Outcome(found == 1)
    }

    private func containsOne(of list: UnsafeRawBufferPointer, anchors: UInt8, _ text: UnsafeRawBufferPointer) -> Bool {
        var index = 0
        while index < list.count {
            let length = Int(list[index]) | Int(list[index &+ 1]) << 8
            let literal = UnsafeRawBufferPointer(rebasing: list[(index &+ 2)..<(index &+ 2 &+ length)])
            index &+= 2 &+ length
            guard length <= text.count else { continue }
            let found =
                switch anchors {
                case 0: TextSearch.contains(literal, in: text)
                case 1: TextSearch.equal(UnsafeRawBufferPointer(rebasing: text[..<length]), literal)
                case 2: TextSearch.equal(UnsafeRawBufferPointer(rebasing: text[(text.count &- length)...]), literal)
                default: TextSearch.equal(text, literal)
                }
            if found { return true }
        }
        return false
    }

    // MARK: Equality

    /// - Parameter sorted: how many of the first operands are texts in byte order.
    private mutating func equals(
        _ subject: UnsafeMutablePointer<Subject>,
        _ operands: UnsafeMutablePointer<FlatOperand>,
        _ count: Int,
        sorted: Int,
        _ tables: PlanTables
    ) -> Bool {
        switch subject.pointee.kind {
        case .string:
            if sorted > 0, Self.isFound(text(subject), operands, sorted, tables) { return true }
            for index in sorted..<count {
                let operand = operands + index
                if operand.pointee.kind == .number {
                    if let number = number(subject), number == operand.pointee.number { return true }
                } else if TextSearch.equalPadded(text(subject), tables.bytes(operand.pointee.text)) {
                    // A boolean's text is `true` or `false`, which is just what a text must be to equal it.
                    return true
                }
            }
        case .number:
            for index in 0..<count {
                let operand = operands + index
                guard operand.pointee.isNumber || operand.pointee.kind == .bool else { continue }
                if let number = number(subject), number == operand.pointee.number { return true }
            }
        case .true, .false:
            let isTrue = subject.pointee.kind == .true
            for index in 0..<count {
                let operand = operands + index
                if operand.pointee.kind == .number {
                    if operand.pointee.number == (isTrue ? 1 : 0) { return true }
                } else if operand.pointee.truth == (isTrue ? 2 : 1) {
                    return true
                }
            }
        case .missing, .null, .array, .object: break
        }
        return false
    }

    /// Searches texts in byte order by halves.
    private static func isFound(
        _ text: UnsafeRawBufferPointer,
        _ operands: UnsafeMutablePointer<FlatOperand>,
        _ count: Int,
        _ tables: PlanTables
    ) -> Bool {
        var low = 0
        var high = count
        while low < high {
            let middle = (low &+ high) / 2
            let order = TextSearch.compare(tables.bytes(operands[middle].text), text)
            if order == 0 { return true }
            if order < 0 { low = middle &+ 1 } else { high = middle }
        }
        return false
    }

    private mutating func anyMemberEquals(
        _ list: Subject,
        _ operands: UnsafeMutablePointer<FlatOperand>,
        _ count: Int,
        _ tables: PlanTables
    ) -> Bool {
        let range = bytes(list.written)
        var walk = ArrayWalk(
            Value(
                offset: UInt32(range.baseAddress! - bench),
                length: UInt32(range.count),
                kind: .array,
                flags: list.flags.contains(.plain) ? .plain : []
            ),
            on: bench
        )
        while let member = walk.next() {
            var subject = Subject(member, epoch: epoch)
            if withUnsafeMutablePointer(to: &subject, { equals($0, operands, count, sorted: 0, tables) }) {
                return true
            }
        }
        return false
    }

    // MARK: Order

    /// Whether a subject stands on the right side of one of the values: nearly always of one, and both are numbers.
    @inline(__always)
    private mutating func orders(
        _ subject: UnsafeMutablePointer<Subject>,
        _ meaning: Operator,
        _ operands: UnsafeMutablePointer<FlatOperand>,
        _ count: Int,
        _ tables: PlanTables
    ) -> Bool {
        guard count == 1, operands.pointee.isNumber, subject.pointee.known.isSuperset(of: [.number, .isNumber]) else {
            return ordersAny(subject, meaning, operands, count, tables)
        }
        return Self.holds(meaning, subject.pointee.number, operands.pointee.number)
    }

    @inline(never)
    private mutating func ordersAny(
        _ subject: UnsafeMutablePointer<Subject>,
        _ meaning: Operator,
        _ operands: UnsafeMutablePointer<FlatOperand>,
        _ count: Int,
        _ tables: PlanTables
    ) -> Bool {
        let number = number(subject)
        for index in 0..<count {
            let operand = operands + index
            if operand.pointee.kind == .range {
                guard let number else { continue }
                if operand.pointee.number <= number, number <= Double(bitPattern: operand.pointee.second) {
                    return true
                }
            } else if let number {
                // A number and a text that is none have no order.
                if operand.pointee.isNumber, Self.holds(meaning, number, operand.pointee.number) { return true }
            } else if subject.pointee.kind == .string, operand.pointee.kind == .text, !operand.pointee.isNumber {
                let order = TextSearch.compare(text(subject), tables.bytes(operand.pointee.text))
                if Self.holds(meaning, order, 0) { return true }
            }
        }
        return false
    }

    @inline(__always)
    private static func holds<Number: Comparable>(_ meaning: Operator, _ one: Number, _ other: Number) -> Bool {
        switch meaning {
        case .gt: one > other
        case .gte: one >= other
        case .lt: one < other
        case .lte: one <= other
        default: false
        }
    }

    // MARK: Dates

    private mutating func dates(
        _ subject: UnsafeMutablePointer<Subject>,
        _ meaning: Operator,
        _ operands: UnsafeMutablePointer<FlatOperand>,
        _ count: Int
    ) -> Bool {
        guard subject.pointee.kind == .string, let date = DateText.parse(text(subject))?.micros else { return false }
        for index in 0..<count {
            let operand = operands[index]
            var from = Int64(bitPattern: operand.first)
            var to = Int64(bitPattern: operand.second)
            if operand.kind == .relativeDate {
                guard let timestamp = event.timestamp else { continue }
                from = DateText.before(timestamp &* 1000, count: from, unit: operand.unit)
                to = from
            }
            switch meaning {
            case .dateExact: if from == to ? date == from : from <= date && date < to { return true }
            case .dateBefore: if date < from { return true }
            default: if from == to ? date > from : date >= to { return true }
            }
        }
        return false
    }

    // MARK: Versions

    private mutating func versions(
        _ subject: UnsafeMutablePointer<Subject>,
        _ meaning: Operator,
        _ operands: UnsafeMutablePointer<FlatOperand>,
        _ count: Int,
        _ tables: PlanTables
    ) -> Bool {
        guard subject.pointee.kind == .string, let version = Version.parse(text(subject)) else { return false }
        for index in 0..<count {
            let operand = operands[index]
            guard let other = Version.parse(tables.bytes(operand.text)) else { continue }
            let order = version.compare(other)
            let holds =
                switch meaning {
                case .semverEqual, .semverUnequal: order == 0
                case .semverGreater: order > 0
                case .semverGreaterOrEqual: order >= 0
                case .semverLess: order < 0
                case .semverLessOrEqual: order <= 0
                default:
                    order >= 0
                        && Version.parse(tables.bytes(operand.lowered)).map { version.compareNumbers($0) < 0 } == true
                }
            if holds { return meaning != .semverUnequal }
        }
        return meaning == .semverUnequal
    }
}
