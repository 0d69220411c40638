/// What the author of a pattern that RE2 does not take may have meant.
enum PatternHint {
    /// The first habit of another engine that the pattern shows; nil where none is obvious.
    static func of(_ pattern: [UInt8]) -> String? {
        let text = String(decoding: pattern.prefix(Pattern.maximumLength), as: UTF8.self)
        return habits.first { $0.signs.contains(where: text.utf8Contains) }?.hint ?? brackets(pattern)
    }

    /// What makes the program of a pattern smaller.
    static let tooLarge = "write shorter repetitions, or + and * instead of counted ones, and [a-z] instead of \\pL"

    private static let habits: [(signs: [String], hint: String)] = [
        (["(?=", "(?!", "(?<=", "(?<!"], "RE2 has no look-around: use a second condition, or a negative operator"),
        (["(?<"], "write (?P<name>…) for a group with a name"),
        (
            ["\\1", "\\2", "\\3", "\\4", "\\5", "\\6", "\\7", "\\8", "\\9", "\\k<", "(?P="],
            "RE2 has no back-references"
        ),
        (["(?>", "*+", "++", "?+"], "RE2 never backtracks: leave out the possessive or atomic sign"),
        (["\\Z"], "write \\z for the end of the text"),
        (["\\u"], "write \\x{…} for a character by its number"),
        (["(?R)", "(?1)"], "RE2 has no recursion"),
    ]

    /// An opening bracket that is never closed, or a sign of repetition with nothing before it.
    private static func brackets(_ pattern: [UInt8]) -> String? {
        guard let first = pattern.first else { return nil }
        if first == 0x2A { return "write .* for any text, or \\* for an asterisk" }
        if first == 0x3F || first == 0x2B {
            return "write \\\(Character(Unicode.Scalar(first))) for the character itself"
        }
        func count(_ sign: UInt8) -> Int {
            var isEscaped = false
            return pattern.reduce(0) { sum, byte in
                defer { isEscaped = byte == 0x5C && !isEscaped }
                return sum + (byte == sign && !isEscaped ? 1 : 0)
            }
        }
        if count(0x28) != count(0x29) { return "write \\( and \\) for the characters themselves" }
        if count(0x5B) > count(0x5D) { return "write \\[ for the character itself" }
        return nil
    }
}

extension String {
    /// Whether another text occurs here, byte by byte; linear for the short texts that hints look for.
    fileprivate func utf8Contains(_ other: String) -> Bool {
        var own = Array(utf8)[...]
        let sign = Array(other.utf8)
        while own.count >= sign.count {
            if own.starts(with: sign) { return true }
            own = own.dropFirst()
        }
        return false
    }
}
