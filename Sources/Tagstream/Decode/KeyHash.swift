/// The hash of a key or value, the same wherever one is looked up: computed once by the scanner, kept in ``Field/keyHash``.
///
/// It mixes the length, the first and last eight bytes and eight from the middle: two multiplications for any length. That is
/// not collision-proof against someone who tries, so every table that is filled by events bounds its probes (``FieldIndex``).
@inline(__always)
func keyHash(_ bytes: UnsafeRawPointer, _ length: Int) -> UInt32 {
    var first: UInt64
    var last: UInt64 = 0
    if length >= 8 {
        first = bytes.loadUnaligned(as: UInt64.self)
        last = bytes.loadUnaligned(fromByteOffset: length &- 8, as: UInt64.self)
        if length > 16 {
            first ^= bytes.loadUnaligned(fromByteOffset: (length >> 1) &- 4, as: UInt64.self) &* 0x9E37_79B9_7F4A_7C15
        }
    } else if length > 0 {
        // Reads past the key: arenas are padded, and the mask drops what does not belong to it.
        first = bytes.loadUnaligned(as: UInt64.self) & (UInt64.max >> UInt64(64 &- 8 &* length))
    } else {
        first = 0
    }
    var hash = (first ^ UInt64(truncatingIfNeeded: length) &* 0xA076_1D64_78BD_642F) &* 0xE703_7ED1_A0B4_28DB
    hash ^= hash >> 32
    hash = (hash ^ last) &* 0x8EBC_6AF0_9C88_C6E3
    return UInt32(truncatingIfNeeded: hash >> 32)
}

/// ``keyHash(_:_:)`` of text that is not on a workbench; for compiling plans, not for events.
public func keyHash(of text: [UInt8]) -> UInt32 {
    var padded = text
    padded.append(contentsOf: repeatElement(0, count: 8))
    return padded.withUnsafeBytes { keyHash($0.baseAddress!, text.count) }
}
