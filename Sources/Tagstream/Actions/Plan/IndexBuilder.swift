/// Files every step under exactly one access predicate, and lays the files out flat.
///
/// Either all of a plan's steps, or those that a change adds to the index of an earlier plan: they become files of their own, behind
/// those that are there.
struct IndexBuilder {
    /// The earlier plan's index; nil where all steps are new.
    let base: PlanIndex?

    /// A key that leads to a file.
    struct Key {
        var key: UInt64
        var file: Int32
        var signature: UInt64 = 0
    }

    /// A step that is filed: its other conditions are a range of ``others``.
    struct Filed {
        var first: Int32
        var count: Int32
        var action: Int32
        /// The step that was filed before it in the same file; -1 for the first.
        var before: Int32
    }

    struct FileName {
        var event: Int32
        var condition: Int32
        /// The last step that was filed, and how many there are.
        var last: Int32
        var count: Int32
    }

    /// What has to be known of events of one name; the properties are kept in lists with repetitions and sorted in the end.
    struct Need {
        var equalities: [Int32] = []
        var grams: [Int32] = []
        var elements: UInt16 = 0
    }

    private(set) var keys: [Key] = []
    private var fileTable: NumberTable
    private(set) var files: [FileName] = []
    private(set) var filed: [Filed] = []
    private(set) var others: [Int32] = []
    /// The event names that are new.
    private(set) var names: [[UInt8]] = []
    private var nameTable = NumberTable(capacity: 64)
    /// By event name, the earlier ones included.
    private(set) var needs: [Need]
    /// What has to be known of every event.
    private(set) var anyNeed = Need()
    private(set) var grams: [UInt32] = []
    /// How often each gram occurs in the conditions, by sixteen bits of its hash: rare ones are good keys.
    private(set) var frequency: [UInt16]

    init(capacity: Int, on base: PlanIndex? = nil) {
        self.base = base
        needs = Array(repeating: Need(), count: base?.names.count ?? 0)
        let uses = base?.gramUses
        frequency =
            if let uses, uses.count > 0 { Array(uses.elements) } else { Array(repeating: 0, count: 1 << 16) }
        fileTable = NumberTable(capacity: capacity)
        keys.reserveCapacity(capacity)
        filed.reserveCapacity(capacity)
        others.reserveCapacity(capacity)
    }

    /// The index of an event name, as ``FlatStep/event`` has it.
    mutating func index(ofEvent name: [UInt8], _ hash: UInt64) -> Int32 {
        if let known = base.map({ base in name.withUnsafeBytes { base.index(of: $0, hash) } }), known >= 0 {
            return known
        }
        let (index, isNew) = nameTable.number(hash) { [names] in names[Int($0)] == name }
        if isNew {
            names.append(name)
            needs.append(Need())
        }
        return index + Int32(base?.names.count ?? 0)
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
        let file = Int32(files.count - 1 + (base?.files.count ?? 0))
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
                let gram = rarest(of: set)
                let key = AccessKey.key(kind, place: place, AccessKey.gram(gram))
                grams.append(gram)
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
}
