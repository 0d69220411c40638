/// SHA-1 (FIPS 180-4), for UUIDv5 only: RFC 9562 demands it, and a cryptography package costs more to build than the whole product.
struct SHA1 {
    private var state: (UInt32, UInt32, UInt32, UInt32, UInt32) = (
        0x6745_2301, 0xEFCD_AB89, 0x98BA_DCFE, 0x1032_5476, 0xC3D2_E1F0
    )

    /// The digest's first sixteen bytes as two big-endian words: all that a UUID keeps.
    static func first128Bits(of message: UnsafeRawBufferPointer) -> (UInt64, UInt64) {
        var hash = SHA1()
        withUnsafeTemporaryAllocation(of: UInt32.self, capacity: 80) { schedule in
            let blocks = (message.count + 8) / 64 + 1
            for block in 0..<blocks {
                for word in 0..<16 {
                    var value: UInt32 = 0
                    for byte in 0..<4 {
                        value = value << 8 | UInt32(padded(message, block * 64 + word * 4 + byte, blocks))
                    }
                    schedule[word] = value
                }
                hash.compress(schedule)
            }
        }
        return (
            UInt64(hash.state.0) << 32 | UInt64(hash.state.1),
            UInt64(hash.state.2) << 32 | UInt64(hash.state.3)
        )
    }

    /// A byte of the message, of the 1-bit behind it, of the zeros, or of the length in bits at the very end.
    private static func padded(_ message: UnsafeRawBufferPointer, _ index: Int, _ blocks: Int) -> UInt8 {
        if index < message.count { return message[index] }
        if index == message.count { return 0x80 }
        let fromEnd = blocks * 64 - 1 - index
        return fromEnd < 8 ? UInt8(truncatingIfNeeded: (UInt64(message.count) * 8) >> UInt64(fromEnd * 8)) : 0
    }

    private mutating func compress(_ words: UnsafeMutableBufferPointer<UInt32>) {
        func rotate(_ value: UInt32, _ count: UInt32) -> UInt32 { value << count | value >> (32 - count) }
        for index in 16..<80 {
            words[index] = rotate(words[index - 3] ^ words[index - 8] ^ words[index - 14] ^ words[index - 16], 1)
        }
        var (a, b, c, d, e) = state
        for index in 0..<80 {
            let mix: UInt32
            let constant: UInt32
            switch index {
            case 0..<20: (mix, constant) = (b & c | ~b & d, 0x5A82_7999)
            case 20..<40: (mix, constant) = (b ^ c ^ d, 0x6ED9_EBA1)
            case 40..<60: (mix, constant) = (b & c | b & d | c & d, 0x8F1B_BCDC)
            default: (mix, constant) = (b ^ c ^ d, 0xCA62_C1D6)
            }
            let next = rotate(a, 5) &+ mix &+ e &+ constant &+ words[index]
            (e, d, c, b, a) = (d, c, rotate(b, 30), a, next)
        }
        state = (state.0 &+ a, state.1 &+ b, state.2 &+ c, state.3 &+ d, state.4 &+ e)
    }
}
