/// The hashes under which steps are filed and looked up.
///
/// Two things may share one: every candidate is verified.
enum AccessKey {
    /// What a hash stands for.
    ///
    /// Part of the hash, so that a tag and a text of the same letters differ.
    enum Kind: UInt64 {
        /// Every event of a name, or of any name.
        case event = 1
        /// A property's text; a number that a number was compared with; a number that a text was compared with; a boolean.
        case text, number, numberAsText, bool
        /// Four bytes that occur in a property, as they are or in lower case.
        case gram, loweredGram
        /// Four bytes that occur in some element's text or link.
        case elementGram, loweredElementGram
        /// Something that some element has.
        case tag, elementText, href, id, className, attribute, attributeName
        /// A tag and a class of one element.
        case tagClass
    }

    private static let multiplier: UInt64 = 0x9E37_79B9_7F4A_7C15

    /// A hash of bytes.
    ///
    /// Sixteen more bytes must be readable behind them.
    @inline(__always)
    static func hash(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        let count = bytes.count
        guard count > 0, let start = bytes.baseAddress else { return 0x27D4_EB2F_1656_67C5 }
        var hash = UInt64(truncatingIfNeeded: count) &* 0xA076_1D64_78BD_642F
        var offset = 0
        while offset &+ 8 <= count {
            hash = (hash ^ start.loadUnaligned(fromByteOffset: offset, as: UInt64.self)) &* multiplier
            hash ^= hash >> 32
            offset &+= 8
        }
        if offset < count {
            let rest =
                start.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
                & (UInt64.max &>> UInt64(64 &- 8 &* (count &- offset)))
            hash = (hash ^ rest) &* multiplier
            hash ^= hash >> 32
        }
        return hash
    }

    /// A hash of a definition's bytes.
    static func hash(_ bytes: [UInt8]) -> UInt64 {
        withUnsafeTemporaryAllocation(byteCount: bytes.count + 16, alignment: 8) { padded in
            padded.copyBytes(from: bytes)
            UnsafeMutableRawBufferPointer(rebasing: padded[bytes.count...]).initializeMemory(
                as: UInt8.self,
                repeating: 0
            )
            return hash(UnsafeRawBufferPointer(rebasing: padded[..<bytes.count]))
        }
    }

    /// What stands for a property in its keys: the same in every plan.
    static func place(of slot: FlatParts.Slot) -> UInt32 {
        slot.keyHash &* 0x85EB_CA6B &+ UInt32(slot.source) &* 0xC2B2_AE35 &+ (slot.isText ? 0x9E37_79B9 : 0)
    }

    /// The key of a thing; `place` tells which property it belongs to, zero stands for elements.
    @inline(__always)
    static func key(_ kind: Kind, place: UInt32, _ hash: UInt64) -> UInt64 {
        let mixed = (hash ^ (kind.rawValue << 32 | UInt64(place))) &* 0xE703_7ED1_A0B4_28DB
        return mixed ^ mixed >> 29
    }

    /// A key within the steps of one event name.
    @inline(__always)
    static func scoped(_ key: UInt64, _ scope: Int32) -> UInt64 {
        let mixed = (key &+ UInt64(UInt32(bitPattern: scope)) &* 0x8EBC_6AF0_9C88_C6E3) &* multiplier
        return mixed ^ mixed >> 32
    }

    /// The hash of a tag with a class.
    @inline(__always)
    static func hash(tag: UInt64, className: UInt64) -> UInt64 { tag &+ className &* 3 }

    /// One of 64 bits for something that an element has, by its hash.
    ///
    /// An element that lacks a bit lacks the thing.
    @inline(__always)
    static func mark(_ hash: UInt64) -> UInt64 { 1 << ((hash &* multiplier) >> 58) }

    /// A number's hash: the same for both zeros.
    @inline(__always)
    static func hash(_ number: Double) -> UInt64 { number == 0 ? 1 : number.bitPattern &* multiplier }

    /// A hash of four bytes.
    @inline(__always)
    static func gram(_ bytes: UInt32) -> UInt64 { UInt64(bytes) &* 0x9E37_79B1_85EB_CA87 }

    /// The bit of a gram in a filter; the shift leaves as many bits of its hash as the filter's size has.
    ///
    /// Asked for at every place of every text that is searched: nothing cheaper mixes four bytes.
    @inline(__always)
    static func filterBit(_ bytes: UInt32, _ shift: UInt32) -> UInt32 { (bytes &* 0x9E37_79B1) &>> shift }

    /// One of 64 bits for a gram, by its hash: a text that lacks a bit lacks the gram.
    @inline(__always)
    static func signature(_ gram: UInt64) -> UInt64 { 1 << (gram >> 58) }

    /// A class is filed under its name up to the first dot, because chains write `py-2.5` as two pieces.
    ///
    /// Eight more bytes must be readable behind the name.
    @inline(__always)
    static func beforeDot(_ name: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        guard let start = name.baseAddress else { return name }
        var length = 0
        while length < name.count {
            let word = start.loadUnaligned(fromByteOffset: length, as: UInt64.self) ^ 0x2E2E_2E2E_2E2E_2E2E
            let dots = (word &- 0x0101_0101_0101_0101) & ~word & 0x8080_8080_8080_8080
            if dots != 0 {
                length &+= dots.trailingZeroBitCount >> 3
                break
            }
            length &+= 8
        }
        return UnsafeRawBufferPointer(start: start, count: min(length, name.count))
    }
}
