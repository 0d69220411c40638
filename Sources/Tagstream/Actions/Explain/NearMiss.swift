import CRE2

/// Ways in which two texts differ that a reader overlooks.
///
/// A verdict never comes from here: it is known already, and these only look for the reason.
enum NearMiss: CaseIterable {
    case unicodeForm, letterCase, blanks, trailingSlash, quotes

    /// How a condition compares a text with one of its values.
    enum Relation {
        case equals, contains, regex
        case like(ignoringCase: Bool)
    }

    private var note: ConditionExplanation.Note {
        switch self {
        case .unicodeForm: .init(.unicodeForm, "they look the same and are different Unicode characters")
        case .letterCase: .init(.letterCase, "only upper and lower case differ")
        case .blanks: .init(.blanks, "only blanks around it differ")
        case .trailingSlash: .init(.trailingSlash, "only a slash at the end differs")
        case .quotes: .init(.quotes, "only a quote character differs")
        }
    }

    /// The pairs of texts that are equal when this is all that differs.
    private func variants(_ found: [UInt8], _ expected: [UInt8], _ relation: Relation) -> [([UInt8], [UInt8])] {
        var isRegex = false
        if case .regex = relation { isRegex = true }
        switch self {
        case .unicodeForm:
            // Swift's == on texts is canonical equivalence.
            guard case .equals = relation, Finding.string(found) == Finding.string(expected) else { return [] }
            return [(expected, expected)]
        case .letterCase:
            if isRegex { return [(found, Array("(?i)".utf8) + expected)] }
            return [(LowerCase.of(found), LowerCase.of(expected))]
        case .blanks: return [(Self.trimmed(found), isRegex ? expected : Self.trimmed(expected))]
        case .trailingSlash:
            let slash: UInt8 = 0x2F
            return [(found + [slash], expected)]
                + (found.last == slash ? [(Array(found.dropLast()), expected)] : [])
        case .quotes:
            let single = Self.plainQuotes(found, "'")
            if isRegex { return [(single, expected), (Self.plainQuotes(found, "\""), expected)] }
            return [(single, Self.plainQuotes(expected, "'"))]
        }
    }

    private static func trimmed(_ text: [UInt8]) -> [UInt8] {
        var characters = Finding.string(text).unicodeScalars[...]
        while characters.first?.properties.isWhitespace == true { characters.removeFirst() }
        while characters.last?.properties.isWhitespace == true { characters.removeLast() }
        return Array(String(characters).utf8)
    }

    private static let quoteCharacters = Set("'\"`´‘’‚‛“”„‟«»‹›′″".unicodeScalars)

    private static func plainQuotes(_ text: [UInt8], _ quote: Unicode.Scalar) -> [UInt8] {
        var out = String.UnicodeScalarView()
        for scalar in Finding.string(text).unicodeScalars {
            out.append(quoteCharacters.contains(scalar) ? quote : scalar)
        }
        return Array(String(out).utf8)
    }

    /// The first way in which a text nearly satisfies a relation; nil where there is none.
    static func note(_ found: [UInt8], _ expected: [UInt8], _ relation: Relation) -> ConditionExplanation.Note? {
        for nearMiss in allCases {
            for (one, other) in nearMiss.variants(found, expected, relation)
            where !other.isEmpty && holds(one, other, relation) {
                return nearMiss.note
            }
        }
        return nil
    }

    /// Whether a text satisfies a relation, whatever the verdict is about.
    static func holds(_ found: [UInt8], _ expected: [UInt8], _ relation: Relation) -> Bool {
        switch relation {
        case .equals: found == expected
        case .contains: contains(LowerCase.of(found), LowerCase.of(expected))
        case .like(let ignoringCase):
            (ignoringCase ? LowerCase.of(expected) : expected).withCompiledLike { pattern in
                (ignoringCase ? LowerCase.of(found) : found).withUnsafeBytes { LikePattern.matches(pattern, $0) }
            }
        case .regex:
            if case .success(let pattern) = Pattern.compile(expected) {
                withExtendedLifetime(pattern) {
                    found.withUnsafeBytes { pattern.search($0) == 1 }
                }
            } else {
                false
            }
        }
    }

    private static func contains(_ text: [UInt8], _ part: [UInt8]) -> Bool {
        part.withUnsafeBytes { part in text.withUnsafeBytes { TextSearch.contains(part, in: $0) } }
    }
}

extension [UInt8] {
    fileprivate func withCompiledLike(_ body: (UnsafeRawBufferPointer) -> Bool) -> Bool {
        LikePattern.compile(self).withUnsafeBytes { body($0) }
    }
}
