import Foundation
import Testing

@testable import Tagstream

// What anyone on the internet may send through a gateway. The names are those of the list of abuse tests.

@Suite struct `A hostile event` {
    @Test(arguments: [#"{"a":"#, "["]) func `json_depth_1e6`(opening: String) {
        let levels = 1_000_000
        let deep = String(repeating: opening, count: levels / opening.utf8.count)
        for record in [
            OneRecord(deep), flat(properties: #"{"a":"# + deep),
            envelope(properties: #"{"a":"# + String(deep.prefix(300_000))),
        ] {
            let limits = EventLimits.roomy
            let outcome = process(record, limits: limits)
            // In front of the first event key there is nothing to refuse but JSON itself.
            #expect(["limit_depth", "invalid_json"].contains(outcome.reason ?? ""), "\(outcome.detail ?? "")")
            #expect(outcome.counts.deadLetters == 1)
        }
    }

    @Test func `dup_keys`() {
        let outcome = process(
            OneRecord(
                #"{"token":"phc_test","distinct_id":"a","distinct_id":"b","event":"x","event":"y","#
                    + #""properties":{"a":1,"\u0061":2,"$set":{"p":1,"p":2}}}"#
            )
        )
        // The last wins, as in the gateway's parser and in ClickHouse's, and the team is told.
        #expect(outcome.row["distinct_id"] as? String == "b" && outcome.row["event"] as? String == "y")
        #expect(outcome.properties["a"] as? Int == 2 && outcome.person["p"] as? Int == 2)
        #expect(outcome.counts.duplicateKeys == 4 && outcome.warningTypes == ["duplicate_keys"])
    }

    @Test func `lone_surrogate`() {
        let outcome = process(
            OneRecord(
                #"{"token":"phc_test","distinct_id":"u\udfff","event":"e\ud800","#
                    + #""properties":{"$elements_chain":"a:text=\"\udbff\"","k\ud83d":"\ude00","ok":"\ud83d\ude00"}}"#
            )
        )
        #expect(outcome.row["distinct_id"] as? String == "u\u{FFFD}" && outcome.row["event"] as? String == "e\u{FFFD}")
        #expect(outcome.row["elements_chain"] as? String == "a:text=\"\u{FFFD}\"")
        #expect(outcome.properties as NSDictionary == ["k\u{FFFD}": "\u{FFFD}", "ok": "😀"])
    }

    @Test func `num_1e999`() throws {
        let outcome = process(flat(properties: #"{"a":1e999,"b":-1e400,"c":1e308,"d":-0,"e":9223372036854775808}"#))
        let text = try #require(outcome.row["properties"] as? String)
        #expect(text == #"{"a":"1e999","b":"-1e400","c":1e308,"d":-0,"e":9223372036854775808}"#)
        for no in ["NaN", "Infinity", "-Infinity", "01", "1.", ".5", "+1", "0x1"] {
            #expect(process(flat(properties: #"{"a":\#(no)}"#)).reason == "invalid_json")
        }
    }

    @Test func `nul_in_key`() {
        let outcome = process(
            OneRecord(
                #"{"token":"phc_test","distinct_id":"u\u0000","event":"e\u0000","properties":{"k\u0000":"v\u0000","k":1}}"#
            )
        )
        #expect(outcome.properties as NSDictionary == ["k\u{0}": "v\u{0}", "k": 1])
        #expect(outcome.row["distinct_id"] as? String == "u\u{FFFD}" && outcome.row["event"] as? String == "e\u{0}")
        #expect(outcome.rowText?.utf8.contains(0) == false)
    }

    @Test func `10k_keys`() {
        let keys = (0..<10_000).map { #""k\#($0)":0"# }.joined(separator: ",")
        #expect(process(flat(properties: "{\(keys)}")).reason == "limit_keys")
        #expect(process(envelope(properties: #"{"a":{\#(keys)}}"#)).reason == "limit_keys")
        #expect(process(flat(#","$set":{\#(keys)}"#)).reason == "limit_keys")
    }

    @Test func `100k_headers`() {
        var record = flat()
        record.headers = (0..<100_000).map { ("h\($0)", [0x78]) }
        let outcome = process(record)
        #expect(outcome.reason == "limit_headers" && outcome.deadLetters.count == 1)
        #expect(outcome.deadLetters.first?.header("dlq_left_out") == "headers")
    }

    @Test func `forged_provenance_header`() {
        let forged = [("tagstream-source", "x/0/0"), ("dlq_reason", "none"), ("dlq_offset", "9"), ("team_id", "9")]
        var tagged = flat()
        var refused = OneRecord("[")
        for (name, value) in forged {
            tagged = tagged.with(name, value)
            refused = refused.with(name, value)
        }
        let row = process(tagged)
        #expect(row.records[0].headers.map(\.name) == ["tagstream-source", "team_id", "event"])
        #expect(row.records[0].header("tagstream-source") == "events_raw/3/12345" && row.row["team_id"] as? Int == 1)
        let letter = process(refused).deadLetters.first
        #expect(
            letter?.headers.count { $0.name == "dlq_reason" } == 1 && letter?.header("dlq_reason") == "invalid_json"
        )
        #expect(letter?.headers.contains { $0.name == "tagstream-source" } == false)
        // A header that Tagstream does not own is the client's, and means nothing.
        #expect(letter?.header("team_id") == "9")
    }

    @Test func `elements_10k`() throws {
        let chain = (0..<10_000).map { "div.c:attr__id=\"a;\($0)\"nth-child=\"1\"" }.joined(separator: ";")
        for outcome in [
            process(flat(properties: #"{"$elements_chain":"\#(escaped(chain))"}"#)),
            process(envelope(properties: #"{"$elements_chain":"\#(escaped(chain))"}"#)),
            process(flat(#","elements_chain":"\#(escaped(chain))""#)),
        ] {
            let kept = try #require(outcome.row["elements_chain"] as? String)
            #expect(chain.hasPrefix(kept + ";") && kept.hasSuffix("attr__id=\"a;511\"nth-child=\"1\""))
            #expect(outcome.warningTypes.contains("elements_truncated") && outcome.counts.tagged == 1)
        }
        // Ten thousand keys would be refused for themselves.
        let list = (0..<4000).map { #"{"tag_name":"a\#($0)"}"# }.joined(separator: ",")
        let outcome = process(flat(properties: #"{"$elements":[\#(list)]}"#))
        let kept = try #require(outcome.row["elements_chain"] as? String)
        #expect(kept.split(separator: ";").count == 512 && kept.hasSuffix("a511:"))
        #expect(outcome.warningTypes.contains("elements_truncated"))
    }

    @Test(arguments: [("a;", 511, false), ("a;", 512, true), (";", 511, false), (";", 512, true)])
    func `with so many elements is cut or not`(element: String, count: Int, isCut: Bool) {
        let chain = String(repeating: element, count: count)
        for end in ["b", ""] {
            let outcome = process(envelope(properties: #"{"$elements_chain":"\#(chain + end)"}"#))
            // A separator at the end begins no element.
            let more = isCut && !end.isEmpty
            #expect(outcome.row["elements_chain"] as? String == (more ? String(chain.dropLast()) : chain + end))
            #expect(outcome.warningTypes.contains("elements_truncated") == more)
        }
    }

    @Test func `ansi_log`() {
        let escape = "\\u001b[31m\\u0007\\u202e\\n"
        let outcomes = [
            process(OneRecord(#"{"token":"\#(escape)","event":"e","distinct_id":"u"}"#)),
            process(flat(#","uuid":"\#(escape)""#)),
        ]
        for outcome in outcomes {
            let detail = outcome.detail ?? ""
            #expect(!detail.isEmpty)
            #expect(detail.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F && $0.value != 0x202E })
        }
    }

    @Test func `uuid_suppression`() {
        // Somebody who knows a victim's uuid sends it first, under another token, id and name: the victim's event is tagged all the same.
        let attacker = flat(#","distinct_id":"attacker""#).with("token", "phc_other")
        var victim = flat()
        victim.offset = 12_346
        let (counts, outcomes) = process([attacker, victim])
        #expect(counts.tagged == 2)
        #expect(outcomes[1].first?.destination == .tagged)
    }
}

extension EventLimits {
    /// Room for a value whose depth, not its size, is refused.
    fileprivate static var roomy: EventLimits {
        var limits = EventLimits()
        limits.valueBytes = 64 << 20
        return limits
    }
}
