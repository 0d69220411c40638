/// Mailboxes as RFC 5321 §4.1.2 writes them: `name@example.com`, `"a name"@example.com`, `name@[192.0.2.1]`.
///
/// In ASCII: addresses with other letters (RFC 6531) are a format of their own. A domain of one label is accepted, as the RFC does.
enum MailboxText {
    static func isMailbox(_ text: UnsafeRawBufferPointer) -> Bool {
        guard let at = text.lastIndex(of: 0x40), at > 0, at + 1 < text.count else { return false }
        let local = UnsafeRawBufferPointer(rebasing: text[..<at])
        let domain = UnsafeRawBufferPointer(rebasing: text[(at + 1)...])
        guard local[0] == 0x22 ? isQuoted(local) : isDotAtom(local) else { return false }
        guard domain[0] == 0x5B else { return isDomain(domain) }
        guard domain[domain.count - 1] == 0x5D else { return false }
        return isAddress(UnsafeRawBufferPointer(rebasing: domain[1..<(domain.count - 1)]))
    }

    /// Words of RFC 5322's `atext` with single dots between them.
    private static func isDotAtom(_ text: UnsafeRawBufferPointer) -> Bool {
        var isAfterDot = true
        for byte in text {
            if byte == 0x2E {
                if isAfterDot { return false }
                isAfterDot = true
            } else {
                guard isAtomText(byte) else { return false }
                isAfterDot = false
            }
        }
        return !isAfterDot
    }

    private static func isAtomText(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
        // ! # $ % & ' * + - / = ? ^ _ ` { | } ~
        case 0x21, 0x23...0x27, 0x2A, 0x2B, 0x2D, 0x2F, 0x3D, 0x3F, 0x5E...0x60, 0x7B...0x7E: true
        default: false
        }
    }

    private static func isQuoted(_ text: UnsafeRawBufferPointer) -> Bool {
        guard text.count >= 2, text[text.count - 1] == 0x22 else { return false }
        var index = 1
        while index < text.count - 1 {
            guard 0x20...0x7E ~= text[index], text[index] != 0x22 else { return false }
            if text[index] == 0x5C {
                index += 1
                guard index < text.count - 1, 0x20...0x7E ~= text[index] else { return false }
            }
            index += 1
        }
        return true
    }

    /// Labels of letters, digits and inner hyphens, up to 63 bytes each and 255 together.
    private static func isDomain(_ text: UnsafeRawBufferPointer) -> Bool {
        guard text.count <= 255 else { return false }
        var start = 0
        for index in 0...text.count where index == text.count || text[index] == 0x2E {
            let length = index - start
            guard 1...63 ~= length, text[start] != 0x2D, text[index - 1] != 0x2D else { return false }
            for place in start..<index {
                guard text[place] == 0x2D || isAlphanumeric(text[place]) else { return false }
            }
            start = index + 1
        }
        return true
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        isDigit(byte) || 0x61...0x7A ~= byte | 0x20
    }

    private static func isAddress(_ text: UnsafeRawBufferPointer) -> Bool {
        let prefix: StaticString = "IPv6:"
        guard text.count > prefix.utf8CodeUnitCount,
            (0..<prefix.utf8CodeUnitCount).allSatisfy({ text[$0] | 0x20 == prefix.utf8Start[$0] | 0x20 })
        else { return AddressText.isIPv4(text) }
        return AddressText.isIPv6(UnsafeRawBufferPointer(rebasing: text[prefix.utf8CodeUnitCount...]))
    }
}

/// Internet addresses as RFC 3986 §3.2.2 writes them.
enum AddressText {
    /// Four numbers up to 255 without leading zeros.
    static func isIPv4(_ text: UnsafeRawBufferPointer) -> Bool {
        var parts = 0
        var start = 0
        for index in 0...text.count where index == text.count || text[index] == 0x2E {
            guard 1...3 ~= index - start, text[start] != 0x30 || index - start == 1 else { return false }
            var value = 0
            for place in start..<index {
                guard isDigit(text[place]) else { return false }
                value = value * 10 + Int(text[place] - 0x30)
            }
            guard value <= 255 else { return false }
            parts += 1
            start = index + 1
        }
        return parts == 4
    }

    /// Eight groups of one to four hexadecimal digits, `::` for some that are zero, the last two perhaps as IPv4.
    static func isIPv6(_ text: UnsafeRawBufferPointer) -> Bool {
        var groups = 0
        var isShortened = false
        var index = 0
        if text.count >= 2, text[0] == 0x3A, text[1] == 0x3A {
            isShortened = true
            index = 2
        }
        while index < text.count {
            var end = index
            while end < text.count, hexDigit(text[end]) != nil { end += 1 }
            if end < text.count, text[end] == 0x2E {
                guard isIPv4(UnsafeRawBufferPointer(rebasing: text[index...])) else { return false }
                groups += 2
                break
            }
            guard 1...4 ~= end - index else { return false }
            groups += 1
            index = end
            guard index < text.count else { break }
            guard text[index] == 0x3A, index + 1 < text.count else { return false }
            index += 1
            if text[index] == 0x3A {
                guard !isShortened else { return false }
                isShortened = true
                index += 1
            }
        }
        return isShortened ? groups <= 7 : groups == 8
    }
}
