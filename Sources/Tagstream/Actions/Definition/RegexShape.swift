/// What can be known of a pattern without matching it: texts of which one occurs in whatever it matches.
///
/// Puts a regular expression behind the gram index, and replaces it altogether where it is nothing but a list of texts, such as
/// `^https://(www|app)\.example\.com/pricing` or `/(blog|docs)/`, which is what most patterns in actions are.
///
/// A pattern is read once, from left to right. Literals in a row, and groups that are choices of literals, multiply out to a set
/// of texts; everything else (classes, dots, repetitions) ends the set. Whatever could change the meaning of a letter, such as
/// `(?i)`, makes the whole pattern opaque: such a pattern is merely evaluated more often.
struct RegexShape: Sendable {
    /// One of these occurs in every match; nil where nothing is known.
    var required: [[UInt8]]?
    /// The pattern matches exactly where one of these occurs, at the ends that it is anchored to; nil where it says more.
    var exact: [[UInt8]]?
    var isAnchoredAtStart = false
    var isAnchoredAtEnd = false

    /// A set of more texts is not worth keeping.
    private static let largestSet = 16

    /// Reads a pattern that RE2 accepts.
    init(of pattern: [UInt8]) {
        var reader = Reader(pattern: pattern)
        guard let part = reader.alternatives(depth: 0), reader.position == pattern.count else { return }
        required = part.required ?? part.exact
        if let set = part.exact, set.allSatisfy({ !$0.isEmpty }), reader.anchorsAreWhole { exact = set }
        isAnchoredAtStart = reader.isAnchoredAtStart
        isAnchoredAtEnd = reader.isAnchoredAtEnd
        if required?.contains(where: \.isEmpty) == true { required = nil }
    }

    private struct Part {
        /// The part matches exactly these.
        var exact: [[UInt8]]?
        /// One of these occurs in whatever the part matches.
        var required: [[UInt8]]?
    }

    private struct Reader {
        let pattern: [UInt8]
        var position = 0
        var isAnchoredAtStart = false
        var isAnchoredAtEnd = false
        private var hasChoice = false

        init(pattern: [UInt8]) { self.pattern = pattern }

        /// An anchor within one alternative of several says nothing of the others.
        var anchorsAreWhole: Bool { !hasChoice || !isAnchoredAtStart && !isAnchoredAtEnd }

        mutating func alternatives(depth: Int) -> Part? {
            guard depth < 20, var whole = sequence(depth: depth) else { return nil }
            while position < pattern.count, pattern[position] == 0x7C {
                position += 1
                if depth == 0 { hasChoice = true }
                guard let next = sequence(depth: depth) else { return nil }
                let required = merge(whole.required ?? whole.exact, next.required ?? next.exact)
                whole = Part(exact: merge(whole.exact, next.exact), required: required)
            }
            return whole
        }

        private func merge(_ one: [[UInt8]]?, _ other: [[UInt8]]?) -> [[UInt8]]? {
            guard let one, let other, one.count + other.count <= RegexShape.largestSet else { return nil }
            return one + other
        }

        /// What follows one another, up to `|`, `)` or the end; nil where something is not understood.
        private mutating func sequence(depth: Int) -> Part? {
            var set: [[UInt8]] = [[]]
            var isExact = true
            var best: [[UInt8]]?
            func consider(_ candidate: [[UInt8]]?) {
                guard let candidate, let shortest = candidate.map(\.count).min(), shortest > 0 else { return }
                if shortest > best?.map(\.count).min() ?? 0 { best = candidate }
            }
            func end() {
                consider(set)
                set = [[]]
                isExact = false
            }
            while position < pattern.count, pattern[position] != 0x7C, pattern[position] != 0x29 {
                if depth == 0, pattern[position] == 0x5E, position == 0 {
                    isAnchoredAtStart = true
                    position += 1
                    // `^*` is no anchor: it may be there, or not.
                    if position < pattern.count, [0x2A, 0x2B, 0x3F, 0x7B].contains(pattern[position]) { return nil }
                    continue
                }
                if depth == 0, pattern[position] == 0x24, position == pattern.count - 1 {
                    isAnchoredAtEnd = true
                    position += 1
                    continue
                }
                guard let part = atom(depth: depth), let repetition = repetition() else { return nil }
                if repetition == .optional {
                    end()
                    continue
                }
                if let texts = part.exact, texts.count * set.count <= RegexShape.largestSet {
                    set = set.flatMap { prefix in texts.map { prefix + $0 } }
                    if repetition == .repeated { end() }
                } else {
                    end()
                    consider(part.required ?? part.exact)
                }
            }
            if isExact { return Part(exact: set, required: nil) }
            consider(set)
            return Part(exact: nil, required: best)
        }

