/// Flattens conditions into ``PlanTables``: gives each one an index, each property a slot, and writes texts into one pool.
struct TableBuilder {
    private(set) var conditions: [FlatCondition] = []
    private var operands: [FlatOperand] = []
    private var compounds: [FlatCompound] = []
    private var tests: [FlatTest] = []
    private(set) var slots: [FlatSlot] = []
    private var pool: [UInt8] = []
    private var slotIndex: [SlotKey: Int32] = [:]
    private(set) var urlSlot: Int32 = -1

    private struct SlotKey: Hashable {
        var source: UInt8
        var isText: Bool
        var key: [UInt8]
    }

    init(capacity: Int) {
        conditions.reserveCapacity(capacity)
        operands.reserveCapacity(capacity * 2)
        pool.reserveCapacity(capacity * 32)
    }

    /// Adds a condition; its index is the number of conditions before.
    mutating func append(_ condition: Condition) {
        var flat = FlatCondition(kind: .event, meaning: .exact, isNegated: false, slot: -1, first: UInt32(operands.count), count: 1)
        switch condition.test {
        case .event(let name): operands.append(text(name))
        case .url(let test):
            flat.kind = .url
            flat.slot = slot(.event, Array("$current_url".utf8))
            urlSlot = flat.slot
            append(test)
        case .element(let text, let href, let tag):
            flat.kind = .element
            flat.count = 3
            append(text)
            append(href)
            operands.append(tag.map { self.text($0) } ?? FlatOperand(kind: .none))
        case .selector(let selector, let isNegated):
            flat.kind = .selector
            flat.isNegated = isNegated
            flat.first = UInt32(compounds.count)
            flat.count = UInt32(selector.compoundCount)
            append(selector)
        case .elementTag(let tags, let isNegated):
            flat.kind = .elementTag
            flat.isNegated = isNegated
            flat.count = UInt32(tags.count)
            for tag in tags { operands.append(text(tag)) }
        case .elementFilter(let key, let comparison):
            flat.kind = .elementFilter
            flat.elementKey = key
            append(comparison, to: &flat)
        case .property(let source, let key, let comparison):
            flat.kind = .property
            flat.slot = slot(source, key)
            append(comparison, to: &flat)
        }
        conditions.append(flat)
    }

    private mutating func append(_ comparison: Comparison, to flat: inout FlatCondition) {
        flat.meaning = comparison.meaning
        flat.isNegated = comparison.isNegated
        flat.count = UInt32(comparison.operands.count)
        for operand in comparison.operands { append(operand) }
    }

    // MARK: Operands

    private mutating func range(_ text: [UInt8]) -> PoolRange {
        let range = PoolRange(offset: UInt32(pool.count), length: UInt32(text.count))
        pool += text
        return range
    }

    private mutating func text(_ text: [UInt8]) -> FlatOperand {
        var operand = FlatOperand(kind: .text)
        operand.text = range(text)
        let lowered = LowerCase.of(text)
        operand.lowered = lowered == text ? operand.text : range(lowered)
        if let number = NumberText.parse(text) {
            operand.isNumber = true
            operand.first = number.bitPattern
        }
        if lowered == Array("false".utf8) { operand.truth = 1 }
        if lowered == Array("true".utf8) { operand.truth = 2 }
        return operand
    }

    private mutating func append(_ test: TextTest?) {
        switch test {
        case nil: operands.append(FlatOperand(kind: .none))
        case .exact(let text)?: operands.append(self.text(text))
        case .like(let pattern, let ignoringCase)?:
            var operand = FlatOperand(kind: ignoringCase ? .likeIgnoringCase : .like)
            operand.text = range(pattern)
            operands.append(operand)
        case .regex(let pattern, _)?: operands.append(Self.pattern(pattern))
        }
    }

    private static func pattern(_ pattern: Pattern) -> FlatOperand {
        var operand = FlatOperand(kind: .pattern)
        operand.first = UInt64(UInt(bitPattern: pattern.handle))
        return operand
    }

    private mutating func append(_ value: Operand) {
        var operand = FlatOperand(kind: .none)
        switch value {
        case .text(let text): operand = self.text(text)
        case .number(let number, let printed):
            operand = text(printed)
            operand.kind = .number
            operand.isNumber = true
            operand.first = number.bitPattern
        case .bool(let value):
            operand = text(Array((value ? "true" : "false").utf8))
            operand.kind = .bool
            operand.first = Double(value ? 1 : 0).bitPattern
        case .pattern(let pattern, _): operand = Self.pattern(pattern)
        case .range(let low, let high):
            operand.kind = .range
            operand.first = low.bitPattern
            operand.second = high.bitPattern
        case .date(let from, let to):
            operand.kind = .date
            operand.first = UInt64(bitPattern: from)
            operand.second = UInt64(bitPattern: to)
        case .relativeDate(let count, let unit):
            operand.kind = .relativeDate
            operand.unit = unit
            operand.first = UInt64(bitPattern: count)
        case .version(let text):
            operand.kind = .version
            operand.text = range(text)
        case .versionRange(let low, let high):
            operand.kind = .versionRange
            operand.text = range(low)
            operand.lowered = range(high)
        }
        operands.append(operand)
    }

