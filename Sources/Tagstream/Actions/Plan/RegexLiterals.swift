/// Texts of which one occurs wherever a pattern matches: what puts a regular expression behind the gram index.
///
/// A pattern is read from left to right and only its outermost level is understood: literal characters in a row make a run, and
/// everything else (classes, groups, dots, anchors) ends it. Whatever could change the meaning of a letter, such as `(?i)`, makes
/// the whole pattern opaque: a pattern without literals is merely evaluated more often.
enum RegexLiterals {
    /// For each alternative of the pattern the runs that it requires; nil where an alternative requires none or is not understood.
    static func required(by pattern: [UInt8]) -> [[[UInt8]]]? {
        var reader = Reader(pattern: pattern)
        return reader.read()
    }

    private struct Reader {
        let pattern: [UInt8]
        var position = 0
        var alternatives: [[[UInt8]]] = []
        var runs: [[UInt8]] = []
        var run: [UInt8] = []
        /// Where the last character of the run begins, so that `?` and `*` can take it back.
        var last = 0

        init(pattern: [UInt8]) { self.pattern = pattern }

        mutating func read() -> [[[UInt8]]]? {
            while position < pattern.count {
                guard step() else { return nil }
            }
            return endAlternative() ? alternatives : nil
        }

        private mutating func endRun() {
            if !run.isEmpty { runs.append(run) }
            run = []
            last = 0
        }

        private mutating func endAlternative() -> Bool {
            endRun()
            alternatives.append(runs)
            defer { runs = [] }
            return !runs.isEmpty
        }

        private mutating func literal(_ bytes: ArraySlice<UInt8>) {
            last = run.count
            run += bytes
        }

        private mutating func step() -> Bool {
            let byte = pattern[position]
            switch byte {
            case 0x7C:  // |
                position += 1
                return endAlternative()
            case 0x2E, 0x5E, 0x24:  // . ^ $
                position += 1
                endRun()
                return true
            case 0x2A, 0x3F:  // * ?
                position += 1
                run.removeLast(run.count - min(last, run.count))
                endRun()
                return true
            case 0x2B:  // +
                position += 1
                endRun()
                return true
            case 0x7B: return repetition()
            case 0x5B:
                endRun()
                return skipClass()
            case 0x28:
                endRun()
                return skipGroup()
            case 0x5C: return escape()
            case 0x29: return false
            default:
                let length = min(UTF8Text.length(byte), pattern.count - position)
                literal(pattern[position..<(position + length)])
                position += length
                return true
            }
        }

        /// `{n}`, `{n,}`, `{n,m}`: the character before is required unless n is zero.
        private mutating func repetition() -> Bool {
            guard let end = pattern[position...].firstIndex(of: 0x7D) else { return false }
            let inside = pattern[(position + 1)..<end]
            guard let first = inside.first, isDigit(first), inside.allSatisfy({ isDigit($0) || $0 == 0x2C }) else { return false }
            if inside.prefix(while: isDigit).allSatisfy({ $0 == 0x30 }) { run.removeLast(run.count - min(last, run.count)) }
            position = end + 1
            endRun()
            return true
        }

        private mutating func escape() -> Bool {
            guard position + 1 < pattern.count else { return false }
            let next = pattern[position + 1]
            let isWord = isDigit(next) || (next | 0x20) &- 0x61 < 26 || next >= 0x80
            if !isWord {
                literal(pattern[(position + 1)...(position + 1)])
                position += 2
                return true
            }
            // Classes and zero-width assertions of one letter end the run; \x, \p, \Q and numbers are not understood.
            guard [0x64, 0x44, 0x77, 0x57, 0x73, 0x53, 0x62, 0x42, 0x41, 0x7A].contains(next) else { return false }
            position += 2
            endRun()
            return true
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

        private mutating func skipGroup() -> Bool {
            var depth = 0
            while position < pattern.count {
                switch pattern[position] {
                case 0x28:
                    // Only plain and non-capturing groups: anything else behind `(?` may set flags.
                    if position + 1 < pattern.count, pattern[position + 1] == 0x3F {
                        guard position + 2 < pattern.count, pattern[position + 2] == 0x3A else { return false }
                        position += 2
                    }
                    depth += 1
                    position += 1
                case 0x29:
                    depth -= 1
                    position += 1
                    if depth == 0 { return true }
                case 0x5C:
                    guard position + 1 < pattern.count, pattern[position + 1] != 0x51 else { return false }
                    position += 2
                case 0x5B: guard skipClass() else { return false }
                default: position += 1
                }
            }
            return false
        }
    }
}
