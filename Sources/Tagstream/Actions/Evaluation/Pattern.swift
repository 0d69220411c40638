import CRE2

/// A compiled regular expression: RE2, unanchored, case-sensitive, UTF-8.
///
/// RE2 matches in time linear in the text whatever the pattern, which Swift's and Foundation's engines do not: tenants write these.
/// Linear is not enough where each byte costs a step for each instruction of the program, which is what RE2 comes to when its lazy
/// automaton outgrows its cache. Such a search is given up, and is neither a match nor none; a pattern whose automaton has no room
/// from the beginning is refused.
///
/// Sendable: the handle is set once here and only read afterwards, RE2 allows any number of threads to match one pattern at once,
/// and the handle is destroyed by the last owner, when nobody is left to match it. Plans keep their patterns alive.
final class Pattern: @unchecked Sendable {
    /// The handle that ``PlanTables`` keeps; valid as long as this object lives.
    let handle: OpaquePointer
    /// How many instructions the program has: the unit of its cost.
    let size: Int

    /// Longest pattern in bytes.
    static let maximumLength = 4096
    /// RE2's budgets in bytes, of which a pattern gets the first that it fits into; nearly all are content with the smallest.
    ///
    /// A third of it is the automaton's cache, and filling that is what the slowest search pays for: about a millisecond for
    /// each MiB of the budget, several where every state has many instructions and the text many different characters.
    private static let budgets: [Int64] = [1 << 18, 1 << 19, 1 << 20, 2 << 20, 3 << 20, 4 << 20, 8 << 20]
    /// How often one event's searches may empty the cache of an automaton that others have filled.
    static let refillsPerEvent: Int32 = 4

    private init(handle: OpaquePointer) {
        self.handle = handle
        size = Int(tagstream_re2_size(handle))
    }

    deinit { tagstream_re2_destroy(handle) }

    /// Whether a text of a definition matches; events are matched through ``PlanTables``.
    func matches(_ text: [UInt8]) -> Bool {
        text.withUnsafeBytes { search($0) } == 1
    }

    /// Whether a text matches outside of an event's evaluation: 1 or 0, and -1 when the search was given up.
    func search(_ text: UnsafeRawBufferPointer) -> Int32 {
        var refills = Self.refillsPerEvent
        return tagstream_re2_search(handle, text.baseAddress, text.count, &refills)
    }

    /// Compiles a pattern, or tells why RE2 does not take it.
    static func compile(_ text: [UInt8]) -> Result<Pattern, PatternFailure> {
        guard text.count <= maximumLength else {
            return .failure(PatternFailure(message: "it is \(text.count) bytes long, the limit is \(maximumLength)"))
        }
        // Whether a pattern is refused is soon known; only then is the smallest budget looked for that holds it.
        var least: Int64 = 0
        for budget in [budgets[0], budgets[budgets.count - 1]] + budgets[1...] where budget >= least {
            let created = text.withUnsafeBytes { bytes in
                tagstream_re2_create(bytes.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count, budget)
            }
            guard let created else { return .failure(PatternFailure(message: "RE2: out of memory")) }
            if let error = tagstream_re2_error(created), tagstream_re2_is_too_large(created) == 0 {
                defer { tagstream_re2_destroy(created) }
                return .failure(PatternFailure(message: "RE2: " + String(cString: error)))
            }
            let isTooLarge = tagstream_re2_is_too_large(created) != 0
            if !isTooLarge, least > 0 || budget == budgets[0] { return .success(Pattern(handle: created)) }
            // What an instruction takes, in the program and in each of 20 states, is rarely less.
            if !isTooLarge { least = max(1, Int64(tagstream_re2_size(created)) * 256) }
            tagstream_re2_destroy(created)
            if isTooLarge, budget == budgets[budgets.count - 1] { break }
        }
        let largest = budgets[budgets.count - 1] >> 20
        return .failure(
            PatternFailure(
                message: "its program and its automaton do not fit into \(largest) MiB",
                isTooLarge: true
            )
        )
    }
}

/// Why a pattern was refused.
struct PatternFailure: Error {
    let message: String
    /// Whether its program or its automaton is beyond the largest budget.
    var isTooLarge = false
}
