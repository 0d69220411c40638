extension Timestamp {
    /// `[Mon,] 01 Sep 2025 10:00[:00] ZONE`, with what RFC 2822 says of old writers: years of two digits, names of zones, a comment.
    static func rfc2822(_ start: Cursor) -> Int64? {
        var cursor = start
        if !isDigit(cursor.byte(0)) {
            // Which day of the week it is said to be does not matter; that it is one does.
            let isDay = (0..<3).allSatisfy { cursor.byte($0) | 0x20 &- 0x61 < 26 }
            guard isDay, cursor.byte(3) == 0x2C else { return nil }
            cursor.position += 4
            cursor.skipBlanks()
        }
        guard let day = cursor.shortNumber() else { return nil }
        cursor.skipBlanks()
        guard let month = month(&cursor) else { return nil }
        cursor.skipBlanks()
        guard let year = year(&cursor), day >= 1, day <= days(inMonth: month, of: year) else { return nil }
        let date = Int64(days(year: year, month: month, day: day)) * Self.day
        if cursor.position == cursor.end { return date }
        guard cursor.skip(0x20) else { return nil }
        cursor.skipBlanks()
        guard let time = clock(&cursor) else { return nil }
        cursor.skipBlanks()
        dropComment(&cursor)
        guard let zone = zone(&cursor) else { return nil }
        return date + time - zone
    }

    /// Four digits, or two: 00 to 49 are of this century, 50 to 99 of the last (RFC 2822, 4.3).
    private static func year(_ cursor: inout Cursor) -> Int? {
        if let year = cursor.number(4) { return year }
        guard !isDigit(cursor.byte(2)), let year = cursor.number(2) else { return nil }
        return year + (year < 50 ? 2000 : 1900)
    }

    /// Leaves out a comment at the end: `+0000 (UTC)`.
    private static func dropComment(_ cursor: inout Cursor) {
        guard cursor.end > cursor.position, cursor.bytes[cursor.end - 1] == 0x29 else { return }
        var open = cursor.position
        while open < cursor.end, cursor.bytes[open] != 0x28 { open += 1 }
        guard open < cursor.end - 1, !(open + 1..<cursor.end - 1).contains(where: { cursor.bytes[$0] | 1 == 0x29 })
        else { return }
        cursor.end = open
        while cursor.end > cursor.position, cursor.bytes[cursor.end - 1] == 0x20 { cursor.end -= 1 }
    }

    /// How far a zone with a name is ahead of UTC (RFC 2822, 4.3), where one ends the text.
    static func namedZone(_ cursor: Cursor) -> Int64? {
        hours(ofZone: cursor).map { Int64($0) * 3600 * second }
    }

    private static func hours(ofZone cursor: Cursor) -> Int? {
        let length = cursor.end - cursor.position
        guard 2...3 ~= length else { return nil }
        var letters: UInt32 = 0
        for index in 0..<length { letters = letters << 8 | UInt32(cursor.byte(index) | 0x20) }
        switch letters {
        case 0x67_6D74, 0x7574, 0x75_7463: return 0  // gmt, ut, utc
        case 0x65_6474: return -4  // edt
        case 0x65_7374, 0x63_6474: return -5  // est, cdt
        case 0x63_7374, 0x6D_6474: return -6  // cst, mdt
        case 0x6D_7374, 0x70_6474: return -7  // mst, pdt
        case 0x70_7374: return -8  // pst
        default: return nil
        }
    }

    /// The number of the month whose first three letters stand here.
    private static func month(_ cursor: inout Cursor) -> Int? {
        let names: StaticString = "janfebmaraprmayjunjulaugsepoctnovdec"
        for month in 0..<12 {
            let name = names.utf8Start + 3 * month
            if cursor.byte(0) | 0x20 == name[0], cursor.byte(1) | 0x20 == name[1], cursor.byte(2) | 0x20 == name[2] {
                cursor.position += 3
                return month + 1
            }
        }
        return nil
    }
}
