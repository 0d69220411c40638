import Testing

@testable import Tagstream

@Suite struct `A dead letter` {
    private func bytes(_ count: Int, _ byte: UInt8 = 0x61) -> [UInt8] { [UInt8](repeating: byte, count: count) }

    @Test func `carries key, value and headers byte for byte, null and empty told apart`() throws {
        var record = OneRecord([0xFF, 0x00, 0x0A, 0x7B])
        record.key = [0x00, 0xFF]
        record.headers = [("token", [0xFE]), ("empty", []), ("null", nil), ("", [1]), ("token", nil)]
        let letter = try #require(process(record).deadLetters.first)
        #expect(letter.value == record.value)
        #expect(letter.key == record.key)
        let original = letter.headers.prefix(record.headers.count)
        #expect(original.map(\.name) == record.headers.map(\.name))
        #expect(original.map(\.value) == record.headers.map(\.value))
        #expect(letter.headers.dropFirst(record.headers.count).allSatisfy { $0.name.hasPrefix("dlq_") })
    }

    @Test func `of a record without key or value has neither`() throws {
        var record = OneRecord(nil)
        record.key = nil
        let letter = try #require(process(record).deadLetters.first)
        #expect(letter.value == nil && letter.key == nil)
        record.key = []
        #expect(try #require(process(record).deadLetters.first).key == [])
    }

    @Test func `says where it comes from and why`() throws {
        let letter = try #require(process(OneRecord("[]")).deadLetters.first)
        #expect(letter.header("dlq_reason") == "invalid_json")
        #expect(letter.header("dlq_detail") == "not a JSON object: unexpected content at byte 0 of 2")
        #expect(letter.header("dlq_step") == "decode")
        #expect(letter.header("dlq_topic") == "events_raw")
        #expect(letter.header("dlq_partition") == "3")
        #expect(letter.header("dlq_offset") == "12345")
        #expect(letter.header("dlq_timestamp") == "2025-09-01 10:00:02.950")
        #expect(letter.header("dlq_epoch") == "4")
        #expect(letter.header("dlq_version") == "1")
        #expect(letter.header("dlq_part") == nil && letter.header("dlq_left_out") == nil)
    }

