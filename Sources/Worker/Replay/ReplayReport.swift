public import Tagstream

/// What a replay has come to.
public struct ReplayReport: Sendable, Equatable {
    /// What became of one letter.
    public enum Fate: Sendable, Equatable {
        /// The pipeline had another look at it.
        case tried(Retrial.Verdict)
        /// The filter does not mean it.
        case passedOver
        /// There is nothing to try: it is no dead letter of a known format, or not all of it is there.
        case unreadable(String)

        /// Whether nothing is left to do about the letter.
        public var isSettled: Bool {
            if case .tried(let verdict) = self { verdict.isSettled } else { false }
        }
    }

    /// A line of the account: letters of one reason that ended in the same way.
    public struct Line: Sendable, Hashable {
        /// The letters' reason; empty for what cannot be read.
        public var reason: String
        /// `tagged`, `ignored`, `unreadable`, or the reason for which they fail now.
        public var outcome: String
        /// Whether nothing is left to do about them.
        public var isSettled: Bool
    }

    /// Letters by what they were and what they are now.
    public private(set) var lines: [Line: Int] = [:]
    /// Rows that were written.
    public private(set) var tagged = 0
    /// Matches that were written.
    public private(set) var matches = 0
    /// Letters that are ignored for a declared reason now.
    public private(set) var ignored = 0
    /// Letters that failed again and are still where they were.
    public private(set) var failed = 0
    /// Letters that cannot be tried.
    public private(set) var unreadable = 0
    /// Letters that the filter passed over.
    public private(set) var passedOver = 0
    /// Stretches of letters that the group can no longer remember as open.
    public internal(set) var forgotten = 0
    /// Offsets that there were to look at, in the beginning.
    public internal(set) var total = 0
    /// How many of them were looked at.
    public internal(set) var covered = 0
    /// Whether all letters up to the topic's end were looked at.
    public internal(set) var isComplete = false

    /// Letters about which nothing is left to do.
    public var settled: Int { tagged + ignored }
    /// Letters that the pipeline had another look at.
    public var tried: Int { settled + failed }
    /// Letters that were looked at at all.
    public var seen: Int { tried + unreadable + passedOver }

    /// Nothing yet.
    public init() {}

    mutating func add(_ fate: Fate, of found: FoundLetter) {
        var line = Line(reason: found.letter?.reason ?? "", outcome: "unreadable", isSettled: fate.isSettled)
        switch fate {
        case .passedOver:
            passedOver += 1
            return
        case .unreadable: unreadable += 1
        case .tried(.tagged(_, let count)):
            tagged += 1
            matches += count
            line.outcome = "tagged"
        case .tried(.ignored):
            ignored += 1
            line.outcome = "ignored"
        case .tried(.failed(let reason, _, _)):
            failed += 1
            line.outcome = reason
        }
        lines[line, default: 0] += 1
    }
}
