#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

extension ByteArena {
    /// Appends text as the content of a JSON string of escaped space: JSON within a JSON string.
    ///
    /// Grows where needed.
    ///
    /// - Returns: whether anything had to be escaped.
    @discardableResult
    mutating func append(escapingTwice text: UnsafeRawBufferPointer) -> Bool {
        reserve(8 * text.count)
        var isEscaped = false
        for byte in text {
            switch byte {
            case 0x22: put("\\\\\\\"")
            case 0x5C: put("\\\\\\\\")
            case 0x0A: put("\\\\n")
            case 0x0D: put("\\\\r")
            case 0x09: put("\\\\t")
            case 0..<0x20:
                put("\\\\u00")
                put(byte < 0x10 ? 0x30 : 0x31)
                put(hexDigits.utf8Start[Int(byte & 15)])
            default:
                put(byte)
                continue
            }
            isEscaped = true
        }
        return isEscaped
    }

    /// Appends bytes that are meant to be UTF-8; what is not becomes U+FFFD, one for each maximal part (Unicode 15, §3.9).
    mutating func append(repairing text: UnsafeRawBufferPointer) {
        reserve(3 * text.count)
        guard let start = text.baseAddress else { return }
        var index = 0
        while index < text.count {
            let length = Self.lengthOfCharacter(text, index)
            if length > 0 {
                put(start + index, length)
                index &+= length
            } else {
                append(scalar: 0xFFFD)
                index &-= length
            }
        }
    }

    /// How many bytes the character at an index has; for what is none, the negative length of its maximal part.
    private static func lengthOfCharacter(_ text: UnsafeRawBufferPointer, _ index: Int) -> Int {
        let lead = text[index]
        if lead < 0x80 { return 1 }
        let length: Int
        var low: UInt8 = 0x80
        var high: UInt8 = 0xBF
        switch lead {
        case 0xC2...0xDF: length = 2
        case 0xE0: (length, low) = (3, 0xA0)
        case 0xED: (length, high) = (3, 0x9F)
        case 0xE1...0xEF: length = 3
        case 0xF0: (length, low) = (4, 0x90)
        case 0xF4: (length, high) = (4, 0x8F)
        case 0xF1...0xF3: length = 4
        default: return -1
        }
        var have = 1
        while have < length {
            guard index &+ have < text.count else { return -have }
            let byte = text[index &+ have]
            guard byte >= (have == 1 ? low : 0x80), byte <= (have == 1 ? high : 0xBF) else { return -have }
            have &+= 1
        }
        return length
    }

    /// Appends the text of a percent-encoded form value: `%XX` and `+`; a percent sign without two digits stays.
    mutating func append(percentDecoding text: UnsafeRawBufferPointer, plusIsBlank: Bool) {
        reserve(text.count)
        var index = 0
        while index < text.count {
            let byte = text[index]
            if byte == 0x25, index &+ 2 < text.count, let high = hexDigit(text[index &+ 1]),
                let low = hexDigit(text[index &+ 2])
            {
                put(UInt8(truncatingIfNeeded: high << 4 | low))
                index &+= 3
            } else {
                put(byte == 0x2B && plusIsBlank ? 0x20 : byte)
                index &+= 1
            }
        }
    }

    /// Appends a run that is short most times: a call of `memcpy` costs more than most properties are long.
    ///
    /// Room for the run must have been reserved; behind the run, up to 48 bytes of the source are read and of the arena are written,
    /// all of which lie in ``padding``.
    @inline(__always)
    mutating func putShort(_ source: UnsafeRawPointer, _ length: Int) {
        copyShort(source, length, to: base + count)
        advance(by: length)
    }
}

/// Copies a run that is short most times, in whole blocks of sixteen bytes: three whatever its length is, so that there is nothing
/// that the processor could guess wrongly before the run is long.
///
/// Up to 48 bytes behind the beginning are read and written, and up to 15 behind the end.
@inline(__always)
func copyShort(_ source: UnsafeRawPointer, _ length: Int, to target: UnsafeMutableRawPointer) {
    let first = source.loadUnaligned(as: SIMD16<UInt8>.self)
    let second = source.loadUnaligned(fromByteOffset: 16, as: SIMD16<UInt8>.self)
    let third = source.loadUnaligned(fromByteOffset: 32, as: SIMD16<UInt8>.self)
    target.storeBytes(of: first, as: SIMD16<UInt8>.self)
    target.storeBytes(of: second, toByteOffset: 16, as: SIMD16<UInt8>.self)
    target.storeBytes(of: third, toByteOffset: 32, as: SIMD16<UInt8>.self)
    if length > 48 { (target + 48).copyMemory(from: source + 48, byteCount: length &- 48) }
}

/// The part of well-formed text that has at most so many bytes, no character cut in two.
func wholePrefix(of text: UnsafeRawBufferPointer, bytes limit: Int) -> UnsafeRawBufferPointer {
    guard text.count > limit else { return text }
    var end = limit
    while end > 0, text[end] & 0xC0 == 0x80 { end &-= 1 }
    return UnsafeRawBufferPointer(rebasing: text[..<end])
}

/// Where a byte first occurs in a range of text, or nil.
@inline(__always)
func firstIndex(of byte: UInt8, in text: UnsafeRawBufferPointer, _ range: Range<Int>) -> Int? {
    guard let start = text.baseAddress, !range.isEmpty,
        let found = memchr(start + range.lowerBound, Int32(byte), range.count)
    else { return nil }
    return UnsafeRawPointer(found) - start
}
