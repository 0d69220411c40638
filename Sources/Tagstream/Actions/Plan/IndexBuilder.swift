/// Files every step under exactly one access predicate, and lays the files out flat.
struct IndexBuilder {
    /// A key that leads to a file.
    private struct Key {
        var key: UInt64
        var file: Int32
    }

    /// A step that is filed: its other conditions are a range of ``others``.
    private struct Filed {
        var first: Int
        var count: Int
        var action: Int32
    }

    private struct FileName: Hashable {
        var event: Int32
        var condition: Int32
    }

    private struct Need {
        var equalities: Set<Int32> = []
        var grams: Set<Int64> = []
        var elements: UInt16 = 0

        mutating func merge(_ other: Need) {
            equalities.formUnion(other.equalities)
            grams.formUnion(other.grams)
            elements |= other.elements
        }
    }

    private var keys: [Key] = []
    private var fileNumbers: [FileName: Int32] = [:]
    private var fileNames: [FileName] = []
    /// By file.
    private var filed: [[Filed]] = []
    private var others: [Int32] = []
    private var names: [[UInt8]] = []
    private var nameIndex: [[UInt8]: Int32] = [:]
    /// By event name; the last is that of steps without one.
    private var needs: [Need] = []
    private var anyNeed = Need()
    private var grams: [UInt64] = []
    /// How often each gram occurs in the conditions, by sixteen bits of its hash: rare ones are good keys.
    private var frequency = [UInt16](repeating: 0, count: 1 << 16)

    init(capacity: Int) {
        keys.reserveCapacity(capacity)
        others.reserveCapacity(capacity)
    }

    /// The index of an event name, as ``FlatStep/event`` has it.
    mutating func index(ofEvent name: [UInt8]) -> Int32 {
        if let found = nameIndex[name] { return found }
        let index = Int32(names.count)
        names.append(name)
        nameIndex[name] = index
        needs.append(Need())
        return index
    }

    /// Counts the grams of a predicate: all predicates, before any step is filed.
    mutating func count(_ predicate: AccessPredicate) {
        guard case .grams(let sets, _, _) = predicate else { return }
        for gram in sets.joined() {
            let place = Self.place(gram)
            if frequency[place] < .max { frequency[place] += 1 }
        }
    }

    private static func place(_ gram: UInt32) -> Int { Int(truncatingIfNeeded: AccessKey.gram(gram) >> 48) }

    /// Files a step of an action under a condition (-1: under its event's name), with the conditions that it has besides.
    ///
    /// - Returns: whether this is the first step of its file, so that the file needs keys.
    mutating func file(_ action: Int32, event: Int32, under condition: Int32, others: [Int32]) -> Bool {
        let step = Filed(first: self.others.count, count: others.count, action: action)
        self.others += others
        let name = FileName(event: event, condition: condition)
        if let number = fileNumbers[name] {
            filed[Int(number)].append(step)
            return false
        }
        fileNumbers[name] = Int32(fileNames.count)
        fileNames.append(name)
        filed.append([step])
        return true
    }

    /// Adds the keys under which the last file is looked up.
    ///
    /// - Parameter slot: the property that the predicate is about; -1 where it is about elements.
    mutating func addKeys(event: Int32, slot: Int32, of predicate: AccessPredicate?) {
        let file = Int32(fileNames.count - 1)
        func scoped(_ key: UInt64) -> Key { Key(key: AccessKey.scoped(key, event), file: file) }
        var need = Need()
        switch predicate {
        case nil: keys.append(scoped(AccessKey.key(.event, place: 0, 0)))
        case .keys(let found, _, let looked)?:
            for key in found { keys.append(scoped(key)) }
            switch looked {
            case .equality: need.equalities = [slot]
            case .elements(let bits): need.elements = bits
            }
        case .grams(let sets, let kind, let place)?:
            for set in sets {
                let rarest = set.min { frequency[Self.place($0)] < frequency[Self.place($1)] }!
                let key = AccessKey.key(kind, place: place, AccessKey.gram(rarest))
                grams.append(key)
                keys.append(scoped(key))
            }
            switch kind {
            case .gram, .loweredGram: need.grams = [Int64(slot) << 1 | (kind == .loweredGram ? 1 : 0)]
            default: need.elements = AccessPredicate.bit(kind)
            }
        }
        if event < 0 { anyNeed.merge(need) } else { needs[Int(event)].merge(need) }
    }

