/// A JSON value of the event at hand, as a range of the workbench: twelve bytes of plain data, nothing copied.
///
/// Text is kept as it was written, escapes included. When ``Flags/escaped`` is not set, the range *is* the decoded text; when it
/// is, ``Workbench/text(of:scratch:)`` decodes it.
public struct Value {
    /// What a JSON value can be; `missing` is what a look-up returns for a key that is not there.
    public enum Kind: UInt8, Sendable {
        case missing, null, `false`, `true`, number, string, array, object
    }

    /// What is known of the range besides its kind.
    public struct Flags: OptionSet, Sendable {
        /// The flags, one bit each.
        public let rawValue: UInt8
        /// Makes flags of their bits.
        public init(rawValue: UInt8) { self.rawValue = rawValue }
        /// A string whose range contains at least one backslash escape.
        public static let escaped = Flags(rawValue: 1)
        /// The range is plain JSON text.
        ///
        /// Otherwise it stands in *escaped space*: JSON inside a JSON string, where a quote is `\"` and an escape
        /// begins with `\\`.
        public static let plain = Flags(rawValue: 2)
        /// A later field of the same object has the same key, so this one does not count (the last wins).
        public static let superseded = Flags(rawValue: 4)
        /// The field's key contains at least one backslash escape.
        public static let keyEscaped = Flags(rawValue: 8)
        /// The field is left out of the output's properties.
        public static let removed = Flags(rawValue: 16)
    }

    /// Where the value begins on the workbench: after the opening quote of a string, at the first byte of anything else.
    public var offset: UInt32
    /// The range's length in bytes: without the quotes of a string, with the brackets of an array or object.
    public var length: UInt32
    /// What the value is.
    public var kind: Kind
    /// What is known of the range.
    public var flags: Flags

    /// The value that is not there.
    @inline(__always)
    public static var missing: Value { Value(offset: 0, length: 0, kind: .missing, flags: []) }

    /// An object of escaped space, by the range from its opening brace to behind its closing one.
    @inline(__always)
    static func object(_ range: Range<Int>) -> Value {
        Value(
            offset: UInt32(truncatingIfNeeded: range.lowerBound),
            length: UInt32(truncatingIfNeeded: range.count),
            kind: .object,
            flags: []
        )
    }

    /// Makes a value of a range of the workbench.
    @inline(__always)
    public init(offset: UInt32, length: UInt32, kind: Kind, flags: Flags) {
        self.offset = offset
        self.length = length
        self.kind = kind
        self.flags = flags
    }

    /// Whether the value counts as set: JSON null and a missing key are the same (actions are defined that way).
    @inline(__always)
    public var isSet: Bool { kind.rawValue > Kind.null.rawValue }
}

/// A field of a JSON object: a key and its value, both ranges of the workbench.
public struct Field {
    /// Where the key's text begins, after its opening quote.
    public var keyOffset: UInt32
    /// The key's length in bytes, as written.
    public var keyLength: UInt32
    /// `keyHash` of the key's decoded text.
    public var keyHash: UInt32
    /// The field's value; its flags also tell of the key.
    public var value: Value

    /// Makes a field.
    @inline(__always)
    public init(keyOffset: UInt32, keyLength: UInt32, keyHash: UInt32, value: Value) {
        self.keyOffset = keyOffset
        self.keyLength = keyLength
        self.keyHash = keyHash
        self.value = value
    }

    /// The field's whole text in escaped space, from the opening quote of its key to the end of its value.
    @inline(__always)
    var written: Range<Int> {
        let end = Int(value.offset &+ value.length) &+ (value.kind == .string ? 2 : 0)
        return (Int(keyOffset) &- 2)..<end
    }
}
