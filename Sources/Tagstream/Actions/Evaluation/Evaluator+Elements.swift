extension Evaluator {
    /// Whether one and the same element satisfies a step's text, link and tag.
    mutating func evaluateElement(_ condition: FlatCondition, _ tables: PlanTables) -> Outcome {
        needElements()
        let operands = tables.operands.base + Int(condition.first)
        let tag = operands + 2
        var outcome = Outcome.isFalse
        for index in 0..<table.elements.count {
            let element = table.elements.base + index
            let hasTag =
                tag.pointee.kind == .none
                || TextSearch.equalPadded(bytes(element.pointee.tag), tables.bytes(tag.pointee.text))
            guard hasTag else { continue }
            var found = Outcome.isTrue
            if operands.pointee.kind != .none {
                found = matches(&element.pointee.text, UnsafePointer(operands), tables)
            }
            if found == .isTrue, operands[1].kind != .none {
                found = matches(&element.pointee.href, UnsafePointer(operands + 1), tables)
            }
            if found == .isTrue { return .isTrue }
            if found == .failed { outcome = .failed }
        }
        return outcome
    }

    /// Whether a text satisfies one of the three modes; a text that is not there satisfies none.
    mutating func matches(
        _ subject: UnsafeMutablePointer<Subject>,
        _ operand: UnsafePointer<FlatOperand>,
        _ tables: PlanTables
    ) -> Outcome {
        guard subject.pointee.kind == .string else { return .isFalse }
        let wanted = tables.bytes(operand.pointee.text)
        switch operand.pointee.kind {
        case .like, .likeIgnoringCase:
            let text = operand.pointee.kind == .like ? text(subject) : lowered(subject)
            return Outcome(
                operand.pointee.truth == 1 ? TextSearch.contains(wanted, in: text) : LikePattern.matches(wanted, text)
            )
        case .pattern, .literals: return search(text(subject), operand, tables)
        default: return Outcome(TextSearch.equalPadded(text(subject), wanted))
        }
    }

    /// Whether some element has one of the tags.
    mutating func evaluateTag(_ condition: FlatCondition, _ tables: PlanTables) -> Outcome {
        needElements()
        let operands = tables.operands.base + Int(condition.first)
        for index in 0..<table.elements.count {
            let tag = bytes(table.elements.base[index].tag)
            for place in 0..<Int(condition.count) where TextSearch.equalPadded(tag, tables.bytes(operands[place].text))
            {
                return Outcome(!condition.isNegated)
            }
        }
        return Outcome(condition.isNegated)
    }

    /// Whether some element's text (or link) satisfies a comparison; or none does, when it is negated.
    mutating func evaluateElementFilter(_ condition: FlatCondition, _ tables: PlanTables) -> Outcome {
        needElements()
        if condition.meaning == .semverUnequal { return evaluateUnequalVersion(condition, tables) }
        var positive = condition
        positive.isNegated = false
        var outcome = Outcome.isFalse
        for index in 0..<table.elements.count {
            let found = compareElement(index, positive, tables)
            if found == .isTrue { return Outcome(!condition.isNegated) }
            if found == .failed { outcome = .failed }
        }
        return outcome.negated(if: condition.isNegated)
    }

    private mutating func compareElement(_ index: Int, _ condition: FlatCondition, _ tables: PlanTables) -> Outcome {
        let element = table.elements.base + index
        return withUnsafePointer(to: condition) { condition in
            condition.pointee.elementKey == .text
                ? compare(&element.pointee.text, condition, matchesMembers: false, tables)
                : compare(&element.pointee.href, condition, matchesMembers: false, tables)
        }
    }

    /// "Is another version" says two things: that some element's text is a version, and that none is the given one.
    private mutating func evaluateUnequalVersion(_ condition: FlatCondition, _ tables: PlanTables) -> Outcome {
        var equal = condition
        equal.meaning = .semverEqual
        var isSome = false
        for index in 0..<table.elements.count {
            if compareElement(index, equal, tables) == .isTrue { return .isFalse }
            isSome = compareElement(index, condition, tables) == .isTrue || isSome
        }
        return Outcome(isSome)
    }

    // MARK: Selectors

    // Backtracking over "which ancestor did the compound before mean" is exponential in the number of compounds. But all that a
    // later decision needs to know of the earlier ones is which elements they may have ended at: so one row of the table
    // "element × compound" follows the other, from the element itself outward, and every cell is looked at once.

    /// Whether some element satisfies one of the selectors.
    mutating func evaluateSelector(_ condition: FlatCondition, _ tables: PlanTables) -> Outcome {
        needElements()
        guard table.elements.count > 0 else { return Outcome(condition.isNegated) }
        table.mark(bench, arena)
        var first = Int(condition.first)
        let end = first &+ Int(condition.count)
        while first < end {
            var last = first
            while !tables.compounds[last].isLast { last &+= 1 }
            if matches(first, last, tables) { return Outcome(!condition.isNegated) }
            first = last &+ 1
        }
        return Outcome(condition.isNegated)
    }

    private mutating func matches(_ first: Int, _ last: Int, _ tables: PlanTables) -> Bool {
        let count = table.elements.count
        let compounds = tables.compounds.base
        if first == last {
            for element in 0..<count where satisfies(element, compounds + last, tables) { return true }
            return false
        }
        table.reached.resize(to: count, filling: false)
        table.next.resize(to: count, filling: false)
        var isAny = false
        for element in 0..<count {
            let holds = satisfies(element, compounds + last, tables)
            table.reached[element] = holds
            isAny = isAny || holds
        }
        var compound = last
        while compound > first, isAny {
            let isChild = compounds[compound].isChild
            compound &-= 1
            isAny = false
            var inner = false
            for element in 0..<count {
                let isReachable = isChild ? element > 0 && table.reached[element &- 1] : inner
                let holds = isReachable && satisfies(element, compounds + compound, tables)
                table.next[element] = holds
                isAny = isAny || holds
                inner = inner || table.reached[element]
            }
            for element in 0..<count { table.reached[element] = table.next[element] }
        }
        return isAny
    }

    @inline(__always)
    private mutating func satisfies(
        _ index: Int,
        _ compound: UnsafeMutablePointer<FlatCompound>,
        _ tables: PlanTables
    ) -> Bool {
        let element = table.elements.base + index
        guard element.pointee.marks & compound.pointee.marks == compound.pointee.marks else { return false }
        let tests = tables.tests.base + Int(compound.pointee.firstTest)
        for place in 0..<Int(compound.pointee.testCount) where !satisfies(element, tests + place, tables) {
            return false
        }
        return true
    }

    @inline(never)
    private mutating func satisfies(
        _ element: UnsafeMutablePointer<ElementTable.Element>,
        _ test: UnsafeMutablePointer<FlatTest>,
        _ tables: PlanTables
    ) -> Bool {
        let operand = tables.bytes(test.pointee.text)
        switch test.pointee.kind {
        case .tag: return TextSearch.equalPadded(bytes(element.pointee.tag), operand)
        case .id: return hasID(element, .equals, operand, tables)
        case .className: return hasClass(element, operand)
        case .nthChild: return element.pointee.nthChild == test.pointee.number
        case .nthOfType: return element.pointee.nthOfType == test.pointee.number
        case .attributeID: return hasID(element, test.pointee.match, operand, tables)
        case .attributeHref:
            let href = element.pointee.href
            if href.kind == .string, Self.matches(bytes(href.text), test.pointee.match, operand) { return true }
            return hasAttribute(element, Self.bytes(of: "href"), test.pointee.match, operand)
        case .attributeClass: return hasClassText(element, test.pointee.match, operand)
        case .attribute:
            return hasAttribute(element, tables.bytes(test.pointee.name), test.pointee.match, operand)
        }
    }

    private static func bytes(of literal: StaticString) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: literal.utf8Start, count: literal.utf8CodeUnitCount)
    }

    /// An id is what the SDK named `attr_id`, or the attribute.
    private func hasID(
        _ element: UnsafeMutablePointer<ElementTable.Element>,
        _ match: Selector.Match,
        _ operand: UnsafeRawBufferPointer,
        _ tables: PlanTables
    ) -> Bool {
        if element.pointee.hasID, Self.matches(bytes(element.pointee.id), match, operand) { return true }
        return hasAttribute(element, Self.bytes(of: "id"), match, operand)
    }

    private func hasAttribute(
        _ element: UnsafeMutablePointer<ElementTable.Element>,
        _ name: UnsafeRawBufferPointer,
        _ match: Selector.Match,
        _ operand: UnsafeRawBufferPointer
    ) -> Bool {
        // From the last: of two attributes with one name the last counts.
        var index = Int(element.pointee.firstAttribute &+ element.pointee.attributeCount)
        while index > Int(element.pointee.firstAttribute) {
            index &-= 1
            let attribute = table.attributes[index]
            if TextSearch.equal(bytes(attribute.name), name) {
                return Self.matches(bytes(attribute.value), match, operand)
            }
        }
        return false
    }

    private static func matches(
        _ value: UnsafeRawBufferPointer,
        _ match: Selector.Match,
        _ operand: UnsafeRawBufferPointer
    ) -> Bool {
        switch match {
        case .isPresent: return true
        case .equals: return TextSearch.equal(value, operand)
        default: break
        }
        guard operand.count > 0, operand.count <= value.count else { return false }
        switch match {
        case .hasPrefix: return TextSearch.equal(UnsafeRawBufferPointer(rebasing: value[..<operand.count]), operand)
        case .hasSuffix:
            return TextSearch.equal(UnsafeRawBufferPointer(rebasing: value[(value.count &- operand.count)...]), operand)
        case .contains: return TextSearch.contains(operand, in: value)
        default: return hasWord(operand, in: value)
        }
    }

    private static func hasWord(_ word: UnsafeRawBufferPointer, in text: UnsafeRawBufferPointer) -> Bool {
        var index = 0
        while index < text.count {
            while index < text.count, UTF8Text.isBlank(text[index]) { index &+= 1 }
            let start = index
            while index < text.count, !UTF8Text.isBlank(text[index]) { index &+= 1 }
            if index > start, TextSearch.equal(UnsafeRawBufferPointer(rebasing: text[start..<index]), word) {
                return true
            }
        }
        return false
    }

    // MARK: Classes

    /// The classes of an element are the tokens of `attr__class`, and what a chain's head has besides them.
    ///
    /// SDKs write the same classes into both, so that the head adds nothing: a part of a token (`py-2` of `py-2.5`) is no class,
    /// although it stands in the head between two dots. Chains that were made elsewhere may have a class in the head only.
    private func hasClass(_ element: UnsafeMutablePointer<ElementTable.Element>, _ name: UnsafeRawBufferPointer) -> Bool
    {
        var isPart = false
        for index in 0..<Int(element.pointee.classCount) {
            let token = bytes(table.classes[Int(element.pointee.firstClass) &+ index])
            if TextSearch.equalPadded(token, name) { return true }
            isPart = isPart || token.count > name.count && Self.hasRun(name, in: token)
        }
        return !isPart && Self.hasRun(name, in: bytes(element.pointee.head))
    }

    /// Whether a text is one of the pieces between another's dots, or a run of them: classes such as `py-2.5` are written into a
    /// chain's head undelimited.
    private static func hasRun(_ name: UnsafeRawBufferPointer, in head: UnsafeRawBufferPointer) -> Bool {
        guard name.count > 0 else { return false }
        var start = 0
        while start &+ name.count <= head.count {
            let end = start &+ name.count
            if end == head.count || head[end] == 0x2E,
                TextSearch.equal(UnsafeRawBufferPointer(rebasing: head[start..<end]), name)
            {
                return true
            }
            while start < head.count, head[start] != 0x2E { start &+= 1 }
            start &+= 1
        }
        return false
    }

    private mutating func hasClassText(
        _ element: UnsafeMutablePointer<ElementTable.Element>,
        _ match: Selector.Match,
        _ operand: UnsafeRawBufferPointer
    ) -> Bool {
        if !element.pointee.hasClassList, element.pointee.head.length == 0 { return false }
        if match == .hasWord { return operand.count > 0 && hasClass(element, operand) }
        if !element.pointee.hasClassText { joinClasses(of: element) }
        return Self.matches(bytes(element.pointee.classText), match, operand)
    }

    private mutating func joinClasses(of element: UnsafeMutablePointer<ElementTable.Element>) {
        let start = arena.count
        if element.pointee.hasClassList {
            for index in 0..<Int(element.pointee.classCount) {
                let name = table.classes[Int(element.pointee.firstClass) &+ index]
                arena.reserve(Int(name.length) &+ 1)
                if index > 0 { arena.put(0x20) }
                arena.append(bytes(name))
            }
        } else {
            arena.reserve(Int(element.pointee.head.length))
            for byte in bytes(element.pointee.head) { arena.put(byte == 0x2E ? 0x20 : byte) }
        }
        element.pointee.classText = TextRange(inArena: start, length: arena.count &- start)
        element.pointee.hasClassText = true
    }
}
