/// A JSON value of a definition: what `apply` reads from files and the catalogue from its topic.
///
/// Never used for events.
///
/// A boolean is not a number, and a number keeps the text it was written in beside its value, so that a definition is kept and
/// printed as its author wrote it. The order of an object's members is kept too.
public indirect enum JSONTree: Sendable, Equatable {
    case null
    case bool(Bool)
    case number(Double, text: String)
    case string(String)
    case array([JSONTree])
    case object([Member])

    /// One member of an object.
    public struct Member: Sendable, Equatable {
        /// The member's name.
        public var key: String
        /// The member's value.
        public var value: JSONTree

        /// Makes a member.
        public init(key: String, value: JSONTree) {
            self.key = key
            self.value = value
        }

        /// Names are compared as bytes: to JSON, é and e with an accent are two names.
        public static func == (one: Member, other: Member) -> Bool {
            one.key.hasBytes(of: other.key) && one.value == other.value
        }
    }

    /// A whole number.
    public static func number(_ integer: Int64) -> JSONTree { .number(Double(integer), text: String(integer)) }

    /// Equal when they are written with the same values; strings as bytes, numbers by value.
    public static func == (one: JSONTree, other: JSONTree) -> Bool {
        switch (one, other) {
        case (.null, .null): true
        case (.bool(let one), .bool(let other)): one == other
        case (.number(let one, _), .number(let other, _)): one == other
        case (.string(let one), .string(let other)): one.hasBytes(of: other)
        case (.array(let one), .array(let other)): one == other
        case (.object(let one), .object(let other)): one == other
        default: false
        }
    }
}

extension JSONTree {
    /// The value of an object's member; nil when there is none or this is no object.
    ///
    /// Linear in the number of members.
    public subscript(_ key: String) -> JSONTree? {
        guard case .object(let members) = self else { return nil }
        return members.last { $0.key.hasBytes(of: key) }?.value
    }

    /// The text of a string.
    public var text: String? {
        if case .string(let text) = self { text } else { nil }
    }

    /// The value of a number that is whole and written without point or exponent.
    public var integer: Int64? {
        if case .number(_, let text) = self { Int64(text) } else { nil }
    }

    /// Whether the value is JSON's `null`.
    public var isNull: Bool {
        if case .null = self { true } else { false }
    }

    /// What kind of value this is, for messages: `a number`, `an object`.
    public var kindName: String {
        switch self {
        case .null: "null"
        case .bool: "a boolean"
        case .number: "a number"
        case .string: "a text"
        case .array: "a list"
        case .object: "an object"
        }
    }

    /// The value as JSON text on one line.
    public var jsonText: String {
        var out = ""
        write(into: &out)
        return out
    }

    /// How many bytes ``jsonText`` has, without writing it.
    var jsonLength: Int {
        switch self {
        case .null: return 4
        case .bool(let value): return value ? 4 : 5
        case .number(_, let text): return text.utf8.count
        case .string(let text): return Self.length(text)
        case .array(let values):
            var length = 2 + max(0, values.count - 1)
            for value in values { length += value.jsonLength }
            return length
        case .object(let members):
            var length = 2 + max(0, members.count - 1)
            for member in members { length += Self.length(member.key) + 1 + member.value.jsonLength }
            return length
        }
    }

    /// How many bytes a text has with its quotes and escapes.
    private static func length(_ text: String) -> Int {
        func escapes(_ bytes: UnsafeBufferPointer<UInt8>) -> Int {
            var more = 0
            for byte in bytes {
                switch byte {
                case 0x22, 0x5C, 0x0A, 0x0D, 0x09: more += 1
                case 0..<0x20: more += 5
                default: break
                }
            }
            return more
        }
        let more =
            text.utf8.withContiguousStorageIfAvailable(escapes)
            ?? Array(text.utf8).withUnsafeBufferPointer(escapes)
        return text.utf8.count + more + 2
    }

    private func write(into out: inout String) {
        switch self {
        case .null: out += "null"
        case .bool(let value): out += value ? "true" : "false"
        case .number(_, let text): out += text
        case .string(let text): Self.write(text, into: &out)
        case .array(let values):
            out += "["
            for (index, value) in values.enumerated() {
                if index > 0 { out += "," }
                value.write(into: &out)
            }
            out += "]"
        case .object(let members):
            out += "{"
            for (index, member) in members.enumerated() {
                if index > 0 { out += "," }
                Self.write(member.key, into: &out)
                out += ":"
                member.value.write(into: &out)
            }
            out += "}"
        }
    }

    private static func write(_ text: String, into out: inout String) {
        out += "\""
        guard length(text) > text.utf8.count + 2 else {
            out += text
            out += "\""
            return
        }
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": out += "\\\""
            case "\\": out += "\\\\"
            case "\n": out += "\\n"
            case "\r": out += "\\r"
            case "\t": out += "\\t"
            case "\u{0}"..<" ":
                let digits = String(scalar.value, radix: 16)
                out += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: out.unicodeScalars.append(scalar)
            }
        }
        out += "\""
    }
}

extension String {
    /// Whether another text has the same bytes.
    ///
    /// Swift's `==` compares characters: é and e with an accent are one to it.
    @inline(__always)
    func hasBytes(of other: String) -> Bool { utf8.count == other.utf8.count && hasSameBytes(as: other) }

    private func hasSameBytes(as other: String) -> Bool {
        let isSame = utf8.withContiguousStorageIfAvailable { own in
            other.utf8.withContiguousStorageIfAvailable { Self.areSame(UnsafeRawBufferPointer(own), .init($0)) }
        }
        return (isSame ?? nil) ?? utf8.elementsEqual(other.utf8)
    }

    /// Compares as many bytes of both, eight at a time; the last eight may be some of those before.
    private static func areSame(_ one: UnsafeRawBufferPointer, _ other: UnsafeRawBufferPointer) -> Bool {
        func differ(at offset: Int) -> Bool {
            one.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
                != other.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
        }
        guard one.count >= 8 else {
            for index in 0..<one.count where one[index] != other[index] { return false }
            return true
        }
        var offset = 0
        while offset + 8 <= one.count {
            if differ(at: offset) { return false }
            offset += 8
        }
        return !differ(at: one.count - 8)
    }
}
