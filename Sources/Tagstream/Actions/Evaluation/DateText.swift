/// Dates as actions write them: stricter than the timestamps of events, and one of them may mean a whole day.
enum DateText {
    /// An instant in microseconds since 1970-01-01 UTC, and whether the text named a time of the day.
    struct Instant: Equatable {
        var micros: Int64
        var hasTime: Bool
    }

    /// How far back a relative date reaches.
    enum Unit: UInt8 {
        case minute, hour, day, week, month, quarter, year

        init?(letter: UInt8) {
            switch letter {
            case 0x4D: self = .minute  // M
            case 0x68: self = .hour
            case 0x64: self = .day
            case 0x77: self = .week
            case 0x6D: self = .month
            case 0x71: self = .quarter
            case 0x79: self = .year
            default: return nil
            }
        }
    }

    /// Reads `YYYY-MM-DD`, optionally `T`, `t` or a blank with `HH:MM[:SS[.fraction]]` (a comma will do for the point)
    /// and `Z` or `±HH[:MM]`; no zone is UTC.
    ///
    /// Fractions are cut at the microsecond. Nil for anything else.
    static func parse(_ text: UnsafeRawBufferPointer) -> Instant? {
        var index = 0
        func digit(_ place: Int) -> Int? { place < text.count && isDigit(text[place]) ? Int(text[place] - 0x30) : nil }
        func number(_ count: Int) -> Int? {
            var value = 0
            for _ in 0..<count {
                guard let digit = digit(index) else { return nil }
                value = value * 10 + digit
                index += 1
            }
            return value
        }
        func take(_ byte: UInt8) -> Bool {
            guard index < text.count, text[index] == byte else { return false }
            index += 1
            return true
        }
        guard let year = number(4), take(0x2D), let month = number(2), take(0x2D), let day = number(2),
            1...12 ~= month, day >= 1, day <= Timestamp.days(inMonth: month, of: year)
        else { return nil }
        var micros = Int64(Timestamp.days(year: year, month: month, day: day)) * Timestamp.day
        if index == text.count { return Instant(micros: micros, hasTime: false) }
        guard take(0x54) || take(0x74) || take(0x20), let hour = number(2), take(0x3A), let minute = number(2),
            hour < 24, minute < 60
        else { return nil }
        micros += Int64(hour * 60 + minute) * 60 * Timestamp.second
        if take(0x3A) {
            guard let seconds = number(2), seconds < 60 else { return nil }
            micros += Int64(seconds) * Timestamp.second
            if take(0x2E) || take(0x2C) {
                guard digit(index) != nil else { return nil }
                var unit: Int64 = 100_000
                while let digit = digit(index) {
                    micros += Int64(digit) * unit
                    unit /= 10
                    index += 1
                }
            }
        }
        if index == text.count || (take(0x5A) && index == text.count) { return Instant(micros: micros, hasTime: true) }
        let isWest = take(0x2D)
        guard isWest || take(0x2B), let hours = number(2), hours < 24 else { return nil }
        var minutes = 0
        if index < text.count {
            guard take(0x3A), let read = number(2), read < 60 else { return nil }
            minutes = read
        }
        guard index == text.count else { return nil }
        let offset = Int64(hours * 60 + minutes) * 60 * Timestamp.second
        return Instant(micros: isWest ? micros + offset : micros - offset, hasTime: true)
    }

    /// Reads a relative date: an optional `-`, digits, and one of `M h d w m q y`.
    ///
    /// Nil for anything else, and for what reaches back more than 10,000 years, where no calendar of ours goes.
    static func parseRelative(_ text: UnsafeRawBufferPointer) -> (count: Int64, unit: Unit)? {
        guard let last = text.last, let unit = Unit(letter: last) else { return nil }
        var digits = text.dropLast()
        if digits.first == 0x2D { digits = digits.dropFirst() }
        guard !digits.isEmpty, digits.allSatisfy(isDigit) else { return nil }
        var count: Int64 = 0
        for digit in digits {
            count = count * 10 + Int64(digit - 0x30)
            if count > 10_000 * 366 * 24 * 60 { return nil }
        }
        let perYear: Int64 =
            switch unit {
            case .minute: 366 * 24 * 60
            case .hour: 366 * 24
            case .day: 366
            case .week: 52
            case .month: 12
            case .quarter: 4
            case .year: 1
            }
        return count <= 10_000 * perYear ? (count, unit) : nil
    }

    /// The instant that lies `count` units before another.
    ///
    /// Months, quarters and years are steps of the calendar, and the day is clamped to the month's last.
    static func before(_ micros: Int64, count: Int64, unit: Unit) -> Int64 {
        switch unit {
        case .minute: return micros - count * 60 * Timestamp.second
        case .hour: return micros - count * 3600 * Timestamp.second
        case .day: return micros - count * Timestamp.day
        case .week: return micros - count * 7 * Timestamp.day
        case .month: return calendar(micros, months: count)
        case .quarter: return calendar(micros, months: count * 3)
        case .year: return calendar(micros, months: count * 12)
        }
    }

    private static func calendar(_ micros: Int64, months: Int64) -> Int64 {
        var days = micros / Timestamp.day
        var time = micros % Timestamp.day
        if time < 0 {
            time += Timestamp.day
            days -= 1
        }
        let date = Timestamp.date(ofDays: Int(days))
        let month = date.year * 12 + date.month - 1 - Int(months)
        let year = month >= 0 ? month / 12 : (month - 11) / 12
        let monthOfYear = month - year * 12 + 1
        let day = min(date.day, Timestamp.days(inMonth: monthOfYear, of: year))
        return Int64(Timestamp.days(year: year, month: monthOfYear, day: day)) * Timestamp.day + time
    }
}
