#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// The keys of the last events that one input partition was tagged with, in their order: as many as `size`, and those of the open
/// transaction, which can be taken back.
///
/// Keys are numbered from 0 on, in the order of the input, and a key is in the window while fewer than `size` have followed it. No
/// clock: the same input has the same duplicates, whenever it is read, however it is cut into transactions, and whoever restores the
/// window in between. A duplicate is not added again.
///
/// A ring holds the keys, and a table of hashes with open addressing, at most half full, finds them: 28 + 8 bytes a key. A table's slot
/// is the key's place in the ring and eight bits of its hash, so that looking for a new key hardly ever reads the ring. Keys that have
/// left the window go from the table when the transaction that pushed them out is committed; until then they only do not count.
final class DuplicateWindow {
    /// The most keys that a ring can hold: a slot has 24 bits for a place, and 0 is an empty slot.
    static let most = 1 << 24 - 2

    /// A key in the ring, and two slots of the table.
    static let bytesOfKey = DuplicateKey.size + 2 * MemoryLayout<UInt32>.size

    /// For how many events a key is remembered.
    let size: Int
    /// The number of the key that comes next.
    private(set) var next: Int64 = 0
    /// The number behind the last key that is committed.
    private(set) var settled: Int64 = 0
    /// The number of the oldest key in the ring.
    private(set) var oldest: Int64 = 0
    /// What the changelog does not have yet begins here, where that is before ``settled``: after the window's size was changed.
    var unlogged: Int64 = .max
    /// The sizes of the windows that the changelog was written for: the last one, and the largest; nil when nothing was restored.
    var loggedSizes: (last: Int, most: Int)?

    /// Mixed into the table's hashes and only there: whoever chooses uuids cannot know where they collide.
    private let seed: UInt64
    private let roomiest: Int
    private var capacity = 0
    private var keys: UnsafeMutableRawPointer
    private var slots: UnsafeMutablePointer<UInt32>
    private var slotCount = 0
    /// The oldest key's place in the ring.
    private var start = 0

    /// Makes an empty window that grows as keys come.
    ///
    /// - Parameters:
    ///   - headroom: how many keys a transaction may add at most.
    ///   - seed: of the table's hashes; no result depends on it.
    init(size: Int, headroom: Int, seed: UInt64) {
        self.size = size
        self.seed = seed
        roomiest = min(Self.most, size + headroom)
        keys = .allocate(byteCount: 0, alignment: 8)
        slots = .allocate(capacity: 0)
    }

    deinit {
        keys.deallocate()
        slots.deallocate()
    }

    /// How many keys are in the ring.
    @inline(__always)
    var count: Int { Int(next &- oldest) }

    /// Bytes that ring and table take.
    var bytes: Int { capacity * Self.bytesOfKey }

    /// The number of the first key that counts.
    @inline(__always)
    var first: Int64 { max(oldest, next &- Int64(size)) }

    // MARK: On an event's way

    /// Whether a key is in the window.
    ///
    /// About 30 ns where the window is in the nearest caches; one read of memory that is not cached for a new key.
    @inline(__always)
    func contains(_ key: DuplicateKey) -> Bool {
        guard capacity > 0 else { return false }
        let hash = hash(of: key)
        let tag = UInt32(truncatingIfNeeded: hash) & 0xFF00_0000
        var slot = home(of: hash)
        while true {
            let found = slots[slot]
            if found == 0 { return false }
            if found & 0xFF00_0000 == tag {
                let place = Int(found & 0x00FF_FFFF) &- 1
                // An older one of the same key may lie before it, which does not count any more.
                if self.key(at: place) == key, number(of: place) >= first { return true }
            }
            slot = following(slot)
        }
    }

    /// Adds a key that is not in the window.
    @inline(__always)
    func add(_ key: DuplicateKey) {
        if count == capacity { grow() }
        let place = place(of: next)
        key.store(to: keys + place &* DuplicateKey.size)
        insert(hash(of: key), place)
        next &+= 1
    }

    // MARK: Per transaction

    /// The open transaction is committed, with all keys.
    func commit() {
        settled = next
        unlogged = .max
        while oldest < first { removeOldest() }
    }

    /// The open transaction is aborted: its keys were never there.
    func takeBack() {
        while next > settled {
            next &-= 1
            remove(place(of: next))
        }
    }

    /// Forgets everything and begins with a number.
    func restart(at number: Int64) {
        if slotCount > 0 { slots.update(repeating: 0, count: slotCount) }
        (next, settled, oldest, start) = (number, number, number, 0)
    }

