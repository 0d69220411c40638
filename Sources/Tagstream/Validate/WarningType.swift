/// What a team is warned of: the closed set that a warning's `type` takes its values from.
///
/// See docs/warnings.md. The names are PostHog's where it has the same warning, so that its tables and pages show them.
public enum WarningType: String, Sendable, CaseIterable {
    /// The distinct id is longer than the limit; the record is a dead letter.
    case invalidDistinctID = "skipping_event_invalid_distinct_id"
    /// `$group_key` of a `$groupidentify` is longer than the limit; the record is a dead letter.
    case groupKeyTooLong = "group_key_too_long"
    /// `$anon_distinct_id` of an `$identify` is no text; the record is a dead letter.
    case invalidAnonDistinctID = "invalid_anon_distinct_id"
    /// `alias` of a `$create_alias` or `$merge_dangerously` is no text; the record is a dead letter.
    case invalidAlias = "invalid_alias"
    /// The row is too large; the record is a dead letter.
    case messageTooLarge = "message_size_too_large"
    /// The event is older than its team wants; it is ignored.
    case tooOld = "event_dropped_too_old"
    /// The client itself warns of something; the record is ignored.
    case client = "client_ingestion_warning"
    /// A merge of persons with `$process_person_profile: false`; it is ignored.
    case personlessMerge = "invalid_event_when_process_person_profile_is_false"
    /// `$process_person_profile` is neither true nor false, and counts as true.
    case invalidPersonFlag = "invalid_process_person_profile"
    /// One of the ids that an event would merge is one that many clients send by mistake.
    case illegalDistinctID = "cannot_merge_with_illegal_distinct_id"
    /// The time within the event's UUIDv7 is more than three days away from its timestamp.
    case divergentUUID = "event_uuid_timestamp_divergent"
    /// The timestamp cannot be read, and now counts instead.
    case invalidTimestamp = "ignored_invalid_timestamp"
    /// An object of the event has a key twice, and the last counts.
    case duplicateKeys = "duplicate_keys"
    /// The event has more elements than the limit, and the innermost are kept.
    case elementsTruncated = "elements_truncated"
    /// The event does not fit its schema, whose mode is `reject`; the record is a dead letter.
    case schemaValidationFailed = "schema_validation_failed"
}

/// Some warnings of one event: one bit for each.
struct WarningSet: Equatable {
    /// All types by the place of their bit; ``OutcomeCounts`` has a number for each of as many places.
    static let types = WarningType.allCases
    private(set) var bits: UInt16 = 0

    @inline(__always)
    var isEmpty: Bool { bits == 0 }

    /// Adds a warning; rare, so it may look for its bit.
    @inline(never)
    mutating func insert(_ type: WarningType) {
        for place in Self.types.indices where Self.types[place] == type { bits |= 1 << UInt16(place) }
    }

    /// Takes the first warning out, in the order of ``WarningType/allCases``; returns its place among ``types``, nil where there is none.
    mutating func popFirst() -> Int? {
        guard bits != 0 else { return nil }
        let place = bits.trailingZeroBitCount
        bits &= bits &- 1
        return place
    }
}

extension DeadLetterReason {
    /// What the team is warned of when a record becomes a dead letter for this reason; nil where it is not.
    var warning: WarningType? {
        switch self {
        case .distinctIDTooLong: .invalidDistinctID
        case .groupKeyTooLong: .groupKeyTooLong
        case .invalidAnonDistinctID: .invalidAnonDistinctID
        case .invalidAlias: .invalidAlias
        case .tooLargeForOutput: .messageTooLarge
        case .schemaValidationFailed: .schemaValidationFailed
        default: nil
        }
    }
}

extension IgnoredReason {
    /// What the team is warned of when a record is ignored for this reason; nil where it is not.
    var warning: WarningType? {
        switch self {
        case .clientIngestionWarning: .client
        case .personless: .personlessMerge
        case .tooOld: .tooOld
        case .performanceEvent, .droppedToken, .duplicate: nil
        }
    }
}
