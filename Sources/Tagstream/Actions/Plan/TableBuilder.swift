/// Links conditions into ``PlanTables``: gives each one an index, each property a slot, and lays their texts into one pool.
///
/// Either all of a plan's, or those that a change adds to the tables of an earlier plan: what is there keeps its numbers, and the
/// tables are copied with the new ones behind.
struct TableBuilder {
    /// The earlier plan's tables; nil where all are new.
    private let base: PlanTables?
    /// The conditions that are new; their numbers go on behind ``firstNew``.
    private(set) var conditions: [FlatCondition] = []
    private var operands: [FlatOperand] = []
    private var compounds: [FlatCompound] = []
    private var tests: [FlatTest] = []
    private var pool: [UInt8] = []
    /// All slots, the earlier ones first, and their numbers by ``FlatSlot/place``.
    private var slots: [FlatSlot] = []
    private var slotNumbers: NumberTable
    private var sets: [FlatPatternSet] = []
    private var setConditions: [Int32] = []

    init(capacity: Int, on base: PlanTables? = nil) {
        self.base = base
        conditions.reserveCapacity(capacity)
        operands.reserveCapacity(capacity + capacity / 4)
        pool.reserveCapacity(capacity * 24)
        slots = base.map { Array($0.slots.elements) } ?? []
        slotNumbers = NumberTable(capacity: slots.count + 64)
        for slot in slots { _ = slotNumbers.number(UInt64(slot.place)) { _ in false } }
    }

    /// The number of the first condition that is new.
    var firstNew: Int { base?.conditions.count ?? 0 }

    /// Adds a condition; its number is that of the conditions before.
    mutating func append(_ parts: FlatParts) {
        let start = UInt32(poolCount)
        pool += parts.pool
        var condition = parts.condition
        let earlier =
            condition.kind == .selector
            ? compounds.count + (base?.compounds.count ?? 0) : operands.count + (base?.operands.count ?? 0)
        condition.first = UInt32(earlier)
        if let slot = parts.slot { condition.slot = index(of: slot) }
        for var operand in parts.operands {
            operand.text.offset += start
            operand.lowered.offset += start
            operands.append(operand)
        }
        for var compound in parts.compounds {
            compound.firstTest += UInt32(tests.count + (base?.tests.count ?? 0))
            compounds.append(compound)
        }
        for var test in parts.tests {
            test.text.offset += start
            test.name.offset += start
            tests.append(test)
        }
        conditions.append(condition)
    }

    // MARK: Slots

    private static let exceptionLists = [
        "$exception_types", "$exception_values", "$exception_sources", "$exception_functions",
    ]
    .map { Array($0.utf8) }

    private var poolCount: Int { pool.count + (base?.pool.count ?? 0) }

    /// Whether the text of a key, earlier or new, is this one.
    private func isText(_ range: PoolRange, _ key: UnsafeRawBufferPointer) -> Bool {
        let earlier = base?.pool.count ?? 0
        if let base, Int(range.offset) < earlier { return TextSearch.equal(base.bytes(range), key) }
        let start = Int(range.offset) - earlier
        return pool.withUnsafeBytes {
            TextSearch.equal(UnsafeRawBufferPointer(rebasing: $0[start..<start + Int(range.length)]), key)
        }
    }

    private mutating func index(of slot: FlatParts.Slot) -> Int32 {
        let place = AccessKey.place(of: slot)
        // The table is taken out while the slots are compared: a closure over copies of them would count references for every condition.
        var numbers = NumberTable.empty
        swap(&numbers, &slotNumbers)
        let (index, isNew) = numbers.number(UInt64(place)) { number in
            let known = slots[Int(number)]
            return known.kind == slot.kind && known.source == slot.source && known.isText == slot.isText
                && known.keyHash == slot.keyHash && slot.key.withUnsafeBytes { isText(known.key, $0) }
        }
        swap(&numbers, &slotNumbers)
        guard isNew else { return index }
        slots.append(
            FlatSlot(
                kind: slot.kind,
                source: slot.source,
                isText: slot.isText,
                matchesMembers: !slot.isText && Self.exceptionLists.contains(slot.key),
                keyHash: slot.keyHash,
                place: place,
                key: PoolRange(offset: UInt32(poolCount), length: UInt32(slot.key.count))
            )
        )
        pool += slot.key
        return index
    }

    /// Where the fields of each section are bound.
    private mutating func bindings() -> [BindingTable] {
        var sources = [[(hash: UInt32, slot: Int32)]](repeating: [], count: 7)
        for index in slots.indices { slots[index].next = -1 }
        for (index, slot) in slots.enumerated() where slot.kind == .field {
            // `$group_0` as a property and as metadata, a text, is one field with two slots.
            let twin = slot.isText ? slots.firstIndex { isField($0, of: slot) } : nil
            if let twin {
                slots[twin].next = Int32(index)
            } else {
                sources[Int(slot.source)].append((slot.keyHash, Int32(index)))
            }
        }
        return sources.map { BindingTable($0) }
    }

    /// Whether a slot is the field of a slot that is compared as text: one of `$group_0` to `$group_4`.
    private func isField(_ slot: FlatSlot, of other: FlatSlot) -> Bool {
        guard slot.kind == .field, !slot.isText, slot.source == other.source, slot.keyHash == other.keyHash else {
            return false
        }
        return PropertySource.Metadata.allCases.contains { metadata in
            let key = Array(metadata.key.utf8)
            return key.withUnsafeBytes { isText(slot.key, $0) && isText(other.key, $0) }
        }
    }

    // MARK: The end

    /// Puts patterns that no index files into sets; of the new conditions that have no access predicate.
    ///
    /// - Parameter known: sets of an earlier plan.
    mutating func makeSets(_ candidates: [Int32], reusing known: [PatternSet]) -> [PatternSet] {
        let builder = PatternSetBuilder(candidates, of: &conditions, operands, on: base, reusing: known)
        sets = builder.flat
        setConditions = builder.conditions
        return builder.sets
    }

    /// The tables, in memory of their own.
    mutating func freeze() -> PlanTables {
        let bindings = bindings()
        // Hashing and comparing may read a word past the end.
        pool += [UInt8](repeating: 0, count: 16)
        return PlanTables(
            PlanTables.Layout(
                conditions: Frozen(base?.conditions, appending: conditions),
                operands: Frozen(base?.operands, appending: operands),
                compounds: Frozen(base?.compounds, appending: compounds),
                tests: Frozen(base?.tests, appending: tests),
                slots: Frozen(slots),
                pool: Frozen(base?.pool, appending: pool),
                bindings: Frozen(bindings),
                sets: Frozen(base?.sets, appending: sets),
                setConditions: Frozen(base?.setConditions, appending: setConditions)
            )
        )
    }
}