    // MARK: Selectors

    private mutating func append(_ selector: Selector) {
        for alternative in selector.alternatives {
            for (index, compound) in alternative.compounds.enumerated() {
                compounds.append(
                    FlatCompound(
                        firstTest: UInt32(tests.count), testCount: UInt16(compound.tests.count), isChild: compound.isChild,
                        isLast: index == alternative.compounds.count - 1
                    )
                )
                for test in compound.tests { tests.append(flat(test)) }
            }
        }
    }

    private mutating func flat(_ test: Selector.Test) -> FlatTest {
        switch test {
        case .tag(let name): return FlatTest(kind: .tag, match: .equals, text: range(name))
        case .id(let id): return FlatTest(kind: .id, match: .equals, text: range(id))
        case .className(let name): return FlatTest(kind: .className, match: .equals, text: range(name))
        case .nthChild(let number): return FlatTest(kind: .nthChild, match: .equals, number: Int32(number))
        case .nthOfType(let number): return FlatTest(kind: .nthOfType, match: .equals, number: Int32(number))
        case .attribute(let attribute, let match, let value):
            let text = range(value)
            switch attribute {
            case .id: return FlatTest(kind: .attributeID, match: match, text: text)
            case .href: return FlatTest(kind: .attributeHref, match: match, text: text)
            case .className: return FlatTest(kind: .attributeClass, match: match, text: text)
            case .named(let name): return FlatTest(kind: .attribute, match: match, text: text, name: range(name))
            }
        }
    }

    // MARK: Slots

    private static let exceptionLists = ["$exception_types", "$exception_values", "$exception_sources", "$exception_functions"]

    private mutating func slot(_ source: PropertySource, _ key: [UInt8]) -> Int32 {
        var slot = FlatSlot(
            kind: .field, source: source.code, isText: false, matchesMembers: Self.exceptionLists.contains { Array($0.utf8) == key },
            keyHash: keyHash(of: key), key: PoolRange()
        )
        switch source {
        case .event where key == Array("$elements_chain".utf8): slot.kind = .chain
        case .event where key == Array("$elements".utf8): slot.kind = .never
        case .event, .person, .group: break
        case .metadata(let metadata):
            slot.isText = true
            slot.matchesMembers = false
            switch metadata {
            case .group0, .group1, .group2, .group3, .group4: slot.source = PropertySource.event.code
            case .event, .uuid, .distinctID, .timestamp:
                slot.kind = .metadata
                slot.source = metadata.rawValue
            }
        }
        let name = SlotKey(source: source.code, isText: slot.isText, key: key)
        if let found = slotIndex[name] { return found }
        slot.key = range(key)
        let index = Int32(slots.count)
        slots.append(slot)
        slotIndex[name] = index
        return index
    }

    // MARK: Freezing

    /// The tables, with all memory of their own.
    mutating func freeze() -> PlanTables {
        var sources = [[(hash: UInt32, slot: Int32)]](repeating: [], count: 7)
        var firsts: [SlotKey: Int32] = [:]
        for index in slots.indices where slots[index].kind == .field {
            let slot = slots[index]
            let key = Array(pool[Int(slot.key.offset)..<Int(slot.key.offset + slot.key.length)])
            let place = SlotKey(source: slot.source, isText: false, key: key)
            if let first = firsts[place] {
                slots[index].next = slots[Int(first)].next
                slots[Int(first)].next = Int32(index)
            } else {
                firsts[place] = Int32(index)
                sources[Int(slot.source)].append((slot.keyHash, Int32(index)))
            }
        }
        // Hashing and comparing may read a word past the end.
        pool += [UInt8](repeating: 0, count: 16)
        return PlanTables(
            conditions: Frozen(conditions), operands: Frozen(operands), compounds: Frozen(compounds), tests: Frozen(tests),
            slots: Frozen(slots), pool: Frozen(pool), bindings: Frozen(sources.map { BindingTable($0) }), urlSlot: urlSlot,
            hasChainSlot: slots.contains { $0.kind == .chain }
        )
    }
}
