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
@inline(__always)
func areEqual(_ one: UnsafeRawBufferPointer, _ other: UnsafeRawBufferPointer) -> Bool {
    guard one.count == other.count else { return false }
    guard let first = one.baseAddress, let second = other.baseAddress else { return one.count == other.count }
    return memcmp(first, second, one.count) == 0
}
