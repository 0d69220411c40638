/// UUIDs as the 36 characters of their text.
enum UUIDText {
    static let length = 36

    /// Whether 36 bytes are 8-4-4-4-12 hexadecimal digits; tells of upper-case ones, because ids are compared as text.
    @inline(__always)
    static func check(_ bytes: UnsafeRawPointer) -> (isValid: Bool, hasUpperCase: Bool) {
        // The five groups as five overlapping words: 0…7, 9…12 14…17, 19…22 24…27, 28…35.
        func load32(_ offset: Int) -> UInt64 { UInt64(bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self)) }
        let words = (
            bytes.loadUnaligned(as: UInt64.self), load32(9) | load32(14) << 32, load32(19) | load32(24) << 32,
            bytes.loadUnaligned(fromByteOffset: 28, as: UInt64.self)
        )
        let dashes =
            bytes.load(fromByteOffset: 8, as: UInt8.self) == 0x2D
            && bytes.load(fromByteOffset: 13, as: UInt8.self) == 0x2D
            && bytes.load(fromByteOffset: 18, as: UInt8.self) == 0x2D
            && bytes.load(fromByteOffset: 23, as: UInt8.self) == 0x2D
        let invalid = nonHex(words.0) | nonHex(words.1) | nonHex(words.2) | nonHex(words.3)
        // Only A–F of the valid characters have bit 6 and not bit 5.
        let upper =
            (words.0 & ~(words.0 << 1) | words.1 & ~(words.1 << 1) | words.2 & ~(words.2 << 1) | words.3
                & ~(words.3 << 1))
            & 0x4040_4040_4040_4040
        return (dashes && invalid == 0, upper != 0)
    }

    /// The high bit of every byte that is no hexadecimal digit (and perhaps of bytes above one): zero means all eight are.
    @inline(__always)
    private static func nonHex(_ word: UInt64) -> UInt64 {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let ascii = word & 0x7F7F_7F7F_7F7F_7F7F
        let lower = ascii | 0x2020_2020_2020_2020  // digits have this bit already
        // With every byte below 0x80 these additions carry into the byte's own high bit only.
        let digit = (ascii &+ ones &* (0x80 - 0x30)) & ~(ascii &+ ones &* (0x80 - 0x3A))
        let letter = (lower &+ ones &* (0x80 - 0x61)) & ~(lower &+ ones &* (0x80 - 0x67))
        return (word | ~(digit | letter)) & 0x8080_8080_8080_8080
    }

    /// The milliseconds since 1970 within a UUIDv7 (RFC 9562 §5.7) of lower-case digits; nil for another version or variant.
    @inline(__always)
    static func version7Time(_ bytes: UnsafeRawPointer) -> Int64? {
        guard bytes.load(fromByteOffset: 14, as: UInt8.self) == 0x37 else { return nil }
        switch bytes.load(fromByteOffset: 19, as: UInt8.self) {
        case 0x38, 0x39, 0x61, 0x62: break
        default: return nil
        }
        let high = value(bytes.loadUnaligned(as: UInt64.self))
        let low = value(UInt64(bytes.loadUnaligned(fromByteOffset: 9, as: UInt32.self)) << 32 | 0x3030_3030)
        return Int64(high << 16 | low)
    }

    /// The value of eight lower-case hexadecimal digits, the first of them in the lowest byte.
    @inline(__always)
    private static func value(_ digits: UInt64) -> UInt64 {
        // A letter has bit 6, and its low four bits are nine less than its value.
        let letters = digits >> 6 & 0x0101_0101_0101_0101
        var nibbles = (digits & 0x0F0F_0F0F_0F0F_0F0F) &+ letters &* 9
        // Two digits to a byte, two bytes to four digits, and the rest, each time the earlier one above the later one.
        nibbles = (nibbles << 4 | nibbles >> 8) & 0x00FF_00FF_00FF_00FF
        nibbles = (nibbles << 8 | nibbles >> 16) & 0x0000_FFFF_0000_FFFF
        return (nibbles << 16 | nibbles >> 32) & 0xFFFF_FFFF
    }

    /// Appends the UUIDv5 (RFC 9562 §5.5) of a name in Tagstream's own namespace: the id of an event that came without one, so
    /// that a replay of the same record gives the same id.
    static func appendVersion5(of name: UnsafeRawBufferPointer, to out: inout ByteArena) {
        var (high, low) = withUnsafeTemporaryAllocation(byteCount: 16 + name.count, alignment: 8) { message in
            // The namespace, itself the UUIDv5 of "tagstream.event" in RFC 9562's URL namespace.
            message.storeBytes(of: (0xCEF3_8CE2_B1F5_5973 as UInt64).bigEndian, as: UInt64.self)
            message.storeBytes(of: (0x9F0C_8528_A1A3_AD87 as UInt64).bigEndian, toByteOffset: 8, as: UInt64.self)
            UnsafeMutableRawBufferPointer(rebasing: message[16...]).copyMemory(from: name)
            return SHA1.first128Bits(of: UnsafeRawBufferPointer(message))
        }
        high = high & 0xFFFF_FFFF_FFFF_0FFF | 0x5000
        low = low & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000
        out.reserve(length)
        for index in 0..<32 {
            if index == 8 || index == 12 || index == 16 || index == 20 { out.put(0x2D) }
            let word = index < 16 ? high : low
            out.put(hexDigits.utf8Start[Int(word >> UInt64(60 - 4 * (index & 15)) & 15)])
        }
    }
}
