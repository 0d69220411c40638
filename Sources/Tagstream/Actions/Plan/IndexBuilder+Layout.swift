extension IndexBuilder {
    /// What lies under the files, flat.
    private struct Layout {
        var files: [PlanIndex.File] = []
        var entries: [PlanIndex.Entry] = []
        var conditions: [Int32] = []
        var actions: [Int32] = []
        /// Where the numbers of what is new begin.
        var firstEntry = 0
        var firstCondition = 0
        var firstAction = 0

        init(files: Int, steps: Int, conditions: Int, on base: PlanIndex?) {
            self.files.reserveCapacity(files)
            entries.reserveCapacity(steps)
            actions.reserveCapacity(steps)
            self.conditions.reserveCapacity(conditions)
            firstEntry = base?.entries.count ?? 0
            firstCondition = base?.conditions.count ?? 0
            firstAction = base?.actions.count ?? 0
        }
    }

    /// The index, in memory of its own.
    ///
    /// - Parameter places: by place in the earlier plan: the place in this one, -1 for an action that is gone or whose steps are
    ///   among the new ones.
    mutating func freeze(moving places: [Int32]) -> PlanIndex {
        let isLarge = filed.count + (base?.actions.count ?? 0) >= ActionPlan.patched
        let layout = layOut()
        let actions = Frozen(base?.actions, appending: layout.actions)
        let entries = Frozen(base?.entries, appending: layout.entries)
        if let base { Self.move(entries.elements[..<base.entries.count], actions, places) }
        let postings = Postings(keys, on: base)
        let names = Names(self.names, on: base)
        let profiles = Profiles(needs, anyNeed, on: base)
        return PlanIndex(
            PlanIndex.Layout(
                nameTable: Frozen(names.table),
                names: Frozen(base?.names, appending: names.ranges),
                namePool: Frozen(base?.namePool, appending: names.pool),
                profiles: Frozen(profiles.profiles),
                equalities: Frozen(profiles.equalities),
                gramPlaces: Frozen(profiles.gramPlaces),
                postings: Frozen(postings.postings),
                table: Frozen(postings.table),
                filed: Frozen(base?.filed, appending: postings.lists),
                files: Frozen(base?.files, appending: layout.files),
                entries: entries,
                conditions: Frozen(base?.conditions, appending: layout.conditions),
                actions: actions,
                keyFilter: Frozen(PlanIndex.filter(keys: keys.lazy.map(\.key), on: base?.keyFilter)),
                gramFilter: Frozen(PlanIndex.filter(grams: grams, on: base?.gramFilter)),
                gramUses: Frozen(isLarge ? frequency : [])
            )
        )
    }

    /// Gives the actions of earlier entries their places in this plan, and takes those out that have none.
    ///
    /// An entry may thereby come to stand for no action. It costs what it did until the plan is linked anew.
    private static func move(
        _ entries: Slice<UnsafeMutableBufferPointer<PlanIndex.Entry>>,
        _ actions: Frozen<Int32>,
        _ places: [Int32]
    ) {
        for index in entries.indices {
            let entry = entries[index]
            let own = actions.base + Int(entry.firstAction)
            var count = 0
            for number in 0..<Int(entry.actionCount) {
                let place = places[Int(own[number])]
                own[count] = place
                count += place < 0 ? 0 : 1
            }
            entries.base[index].actionCount = UInt32(count)
        }
    }

    // MARK: Files

    /// Lays the files out: steps with the same other conditions become one entry with several actions.
    private func layOut() -> Layout {
        var out = Layout(files: files.count, steps: filed.count, conditions: others.count, on: base)
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
                    first: UInt32(out.firstEntry + first),
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
                        condition: conditions.first ?? -1,
                        firstMore: UInt32(out.firstCondition + out.conditions.count),
                        moreCount: UInt32(conditions.dropFirst().count),
                        firstAction: UInt32(out.firstAction + out.actions.count),
                        actionCount: 1
                    )
                )
                out.conditions += conditions.dropFirst()
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

    // MARK: Keys

    /// The files by key.
    private struct Postings {
        private(set) var postings: [PlanIndex.Posting]
        private(set) var table: [Int32]
        /// The lists that are new; an earlier key's list that grows is written anew.
        private(set) var lists: [PlanIndex.Filed] = []

        init(_ given: [Key], on base: PlanIndex?) {
            let keys = given.sorted { $0.key == $1.key ? $0.file < $1.file : $0.key < $1.key }
            postings = base.map { Array($0.postings.elements) } ?? []
            table = base.map { Array($0.table.elements) } ?? []
            let earlier = postings.count
            let firstList = base?.filed.count ?? 0
            postings.reserveCapacity(earlier + keys.count)
            lists.reserveCapacity(keys.count)
            var current = -1
            for key in keys {
                if current < 0 || postings[current].key != key.key {
                    current = base.map { Int($0.posting(key.key)) } ?? -1
                    let first = UInt32(firstList + lists.count)
                    if let base, current >= 0 {
                        let known = postings[current]
                        lists += (0..<known.count).map { base.filed[Int(known.first + $0)] }
                        postings[current].first = first
                    } else {
                        current = postings.count
                        postings.append(PlanIndex.Posting(key: key.key, first: first, count: 0))
                    }
                } else if lists[lists.count - 1].file == key.file {
                    // Two alternatives with one key: what both must have.
                    lists[lists.count - 1].signature &= key.signature
                    continue
                }
                postings[current].count += 1
                lists.append(PlanIndex.Filed(signature: key.signature, file: key.file))
            }
            enter(from: earlier)
        }

        /// Enters postings into the table, at most half of which is taken.
        private mutating func enter(from first: Int) {
            var first = first
            if table.count < postings.count * 2 {
                table = Array(repeating: -1, count: max(2, postings.count * 2).nextPowerOfTwo)
                first = 0
            }
            let mask = table.count - 1
            for number in first..<postings.count {
                var place = Int(truncatingIfNeeded: postings[number].key) & mask
                while table[place] >= 0 { place = (place + 1) & mask }
                table[place] = Int32(number)
            }
        }
    }

    // MARK: Events

    /// The event names that are new, and the table of all.
    private struct Names {
        private(set) var ranges: [PoolRange] = []
        private(set) var pool: [UInt8] = []
        private(set) var table: [Int32]

        init(_ names: [[UInt8]], on base: PlanIndex?) {
            let earlier = base?.names.count ?? 0
            let firstByte = base?.namePool.count ?? 0
            for name in names {
                ranges.append(PoolRange(offset: UInt32(firstByte + pool.count), length: UInt32(name.count)))
                pool += name
            }
            table = base.map { Array($0.nameTable.elements) } ?? []
            var hashes = names.map { AccessKey.hash($0) }
            var first = earlier
            if table.count < (earlier + names.count) * 2 || table.isEmpty {
                table = Array(repeating: -1, count: max(2, (earlier + names.count) * 2).nextPowerOfTwo)
                hashes = (0..<earlier).compactMap { base?.name($0) }.map { AccessKey.hash($0) } + hashes
                first = 0
            }
            for (number, hash) in hashes.enumerated() {
                var place = Int(truncatingIfNeeded: hash) & (table.count - 1)
                while table[place] >= 0 { place = (place + 1) & (table.count - 1) }
                table[place] = Int32(first + number)
            }
        }
    }

    /// What has to be known of events, by name.
    private struct Profiles {
        private(set) var profiles: [PlanIndex.Profile] = []
        private(set) var equalities: [Int32] = []
        private(set) var gramPlaces: [PlanIndex.GramPlace] = []

        init(_ needs: [Need], _ any: Need, on base: PlanIndex?) {
            profiles.reserveCapacity(needs.count + 1)
            for (index, own) in (needs + [Need()]).enumerated() {
                append(own, any, base?.need(ofEvent: index))
            }
        }

        /// - Parameter earlier: what had to be known before; for a new name that is what has to be known of all events.
        private mutating func append(_ own: Need, _ any: Need, _ earlier: Need?) {
            let ownEqualities = Self.distinct(own.equalities + any.equalities + (earlier?.equalities ?? []))
            let ownGrams = Self.distinct(own.grams + any.grams + (earlier?.grams ?? []))
            profiles.append(
                PlanIndex.Profile(
                    firstEquality: UInt32(equalities.count),
                    equalityCount: UInt32(ownEqualities.count),
                    firstGram: UInt32(gramPlaces.count),
                    gramCount: UInt32(ownGrams.count),
                    elements: own.elements | any.elements | (earlier?.elements ?? 0)
                )
            )
            equalities += ownEqualities
            gramPlaces += ownGrams.map { PlanIndex.GramPlace(slot: $0 >> 1, isLowered: $0 & 1 == 1) }
        }

        /// Without repetitions, ascending.
        private static func distinct(_ numbers: [Int32]) -> [Int32] {
            if numbers.count < 2 { return numbers }
            var out: [Int32] = []
            for number in numbers.sorted() where number != out.last { out.append(number) }
            return out
        }
    }
}

extension PlanIndex {
    /// An event name, by index.
    fileprivate func name(_ index: Int) -> [UInt8] {
        Array(namePool.elements[Int(names[index].offset)...].prefix(Int(names[index].length)))
    }

    /// What has to be known of events of a name; of a name that the index does not have, what has to be known of any.
    fileprivate func need(ofEvent index: Int) -> IndexBuilder.Need {
        let profile = profiles[min(index, profiles.count - 1)]
        let grams = gramPlaces.elements[Int(profile.firstGram)...].prefix(Int(profile.gramCount))
        return IndexBuilder.Need(
            equalities: Array(equalities.elements[Int(profile.firstEquality)...].prefix(Int(profile.equalityCount))),
            grams: grams.map { $0.slot << 1 | ($0.isLowered ? 1 : 0) },
            elements: profile.elements
        )
    }
}
