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
    /// Fields that a later field of the same object superseded.
    public var duplicateKeys = 0
    /// Entries of `$elements` that were left out because they, or one of their fields, have the wrong type.
    public var skippedElements = 0
    /// Actions that could not be evaluated for an event: zero unless a pattern's search is given up, or there is a bug.
    ///
    /// See docs/actions.md.
    public var evaluationErrors = 0
    /// Events that were kept although they do not fit their schema: those with `$validation_errors`.
    public var annotated = 0
    /// Events that were tagged without an enrichment that is on, because its data was missing.
    public var outages = EnrichmentOutages()
    /// Dead letters by reason, in the order of ``DeadLetterReason/allCases``; empty while there are none.
    public private(set) var deadLettersByReason: [Int] = []
    /// Ignored records by reason, in the order of ``IgnoredReason/allCases``; empty while there are none.
    public private(set) var ignoredByReason: [Int] = []
    /// Warnings that events gave cause for, by type, in the order of ``WarningType/allCases``.
    ///
    /// Also those that are not written because the same was written not long before. Unlike dead letters and ignored records they come
    /// with events that are tagged, so they are counted in place: counting allocates nothing.
    public private(set) var warningsByType = SIMD16<Int>()
    /// Records written to `ingestion_warnings`.
    public var warnings = 0

    /// Makes counts of zero.
    ///
    /// Allocates nothing.
    public init() {}

    /// How many input records the counts account for.
    public var input: Int { tagged + ignored + deadLetters }

    mutating func add(_ reason: DeadLetterReason) {
        deadLetters += 1
        if deadLettersByReason.isEmpty {
            deadLettersByReason = Array(repeating: 0, count: DeadLetterReason.allCases.count)
        }
        deadLettersByReason[DeadLetterReason.allCases.firstIndex(of: reason)!] += 1
    }

    mutating func add(_ reason: IgnoredReason) {
        ignored += 1
        if ignoredByReason.isEmpty { ignoredByReason = Array(repeating: 0, count: IgnoredReason.allCases.count) }
        ignoredByReason[IgnoredReason.allCases.firstIndex(of: reason)!] += 1
    }

    /// Counts a warning by its type's place in ``WarningType/allCases``.
    mutating func add(warningAt place: Int) { warningsByType[place] += 1 }

    /// Adds the counts of another batch.
    public mutating func add(_ other: OutcomeCounts) {
        tagged += other.tagged
        ignored += other.ignored
        deadLetters += other.deadLetters
        matches += other.matches
        duplicateKeys += other.duplicateKeys
        skippedElements += other.skippedElements
        evaluationErrors += other.evaluationErrors
        annotated += other.annotated
        outages.add(other.outages)
        deadLettersByReason = Self.sum(deadLettersByReason, other.deadLettersByReason)
        ignoredByReason = Self.sum(ignoredByReason, other.ignoredByReason)
        warningsByType &+= other.warningsByType
        warnings += other.warnings
    }

    private static func sum(_ one: [Int], _ other: [Int]) -> [Int] {
        if one.isEmpty || other.isEmpty { return one + other }
        return zip(one, other).map(+)
    }

    /// Dead letters by the name of their reason; reasons without any are left out.
    public var deadLetterReasons: [(reason: String, count: Int)] {
        zip(DeadLetterReason.allCases, deadLettersByReason).filter { $1 > 0 }.map { ($0.rawValue, $1) }
    }

    /// Ignored records by the name of their reason; reasons without any are left out.
    public var ignoredReasons: [(reason: String, count: Int)] {
        zip(IgnoredReason.allCases, ignoredByReason).filter { $1 > 0 }.map { ($0.rawValue, $1) }
    }

    /// Warnings that events gave cause for, by the name of their type; types without any are left out.
    public var warningTypes: [(type: String, count: Int)] {
        WarningType.allCases.enumerated().map { ($1.rawValue, warningsByType[$0]) }.filter { $0.count > 0 }
    }
}
