/// Files every step under exactly one access predicate, and lays the files out flat.
struct IndexBuilder {
    /// A key that leads to a file.
    private struct Key {
        var key: UInt64
        var file: Int32
        var signature: UInt64 = 0
    }

    /// A step that is filed: its other conditions are a range of ``others``.
    private struct Filed {
        var first: Int32
        var count: Int32
        var action: Int32
        /// The step that was filed before it in the same file; -1 for the first.
        var before: Int32
    }

    private struct FileName {
        var event: Int32
        var condition: Int32
        /// The last step that was filed, and how many there are.
        var last: Int32
        var count: Int32
    }

    /// What has to be known of events of one name; the properties are kept in lists with repetitions and sorted in the end.
    private struct Need {
        var equalities: [Int32] = []
        var grams: [Int32] = []
        var elements: UInt16 = 0
    }

    private var keys: [Key] = []
    private var fileTable: NumberTable
    private var files: [FileName] = []
    private var filed: [Filed] = []
    private var others: [Int32] = []
    private var names: [[UInt8]] = []
    private var nameTable = NumberTable(capacity: 64)
    /// By event name; the last is that of steps without one.
    private var needs: [Need] = []
    private var anyNeed = Need()
    private var grams: [UInt64] = []
    /// How often each gram occurs in the conditions, by sixteen bits of its hash: rare ones are good keys.
    private var frequency = [UInt16](repeating: 0, count: 1 << 16)

    init(capacity: Int) {
        fileTable = NumberTable(capacity: capacity)
        keys.reserveCapacity(capacity)
        filed.reserveCapacity(capacity)
        others.reserveCapacity(capacity)
    }

    /// The index of an event name, as ``FlatStep/event`` has it.
    mutating func index(ofEvent name: [UInt8], _ hash: UInt64) -> Int32 {
        let (index, isNew) = nameTable.number(hash) { [names] in names[Int($0)] == name }
        if isNew {
            names.append(name)
            needs.append(Need())
        }
        return index
    }

    /// Counts the grams of a predicate that so many steps have: all predicates, before any step is filed.
    mutating func count(_ predicate: AccessPredicate, uses: Int32) {
        guard case .grams(let sets, _, _) = predicate else { return }
        let uses = UInt16(clamping: uses)
        for gram in sets.joined() {
            let place = Self.place(gram)
            frequency[place] = frequency[place].addingReportingOverflow(uses).overflow ? .max : frequency[place] + uses
        }
    }

    /// How early a predicate is chosen, now that all are counted.
    ///
    /// What many steps ask a text for (the site's own host, `/docs`), most texts contain: then an element's tag with a class is rarer.
    func rank(of predicate: AccessPredicate, among steps: Int) -> Int {
        guard case .grams(let sets, _, _) = predicate else { return predicate.rank }
        let common = sets.map { set in set.map { frequency[Self.place($0)] }.min() ?? 0 }.max() ?? 0
        return Int(common) > max(8, steps / 256) ? AccessPredicate.commonGramRank : predicate.rank
    }

    private static func place(_ gram: UInt32) -> Int { Int(truncatingIfNeeded: AccessKey.gram(gram) >> 48) }

    /// Files a step of an action under one of its conditions (-1: under its event's name).
    ///
    /// - Returns: whether this is the first step of its file, so that the file needs keys.
    mutating func file(_ action: Int32, event: Int32, under filing: Int32, of conditions: ArraySlice<Int32>) -> Bool {
        let hash = UInt64(UInt32(bitPattern: event)) << 32 | UInt64(UInt32(bitPattern: filing))
        let (number, isNew) = fileTable.number(hash &* 0x9E37_79B9_7F4A_7C15) { [files] in
            files[Int($0)].event == event && files[Int($0)].condition == filing
        }
        if isNew { files.append(FileName(event: event, condition: filing, last: -1, count: 0)) }
        let first = others.count
        for condition in conditions where condition != filing { others.append(condition) }
        filed.append(
            Filed(
                first: Int32(first),
                count: Int32(others.count - first),
                action: action,
                before: files[Int(number)].last
            )
        )
        files[Int(number)].last = Int32(filed.count - 1)
        files[Int(number)].count += 1
        return isNew
    }

    /// Adds the keys under which the last file is looked up.
    ///
    /// - Parameter slot: the property that the predicate is about; -1 where it is about elements.
    mutating func addKeys(event: Int32, slot: Int32, of predicate: AccessPredicate?) {
        let file = Int32(files.count - 1)
        func scoped(_ key: UInt64, _ signature: UInt64 = 0) -> Key {
            Key(key: AccessKey.scoped(key, event), file: file, signature: signature)
        }
        switch predicate {
        case nil: keys.append(scoped(AccessKey.key(.event, place: 0, 0)))
        case .keys(let found, _, let looked)?:
            for key in found { keys.append(scoped(key)) }
            switch looked {
            case .equality: need(event) { $0.equalities.append(slot) }
            case .elements(let bits): need(event) { $0.elements |= bits }
            }
        case .grams(let sets, let kind, let place)?:
            for set in sets {
                let key = AccessKey.key(kind, place: place, AccessKey.gram(rarest(of: set)))
                grams.append(key)
                keys.append(scoped(key, set.reduce(0) { $0 | AccessKey.signature(AccessKey.gram($1)) }))
            }
            switch kind {
            case .gram, .loweredGram: need(event) { $0.grams.append(slot << 1 | (kind == .loweredGram ? 1 : 0)) }
            default: need(event) { $0.elements |= AccessPredicate.bit(kind) }
            }
        }
    }

