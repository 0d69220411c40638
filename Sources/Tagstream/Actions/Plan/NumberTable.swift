/// Numbers by hash, for building a plan: open addressing, at most half full.
///
/// What a number stands for is the builder's business: it says whether a number that the table finds is the one it means.
struct NumberTable {
    private var slots: [Int32]
    /// The lowest 32 bits of each number's hash, by number: growing does not ask for them again.
    private var hashes: [UInt32] = []

    init(capacity: Int) {
        slots = Array(repeating: -1, count: max(64, capacity * 2).nextPowerOfTwo)
        hashes.reserveCapacity(capacity)
    }

    private init() { slots = [] }

    /// A table without memory, to stand where another is taken out; nothing can be looked for in it.
    static let empty = NumberTable()

    /// The number of what has this hash and satisfies `isSame`; a new one, the next, where there is none.
    mutating func number(_ hash: UInt64, where isSame: (Int32) -> Bool) -> (number: Int32, isNew: Bool) {
        let short = UInt32(truncatingIfNeeded: hash ^ hash >> 32)
        var place = Int(short) & (slots.count - 1)
        while slots[place] >= 0 {
            let found = slots[place]
            if hashes[Int(found)] == short, isSame(found) { return (found, false) }
            place = (place + 1) & (slots.count - 1)
        }
        let number = Int32(hashes.count)
        hashes.append(short)
        slots[place] = number
        if hashes.count * 2 > slots.count { grow() }
        return (number, true)
    }

    private mutating func grow() {
        slots = Array(repeating: -1, count: slots.count * 2)
        for (number, hash) in hashes.enumerated() {
            var place = Int(hash) & (slots.count - 1)
            while slots[place] >= 0 { place = (place + 1) & (slots.count - 1) }
            slots[place] = Int32(number)
        }
    }
}
