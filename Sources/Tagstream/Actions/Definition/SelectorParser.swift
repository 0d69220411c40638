/// Why a text is not a selector of the subset.
struct SelectorFailure: Error {
    /// What is wrong, and where the parser stood.
    let message: String
    let suggestion: String?

    init(_ message: String, suggestion: String? = nil) {
        self.message = message
        self.suggestion = suggestion
    }
}

/// Reads a selector from left to right, one character at a time.
///
/// CSS, and what users and PostHog's toolbar write although it is not CSS: class names copied from a page without escaping. Where
/// such a name could be read in two ways, the spec decides, and the comments here say which.
struct SelectorParser {
    private let bytes: [UInt8]
    private var position = 0

    /// Reads a whole selector.
    static func parse(_ text: [UInt8]) throws(SelectorFailure) -> Selector {
        var parser = SelectorParser(bytes: text)
        var alternatives: [Selector.Alternative] = []
        repeat { alternatives.append(try parser.alternative()) } while parser.take(0x2C)
        if parser.position < text.count { throw parser.unexpected() }
        let selector = Selector(alternatives: alternatives)
        guard selector.compoundCount <= Selector.maximumCompounds else {
            throw SelectorFailure(
                "at most \(Selector.maximumCompounds) compounds in all, found \(selector.compoundCount)",
                suggestion: "the innermost compounds are mostly enough"
            )
        }
        return selector
    }

    private init(bytes: [UInt8]) { self.bytes = bytes }

    // MARK: Structure

    private mutating func alternative() throws(SelectorFailure) -> Selector.Alternative {
        skipBlanks()
        var compounds: [Selector.Compound] = []
        var isChild = false
        while true {
            compounds.append(Selector.Compound(isChild: isChild, tests: try compound()))
            skipBlanks()
            if position == bytes.count || byte == 0x2C { return Selector.Alternative(compounds: compounds) }
            isChild = take(0x3E)
            if isChild { skipBlanks() }
        }
    }

    private mutating func compound() throws(SelectorFailure) -> [Selector.Test] {
        var tests: [Selector.Test] = []
        let start = position
        if byte == 0x2A {
            position += 1
        } else if startsIdentifier(position) {
            tests.append(.tag(try name(in: .tag)))
        }
        while position < bytes.count {
            switch byte {
            case 0x23:
                position += 1
                tests.append(.id(try name(in: .id)))
            case 0x2E:
                position += 1
                tests.append(.className(try name(in: .className)))
            case 0x5B:
                position += 1
                tests.append(try attribute())
            case 0x3A:
                position += 1
                tests.append(try pseudoClass())
            case 0x2C, 0x3E: return try nonEmpty(tests, from: start)
            default:
                if Self.isBlank(byte) { return try nonEmpty(tests, from: start) }
                if position == start { return try nonEmpty(tests, from: start) }
                if byte == 0x3D, case .tag(let name)? = tests.last { throw bareAttribute(name) }
                throw unexpected()
            }
        }
        return try nonEmpty(tests, from: start)
    }

    private func nonEmpty(_ tests: [Selector.Test], from start: Int) throws(SelectorFailure) -> [Selector.Test] {
        guard position > start else {
            if position == bytes.count {
                throw SelectorFailure("a tag, \"*\", \"#id\", \".class\" or \"[attribute]\" at the end")
            }
            throw SelectorFailure(
                "a tag, \"*\", \"#id\", \".class\" or \"[attribute]\" instead of \"\(character)\"",
                suggestion: combinatorHint
            )
        }
        return tests
    }

    private var combinatorHint: String? {
        if byte == 0x3E {
            // A compound begins here: behind another ">", or at the beginning of a part.
            return bytes[..<position].last { !Self.isBlank($0) } == 0x3E
                ? "write one \">\" only: a parent and its child have nothing between them"
                : "a selector begins with an element: leave out the \">\""
        }
        return byte == 0x2B || byte == 0x7E
            ? "elements know their ancestors only, not their neighbours: use a blank or \">\"" : nil
    }

    /// `class=btn` and `id=save`, as people write them who mean `.btn` and `#save`.
    private func bareAttribute(_ name: [UInt8]) -> SelectorFailure {
        let rest = bytes[(position + 1)...].prefix { !Self.isBlank($0) }.filter { $0 != 0x22 && $0 != 0x27 }
        let value = String(decoding: rest.prefix(60), as: UTF8.self)
        let hint =
            switch String(decoding: name, as: UTF8.self) {
            case "class": "write .\(value)"
            case "id": "write #\(value)"
            case let other: "write [\(other.prefix(60))=\"\(value)\"]"
            }
        return SelectorFailure("no \"=\" there", suggestion: hint)
    }

    // MARK: Simple selectors

