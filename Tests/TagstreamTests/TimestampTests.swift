import Testing

@testable import Tagstream

/// Parsing's and printing's own helpers: both work on bytes.
private func parse(_ text: String) -> Int64? {
    var text = text
    return text.withUTF8 { Timestamp.parse(UnsafeRawBufferPointer($0)) }
}

private func print(_ milliseconds: Int64) -> String {
    var out = ByteArena(capacity: Timestamp.printedLength)
    Timestamp.write(milliseconds: milliseconds, into: &out)
    return String(decoding: out.bytes(0, out.count), as: UTF8.self)
}

private func printed(_ text: String) -> String? { parse(text).map { print(Timestamp.milliseconds($0)) } }

@Suite struct `A timestamp's text` {
    @Test(arguments: [
        ("2025-09-01T10:00:01.310884Z", "2025-09-01 10:00:01.310"),
        ("2025-09-01T10:00:01Z", "2025-09-01 10:00:01.000"),
        ("2025-09-01t10:00:01z", "2025-09-01 10:00:01.000"),
        ("2025-09-01T10:00Z", "2025-09-01 10:00:00.000"),
        ("2025-09-01 10:00:01", "2025-09-01 10:00:01.000"),
        ("2025-09-01 10:00:01 Z", "2025-09-01 10:00:01.000"),
        ("2025-09-01T10:00:01", "2025-09-01 10:00:01.000"),
        ("2025-09-01", "2025-09-01 00:00:00.000"),
        ("2025-9-1", "2025-09-01 00:00:00.000"),
        ("2025/09/01", "2025-09-01 00:00:00.000"),
        ("2025/9/1 10:00:01", "2025-09-01 10:00:01.000"),
        ("  2025-09-01T10:00:01Z\n", "2025-09-01 10:00:01.000"),
    ])
    func `in ISO form is read`(text: String, expected: String) { #expect(printed(text) == expected) }

    @Test(arguments: [
        ("2025-09-01T10:00:00+00:00", "2025-09-01 10:00:00.000"),
        ("2025-09-01T10:00:00+03", "2025-09-01 07:00:00.000"),
        ("2025-09-01T10:00:00+0330", "2025-09-01 06:30:00.000"),
        ("2025-09-01T10:00:00-08:00", "2025-09-01 18:00:00.000"),
        ("2025-09-01T10:00:00 +02:00", "2025-09-01 08:00:00.000"),
        ("2025-01-01T00:00:00+23:59", "2024-12-31 00:01:00.000"),
        ("2024-12-31T23:59:59-23:59", "2025-01-01 23:58:59.000"),
    ])
    func `with an offset is moved to UTC`(text: String, expected: String) { #expect(printed(text) == expected) }

    @Test(arguments: [
        ("2025-09-01T10:00:01.3Z", "2025-09-01 10:00:01.300"),
        ("2025-09-01T10:00:01,25Z", "2025-09-01 10:00:01.250"),
        ("2025-09-01T10:00:01.9999999999999999999999999Z", "2025-09-01 10:00:01.999"),
        ("1969-12-31T23:59:59.999Z", "1969-12-31 23:59:59.999"),
        ("1969-12-31T23:59:59.999999Z", "1969-12-31 23:59:59.999"),
    ])
    func `with a fraction is cut to milliseconds`(text: String, expected: String) { #expect(printed(text) == expected) }

    @Test(arguments: [
        ("2024-02-29", "2024-02-29 00:00:00.000"),
        ("2000-02-29", "2000-02-29 00:00:00.000"),
        ("2016-12-31T23:59:60Z", "2017-01-01 00:00:00.000"),
        ("0000-01-01T00:00:00Z", "0000-01-01 00:00:00.000"),
        ("0000-02-29", "0000-02-29 00:00:00.000"),
        ("9999-12-31T23:59:59.999Z", "9999-12-31 23:59:59.999"),
    ])
    func `on leap days, leap seconds and the edges of the calendar is read`(text: String, expected: String) {
        #expect(printed(text) == expected)
    }

    @Test(arguments: [
        ("Mon, 01 Sep 2025 10:00:00 +0000", "2025-09-01 10:00:00.000"),
        ("Mon, 1 Sep 2025 10:00:00 GMT", "2025-09-01 10:00:00.000"),
        ("01 Sep 2025 10:00:00 UT", "2025-09-01 10:00:00.000"),
        ("01 SEP 2025 10:00 -0130", "2025-09-01 11:30:00.000"),
        ("01 Dec 2025", "2025-12-01 00:00:00.000"),
        ("29 Feb 2024 23:59:59 UTC", "2024-02-29 23:59:59.000"),
        ("Mon, 1 Sep 2025 10:00:00 gmt", "2025-09-01 10:00:00.000"),
        ("Mon, 1 Sep 2025 10:00:00 +0200 (CEST)", "2025-09-01 08:00:00.000"),
        ("1 Sep 2025 10:00 EST", "2025-09-01 15:00:00.000"),
        ("1 Sep 2025 10:00 PDT (summer)", "2025-09-01 17:00:00.000"),
        ("1 Sep 25 10:00 Z", "2025-09-01 10:00:00.000"),
        ("1 Sep 97", "1997-09-01 00:00:00.000"),
        ("2025-09-01 10:00:00 UTC", "2025-09-01 10:00:00.000"),
        ("2025-09-01T10:00:00 est", "2025-09-01 15:00:00.000"),
    ])
    func `in the form of mail is read`(text: String, expected: String) { #expect(printed(text) == expected) }

    @Test(arguments: [
        ("0", "1970-01-01 00:00:00.000"),
        ("2025", "1970-01-01 00:33:45.000"),
        ("20250901", "1970-08-23 09:15:01.000"),
        ("1756720800", "2025-09-01 10:00:00.000"),
        ("1756720800123", "2025-09-01 10:00:00.123"),
        ("1756720800.25", "2025-09-01 10:00:00.250"),
        ("1756720800123.9", "2025-09-01 10:00:00.123"),
        ("99999999999", "5138-11-16 09:46:39.000"),
        ("100000000000", "1973-03-03 09:46:40.000"),
        ("253402300799999", "9999-12-31 23:59:59.999"),
        ("-1", "1969-12-31 23:59:59.000"),
        ("1e9", "2001-09-09 01:46:40.000"),
        ("1.7567208001235E9", "2025-09-01 10:00:00.123"),
        ("1.7567208E+12", "2025-09-01 10:00:00.000"),
        ("253402300800000", "9999-12-31 23:59:59.999"),
    ])
    func `of digits is seconds or milliseconds by its size`(text: String, expected: String) {
        #expect(printed(text) == expected)
    }

    @Test(arguments: [
        "", " ", "now", "yesterday", "2025-13-01", "2025-00-01", "2025-02-29", "1900-02-29",
        "2025-04-31", "2025-09-00", "2025-09", "2025-09/01", "2025-09-01X10:00:00Z", "2025-09-01T24:00:00Z",
        "2025-09-01T10:60:00Z", "2025-09-01T10:00:61Z", "2025-09-01T10:00:00.Z", "2025-09-01T10:00:00+24:00",
        "2025-09-01T10:00:00+05:60", "2025-09-01T10:00:00+5", "2025-09-01T10:00:00ZZ", "2025-09-01T", "12025-09-01",
        "-2025-09-01", "01e9", "1e16", "1e", "0x10", "1756720800.5.5", "1000000000000000", "1e15", "-1e15",
        "9223372036854775807",
        "99999999999999999999999999", "-9223372036854775808", "Mon 01 Sep 2025", "01 Foo 2025", "31 Feb 2025",
        "01 Sep 025", "01 Sep 2025 10:00:00 CEST", "01 Sep 2025 10:00:00 (CEST", "01 Sep 2025 10:00:00 +0000 (a(b))",
        "Mon,", "9on, 01 Sep 2025", "\u{e9}n, 01 Sep 2025", "Mon, 01", "{}",
        "true", "null", "\u{0}", "٢٠٢٥-٠٩-٠١",
    ])
    func `that is none is refused`(text: String) {
        #expect(parse(text) == nil)
    }
}

@Suite struct `A printed timestamp` {
    @Test(arguments: [
        (Int64.min, "0000-01-01 00:00:00.000"),
        (Timestamp.firstPrintable - 1, "0000-01-01 00:00:00.000"),
        (Timestamp.firstPrintable, "0000-01-01 00:00:00.000"),
        (-1, "1969-12-31 23:59:59.999"),
        (0, "1970-01-01 00:00:00.000"),
        (951_782_400_000, "2000-02-29 00:00:00.000"),
        (Timestamp.lastPrintable, "9999-12-31 23:59:59.999"),
        (Timestamp.lastPrintable + 1, "9999-12-31 23:59:59.999"),
        (Int64.max, "9999-12-31 23:59:59.999"),
    ])
    func `stays within the years that have four digits`(milliseconds: Int64, expected: String) {
        #expect(print(milliseconds) == expected)
    }

    @Test func `of every 1000th day of ten thousand years is read back as the same instant`() {
        var instant = Timestamp.firstPrintable
        while instant <= Timestamp.lastPrintable {
            #expect(parse(print(instant)) == instant * 1000)
            instant += 1000 * 86_400_000 + 12_345_678
        }
    }
}

@Suite struct `A number in decimal` {
    @Test(arguments: [
        0, 9, 10, -1, 99, 100, 999_999_999_999_999_999, 1_000_000_000_000_000_000, Int64.max, Int64.min, Int64.min + 1,
    ])
    func `is printed as Swift prints it`(number: Int64) {
        var out = ByteArena(capacity: 20)
        out.put(decimal: number)
        #expect(String(decoding: out.bytes(0, out.count), as: UTF8.self) == String(number))
    }
}
