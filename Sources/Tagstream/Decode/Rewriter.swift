#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Puts a record's value into the one form that the decoder reads in one pass, and nothing else: it never decides what is valid.
///
/// That form is an object whose nested documents (`data`, `properties`, …) are JSON in JSON strings, with no escapes but the
/// necessary ones around them. Two kinds of record are rewritten:
///
/// - a **flat event**, whose `properties` are an object: the object becomes a string, which costs what escaping it for the output
///   row would have cost later;
/// - a record that some writer wrote with escapes of its own choice, or that holds what may not reach an output as it is: a lone
///   surrogate becomes U+FFFD, a number outside the range of a double becomes text (`1e999` → `"1e999"`).
///
/// What is malformed is copied as it stands, for the scanner to refuse.
struct Rewriter: ~Copyable {
    /// The top-level fields whose content is JSON of its own.
    private static func isDocument(_ key: UnsafeRawBufferPointer) -> Bool {
        equals(key, "data") || EventDecoder.isDocument(key)
    }

    /// Rewrites `source`, a range of the workbench's bytes, behind the bytes in use; returns where the new text begins.
    ///
    /// - Throws: ``ScanFailure`` where even the outermost object cannot be followed.
    static func rewrite(_ source: Range<Int>, on bench: inout Workbench) throws(ScanFailure) -> Int {
        // Escaping at most doubles (`"` → `\"`), quoting a number adds four bytes to at least five. After this no append moves the
        // arena, and the source may be read while the target is written.
        bench.bytes.reserve(3 * source.count + 1024)
        let start = bench.bytes.count
        var rewriter = Rewriter(position: source.lowerBound, end: source.upperBound)
        try rewriter.object(&bench.bytes, &bench.scratch)
        return start
    }

    private var position: Int
    private let end: Int

    private init(position: Int, end: Int) {
        self.position = position
        self.end = end
    }

    private mutating func object(_ out: inout ByteArena, _ scratch: inout ByteArena) throws(ScanFailure) {
        skipBlanks(out)
        try expect(0x7B, out)
        out.put(0x7B)
        skipBlanks(out)
        if peek(out) == 0x7D {
            position += 1
        } else {
            repeat {
                skipBlanks(out)
                try field(&out, &scratch)
                skipBlanks(out)
            } while follows(0x2C, &out)
            try expect(0x7D, out)
        }
        out.put(0x7D)
        // Whatever trails the object goes along: the scanner refuses it, as it would have refused it before.
        skipBlanks(out)
        if position < end { out.put(0x21) }
    }

    private mutating func field(_ out: inout ByteArena, _ scratch: inout ByteArena) throws(ScanFailure) {
        scratch.removeAll()
        let key = try string(out)
        scratch.append(decoding: out.bytes(key.lowerBound, key.count), marker: 1)
        out.put(0x22)
        Self.escape(scratch.bytes(0, scratch.count), into: &out)
        out.put(0x22)
        let holdsDocument = Self.isDocument(scratch.bytes(0, scratch.count))
        skipBlanks(out)
        try expect(0x3A, out)
        out.put(0x3A)
        skipBlanks(out)
        switch peek(out) {
        case 0x22:
            let content = try string(out)
            scratch.removeAll()
            scratch.append(decoding: out.bytes(content.lowerBound, content.count), marker: 1)
            out.put(0x22)
            if holdsDocument {
                Document(escaping: true).copy(scratch.bytes(0, scratch.count), into: &out)
            } else {
                Self.escape(scratch.bytes(0, scratch.count), into: &out)
            }
            out.put(0x22)
        case 0x7B, 0x5B:
            let content = try container(out)
            // Only a text makes an envelope: a flat event's own `data` must not become one by being rewritten.
            let holdsDocument = holdsDocument && !equals(scratch.bytes(0, scratch.count), "data")
            if holdsDocument { out.put(0x22) }
            Document(escaping: holdsDocument).copy(out.bytes(content.lowerBound, content.count), into: &out)
            if holdsDocument { out.put(0x22) }
        default:
            let start = position
            while position < end, !Self.endsScalar(peek(out)) { position += 1 }
            Document(escaping: false).copy(out.bytes(start, position - start), into: &out)
        }
    }

