/// Why a record became a dead letter: the closed set that `dlq_reason` takes its values from.
///
/// See docs/dead-letters.md.
public enum DeadLetterReason: String, Sendable, CaseIterable {
    /// The record has no value, or an empty one. A tombstone has no meaning in an event topic.
    case emptyValue = "empty_value"
    /// A string of the value is not UTF-8.
    case invalidUTF8 = "invalid_utf8"
    /// The value, or the `data` in it, is not JSON or not a JSON object.
    case invalidJSON = "invalid_json"
    /// A field has a type that it cannot have, such as `properties` that are a list.
    case invalidField = "invalid_field"
    /// The value is larger than the limit.
    case limitSize = "limit_size"
    /// The value is nested deeper than the limit.
    case limitDepth = "limit_depth"
    /// The value has more keys than the limit.
    case limitKeys = "limit_keys"
    /// A key is longer than the limit.
    case limitKeyLength = "limit_key_length"
    /// A number is written with more characters than the limit.
    case limitNumber = "limit_number"
    /// The record has more headers, or more bytes of them, than the limit.
    case limitHeaders = "limit_headers"
    /// The event has no name.
    case missingEvent = "missing_event"
    /// The event has no distinct id, or a blank one.
    case missingDistinctID = "missing_distinct_id"
    /// The distinct id is longer than the limit.
    case distinctIDTooLong = "distinct_id_too_long"
    /// The key of a `$groupidentify` is longer than the limit of distinct ids.
    case groupKeyTooLong = "group_key_too_long"
    /// `$anon_distinct_id` of an `$identify` is no text.
    case invalidAnonDistinctID = "invalid_anon_distinct_id"
    /// `alias` of a `$create_alias` or `$merge_dangerously` is no text.
    case invalidAlias = "invalid_alias"
    /// The uuid is not 8-4-4-4-12 hexadecimal digits.
    case invalidUUID = "invalid_uuid"
    /// Neither header nor envelope nor event carries a token.
    case noToken = "no_token"
    /// No team of the catalogue has this token.
    case unknownToken = "unknown_token"
    /// The event does not fit the schema that its team published for events of its name, in mode `reject`.
    case schemaValidationFailed = "schema_validation_failed"
    /// The row would be larger than the output topic takes.
    case tooLargeForOutput = "too_large_for_output"
    /// The process crashed on the record, twice.
    case crash
    /// The record was ignored for a declared reason, and `ignored.keep` asks to keep such records here.
    case ignored
}

/// Which room a record was dead-lettered in: the value of `dlq_step`.
public enum PipelineStep: String, Sendable {
    case decode, tenant, validate, encode
}

/// The value that says a record cannot go on: bad data is a value, not a failure of the program.
struct Rejection: Error {
    var reason: DeadLetterReason
    var step: PipelineStep
    /// One bounded sentence for a human: what was found, what was expected.
    var detail: String

    init(_ reason: DeadLetterReason, in step: PipelineStep, _ detail: String) {
        self.reason = reason
        self.step = step
        self.detail = detail
    }
}