    private mutating func pseudoClass() throws(SelectorFailure) -> Selector.Test {
        let start = position
        while position < bytes.count, Self.isIdentifier(byte), byte < 0x80 { position += 1 }
        let name = String(decoding: bytes[start..<position], as: UTF8.self)
        guard !name.isEmpty else {
            throw SelectorFailure("a pseudo-class behind \":\"; pseudo-elements match no element of a chain")
        }
        guard name == "nth-child" || name == "nth-of-type" else {
            throw SelectorFailure(
                ":nth-child(n) or :nth-of-type(n) instead of \":\(name)\"",
                suggestion: Self.pseudoClassHint(name)
            )
        }
        guard take(0x28) else { throw SelectorFailure("\"(\" behind \":\(name)\"") }
        skipBlanks()
        let first = position
        while position < bytes.count, isDigit(byte) { position += 1 }
        let number = Int(String(decoding: bytes[first..<position], as: UTF8.self)) ?? 0
        skipBlanks()
        guard take(0x29), 1...1_000_000_000 ~= number else {
            throw SelectorFailure("a number of at least 1 in \":\(name)(n)\"")
        }
        return name == "nth-child" ? .nthChild(number) : .nthOfType(number)
    }

    private static func pseudoClassHint(_ name: String) -> String? {
        let lowered = name.lowercased()
        return switch lowered {
        case "nth-child", "nth-of-type": "write :\(lowered)(n)"
        case "first-child": "write :nth-child(1)"
        case "first-of-type": "write :nth-of-type(1)"
        case "eq": "write :nth-child(n), which counts from 1"
        case "contains", "has-text", "text": "use the step's text"
        case "active", "checked", "disabled", "enabled", "focus", "focus-within", "hover", "target", "valid", "visited":
            "drop it: a chain knows no states of elements"
        default: nil
        }
    }

    private mutating func attribute() throws(SelectorFailure) -> Selector.Test {
        skipBlanks()
        let name = LowerCase.of(try name(in: .attribute))
        let attribute: Selector.Attribute
        switch name {
        case Array("id".utf8): attribute = .id
        case Array("href".utf8): attribute = .href
        case Array("class".utf8): attribute = .className
        case Array("text".utf8):
            throw SelectorFailure("an attribute, and an element's text is none", suggestion: "use the step's text")
        default: attribute = .named(name)
        }
        skipBlanks()
        if take(0x5D) { return .attribute(attribute, .isPresent, []) }
        let match: Selector.Match
        switch byte {
        case 0x3D: match = .equals
        case 0x5E: match = .hasPrefix
        case 0x24: match = .hasSuffix
        case 0x2A: match = .contains
        case 0x7E: match = .hasWord
        default:
            throw SelectorFailure("\"]\", \"=\", \"^=\", \"$=\", \"*=\" or \"~=\" in an attribute selector\(colonHint)")
        }
        position += 1
        guard match == .equals || take(0x3D) else { throw SelectorFailure("\"=\" in an attribute selector") }
        skipBlanks()
        let value = byte == 0x22 || byte == 0x27 ? try quoted() : try self.name(in: .value)
        skipBlanks()
        guard take(0x5D) else {
            throw SelectorFailure("\"]\" behind an attribute's value; a quote within it is written \\\"")
        }
        return .attribute(attribute, match, value)
    }

    private var colonHint: String { byte == 0x3A ? "; a colon in its name is written \\:" : "" }

    private mutating func quoted() throws(SelectorFailure) -> [UInt8] {
        let quote = byte
        position += 1
        var text: [UInt8] = []
        while position < bytes.count {
            let next = byte
            if next == quote {
                position += 1
                return text
            }
            if next == 0x5C {
                // A line break behind a backslash is left out: a string may go on in the next line (CSS Syntax, §4.3.5).
                if position + 1 < bytes.count, [0x0A, 0x0C, 0x0D].contains(bytes[position + 1]) {
                    let isPair = bytes[(position + 1)...].starts(with: [0x0D, 0x0A])
                    position += isPair ? 3 : 2
                } else {
                    text += try escape()
                }
            } else {
                text.append(next)
                position += 1
            }
        }
        throw SelectorFailure("a closing quote")
    }

    // MARK: Names

    private enum Place { case tag, id, className, attribute, value }

    private mutating func name(in place: Place) throws(SelectorFailure) -> [UInt8] {
        var name: [UInt8] = []
        while position < bytes.count {
            let next = byte
            // Classes and ids are written into chains as they are, and people copy them: only of these the first letter is free.
            if name.isEmpty, place != .className, place != .id, !startsIdentifier(position) { break }
            if next == 0x5C {
                name += try escape()
            } else if Self.isIdentifier(next) {
                name.append(next)
                position += 1
            } else if place == .className || place == .id, let length = looseLength(after: name.last, in: place) {
                name += bytes[position..<(position + length)]
                position += length
            } else {
                break
            }
        }
        guard !name.isEmpty else {
            throw SelectorFailure(place == .value ? "a value in quotes or an identifier" : nameExpected)
        }
        return name
    }

