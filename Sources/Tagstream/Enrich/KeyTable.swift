/// Names by number: what an event's fields are looked up in, once for each field.
///
/// Most keys of most events are none of these names, and a filter of 4,096 bits says so without touching the key. The others are
/// found in a table at most a quarter full; only settings fill it, and its size is settled, so nobody can make its probes long.
///
/// Sendable: everything is written in `init` and only read afterwards, and the memory goes with the last owner.
final class KeyTable: @unchecked Sendable {
    /// A name as a property is written: `\"NAME\":`, ready to be copied in front of a value.
    struct Entry {
        /// Where it stands in the table's bytes.
        var offset: Int32
        /// With quotes and colon.
        var length: Int32
        /// ``keyHash`` of the name.
        var hash: UInt32
        /// Whether the name has escapes.
        var isEscaped: Bool
        /// The name itself, decoded: for comparing.
        var plainOffset: Int32
        var plainLength: Int32
    }

    /// How many names there are.
    let count: Int
    /// One bit for each value of a hash's lowest twelve bits that a name takes; whoever asks for many hashes keeps it at hand.
    let filter: UnsafeMutablePointer<UInt64>
    private let slots: UnsafeMutablePointer<Int16>
    private let mask: Int
    private let entries: UnsafeMutablePointer<Entry>
    private let bytes: UnsafeMutableRawPointer

    /// Makes a table of names that differ from one another.
    ///
    /// The numbers are the places in the list.
    ///
    /// - Parameter wanted: which of them are looked for; the others have an entry and are never found. Nil for all.
    init(_ names: [String], wanted: Set<Int>? = nil) {
        count = names.count
        filter = .allocate(capacity: 64)
        filter.initialize(repeating: 0, count: 64)
        let capacity = max(64, names.count * 4).nextPowerOfTwo
        mask = capacity - 1
        slots = .allocate(capacity: capacity)
        slots.initialize(repeating: -1, count: capacity)
        entries = .allocate(capacity: max(1, names.count))
        var arena = ByteArena(capacity: 1 << 12)
        for (number, name) in names.enumerated() {
            let plain = Array(name.utf8)
            let plainOffset = arena.count
            arena.append(plain)
            arena.putSentinel()  // hashes read up to eight bytes
            let start = arena.count
            arena.reserve(plain.count * 8 + 8)
            arena.put("\\\"")
            let isEscaped = plain.withUnsafeBytes { arena.append(escapingTwice: $0) }
            arena.put("\\\":")
            let hash = keyHash(of: plain)
            (entries + number).initialize(
                to: Entry(
                    offset: Int32(start),
                    length: Int32(arena.count - start),
                    hash: hash,
                    isEscaped: isEscaped,
                    plainOffset: Int32(plainOffset),
                    plainLength: Int32(plain.count)
                )
            )
            guard wanted?.contains(number) ?? true else { continue }
            filter[Int(hash >> 6 & 63)] |= 1 << UInt64(hash & 63)
            var slot = Int(hash) & mask
            while slots[slot] >= 0 { slot = (slot + 1) & mask }
            slots[slot] = Int16(number)
        }
        // Copies of names are made in blocks of sixteen bytes.
        bytes = .allocate(byteCount: arena.count + ByteArena.padding, alignment: 16)
        bytes.initializeMemory(as: UInt8.self, repeating: 0, count: arena.count + ByteArena.padding)
        bytes.copyMemory(from: arena.base, byteCount: arena.count)
    }

    deinit {
        filter.deallocate()
        slots.deallocate()
        entries.deallocate()
        bytes.deallocate()
    }

    /// Whether a hash may be one of a name's.
    @inline(__always)
    func mayHave(_ hash: UInt32) -> Bool { Self.bit(of: hash, filter) == 1 }

    /// 1 where a hash may be one of the names of a filter, else 0.
    @inline(__always)
    static func bit(of hash: UInt32, _ filter: UnsafeMutablePointer<UInt64>) -> UInt64 {
        filter[Int(hash >> 6 & 63)] &>> UInt64(hash & 63) & 1
    }

    /// The number of a name, or -1.
    @inline(__always)
    func number(of name: UnsafeRawBufferPointer, _ hash: UInt32) -> Int {
        var slot = Int(hash) & mask
        while slots[slot] >= 0 {
            let number = Int(slots[slot])
            let entry = entries + number
            if entry.pointee.hash == hash, areEqual(plain(entry.pointee), name) {
                return number
            }
            slot = (slot &+ 1) & mask
        }
        return -1
    }

    @inline(__always)
    private func plain(_ entry: Entry) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: bytes + Int(entry.plainOffset), count: Int(entry.plainLength))
    }

    /// The number of a name that lies where eight bytes behind it may be read; -1 where it is none of the table's.
    @inline(__always)
    func number(of name: UnsafeRawBufferPointer) -> Int {
        guard let start = name.baseAddress, name.count > 0 else { return -1 }
        let hash = keyHash(start, name.count)
        return mayHave(hash) ? number(of: name, hash) : -1
    }

    /// What is known of a number's name.
    @inline(__always)
    func entry(_ number: Int) -> Entry { entries[number] }

    /// The text `\"NAME\":` of a number; ``ByteArena/padding`` bytes behind it may be read.
    @inline(__always)
    func text(_ entry: Entry) -> UnsafeRawPointer { UnsafeRawPointer(bytes + Int(entry.offset)) }
}
