#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// The lower-case hexadecimal digits.
let hexDigits: StaticString = "0123456789abcdef"

/// Whether a byte is an ASCII decimal digit.
@inline(__always)
func isDigit(_ byte: UInt8) -> Bool { byte &- 0x30 < 10 }

/// The value of a hexadecimal digit, or nil.
@inline(__always)
func hexDigit(_ byte: UInt8) -> UInt16? {
    switch byte {
    case 0x30...0x39: UInt16(byte &- 0x30)
    case 0x61...0x66: UInt16(byte &- 0x57)
    case 0x41...0x46: UInt16(byte &- 0x37)
    default: nil
    }
}

/// The UTF-16 code unit that four hexadecimal digits name, or nil where one of them is none.
func hexUnit(_ digits: UnsafePointer<UInt8>) -> UInt16? {
    var unit: UInt16 = 0
    for index in 0..<4 {
        guard let digit = hexDigit(digits[index]) else { return nil }
        unit = unit << 4 | digit
    }
    return unit
}

/// Whether a JSON number's text names a finite double.
///
/// Only asked of numbers that are suspiciously long; allocates.
func isFiniteNumber(_ text: UnsafeRawBufferPointer) -> Bool {
    var copy = [CChar](text.map { CChar(bitPattern: $0) })
    copy.append(0)
    return strtod(copy, nil).isFinite
}

/// Whether text is a number by RFC 8259's grammar, nothing around it.
func isJSONNumber(_ text: UnsafeRawBufferPointer) -> Bool {
    var rest = text[...]
    func digits() -> Bool {
        let count = rest.prefix(while: isDigit).count
        rest = rest.dropFirst(count)
        return count > 0
    }
    if rest.first == 0x2D { rest = rest.dropFirst() }
    if rest.first == 0x30 { rest = rest.dropFirst() } else if !digits() { return false }
    if rest.first == 0x2E {
        rest = rest.dropFirst()
        if !digits() { return false }
    }
    if let letter = rest.first, letter | 0x20 == 0x65 {
        rest = rest.dropFirst()
        if rest.first == 0x2B || rest.first == 0x2D { rest = rest.dropFirst() }
        if !digits() { return false }
    }
    return rest.isEmpty
}