    @Test(arguments: [
        (#"{"a":tru}"#, "at byte 5 of 9"), (#"{"a":1} x"#, "at byte 8 of 9"), (#"{"$set":{},} "#, "at byte 11 of 13"),
        (#"{"$set":{}} x"#, "at byte 12 of 13"), (#"{"$set":{"a":tru}}"#, "at byte 13 of 18"), ("{", "at byte 1 of 1"),
        (#"{"data":"{tru}"}"#, "at byte 10 of 16"), (#"{"data":"{\n\"a\":tru}"}"#, "in the text of a nested document"),
    ])
    func `names the byte where a record stops being JSON`(text: String, place: String) {
        #expect(process(OneRecord(text)).detail == "not a JSON object: unexpected content \(place)")
    }

    @Test(arguments: [
        (Int64.min, "1970-01-01 00:00:00.000"), (-1, "1970-01-01 00:00:00.000"),
        (253_402_300_800_000, "9999-12-31 23:59:59.999"), (Int64.max, "9999-12-31 23:59:59.999"),
    ])
    func `of a record of any time has a time that can be printed`(timestamp: Int64, printed: String) {
        var record = OneRecord("[]")
        record.timestamp = timestamp
        #expect(process(record).deadLetters.first?.header("dlq_timestamp") == printed)
    }

    @Test func `does not carry on headers that only Tagstream writes`() throws {
        let record = OneRecord("[]").with("dlq_reason", "no_token").with("dlq_", "x").with("dlq_left_out", "key")
            .with("tagstream-source", "a/0/0").with("dlq", "kept").with("DLQ_reason", "kept").with(
                "xdlq_reason",
                "kept"
            )
        let letter = try #require(process(record).deadLetters.first)
        #expect(letter.headers.filter { $0.name == "dlq_reason" }.count == 1)
        #expect(letter.header("dlq_reason") == "invalid_json")
        #expect(
            !letter.headers.contains { $0.name == "dlq_" || $0.name == "dlq_left_out" || $0.name == "tagstream-source" }
        )
        #expect(letter.headers.prefix(3).map(\.name) == ["dlq", "DLQ_reason", "xdlq_reason"])
    }

    @Test(arguments: [(700_000, 1), (700_001, 2), (1_400_000, 2), (1_400_001, 3)])
    func `of a large value is split into numbered parts`(count: Int, parts: Int) {
        let record = OneRecord(bytes(count))
        let letters = process(record).deadLetters
        #expect(letters.count == parts)
        #expect(letters.flatMap { $0.value ?? [] } == record.value)
        #expect(letters.allSatisfy { $0.key == record.key && ($0.value ?? []).count <= 700_000 })
        #expect(letters.map { $0.header("dlq_part") } == (parts == 1 ? [nil] : (1...parts).map { "\($0)/\(parts)" }))
    }

    @Test func `keeps a key and headers of 150,000 bytes`() throws {
        var record = OneRecord("[]")
        record.key = bytes(100_000)
        record.headers = [("h", bytes(50_000 - 1 - 16))]
        let letter = try #require(process(record).deadLetters.first)
        #expect(letter.key == record.key && letter.headers.first?.name == "h" && letter.header("dlq_left_out") == nil)
    }

    @Test func `leaves out what would make it too large, and says so`() throws {
        var record = OneRecord("[]")
        record.key = bytes(100_000)
        record.headers = [("h", bytes(50_000 - 16))]
        var letter = try #require(process(record).deadLetters.first)
        #expect(letter.header("dlq_left_out") == "headers" && letter.key == record.key && letter.header("h") == nil)

        record.key = bytes(150_001)
        letter = try #require(process(record).deadLetters.first)
        #expect(letter.header("dlq_left_out") == "key" && letter.key == nil && letter.header("h") != nil)

        record.headers = [("h", bytes(150_000))]
        letter = try #require(process(record).deadLetters.first)
        #expect(letter.header("dlq_left_out") == "key,headers" && letter.key == nil && letter.header("h") == nil)
        #expect(letter.value == record.value)
    }

    @Test func `of a record of ten thousand headers fits`() throws {
        var record = OneRecord("[]")
        record.headers = (0..<10_000).map { ("h\($0)", nil) }
        let letter = try #require(process(record).deadLetters.first)
        #expect(letter.header("dlq_reason") == "limit_headers" && letter.header("dlq_left_out") == "headers")
    }

    @Test(arguments: [
        "a\u{1B}[31mred", "nul\u{0}", "\u{9B}31m", "\u{202E}reversed", "line\nbreak\u{2028}",
        String(repeating: "\u{FF}", count: 90),
        String(repeating: "e\u{301}\u{302}", count: 90),
    ])
    func `tells of a hostile token in printable words of at most 300 bytes`(token: String) throws {
        let letter = try #require(process(flat().with("token", token)).deadLetters.first)
        let detail = try #require(letter.header("dlq_detail"))
        #expect(letter.header("dlq_reason") == "unknown_token")
        #expect(detail.utf8.count <= 300)
        for scalar in detail.unicodeScalars {
            #expect(
                ![.control, .format, .lineSeparator, .paragraphSeparator].contains(scalar.properties.generalCategory)
            )
        }
    }

    @Test func `has a detail that is cut between characters`() {
        #expect(DeadLetterEncoder.bounded(String(repeating: "é", count: 150)).utf8.count == 300)
        let cut = DeadLetterEncoder.bounded(String(repeating: "é", count: 151))
        #expect(cut == String(repeating: "é", count: 148) + "…")
        #expect(DeadLetterEncoder.bounded("e" + String(repeating: "\u{301}", count: 5000)).utf8.count <= 300)
    }
}
