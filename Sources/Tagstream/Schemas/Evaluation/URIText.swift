/// URIs as RFC 3986 §3 writes them: a scheme, an authority where `//` announces one, a path, a query, a fragment.
enum URIText {
    /// What stands for itself nearly everywhere: unreserved characters and sub-delimiters.
    private static let plain = ASCIISet(digits: true, letters: true, "-._~!$&'()*+,;=")
    private static let scheme = ASCIISet(digits: true, letters: true, "+-.")
    /// What a path takes, a query and a fragment.
    private static let path = ASCIISet(digits: true, letters: true, "-._~!$&'()*+,;=:@/?")
    private static let user = ASCIISet(digits: true, letters: true, "-._~!$&'()*+,;=:")

    static func isURI(_ text: UnsafeRawBufferPointer) -> Bool {
        var index = 0
        while index < text.count, text[index] != 0x3A {
            guard scheme.contains(text[index]) else { return false }
            index &+= 1
        }
        guard index > 0, index < text.count, text[0] | 0x20 &- 0x61 < 26 else { return false }
        index &+= 1
        if index &+ 1 < text.count, text[index] == 0x2F, text[index &+ 1] == 0x2F {
            index &+= 2
            let start = index
            while index < text.count, text[index] != 0x2F, text[index] != 0x3F, text[index] != 0x23 { index &+= 1 }
            guard isAuthority(UnsafeRawBufferPointer(rebasing: text[start..<index])) else { return false }
        }
        guard let hash = end(of: path, in: text, from: index) else { return false }
        guard hash < text.count else { return true }
        // Behind a `#` the same characters, but no second one.
        return text[hash] == 0x23 && end(of: path, in: text, from: hash &+ 1) == text.count
    }

    /// Where a run of some characters and of percent-encoded ones ends; nil where a percent sign encodes nothing.
    private static func end(of set: ASCIISet, in text: UnsafeRawBufferPointer, from start: Int) -> Int? {
        var index = start
        while index < text.count {
            if set.contains(text[index]) {
                index &+= 1
                continue
            }
            guard text[index] == 0x25 else { return index }
            guard index &+ 2 < text.count, hexDigit(text[index &+ 1]) != nil, hexDigit(text[index &+ 2]) != nil else {
                return nil
            }
            index &+= 3
        }
        return index
    }

    /// `user@host:port`; the host may be empty (`file:///x`) or an address in brackets.
    private static func isAuthority(_ text: UnsafeRawBufferPointer) -> Bool {
        // Most have neither a user nor a port.
        guard let first = end(of: plain, in: text, from: 0) else { return false }
        if first == text.count { return true }
        var index = 0
        if let at = text.firstIndex(of: 0x40) {
            guard end(of: user, in: text, from: 0) == at else { return false }
            index = at + 1
        }
        if index < text.count, text[index] == 0x5B {
            guard let close = text.lastIndex(of: 0x5D), close > index else { return false }
            guard isLiteral(UnsafeRawBufferPointer(rebasing: text[(index + 1)..<close])) else { return false }
            index = close + 1
        } else {
            guard let behind = end(of: plain, in: text, from: index) else { return false }
            index = behind
        }
        guard index < text.count else { return true }
        return text[index] == 0x3A && text[(index + 1)...].allSatisfy(isDigit)
    }

    /// What stands in brackets: an IPv6 address, or a later version's `v1.…`.
    private static func isLiteral(_ text: UnsafeRawBufferPointer) -> Bool {
        guard text.count > 0, text[0] | 0x20 == 0x76 else { return AddressText.isIPv6(text) }
        guard let dot = text.firstIndex(of: 0x2E), dot > 1, dot + 1 < text.count,
            text[1..<dot].allSatisfy({ hexDigit($0) != nil })
        else { return false }
        return text[(dot + 1)...].allSatisfy(user.contains)
    }
}

/// A set of ASCII characters: two words, one bit each.
struct ASCIISet {
    private let low: UInt64
    private let high: UInt64

    /// Makes a set of some characters, and of all digits and letters where they are wanted.
    init(digits: Bool, letters: Bool, _ others: StaticString) {
        var words: (UInt64, UInt64) = (0, 0)
        func add(_ byte: UInt8) {
            if byte < 64 { words.0 |= 1 << UInt64(byte) } else { words.1 |= 1 << UInt64(byte & 63) }
        }
        for index in 0..<others.utf8CodeUnitCount { add(others.utf8Start[index]) }
        for byte in UInt8(0x30)...0x39 where digits { add(byte) }
        for byte in UInt8(0x41)...0x5A where letters {
            add(byte)
            add(byte | 0x20)
        }
        low = words.0
        high = words.1
    }

    /// Whether a byte is one of them; none beyond ASCII is.
    @inline(__always)
    func contains(_ byte: UInt8) -> Bool {
        byte < 0x80 && (byte < 64 ? low : high) >> UInt64(byte & 63) & 1 == 1
    }
}
