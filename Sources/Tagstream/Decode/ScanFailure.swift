/// Why a scan stopped: what was met, and at which byte of the workbench.
struct ScanFailure: Error {
    enum Kind: UInt8 {
        /// Not JSON.
        case malformed
        /// A string is not UTF-8.
        case utf8
        /// Nested deeper than the limit.
        case depth
        /// More keys than the limit.
        case keys
        /// A key longer than the limit.
        case keyLength
        /// A number with more characters than the limit.
        case number
        /// A field of the event has a type that it cannot have.
        case field
        /// Valid so far, but written in a way that the one pass does not read: see ``Rewriter``.
        case rewrite
    }
    var kind: Kind
    var offset: Int
    /// The name of the field of kind ``Kind/field``.
    var field: StaticString = ""

    init(kind: Kind, offset: Int) {
        self.kind = kind
        self.offset = offset
    }

    init(wrongTypeOf field: StaticString, _ value: Value) {
        kind = .field
        offset = Int(value.offset)
        self.field = field
    }
}

/// What an event may contain.
///
/// Every limit is inclusive: a value of exactly the limit passes.
public struct EventLimits: Sendable, Equatable {
    /// Bytes of a record's value.
    public var valueBytes = 1 << 20
    /// Levels of nesting of the event's JSON, the event itself being the first.
    ///
    /// At most 64.
    public var depth = 64
    /// Keys in the whole event, nested ones included.
    public var keys = 4096
    /// Bytes of one key, as written.
    public var keyBytes = 1024
    /// UTF-16 code units of a distinct id; a longer one makes the record a dead letter, as at PostHog.
    public var distinctIDUnits = 400
    /// UTF-16 code units of an event's name; a longer one is cut, as at PostHog.
    public var eventNameUnits = 200
    /// Bytes of one output record's value; a larger row makes the record a dead letter.
    ///
    /// Below Kafka's default of 1,000,000.
    public var outputBytes = 960_000
    /// Headers of a record.
    public var headers = 256
    /// Bytes of the names and values of a record's headers together.
    public var headerBytes = 65_536
    /// Elements of an event; of more the innermost are kept.
    public var elements = 512
    /// Characters of one number, as written; not to be configured, because nobody has a use for such numbers.
    public static let numberBytes = 1100

    /// The documented defaults.
    public init() {}
}