    /// How many of the next bytes belong to a class or id although CSS wants them escaped; nil where the name ends.
    private func looseLength(after last: UInt8?, in place: Place) -> Int? {
        switch byte {
        case 0x21, 0x2F, 0x25, 0x40: return 1  // ! / % @
        case 0x5B:
            // `text-[15px]`: the bracket belongs to the name only behind a hyphen, for `.btn[x]` is an attribute selector.
            guard last == 0x2D, let end = bytes[position...].firstIndex(of: 0x5D),
                !bytes[position..<end].contains(where: Self.isBlank)
            else { return nil }
            return end - position + 1
        case 0x2E:
            // `py-2.5`: a dot between two digits.
            guard place == .className, let last, isDigit(last), position + 1 < bytes.count, isDigit(bytes[position + 1])
            else { return nil }
            return 1
        case 0x3A:
            // `md:flex`: a colon that is not followed by a pseudo-class.
            guard place == .className, last != nil else { return nil }
            var end = position + 1
            while end < bytes.count, Self.isIdentifier(bytes[end]) { end += 1 }
            let word = String(decoding: bytes[(position + 1)..<end], as: UTF8.self)
            let startsName = end > position + 1 || end < bytes.count && Self.continuesLoosely(bytes[end])
            return startsName && !Self.pseudoClasses.contains(word) ? 1 : nil
        default: return nil
        }
    }

    /// What may follow a colon within a class besides letters: `md:!mt-0`, `md:\[x\]`.
    private static func continuesLoosely(_ byte: UInt8) -> Bool { [0x21, 0x2F, 0x25, 0x40, 0x5C].contains(byte) }

    private static let pseudoClasses: Set<String> = [
        "active", "after", "before", "checked", "disabled", "empty", "enabled", "first-child", "first-of-type", "focus",
        "focus-within", "hover", "last-child", "last-of-type", "not", "nth-child", "nth-last-child", "nth-of-type",
        "only-child",
        "root", "target", "valid", "visited",
    ]

    /// Reads a backslash and what it escapes: up to six hexadecimal digits and a blank, or any one character.
    private mutating func escape() throws(SelectorFailure) -> [UInt8] {
        position += 1
        guard position < bytes.count, byte != 0x0A, byte != 0x0D, byte != 0x0C else {
            throw SelectorFailure("a character behind the backslash")
        }
        var scalar: UInt32 = 0
        var digits = 0
        while digits < 6, position < bytes.count, let digit = hexDigit(byte) {
            scalar = scalar << 4 | UInt32(digit)
            digits += 1
            position += 1
        }
        if digits > 0 {
            if position < bytes.count, Self.isBlank(byte) { position += 1 }
            // Zero, surrogates and what lies beyond Unicode stand for U+FFFD (CSS Syntax, §4.3.7).
            let valid = Unicode.Scalar(scalar).flatMap { $0.value == 0 ? nil : $0 } ?? "\u{FFFD}"
            return Array(String(valid).utf8)
        }
        let length = min(UTF8Text.length(byte), bytes.count - position)
        defer { position += length }
        return Array(bytes[position..<(position + length)])
    }

    // MARK: Characters

    private var byte: UInt8 { position < bytes.count ? bytes[position] : 0 }

    private var character: String {
        String(decoding: bytes[position..<min(bytes.count, position + UTF8Text.length(byte))], as: UTF8.self)
    }

    private var nameExpected: String { position < bytes.count ? "a name at \"\(character)\"" : "a name at the end" }

    private func unexpected() -> SelectorFailure { SelectorFailure("no \"\(character)\" there") }

    private mutating func take(_ expected: UInt8) -> Bool {
        guard position < bytes.count, bytes[position] == expected else { return false }
        position += 1
        return true
    }

    private mutating func skipBlanks() { while position < bytes.count, Self.isBlank(byte) { position += 1 } }

    private static func isBlank(_ byte: UInt8) -> Bool { [0x20, 0x09, 0x0A, 0x0D, 0x0C].contains(byte) }

    private static func isIdentifier(_ byte: UInt8) -> Bool {
        byte >= 0x80 || isDigit(byte) || byte == 0x5F || byte == 0x2D || (byte | 0x20) &- 0x61 < 26
    }

    /// Whether an identifier of CSS may begin here: no digit, nor one behind a hyphen, nor a hyphen alone (CSS Syntax, 4.3.9).
    private func startsIdentifier(_ place: Int) -> Bool {
        guard place < bytes.count else { return false }
        if bytes[place] == 0x2D {
            return place + 1 < bytes.count && (bytes[place + 1] == 0x2D || startsIdentifier(place + 1))
        }
        return bytes[place] == 0x5C || Self.isIdentifier(bytes[place]) && !isDigit(bytes[place])
    }
}
