import Testing

@testable import Tagstream

@Suite struct `A batch` {
    @Test func `accounts for every record, in the order they came`() {
        var records: [OneRecord] = []
        for index in 0..<100 {
            var record: OneRecord
            switch index % 5 {
            case 0: record = flat()
            case 1: record = envelope()
            case 2: record = flat(event: #""$performance_event""#)
            case 3: record = OneRecord("[")
            default: record = OneRecord(nil)
            }
            record.offset = Int64(index)
            records.append(record)
        }
        let (counts, outcomes) = process(records)
        #expect(counts.tagged == 40 && counts.ignored == 20 && counts.deadLetters == 40 && counts.input == 100)
        #expect(counts.matches == 40)
        for (index, written) in outcomes.enumerated() {
            switch index % 5 {
            case 0, 1: #expect(written.filter { !$0.isWarning }.map(\.destination) == [.tagged, .matches])
            case 2: #expect(written.isEmpty)
            default: #expect(written.map(\.destination) == [.deadLetters])
            }
            #expect(written.allSatisfy { $0.header("dlq_offset") ?? "\(index)" == "\(index)" })
        }
    }

    @Test func `gives the same bytes whatever stood before it on the workbench`() {
        let hostile = OneRecord(
            #"{"event":"\ud800","distinct_id":"x","token":"phc_test","properties":{"a":1e999,"a":2}}"#
        )
        let large = flat(properties: #"{"a":"\#(String(repeating: "\\u0061", count: 50_000))"}"#)
        let last = envelope(properties: #"{"$session_id":"0190F3C1-8a52-7cc1-9f3e-2b0f6a1d4e77"}"#)
        let alone = process(last).records.filter { !$0.isWarning }.map(\.value)
        for before in [hostile, large, OneRecord("{"), OneRecord(nil), flat(event: #""$performance_event""#)] {
            #expect(process([before, last]).outcomes[1].filter { !$0.isWarning }.map(\.value) == alone)
        }
    }

    @Test func `of no records writes nothing`() { #expect(process([]).counts == OutcomeCounts()) }

    @Test func `takes a row that turns out too large back without a trace`() {
        let (counts, outcomes) = process([
            flat(), flat(properties: #"{"a":"\#(String(repeating: "x", count: 970_000))"}"#), envelope(),
        ])
        #expect(counts.tagged == 2 && counts.deadLetters == 1 && counts.matches == 2)
        #expect(outcomes[1].map(\.destination) == [.deadLetters, .deadLetters, .warnings])
        #expect([0, 2].allSatisfy { outcomes[$0].count { !$0.isWarning } == 2 })
    }

    @Test func `repeats a person's id in match records only where it is one`() {
        let short = process(flat(#","person_id":"\#(String(repeating: "p", count: 200))""#))
        let long = process(flat(#","person_id":"\#(String(repeating: "p", count: 201))""#))
        #expect(short.row["person_id"] is String)
        #expect(!(long.row["person_id"] is String))
        #expect(long.records[1].value.map { $0.count < 500 } == true)
    }
}

@Suite struct `A match record` {
    @Test func `names the event, the action and the source`() throws {
        let record = process(envelope(event: #""quo\"te""#)).records[1]
        let match = Outcome.object(String(decoding: try #require(record.value), as: UTF8.self))
        #expect(record.destination == .matches)
        #expect(record.key == Array("1:u_42".utf8))
        #expect(match["event"] as? String == "quo\"te")
        #expect(match["action_id"] as? Int == 7 && match["action_version"] as? Int == 3)
        #expect(match["action_name"] as? String == "Quote \"x\"")
        #expect(match["source"] as? String == "events_raw/3/12345")
        #expect(match["event_uuid"] as? String == "0190f3c1-8a52-7cc1-9f3e-2b0f6a1d4e77")
        #expect(match["timestamp"] as? String == "2025-09-01 10:00:02.513")
        #expect(match["epoch"] as? Int == 4)
    }
}

@Suite struct `The index of fields` {
    /// An object of escaped space on a workbench, and its fields.
    private func mark(_ keys: [String], with index: inout FieldIndex) throws -> [Bool] {
        var bench = Workbench()
        let text = "{" + keys.map { "\\\"\($0)\\\":1" }.joined(separator: ",") + "}"
        bench.bytes.append(Array(text.utf8))
        bench.bytes.putSentinel()
        var scanner = Scanner<EscapedSpace>(bench.bytes.base, at: 0, keysLeft: 10_000, keyBytes: 1024)
        try scanner.fields(onto: &bench.fields, depthLeft: 10)
        var special = SpecialProperties()
        let section = Section(first: 0, count: Int32(keys.count))
        let count = index.mark(
            section,
            of: &bench.fields,
            bytes: bench.bytes,
            scratch: &bench.scratch,
            special: &special
        )
        let marks = (0..<keys.count).map { bench.fields[$0].value.flags.contains(.superseded) }
        #expect(count == marks.count { $0 })
        return marks
    }

    @Test func `lets the last of equal keys win, however they are written`() throws {
        var index = FieldIndex()
        #expect(try mark(["a", "b", "a"], with: &index) == [true, false, false])
        #expect(try mark(["a", #"\\u0061"#, "b"], with: &index) == [true, false, false])
        #expect(try mark([#"\\u0061"#, "a", #"\\u0061"#], with: &index) == [true, true, false])
        #expect(try mark(["", "", "x"], with: &index) == [true, false, false])
        #expect(try mark(["aaaaaaaaa", "aaaaaaaab", "aaaaaaaaa"], with: &index) == [true, false, false])
    }

    @Test func `goes on after four billion sections`() throws {
        var index = FieldIndex(epoch: UInt32.max - 3)
        for _ in 0..<8 { #expect(try mark(["a", "b", "a"], with: &index) == [true, false, false]) }
    }

    @Test func `is right for keys that collide`() throws {
        // The hash of a key of 25 bytes or more leaves out what lies between its first, middle and last eight bytes.
        let keys = (0..<300).map { "12345678\(["a", "b"][$0 % 2])\(String(100 + $0 / 2))aa........aaaaaaa12345678" }
        let hashes = Set(keys.map { keyHash(of: Array($0.utf8)) })
        #expect(hashes.count < keys.count, "these keys have to collide for this test to mean something")
        var index = FieldIndex()
        #expect(try mark(keys, with: &index).allSatisfy { !$0 })
        #expect(try mark(keys + keys, with: &index) == keys.map { _ in true } + keys.map { _ in false })
        #expect(try mark(["a", "b", "a"], with: &index) == [true, false, false])
    }
}
