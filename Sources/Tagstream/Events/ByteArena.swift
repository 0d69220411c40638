#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// A growing run of bytes that is written front to back and emptied whole: the memory behind every hot room.
///
/// Bytes are named by offsets, because growing moves them. ``padding`` bytes behind the end are always readable, so that scanners
/// may load eight bytes at a time without asking where the end is. Growing doubles, so a warm arena allocates nothing.
public struct ByteArena: ~Copyable {
    /// How many bytes behind ``count`` may be read (their content is arbitrary).
    public static let padding = 64

    /// The first byte.
    ///
    /// Valid until the next call that may grow the arena.
    public private(set) var base: UnsafeMutableRawPointer
    /// How many bytes are in use.
    public fileprivate(set) var count: Int = 0
    private var capacity: Int

    /// Makes an empty arena with room for `capacity` bytes.
    public init(capacity: Int) {
        self.capacity = capacity
        base = .allocate(byteCount: capacity + Self.padding, alignment: 64)
        // Reading padding that nothing ever wrote would be undefined (and every memory checker would say so).
        base.initializeMemory(as: UInt8.self, repeating: 0, count: capacity + Self.padding)
    }

    deinit { base.deallocate() }

    /// Forgets the bytes and keeps the memory.
    @inline(__always)
    public mutating func removeAll() { count = 0 }

    /// Forgets the bytes from `count` on.
    @inline(__always)
    public mutating func truncate(to count: Int) {
        assert(0...self.count ~= count, "an arena cannot be truncated to more than it holds")
        self.count = count
    }

    /// Makes room for `extra` more bytes.
    ///
    /// Moves the arena when it must grow: pointers into it are void afterwards.
    @inline(__always)
    public mutating func reserve(_ extra: Int) {
        if count &+ extra > capacity { grow(to: count &+ extra) }
    }

    @inline(never)
    private mutating func grow(to needed: Int) {
        let larger = max(needed, capacity * 2)
        let moved = UnsafeMutableRawPointer.allocate(byteCount: larger + Self.padding, alignment: 64)
        moved.copyMemory(from: base, byteCount: count)
        (moved + count).initializeMemory(as: UInt8.self, repeating: 0, count: larger + Self.padding - count)
        base.deallocate()
        base = moved
        capacity = larger
    }

    /// Appends one byte.
    ///
    /// Room must have been reserved.
    @inline(__always)
    public mutating func put(_ byte: UInt8) {
        assertRoom(1)
        base.storeBytes(of: byte, toByteOffset: count, as: UInt8.self)
        count &+= 1
    }

    /// Appends eight bytes.
    ///
    /// Room must have been reserved.
    @inline(__always)
    mutating func put(word: UInt64) {
        assertRoom(8)
        base.storeBytes(of: word, toByteOffset: count, as: UInt64.self)
        count &+= 8
    }

    /// Appends a run of bytes.
    ///
    /// Room must have been reserved.
    @inline(__always)
    public mutating func put(_ bytes: UnsafeRawPointer, _ length: Int) {
        assertRoom(length)
        memcpy(base + count, bytes, length)
        count &+= length
    }

    /// Appends a literal.
    ///
    /// Room must have been reserved.
    @inline(__always)
    public mutating func put(_ literal: StaticString) {
        put(UnsafeRawPointer(literal.utf8Start), literal.utf8CodeUnitCount)
    }

    /// Appends eight zero bytes, at which every scan stops.
    @inline(__always)
    mutating func putSentinel() {
        reserve(8)
        base.storeBytes(of: 0, toByteOffset: count, as: UInt64.self)
        count &+= 8
    }

    /// Appends a run of bytes, growing where needed.
    @inline(__always)
    public mutating func append(_ bytes: UnsafeRawBufferPointer) {
        guard let start = bytes.baseAddress else { return }
        reserve(bytes.count)
        put(start, bytes.count)
    }

    /// Appends a run of bytes, growing where needed.
    public mutating func append(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { append($0) }
    }

    /// Counts bytes as used that were written through ``base``.
    ///
    /// Room must have been reserved.
    @inline(__always)
    public mutating func advance(by length: Int) {
        assertRoom(length)
        count &+= length
    }

    /// Checks in debug builds that what is about to be written has been reserved: behind the capacity lies the padding, and behind
    /// that somebody else's memory.
    @inline(__always)
    private func assertRoom(_ length: Int) {
        assert(
            length >= 0 && count + length <= capacity,
            "\(length) bytes were not reserved: \(count) of \(capacity) are used"
        )
    }

    /// A range of the arena's bytes, valid until it grows.
    @inline(__always)
    public func bytes(_ offset: Int, _ length: Int) -> UnsafeRawBufferPointer {
        assert(offset >= 0 && length >= 0 && offset + length <= count, "a range outside the arena")
        return UnsafeRawBufferPointer(start: base + offset, count: length)
    }
}
