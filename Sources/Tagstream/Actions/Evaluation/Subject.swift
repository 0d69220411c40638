/// A piece of text of the event at hand: on the workbench, or in the evaluator's own arena.
///
/// Offsets instead of pointers, because the arena moves when it grows.
struct TextRange {
    private var place: UInt32
    /// In bytes.
    var length: UInt32

    private static let inArena: UInt32 = 1 << 31

    /// Text of no length.
    static var empty: TextRange { TextRange(place: 0, length: 0) }

    @inline(__always)
    private init(place: UInt32, length: UInt32) {
        self.place = place
        self.length = length
    }

    /// A range of the workbench's bytes.
    @inline(__always)
    init(onBench offset: UInt32, length: UInt32) { self.init(place: offset, length: length) }

    /// A range of the evaluator's arena.
    @inline(__always)
    init(inArena offset: Int, length: Int) {
        self.init(place: UInt32(truncatingIfNeeded: offset) | Self.inArena, length: UInt32(truncatingIfNeeded: length))
    }

    /// Leaves out so many bytes at the beginning.
    @inline(__always)
    mutating func drop(_ count: Int) {
        place &+= UInt32(truncatingIfNeeded: count)
        length &-= UInt32(truncatingIfNeeded: count)
    }

    /// A part of the range.
    @inline(__always)
    func part(_ offset: Int, _ length: Int) -> TextRange {
        TextRange(place: place &+ UInt32(truncatingIfNeeded: offset), length: UInt32(truncatingIfNeeded: length))
    }

    /// The bytes, valid until the arena grows.
    @inline(__always)
    func bytes(_ bench: UnsafeRawPointer, _ arena: borrowing ByteArena) -> UnsafeRawBufferPointer {
        let start =
            place & Self.inArena == 0 ? bench + Int(place) : UnsafeRawPointer(arena.base) + Int(place & ~Self.inArena)
        return UnsafeRawBufferPointer(start: start, count: Int(length))
    }
}

/// What a condition compares: a property of the event, or an element's text, with everything that was computed from it.
///
/// Plain data. A text is decoded, lower-cased and read as a number at most once per event, however many conditions ask for it.
struct Subject {
    /// What has been computed already.
    struct Known: OptionSet {
        let rawValue: UInt8
        /// ``text`` is there: the decoded text of a text, the printed form of anything else.
        static let text = Known(rawValue: 1)
        /// ``lowered`` is there.
        static let lowered = Known(rawValue: 2)
        /// Whether the subject is a number has been found out.
        static let number = Known(rawValue: 4)
        /// It is one.
        static let isNumber = Known(rawValue: 8)
    }

    /// The event for which this was filled in; any other means that the property is missing.
    var epoch: UInt32
    var kind: Value.Kind
    var known: Known
    var flags: Value.Flags
    /// The value as written.
    var written: TextRange
    var text: TextRange
    var lowered: TextRange
    var number: Double

    /// A property's value.
    @inline(__always)
    init(_ value: Value, epoch: UInt32) {
        self.epoch = epoch
        kind = value.kind
        flags = value.flags
        written = TextRange(onBench: value.offset, length: value.length)
        text = written
        lowered = .empty
        number = 0
        // A string without escapes is its own text; so is `true`, in both spaces.
        known =
            value.kind == .string && !value.flags.contains(.escaped) || value.kind == .true || value.kind == .false
            ? .text : []
    }

    /// Text that is decoded already.
    @inline(__always)
    init(text: TextRange, epoch: UInt32) {
        self.epoch = epoch
        kind = .string
        flags = .plain
        written = text
        self.text = text
        lowered = .empty
        number = 0
        known = .text
    }

    /// What is not there.
    static var missing: Subject { Subject(.missing, epoch: 0) }
}

/// A growing run of plain values that is emptied whole: what lanes use instead of arrays, which count references and check bounds.
struct Column<Element>: ~Copyable {
    private(set) var base: UnsafeMutablePointer<Element>
    private(set) var count = 0
    private var capacity: Int

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