        private enum Repetition { case once, optional, repeated }

        private mutating func repetition() -> Repetition? {
            var found = Repetition.once
            while position < pattern.count {
                switch pattern[position] {
                case 0x2A, 0x3F:
                    // Behind another sign, `?` makes it lazy, which does not change whether it matches.
                    if found == .once || pattern[position] == 0x2A { found = .optional }
                case 0x2B: if found == .once { found = .repeated }
                case 0x7B:
                    guard let end = pattern[position...].firstIndex(of: 0x7D) else { return nil }
                    let inside = pattern[(position + 1)..<end]
                    guard let first = inside.first, isDigit(first), inside.allSatisfy({ isDigit($0) || $0 == 0x2C })
                    else { return nil }
                    if inside.prefix(while: isDigit).allSatisfy({ $0 == 0x30 }) {
                        found = .optional
                    } else if found == .once {
                        found = .repeated
                    }
                    position = end
                default: return found
                }
                position += 1
            }
            return found
        }

        /// One character, class, group or assertion; nil where it is not understood.
        private mutating func atom(depth: Int) -> Part? {
            let unknown = Part(exact: nil, required: nil)
            switch pattern[position] {
            case 0x2E, 0x5E, 0x24:  // . ^ $
                position += 1
                return unknown
            case 0x5B: return skipClass() ? unknown : nil
            case 0x28: return group(depth: depth)
            case 0x5C: return escape()
            case 0x7B: return nil
            default:
                let length = min(UTF8Text.length(pattern[position]), pattern.count - position)
                defer { position += length }
                return Part(exact: [Array(pattern[position..<(position + length)])], required: nil)
            }
        }

        private mutating func group(depth: Int) -> Part? {
            position += 1
            if position < pattern.count, pattern[position] == 0x3F {
                // Only non-capturing groups: anything else behind `(?` may set flags.
                guard position + 1 < pattern.count, pattern[position + 1] == 0x3A else { return nil }
                position += 2
            }
            guard let inside = alternatives(depth: depth + 1), position < pattern.count, pattern[position] == 0x29
            else { return nil }
            position += 1
            return inside
        }

        private mutating func escape() -> Part? {
            guard position + 1 < pattern.count else { return nil }
            let next = pattern[position + 1]
            let isWord = isDigit(next) || (next | 0x20) &- 0x61 < 26 || next >= 0x80
            position += 2
            if !isWord { return Part(exact: [[next]], required: nil) }
            // Classes and assertions of one letter; \x, \p, \Q and numbers are not understood.
            return [0x64, 0x44, 0x77, 0x57, 0x73, 0x53, 0x62, 0x42, 0x41, 0x7A].contains(next)
                ? Part(exact: nil, required: nil) : nil
        }

        private mutating func skipClass() -> Bool {
            position += 1
            if position < pattern.count, pattern[position] == 0x5E { position += 1 }
            if position < pattern.count, pattern[position] == 0x5D { position += 1 }
            while position < pattern.count, pattern[position] != 0x5D {
                if pattern[position] == 0x5C {
                    guard position + 1 < pattern.count, pattern[position + 1] != 0x51 else { return false }
                    position += 2
                } else if pattern[position] == 0x5B, position + 1 < pattern.count, pattern[position + 1] == 0x3A {
                    guard let colon = pattern[(position + 2)...].firstIndex(of: 0x3A) else { return false }
                    position = colon + 2
                } else {
                    position += 1
                }
            }
            position += 1
            return position <= pattern.count
        }
    }
}
