import CRE2

/// A compiled regular expression: RE2, unanchored, case-sensitive, UTF-8.
///
/// RE2 matches in time linear in the text whatever the pattern, which Swift's and Foundation's engines do not: tenants write these.
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
    /// RE2's budget in bytes that nearly every pattern is content with; caches of unusual patterns stay small.
    private static let smallBudget: Int64 = 1 << 20
    /// RE2's own default, which decides whether a pattern is too large.
    private static let budget: Int64 = 8 << 20

    private init(handle: OpaquePointer) {
        self.handle = handle
        size = Int(tagstream_re2_size(handle))
    }

    deinit { tagstream_re2_destroy(handle) }

    /// Whether a text of a definition matches; events are matched through ``PlanTables``.
    func matches(_ text: [UInt8]) -> Bool {
        text.withUnsafeBytes { tagstream_re2_search(handle, $0.baseAddress, $0.count) } == 1
    }

    /// Compiles a pattern, or tells why RE2 does not take it.
    static func compile(_ text: [UInt8]) -> Result<Pattern, PatternFailure> {
        guard text.count <= maximumLength else {
            return .failure(PatternFailure(message: "it is \(text.count) bytes long, the limit is \(maximumLength)"))
        }
        for budget in [smallBudget, budget] {
            let created = text.withUnsafeBytes { bytes in
                tagstream_re2_create(bytes.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count, budget)
            }
            guard let created else { return .failure(PatternFailure(message: "RE2: out of memory")) }
            guard let error = tagstream_re2_error(created) else { return .success(Pattern(handle: created)) }
            let isTooLarge = tagstream_re2_is_too_large(created) != 0
            let message =
                isTooLarge
                ? "its program is larger than RE2's budget of \(Self.budget >> 20) MiB"
                : "RE2: " + String(cString: error)
            tagstream_re2_destroy(created)
            if !isTooLarge || budget == Self.budget {
                return .failure(PatternFailure(message: message, isTooLarge: isTooLarge))
            }
        }
        return .failure(PatternFailure(message: "RE2: out of memory"))
    }
}

/// Why a pattern was refused.
struct PatternFailure: Error {
    let message: String
    /// Whether its program is beyond RE2's budget.
    var isTooLarge = false
}
