/// What the author of a date or a version that is none may have meant; only what would be accepted is suggested.
enum ValueHint {
    /// `31.12.2026`, `12/31/2026`, `7 days ago`, `today`: where only one reading is possible.
    static func date(_ value: JSONTree) -> String? {
        guard let text = value.text else {
            if case .number = value { return "write the date in quotes, as 2026-01-31T12:00:00Z" }
            return nil
        }
        let lowered = text.prefix(40).lowercased()
        let words = lowered.split(separator: " ").map(String.init)
        switch lowered {
        case "yesterday": return "write \"-1d\""
        case "today", "now": return "write \"-0d\""
        default: break
        }
        let numbers = lowered.split(whereSeparator: { "./-".contains($0) }).map(String.init)
        if numbers.count == 3, let date = calendar(numbers), isDate(date) { return "write \"\(date)\"" }
        let parts = words.count == 2 || words.count == 3 && words[2] == "ago" ? words : split(lowered)
        if let count = parts.first.flatMap({ Int($0) }), let unit = unit(parts.dropFirst().first ?? "") {
            let date = "-\(count.magnitude)\(unit)"
            return isDate(date) ? "write \"\(date)\"" : nil
        }
        return nil
    }

    /// The version with the parts that are missing, or without the sign before it.
    static func version(_ value: JSONTree) -> String? {
        if case .number(_, let text) = value { return padded(text).map { "write \"\($0)\" in quotes" } }
        guard let text = value.text?.prefix(40), let padded = padded(String(text.drop { "^~=<>v ".contains($0) }))
        else {
            return nil
        }
        return "write \"\(padded)\""
    }

    /// The range as its operator wants it.
    static func versionRange(_ value: JSONTree, _ kind: OperatorName.VersionRange?) -> String? {
        let number: String? = if case .number(_, let text) = value { text } else { nil }
        guard let written = number ?? value.text?.prefix(40).description else { return nil }
        let core = String(written.drop { "^~=<>v ".contains($0) })
        let parts = core.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        if kind == .wildcard {
            let fixed = parts.prefix { isNumber($0) }
            guard !fixed.isEmpty, parts.dropFirst(fixed.count).allSatisfy({ ["*", "x", "X"].contains($0) }) else {
                return nil
            }
            let range = fixed.prefix(2).joined(separator: ".") + ".*"
            return isRange(range, .wildcard) ? "write \"\(range)\"" : nil
        }
        guard 1...3 ~= parts.count, parts.allSatisfy(isNumber), isRange(core, kind ?? .caret) else { return nil }
        return number == nil ? "write \"\(core)\"" : "write \"\(core)\" in quotes"
    }

    // MARK: Details

    private static func isNumber(_ text: String) -> Bool {
        1...9 ~= text.utf8.count && text.utf8.allSatisfy { 0x30...0x39 ~= $0 }
    }

    private static func isDate(_ text: String) -> Bool {
        Array(text.utf8).withUnsafeBytes { DateText.parse($0) != nil || DateText.parseRelative($0) != nil }
    }

    private static func isRange(_ text: String, _ kind: OperatorName.VersionRange) -> Bool {
        VersionRangeReader.read(Array(text.utf8), kind) != nil
    }

    private static func padded(_ text: String) -> String? {
        var parts = text.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard 1...3 ~= parts.count, parts.allSatisfy(isNumber) else { return nil }
        while parts.count < 3 { parts.append("0") }
        let version = parts.joined(separator: ".")
        return Array(version.utf8).withUnsafeBytes { Version.parse($0) != nil } ? version : nil
    }

    /// Year, month and day from three numbers, where no other order is possible.
    private static func calendar(_ numbers: [String]) -> String? {
        guard numbers.allSatisfy(isNumber) else { return nil }
        var values = numbers.compactMap { Int($0) }
        if numbers[2].utf8.count == 4 { values.reverse() } else if numbers[0].utf8.count != 4 { return nil }
        var (month, day) = (values[1], values[2])
        if numbers[2].utf8.count == 4 {
            // Day and month, or month and day: a number beyond twelve tells; otherwise both are possible.
            if month <= 12, day <= 12, month != day { return nil }
            if month > 12 { swap(&month, &day) }
        }
        guard 1...12 ~= month, 1...31 ~= day else { return nil }
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return "\(values[0])-\(two(month))-\(two(day))"
    }

    /// `7days` as a number and a word.
    private static func split(_ text: String) -> [String] {
        let digits = text.prefix { $0 == "-" || $0.isNumber }
        return [String(digits), String(text.dropFirst(digits.count))]
    }

    private static func unit(_ word: String) -> String? {
        switch word {
        case "hour", "hours", "hr", "hrs": "h"
        case "day", "days": "d"
        case "week", "weeks": "w"
        case "month", "months", "mo", "mos": "m"
        case "minute", "minutes", "min", "mins": "M"
        case "quarter", "quarters": "q"
        case "year", "years", "yr", "yrs": "y"
        default: nil
        }
    }
}
