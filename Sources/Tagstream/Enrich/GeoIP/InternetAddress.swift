/// An IP address in sixteen bytes of network order; an IPv4 address is the last four, the others are zero.
///
/// Read from text by RFC 4291, section 2.2, and the dotted decimals of RFC 3986: four numbers up to 255 without leading zeros. What
/// else is sent as an address (ports, zones, brackets, names) is none.
public struct InternetAddress: Equatable, Sendable {
    /// The first eight bytes, the most significant first.
    public var high: UInt64
    /// The last eight bytes.
    public var low: UInt64
    /// Whether it is an IPv4 address, also one that was written as IPv4-mapped (`::ffff:192.0.2.1`).
    public var isIPv4: Bool

    /// Reads an address; nil where the text is none.
    ///
    /// Allocates nothing.
    public init?(_ text: UnsafeRawBufferPointer) {
        guard (2...45).contains(text.count) else { return nil }
        if !text.contains(0x3A) {
            guard let address = Self.dotted(text, from: 0) else { return nil }
            self.init(ipv4: address)
            return
        }
        guard let (high, low) = Self.colons(text) else { return nil }
        if high == 0, low >> 32 == 0xFFFF {
            self.init(ipv4: UInt32(truncatingIfNeeded: low))
        } else {
            self.init(high: high, low: low)
        }
    }

    /// Makes an IPv4 address.
    public init(ipv4: UInt32) {
        high = 0
        low = UInt64(ipv4)
        isIPv4 = true
    }

    /// Makes an IPv6 address.
    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
        isIPv4 = false
    }

    /// Whether the address names a place of the public internet: not this host, a private network, a link, or a group.
    ///
    /// IPv4: 0/8, 10/8, 100.64/10, 127/8, 169.254/16, 172.16/12, 192.168/16 and 224/3 are not. IPv6: `::`, `::1`, fc00::/7, fe80::/10
    /// and ff00::/8 are not (IANA's registries of special-purpose addresses).
    public var isPublic: Bool {
        guard isIPv4 else {
            if high == 0, low <= 1 { return false }
            return high >> 57 != 0x7E && high >> 54 != 0x3FA && high >> 56 != 0xFF
        }
        let address = UInt32(truncatingIfNeeded: low)
        switch address >> 24 {
        case 0, 10, 127, 224...: return false
        case 100: return address >> 22 != 0x191
        case 169: return address >> 16 != 0xA9FE
        case 172: return address >> 20 != 0xAC1
        case 192: return address >> 16 != 0xC0A8
        default: return true
        }
    }

    /// Lends the sixteen bytes.
    @inline(__always)
    func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        withUnsafeBytes(of: (high.bigEndian, low.bigEndian), body)
    }

    // MARK: Text

    private static func dotted(_ text: UnsafeRawBufferPointer, from first: Int) -> UInt32? {
        var address: UInt32 = 0
        var number: UInt32 = 0
        var digits = 0
        var numbers = 0
        for index in first..<text.count {
            let byte = text[index]
            if isDigit(byte) {
                if digits == 3 || (digits > 0 && number == 0) { return nil }
                number = number &* 10 &+ UInt32(byte &- 0x30)
                digits &+= 1
            } else {
                guard byte == 0x2E, digits > 0, number < 256, numbers < 3 else { return nil }
                address = address << 8 | number
                numbers &+= 1
                (number, digits) = (0, 0)
            }
        }
        guard digits > 0, number < 256, numbers == 3 else { return nil }
        return address << 8 | number
    }

    private static func colons(_ text: UnsafeRawBufferPointer) -> (high: UInt64, low: UInt64)? {
        // Eight groups of 16 bits; those behind `::` are moved to the end when their number is known.
        var groups = Groups()
        var gap = -1
        var index = 0
        if text.count >= 2, text[0] == 0x3A {
            guard text[1] == 0x3A else { return nil }
            gap = 0
            index = 2
        }
        while index < text.count {
            guard groups.count < 8 else { return nil }
            let first = index
            var value: UInt16 = 0
            while index < text.count, let digit = hexDigit(text[index]) {
                if index &- first == 4 { return nil }
                value = value << 4 | digit
                index &+= 1
            }
            if index < text.count, text[index] == 0x2E {
                guard groups.count <= 6, let address = dotted(text, from: first) else { return nil }
                groups.append(UInt16(truncatingIfNeeded: address >> 16))
                groups.append(UInt16(truncatingIfNeeded: address))
                index = text.count
                break
            }
            guard index > first else { return nil }
            groups.append(value)
            guard index < text.count else { break }
            guard text[index] == 0x3A, index &+ 1 < text.count else { return nil }
            index &+= 1
            if text[index] == 0x3A {
                guard gap < 0 else { return nil }
                gap = groups.count
                index &+= 1
            }
        }
        if gap < 0 { return groups.count == 8 ? (groups.high, groups.low) : nil }
        return groups.count < 8 ? groups.filled(at: gap) : nil
    }

    /// Up to eight groups of 16 bits, right-aligned in 128 bits.
    private struct Groups {
        var high: UInt64 = 0
        var low: UInt64 = 0
        var count = 0

        mutating func append(_ group: UInt16) {
            high = high << 16 | low >> 48
            low = low << 16 | UInt64(group)
            count &+= 1
        }

        /// All eight, with zeros where `::` stood.
        func filled(at gap: Int) -> (high: UInt64, low: UInt64) {
            let behind = (count &- gap) &* 16
            var front = Groups()
            var back = Groups()
            for index in 0..<count {
                let group = self.group(index)
                index < gap ? front.append(group) : back.append(group)
            }
            for _ in 0..<(8 &- gap) { front.append(0) }
            return behind == 0 ? (front.high, front.low) : (front.high | back.high, front.low | back.low)
        }

        private func group(_ index: Int) -> UInt16 {
            let fromEnd = count &- 1 &- index
            return fromEnd < 4
                ? UInt16(truncatingIfNeeded: low >> UInt64(fromEnd &* 16))
                : UInt16(truncatingIfNeeded: high >> UInt64((fromEnd &- 4) &* 16))
        }
    }
}
