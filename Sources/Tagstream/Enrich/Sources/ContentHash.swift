#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// The hash of a whole text, for the caches and tables of enrichment.
///
/// Unlike ``keyHash(_:_:)`` it takes every byte in, because user agents and customers' keys differ in the middle as well. Reads
/// nothing past the end. It is not proof against someone who tries, so what events fill bounds its probes and compares whole texts.
@inline(__always)
func contentHash(_ text: UnsafeRawBufferPointer) -> UInt64 {
    var hash = UInt64(truncatingIfNeeded: text.count) &* 0xA076_1D64_78BD_642F
    guard let start = text.baseAddress else { return hash }
    var offset = 0
    while offset &+ 8 <= text.count {
        hash = mixed(hash ^ start.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
        offset &+= 8
    }
    if offset < text.count {
        var rest: UInt64 = 0
        memcpy(&rest, start + offset, text.count &- offset)
        hash = mixed(hash ^ rest)
    }
    return hash ^ hash >> 29
}

/// A step: the product of 64 by 64 bits, folded.
@inline(__always)
private func mixed(_ word: UInt64) -> UInt64 {
    let product = (word ^ 0xE703_7ED1_A0B4_28DB).multipliedFullWidth(by: 0x8EBC_6AF0_9C88_C6E3)
    return product.high ^ product.low
}

/// Whether two texts have the same bytes.
///
/// Short ones, as keys are, are compared in two or four overlapping words: a call of `memcmp` costs more. Reads nothing past the ends.
@inline(__always)
func areEqual(_ one: UnsafeRawBufferPointer, _ other: UnsafeRawBufferPointer) -> Bool {
    guard one.count == other.count else { return false }
    guard let first = one.baseAddress, let second = other.baseAddress else { return true }
    return areEqual(first, second, one.count)
}

/// Whether so many bytes are the same.
@inline(__always)
func areEqual(_ one: UnsafeRawPointer, _ other: UnsafeRawPointer, _ count: Int) -> Bool {
    @inline(__always)
    func differ<Word: FixedWidthInteger>(_ offset: Int, as: Word.Type) -> Word {
        one.loadUnaligned(fromByteOffset: offset, as: Word.self)
            ^ other.loadUnaligned(fromByteOffset: offset, as: Word.self)
    }
    if count >= 8 {
        guard count <= 32 else { return memcmp(one, other, count) == 0 }
        var differing = differ(0, as: UInt64.self) | differ(count &- 8, as: UInt64.self)
        if count > 16 { differing |= differ(8, as: UInt64.self) | differ(count &- 16, as: UInt64.self) }
        return differing == 0
    }
    if count >= 4 { return differ(0, as: UInt32.self) | differ(count &- 4, as: UInt32.self) == 0 }
    if count >= 2 { return differ(0, as: UInt16.self) | differ(count &- 2, as: UInt16.self) == 0 }
    return count == 0 || differ(0, as: UInt8.self) == 0
}
