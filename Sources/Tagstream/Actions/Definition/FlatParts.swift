/// A condition in the form that plans are linked from: its operands, compounds and texts, with offsets counted from its own.
///
/// Made once, with the condition. A plan of ten thousand actions copies and shifts these; were it to lower-case texts and read
/// numbers again, changing one action would cost ten times as much.
struct FlatParts: Sendable {
    var condition = FlatCondition(kind: .event, meaning: .exact, isNegated: false, slot: -1, first: 0, count: 1)
    var operands: [FlatOperand] = []
    var compounds: [FlatCompound] = []
    var tests: [FlatTest] = []
    var pool: [UInt8] = []
    /// The property that is compared; nil where none is.
    var slot: Slot?

    /// Where a property is found.
    struct Slot: Sendable, Hashable {
        var kind: FlatSlot.Kind
        var source: UInt8
        var isText: Bool
        var keyHash: UInt32
        var key: [UInt8]
    }

    init(_ test: Condition.Test, _ shapes: PatternShapes) {
        switch test {
        case .event(let name): operands.append(text(name))
        case .url(let test):
            condition.kind = .url
            slot = Self.slot(.event, Array("$current_url".utf8))
            append(test, shapes)
        case .element(let text, let href, let tag):
            condition.kind = .element
            condition.count = 3
            append(text, shapes)
            append(href, shapes)
            operands.append(tag.map { self.text($0) } ?? FlatOperand(kind: .none))
        case .selector(let selector, let isNegated):
            condition.kind = .selector
            condition.isNegated = isNegated
            condition.count = UInt32(selector.compoundCount)
            append(selector)
        case .elementTag(let tags, let isNegated):
            condition.kind = .elementTag
            condition.isNegated = isNegated
            condition.count = UInt32(tags.count)
            for tag in tags { operands.append(text(tag)) }
        case .elementFilter(let key, let comparison):
            condition.kind = .elementFilter
            condition.elementKey = key
            append(comparison, shapes)
        case .property(let source, let key, let comparison):
            condition.kind = .property
            slot = Self.slot(source, key)
            append(comparison, shapes)
        }
    }

    private mutating func append(_ comparison: Comparison, _ shapes: PatternShapes) {
        condition.meaning = comparison.meaning
        condition.isNegated = comparison.isNegated
        condition.count = UInt32(comparison.operands.count)
        for operand in comparison.operands { append(operand, shapes) }
        if comparison.meaning == .exact, operands.count > 8 { sortTexts() }
    }

    /// Long lists of texts are searched by halves: texts first, in byte order.
    private mutating func sortTexts() {
        let texts = operands.filter { $0.kind == .text }
        guard texts.count > 8 else { return }
        let others = operands.filter { $0.kind != .text }
        func bytes(_ operand: FlatOperand) -> ArraySlice<UInt8> {
            pool[Int(operand.text.offset)..<Int(operand.text.offset + operand.text.length)]
        }
        operands = texts.sorted { bytes($0).lexicographicallyPrecedes(bytes($1)) } + others
        condition.sortedTexts = UInt32(texts.count)
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
        if lowered == Self.falseText { operand.truth = 1 }
        if lowered == Self.trueText { operand.truth = 2 }
        return operand
    }

    private static let falseText = Array("false".utf8)
    private static let trueText = Array("true".utf8)

    private mutating func append(_ test: TextTest?, _ shapes: PatternShapes) {
        switch test {
        case nil: operands.append(FlatOperand(kind: .none))
        case .exact(let text)?: operands.append(self.text(text))
        case .like(let pattern, let ignoringCase)?:
            var operand = FlatOperand(kind: ignoringCase ? .likeIgnoringCase : .like)
            operand.text = range(pattern)
            operand.truth = pattern.contains { $0 >= LikePattern.run } ? 0 : 1
            operands.append(operand)
        case .regex(let pattern, let source)?: operands.append(self.pattern(pattern, shapes[source]))
        }
    }

    /// A pattern that is only a list of texts becomes that list: finding a text takes a tenth of the time.
    private mutating func pattern(_ pattern: Pattern, _ shape: RegexShape) -> FlatOperand {
        guard let texts = shape.exact, texts.allSatisfy({ $0.count < 1 << 16 }) else {
            var operand = FlatOperand(kind: .pattern)
            operand.first = UInt64(UInt(bitPattern: pattern.handle))
            return operand
        }
        var operand = FlatOperand(kind: .literals)
        operand.truth = (shape.isAnchoredAtStart ? 1 : 0) | (shape.isAnchoredAtEnd ? 2 : 0)
        operand.text = range(texts.flatMap { [UInt8($0.count & 255), UInt8($0.count >> 8)] + $0 })
        return operand
    }

    private mutating func append(_ value: Operand, _ shapes: PatternShapes) {
        var operand = FlatOperand(kind: .none)
        switch value {
        case .text(let text): operand = self.text(text)
        case .number(let number, let printed):
            operand = text(printed)
            operand.kind = .number
            operand.isNumber = true
            operand.first = number.bitPattern
        case .bool(let value):
            operand = text(value ? Self.trueText : Self.falseText)
            operand.kind = .bool
            operand.first = Double(value ? 1 : 0).bitPattern
        case .pattern(let pattern, let source): operand = self.pattern(pattern, shapes[source])
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
                        firstTest: UInt32(tests.count),
                        testCount: UInt16(compound.tests.count),
                        isChild: compound.isChild,
                        isLast: index == alternative.compounds.count - 1,
                        marks: compound.tests.reduce(0) { $0 | Self.mark($1) }
                    )
                )
                for test in compound.tests { tests.append(flat(test)) }
            }
        }
    }

    private static func mark(_ test: Selector.Test) -> UInt64 {
        switch test {
        case .tag(let name): AccessKey.mark(AccessKey.hash(name))
        case .className(let name): AccessKey.mark(AccessKey.hash(Array(name.prefix { $0 != 0x2E })))
        case .id(let id): AccessKey.mark(AccessKey.hash(id))
        case .attribute(.named(let name), _, _): AccessKey.mark(AccessKey.hash(name))
        case .attribute, .nthChild, .nthOfType: 0
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

    private static let chainKey = Array("$elements_chain".utf8)
    private static let elementsKey = Array("$elements".utf8)

    private static func slot(_ source: PropertySource, _ key: [UInt8]) -> Slot {
        var slot = Slot(kind: .field, source: source.code, isText: false, keyHash: Tagstream.keyHash(of: key), key: key)
        switch source {
        case .event where key == chainKey: slot.kind = .chain
        case .event where key == elementsKey: slot.kind = .never
        case .event, .person, .group: break
        case .metadata(let metadata):
            slot.isText = true
            switch metadata {
            case .group0, .group1, .group2, .group3, .group4: slot.source = PropertySource.event.code
            case .event, .uuid, .distinctID, .timestamp:
                slot.kind = .metadata
                slot.source = metadata.rawValue
            }
        }
        return slot
    }
}
