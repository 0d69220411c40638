#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Why bytes are not JSON.
public struct JSONFailure: Error, Sendable, CustomStringConvertible {
    /// Where, counted in bytes from the beginning of the text.
    public let offset: Int
    /// What was found there or expected.
    public let message: String

    /// The message with its place.
    public var description: String { "\(message) at byte \(offset)" }
}

extension JSONTree {
    /// How many objects and lists may stand within one another; real definitions need six.
    public static let defaultDepth = 64

    /// Reads one JSON value (RFC 8259, strict) that fills the bytes.
    ///
    /// Of several members with one name the last counts, and only it is kept. Linear in bytes.
    ///
    /// - Throws: ``JSONFailure`` with the place where the text stops being JSON: grammar, UTF-8, a lone surrogate, a number too
    ///   large for a double, or nesting beyond `maximumDepth`.
    public init(parsing bytes: [UInt8], maximumDepth: Int = defaultDepth) throws(JSONFailure) {
        var reader = Reader(bytes: bytes, depthLeft: maximumDepth)
        reader.skipBlanks()
        self = try reader.value()
        reader.skipBlanks()
        guard reader.position == bytes.count else { throw reader.failure("unexpected content behind the value") }
    }

    /// Reads one JSON value that fills a text.
    ///
    /// - Throws: ``JSONFailure``, as ``init(parsing:maximumDepth:)`` does.
    public init(parsing text: String, maximumDepth: Int = defaultDepth) throws(JSONFailure) {
        try self.init(parsing: Array(text.utf8), maximumDepth: maximumDepth)
    }

    private struct Reader {
        let bytes: [UInt8]
        var position = 0
        var depthLeft: Int

        init(bytes: [UInt8], depthLeft: Int) {
            self.bytes = bytes
            self.depthLeft = depthLeft
        }

        func failure(_ message: String) -> JSONFailure { JSONFailure(offset: position, message: message) }

        /// The byte here; zero behind the end, which fits nothing.
        var byte: UInt8 { position < bytes.count ? bytes[position] : 0 }

        mutating func skipBlanks() {
            while position < bytes.count {
                switch bytes[position] {
                case 0x20, 0x0A, 0x0D, 0x09: position += 1
                default: return
                }
            }
        }

        mutating func value() throws(JSONFailure) -> JSONTree {
            switch byte {
            case 0x7B: return try object()
            case 0x5B: return try array()
            case 0x22: return .string(try string())
            case 0x2D, 0x30...0x39: return try number()
            default:
                if take("true") { return .bool(true) }
                if take("false") { return .bool(false) }
                if take("null") { return .null }
                throw failure(
                    position < bytes.count
                        ? "unexpected content, expected a JSON value" : "unexpected end, expected a JSON value"
                )
            }
        }

        private mutating func take(_ literal: StaticString) -> Bool {
            let length = literal.utf8CodeUnitCount
            guard position + length <= bytes.count else { return false }
            for index in 0..<length where bytes[position + index] != literal.utf8Start[index] { return false }
            position += length
            return true
        }

        private mutating func descend() throws(JSONFailure) {
            guard depthLeft > 0 else { throw failure("nested too deeply") }
            depthLeft -= 1
            position += 1
            skipBlanks()
        }

        private mutating func object() throws(JSONFailure) -> JSONTree {
            try descend()
            defer { depthLeft += 1 }
            var members: [Member] = []
            var places: [[UInt8]: Int] = [:]
            if byte == 0x7D {
                position += 1
                return .object([])
            }
            while true {
                guard byte == 0x22 else { throw failure("expected a member's name in quotes") }
                let key = try string()
                skipBlanks()
                guard byte == 0x3A else { throw failure("expected \":\" behind a member's name") }
                position += 1
                skipBlanks()
                let member = Member(key: key, value: try value())
                // Few members are compared one by one; many of them would make that quadratic.
                if members.count < 16 {
                    if let place = members.firstIndex(where: { $0.key.hasBytes(of: key) }) {
                        members[place] = member
                    } else {
                        members.append(member)
                    }
                } else {
                    if places.isEmpty {
                        for (place, earlier) in members.enumerated() { places[Array(earlier.key.utf8)] = place }
                    }
                    if let place = places[Array(key.utf8)] {
                        members[place] = member
                    } else {
                        places[Array(key.utf8)] = members.count
                        members.append(member)
                    }
                }
                skipBlanks()
                if byte == 0x2C {
                    position += 1
                    skipBlanks()
                    continue
                }
                guard byte == 0x7D else { throw failure("expected \",\" or \"}\" in an object") }
                position += 1
                return .object(members)
            }
        }

