import Testing

@testable import Tagstream

/// The dead letters of a record as they are read back.
private func letters(of record: OneRecord) throws -> [DeadLetter] {
    try process(record).deadLetters.map { written in
        let headers = written.headers.map { DeadLetter.Header(Array($0.name.utf8), $0.value) }
        return try DeadLetter(key: written.key, value: written.value, headers: headers)
    }
}

@Suite struct `A dead letter that is read back` {
    @Test func `is the record that it was`() throws {
        var record = OneRecord([0xFF, 0x00, 0x0A])
        record.headers = [("token", [0xFE]), ("null", nil), ("dlq_reason", Array("forged".utf8)), ("empty", [])]
        let letter = try #require(letters(of: record).first)
        #expect(letter.value == record.value)
        #expect(letter.key == record.key)
        #expect(letter.headers.map(\.value) == [[0xFE], nil, []])
        #expect(letter.source == "events_raw/3/12345")
        #expect(letter.timestamp == record.timestamp)
        #expect((letter.reason, letter.step, letter.epoch) == ("invalid_json", "decode", 4))
        #expect(letter.obstacle == nil)
    }

    @Test func `tells null from empty, and no timestamp from one`() throws {
        var record = OneRecord(nil)
        record.key = []
        record.timestamp = -1
        let letter = try #require(letters(of: record).first)
        #expect(letter.value == nil && letter.key == [])
        #expect(letter.timestamp == -1)
    }

    @Test func `is put together from its parts, in order only`() throws {
        let record = OneRecord([UInt8](repeating: 0x61, count: 1_500_000))
        let parts = try letters(of: record)
        #expect(parts.map(\.part) == (1...3).map { DeadLetter.Part(number: $0, count: 3) })
        #expect(DeadLetter.joined(parts)?.value == record.value)
        #expect(DeadLetter.joined(parts)?.part == nil)
        #expect(DeadLetter.joined(parts.reversed()) == nil)
        #expect(DeadLetter.joined([parts[0], parts[1]]) == nil)
        #expect(DeadLetter.joined([]) == nil)
    }

    @Test func `cannot be tried without its headers, but without its key`() throws {
        var record = OneRecord("x")
        record.headers = [("large", [UInt8](repeating: 0x61, count: 200_000))]
        #expect(try letters(of: record).first?.obstacle?.contains("headers were left out") == true)
        record.headers = []
        record.key = [UInt8](repeating: 0x61, count: 200_000)
        let letter = try #require(letters(of: record).first)
        #expect(letter.leftOut == "key" && letter.obstacle == nil)
    }

    @Test(arguments: [
        ("dlq_version", nil, "there is no header dlq_version, expected those of a dead letter"),
        ("dlq_version", "2", "dlq_version is 2, expected 1"),
        ("dlq_offset", "-4", "dlq_offset is \"-4\", expected a decimal number"),
        ("dlq_partition", "4294967296", "dlq_partition is 4294967296, expected a partition's number"),
        ("dlq_timestamp", "soon", "dlq_timestamp is \"soon\", expected a timestamp"),
        ("dlq_part", "2/1", "dlq_part is \"2/1\", expected a part such as 1/2"),
        ("dlq_part", "1", "dlq_part is \"1\", expected a part such as 1/2"),
        ("dlq_reason", nil, "there is no header dlq_reason, expected those of a dead letter"),
    ])
    func `says what is wrong with it`(name: String, value: String?, message: String) throws {
        var headers = try #require(process(OneRecord("x")).deadLetters.first).headers
        headers.removeAll { $0.name == name }
        if let value { headers.append((name, Array(value.utf8))) }
        let problem = #expect(throws: DeadLetterProblem.self) {
            try DeadLetter(
                key: nil,
                value: nil,
                headers: headers.map { DeadLetter.Header(Array($0.name.utf8), $0.value) }
            )
        }
        #expect(problem?.description == message)
    }
}

@Suite struct `A filter of dead letters` {
    @Test func `bounds reason and time`() throws {
        var letter = try #require(letters(of: OneRecord("x")).first)
        letter.timestamp = 1000
        var filter = DeadLetterFilter()
        #expect(filter.isEmpty && filter.passes(letter))
        filter.since = 1000
        filter.until = 1001
        #expect(filter.passes(letter) && !filter.isEmpty)
        filter.until = 1000
        #expect(!filter.passes(letter))
        filter = DeadLetterFilter()
        filter.reasons = ["unknown_token"]
        #expect(!filter.passes(letter))
        filter.reasons.insert("invalid_json")
        #expect(filter.passes(letter))
    }

