/// What a condition compares: a property of the event, or an element's text, with everything that was computed from it.
///
/// Plain data. A text is decoded, lower-cased and read as a number at most once per event, however many conditions ask for it.
struct Subject {
    /// What has been computed already.
    struct Known: OptionSet {
        let rawValue: UInt8
        /// ``text`` is there: the decoded text of a text, the printed form of anything else.
        static let text = Known(rawValue: 1)
        /// ``lowered`` is there.
        static let lowered = Known(rawValue: 2)
        /// Whether the subject is a number has been found out.
        static let number = Known(rawValue: 4)
        /// It is one.
        static let isNumber = Known(rawValue: 8)
    }

    /// The event for which this was filled in; any other means that the property is missing.
    var epoch: UInt32
    var kind: Value.Kind
    var known: Known
    var flags: Value.Flags
    /// The value as written.
    var written: TextRange
    var text: TextRange
    var lowered: TextRange
    var number: Double

    /// A property's value.
    @inline(__always)
    init(_ value: Value, epoch: UInt32) {
        self.epoch = epoch
        kind = value.kind
        flags = value.flags
        written = TextRange(onBench: value.offset, length: value.length)
        text = written
        lowered = .empty
        number = 0
        // A string without escapes is its own text; so is `true`, in both spaces.
        known =
            value.kind == .string && !value.flags.contains(.escaped) || value.kind == .true || value.kind == .false
            ? .text : []
    }

    /// Text that is decoded already.
    @inline(__always)
    init(text: TextRange, epoch: UInt32) {
        self.epoch = epoch
        kind = .string
        flags = .plain
        written = text
        self.text = text
        lowered = .empty
        number = 0
        known = .text
    }

    /// What is not there.
    static var missing: Subject { Subject(.missing, epoch: 0) }
}
