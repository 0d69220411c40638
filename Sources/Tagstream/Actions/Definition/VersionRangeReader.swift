/// Turns `~1.2.3`, `^1.2.3` and `1.2.*` into the first version that is in and the first release that is out.
enum VersionRangeReader {
    static func read(_ text: [UInt8], _ kind: OperatorName.VersionRange) -> Operand? {
        text.withUnsafeBytes { bytes in
            var written = UTF8Text.trimmed(bytes)
            if kind == .wildcard {
                guard written.count > 2, written[written.count - 1] == 0x2A, written[written.count - 2] == 0x2E else {
                    return nil
                }
                written = UnsafeRawBufferPointer(rebasing: written[..<(written.count - 2)])
                guard !written.contains(where: UTF8Text.isBlank) else { return nil }
            }
            guard let version = Version.parsePartial(written), kind != .wildcard || version.parts < 3 else {
                return nil
            }
            let numbers = [version.numbers.0, version.numbers.1, version.numbers.2].map {
                $0.isEmpty ? [0x30] : Array($0)
            }
            var low: [UInt8] = Array(numbers.joined(separator: [0x2E]))
            if !version.prerelease.isEmpty { low += [0x2D] + Array(version.prerelease) }
            let place = kind == .caret ? caretPlace(numbers, version.parts) : min(version.parts, 2) - 1
            var upper = numbers
            upper[place] = increment(numbers[place])
            for later in (place + 1)..<max(place + 1, 3) { upper[later] = [0x30] }
            return .versionRange(low, Array(upper.joined(separator: [0x2E])))
        }
    }

    /// A caret keeps the first number that is not zero, or else the last that was written.
    private static func caretPlace(_ numbers: [[UInt8]], _ parts: Int) -> Int {
        numbers.prefix(parts).firstIndex { $0 != [0x30] } ?? parts - 1
    }

    private static func increment(_ digits: [UInt8]) -> [UInt8] {
        var digits = digits
        for place in digits.indices.reversed() {
            if digits[place] < 0x39 {
                digits[place] += 1
                return digits
            }
            digits[place] = 0x30
        }
        return [0x31] + digits
    }
}
