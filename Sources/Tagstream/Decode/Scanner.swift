// The scanner: one pass over JSON text that may itself stand inside a JSON string.
//
// A gateway's record is JSON whose `data` is a string that holds the event, again as JSON. The naive way decodes `data` into a
// second buffer (1 µs for 2 KB) and parses that. But inside a JSON string every quote of the inner text is written `\"` and every
// backslash `\\`, so the inner text can be read as it stands, by looking for `\"` where plain JSON has `"` and for `\\n` where it
// has `\n`. We call that *escaped space*. Keys and values are ranges of it; a string without inner escapes is its own decoded
// text; and since the output's `properties` column is JSON in a JSON string too, writing it is a copy of ranges.
//
// What this pass does not read it reports as `.rewrite`, never as an error: outer escapes that a writer chose freely (`\u0022`,
// `\/`, `\n` between tokens), lone surrogates, numbers out of range. `Rewriter` puts such a record into the form that is read here,
// and the same pass decides again. So there is one grammar, and the rare cases cost only themselves.
//
// Everything is checked that a strict parser checks, because bytes go to the output verbatim: the grammar at every depth,
// escapes, control characters, numbers, and UTF-8 (only of strings in which a byte over 0x7F occurred).

/// Which of the two ways the text is written.
protocol JSONSpace {
    /// Whether the text stands inside a JSON string.
    static var isEscaped: Bool { get }
}

/// Plain JSON.
enum PlainSpace: JSONSpace {
    @inline(__always) static var isEscaped: Bool { false }
}

/// JSON inside a JSON string.
enum EscapedSpace: JSONSpace {
    @inline(__always) static var isEscaped: Bool { true }
}

extension Scanner where Space == PlainSpace {
    /// A scanner of the JSON inside the string whose opening quote is here.
    @inline(__always)
    func inEscapedSpace() -> Scanner<EscapedSpace> {
        Scanner<EscapedSpace>(base, at: position &+ 1, keysLeft: keysLeft, keyBytes: keyBytes)
    }

    /// Goes on behind the string that `nested` has read to its closing quote.
    @inline(__always)
    mutating func close(_ nested: Scanner<EscapedSpace>) throws(ScanFailure) {
        var nested = nested
        nested.skipBlanks()
        guard nested.byte == 0x22 else { throw nested.unexpected() }
        position = nested.position &+ 1
        keysLeft = nested.keysLeft
    }
}

/// Reads JSON text from a workbench.
///
/// The text must be followed by eight readable bytes, the first of them zero: no loop here asks where the end is,
/// because every loop stops at a control byte.
struct Scanner<Space: JSONSpace> {
    let base: UnsafePointer<UInt8>
    /// The byte that is read next.
    var position: Int
    /// How many keys may still come.
    var keysLeft: Int
    let keyBytes: Int

    @inline(__always)
    init(_ base: UnsafeRawPointer, at position: Int, keysLeft: Int, keyBytes: Int) {
        self.base = base.assumingMemoryBound(to: UInt8.self)
        self.position = position
        self.keysLeft = keysLeft
        self.keyBytes = keyBytes
    }

    // MARK: Tokens

    @inline(__always)
    var byte: UInt8 { base[position] }

    @inline(__always)
    mutating func skipBlanks() {
        if Space.isEscaped {
            while base[position] == 0x20 { position &+= 1 }
        } else {
            while true {
                let byte = base[position]
                guard byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else { return }
                position &+= 1
            }
        }
    }

    /// What to throw at a byte that fits nothing: an outer escape may still be rewritten into something that fits.
    @inline(never)
    func unexpected() -> ScanFailure {
        ScanFailure(kind: Space.isEscaped && byte == 0x5C ? .rewrite : .malformed, offset: position)
    }

    /// What to throw where one of `count` bytes fits nothing: see ``unexpected()``.
    @inline(never)
    func unexpected(at offset: Int, _ count: Int) -> ScanFailure {
        var place = offset
        while place < offset &+ count, base[place] > 0x1F {
            if Space.isEscaped, base[place] == 0x5C { return ScanFailure(kind: .rewrite, offset: offset) }
            place &+= 1
        }
        return ScanFailure(kind: .malformed, offset: offset)
    }

    @inline(__always)
    mutating func expect(_ expected: UInt8) throws(ScanFailure) {
        guard base[position] == expected else { throw unexpected() }
        position &+= 1
    }

    /// Whether a string begins here.
    @inline(__always)
    var atQuote: Bool {
        Space.isEscaped ? load16(position) == 0x225C : base[position] == 0x22
    }

    @inline(__always)
    func load16(_ offset: Int) -> UInt16 { UnsafeRawPointer(base + offset).loadUnaligned(as: UInt16.self) }
    @inline(__always)
    func load32(_ offset: Int) -> UInt32 { UnsafeRawPointer(base + offset).loadUnaligned(as: UInt32.self) }
    @inline(__always)
    func load64(_ offset: Int) -> UInt64 { UnsafeRawPointer(base + offset).loadUnaligned(as: UInt64.self) }

