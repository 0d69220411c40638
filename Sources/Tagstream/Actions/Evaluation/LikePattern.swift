import CRE2

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// SQL's LIKE without anchors: what `contains` means for a URL, a text and a link.
///
/// `%` is any run of characters, newlines included, `_` any one code point; `\%`, `\_` and `\\` are literal, and any other
/// backslash is an ordinary character. Turning it into a regular expression, as PostHog's first matcher did, backtracks; here the
/// pattern is a list of segments between the `%`, and because neither end is anchored, taking each segment's first place is right.
enum LikePattern {
    /// Stands for `%` in a compiled pattern; the byte occurs in no UTF-8 text.
    static let run: UInt8 = 0xFE
    /// Stands for `_` in a compiled pattern.
    static let one: UInt8 = 0xFF

    /// Compiles a pattern to the form that ``matches(_:_:)`` reads: text with ``run`` and ``one`` in it.
    static func compile(_ pattern: [UInt8]) -> [UInt8] {
        var out: [UInt8] = []
        var index = 0
        while index < pattern.count {
            let byte = pattern[index]
            index += 1
            switch byte {
            case 0x25:
                // A run at an end says nothing, since nothing is anchored; two of them say no more than one.
                if !out.isEmpty, out.last != run { out.append(run) }
            case 0x5F: out.append(one)
            case 0x5C where index < pattern.count && [0x25, 0x5F, 0x5C].contains(pattern[index]):
                out.append(pattern[index])
                index += 1
            default: out.append(byte)
            }
        }
        if out.last == run { out.removeLast() }
        return out
    }

    /// The longest literal of a compiled pattern: every text that matches contains it.
    static func literal(of compiled: [UInt8]) -> [UInt8] {
        compiled.split(whereSeparator: { $0 >= run }).max { $0.count < $1.count }.map(Array.init) ?? []
    }

    /// Whether the compiled pattern occurs in the text.
    ///
    /// Linear, times the segment's length for a segment with `_`.
    static func matches(_ pattern: UnsafeRawBufferPointer, _ text: UnsafeRawBufferPointer) -> Bool {
        var from = 0
        var start = 0
        while start <= pattern.count {
            var end = start
            var hasOne = false
            while end < pattern.count, pattern[end] != run {
                if pattern[end] == one { hasOne = true }
                end &+= 1
            }
            let segment = UnsafeRawBufferPointer(rebasing: pattern[start..<end])
            let rest = UnsafeRawBufferPointer(rebasing: text[from...])
            guard let after = hasOne ? find(segment, in: rest) : TextSearch.end(of: segment, in: rest) else {
                return false
            }
            from &+= after
            start = end &+ 1
        }
        return true
    }

    /// Where the first occurrence of a segment with `_` ends.
    private static func find(_ segment: UnsafeRawBufferPointer, in text: UnsafeRawBufferPointer) -> Int? {
        var from = 0
        while from <= text.count {
            if let end = match(segment, text, at: from) { return end }
            guard from < text.count else { return nil }
            from &+= UTF8Text.length(text[from])
        }
        return nil
    }

    private static func match(_ segment: UnsafeRawBufferPointer, _ text: UnsafeRawBufferPointer, at from: Int) -> Int? {
        var position = from
        for byte in segment {
            guard position < text.count else { return nil }
            if byte == one {
                position &+= UTF8Text.length(text[position])
            } else {
                guard text[position] == byte else { return nil }
                position &+= 1
            }
        }
        return position
    }
}

/// Searching bytes in bytes.
enum TextSearch {
    /// Where the first occurrence of `needle` in `text` ends; nil where there is none.
    @inline(__always)
    static func end(of needle: UnsafeRawBufferPointer, in text: UnsafeRawBufferPointer) -> Int? {
        if needle.count == 0 { return 0 }
        if needle.count > text.count { return nil }
        let found = tagstream_find(text.baseAddress, text.count, needle.baseAddress, needle.count)
        return found < 0 ? nil : found &+ needle.count
    }

    /// Whether `needle` occurs in `text`.
    @inline(__always)
    static func contains(_ needle: UnsafeRawBufferPointer, in text: UnsafeRawBufferPointer) -> Bool {
        end(of: needle, in: text) != nil
    }

    /// Whether two texts are the same bytes, where eight more are readable behind both: short texts, as most are, take no call.
    @inline(__always)
    static func equalPadded(_ one: UnsafeRawBufferPointer, _ other: UnsafeRawBufferPointer) -> Bool {
        let count = one.count
        guard count == other.count else { return false }
        guard count <= 16, let left = one.baseAddress, let right = other.baseAddress else { return equal(one, other) }
        var offset = 0
        while offset &+ 8 <= count {
            let difference =
                left.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
                ^ right.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            guard difference == 0 else { return false }
            offset &+= 8
        }
        guard offset < count else { return true }
        let difference =
            left.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            ^ right.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
        return difference << UInt64(64 &- 8 &* (count &- offset)) == 0
    }

    /// Whether two texts are the same bytes.
    @inline(__always)
    static func equal(_ one: UnsafeRawBufferPointer, _ other: UnsafeRawBufferPointer) -> Bool {
        one.count == other.count && (one.count == 0 || memcmp(one.baseAddress!, other.baseAddress!, one.count) == 0)
    }

    /// Byte order: negative, zero or positive.
    static func compare(_ one: UnsafeRawBufferPointer, _ other: UnsafeRawBufferPointer) -> Int {
        let common = min(one.count, other.count)
        let order = common == 0 ? 0 : Int(memcmp(one.baseAddress!, other.baseAddress!, common))
        return order != 0 ? order : one.count - other.count
    }
}
