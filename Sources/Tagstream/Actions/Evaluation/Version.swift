/// A version as SemVer 2.0 orders it, read from text that may begin with `v`; blanks around do not count.
///
/// The parts are ranges of the text, compared digit by digit: no number is too long, and nothing is allocated.
struct Version {
    /// A version or the beginning of one: what a range operator takes.
    static func parse(_ text: UnsafeRawBufferPointer) -> Version? {
        guard let version = parsePartial(text), version.parts == 3 else { return nil }
        return version
    }

    /// The numbers' text, without a leading `v`.
    private(set) var numbers: (UnsafeRawBufferPointer, UnsafeRawBufferPointer, UnsafeRawBufferPointer)
    /// How many of the three numbers were written.
    private(set) var parts: Int
    /// What follows the hyphen; empty for a release.
    private(set) var prerelease: UnsafeRawBufferPointer

    /// Reads `v?N[.N[.N[-prerelease][+build]]]`.
    static func parsePartial(_ text: UnsafeRawBufferPointer) -> Version? {
        let text = UTF8Text.trimmed(text)
        var index = text.first == 0x76 ? 1 : 0
        let none = UnsafeRawBufferPointer(rebasing: text[0..<0])
        var version = Version(numbers: (none, none, none), parts: 0, prerelease: none)
        while true {
            let start = index
            while index < text.count, isDigit(text[index]) { index &+= 1 }
            guard index > start, index == start &+ 1 || text[start] != 0x30 else { return nil }
            let number = UnsafeRawBufferPointer(rebasing: text[start..<index])
            switch version.parts {
            case 0: version.numbers.0 = number
            case 1: version.numbers.1 = number
            default: version.numbers.2 = number
            }
            version.parts += 1
            if version.parts == 3 || index == text.count { break }
            guard text[index] == 0x2E else { return nil }
            index &+= 1
        }
        if index == text.count { return version }
        guard version.parts == 3 else { return nil }
        if text[index] == 0x2D {
            let start = index &+ 1
            guard let end = identifiers(text, from: start, isPrerelease: true) else { return nil }
            version.prerelease = UnsafeRawBufferPointer(rebasing: text[start..<end])
            index = end
        }
        if index < text.count, text[index] == 0x2B {
            guard let end = identifiers(text, from: index &+ 1, isPrerelease: false) else { return nil }
            index = end
        }
        return index == text.count ? version : nil
    }

    /// Reads identifiers separated by dots, up to a `+` or the end; numeric ones of a pre-release have no leading zeros.
    private static func identifiers(_ text: UnsafeRawBufferPointer, from start: Int, isPrerelease: Bool) -> Int? {
        var index = start
        while true {
            let first = index
            var isNumeric = true
            while index < text.count {
                let byte = text[index]
                let isLetter = byte | 0x20 &- 0x61 < 26 && byte >= 0x41 || byte == 0x2D
                guard isLetter || isDigit(byte) else { break }
                if isLetter { isNumeric = false }
                index &+= 1
            }
            guard index > first else { return nil }
            if isPrerelease, isNumeric, index > first &+ 1, text[first] == 0x30 { return nil }
            guard index < text.count, text[index] == 0x2E else { return index }
            index &+= 1
        }
    }

    /// Negative, zero or positive as this version precedes, equals or follows another; builds do not count (SemVer 2.0, §11).
    func compare(_ other: Version) -> Int {
        let core = compareNumbers(other)
        if core != 0 { return core }
        switch (prerelease.isEmpty, other.prerelease.isEmpty) {
        case (true, true): return 0
        case (true, false): return 1
        case (false, true): return -1
        case (false, false): return Self.compareIdentifiers(prerelease, other.prerelease)
        }
    }

    /// ``compare(_:)`` of the three numbers alone.
    func compareNumbers(_ other: Version) -> Int {
        let first = Self.compareDigits(numbers.0, other.numbers.0)
        if first != 0 { return first }
        let second = Self.compareDigits(numbers.1, other.numbers.1)
        return second != 0 ? second : Self.compareDigits(numbers.2, other.numbers.2)
    }

    private static func compareDigits(_ one: UnsafeRawBufferPointer, _ other: UnsafeRawBufferPointer) -> Int {
        one.count != other.count ? one.count - other.count : TextSearch.compare(one, other)
    }

    private static func compareIdentifiers(_ one: UnsafeRawBufferPointer, _ other: UnsafeRawBufferPointer) -> Int {
        var left = one[...]
        var right = other[...]
        while true {
            let first = UnsafeRawBufferPointer(rebasing: left.prefix { $0 != 0x2E })
            let second = UnsafeRawBufferPointer(rebasing: right.prefix { $0 != 0x2E })
            let order: Int
            switch (first.allSatisfy(isDigit), second.allSatisfy(isDigit)) {
            case (true, true): order = compareDigits(first, second)
            case (true, false): order = -1
            case (false, true): order = 1
            case (false, false): order = TextSearch.compare(first, second)
            }
            if order != 0 { return order }
            left = left.dropFirst(first.count)
            right = right.dropFirst(second.count)
            if left.isEmpty || right.isEmpty { return left.count - right.count }
            left = left.dropFirst()
            right = right.dropFirst()
        }
    }
}
