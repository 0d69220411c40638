/// Which steps are filed under which key, and what has to be looked at when an event comes.
///
/// One pointer, like ``PlanTables``.
struct PlanIndex {
    /// Files that one key leads to: a range of ``filed``.
    struct Posting {
        var key: UInt64
        var first: UInt32
        var count: UInt32
    }

    /// A file under a key.
    struct Filed {
        /// One bit (``AccessKey/signature(_:)``) for each gram that the text must have besides the key; zero for keys of other kinds.
        var signature: UInt64
        var file: Int32
    }

    /// Steps of one event name that are filed under one condition: it is evaluated once for all of them.
    struct File {
        /// The condition; -1 for steps that wait for their event only.
        var condition: Int32
        /// The event name's index; -1 for steps that take any.
        var event: Int32
        /// Into ``entries``.
        var first: UInt32
        var count: UInt32
    }

    /// Steps of a file that have the same other conditions, whatever actions they come from: those are evaluated once as well.
    struct Entry {
        /// The first of those; -1 for steps that have no other condition.
        ///
        /// Most entries end with it, so it is at hand.
        var condition: Int32
        /// The rest of them, in ``conditions``.
        var firstMore: UInt32
        var moreCount: UInt32
        /// Into ``actions``.
        var firstAction: UInt32
        var actionCount: UInt32
    }

    /// What steps of one event name, and those of any, have to know of an event.
    struct Profile {
        var firstEquality: UInt32 = 0
        var equalityCount: UInt32 = 0
        var firstGram: UInt32 = 0
        var gramCount: UInt32 = 0
        /// Which things of elements are looked up: ``AccessPredicate/bit(_:)``.
        var elements: UInt16 = 0
    }

    /// A property in which grams are looked for.
    struct GramPlace {
        var slot: Int32
        var isLowered: Bool
    }

    /// The runs themselves.
    struct Layout {
        let nameTable: Frozen<Int32>
        let names: Frozen<PoolRange>
        let namePool: Frozen<UInt8>
        let profiles: Frozen<Profile>
        let equalities: Frozen<Int32>
        let gramPlaces: Frozen<GramPlace>
        let postings: Frozen<Posting>
        let table: Frozen<Int32>
        let filed: Frozen<Filed>
        let files: Frozen<File>
        let entries: Frozen<Entry>
        let conditions: Frozen<Int32>
        let actions: Frozen<Int32>
        let keyFilter: Frozen<UInt64>
        let gramFilter: Frozen<UInt64>
        let gramUses: Frozen<UInt16>
    }

    private let layout: UnsafeMutablePointer<Layout>

    init(_ layout: Layout) {
        self.layout = .allocate(capacity: 1)
        self.layout.initialize(to: layout)
    }

    /// Event names by hash: indices of ``names``, -1 where there is none.
    @inline(__always) var nameTable: Frozen<Int32> { layout.pointee.nameTable }
    @inline(__always) var names: Frozen<PoolRange> { layout.pointee.names }
    @inline(__always) var namePool: Frozen<UInt8> { layout.pointee.namePool }
    /// One profile for each name, and at the end the one for all others.
    @inline(__always) var profiles: Frozen<Profile> { layout.pointee.profiles }
    @inline(__always) var equalities: Frozen<Int32> { layout.pointee.equalities }
    @inline(__always) var gramPlaces: Frozen<GramPlace> { layout.pointee.gramPlaces }
    /// Postings in the order of their keys, and where to find them by key.
    @inline(__always) var postings: Frozen<Posting> { layout.pointee.postings }
    @inline(__always) var table: Frozen<Int32> { layout.pointee.table }
    /// What postings lead to, and the files.
    @inline(__always) var filed: Frozen<Filed> { layout.pointee.filed }
    @inline(__always) var files: Frozen<File> { layout.pointee.files }
    @inline(__always) var entries: Frozen<Entry> { layout.pointee.entries }
    @inline(__always) var conditions: Frozen<Int32> { layout.pointee.conditions }
    /// The places of the actions that entries stand for.
    @inline(__always) var actions: Frozen<Int32> { layout.pointee.actions }
    /// One bit for each key's hash: most of what an event has ends here, in memory that stays in the nearest cache.
    @inline(__always) var keyFilter: Frozen<UInt64> { layout.pointee.keyFilter }
    /// One bit for each gram's hash, whatever is searched for it: most places of most texts end here.
    @inline(__always) var gramFilter: Frozen<UInt64> { layout.pointee.gramFilter }
    /// How often conditions ask for each gram, by sixteen bits of its hash: what a change of a large plan has to know; else empty.
    @inline(__always) var gramUses: Frozen<UInt16> { layout.pointee.gramUses }

