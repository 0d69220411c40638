import CRE2

/// Writes settled texts over the parts of a path that patterns match: `/orders/4711` becomes `/orders/:id`.
///
/// RE2 is linear, and a text and a program of this size are never given up (``Pattern``).
final class PathCleaner: Sendable {
    /// How many rules a team may have.
    static let mostRules = 50
    /// The largest program; with ``longestPath`` it stays below the steps that RE2 may always take.
    static let largestProgram = 120
    /// A longer path is cleaned in its first bytes only.
    static let longestPath = 2000

    private struct Rule: Sendable {
        var pattern: Pattern
        var replacement: [UInt8]
    }
    private let rules: [Rule]

    /// Compiles rules; what RE2 does not take is left out.
    init(_ rules: [EnrichmentSettings.CleaningRule]) {
        self.rules = rules.compactMap { rule in
            guard case .success(let pattern) = Pattern.compile(Array(rule.pattern.utf8)) else { return nil }
            return Rule(pattern: pattern, replacement: Array(rule.replacement.utf8))
        }
    }

    /// Whether there is nothing to clean.
    var isEmpty: Bool { rules.isEmpty }

    /// Why a rule cannot be used, as what was expected instead; nil where it can.
    static func problem(with rule: EnrichmentSettings.CleaningRule) -> String? {
        switch Pattern.compile(Array(rule.pattern.utf8)) {
        case .failure(let failure): return "a pattern that RE2 takes: \(failure.message)"
        case .success(let pattern):
            if pattern.size > largestProgram {
                return "a pattern of at most \(largestProgram) instructions, and it has \(pattern.size)"
            }
            return pattern.matches([]) ? "a pattern that does not match the empty text" : nil
        }
    }

    /// Appends a path, cleaned rule by rule.
    ///
    /// Matches of one rule do not overlap, the leftmost counts, and one of no length changes nothing. Allocates nothing once RE2 has
    /// seen such paths.
    ///
    /// - Parameter other: a second arena, to go back and forth.
    func clean(_ path: UnsafeRawBufferPointer, into out: inout ByteArena, with other: inout ByteArena) {
        let start = out.count
        out.append(UnsafeRawBufferPointer(rebasing: path.prefix(Self.longestPath)))
        for rule in rules {
            other.removeAll()
            let text = out.bytes(start, out.count - start)
            guard let changed = Self.replace(text, rule, into: &other), changed else { continue }
            out.truncate(to: start)
            out.append(other.bytes(0, other.count))
        }
        if path.count > Self.longestPath { out.append(UnsafeRawBufferPointer(rebasing: path[Self.longestPath...])) }
    }

    /// Whether anything was replaced; nil where a longer text has grown beyond what is searched.
    private static func replace(_ text: UnsafeRawBufferPointer, _ rule: Rule, into out: inout ByteArena) -> Bool? {
        guard text.count <= longestPath else { return nil }
        var from = 0
        var copied = 0
        while from <= text.count {
            guard let found = rule.pattern.span(in: text, from: from) else { break }
            if found.isEmpty {
                from = found.upperBound + 1
                continue
            }
            out.append(UnsafeRawBufferPointer(rebasing: text[copied..<found.lowerBound]))
            out.append(rule.replacement)
            copied = found.upperBound
            from = found.upperBound
        }
        guard copied > 0 else { return false }
        out.append(UnsafeRawBufferPointer(rebasing: text[copied...]))
        return true
    }
}

extension Pattern {
    /// Where the pattern first matches at or behind a position; nil where it does not.
    func span(in text: UnsafeRawBufferPointer, from: Int) -> Range<Int>? {
        var begin = 0
        var end = 0
        guard tagstream_re2_span(handle, text.baseAddress, text.count, from, &begin, &end) == 1 else { return nil }
        return begin..<end
    }
}
