/// The formats of texts that a schema may ask for, each of them asserted.
///
/// All of them are decided in one walk over the decoded text; nothing is allocated.
enum TextFormat: UInt8, CaseIterable {
    /// A date with a time and its offset (RFC 3339 §5.6), the day being one of its month.
    case dateTime
    /// 8-4-4-4-12 hexadecimal digits in any case (RFC 9562).
    case uuid
    /// A mailbox (RFC 5321 §4.1.2): a local part, an `@`, and a domain or an address in brackets.
    case email
    /// A URI with its scheme (RFC 3986); a relative reference is none.
    case uri

    /// The name that schemas call it by.
    var name: String {
        switch self {
        case .dateTime: "date-time"
        case .uuid: "uuid"
        case .email: "email"
        case .uri: "uri"
        }
    }

    /// Whether a text has the format.
    func accepts(_ text: UnsafeRawBufferPointer) -> Bool {
        switch self {
        case .dateTime: Self.isDateTime(text)
        case .uuid: Self.isUUID(text)
        case .email: MailboxText.isMailbox(text)
        case .uri: URIText.isURI(text)
        }
    }

    private static func isUUID(_ text: UnsafeRawBufferPointer) -> Bool {
        guard text.count == UUIDText.length, let start = text.baseAddress else { return false }
        return UUIDText.check(start).isValid
    }

    // MARK: Dates

    private static func isDateTime(_ text: UnsafeRawBufferPointer) -> Bool {
        guard text.count >= 20, text[4] == 0x2D, text[7] == 0x2D, text[10] | 0x20 == 0x74, text[13] == 0x3A,
            text[16] == 0x3A, let year = number(text, 0, 4), let month = number(text, 5, 2),
            let day = number(text, 8, 2),
            let hour = number(text, 11, 2), let minute = number(text, 14, 2), let second = number(text, 17, 2),
            1...12 ~= month, 1...days(of: month, year) ~= day, hour <= 23, minute <= 59, second <= 60
        else { return false }
        var index = 19
        if text[index] == 0x2E {
            index += 1
            let start = index
            while index < text.count, isDigit(text[index]) { index += 1 }
            guard index > start else { return false }
        }
        guard index < text.count, let offset = offset(text, from: index) else { return false }
        // A leap second is the last of a day in UTC.
        return second < 60 || (hour * 60 + minute - offset + 2 * 1440) % 1440 == 1439
    }

    /// The minutes that an offset, which fills the rest of the text, is ahead of UTC.
    private static func offset(_ text: UnsafeRawBufferPointer, from index: Int) -> Int? {
        if text[index] | 0x20 == 0x7A { return text.count == index + 1 ? 0 : nil }
        guard text[index] == 0x2B || text[index] == 0x2D, text.count == index + 6, text[index + 3] == 0x3A,
            let hours = number(text, index + 1, 2), let minutes = number(text, index + 4, 2), hours <= 23, minutes <= 59
        else { return nil }
        let total = hours * 60 + minutes
        return text[index] == 0x2D ? -total : total
    }

    private static func number(_ text: UnsafeRawBufferPointer, _ start: Int, _ count: Int) -> Int? {
        var value = 0
        for index in start..<(start + count) {
            guard isDigit(text[index]) else { return nil }
            value = value * 10 + Int(text[index] - 0x30)
        }
        return value
    }

    private static func days(of month: Int, _ year: Int) -> Int {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }
}