    // MARK: Strings

    /// The first quote, backslash or control byte at or after `offset`, eight bytes at a time; gathers the bytes' high bits.
    @inline(__always)
    func stop(from offset: Int, _ high: inout UInt64) -> Int {
        let ones: UInt64 = 0x0101_0101_0101_0101
        var offset = offset
        while true {
            let word = load64(offset)
            let quote = word ^ 0x2222_2222_2222_2222
            let backslash = word ^ 0x5C5C_5C5C_5C5C_5C5C
            // "Has a zero byte" and "has a byte below 0x20" (Anderson, Bit Twiddling Hacks): the lowest hit is exact.
            let hits =
                ((quote &- ones) & ~quote | (backslash &- ones) & ~backslash | (word &- 0x2020_2020_2020_2020) & ~word)
                & 0x8080_8080_8080_8080
            high |= word
            if hits != 0 { return offset &+ hits.trailingZeroBitCount >> 3 }
            offset &+= 8
        }
    }

    /// Reads a string whose opening quote is here, and stands behind its closing quote afterwards.
    @inline(__always)
    mutating func string() throws(ScanFailure) -> (offset: Int, length: Int, escaped: Bool) {
        guard atQuote else { throw unexpected() }
        position &+= Space.isEscaped ? 2 : 1
        let start = position
        var high: UInt64 = 0
        var escaped = false
        var end = start
        while true {
            end = stop(from: end, &high)
            if Space.isEscaped {
                guard base[end] == 0x5C else { throw ScanFailure(kind: .malformed, offset: end) }
                if base[end &+ 1] == 0x22 { break }
                escaped = true
                end = try innerEscape(at: end)
            } else {
                if base[end] == 0x22 { break }
                guard base[end] == 0x5C else { throw ScanFailure(kind: .malformed, offset: end) }
                escaped = true
                end = try escape(at: end &+ 1, marker: 1)
            }
        }
        position = end &+ (Space.isEscaped ? 2 : 1)
        if high & 0x8080_8080_8080_8080 != 0, !isUTF8(base + start, end &- start) {
            throw ScanFailure(kind: .utf8, offset: start)
        }
        return (start, end &- start, escaped)
    }

    /// Checks the inner escape whose first backslash is at `offset` of escaped space; returns the byte behind it.
    @inline(__always)
    func innerEscape(at offset: Int) throws(ScanFailure) -> Int {
        guard base[offset &+ 1] == 0x5C else { throw ScanFailure(kind: .rewrite, offset: offset) }
        if base[offset &+ 2] == 0x5C {
            let character = base[offset &+ 3]
            guard character == 0x5C || character == 0x22 else { throw ScanFailure(kind: .rewrite, offset: offset) }
            return offset &+ 4
        }
        return try escape(at: offset &+ 2, marker: 2)
    }

    /// Checks the character(s) of an escape that begin at `offset`; `marker` is how many backslashes introduce one.
    @inline(__always)
    func escape(at offset: Int, marker: Int) throws(ScanFailure) -> Int {
        switch base[offset] {
        case 0x6E, 0x74, 0x72, 0x62, 0x66, 0x2F: return offset &+ 1  // n t r b f /
        case 0x22, 0x5C:
            guard marker == 1 else { throw ScanFailure(kind: .malformed, offset: offset) }
            return offset &+ 1
        case 0x75: return try unicodeEscape(at: offset, marker: marker)
        default: throw ScanFailure(kind: .malformed, offset: offset)
        }
    }

    @inline(never)
    func unicodeEscape(at offset: Int, marker: Int) throws(ScanFailure) -> Int {
        guard let unit = hexUnit(base + offset + 1) else { throw unexpected(at: offset, 5) }
        guard unit & 0xF800 == 0xD800 else { return offset + 5 }
        // A surrogate must be the first of a pair; a lone one becomes U+FFFD in the rewriter.
        let next = offset + 5
        guard unit < 0xDC00, base[next] == 0x5C, marker == 1 || base[next + 1] == 0x5C, base[next + marker] == 0x75,
            let low = hexUnit(base + next + marker + 1), low & 0xFC00 == 0xDC00
        else { throw ScanFailure(kind: .rewrite, offset: offset) }
        return next + marker + 5
    }

    // MARK: Values