    @Test func `passes no record without a time when a time is asked for`() throws {
        var letter = try #require(letters(of: OneRecord("x")).first)
        letter.timestamp = -1
        #expect(DeadLetterFilter().passes(letter))
        var filter = DeadLetterFilter()
        filter.until = .max
        #expect(!filter.passes(letter))
    }
}

@Suite struct `Another try` {
    private func tryAgain(
        _ letter: DeadLetter,
        isTooLarge: Bool = false
    ) -> (verdict: Retrial.Verdict, written: [(Destination, String)]) {
        var retrial = Retrial()
        var written: [(Destination, String)] = []
        let verdict = retrial.tryAgain(letter, isTooLarge: isTooLarge, under: testSnapshot) { out, batch in
            #expect(batch.records.map(\.partition) == [letter.partition])
            for record in out.records {
                written.append(
                    (
                        record.destination,
                        String(decoding: out.bytes(record.value) ?? .init(start: nil, count: 0), as: UTF8.self)
                    )
                )
            }
        }
        return (verdict, written)
    }

    /// A record as a letter of an unknown token, made by hand from one that is good now.
    private func letter(of record: OneRecord) throws -> DeadLetter {
        var letter = try #require(letters(of: OneRecord("x")).first)
        letter.value = record.value
        letter.key = record.key
        letter.headers = record.headers.map { DeadLetter.Header(Array($0.name.utf8), $0.value) }
        letter.timestamp = record.timestamp
        return letter
    }

    @Test func `gives the row that the first one would have given`() throws {
        // Without a uuid of its own it is derived from the position, and the header is the token.
        let record = OneRecord(#"{"event":"e","distinct_id":"u","properties":{"a":1}}"#).with("token", "phc_test")
        let (verdict, written) = try tryAgain(letter(of: record))
        #expect(verdict == .tagged(team: 1, matches: 1))
        #expect(written.map(\.0) == [.tagged, .matches])
        #expect(written.first?.1 == process(record).rowText)
    }

    @Test func `writes nothing when it fails again`() throws {
        let record = flat(properties: "[]")
        let (verdict, written) = try tryAgain(letter(of: record))
        guard case .failed("invalid_field", "decode", _) = verdict else {
            Issue.record("\(verdict)")
            return
        }
        #expect(!verdict.isSettled && written.isEmpty)
    }

    @Test func `warns of what it accepts and not of what fails again`() throws {
        let fields = #","ip":"1","ip":"2""#
        #expect(try tryAgain(letter(of: flat(fields))).written.map(\.0).contains(.warnings))
        let identify = flat(properties: #"{"$anon_distinct_id":5}"#, event: #""$identify""#)
        #expect(process(identify).warningTypes == ["invalid_anon_distinct_id"])
        #expect(try tryAgain(letter(of: identify)).written.isEmpty)
        let client = try tryAgain(letter(of: flat(event: #""$$client_ingestion_warning""#)))
        #expect(client.verdict.isSettled && client.written.map(\.0) == [.warnings])
    }

    @Test func `settles what is ignored now`() throws {
        let (verdict, written) = try tryAgain(letter(of: flat(event: #""$performance_event""#)))
        #expect(verdict == .ignored(reason: "performance_event"))
        #expect(verdict.isSettled && written.isEmpty)
    }

    /// Regression: with `ignored.keep`, a replay of everything gave each duplicate a row.
    @Test func `gives no row to a duplicate that was kept`() throws {
        var letter = try letter(of: flat())
        (letter.reason, letter.detail) = ("ignored", "duplicate")
        let (verdict, written) = tryAgain(letter)
        #expect(verdict == .ignored(reason: "duplicate"))
        #expect(verdict.isSettled && written.isEmpty)
        // What was ignored for another reason is judged anew: the token may be wanted now.
        letter.detail = "dropped_token"
        #expect(tryAgain(letter).verdict == .tagged(team: 1, matches: 1))
    }

    @Test func `fails when the broker has refused the row`() throws {
        let (verdict, written) = try tryAgain(letter(of: flat()), isTooLarge: true)
        guard case .failed("too_large_for_output", "encode", _) = verdict else {
            Issue.record("\(verdict)")
            return
        }
        #expect(written.isEmpty)
    }

    @Test func `takes letter after letter`() throws {
        var retrial = Retrial()
        let large = try letter(of: flat(properties: #"{"filler":"\#(String(repeating: "x", count: 300_000))"}"#))
        for letter in [try letter(of: flat()), large, try letter(of: OneRecord("[")), try letter(of: flat())] {
            let verdict = retrial.tryAgain(letter, under: testSnapshot) { _, _ in }
            #expect(verdict.isSettled == (letter.value != Array("[".utf8)))
        }
    }
}
