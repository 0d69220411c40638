/// Instants as microseconds since 1970-01-01 UTC: parsed from what SDKs and gateways write, printed as ClickHouse reads it.
///
/// Foundation's `ISO8601DateFormatter` takes 32 µs a date (docs/performance.md); three dates an event would cost more than all rooms together.
public enum Timestamp {
    /// Microseconds in a second.
    static let second: Int64 = 1_000_000
    /// Microseconds in a day.
    static let day: Int64 = 86_400_000_000

    /// Days from 1970-01-01 to a date of the proleptic Gregorian calendar (Howard Hinnant, "chrono-Compatible Low-Level Date
    /// Algorithms", `days_from_civil`).
    @inline(__always)
    static func days(year: Int, month: Int, day: Int) -> Int {
        let year = month <= 2 ? year - 1 : year
        let era = (year >= 0 ? year : year - 399) / 400
        let yearOfEra = year - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }

    /// The inverse of ``days(year:month:day:)``.
    @inline(__always)
    static func date(ofDays days: Int) -> (year: Int, month: Int, day: Int) {
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
    }

    /// How many days a month has.
    static func days(inMonth month: Int, of year: Int) -> Int {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    // MARK: Parsing

    /// Reads a timestamp in any of the forms that SDKs are known to send (docs/events.md, "Time"): RFC 3339 and ISO
    /// 8601 with or without zone (none = UTC), date only, slashes, RFC 2822, seconds or milliseconds since 1970.
    ///
    /// Blanks around are ignored. Fractions beyond a microsecond are cut. Allocates nothing.
    ///
    /// - Returns: microseconds since 1970-01-01 UTC, or nil when the text is no timestamp.
    public static func parse(_ text: UnsafeRawBufferPointer) -> Int64? {
        guard let start = text.baseAddress else { return nil }
        var cursor = Cursor(bytes: start.assumingMemoryBound(to: UInt8.self), position: 0, end: text.count)
        cursor.trim()
        guard cursor.position < cursor.end else { return nil }
        if cursor.isDigits(4), cursor.byte(4) == 0x2D || cursor.byte(4) == 0x2F { return iso(cursor) }
        if isDigit(cursor.byte(0)) || cursor.byte(0) == 0x2D, let instant = epoch(cursor) { return instant }
        return rfc2822(cursor)
    }

    /// A place in a text that is being read.
    struct Cursor {
        let bytes: UnsafePointer<UInt8>
        var position: Int
        var end: Int

        /// The byte `ahead` of the position; zero behind the end, which fits nothing.
        @inline(__always)
        func byte(_ ahead: Int) -> UInt8 { position &+ ahead < end ? bytes[position &+ ahead] : 0 }

        @inline(__always)
        func isDigits(_ count: Int) -> Bool {
            for index in 0..<count where !isDigit(byte(index)) { return false }
            return true
        }

        /// Reads exactly `count` digits.
        @inline(__always)
        mutating func number(_ count: Int) -> Int? {
            var number = 0
            for index in 0..<count {
                let digit = byte(index) &- 0x30
                guard digit < 10 else { return nil }
                number = number &* 10 &+ Int(digit)
            }
            position &+= count
            return number
        }

        /// Reads one or two digits.
        mutating func shortNumber() -> Int? { isDigits(2) ? number(2) : number(1) }

        @inline(__always)
        mutating func skip(_ expected: UInt8) -> Bool {
            guard byte(0) == expected else { return false }
            position &+= 1
            return true
        }

        mutating func skipBlanks() { while byte(0) == 0x20 { position &+= 1 } }

        mutating func trim() {
            while position < end, bytes[position] <= 0x20 { position &+= 1 }
            while end > position, bytes[end &- 1] <= 0x20 { end &-= 1 }
        }
    }

    private static func iso(_ start: Cursor) -> Int64? {
        var cursor = start
        if let whole = wholeSeconds(&cursor) {
            guard let fraction = fraction(&cursor), let zone = zone(&cursor) else { return nil }
            return whole &+ fraction &- zone
        }
        guard let year = cursor.number(4) else { return nil }
        let separator = cursor.byte(0)
        cursor.position &+= 1
        guard let month = cursor.shortNumber(), cursor.skip(separator), let day = cursor.shortNumber(),
            1...12 ~= month, day >= 1, day <= days(inMonth: month, of: year)
        else { return nil }
        let date = Int64(days(year: year, month: month, day: day)) &* Self.day
        if cursor.position == cursor.end { return date }
        guard cursor.skip(0x54) || cursor.skip(0x74) || cursor.skip(0x20), let time = clock(&cursor),
            let zone = zone(&cursor)
        else { return nil }
        return date &+ time &- zone
    }

    /// `YYYY-MM-DDTHH:MM:SS`, as nearly all timestamps begin, without asking at every digit whether the text ends.
    ///
    /// - Returns: microseconds, with the cursor behind them; nil, with the cursor where it was, for what stands there otherwise.
    @inline(__always)
    private static func wholeSeconds(_ cursor: inout Cursor) -> Int64? {
        guard cursor.end &- cursor.position >= 19 else { return nil }
        let bytes = cursor.bytes + cursor.position
        var largest: UInt8 = 0
        func pair(_ offset: Int) -> Int {
            let tens = bytes[offset] &- 0x30
            let ones = bytes[offset &+ 1] &- 0x30
            largest = max(largest, max(tens, ones))
            return Int(tens) &* 10 &+ Int(ones)
        }
        let year = pair(0) &* 100 &+ pair(2)
        let (month, date, hour, minute, seconds) = (pair(5), pair(8), pair(11), pair(14), pair(17))
        guard largest < 10, bytes[4] == 0x2D, bytes[7] == 0x2D, bytes[10] == 0x54, bytes[13] == 0x3A, bytes[16] == 0x3A,
            1...12 ~= month, date >= 1, date <= days(inMonth: month, of: year), hour < 24, minute < 60, seconds <= 60
        else { return nil }
        cursor.position &+= 19
        let time = Int64(hour &* 3600 &+ minute &* 60 &+ seconds) &* second
        return Int64(days(year: year, month: month, day: date)) &* day &+ time
    }

    /// What stands behind the seconds: nothing, or a point (or comma) and digits, cut to microseconds.
    @inline(__always)
    private static func fraction(_ cursor: inout Cursor) -> Int64? {
        guard cursor.byte(0) == 0x2E || cursor.byte(0) == 0x2C else { return 0 }
        cursor.position &+= 1
        guard isDigit(cursor.byte(0)) else { return nil }
        var micros: Int64 = 0
        var unit: Int64 = 100_000
        while isDigit(cursor.byte(0)) {
            micros &+= Int64(cursor.byte(0) &- 0x30) &* unit
            unit /= 10
            cursor.position &+= 1
        }
        return micros
    }

    /// `HH:MM[:SS[.fraction]]`; a leap second counts as the next second, as POSIX time has none.
    @inline(__always)
    static func clock(_ cursor: inout Cursor) -> Int64? {
        guard let hour = cursor.number(2), cursor.skip(0x3A), let minute = cursor.number(2), hour < 24, minute < 60
        else { return nil }
        var micros = Int64(hour &* 3600 &+ minute &* 60) &* second
        guard cursor.skip(0x3A) else { return micros }
        guard let seconds = cursor.number(2), seconds <= 60 else { return nil }
        micros &+= Int64(seconds) &* second
        guard let fraction = fraction(&cursor) else { return nil }
        micros &+= fraction
        return micros
    }

    /// Nothing or `Z` is UTC; `±HH`, `±HHMM`, `±HH:MM`, or a name; must end the text.
    @inline(__always)
    static func zone(_ cursor: inout Cursor) -> Int64? {
        cursor.skipBlanks()
        if cursor.position == cursor.end { return 0 }
        let sign = cursor.byte(0)
        cursor.position &+= 1
        if sign == 0x5A || sign == 0x7A { return cursor.position == cursor.end ? 0 : nil }
        if sign | 0x20 &- 0x61 < 26 {
            cursor.position &-= 1
            return namedZone(cursor)
        }
        guard sign == 0x2B || sign == 0x2D, let hours = cursor.number(2), hours < 24 else { return nil }
        var minutes = 0
        if cursor.position < cursor.end {
            _ = cursor.skip(0x3A)
            guard let read = cursor.number(2), read < 60 else { return nil }
            minutes = read
        }
        guard cursor.position == cursor.end else { return nil }
        let offset = Int64(hours &* 60 &+ minutes) &* 60 &* second
        return sign == 0x2D ? -offset : offset
    }

    /// Seconds or milliseconds since 1970, told apart by size as PostHog does: 1e11 milliseconds is March 1973, 1e11 seconds the year 5138.
    ///
    /// What lies behind the year 9999 is an instant all the same: whoever cannot print it decides what becomes of it.
    private static func epoch(_ start: Cursor) -> Int64? {
        var cursor = start
        let isNegative = cursor.skip(0x2D)
        var whole: Int64 = 0
        var digits = 0
        while isDigit(cursor.byte(0)), digits < 16 {
            whole = whole * 10 + Int64(cursor.byte(0) - 0x30)
            cursor.position += 1
            digits += 1
        }
        guard digits > 0 else { return nil }
        var micros: Int64 = 0
        if cursor.skip(0x2E) {
            var unit: Int64 = 100_000
            while isDigit(cursor.byte(0)) {
                micros += Int64(cursor.byte(0) - 0x30) * unit
                unit /= 10
                cursor.position += 1
            }
        }
        if cursor.byte(0) | 0x20 == 0x65 { return power(start) }
        guard cursor.position == cursor.end, whole < longestEpoch else { return nil }
        let isMilliseconds = whole >= firstMilliseconds
        let instant = isMilliseconds ? whole * 1000 + micros / 1000 : whole * second + micros
        return isNegative ? -instant : instant
    }

    /// The same with an exponent, as some JSON writers print large numbers: to the microsecond as far as a double has it.
    private static func power(_ start: Cursor) -> Int64? {
        let text = UnsafeRawBufferPointer(start: start.bytes + start.position, count: start.end - start.position)
        guard isJSONNumber(text), let number = NumberText.parse(text), abs(number) < Double(longestEpoch) else {
            return nil
        }
        return Int64(number * (abs(number) >= Double(firstMilliseconds) ? 1000 : 1_000_000))
    }

    /// From here on a number counts milliseconds, and up to here it is one of any time: some ten thousand years from every other, and
    /// several such instants can be added and subtracted in microseconds without an overflow, as the clock's correction does.
    private static let firstMilliseconds: Int64 = 100_000_000_000
    private static let longestEpoch: Int64 = 1_000_000_000_000_000

    // MARK: Printing

    /// Length of what ``write(_:into:)`` writes for the years 0 to 9999.
    static let printedLength = 23
    /// 0000-01-01 00:00:00.000 and 9999-12-31 23:59:59.999 in milliseconds: the first and the last instant that can be printed.
    static let firstPrintable: Int64 = -62_167_219_200_000
    static let lastPrintable: Int64 = 253_402_300_799_999

    /// Whether an instant in microseconds lies within the years 0 to 9999.
    @inline(__always)
    static func isPrintable(_ micros: Int64) -> Bool {
        micros >= firstPrintable * 1000 && micros < (lastPrintable + 1) * 1000
    }

    /// Appends `YYYY-MM-DD hh:mm:ss.SSS` in UTC.
    ///
    /// Room must have been reserved. An instant outside the years 0 to 9999 is written as the nearest one within.
    @inline(__always)
    static func write(milliseconds: Int64, into out: inout ByteArena) {
        let milliseconds = min(max(milliseconds, firstPrintable), lastPrintable)
        let dayCount = milliseconds >= 0 ? milliseconds / 86_400_000 : (milliseconds - 86_399_999) / 86_400_000
        var rest = Int(milliseconds - dayCount * 86_400_000)
        let date = date(ofDays: Int(dayCount))
        let millis = rest % 1000
        rest /= 1000
        out.put(twoDigits: date.year / 100)
        out.put(twoDigits: date.year % 100)
        out.put(0x2D)
        out.put(twoDigits: date.month)
        out.put(0x2D)
        out.put(twoDigits: date.day)
        out.put(0x20)
        out.put(twoDigits: rest / 3600)
        out.put(0x3A)
        out.put(twoDigits: rest / 60 % 60)
        out.put(0x3A)
        out.put(twoDigits: rest % 60)
        out.put(0x2E)
        out.put(UInt8(0x30 + millis / 100))
        out.put(twoDigits: millis % 100)
    }

    /// `YYYY-MM-DD hh:mm:ss.SSS` in UTC, of milliseconds since 1970.
    public static func text(milliseconds: Int64) -> String {
        var out = ByteArena(capacity: printedLength)
        out.reserve(printedLength)
        write(milliseconds: milliseconds, into: &out)
        return String(decoding: out.bytes(0, out.count), as: UTF8.self)
    }

    /// An instant's milliseconds, rounded down.
    static func milliseconds(_ micros: Int64) -> Int64 { micros >= 0 ? micros / 1000 : (micros - 999) / 1000 }
}

extension ByteArena {
    /// Appends a number of 0…99 as two digits.
    ///
    /// Room must have been reserved.
    @inline(__always)
    mutating func put(twoDigits number: Int) {
        put(UInt8(truncatingIfNeeded: 0x30 &+ number / 10))
        put(UInt8(truncatingIfNeeded: 0x30 &+ number % 10))
    }

    /// Appends a number in decimal.
    ///
    /// Room for 20 bytes must have been reserved.
    @inline(__always)
    mutating func put(decimal number: Int64) {
        var magnitude = number.magnitude
        if number < 0 { put(0x2D) }
        var digits = 1
        var bound: UInt64 = 10
        while magnitude >= bound {
            digits &+= 1
            if digits == 20 { break }
            bound &*= 10
        }
        var place = count &+ digits
        advance(by: digits)
        repeat {
            place &-= 1
            base.storeBytes(of: UInt8(0x30 &+ magnitude % 10), toByteOffset: place, as: UInt8.self)
            magnitude /= 10
        } while magnitude > 0
    }
}
