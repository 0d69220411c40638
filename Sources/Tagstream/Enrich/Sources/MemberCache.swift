/// What was rendered for the keys seen of late, bounded in entries and in bytes: the memory behind a lane's caches.
///
/// Two generations instead of a list of all entries by their last use: entries are written into the young one; when that is full it
/// becomes the old one, and the old one is emptied. What is found in the old one is copied into the young one, so what is asked for
/// again and again stays, and one pass of rare keys does not throw it out. Both keep their memory, so a warm cache allocates nothing.
struct MemberCache: ~Copyable {
    /// Up to three runs of members for each key.
    typealias Ranges = (MemberRange, MemberRange, MemberRange)

    struct Entry {
        var hash: UInt64 = 0
        var keyOffset: UInt32 = 0
        /// The key's length and one; zero where there is no entry.
        var keyMark: UInt32 = 0
        var ranges: Ranges = (MemberRange(), MemberRange(), MemberRange())
    }

    /// So many places are looked at for a key: whoever makes hashes collide gains no more than misses.
    private static let probes = 8

    private struct Generation: ~Copyable {
        var store: MemberStore
        var keys: ByteArena
        let entries: UnsafeMutablePointer<Entry>
        let capacity: Int
        var count = 0

        init(capacity: Int) {
            self.capacity = capacity
            entries = .allocate(capacity: capacity)
            entries.initialize(repeating: Entry(), count: capacity)
            store = MemberStore(bytes: 1 << 12, fields: 64)
            keys = ByteArena(capacity: 1 << 12)
        }

        deinit { entries.deallocate() }

        mutating func removeAll() {
            guard count > 0 else { return }
            entries.update(repeating: Entry(), count: capacity)
            store.removeAll()
            keys.removeAll()
            count = 0
        }

        @inline(__always)
        func find(_ key: UnsafeRawBufferPointer, _ hash: UInt64) -> Int? {
            var place = Int(truncatingIfNeeded: hash) & (capacity &- 1)
            for _ in 0..<MemberCache.probes {
                let entry = entries[place]
                if entry.keyMark == 0 { return nil }
                if entry.hash == hash, Int(entry.keyMark) &- 1 == key.count,
                    areEqual(keys.bytes(Int(entry.keyOffset), key.count), key)
                {
                    return place
                }
                place = (place &+ 1) & (capacity &- 1)
            }
            return nil
        }

        /// Keeps what was put into the store; returns where.
        ///
        /// Where all probes are taken, the last of them gives way.
        mutating func insert(_ key: UnsafeRawBufferPointer, _ hash: UInt64, _ ranges: Ranges) -> Int {
            var place = Int(truncatingIfNeeded: hash) & (capacity &- 1)
            var probe = 1
            while entries[place].keyMark != 0, probe < MemberCache.probes {
                place = (place &+ 1) & (capacity &- 1)
                probe &+= 1
            }
            let offset = keys.count
            keys.append(key)
            entries[place] = Entry(
                hash: hash,
                keyOffset: UInt32(truncatingIfNeeded: offset),
                keyMark: UInt32(truncatingIfNeeded: key.count &+ 1),
                ranges: ranges
            )
            count &+= 1
            return place
        }

        var byteCount: Int { store.byteCount + keys.count }
    }

    private var young: Generation
    private var old: Generation
    private let entryLimit: Int
    private let byteLimit: Int

    /// Makes an empty cache for at most `entries` keys, whose texts and members take at most about `bytes` bytes.
    ///
    /// Each entry takes 64 bytes more in a table that is there from the beginning, at most half full.
    init(entries: Int, bytes: Int) {
        entryLimit = max(8, entries / 2)
        byteLimit = max(1 << 12, bytes / 2)
        let capacity = (entryLimit * 2).nextPowerOfTwo
        young = Generation(capacity: capacity)
        old = Generation(capacity: capacity)
    }

    /// Forgets everything.
    mutating func removeAll() {
        young.removeAll()
        old.removeAll()
        stamp &+= 1
    }

    /// How many entries there are.
    var count: Int { young.count + old.count }

    /// What is kept, in bytes, without the tables.
    var byteCount: Int { young.byteCount + old.byteCount }

    /// Where an entry is; valid until the next insertion.
    struct Place {
        fileprivate var index: Int
        fileprivate var isOld: Bool
    }

    /// Where a key's entry is; nil when there is none.
    @inline(__always)
    mutating func find(_ key: UnsafeRawBufferPointer, hash: UInt64) -> Place? {
        if let index = young.find(key, hash) { return Place(index: index, isOld: false) }
        guard let index = old.find(key, hash) else { return nil }
        return promote(key, hash, index)
    }

    /// Copies an entry of the old generation into the young one, unless that is full: only what is new makes it give way.
    @inline(never)
    private mutating func promote(_ key: UnsafeRawBufferPointer, _ hash: UInt64, _ index: Int) -> Place {
        guard !isYoungFull else { return Place(index: index, isOld: true) }
        let ranges = old.entries[index].ranges
        let second = young.store.copy(old.store.members(ranges.1))
        // Where the first run is the beginning of the second, it is that of the copy, too.
        let first =
            ranges.0.isBeginning(of: ranges.1)
            ? ranges.0.moved(to: second) : young.store.copy(old.store.members(ranges.0))
        let copied = (first, second, young.store.copy(old.store.members(ranges.2)))
        return Place(index: young.insert(key, hash, copied), isOld: false)
    }

    private var isYoungFull: Bool { young.count >= entryLimit || young.byteCount >= byteLimit }

    /// Renders and keeps what belongs to a key that was not found.
    mutating func insert(
        _ key: UnsafeRawBufferPointer,
        hash: UInt64,
        rendering render: (inout MemberStore) -> Ranges
    ) -> Place {
        if isYoungFull {
            swap(&young, &old)
            young.removeAll()
            stamp &+= 1
        }
        let ranges = render(&young.store)
        return Place(index: young.insert(key, hash, ranges), isOld: false)
    }

    /// Changes whenever the young generation becomes the old one, or is emptied: until then the ranges that ``youngRanges(_:)``
    /// named are where they were.
    private(set) var stamp: UInt64 = 1

    /// Where an entry's members are while ``stamp`` stays; nil for an entry that will move.
    func youngRanges(_ place: Place) -> Ranges? { place.isOld ? nil : young.entries[place.index].ranges }

    /// The members of a range that ``youngRanges(_:)`` named under the present ``stamp``.
    @inline(__always)
    func members(young range: MemberRange) -> Members { young.store.members(range) }

    /// The first run of an entry's members; valid until the next insertion or search.
    @inline(__always)
    func first(_ place: Place) -> Members {
        place.isOld
            ? old.store.members(old.entries[place.index].ranges.0)
            : young.store.members(young.entries[place.index].ranges.0)
    }

    /// The three runs of an entry's members; valid until the next insertion or search.
    @inline(__always)
    func all(_ place: Place) -> (Members, Members, Members) {
        let ranges = place.isOld ? old.entries[place.index].ranges : young.entries[place.index].ranges
        return place.isOld
            ? (old.store.members(ranges.0), old.store.members(ranges.1), old.store.members(ranges.2))
            : (young.store.members(ranges.0), young.store.members(ranges.1), young.store.members(ranges.2))
    }
}