        private mutating func array() throws(JSONFailure) -> JSONTree {
            try descend()
            defer { depthLeft += 1 }
            var values: [JSONTree] = []
            if byte == 0x5D {
                position += 1
                return .array([])
            }
            while true {
                values.append(try value())
                skipBlanks()
                if byte == 0x2C {
                    position += 1
                    skipBlanks()
                    continue
                }
                guard byte == 0x5D else { throw failure("expected \",\" or \"]\" in a list") }
                position += 1
                return .array(values)
            }
        }

        private mutating func number() throws(JSONFailure) -> JSONTree {
            let start = position
            while position < bytes.count {
                switch bytes[position] {
                case 0x30...0x39, 0x2B, 0x2D, 0x2E, 0x65, 0x45: position += 1
                default:
                    return try number(from: start)
                }
            }
            return try number(from: start)
        }

        private mutating func number(from start: Int) throws(JSONFailure) -> JSONTree {
            let text = Array(bytes[start..<position])
            guard text.withUnsafeBytes(isJSONNumber) else {
                position = start
                throw failure("a number is not written as JSON wants it")
            }
            guard let number = NumberText.parse(text), number.isFinite else {
                position = start
                throw failure("a number is too large")
            }
            return .number(number, text: String(decoding: text, as: UTF8.self))
        }

        private mutating func string() throws(JSONFailure) -> String {
            position += 1
            var text: [UInt8] = []
            var start = position
            while true {
                guard position < bytes.count else { throw failure("unexpected end within a text") }
                let byte = bytes[position]
                if byte == 0x22 { break }
                if byte < 0x20 { throw failure("a control character within a text, expected it escaped") }
                if byte == 0x5C {
                    text.append(contentsOf: bytes[start..<position])
                    try escape(into: &text)
                    start = position
                } else {
                    position += 1
                }
            }
            text.append(contentsOf: bytes[start..<position])
            let isValid = text.withUnsafeBufferPointer {
                $0.baseAddress.map { base in isUTF8(base, text.count) } ?? true
            }
            guard isValid else { throw failure("a text that is not UTF-8") }
            position += 1
            return String(decoding: text, as: UTF8.self)
        }

        private mutating func escape(into text: inout [UInt8]) throws(JSONFailure) {
            position += 1
            let character = byte
            position += 1
            switch character {
            case 0x22, 0x5C, 0x2F: text.append(character)
            case 0x6E: text.append(0x0A)
            case 0x74: text.append(0x09)
            case 0x72: text.append(0x0D)
            case 0x62: text.append(0x08)
            case 0x66: text.append(0x0C)
            case 0x75:
                let unit = try hexUnit()
                guard unit & 0xF800 == 0xD800 else {
                    text.append(contentsOf: Array(String(Unicode.Scalar(unit)!).utf8))
                    return
                }
                guard unit < 0xDC00, take("\\u") else { throw failure("half of a surrogate pair") }
                let low = try hexUnit()
                guard low & 0xFC00 == 0xDC00 else { throw failure("half of a surrogate pair") }
                let scalar = Unicode.Scalar(0x10000 + (UInt32(unit & 0x3FF) << 10 | UInt32(low & 0x3FF)))!
                text.append(contentsOf: Array(String(scalar).utf8))
            default:
                position -= 1
                throw failure("a backslash that escapes nothing")
            }
        }

        private mutating func hexUnit() throws(JSONFailure) -> UInt16 {
            var unit: UInt16 = 0
            for _ in 0..<4 {
                guard let digit = hexDigit(byte) else { throw failure("expected four hexadecimal digits") }
                unit = unit << 4 | digit
                position += 1
            }
            return unit
        }
    }
}