    func deallocate() {
        nameTable.deallocate()
        names.deallocate()
        namePool.deallocate()
        profiles.deallocate()
        equalities.deallocate()
        gramPlaces.deallocate()
        postings.deallocate()
        table.deallocate()
        filed.deallocate()
        files.deallocate()
        entries.deallocate()
        conditions.deallocate()
        actions.deallocate()
        keyFilter.deallocate()
        gramFilter.deallocate()
        gramUses.deallocate()
        layout.deallocate()
    }

    var byteCount: Int {
        nameTable.bytes + names.bytes + namePool.bytes + profiles.bytes + equalities.bytes + gramPlaces.bytes
            + postings.bytes + table.bytes + filed.bytes + files.bytes + entries.bytes + conditions.bytes
            + actions.bytes + keyFilter.bytes + gramFilter.bytes + gramUses.bytes
    }

    /// The index of an event name; -1 for one that no step mentions.
    ///
    /// Sixteen bytes must be readable behind the name.
    @inline(__always)
    func index(of name: UnsafeRawBufferPointer) -> Int32 { index(of: name, AccessKey.hash(name)) }

    /// The index of an event name whose hash is known.
    @inline(__always)
    func index(of name: UnsafeRawBufferPointer, _ hash: UInt64) -> Int32 {
        let mask = nameTable.count &- 1
        var place = Int(truncatingIfNeeded: hash) & mask
        while nameTable[place] >= 0 {
            let range = names[Int(nameTable[place])]
            let known = UnsafeRawBufferPointer(
                start: UnsafeRawPointer(namePool.base) + Int(range.offset),
                count: Int(range.length)
            )
            if TextSearch.equal(known, name) { return nameTable[place] }
            place = (place &+ 1) & mask
        }
        return -1
    }

    /// The posting of a key; -1 where nothing is filed under it.
    @inline(__always)
    func posting(_ key: UInt64) -> Int32 {
        guard Self.mayContain(key, keyFilter) else { return -1 }
        let mask = table.count &- 1
        var place = Int(truncatingIfNeeded: key) & mask
        while true {
            let found = table[place]
            if found < 0 || postings[Int(found)].key == key { return found }
            place = (place &+ 1) & mask
        }
    }

    /// What ``AccessKey/filterBit(_:_:)`` needs for the filter of grams.
    @inline(__always)
    var gramShift: UInt32 { Self.shift(gramFilter.count) }

    private static func shift(_ words: Int) -> UInt32 { 26 - UInt32(words.trailingZeroBitCount) }

    @inline(__always)
    private static func mayContain(_ key: UInt64, _ filter: Frozen<UInt64>) -> Bool {
        let bit = Int(truncatingIfNeeded: key >> 40) & (filter.count &* 64 &- 1)
        return filter[bit >> 6] >> UInt64(bit & 63) & 1 == 1
    }

    /// A filter for keys, with sixteen bits for each up to a size that the second cache holds.
    ///
    /// - Parameter earlier: a filter to go on with: its size stays, as a change adds few keys.
    static func filter(keys: some Collection<UInt64>, on earlier: Frozen<UInt64>?) -> [UInt64] {
        var filter = emptyFilter(keys.count, on: earlier)
        for key in keys {
            let bit = Int(truncatingIfNeeded: key >> 40) & (filter.count * 64 - 1)
            filter[bit >> 6] |= 1 << UInt64(bit & 63)
        }
        return filter
    }

    /// A filter for grams, wherever they are asked for.
    ///
    /// - Parameter earlier: a filter to go on with.
    static func filter(grams: [UInt32], on earlier: Frozen<UInt64>?) -> [UInt64] {
        var filter = emptyFilter(grams.count, on: earlier)
        let shift = shift(filter.count)
        for gram in grams {
            let bit = AccessKey.filterBit(gram, shift)
            filter[Int(bit >> 6)] |= 1 << UInt64(bit & 63)
        }
        return filter
    }

    private static func emptyFilter(_ count: Int, on earlier: Frozen<UInt64>?) -> [UInt64] {
        if let earlier { return Array(earlier.elements) }
        return Array(repeating: 0, count: max(16, min(8192, count / 4)).nextPowerOfTwo)
    }
}
