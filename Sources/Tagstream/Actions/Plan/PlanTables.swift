/// A range of a plan's byte pool.
struct PoolRange {
    var offset: UInt32 = 0
    var length: UInt32 = 0
}

/// A condition as the evaluator reads it: no pointer to follow before its operands.
struct FlatCondition {
    enum Kind: UInt8 { case event, url, element, selector, elementTag, elementFilter, property }

    var kind: Kind
    var meaning: Operator
    var isNegated: Bool
    /// Which text of an element an element filter compares.
    var elementKey: Condition.ElementKey = .text
    /// The slot of the property; -1 where there is none.
    var slot: Int32
    /// Into the operands, or for a selector into the compounds.
    var first: UInt32
    var count: UInt32
    /// How many of the first operands are texts in byte order; zero where the list is too short for that to pay.
    var sortedTexts: UInt32 = 0
    /// The set that the condition's pattern is searched with; -1 where it is in none.
    var set: Int32 = -1
}

/// A value that a condition compares with, prepared.
struct FlatOperand {
    enum Kind: UInt8 {
        case none, text, number, bool, like, likeIgnoringCase, pattern, literals, range, date, relativeDate, version,
            versionRange
    }

    var kind: Kind
    /// A text's value as a number is in ``first``.
    var isNumber = false
    /// For a text: 1 when it is "false" in any case, 2 when "true".
    ///
    /// For a boolean: 1 and 2 likewise. For literals: 1 when they stand at the text's beginning, 2 at its end, 3 at
    /// both. For a pattern of LIKE: 1 when it is a text without `%` and `_`.
    var truth: UInt8 = 0
    var unit: DateText.Unit = .day
    /// The text, a number's printed form, or the version.
    var text = PoolRange()
    /// The same lower-cased, or the end of a range of versions.
    var lowered = PoolRange()
    /// A number's bits, a lower bound, an instant, or the address of a pattern.
    var first: UInt64 = 0
    /// An upper bound or the later instant.
    var second: UInt64 = 0

    @inline(__always)
    var number: Double { Double(bitPattern: first) }
}

/// A compound of a selector.
struct FlatCompound {
    var firstTest: UInt32
    var testCount: UInt16
    var isChild: Bool
    /// The alternative ends here: this is the compound of the element itself.
    var isLast: Bool
    /// ``AccessKey/mark(_:)`` of everything that the element has to have.
    var marks: UInt64
}

/// A simple selector.
struct FlatTest {
    enum Kind: UInt8 {
        case tag, id, className, attributeID, attributeHref, attributeClass, attribute, nthChild, nthOfType
    }

    var kind: Kind
    var match: Selector.Match
    /// The value; for `nthChild` and `nthOfType` the number is in `number`.
    var text = PoolRange()
    var name = PoolRange()
    var number: Int32 = 0
}

/// A property that some condition compares: bound once per event, whatever number of conditions ask for it.
struct FlatSlot {
    enum Kind: UInt8 {
        /// Bound by walking over the section's fields.
        case field
        /// The chain's text.
        case chain
        /// Never set: `$elements` is no property.
        case never
        /// What is known of the event itself.
        case metadata
    }

    var kind: Kind
    /// Which section the field is in: ``PropertySource/code``; for metadata which of them.
    var source: UInt8
    /// Compared as text, whatever it is.
    var isText: Bool
    /// Lists of this name match when a member does.
    var matchesMembers: Bool
    var keyHash: UInt32
    /// What stands for the property in the index's keys.
    var place: UInt32
    var key: PoolRange
    /// The next slot with the same source and key; -1 at the end.
    var next: Int32 = -1
}

/// An immutable run of plain values, owned by a plan.
///
/// Copying the struct copies the pointer.
struct Frozen<Element> {
    let base: UnsafeMutablePointer<Element>
    let count: Int

    init(_ elements: [Element]) { self.init(nil, appending: elements) }

    /// A copy of an earlier run, with more elements behind it.
    init(_ earlier: Frozen?, appending elements: [Element]) {
        let known = earlier?.count ?? 0
        count = known + elements.count
        base = .allocate(capacity: max(1, count))
        if let earlier { base.initialize(from: earlier.base, count: known) }
        elements.withUnsafeBufferPointer {
            if let start = $0.baseAddress { (base + known).initialize(from: start, count: $0.count) }
        }
    }