    /// Reads a value at nesting `depth` (the depth of the object or array it stands in) and returns its range.
    @inline(__always)
    mutating func value(depthLeft: Int) throws(ScanFailure) -> Value {
        let spaceFlags: Value.Flags = Space.isEscaped ? [] : .plain
        let start = position
        let kind: Value.Kind
        switch base[start] {
        case 0x5C, 0x22:
            let text = try string()
            return Value(
                offset: UInt32(truncatingIfNeeded: text.offset),
                length: UInt32(truncatingIfNeeded: text.length),
                kind: .string,
                flags: text.escaped ? spaceFlags.union(.escaped) : spaceFlags
            )
        case 0x2D, 0x30...0x39:
            try number()
            kind = .number
        case 0x7B:
            try container(depthLeft: depthLeft)
            kind = .object
        case 0x5B:
            try container(depthLeft: depthLeft)
            kind = .array
        default:
            kind = try literal()
        }
        return Value(
            offset: UInt32(truncatingIfNeeded: start),
            length: UInt32(truncatingIfNeeded: position &- start),
            kind: kind,
            flags: spaceFlags
        )
    }

    @inline(__always)
    mutating func key() throws(ScanFailure) -> (offset: Int, length: Int, escaped: Bool) {
        let key = try string()
        keysLeft &-= 1
        guard keysLeft >= 0 else { throw ScanFailure(kind: .keys, offset: key.offset) }
        // Nearly no key is so long as it is written; what its escapes stand for may be shorter.
        if key.length > keyBytes, decodedLength(of: key) > keyBytes {
            throw ScanFailure(kind: .keyLength, offset: key.offset)
        }
        skipBlanks()
        try expect(0x3A)
        skipBlanks()
        return key
    }

    /// How many bytes of UTF-8 a string comes to that has been read.
    @inline(never)
    private func decodedLength(of string: (offset: Int, length: Int, escaped: Bool)) -> Int {
        guard string.escaped else { return string.length }
        let marker = Space.isEscaped ? 2 : 1
        let end = string.offset &+ string.length
        var index = string.offset
        var length = 0
        while index < end {
            guard base[index] == 0x5C else {
                index &+= 1
                length &+= 1
                continue
            }
            index &+= marker
            if marker == 2, base[index] == 0x5C { index &+= 1 }
            if base[index] == 0x75, let unit = hexUnit(base + index + 1) {
                // Either half of a pair is two of its four bytes.
                length &+= unit < 0x80 ? 1 : unit < 0x800 || unit & 0xF800 == 0xD800 ? 2 : 3
                index &+= 5
            } else {
                length &+= 1
                index &+= 1
            }
        }
        return length
    }

    /// Reads a nested object or array without keeping its parts.
    ///
    /// Iterative: depth costs one bit of one word, not stack.
    @inline(never)
    mutating func container(depthLeft: Int) throws(ScanFailure) {
        var open = 0
        var objects: UInt64 = 0  // one bit for every open container, the innermost lowest: 1 = object
        while true {
            // A value is expected here.
            let first = base[position]
            if first == 0x7B || first == 0x5B {
                guard open < depthLeft else { throw ScanFailure(kind: .depth, offset: position) }
                open &+= 1
                let isObject = first == 0x7B
                objects = objects << 1 | (isObject ? 1 : 0)
                position &+= 1
                skipBlanks()
                if base[position] != (isObject ? 0x7D : 0x5D) {
                    if isObject { _ = try key() }
                    continue
                }
                position &+= 1
                open &-= 1
                objects >>= 1
            } else {
                try scalar()
            }
            // A value has ended: close what ends with it, then go on to the next.
            while true {
                if open == 0 { return }
                skipBlanks()
                let next = base[position]
                let isObject = objects & 1 == 1
                if next == 0x2C {
                    position &+= 1
                    skipBlanks()
                    if isObject { _ = try key() }
                    break
                }
                guard next == (isObject ? 0x7D : 0x5D) else { throw unexpected() }
                position &+= 1
                open &-= 1
                objects >>= 1
            }
        }
    }

    @inline(__always)
    mutating func scalar() throws(ScanFailure) {
        switch base[position] {
        case 0x5C, 0x22: _ = try string()
        case 0x2D, 0x30...0x39: try number()
        default: _ = try literal()
        }
    }

    /// Reads an object and appends its fields to the tape, in the order they stand.
    @inline(__always)
    mutating func fields(onto tape: inout FieldTape, depthLeft: Int) throws(ScanFailure) {
        try expect(0x7B)
        skipBlanks()
        if base[position] == 0x7D {
            position &+= 1
            return
        }
        while true {
            let key = try key()
            var value = try value(depthLeft: depthLeft)
            if key.escaped { value.flags.insert(.keyEscaped) }
            tape.append(
                Field(
                    keyOffset: UInt32(truncatingIfNeeded: key.offset),
                    keyLength: UInt32(truncatingIfNeeded: key.length),
                    keyHash: keyHash(UnsafeRawPointer(base + key.offset), key.length),
                    value: value
                )
            )
            skipBlanks()
            if base[position] == 0x2C {
                position &+= 1
                skipBlanks()
                continue
            }
            try expect(0x7D)
            return
        }
    }
}
