#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Numbers written as text, and numbers printed as JavaScript prints them.
enum NumberText {
    private static let powers: [Double] = [
        1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19,
        1e20, 1e21, 1e22,
    ]

    /// The number that a text is: optional blanks around, a sign, decimal digits with optional point and exponent, nothing else.
    ///
    /// Up to 15 digits and small powers of ten are exact in doubles and need no library (Clinger 1990); the rest is `strtod`'s.
    static func parse(_ text: UnsafeRawBufferPointer) -> Double? {
        let text = UTF8Text.trimmed(text)
        var index = 0
        let end = text.count
        guard end > 0 else { return nil }
        var isNegative = false
        if text[0] == 0x2D || text[0] == 0x2B {
            isNegative = text[0] == 0x2D
            index = 1
        }
        var mantissa: UInt64 = 0
        var significant = 0
        var digits = 0
        var scale = 0
        while index < end, isDigit(text[index]) {
            mantissa = mantissa &* 10 &+ UInt64(text[index] &- 0x30)
            if significant > 0 || text[index] != 0x30 { significant &+= 1 }
            digits &+= 1
            index &+= 1
        }
        if index < end, text[index] == 0x2E {
            index &+= 1
            while index < end, isDigit(text[index]) {
                mantissa = mantissa &* 10 &+ UInt64(text[index] &- 0x30)
                if significant > 0 || text[index] != 0x30 { significant &+= 1 }
                digits &+= 1
                scale &-= 1
                index &+= 1
            }
        }
        guard digits > 0 else { return nil }
        if index < end, text[index] | 0x20 == 0x65 {
            index &+= 1
            var exponentIsNegative = false
            if index < end, text[index] == 0x2D || text[index] == 0x2B {
                exponentIsNegative = text[index] == 0x2D
                index &+= 1
            }
            guard index < end, isDigit(text[index]) else { return nil }
            var exponent = 0
            while index < end, isDigit(text[index]) {
                exponent = min(exponent &* 10 &+ Int(text[index] &- 0x30), 100_000)
                index &+= 1
            }
            scale &+= exponentIsNegative ? -exponent : exponent
        }
        guard index == end else { return nil }
        if significant <= 15, -22...22 ~= scale {
            let magnitude = scale < 0 ? Double(mantissa) / powers[-scale] : Double(mantissa) * powers[scale]
            return isNegative ? -magnitude : magnitude
        }
        return parseExactly(text)
    }

    /// ``parse(_:)-(UnsafeRawBufferPointer)`` of text that belongs to a definition.
    static func parse(_ text: [UInt8]) -> Double? { text.withUnsafeBytes { parse($0) } }

    /// Numbers that are long or far from one.
    ///
    /// `strtod` wants a zero behind them.
    private static func parseExactly(_ text: UnsafeRawBufferPointer) -> Double {
        withUnsafeTemporaryAllocation(byteCount: text.count + 1, alignment: 1) { copy in
            copy.copyMemory(from: text)
            copy[text.count] = 0
            return strtod(copy.baseAddress!.assumingMemoryBound(to: CChar.self), nil)
        }
    }

    // MARK: Printing

    /// Whether JavaScript prints a JSON number as it is written: at most 15 significant digits, no exponent, no zeros
    /// that say nothing, and neither too large nor too small for plain digits.
    ///
    /// Then the shortest text that names its double is this one.
    static func isPrintedForm(_ text: UnsafeRawBufferPointer) -> Bool {
        guard text.count <= 16 else { return false }
        var index = 0
        let isNegative = text.count > 0 && text[0] == 0x2D
        if isNegative { index = 1 }
        guard index < text.count else { return false }
        let startsWithZero = text[index] == 0x30
        while index < text.count, isDigit(text[index]) { index &+= 1 }
        if index == text.count { return !(startsWithZero && isNegative) && text.count <= 15 }
        guard text[index] == 0x2E, text[text.count &- 1] != 0x30 else { return false }
        let fraction = index &+ 1
        while index &+ 1 < text.count, isDigit(text[index &+ 1]) { index &+= 1 }
        guard index &+ 1 == text.count else { return false }
        // From 1e-7 on JavaScript prints an exponent: "0.000001" is the last without.
        return !startsWithZero || text[fraction] != 0x30 || text.count < fraction &+ 6
            || text[fraction..<(fraction &+ 5)].contains { $0 != 0x30 }
    }

    /// Appends a number as JavaScript's `String(number)` prints it (ECMA-262, Number::toString).
    static func append(_ number: Double, to out: inout ByteArena) {
        if number == 0 { return out.append([0x30]) }
        guard number.isFinite else {
            return out.append(Array((number < 0 ? "-Infinity" : "Infinity").utf8))
        }
        // Swift prints the same digits, the shortest that name the double, in another layout.
        var text = number.magnitude.description
        let (digits, point): ([UInt8], Int) = text.withUTF8 { layout(of: $0) }
        out.reserve(32)
        if number < 0 { out.put(0x2D) }
        func put(_ range: Range<Int>) {
            for place in range { out.put(place < digits.count ? digits[place] : 0x30) }
        }
        switch point {
        case 1...21:
            put(0..<point)
            if digits.count > point {
                out.put(0x2E)
                put(point..<digits.count)
            }
        case -5...0:
            out.put("0.")
            for _ in 0..<(-point) { out.put(0x30) }
            put(0..<digits.count)
        default:
            put(0..<1)
            if digits.count > 1 {
                out.put(0x2E)
                put(1..<digits.count)
            }
            out.put(0x65)
            if point > 0 { out.put(0x2B) }
            out.put(decimal: Int64(point - 1))
        }
    }

    /// The digits of Swift's description without zeros at their ends, and how many of them stand before the point.
    private static func layout(of text: UnsafeBufferPointer<UInt8>) -> ([UInt8], Int) {
        var digits: [UInt8] = []
        var point = 0
        var seenPoint = false
        var exponent = 0
        for (index, byte) in text.enumerated() {
            if byte == 0x2E {
                seenPoint = true
            } else if byte | 0x20 == 0x65 {
                exponent = Int(String(decoding: text[(index + 1)...], as: UTF8.self)) ?? 0
                break
            } else {
                if digits.isEmpty, byte == 0x30 {
                    if seenPoint { point -= 1 }
                    continue
                }
                digits.append(byte)
                if !seenPoint { point += 1 }
            }
        }
        while digits.last == 0x30 { digits.removeLast() }
        return (digits, point + exponent)
    }
}
