/// A growing run of plain values that is emptied whole: what lanes use instead of arrays, which count references and check bounds.
struct Column<Element>: ~Copyable {
    private(set) var base: UnsafeMutablePointer<Element>
    fileprivate(set) var count = 0
    fileprivate var capacity: Int

    init(capacity: Int) {
        self.capacity = capacity
        base = .allocate(capacity: capacity)
    }

    deinit { base.deallocate() }

    @inline(__always)
    mutating func removeAll() { count = 0 }

    /// Forgets the elements from `count` on.
    @inline(__always)
    mutating func truncate(to count: Int) {
        assert(0...self.count ~= count, "a column cannot be truncated to more than it holds")
        self.count = count
    }

    @inline(__always)
    mutating func append(_ element: Element) {
        if count == capacity { grow(to: capacity * 2) }
        (base + count).initialize(to: element)
        count &+= 1
    }

    /// Makes room for so many more elements.
    @inline(__always)
    mutating func reserve(_ more: Int) { if count &+ more > capacity { grow(to: count &+ more) } }

    /// Adds an element, for which room must have been made.
    @inline(__always)
    mutating func put(_ element: Element) {
        assert(count < capacity, "a column has no room for what is put into it")
        (base + count).initialize(to: element)
        count &+= 1
    }

    @inline(__always)
    subscript(_ index: Int) -> Element {
        get { base[index] }
        nonmutating set { base[index] = newValue }
    }

    /// Holds exactly `count` elements from now on; new ones get a value.
    mutating func resize(to count: Int, filling element: Element) {
        if count > capacity { grow(to: count) }
        if count > self.count { (base + self.count).initialize(repeating: element, count: count - self.count) }
        self.count = count
    }

    @inline(never)
    private mutating func grow(to needed: Int) {
        let larger = max(needed, capacity * 2)
        let moved = UnsafeMutablePointer<Element>.allocate(capacity: larger)
        moved.moveInitialize(from: base, count: count)
        base.deallocate()
        base = moved
        capacity = larger
    }
}

extension Column where Element == Int32 {
    /// Adds the numbers of a word's bits, counted from a first one; room for two more than it has must have been made.
    ///
    /// How many bits a word has nobody can predict, and a wrong guess takes longer than a few numbers: so two are written whether they
    /// are there or not, and what follows is written over those that are not.
    @inline(__always)
    mutating func put(bitsOf word: UInt64, from first: Int32) {
        var bits = word
        var end = count
        for _ in 0..<2 {
            // With the highest bit set a processor's instruction does it alone; where it is not a bit of the word, nothing counts.
            let number = (bits | 1 << 63).trailingZeroBitCount
            (base + end).initialize(to: first &+ Int32(truncatingIfNeeded: number))
            end &+= bits != 0 ? 1 : 0
            bits &= bits &- 1
        }
        while bits != 0 {
            (base + end).initialize(to: first &+ Int32(truncatingIfNeeded: bits.trailingZeroBitCount))
            end &+= 1
            bits &= bits &- 1
        }
        count = end
        assert(count &+ 2 <= capacity || word == 0, "a column has no room for what is put into it")
    }
}