    // MARK: Reading the source

    private func peek(_ out: borrowing ByteArena) -> UInt8 {
        position < end ? out.base.load(fromByteOffset: position, as: UInt8.self) : 0
    }

    private mutating func skipBlanks(_ out: borrowing ByteArena) {
        while position < end {
            switch peek(out) {
            case 0x20, 0x0A, 0x0D, 0x09: position += 1
            default: return
            }
        }
    }

    private mutating func expect(_ byte: UInt8, _ out: borrowing ByteArena) throws(ScanFailure) {
        guard peek(out) == byte, position < end else { throw ScanFailure(kind: .malformed, offset: position) }
        position += 1
    }

    private mutating func follows(_ byte: UInt8, _ out: inout ByteArena) -> Bool {
        guard position < end, peek(out) == byte else { return false }
        position += 1
        out.put(byte)
        return true
    }

    private static func endsScalar(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x2C, 0x7D, 0x5D, 0x20, 0x0A, 0x0D, 0x09: true
        default: false
        }
    }

    /// Passes over a string of the outermost level; returns its content's range.
    ///
    /// Strict, because decoding it is not.
    private mutating func string(_ out: borrowing ByteArena) throws(ScanFailure) -> Range<Int> {
        try expect(0x22, out)
        let start = position
        let bytes = UnsafePointer(out.base.assumingMemoryBound(to: UInt8.self))
        while position < end {
            switch bytes[position] {
            case 0x22:
                position += 1
                return start..<(position - 1)
            case 0x5C:
                position += 1
                switch position < end ? bytes[position] : 0 {
                case 0x22, 0x5C, 0x2F, 0x62, 0x66, 0x6E, 0x72, 0x74: position += 1
                case 0x75:
                    guard position + 5 <= end, hexUnit(bytes + position + 1) != nil else {
                        throw ScanFailure(kind: .malformed, offset: position)
                    }
                    position += 5
                default: throw ScanFailure(kind: .malformed, offset: position)
                }
            case 0..<0x20: throw ScanFailure(kind: .malformed, offset: position)
            default: position += 1
            }
        }
        throw ScanFailure(kind: .malformed, offset: position)
    }

    /// Passes over an object or array by counting its brackets; what is in it the scanner checks.
    private mutating func container(_ out: borrowing ByteArena) throws(ScanFailure) -> Range<Int> {
        let start = position
        let bytes = UnsafePointer(out.base.assumingMemoryBound(to: UInt8.self))
        var depth = 0
        while position < end {
            switch bytes[position] {
            case 0x7B, 0x5B: depth += 1
            case 0x7D, 0x5D: depth -= 1
            case 0x22:
                position += 1
                while position < end, bytes[position] != 0x22 { position += bytes[position] == 0x5C ? 2 : 1 }
            default: break
            }
            position += 1
            if depth == 0 { return start..<min(position, end) }
        }
        throw ScanFailure(kind: .malformed, offset: end)
    }

    /// Like ``ByteArena/append(escaping:)``, into room that is already there.
    private static func escape(_ text: UnsafeRawBufferPointer, into out: inout ByteArena) {
        for byte in text {
            switch byte {
            case 0x22, 0x5C:
                out.put(0x5C)
                out.put(byte)
            case 0..<0x20:
                out.put("\\u00")
                out.put(byte < 0x10 ? 0x30 : 0x31)
                out.put(hexDigits.utf8Start[Int(byte & 15)])
            default: out.put(byte)
            }
        }
    }
}

/// Copies JSON text and mends it on the way, escaping it once more where it is to stand inside a string.
private struct Document {
    var escaping: Bool