/// Whether bytes are well-formed UTF-8 (Unicode 15, table 3-7): no overlong forms, no surrogates, nothing over U+10FFFF.
func isUTF8(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> Bool {
    var index = 0
    while index < count {
        let lead = bytes[index]
        if lead < 0x80 {
            index &+= 1
            continue
        }
        let length: Int
        var low: UInt8 = 0x80
        var high: UInt8 = 0xBF
        switch lead {
        case 0xC2...0xDF: length = 2
        case 0xE0:
            length = 3
            low = 0xA0
        case 0xED:
            length = 3
            high = 0x9F
        case 0xE1...0xEF: length = 3
        case 0xF0:
            length = 4
            low = 0x90
        case 0xF4:
            length = 4
            high = 0x8F
        case 0xF1...0xF3: length = 4
        default: return false
        }
        guard index &+ length <= count, bytes[index &+ 1] >= low, bytes[index &+ 1] <= high else { return false }
        var rest = 2
        while rest < length {
            guard bytes[index &+ rest] & 0xC0 == 0x80 else { return false }
            rest &+= 1
        }
        index &+= length
    }
    return true
}

/// Whether a well-formed text has nothing but white space (Unicode 15, `White_Space`), or nothing at all.
func isWhiteSpace(_ text: UnsafeRawBufferPointer) -> Bool {
    guard let start = text.baseAddress else { return true }
    var index = 0
    while index < text.count {
        let (scalar, length) = UTF8Text.scalar(start + index)
        switch scalar {
        case 0x09...0x0D, 0x20, 0x85, 0xA0, 0x1680, 0x2000...0x200A, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000: break
        default: return false
        }
        index &+= length
    }
    return true
}

/// How many UTF-16 code units well-formed UTF-8 takes: PostHog's limits count these.
func utf16Length(_ bytes: UnsafeRawBufferPointer) -> Int {
    var units = 0
    for byte in bytes where byte & 0xC0 != 0x80 { units &+= byte >= 0xF0 ? 2 : 1 }
    return units
}

/// How many bytes of well-formed text hold at most so many UTF-16 units, no character cut in two.
func utf16Prefix(of text: UnsafeRawBufferPointer, units limit: Int) -> Int {
    var units = 0
    for (index, byte) in text.enumerated() where byte & 0xC0 != 0x80 {
        units += byte >= 0xF0 ? 2 : 1
        if units > limit { return index }
    }
    return text.count
}

extension ByteArena {
    /// Appends a Unicode scalar in UTF-8; a surrogate, which is none, becomes U+FFFD.
    mutating func append(scalar: UInt32) {
        reserve(4)
        let value = scalar & 0xFFFF_F800 == 0xD800 ? 0xFFFD : scalar
        if value < 0x80 {
            put(UInt8(value))
        } else if value < 0x800 {
            put(UInt8(0xC0 | value >> 6))
            put(UInt8(0x80 | value & 0x3F))
        } else if value < 0x10000 {
            put(UInt8(0xE0 | value >> 12))
            put(UInt8(0x80 | value >> 6 & 0x3F))
            put(UInt8(0x80 | value & 0x3F))
        } else {
            put(UInt8(0xF0 | value >> 18))
            put(UInt8(0x80 | value >> 12 & 0x3F))
            put(UInt8(0x80 | value >> 6 & 0x3F))
            put(UInt8(0x80 | value & 0x3F))
        }
    }

    /// Appends the decoded text of a JSON string's content.
    ///
    /// - Parameters:
    ///   - text: the content, without quotes, of a string that the scanner has accepted.
    ///   - marker: how many backslashes introduce an escape: 1 in plain JSON, 2 in escaped space.
    mutating func append(decoding text: UnsafeRawBufferPointer, marker: Int) {
        guard let start = text.baseAddress else { return }
        reserve(text.count)  // decoding never lengthens: the shortest escape for n bytes of UTF-8 is longer than n
        let bytes = start.assumingMemoryBound(to: UInt8.self)
        var index = 0
        while true {
            index = copy(bytes, from: index, untilBackslashIn: text.count)
            guard index < text.count else { return }
            // Quotes are most of what is escaped, and a chain is full of them.
            if isQuote(bytes + index, before: text.count &- index, marker) {
                put(0x22)
                index &+= 2 &* marker
                continue
            }
            index &+= marker
            guard index < text.count else { return }
            var character = bytes[index]
            if marker == 2, character == 0x5C {  // `\\\"` and `\\\\`: the character itself is escaped once more
                index &+= 1
                guard index < text.count else { return }
                character = bytes[index]
            }
            index &+= 1
            switch character {
            case 0x6E: put(0x0A)
            case 0x74: put(0x09)
            case 0x72: put(0x0D)
            case 0x62: put(0x08)
            case 0x66: put(0x0C)
            case 0x75: index = appendUnicode(bytes, index, text.count, marker)
            default: put(character)
            }
        }
    }

    /// Whether a backslash begins `\"`, in escaped space `\\\"`.
    @inline(__always)
    private func isQuote(_ bytes: UnsafePointer<UInt8>, before count: Int, _ marker: Int) -> Bool {
        guard count >= 2 &* marker else { return false }
        let written = UnsafeRawPointer(bytes)
        return marker == 2
            ? written.loadUnaligned(as: UInt32.self) == 0x225C_5C5C : written.loadUnaligned(as: UInt16.self) == 0x225C
    }

    /// Copies what stands before the next backslash, eight bytes at a time; returns where it stands, or the end.
    ///
    /// There is room: what is decoded is never longer than what was written, and behind the end is padding.
    @inline(__always)
    private mutating func copy(_ bytes: UnsafePointer<UInt8>, from first: Int, untilBackslashIn end: Int) -> Int {
        var index = first
        while index &+ 8 <= end {
            let word = UnsafeRawPointer(bytes + index).loadUnaligned(as: UInt64.self)
            base.storeBytes(of: word, toByteOffset: count, as: UInt64.self)
            let difference = word ^ 0x5C5C_5C5C_5C5C_5C5C
            let found = (difference &- 0x0101_0101_0101_0101) & ~difference & 0x8080_8080_8080_8080
            let length = found == 0 ? 8 : found.trailingZeroBitCount >> 3
            index &+= length
            advance(by: length)
            if found != 0 { return index }
        }
        while index < end, bytes[index] != 0x5C {
            put(bytes[index])
            index &+= 1
        }
        return index
    }

    private mutating func appendUnicode(_ bytes: UnsafePointer<UInt8>, _ index: Int, _ count: Int, _ marker: Int) -> Int
    {
        guard index + 4 <= count, let unit = hexUnit(bytes + index) else { return index }
        let next = index + 4
        if unit & 0xFC00 == 0xD800, next + marker + 5 <= count, bytes[next] == 0x5C, bytes[next + marker] == 0x75,
            let low = hexUnit(bytes + next + marker + 1), low & 0xFC00 == 0xDC00
        {
            append(scalar: 0x10000 + (UInt32(unit & 0x3FF) << 10 | UInt32(low & 0x3FF)))
            return next + marker + 5
        }
        append(scalar: UInt32(unit))
        return next
    }

    /// Appends the content of a string of escaped space as content of plain JSON: one layer of escapes less.
    @inline(__always)
    mutating func append(peeling text: UnsafeRawBufferPointer) {
        guard let start = text.baseAddress else { return }
        reserve(text.count)
        var from = 0
        while let backslash = Self.backslash(in: text, from: from) {
            put(start + from, backslash &- from)
            guard backslash &+ 1 < text.count else { return }
            put(text[backslash &+ 1])
            from = backslash &+ 2
        }
        put(start + from, text.count &- from)
    }

    @inline(__always)
    private static func backslash(in text: UnsafeRawBufferPointer, from: Int) -> Int? {
        guard let found = memchr(text.baseAddress! + from, 0x5C, text.count &- from) else { return nil }
        return UnsafeRawPointer(found) - text.baseAddress!
    }

    /// Appends text as the content of a JSON string: quotes, backslashes and control characters escaped, the rest as it is.
    mutating func append(escaping text: UnsafeRawBufferPointer) {
        reserve(6 * text.count)
        for byte in text {
            switch byte {
            case 0x22, 0x5C:
                put(0x5C)
                put(byte)
            case 0x0A: put("\\n")
            case 0x0D: put("\\r")
            case 0x09: put("\\t")
            case 0..<0x20:
                put("\\u00")
                put(byte < 0x10 ? 0x30 : 0x31)
                put(hexDigits.utf8Start[Int(byte & 15)])
            default: put(byte)
            }
        }
    }
}

extension Workbench {
    /// The decoded text of a value that is a string; the range itself where nothing has to be decoded, else decoded into `into`.
    ///
    /// For any other kind of value it is the text as written. Valid until `into` or the workbench's bytes change.
    @inline(__always)
    public func text(of value: Value, into scratch: inout ByteArena) -> UnsafeRawBufferPointer {
        let written = bytes.bytes(Int(value.offset), Int(value.length))
        guard value.flags.contains(.escaped) else { return written }
        let start = scratch.count
        scratch.append(decoding: written, marker: value.flags.contains(.plain) ? 1 : 2)
        return scratch.bytes(start, scratch.count - start)
    }

    /// The bytes of a range as written.
    @inline(__always)
    func written(_ value: Value) -> UnsafeRawBufferPointer { bytes.bytes(Int(value.offset), Int(value.length)) }
}
