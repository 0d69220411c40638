/// Unicode lower-casing of UTF-8 text: what "case-insensitive" means in an action.
///
/// Both sides are lowered scalar by scalar, after which ς counts as σ (a lower-casing that looks at the neighbours would make
/// "ΣΑΣ" differ from a part of itself). ASCII goes through eight bytes at a time; the Swift library's `lowercaseMapping` makes a
/// String for each scalar, so the table is ours.
enum LowerCase {
    /// Lower-case forms of U+0080…U+07FF: every scalar that takes two bytes, in one look-up.
    private static let twoByte: [UInt16] = (0x80..<0x800).map { UInt16(truncatingIfNeeded: search(UInt32($0))) }

    /// Appends the lower-case form of well-formed UTF-8.
    ///
    /// Growing apart, allocates nothing.
    static func append(_ text: UnsafeRawBufferPointer, to out: inout ByteArena) {
        guard let start = text.baseAddress else { return }
        // U+0130 is the only one that grows, from two bytes to three, and a few grow from two to three (U+023A).
        out.reserve(text.count &* 2)
        var index = 0
        while index < text.count {
            if index &+ 8 <= text.count {
                let word = start.loadUnaligned(fromByteOffset: index, as: UInt64.self)
                if word & 0x8080_8080_8080_8080 == 0 {
                    out.put(word: lowered(word))
                    index &+= 8
                    continue
                }
            }
            let byte = start.load(fromByteOffset: index, as: UInt8.self)
            if byte < 0x80 {
                out.put(byte &- 0x41 < 26 ? byte | 0x20 : byte)
                index &+= 1
                continue
            }
            let (scalar, length) = UTF8Text.scalar(start + index)
            index &+= length
            if scalar == 0x130 {
                out.append(scalar: 0x69)
                out.append(scalar: 0x307)
                continue
            }
            let lower = scalar < 0x800 ? UInt32(twoByte[Int(scalar) &- 0x80]) : search(scalar)
            out.append(scalar: lower == 0x3C2 ? 0x3C3 : lower)
        }
    }

    /// Lower-cases eight bytes of ASCII.
    ///
    /// A byte's highest bit is free: adding what is missing from `A`, and from what follows `Z`, to 0x80 sets it for letters that
    /// are at least that; where only the first does, 0x20 is added.
    @inline(__always)
    private static func lowered(_ word: UInt64) -> UInt64 {
        let fromA = word &+ 0x3F3F_3F3F_3F3F_3F3F
        let behindZ = word &+ 0x2525_2525_2525_2525
        return word | (fromA & ~behindZ & 0x8080_8080_8080_8080) >> 2
    }

    /// The lower-case form of text that belongs to a definition.
    static func of(_ text: [UInt8]) -> [UInt8] {
        if text.allSatisfy({ $0 < 0x80 }) { return text.map { $0 &- 0x41 < 26 ? $0 | 0x20 : $0 } }
        var out = ByteArena(capacity: text.count * 2 + 8)
        text.withUnsafeBytes { append($0, to: &out) }
        return Array(out.bytes(0, out.count))
    }

    private static func search(_ scalar: UInt32) -> UInt32 {
        LowerCaseTable.runs.withUnsafeBufferPointer { runs in
            var low = 0
            var high = runs.count / 4
            while low < high {
                let middle = (low + high) / 2
                if UInt32(runs[middle * 4 + 1]) < scalar { low = middle + 1 } else { high = middle }
            }
            guard low < runs.count / 4 else { return scalar }
            let first = UInt32(runs[low * 4])
            guard scalar >= first, (scalar - first) % UInt32(runs[low * 4 + 2]) == 0 else { return scalar }
            return UInt32(Int32(scalar) + runs[low * 4 + 3])
        }
    }
}

/// Reading UTF-8 that is known to be well-formed.
enum UTF8Text {
    /// The scalar that begins here, and how many bytes it takes.
    @inline(__always)
    static func scalar(_ bytes: UnsafeRawPointer) -> (scalar: UInt32, length: Int) {
        let lead = UInt32(bytes.load(as: UInt8.self))
        func rest(_ index: Int) -> UInt32 { UInt32(bytes.load(fromByteOffset: index, as: UInt8.self)) & 0x3F }
        if lead < 0x80 { return (lead, 1) }
        if lead < 0xE0 { return ((lead & 0x1F) << 6 | rest(1), 2) }
        if lead < 0xF0 { return ((lead & 0x0F) << 12 | rest(1) << 6 | rest(2), 3) }
        return ((lead & 0x07) << 18 | rest(1) << 12 | rest(2) << 6 | rest(3), 4)
    }

    /// How many bytes the scalar takes that begins with this byte.
    @inline(__always)
    static func length(_ lead: UInt8) -> Int { lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4 }

    /// Whether a byte is white space to a definition's author: blank, tab, line feed, vertical tab, form feed, carriage return.
    @inline(__always)
    static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte &- 0x09 < 5 }

    /// The text without blanks around it.
    @inline(__always)
    static func trimmed(_ text: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        var first = 0
        var end = text.count
        while first < end, isBlank(text[first]) { first &+= 1 }
        while end > first, isBlank(text[end &- 1]) { end &-= 1 }
        return UnsafeRawBufferPointer(rebasing: text[first..<end])
    }
}
