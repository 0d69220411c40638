/// Distinct ids that many clients send by mistake: merging them would make one person of many (PostHog's list).
enum IllegalDistinctID {
    /// Illegal however they are spelt.
    private static let words: [StaticString] = [
        "anonymous", "guest", "distinctid", "distinct_id", "id", "not_authenticated", "email", "undefined", "true",
        "false",
    ]
    /// Illegal as they stand.
    private static let exactly: [StaticString] = ["[object Object]", "NaN", "None", "none", "null", "0"]
    /// The longest of them with its quotes.
    private static let longest = 19

    /// Whether an id's text is blank or one of the list, by itself or between quotes.
    ///
    /// Allocates nothing.
    static func contains(_ id: UnsafeRawBufferPointer) -> Bool {
        guard !isWhiteSpace(id) else { return true }
        guard id.count <= longest else { return false }
        if lists(id) { return true }
        guard id.count > 2, let quote = id.first, quote == 0x22 || quote == 0x27, id.last == quote else { return false }
        return lists(UnsafeRawBufferPointer(rebasing: id[1..<(id.count - 1)]))
    }

    private static func lists(_ id: UnsafeRawBufferPointer) -> Bool {
        for word in words where equalsIgnoringCase(id, word) { return true }
        for word in exactly where equals(id, word) { return true }
        return false
    }

    private static func equalsIgnoringCase(_ bytes: UnsafeRawBufferPointer, _ word: StaticString) -> Bool {
        guard bytes.count == word.utf8CodeUnitCount else { return false }
        for index in 0..<bytes.count {
            let byte = bytes[index]
            let lower = byte &- 0x41 < 26 ? byte | 0x20 : byte
            if lower != word.utf8Start[index] { return false }
        }
        return true
    }
}
