/// Files every step under exactly one access predicate, and lays the files out flat.
struct IndexBuilder {
    private struct Entry {
        var key: UInt64
        var step: Int32
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

    private var entries: [Entry] = []
    private var names: [[UInt8]] = []
    private var nameIndex: [[UInt8]: Int32] = [:]
    /// By event name; the last is that of steps without one.
    private var needs: [Need] = []
    private var anyNeed = Need()
    private var grams: [UInt64] = []
    /// How often each gram occurs in the conditions, by sixteen bits of its hash: rare ones are good keys.
    private var frequency = [UInt16](repeating: 0, count: 1 << 16)

    init(capacity: Int) { entries.reserveCapacity(capacity * 2) }

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

    /// Files a step under a predicate, or under its event's name when there is none.
    ///
    /// - Parameter slot: the property that the predicate is about; -1 where it is about elements.
    mutating func file(_ step: Int32, event: Int32, slot: Int32, under predicate: AccessPredicate?) {
        var need = Need()
        switch predicate {
        case nil: entries.append(Entry(key: AccessKey.scoped(AccessKey.key(.event, place: 0, 0), event), step: step))
        case .keys(let keys, _, let looked)?:
            for key in keys { entries.append(Entry(key: AccessKey.scoped(key, event), step: step)) }
            switch looked {
            case .equality: need.equalities = [slot]
            case .elements(let bits): need.elements = bits
            }
        case .grams(let sets, let kind, let place)?:
            for set in sets {
                let rarest = set.min { frequency[Self.place($0)] < frequency[Self.place($1)] }!
                let key = AccessKey.key(kind, place: place, AccessKey.gram(rarest))
                grams.append(key)
                entries.append(Entry(key: AccessKey.scoped(key, event), step: step))
            }
            switch kind {
            case .gram, .loweredGram: need.grams = [Int64(slot) << 1 | (kind == .loweredGram ? 1 : 0)]
            default: need.elements = AccessPredicate.bit(kind)
            }
        }
        if event < 0 { anyNeed.merge(need) } else { needs[Int(event)].merge(need) }
    }

    mutating func freeze() -> PlanIndex {
        entries.sort { $0.key == $1.key ? $0.step < $1.step : $0.key < $1.key }
        var postings: [PlanIndex.Posting] = []
        var steps: [Int32] = []
        postings.reserveCapacity(entries.count)
        steps.reserveCapacity(entries.count)
        for entry in entries {
            if let last = postings.indices.last, postings[last].key == entry.key {
                if steps.last == entry.step { continue }
                postings[last].count += 1
            } else {
                postings.append(PlanIndex.Posting(key: entry.key, first: UInt32(steps.count), count: 1))
            }
            steps.append(entry.step)
        }
        let capacity = max(2, postings.count * 2).nextPowerOfTwo
        var table = [Int32](repeating: -1, count: capacity)
        for (index, posting) in postings.enumerated() {
            var place = Int(truncatingIfNeeded: posting.key) & (capacity - 1)
            while table[place] >= 0 { place = (place + 1) & (capacity - 1) }
            table[place] = Int32(index)
        }
        let filterWords = max(16, min(8192, grams.count / 4)).nextPowerOfTwo
        var filter = [UInt64](repeating: 0, count: filterWords)
        for gram in grams {
            let bit = Int(truncatingIfNeeded: gram >> 40) & (filterWords * 64 - 1)
            filter[bit >> 6] |= 1 << UInt64(bit & 63)
        }
        return assemble(postings, table, steps, filter)
    }

    private func assemble(
        _ postings: [PlanIndex.Posting],
        _ table: [Int32],
        _ steps: [Int32],
        _ filter: [UInt64]
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
        return PlanIndex(
            nameTable: Frozen(nameTable),
            names: Frozen(ranges),
            namePool: Frozen(pool),
            profiles: Frozen(profiles),
            equalities: Frozen(equalities),
            gramPlaces: Frozen(gramPlaces),
            postings: Frozen(postings),
            table: Frozen(table),
            steps: Frozen(steps),
            gramFilter: Frozen(filter)
        )
    }
}
