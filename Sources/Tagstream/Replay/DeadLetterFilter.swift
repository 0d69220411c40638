/// Which dead letters are meant: those of some reasons, and of a time.
public struct DeadLetterFilter: Sendable, Equatable {
    /// The reasons; empty for all.
    public var reasons: Set<String> = []
    /// Records from this time on, in milliseconds since 1970.
    public var since: Int64?
    /// Records before this time.
    public var until: Int64?

    /// Makes a filter that everything passes.
    public init() {}

    /// Whether everything passes.
    public var isEmpty: Bool { self == DeadLetterFilter() }

    /// Whether a letter is meant.
    ///
    /// The time is the original record's own; a record without one is in no time, so it passes no bound.
    public func passes(_ letter: DeadLetter) -> Bool {
        if !reasons.isEmpty, !reasons.contains(letter.reason) { return false }
        if since != nil || until != nil, letter.timestamp < 0 { return false }
        return letter.timestamp >= since ?? .min && letter.timestamp < until ?? .max
    }
}
