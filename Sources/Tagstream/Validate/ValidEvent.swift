/// How much an event tells about the person behind it (PostHog's `person_mode`).
enum PersonMode: Sendable {
    /// The event belongs to a person with properties.
    case full
    /// The event was sent without a person profile: what would update one has been taken off.
    case propertyless

    var name: StaticString {
        switch self {
        case .full: "full"
        case .propertyless: "propertyless"
        }
    }
}

/// Why a record was ignored: the declared reasons, and the only ones.
public enum IgnoredReason: String, Sendable, CaseIterable {
    /// `$performance_event`: PostHog's gateway filters it too.
    case performanceEvent = "performance_event"
    /// `$$client_ingestion_warning` is a message to the tenant, not an event.
    case clientIngestionWarning = "client_ingestion_warning"
    /// An event that would merge persons, sent with `$process_person_profile: false`.
    case personless = "personless_merge"
    /// The token is one that this deployment drops (setting `ignored.tokens`).
    case droppedToken = "dropped_token"
    /// The event is older than its team wants (`settings.drop_events_older_than_seconds`).
    case tooOld = "event_dropped_too_old"
    /// The same uuid of the same person was tagged before, within the window of its partition (settings `dedup.*`).
    case duplicate
}

/// An event that the rules of docs/events.md accept, normalised: nothing after this room can refuse it, except for its
/// size.
struct ValidEvent {
    var decoded: DecodedEvent
    var team: Int
    /// The 36 characters of the uuid, lower case.
    var uuid = Value.missing
    var personMode = PersonMode.full
    var kind = EventKind.other
    /// How many of the first fields of `$set` and `$set_once` are the author's own, where enrichment wrote the objects anew.
    var ownFields: (set: Int32, setOnce: Int32) = (0, 0)
    /// Whether the event does not fit its schema and says so in `$validation_errors`.
    var isAnnotated = false
    /// Milliseconds since 1970: what "now" was for this event, and when its record was written to Kafka.
    var capturedAt: Int64?
    var createdAt: Int64 = 0
}

/// What the record says besides its value: the position and the headers that gateways write.
struct RecordContext {
    var value: UnsafeRawBufferPointer?
    var topic: UnsafeRawBufferPointer
    var partition: Int32
    var offset: Int64
    /// The record's Kafka timestamp in milliseconds; negative when the broker keeps none.
    var timestamp: Int64
    var token: UnsafeRawBufferPointer?
    var now: UnsafeRawBufferPointer?
    var forcesPersonless = false
    var isHistorical = false
    var isTooLargeForOutput = false

    /// The context of an event that is in no topic.
    init(timestamp: Int64) {
        topic = UnsafeRawBufferPointer(start: nil, count: 0)
        partition = 0
        offset = 0
        self.timestamp = timestamp
    }

    /// Picks the headers that mean something; a null or empty value means absent, as gateways write it.
    ///
    /// - Throws: a ``Rejection`` of reason `limit_headers`.
    init(at index: Int, of batch: borrowing RecordBatch, _ limits: EventLimits) throws(Rejection) {
        let record = batch.records[index]
        value = record.value
        topic = batch.topicBytes(record.topic)
        partition = record.partition
        offset = record.offset
        timestamp = record.timestamp
        isTooLargeForOutput = record.isTooLargeForOutput
        guard record.headerCount <= limits.headers else {
            throw Rejection(
                .limitHeaders,
                in: .decode,
                "the record has \(record.headerCount) headers, the limit is \(limits.headers)"
            )
        }
        var bytes = 0
        for index in 0..<Int(record.headerCount) {
            let header = batch.headers[Int(record.firstHeader) + index]
            bytes &+= header.name.count &+ (header.value?.count ?? 0)
            guard let value = header.value, value.count > 0 else { continue }
            switch header.name.count {
            case 3: if equals(header.name, "now") { now = value }
            case 5: if equals(header.name, "token") { token = value }
            case 20: if equals(header.name, "historical_migration") { isHistorical = equals(value, "true") }
            case 31:
                if equals(header.name, "force_disable_person_processing") { forcesPersonless = equals(value, "true") }
            default: break
            }
        }
        guard bytes <= limits.headerBytes else {
            throw Rejection(
                .limitHeaders,
                in: .decode,
                "the record's headers have \(bytes) bytes, the limit is \(limits.headerBytes)"
            )
        }
    }
}