    func copy(_ text: UnsafeRawBufferPointer, into out: inout ByteArena) {
        guard let start = text.baseAddress else { return }
        let bytes = start.assumingMemoryBound(to: UInt8.self)
        var index = 0
        while index < text.count {
            let byte = bytes[index]
            switch byte {
            case 0x22:
                index = string(bytes, index, text.count, &out)
            case 0x0A, 0x0D, 0x09:
                out.put(0x20)
                index += 1
            case 0x2D, 0x30...0x39:
                index = number(bytes, index, text.count, &out)
            case 0x5C:
                put(byte, &out)
                index += 1
            default:
                out.put(escaping && byte < 0x20 ? Self.noJSON : byte)
                index += 1
            }
        }
    }

    /// Stands for a control character in a document that becomes a text: as wrong there as the character was, but no reason to
    /// refuse the text, which may be nothing but the property of a flat event that happens to be called `data`.
    private static let noJSON: UInt8 = 0x21

    @inline(__always)
    private func put(_ byte: UInt8, _ out: inout ByteArena) {
        if escaping { out.put(0x5C) }
        out.put(byte)
    }

    private func string(_ bytes: UnsafePointer<UInt8>, _ start: Int, _ count: Int, _ out: inout ByteArena) -> Int {
        put(0x22, &out)
        var index = start + 1
        while index < count {
            let byte = bytes[index]
            if byte == 0x22 {
                put(byte, &out)
                return index + 1
            }
            if byte != 0x5C {
                if escaping, byte < 0x20 {
                    out.put("\\\\!")  // an escape that JSON does not have
                } else {
                    out.put(byte)
                }
                index += 1
                continue
            }
            guard index + 1 < count else {
                put(byte, &out)
                return count
            }
            let character = bytes[index + 1]
            if character == 0x75, index + 6 <= count, let unit = hexUnit(bytes + index + 2), unit & 0xF800 == 0xD800 {
                let isPair =
                    unit < 0xDC00 && index + 12 <= count && bytes[index + 6] == 0x5C && bytes[index + 7] == 0x75
                    && (hexUnit(bytes + index + 8) ?? 0) & 0xFC00 == 0xDC00
                put(byte, &out)
                if isPair {
                    out.put(bytes + index + 1, 5)
                    put(byte, &out)
                    out.put(bytes + index + 7, 5)
                } else {
                    out.put("ufffd")
                }
                index += isPair ? 12 : 6
                continue
            }
            put(byte, &out)
            if character == 0x22 || character == 0x5C {
                put(character, &out)
            } else {
                out.put(escaping && character < 0x20 ? Self.noJSON : character)
            }
            index += 2
        }
        return index
    }

    /// The size of a number's exponent, or what is certainly too much.
    private static func exponent(of text: UnsafeRawBufferPointer) -> Int {
        guard let letter = text.firstIndex(where: { $0 | 0x20 == 0x65 }) else { return 0 }
        var exponent = 0
        for byte in text[(letter + 1)...] where isDigit(byte) {
            exponent = min(exponent * 10 + Int(byte - 0x30), 100_000)
        }
        return exponent
    }

    private func number(_ bytes: UnsafePointer<UInt8>, _ start: Int, _ count: Int, _ out: inout ByteArena) -> Int {
        var end = start
        scan: while end < count {
            switch bytes[end] {
            case 0x30...0x39, 0x2B, 0x2D, 0x2E, 0x65, 0x45: end += 1
            default: break scan
            }
        }
        let text = UnsafeRawBufferPointer(start: bytes + start, count: end - start)
        let mayOverflow = text.count + Self.exponent(of: text) > 300
        // A number that is too long stays a number, for the scanner to refuse.
        let outOfRange =
            mayOverflow && text.count <= EventLimits.numberBytes && !isFiniteNumber(text) && isJSONNumber(text)
        if outOfRange { put(0x22, &out) }
        out.put(bytes + start, text.count)
        if outOfRange { put(0x22, &out) }
        return end
    }
}

/// Whether bytes are exactly a literal's.
@inline(__always)
func equals(_ bytes: UnsafeRawBufferPointer, _ literal: StaticString) -> Bool {
    bytes.count == literal.utf8CodeUnitCount
        && memcmp(bytes.baseAddress!, UnsafeRawPointer(literal.utf8Start), bytes.count) == 0
}