    private func removeOldest() {
        remove(start)
        start = start + 1 == capacity ? 0 : start + 1
        oldest &+= 1
    }

    // MARK: The ring

    /// Copies the keys of these numbers, which must be in the ring.
    func copy(_ numbers: Range<Int64>, to target: UnsafeMutableRawPointer) {
        precondition(numbers.lowerBound >= oldest && numbers.upperBound <= next, "keys that are not in the ring")
        var target = target
        var place = place(of: numbers.lowerBound)
        var left = numbers.count
        while left > 0 {
            let run = min(left, capacity - place)
            memcpy(target, keys + place * DuplicateKey.size, run * DuplicateKey.size)
            target += run * DuplicateKey.size
            left -= run
            place = 0
        }
    }

    @inline(__always)
    private func place(of number: Int64) -> Int {
        let place = start &+ Int(number &- oldest)
        return place >= capacity ? place &- capacity : place
    }

    @inline(__always)
    private func number(of place: Int) -> Int64 {
        let distance = place &- start
        return oldest &+ Int64(distance < 0 ? distance &+ capacity : distance)
    }

    @inline(__always)
    private func key(at place: Int) -> DuplicateKey { DuplicateKey(at: keys + place &* DuplicateKey.size) }

    /// Makes the ring larger: twofold up to what window and transaction need at most, and beyond that by an eighth.
    @inline(never)
    private func grow() {
        let wanted = capacity < roomiest ? min(roomiest, max(1024, capacity * 2)) : capacity + capacity / 8 + 1
        let larger = min(Self.most, wanted)
        precondition(larger > capacity, "more keys in one transaction than a window can number")
        let moved = UnsafeMutableRawPointer.allocate(byteCount: larger * DuplicateKey.size, alignment: 8)
        let count = count
        copy(oldest..<next, to: moved)
        keys.deallocate()
        slots.deallocate()
        (keys, capacity, start, slotCount) = (moved, larger, 0, larger * 2)
        slots = .allocate(capacity: slotCount)
        slots.initialize(repeating: 0, count: slotCount)
        for place in 0..<count { insert(hash(of: key(at: place)), place) }
    }

    // MARK: The table

    @inline(__always)
    private func hash(of key: DuplicateKey) -> UInt64 {
        let uuid = DuplicateKey.fold(key.first ^ seed, key.second ^ 0xE703_7ED1_A0B4_28DB)
        return DuplicateKey.fold(uuid ^ key.identity, seed ^ 0x8EBC_6AF0_9C88_C6E3)
    }

    /// The slot that a hash's upper bits choose; bits 24 to 31 are the tag.
    @inline(__always)
    private func home(of hash: UInt64) -> Int {
        Int(truncatingIfNeeded: hash.multipliedFullWidth(by: UInt64(truncatingIfNeeded: slotCount)).high)
    }

    @inline(__always)
    private func following(_ slot: Int) -> Int { slot &+ 1 == slotCount ? 0 : slot &+ 1 }

    @inline(__always)
    private func insert(_ hash: UInt64, _ place: Int) {
        var slot = home(of: hash)
        while slots[slot] != 0 { slot = following(slot) }
        slots[slot] = UInt32(truncatingIfNeeded: hash) & 0xFF00_0000 | UInt32(truncatingIfNeeded: place &+ 1)
    }

    /// Takes a key out of the table, and moves those behind it forward that would not be found any more (Knuth, 6.4, algorithm R).
    private func remove(_ place: Int) {
        let index = UInt32(truncatingIfNeeded: place &+ 1)
        var hole = home(of: hash(of: key(at: place)))
        while slots[hole] & 0x00FF_FFFF != index { hole = following(hole) }
        var probe = hole
        while true {
            probe = following(probe)
            let found = slots[probe]
            if found == 0 { break }
            let home = home(of: hash(of: key(at: Int(found & 0x00FF_FFFF) &- 1)))
            if distance(home, probe) >= distance(hole, probe) {
                slots[hole] = found
                hole = probe
            }
        }
        slots[hole] = 0
    }

    @inline(__always)
    private func distance(_ from: Int, _ to: Int) -> Int { to >= from ? to &- from : to &- from &+ slotCount }

    /// How many slots the longest search for a key of the ring looks at.
    var longestProbe: Int {
        (0..<slotCount).reduce(0) { longest, slot in
            guard slots[slot] != 0 else { return longest }
            return max(longest, distance(home(of: hash(of: key(at: Int(slots[slot] & 0x00FF_FFFF) - 1))), slot) + 1)
        }
    }
}
