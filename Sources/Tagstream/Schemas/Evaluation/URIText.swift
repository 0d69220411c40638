/// URIs as RFC 3986 §3 writes them: a scheme, an authority where `//` announces one, a path, a query, a fragment.
enum URIText {
    static func isURI(_ text: UnsafeRawBufferPointer) -> Bool {
        guard let colon = text.firstIndex(of: 0x3A), isScheme(text, colon) else { return false }
        var index = colon + 1
        if index + 1 < text.count, text[index] == 0x2F, text[index + 1] == 0x2F {
            index += 2
            let start = index
            while index < text.count, text[index] != 0x2F, text[index] != 0x3F, text[index] != 0x23 { index += 1 }
            guard isAuthority(UnsafeRawBufferPointer(rebasing: text[start..<index])) else { return false }
        }
        // Path, query and fragment take the same characters, but that a second `#` is none of them.
        var hasFragment = false
        while index < text.count {
            switch text[index] {
            case 0x23:
                guard !hasFragment else { return false }
                hasFragment = true
                index += 1
            case 0x2F, 0x3F: index += 1
            default:
                guard let next = character(text, index, also: 0x40) else { return false }
                index = next
            }
        }
        return true
    }

    private static func isScheme(_ text: UnsafeRawBufferPointer, _ end: Int) -> Bool {
        guard end > 0, 0x61...0x7A ~= text[0] | 0x20 else { return false }
        for index in 0..<end {
            switch text[index] {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2B, 0x2D, 0x2E: break
            default: return false
            }
        }
        return true
    }

    /// `user@host:port`; the host may be empty (`file:///x`) or an address in brackets.
    private static func isAuthority(_ text: UnsafeRawBufferPointer) -> Bool {
        var index = 0
        if let at = text.firstIndex(of: 0x40) {
            while index < at {
                guard let next = character(text, index) else { return false }
                index = next
            }
            index = at + 1
        }
        if index < text.count, text[index] == 0x5B {
            guard let close = text.lastIndex(of: 0x5D), close > index else { return false }
            guard isLiteral(UnsafeRawBufferPointer(rebasing: text[(index + 1)..<close])) else { return false }
            index = close + 1
        } else {
            while index < text.count, text[index] != 0x3A {
                guard let next = character(text, index) else { return false }
                index = next
            }
        }
        guard index < text.count else { return true }
        guard text[index] == 0x3A else { return false }
        return text[(index + 1)...].allSatisfy(isDigit)
    }

    /// What stands in brackets: an IPv6 address, or a later version's `v1.…`.
    private static func isLiteral(_ text: UnsafeRawBufferPointer) -> Bool {
        guard text.count > 0, text[0] | 0x20 == 0x76 else { return AddressText.isIPv6(text) }
        guard let dot = text.firstIndex(of: 0x2E), dot > 1, dot + 1 < text.count,
            text[1..<dot].allSatisfy({ hexDigit($0) != nil })
        else { return false }
        return text[(dot + 1)...].allSatisfy { $0 == 0x3A || isUnreserved($0) || isSubDelimiter($0) }
    }

    /// The index behind a character of a path: unreserved, a sub-delimiter, percent-encoded, `:` or one more.
    ///
    /// Nil where there is none. A host has no `:`; whoever reads one stops before it.
    private static func character(_ text: UnsafeRawBufferPointer, _ index: Int, also more: UInt8 = 0x3A) -> Int? {
        let byte = text[index]
        if byte == 0x25 {
            guard index + 2 < text.count, hexDigit(text[index + 1]) != nil, hexDigit(text[index + 2]) != nil else {
                return nil
            }
            return index + 3
        }
        return isUnreserved(byte) || isSubDelimiter(byte) || byte == 0x3A || byte == more ? index + 1 : nil
    }

    private static func isUnreserved(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E: true
        default: false
        }
    }

    private static func isSubDelimiter(_ byte: UInt8) -> Bool {
        switch byte {
        // ! $ & ' ( ) * + , ; =
        case 0x21, 0x24, 0x26...0x2C, 0x3B, 0x3D: true
        default: false
        }
    }
}