    func deallocate() { base.deallocate() }

    @inline(__always)
    subscript(_ index: Int) -> Element { base[index] }

    var elements: UnsafeMutableBufferPointer<Element> { UnsafeMutableBufferPointer(start: base, count: count) }

    var bytes: Int { count * MemoryLayout<Element>.stride }
}

/// Everything the evaluator reads, flat.
///
/// Lives as long as its plan. One pointer: it is handed on with every call, and a copy of all these runs would take longer than most
/// conditions.
struct PlanTables {
    /// The runs themselves.
    struct Layout {
        let conditions: Frozen<FlatCondition>
        let operands: Frozen<FlatOperand>
        let compounds: Frozen<FlatCompound>
        let tests: Frozen<FlatTest>
        let slots: Frozen<FlatSlot>
        let pool: Frozen<UInt8>
        let bindings: Frozen<BindingTable>
        let sets: Frozen<FlatPatternSet>
        let setConditions: Frozen<Int32>
    }

    private let layout: UnsafeMutablePointer<Layout>

    init(_ layout: Layout) {
        self.layout = .allocate(capacity: 1)
        self.layout.initialize(to: layout)
    }

    @inline(__always) var conditions: Frozen<FlatCondition> { layout.pointee.conditions }
    @inline(__always) var operands: Frozen<FlatOperand> { layout.pointee.operands }
    @inline(__always) var compounds: Frozen<FlatCompound> { layout.pointee.compounds }
    @inline(__always) var tests: Frozen<FlatTest> { layout.pointee.tests }
    @inline(__always) var slots: Frozen<FlatSlot> { layout.pointee.slots }
    @inline(__always) var pool: Frozen<UInt8> { layout.pointee.pool }
    /// Where fields of the event, of the person and of the groups are bound, by ``PropertySource/code`` 0…6.
    @inline(__always) var bindings: Frozen<BindingTable> { layout.pointee.bindings }
    /// Patterns that are searched for together, and their conditions, one set behind the other.
    @inline(__always) var sets: Frozen<FlatPatternSet> { layout.pointee.sets }
    @inline(__always) var setConditions: Frozen<Int32> { layout.pointee.setConditions }

    @inline(__always)
    func bytes(_ range: PoolRange) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: UnsafeRawPointer(pool.base) + Int(range.offset), count: Int(range.length))
    }

    func deallocate() {
        conditions.deallocate()
        operands.deallocate()
        compounds.deallocate()
        tests.deallocate()
        slots.deallocate()
        pool.deallocate()
        for index in 0..<bindings.count { bindings[index].deallocate() }
        bindings.deallocate()
        sets.deallocate()
        setConditions.deallocate()
        layout.deallocate()
    }

    var byteCount: Int {
        conditions.bytes + operands.bytes + compounds.bytes + tests.bytes + slots.bytes + pool.bytes
            + sets.bytes + setConditions.bytes + (0..<bindings.count).reduce(0) { $0 + bindings[$1].slots.bytes + 64 }
    }
}

/// The slots of one section by the hash of their key: one probe for each field of the event.
struct BindingTable {
    /// One bit for each value of a hash's lowest nine bits that a key takes: most fields end here.
    let filter: Frozen<UInt64>
    /// Slots by hash; -1 where there is none.
    ///
    /// At most half full.
    let slots: Frozen<Int32>
    let isEmpty: Bool

    init(_ keys: [(hash: UInt32, slot: Int32)]) {
        var bits = [UInt64](repeating: 0, count: 8)
        let capacity = max(2, keys.count * 2).nextPowerOfTwo
        var table = [Int32](repeating: -1, count: capacity)
        for (hash, slot) in keys {
            bits[Int(hash >> 6 & 7)] |= 1 << UInt64(hash & 63)
            var place = Int(hash) & (capacity - 1)
            while table[place] >= 0 { place = (place + 1) & (capacity - 1) }
            table[place] = slot
        }
        filter = Frozen(bits)
        slots = Frozen(table)
        isEmpty = keys.isEmpty
    }

    func deallocate() {
        filter.deallocate()
        slots.deallocate()
    }
}