    /// Lays the files out: steps with the same other conditions become one entry with several actions.
    private func layOut() -> (
        files: [PlanIndex.File], entries: [PlanIndex.Entry], conditions: [Int32], actions: [Int32]
    ) {
        var files: [PlanIndex.File] = []
        var entries: [PlanIndex.Entry] = []
        var conditions: [Int32] = []
        var actions: [Int32] = []
        files.reserveCapacity(fileNames.count)
        actions.reserveCapacity(filed.count * 2)
        for (name, steps) in zip(fileNames, filed) {
            func list(_ step: Filed) -> ArraySlice<Int32> { others[step.first..<(step.first + step.count)] }
            let ordered =
                steps.count == 1
                ? steps
                : steps.sorted { one, two in
                    if one.count != two.count { return one.count < two.count }
                    for offset in 0..<one.count where others[one.first + offset] != others[two.first + offset] {
                        return others[one.first + offset] < others[two.first + offset]
                    }
                    return one.action < two.action
                }
            let first = entries.count
            var last: Filed?
            for step in ordered {
                if let last, list(last) == list(step) {
                    // Two equal steps of one action are one.
                    if actions.last == step.action { continue }
                    entries[entries.count - 1].actionCount += 1
                } else {
                    entries.append(
                        PlanIndex.Entry(
                            firstCondition: UInt32(conditions.count),
                            conditionCount: UInt32(step.count),
                            firstAction: UInt32(actions.count),
                            actionCount: 1
                        )
                    )
                    conditions += list(step)
                }
                actions.append(step.action)
                last = step
            }
            files.append(
                PlanIndex.File(
                    condition: name.condition,
                    event: name.event,
                    first: UInt32(first),
                    count: UInt32(entries.count - first)
                )
            )
        }
        return (files, entries, conditions, actions)
    }

    mutating func freeze() -> PlanIndex {
        keys.sort { $0.key == $1.key ? $0.file < $1.file : $0.key < $1.key }
        var postings: [PlanIndex.Posting] = []
        var lists: [Int32] = []
        postings.reserveCapacity(keys.count)
        lists.reserveCapacity(keys.count)
        for key in keys {
            if let last = postings.indices.last, postings[last].key == key.key {
                if lists.last == key.file { continue }
                postings[last].count += 1
            } else {
                postings.append(PlanIndex.Posting(key: key.key, first: UInt32(lists.count), count: 1))
            }
            lists.append(key.file)
        }
        let capacity = max(2, postings.count * 2).nextPowerOfTwo
        var table = [Int32](repeating: -1, count: capacity)
        for (index, posting) in postings.enumerated() {
            var place = Int(truncatingIfNeeded: posting.key) & (capacity - 1)
            while table[place] >= 0 { place = (place + 1) & (capacity - 1) }
            table[place] = Int32(index)
        }
        return assemble(postings, table, lists)
    }

    private func assemble(
        _ postings: [PlanIndex.Posting],
        _ table: [Int32],
        _ lists: [Int32]
    ) -> PlanIndex {
        var pool: [UInt8] = []
        var ranges: [PoolRange] = []
        let capacity = max(2, names.count * 2).nextPowerOfTwo
        var nameTable = [Int32](repeating: -1, count: capacity)
        for (index, name) in names.enumerated() {
            ranges.append(PoolRange(offset: UInt32(pool.count), length: UInt32(name.count)))
            pool += name
            var place = Int(truncatingIfNeeded: AccessKey.hash(name)) & (capacity - 1)
            while nameTable[place] >= 0 { place = (place + 1) & (capacity - 1) }
            nameTable[place] = Int32(index)
        }
        var profiles: [PlanIndex.Profile] = []
        var equalities: [Int32] = []
        var gramPlaces: [PlanIndex.GramPlace] = []
        for own in needs + [Need()] {
            var need = own
            need.merge(anyNeed)
            var profile = PlanIndex.Profile()
            profile.firstEquality = UInt32(equalities.count)
            equalities += need.equalities.sorted()
            profile.equalityCount = UInt32(need.equalities.count)
            profile.firstGram = UInt32(gramPlaces.count)
            gramPlaces += need.grams.sorted().map { PlanIndex.GramPlace(slot: Int32($0 >> 1), isLowered: $0 & 1 == 1) }
            profile.gramCount = UInt32(need.grams.count)
            profile.elements = need.elements
            profiles.append(profile)
        }
        let laidOut = layOut()
        return PlanIndex(
            nameTable: Frozen(nameTable),
            names: Frozen(ranges),
            namePool: Frozen(pool),
            profiles: Frozen(profiles),
            equalities: Frozen(equalities),
            gramPlaces: Frozen(gramPlaces),
            postings: Frozen(postings),
            table: Frozen(table),
            filed: Frozen(lists),
            files: Frozen(laidOut.files),
            entries: Frozen(laidOut.entries),
            conditions: Frozen(laidOut.conditions),
            actions: Frozen(laidOut.actions),
            keyFilter: Frozen(PlanIndex.filter(postings.lazy.map(\.key))),
            gramFilter: Frozen(PlanIndex.filter(grams))
        )
    }
}
