/// A JSON number as the decimal that it is written as: ± digits × 10^exponent, exact, without a zero at either end of the digits.
///
/// JSON Schema speaks of numbers, not of doubles: `9007199254740993` is more than `9007199254740992`, and `0.3` is a multiple of
/// `0.1`. Nineteen digits fit into a word, which is what nearly every number has; longer ones are compared digit by digit in their
/// text. Nothing is allocated, and nothing is rounded.
struct Decimal {
    /// The digits as a whole number; right while ``count`` is at most 19.
    private(set) var mantissa: UInt64 = 0
    /// How many digits there are; none for zero.
    private(set) var count = 0
    /// What the last digit is multiplied by, as a power of ten.
    private(set) var exponent = 0
    private(set) var isNegative = false
    /// Where the first digit that is not zero stands in the text.
    private var first = 0

    /// Most digits that ``mantissa`` holds.
    static let wordDigits = 19
    /// Most digits of a divisor: a remainder times ten must fit into a word.
    static let divisorDigits = 18
    private static let largestExponent = 1_000_000

    /// Reads a number that RFC 8259's grammar accepts.
    ///
    /// An exponent beyond a million counts as a million.
    init(_ text: UnsafeRawBufferPointer) {
        var index = 0
        if text.count > 0, text[0] == 0x2D {
            isNegative = true
            index = 1
        }
        var zeros = 0
        var fraction = 0
        var isBehindPoint = false
        while index < text.count {
            let byte = text[index]
            if byte == 0x2E {
                isBehindPoint = true
            } else if isDigit(byte) {
                if isBehindPoint { fraction &+= 1 }
                if byte == 0x30 {
                    if count > 0 { zeros &+= 1 }
                } else {
                    if count == 0 { first = index }
                    count &+= zeros &+ 1
                    if count <= Self.wordDigits {
                        while zeros > 0 {
                            mantissa &*= 10
                            zeros &-= 1
                        }
                        mantissa = mantissa &* 10 &+ UInt64(byte &- 0x30)
                    }
                    zeros = 0
                }
            } else {
                break
            }
            index &+= 1
        }
        guard count > 0 else {
            isNegative = false
            return
        }
        exponent = Self.exponent(in: text, from: index) &- fraction &+ zeros
    }

    private static func exponent(in text: UnsafeRawBufferPointer, from start: Int) -> Int {
        var index = start
        guard index < text.count, text[index] | 0x20 == 0x65 else { return 0 }
        index &+= 1
        var isNegative = false
        if index < text.count, text[index] == 0x2B || text[index] == 0x2D {
            isNegative = text[index] == 0x2D
            index &+= 1
        }
        var value = 0
        while index < text.count, isDigit(text[index]) {
            value = min(value &* 10 &+ Int(text[index] &- 0x30), largestExponent)
            index &+= 1
        }
        return isNegative ? -value : value
    }

    /// Whether a number has no fraction; most are digits only, which is seen without reading them as a number.
    @inline(__always)
    static func isWhole(_ text: UnsafeRawBufferPointer) -> Bool {
        for byte in text where byte == 0x2E || byte | 0x20 == 0x65 { return Decimal(text).isWhole }
        return true
    }

    /// Whether the number has no fraction: `1`, `1.0` and `1e3`.
    @inline(__always)
    var isWhole: Bool { exponent >= 0 }

    /// The place of the first digit, as a power of ten.
    private var leading: Int { exponent &+ count }

    /// Compares two numbers: negative, zero or positive, as the first is less, equal or more.
    ///
    /// - Parameters:
    ///   - text: what `one` was read from; `otherText` likewise.
    static func compare(
        _ one: Decimal,
        _ text: UnsafeRawBufferPointer,
        _ other: Decimal,
        _ otherText: UnsafeRawBufferPointer
    ) -> Int {
        if one.isNegative != other.isNegative { return one.isNegative ? -1 : 1 }
        let magnitudes = compareMagnitudes(one, text, other, otherText)
        return one.isNegative ? -magnitudes : magnitudes
    }

    private static func compareMagnitudes(
        _ one: Decimal,
        _ text: UnsafeRawBufferPointer,
        _ other: Decimal,
        _ otherText: UnsafeRawBufferPointer
    ) -> Int {
        guard one.count > 0, other.count > 0 else { return one.count &- other.count }
        if one.leading != other.leading { return one.leading < other.leading ? -1 : 1 }
        guard one.count <= wordDigits, other.count <= wordDigits else {
            return compareDigits(one, text, other, otherText)
        }
        // Both begin at the same place, so that the longer one has at most 19 digits and the shorter one is filled up to it.
        let left = scaled(one.mantissa, by: other.count &- one.count)
        let right = scaled(other.mantissa, by: one.count &- other.count)
        return left == right ? 0 : left < right ? -1 : 1
    }

    private static func scaled(_ mantissa: UInt64, by power: Int) -> UInt64 {
        var mantissa = mantissa
        var left = power
        while left > 0 {
            mantissa &*= 10
            left &-= 1
        }
        return mantissa
    }

    /// Digit by digit; both begin at the same place.
    private static func compareDigits(
        _ one: Decimal,
        _ text: UnsafeRawBufferPointer,
        _ other: Decimal,
        _ otherText: UnsafeRawBufferPointer
    ) -> Int {
        var index = one.first
        var otherIndex = other.first
        for _ in 0..<min(one.count, other.count) {
            let digit = nextDigit(text, &index)
            let otherDigit = nextDigit(otherText, &otherIndex)
            if digit != otherDigit { return digit < otherDigit ? -1 : 1 }
        }
        return one.count == other.count ? 0 : one.count < other.count ? -1 : 1
    }

    private static func nextDigit(_ text: UnsafeRawBufferPointer, _ index: inout Int) -> UInt8 {
        if text[index] == 0x2E { index &+= 1 }
        defer { index &+= 1 }
        return text[index]
    }

    /// Whether the number is a whole multiple of a divisor that is more than zero and has at most ``divisorDigits`` digits.
    ///
    /// Linear in the digits and in the difference of the exponents, which is less than a thousand for doubles.
    func isMultiple(of divisor: Decimal, _ text: UnsafeRawBufferPointer) -> Bool {
        guard count > 0 else { return true }
        // m₁·10^k / m₂ with k < 0 would need an m₁ that ends in a zero, and it does not.
        var power = exponent &- divisor.exponent
        guard power >= 0, divisor.mantissa > 0 else { return false }
        var remainder: UInt64 = 0
        if count <= Self.wordDigits {
            remainder = mantissa % divisor.mantissa
        } else {
            var index = first
            for _ in 0..<count {
                remainder = (remainder &* 10 &+ UInt64(Self.nextDigit(text, &index) &- 0x30)) % divisor.mantissa
            }
        }
        while power > 0, remainder != 0 {
            remainder = remainder &* 10 % divisor.mantissa
            power &-= 1
        }
        return remainder == 0
    }

    /// Appends the digits, one number in one way: what equal numbers are equal in.
    func append(digitsOf text: UnsafeRawBufferPointer, to out: inout ByteArena) {
        out.reserve(count &+ 32)
        out.put(isNegative ? 0x2D : 0x2B)
        var index = first
        for _ in 0..<count { out.put(Self.nextDigit(text, &index)) }
        out.put(0x65)
        out.put(decimal: Int64(exponent))
    }
}
