/// SHA-256 (FIPS 180-4), for the hashed properties of ``Enrichment/privacy``.
///
/// Ours for the reason of ``SHA1``. About 1 µs for a value of 50 bytes; allocates nothing.
struct SHA256 {
    private var state: (UInt32, UInt32, UInt32, UInt32, UInt32, UInt32, UInt32, UInt32) = (
        0x6A09_E667, 0xBB67_AE85, 0x3C6E_F372, 0xA54F_F53A, 0x510E_527F, 0x9B05_688C, 0x1F83_D9AB, 0x5BE0_CD19
    )

    private static let constants: [UInt32] = [
        0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5, 0x3956_c25b, 0x59f1_11f1, 0x923f_82a4, 0xab1c_5ed5,
        0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3, 0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174,
        0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc, 0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da,
        0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7, 0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967,
        0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13, 0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85,
        0xa2bf_e8a1, 0xa81a_664b, 0xc24b_8b70, 0xc76c_51a3, 0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070,
        0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5, 0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3,
        0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208, 0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2,
    ]

    /// Appends the digest of a message as 64 lower-case hexadecimal digits.
    static func append(hexOf message: UnsafeRawBufferPointer, to out: inout ByteArena) {
        var hash = SHA256()
        withUnsafeTemporaryAllocation(of: UInt32.self, capacity: 64) { schedule in
            let blocks = (message.count &+ 8) / 64 &+ 1
            for block in 0..<blocks {
                for word in 0..<16 {
                    var value: UInt32 = 0
                    for byte in 0..<4 {
                        value = value << 8 | UInt32(padded(message, block &* 64 &+ word &* 4 &+ byte, blocks))
                    }
                    schedule[word] = value
                }
                hash.compress(schedule)
            }
        }
        out.reserve(64)
        let words = hash.state
        out.put(hex: words.0)
        out.put(hex: words.1)
        out.put(hex: words.2)
        out.put(hex: words.3)
        out.put(hex: words.4)
        out.put(hex: words.5)
        out.put(hex: words.6)
        out.put(hex: words.7)
    }

    /// A byte of the message, of the 1-bit behind it, of the zeros, or of the length in bits at the very end.
    @inline(__always)
    private static func padded(_ message: UnsafeRawBufferPointer, _ index: Int, _ blocks: Int) -> UInt8 {
        if index < message.count { return message[index] }
        if index == message.count { return 0x80 }
        let fromEnd = blocks &* 64 &- 1 &- index
        return fromEnd < 8 ? UInt8(truncatingIfNeeded: (UInt64(message.count) &* 8) >> UInt64(fromEnd &* 8)) : 0
    }

    private mutating func compress(_ words: UnsafeMutableBufferPointer<UInt32>) {
        @inline(__always)
        func rotate(_ value: UInt32, _ count: UInt32) -> UInt32 { value >> count | value << (32 &- count) }
        for index in 16..<64 {
            let low = words[index &- 15]
            let high = words[index &- 2]
            let first = rotate(low, 7) ^ rotate(low, 18) ^ low >> 3
            let second = rotate(high, 17) ^ rotate(high, 19) ^ high >> 10
            words[index] = words[index &- 16] &+ first &+ words[index &- 7] &+ second
        }
        var (a, b, c, d, e, f, g, h) = state
        Self.constants.withUnsafeBufferPointer { constants in
            for index in 0..<64 {
                let sum = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)
                let one = h &+ sum &+ (e & f ^ ~e & g) &+ constants[index] &+ words[index]
                let other = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) &+ (a & b ^ a & c ^ b & c)
                (h, g, f, e, d, c, b, a) = (g, f, e, d &+ one, c, b, a, one &+ other)
            }
        }
        state = (
            state.0 &+ a, state.1 &+ b, state.2 &+ c, state.3 &+ d, state.4 &+ e, state.5 &+ f, state.6 &+ g,
            state.7 &+ h
        )
    }
}

extension ByteArena {
    /// Appends a word as eight hexadecimal digits.
    ///
    /// Room must have been reserved.
    fileprivate mutating func put(hex word: UInt32) {
        for digit in 0..<8 { put(hexDigits.utf8Start[Int(word >> UInt32(28 &- 4 &* digit) & 15)]) }
    }
}
