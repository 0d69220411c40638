/// What two events must have in common to be one event sent twice: the team, the uuid, and who did it.
///
/// Whoever re-uses another one's uuid under an id of his own makes another key, and so suppresses nothing. Uuid and team are compared
/// as they are; the distinct id by a hash of 64 bits, which is enough: to aim at a victim's hash one has to know the victim's distinct
/// id, and whoever knows that and the uuid needs no collision.
struct DuplicateKey: Equatable {
    /// Bytes of a key as a window and its changelog hold it.
    static let size = 28

    /// The sixteen bytes of the uuid, the first one in the lowest byte of `first`.
    var first: UInt64
    var second: UInt64
    /// ``identity(of:team:)``.
    var identity: UInt64
    /// The team's id, folded to 32 bits; all of it is in the identity.
    var team: UInt32

    init(first: UInt64, second: UInt64, identity: UInt64, team: UInt32) {
        self.first = first
        self.second = second
        self.identity = identity
        self.team = team
    }

    /// Makes a key.
    ///
    /// - Parameter uuid: 36 characters that ``UUIDText/check(_:)`` has found valid, in lower case.
    @inline(__always)
    init(uuid: UnsafeRawPointer, distinctID: UnsafeRawBufferPointer, team: Int64) {
        func load32(_ offset: Int) -> UInt64 { UInt64(uuid.loadUnaligned(fromByteOffset: offset, as: UInt32.self)) }
        first =
            Self.bytes(of: uuid.loadUnaligned(as: UInt64.self)) | Self.bytes(of: load32(9) | load32(14) << 32) << 32
        second =
            Self.bytes(of: load32(19) | load32(24) << 32)
            | Self.bytes(of: uuid.loadUnaligned(fromByteOffset: 28, as: UInt64.self)) << 32
        identity = Self.identity(of: distinctID, team: team)
        self.team = UInt32(truncatingIfNeeded: team ^ team >> 32)
    }

    /// The four bytes that eight hexadecimal digits stand for, the first one lowest.
    @inline(__always)
    private static func bytes(of digits: UInt64) -> UInt64 {
        // A digit is its low four bits, and a letter those and nine (bit 6 tells them apart).
        let nibbles = (digits & 0x0F0F_0F0F_0F0F_0F0F) &+ 9 &* (digits >> 6 & 0x0101_0101_0101_0101)
        // High nibble first: each pair becomes one byte, and the four bytes move together.
        var packed = (nibbles << 4 | nibbles >> 8) & 0x00FF_00FF_00FF_00FF
        packed = (packed | packed >> 8) & 0x0000_FFFF_0000_FFFF
        return (packed | packed >> 16) & 0x0000_0000_FFFF_FFFF
    }

    /// A hash of a team's distinct id.
    ///
    /// The changelog keeps it, so it must stay as it is (a test has its values): two words a round, each folded by a multiplication
    /// to 128 bits, as wyhash does (Wang Yi, public domain).
    @inline(__always)
    static func identity(of id: UnsafeRawBufferPointer, team: Int64) -> UInt64 {
        var state: UInt64 = 0xA076_1D64_78BD_642F ^ UInt64(bitPattern: team)
        var rest = id.count
        if rest > 0, var here = id.baseAddress {
            while rest >= 16 {
                state = fold(
                    here.loadUnaligned(as: UInt64.self) ^ 0xE703_7ED1_A0B4_28DB,
                    here.loadUnaligned(fromByteOffset: 8, as: UInt64.self) ^ state
                )
                here += 16
                rest -= 16
            }
            var words: (UInt64, UInt64) = (0, 0)
            if rest >= 8 {
                words.0 = here.loadUnaligned(as: UInt64.self)
                words.1 = tail(here + 8, rest - 8)
            } else {
                words.0 = tail(here, rest)
            }
            state = fold(words.0 ^ 0x8EBC_6AF0_9C88_C6E3, words.1 ^ state)
        }
        return fold(state ^ 0x5899_65CC_7537_4CC3, UInt64(id.count) ^ 0xE703_7ED1_A0B4_28DB)
    }

    /// Fewer than eight bytes as a number, without reading behind them.
    @inline(__always)
    private static func tail(_ bytes: UnsafeRawPointer, _ count: Int) -> UInt64 {
        var word: UInt64 = 0
        for index in 0..<count {
            word |= UInt64(bytes.load(fromByteOffset: index, as: UInt8.self)) << UInt64(8 &* index)
        }
        return word
    }

    @inline(__always)
    static func fold(_ one: UInt64, _ other: UInt64) -> UInt64 {
        let product = one.multipliedFullWidth(by: other)
        return product.high ^ product.low
    }

    // MARK: As bytes

    /// Reads a key from ``size`` bytes.
    @inline(__always)
    init(at bytes: UnsafeRawPointer) {
        first = UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self))
        second = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
        identity = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: 16, as: UInt64.self))
        team = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 24, as: UInt32.self))
    }

    /// Writes a key as ``size`` bytes.
    @inline(__always)
    func store(to bytes: UnsafeMutableRawPointer) {
        bytes.storeBytes(of: first.littleEndian, as: UInt64.self)
        bytes.storeBytes(of: second.littleEndian, toByteOffset: 8, as: UInt64.self)
        bytes.storeBytes(of: identity.littleEndian, toByteOffset: 16, as: UInt64.self)
        bytes.storeBytes(of: team.littleEndian, toByteOffset: 24, as: UInt32.self)
    }
}