    /// The first key of a predicate, not yet within an event's name: what steps are sorted by.
    func firstKey(of predicate: AccessPredicate) -> UInt64 {
        switch predicate {
        case .keys(let found, _, _): found.first ?? 0
        case .grams(let sets, let kind, let place):
            sets.first.map { AccessKey.key(kind, place: place, AccessKey.gram(rarest(of: $0))) } ?? 0
        }
    }

    /// The gram of a text that the fewest conditions ask for.
    private func rarest(of grams: some Sequence<UInt32>) -> UInt32 {
        grams.min { frequency[Self.place($0)] < frequency[Self.place($1)] } ?? 0
    }

    private mutating func need(_ event: Int32, _ change: (inout Need) -> Void) {
        if event < 0 { change(&anyNeed) } else { change(&needs[Int(event)]) }
    }

    /// What lay under the files, flat.
    private struct Layout {
        var files: [PlanIndex.File] = []
        var entries: [PlanIndex.Entry] = []
        var conditions: [Int32] = []
        var actions: [Int32] = []
    }

    /// Lays the files out: steps with the same other conditions become one entry with several actions.
    private func layOut() -> Layout {
        var out = Layout()
        out.files.reserveCapacity(files.count)
        out.entries.reserveCapacity(filed.count)
        out.conditions.reserveCapacity(others.count)
        out.actions.reserveCapacity(filed.count)
        var steps: [Filed] = []
        for file in files {
            steps.removeAll(keepingCapacity: true)
            var number = file.last
            while number >= 0 {
                steps.append(filed[Int(number)])
                number = filed[Int(number)].before
            }
            if steps.count > 1 { steps.sort { isBefore($0, $1) } }
            let first = out.entries.count
            append(steps, to: &out)
            out.files.append(
                PlanIndex.File(
                    condition: file.condition,
                    event: file.event,
                    first: UInt32(first),
                    count: UInt32(out.entries.count - first)
                )
            )
        }
        return out
    }

    private func append(_ steps: [Filed], to out: inout Layout) {
        for (index, step) in steps.enumerated() {
            let conditions = others[Int(step.first)..<Int(step.first + step.count)]
            if index > 0, areSame(steps[index - 1], step) {
                // Two equal steps of one action are one.
                if steps[index - 1].action == step.action { continue }
                out.entries[out.entries.count - 1].actionCount += 1
            } else {
                out.entries.append(
                    PlanIndex.Entry(
                        firstCondition: UInt32(out.conditions.count),
                        conditionCount: UInt32(step.count),
                        firstAction: UInt32(out.actions.count),
                        actionCount: 1
                    )
                )
                out.conditions += conditions
            }
            out.actions.append(step.action)
        }
    }

    private func areSame(_ one: Filed, _ two: Filed) -> Bool {
        guard one.count == two.count else { return false }
        for offset in 0..<Int(one.count) where others[Int(one.first) + offset] != others[Int(two.first) + offset] {
            return false
        }
        return true
    }

    /// Few conditions first, equal ones together, then in the order of the actions.
    private func isBefore(_ one: Filed, _ two: Filed) -> Bool {
        if one.count != two.count { return one.count < two.count }
        for offset in 0..<Int(one.count) {
            let (left, right) = (others[Int(one.first) + offset], others[Int(two.first) + offset])
            if left != right { return left < right }
        }
        return one.action < two.action
    }

    /// Without repetitions, ascending.
    private static func distinct(_ numbers: [Int32]) -> [Int32] {
        var out: [Int32] = []
        for number in numbers.sorted() where number != out.last { out.append(number) }
        return out
    }

    mutating func freeze() -> PlanIndex {
        keys.sort { $0.key == $1.key ? $0.file < $1.file : $0.key < $1.key }
        var postings: [PlanIndex.Posting] = []
        var lists: [PlanIndex.Filed] = []
        postings.reserveCapacity(keys.count)
        lists.reserveCapacity(keys.count)
        for key in keys {
            if let last = postings.indices.last, postings[last].key == key.key {
                if lists[lists.count - 1].file == key.file {
                    // Two alternatives with one key: what both must have.
                    lists[lists.count - 1].signature &= key.signature
                    continue
                }
                postings[last].count += 1
            } else {
                postings.append(PlanIndex.Posting(key: key.key, first: UInt32(lists.count), count: 1))
            }
            lists.append(PlanIndex.Filed(signature: key.signature, file: key.file))
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
        _ lists: [PlanIndex.Filed]
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
            let ownEqualities = Self.distinct(own.equalities + anyNeed.equalities)
            let ownGrams = Self.distinct(own.grams + anyNeed.grams)
            profiles.append(
                PlanIndex.Profile(
                    firstEquality: UInt32(equalities.count),
                    equalityCount: UInt32(ownEqualities.count),
                    firstGram: UInt32(gramPlaces.count),
                    gramCount: UInt32(ownGrams.count),
                    elements: own.elements | anyNeed.elements
                )
            )
            equalities += ownEqualities
            gramPlaces += ownGrams.map { PlanIndex.GramPlace(slot: $0 >> 1, isLowered: $0 & 1 == 1) }
        }
        let layout = layOut()
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
            files: Frozen(layout.files),
            entries: Frozen(layout.entries),
            conditions: Frozen(layout.conditions),
            actions: Frozen(layout.actions),
            keyFilter: Frozen(PlanIndex.filter(postings.lazy.map(\.key))),
            gramFilter: Frozen(PlanIndex.filter(grams))
        )
    }
}
