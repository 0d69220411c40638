import ArgumentParser
import Foundation
import Kafka
import Tagstream
import Testing

@testable import TagstreamCommand
@testable import Worker

@Suite struct `A dead letter's text` {
    private func letter(_ value: String?, detail: String = "d", headers: [DeadLetter.Header] = []) throws -> DeadLetter
    {
        let texts = [
            "dlq_reason": "invalid_json", "dlq_detail": detail, "dlq_step": "decode", "dlq_topic": "raw",
            "dlq_partition": "3", "dlq_offset": "17", "dlq_timestamp": "2026-01-15 12:00:00.000", "dlq_epoch": "4",
            "dlq_version": "1",
        ]
        return try DeadLetter(
            key: nil,
            value: value.map { Array($0.utf8) },
            headers: headers + texts.map { DeadLetter.Header(Array($0.key.utf8), Array($0.value.utf8)) }
        )
    }

    private func found(_ letter: DeadLetter) -> FoundLetter {
        FoundLetter(
            places: [.init(TopicPartition("dead", 0), 9)],
            written: 0,
            content: .success(letter)
        )
    }

    @Test(arguments: [
        ([0x61, 0xC3, 0xBC], "aü"), ([0xFF, 0x0A, 0x09, 0x0D], "\\xFF\\n\\t\\r"),
        ([0x1B, 0x5B, 0x32, 0x4A], "\\u{1B}[2J"),
        ([0xE2, 0x80, 0xAE, 0x61], "\\u{202E}a"), ([0xC3], "\\xC3"), ([0x05], "\\u{5}"),
        ([0xED, 0xA0, 0x80], "\\xED\\xA0\\x80"),
        ([0xF0, 0x9F, 0x99, 0x82], "🙂"), ([], ""),
    ])
    func `obeys to no byte`(bytes: [UInt8], text: String) {
        #expect(DeadLetterText.readable(bytes) == text)
    }

    @Test func `marks the place of the mistake`() throws {
        let detail = "not JSON: unexpected content at byte 10 of 16"
        #expect(DeadLetterText.mistake(in: try letter(#"{"data":"{tru}"}"#, detail: detail)) == 10)
        #expect(DeadLetterText.mistake(in: try letter("{}", detail: detail)) == nil)
        #expect(DeadLetterText.mistake(in: try letter(nil, detail: detail)) == nil)
        #expect(DeadLetterText.mistake(in: try letter("{}")) == nil)
        #expect(
            DeadLetterText.excerpt(of: Array(#"{"data":"{tru}"}"#.utf8), at: 10) == [
                #"  {"data":"{tru}"}"#, "            ^",
            ]
        )
        let long = Array((String(repeating: "ü", count: 100) + "!" + String(repeating: "ö", count: 100)).utf8)
        let excerpt = DeadLetterText.excerpt(of: long, at: 200)
        #expect(excerpt[0].hasPrefix("  …ü") && excerpt[0].hasSuffix("ö…"))
        #expect(Array(excerpt[0])[excerpt[1].count - 1] == "!")
        #expect(DeadLetterText.excerpt(of: Array("{".utf8), at: 1) == ["  {", "   ^"])
    }

    @Test func `shows everything of a letter`() throws {
        let letter = try letter("{}", headers: [.init(Array("token".utf8), Array("t\u{7}".utf8)), .init([0x6E], nil)])
        let lines = DeadLetterText.lines(found(letter), letter)
        #expect(lines.contains("source     raw/3/17"))
        #expect(lines.contains("place      dead/0/9"))
        #expect(lines.contains("timestamp  2026-01-15 12:00:00.000"))
        #expect(lines.contains("key        (null)"))
        #expect(lines.contains("header     token = t\\u{7}"))
        #expect(lines.contains("header     n = (null)"))
        #expect(lines.suffix(2) == ["value      2 bytes", "  {}"])
    }

    @Test func `is counted by reason, step and topic`() throws {
        var counts = DeadLetterCounts()
        var other = try letter("x")
        other.reason = "unknown_token"
        other.timestamp = -1
        counts.add(found(other))
        for _ in 0..<2 { counts.add(found(try letter("x"))) }
        var later = try letter("x")
        later.timestamp += 1000
        counts.add(found(later))
        #expect(counts.letters == 4)
        #expect(
            counts.rows.map(\.cells) == [
                ["invalid_json", "decode", "raw", "3", "2026-01-15 12:00:00.000", "2026-01-15 12:00:01.000"],
                ["unknown_token", "decode", "raw", "1", "-", "-"],
            ]
        )
    }

    @Test func `tells what would become of it`() throws {
        let text = ReplayText(isDry: true)
        let found = found(try letter("x"))
        #expect(
            text.line(found, .tried(.tagged(team: 2, matches: 1)))
                == "dead/0/9  invalid_json -> tagged for team 2, matches: 1"
        )
        #expect(
            text.line(found, .tried(.failed(reason: "no_token", step: "tenant", detail: "d"))).hasSuffix(
                "-> no_token: d"
            )
        )
        var report = ReplayReport()
        report.add(.tried(.tagged(team: 2, matches: 3)), of: found)
        report.add(.tried(.failed(reason: "no_token", step: "tenant", detail: "d")), of: found)
        report.add(.passedOver, of: found)
        report.isComplete = true
        #expect(
            text.lines(report) == [
                "1  invalid_json -> no_token", "1  invalid_json -> tagged",
                "dry run, nothing was written: 1 tagged with 3 matches, 1 failed again, 1 passed over by the filter",
            ]
        )
        #expect(text.progress(report) == "100 %: 1 accepted, 1 failed again, 1 passed over")
        report.total = 4
        report.covered = 1
        #expect(text.progress(report, width: 8).hasPrefix("[##......] 25 %"))
    }
}

@Suite struct `A selection of dead letters` {
    private func filter(_ arguments: String...) throws -> DeadLetterFilter {
        try DeadLetters.Selection.parse(arguments).filter()
    }

    @Test func `is of reasons and times`() throws {
        let filter = try filter(
            "--reason",
            "unknown_token",
            "--reason",
            "no_token",
            "--since",
            "2026-01-15",
            "--until",
            "2026-01-15T00:00:01Z"
        )
        #expect(filter.reasons == ["unknown_token", "no_token"])
        #expect(filter.since == 1_768_435_200_000)
        #expect(filter.until == 1_768_435_201_000)
        #expect(try self.filter().isEmpty)
    }

    @Test(arguments: [
        (["--reason", "unknown_tokn"], "Hint: write unknown_token"), (["--since", "soon"], "expected a timestamp"),
        (["--since", "2026-01-15", "--until", "2026-01-15"], "expected a time behind --since"),
    ])
    func `says what is wrong with it`(arguments: [String], message: String) throws {
        let failure = #expect(throws: Failure.self) { try DeadLetters.Selection.parse(arguments).filter() }
        #expect(failure?.code == .usage)
        #expect(failure?.description.contains(message) == true)
    }

    @Test func `has at least one letter`() throws {
        #expect(try DeadLetters.most(nil) == nil)
        #expect(try DeadLetters.most(1) == 1)
        #expect(throws: Failure.self) { try DeadLetters.most(0) }
    }
}
