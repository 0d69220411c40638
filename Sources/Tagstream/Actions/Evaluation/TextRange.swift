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
