/// How the records of a batch ended: every input record in exactly one of `tagged`, `ignored` and `deadLetters`.
public struct OutcomeCounts: Sendable, Equatable {
    /// Records that became a row on `events_tagged`.
    public var tagged = 0
    /// Records that were ignored for a declared reason.
    public var ignored = 0
    /// Records that were dead-lettered.
    public var deadLetters = 0
    /// Records written to `action_matches`: one for each (event, action) that matched.
    public var matches = 0
    /// Duplicate keys within one object that a later one superseded.
    public var duplicateKeys = 0

    /// Makes counts of zero.
    public init() {}

    /// How many input records the counts account for.
    public var input: Int { tagged + ignored + deadLetters }
}
