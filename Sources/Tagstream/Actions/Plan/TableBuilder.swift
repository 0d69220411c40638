/// Links conditions into ``PlanTables``: gives each one an index, each property a slot, and lays their texts into one pool.
struct TableBuilder {
    private(set) var conditions: [FlatCondition] = []
    private(set) var slots: [FlatSlot] = []
    private var operands: [FlatOperand] = []
    private var compounds: [FlatCompound] = []
    private var tests: [FlatTest] = []
    private var pool: [UInt8] = []
    private var slotIndex: [FlatParts.Slot: Int32] = [:]
    private var sets: [FlatPatternSet] = []
    private var setConditions: [Int32] = []

    init(capacity: Int) {
        conditions.reserveCapacity(capacity)
        operands.reserveCapacity(capacity + capacity / 4)
        pool.reserveCapacity(capacity * 24)
    }

    /// Adds a condition; its index is the number of conditions before.
    mutating func append(_ parts: FlatParts) {
        let start = UInt32(pool.count)
        pool += parts.pool
        var condition = parts.condition
        condition.first = UInt32(condition.kind == .selector ? compounds.count : operands.count)
        if let slot = parts.slot { condition.slot = index(of: slot) }
        for var operand in parts.operands {
            operand.text.offset += start
            operand.lowered.offset += start
            operands.append(operand)
        }
        for var compound in parts.compounds {
            compound.firstTest += UInt32(tests.count)
            compounds.append(compound)
        }
        for var test in parts.tests {
            test.text.offset += start
            test.name.offset += start
            tests.append(test)
        }
        conditions.append(condition)
    }

    private static let exceptionLists = [
        "$exception_types", "$exception_values", "$exception_sources", "$exception_functions",
    ]
    .map { Array($0.utf8) }

    private mutating func index(of slot: FlatParts.Slot) -> Int32 {
        if let found = slotIndex[slot] { return found }
        let index = Int32(slots.count)
        slots.append(
            FlatSlot(
                kind: slot.kind,
                source: slot.source,
                isText: slot.isText,
                matchesMembers: !slot.isText && Self.exceptionLists.contains(slot.key),
                keyHash: slot.keyHash,
                place: AccessKey.place(of: slot),
                key: PoolRange(offset: UInt32(pool.count), length: UInt32(slot.key.count))
            )
        )
        pool += slot.key
        slotIndex[slot] = index
        return index
    }

    /// Puts patterns that no index files into sets; of the conditions that have no access predicate.
    ///
    /// - Parameter known: sets of an earlier plan.
    mutating func makeSets(_ candidates: [Int32], reusing known: [PatternSet]) -> [PatternSet] {
        let builder = PatternSetBuilder(candidates, of: &conditions, operands, reusing: known)
        sets = builder.flat
        setConditions = builder.conditions
        return builder.sets
    }

    /// The tables, in memory of their own.
    mutating func freeze() -> PlanTables {
        var sources = [[(hash: UInt32, slot: Int32)]](repeating: [], count: 7)
        var firsts: [FlatParts.Slot: Int32] = [:]
        for (slot, index) in slotIndex.sorted(by: { $0.value < $1.value }) where slot.kind == .field {
            // `$group_0` as a property and as metadata is one field with two slots.
            var place = slot
            place.isText = false
            if let first = firsts[place] {
                slots[Int(index)].next = slots[Int(first)].next
                slots[Int(first)].next = index
            } else {
                firsts[place] = index
                sources[Int(slot.source)].append((slot.keyHash, index))
            }
        }
        // Hashing and comparing may read a word past the end.
        pool += [UInt8](repeating: 0, count: 16)
        return PlanTables(
            conditions: Frozen(conditions),
            operands: Frozen(operands),
            compounds: Frozen(compounds),
            tests: Frozen(tests),
            slots: Frozen(slots),
            pool: Frozen(pool),
            bindings: Frozen(sources.map { BindingTable($0) }),
            sets: Frozen(sets),
            setConditions: Frozen(setConditions)
        )
    }
}
