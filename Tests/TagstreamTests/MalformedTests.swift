import Foundation
import Testing

@testable import Tagstream

/// A damaged record, and what may come of it.
struct Malformed: Sendable, CustomTestStringConvertible {
    enum Expectation: Sendable {
        /// A dead letter for one of these reasons.
        case dead(Set<String>)
        /// A row: odd, but an event.
        case tagged
        /// A row or a dead letter: whether damage makes an event unreadable depends on the byte that it hits.
        case either
    }
    var name: String
    var value: [UInt8]
    var expectation: Expectation
    var testDescription: String { name }
}

/// Builds the corpus by code from one real record, in both forms.
enum MalformedCorpus {
    static let broken: Malformed.Expectation = .dead(["invalid_json"])
    static let notUTF8: Malformed.Expectation = .dead(["invalid_utf8", "invalid_json"])

    /// The first real record, its token replaced by the test's.
    static let real: [UInt8] = {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let lines = try! String(contentsOf: root.appendingPathComponent("Examples/raw_events.jsonl"), encoding: .utf8)
        return Array(
            lines.prefix { $0 != "\n" }.replacingOccurrences(of: "phc_demo_web_project", with: "phc_test").utf8
        )
    }()

    /// The same event as a flat one: `data` unescaped, with the envelope's id and token.
    static let realFlat: [UInt8] = {
        let envelope = try! JSONSerialization.jsonObject(with: Data(real)) as! [String: Any]
        let data = envelope["data"] as! String
        return Array(#"{"token":"phc_test","distinct_id":"\#(envelope["distinct_id"]!)",\#(data.dropFirst())"#.utf8)
    }()

    /// JSON texts that are none, wherever a value may stand.
    static let brokenValues: [(String, String)] = [
        ("an empty place", ""), ("NaN", "NaN"), ("Infinity", "Infinity"), ("minus Infinity", "-Infinity"),
        ("a plus", "+1"),
        ("a leading zero", "01"), ("a bare minus", "-"), ("a leading point", ".5"), ("a trailing point", "1."),
        ("a bare exponent", "1e"), ("a signed bare exponent", "1e+"), ("hexadecimal", "0x10"), ("two points", "1.2.3"),
        ("True", "True"), ("a short null", "nul"), ("a long null", "nulll"), ("undefined", "undefined"),
        ("two values", "1 2"),
        ("an unclosed list", "[1"), ("an unclosed object", #"{"a":1"#), ("a comma behind the last", "[1,]"),
        ("a comma before the first", "[,1]"), ("two commas", "[1,,2]"), ("a comma in an object", #"{"a":1,}"#),
        ("a key without quotes", "{a:1}"), ("a key that is a number", "{1:1}"), ("a key without a value", #"{"a"}"#),
        ("a key without a colon", #"{"a" 1}"#), ("two colons", #"{"a"::1}"#), ("crossed brackets", #"{"a":[1}]"#),
        ("single quotes", "'a'"), ("a comment", "/**/1"), ("a comment of a line", "1//"), ("a hash", "#1"),
        ("a closing bracket", "]"), ("a text beside a text", #""a""b""#), ("a form feed between tokens", "[1,\u{0C}2]"),
        ("a vertical tab", "[1,\u{0B}2]"), ("a no-break space", "[1,\u{A0}2]"), ("a BOM within", "[\u{FEFF}1]"),
        ("a NUL between tokens", "[1,\u{0}2]"), ("Python's None", "None"), ("an octal escape", #""\101""#),
        ("an escape that is none", #""\x41""#), ("an escaped quote too few", #""\""#),
        ("a short unicode escape", #""\u12""#),
        ("a unicode escape with a g", #""\u12g4""#), ("a unicode escape in braces", #""\u{41}""#),
        ("a raw tab", "\"a\tb\""),
        ("a raw NUL", "\"a\u{0}b\""), ("a raw line feed", "\"a\nb\""), ("a raw escape", "\"\u{1B}[31m\""),
        ("an open text", #""abc"#),
    ]

    /// Odd, but JSON.
    static let oddValues: [(String, String)] = [
        ("1e999", "1e999"), ("minus 1e999", "-1e999"), ("400 digits", String(repeating: "9", count: 400)),
        ("1e-999", "1e-999"),
        ("minus zero", "-0"), ("2^64", "18446744073709551616"), ("a lone high surrogate", #""\ud800""#),
        ("a lone low surrogate", #""\udc00""#), ("surrogates in the wrong order", #""\ude00\ud83d""#),
        ("a pair", #""\ud83d\ude00""#),
        ("an escaped NUL", #""\u0000""#), ("a DEL", "\"\u{7F}\""), ("a BOM in a text", "\"\u{FEFF}\""),
        ("an escaped slash", #""\/""#),
        ("duplicate keys", #"{"a":1,"a":2}"#), ("an empty key", #"{"":1}"#), ("a prototype", #"{"__proto__":{"x":1}}"#),
        ("60 levels", String(repeating: "[", count: 60) + String(repeating: "]", count: 60)),
        ("blanks between tokens", "[ 1 ,\t2 ,\r3 ,\n4 ]"), ("noncharacters", "\"\u{FFFE}\u{10FFFF}\""),
        ("many blanks", "[" + String(repeating: " ", count: 100_000) + "]"),
    ]

    /// Byte sequences that are not UTF-8.
    static let brokenBytes: [(String, [UInt8])] = [
        ("a bare continuation", [0x80]), ("a lead alone", [0xC3]), ("FE", [0xFE]), ("FF", [0xFF]),
        ("an overlong slash", [0xC0, 0xAF]),
        ("an overlong quote", [0xC0, 0xA2]), ("an overlong NUL", [0xC0, 0x80]),
        ("an overlong slash of three", [0xE0, 0x80, 0xAF]),
        ("an overlong slash of four", [0xF0, 0x80, 0x80, 0xAF]), ("a surrogate", [0xED, 0xA0, 0x80]),
        ("a pair of surrogates", [0xED, 0xA0, 0xBD, 0xED, 0xB8, 0x80]), ("over U+10FFFF", [0xF4, 0x90, 0x80, 0x80]),
        ("five bytes", [0xF8, 0x88, 0x80, 0x80, 0x80]), ("three bytes cut", [0xE2, 0x82]),
        ("four bytes cut", [0xF0, 0x9F, 0x98]),
        ("Latin 1", [0xE9]), ("UTF-16", [0xFF, 0xFE, 0x61, 0x00]),
    ]

    /// What stands where the record should.
    static let wholes: [(String, [UInt8])] = [
        ("null", Array("null".utf8)), ("a number", Array("5".utf8)), ("a text", Array(#""{}""#.utf8)),
        ("a list", Array("[{}]".utf8)),
        ("a blank", [0x20]), ("a line feed", [0x0A]), ("a NUL", [0]), ("eight NULs", [UInt8](repeating: 0, count: 8)),
        ("gzip", [0x1F, 0x8B, 0x08, 0x00, 0x00]), ("Avro", [0x00, 0x00, 0x00, 0x00, 0x01, 0x02]),
        ("an opening brace", [0x7B]),
        ("a closing brace", [0x7D]), ("a quote", [0x22]), ("a backslash", [0x5C]),
        ("a million brackets", [UInt8](repeating: 0x5B, count: 1_000_000)),
        ("a million braces", Array(String(repeating: #"{"a":"#, count: 200_000).utf8)),
        ("form data", Array("data=%7B%7D".utf8)),
        ("base64", Array("eyJldmVudCI6ImUifQ==".utf8)), ("two records", Array("{}{}".utf8)),
        ("a record and a comma", Array("{},".utf8)),
        ("XML", Array("<event/>".utf8)),
        ("random bytes", (0..<512).map { UInt8(truncatingIfNeeded: $0 &* 197 &+ $0 >> 3) }),
    ]

    /// An event with the value among its properties.
    static func wrap(_ value: String, flat isFlat: Bool) -> [UInt8] {
        let properties = #"{"a":\#(value)}"#
        return (isFlat ? flat(properties: properties) : envelope(properties: properties)).value!
    }

    /// Every kind of damage once; the truncations and flips are tested apart.
    static let kinds: [Malformed] = {
        var all: [Malformed] = []
        for isFlat in [true, false] {
            let form = isFlat ? "flat" : "in an envelope"
            for (name, value) in brokenValues {
                all.append(Malformed(name: "\(name), \(form)", value: wrap(value, flat: isFlat), expectation: broken))
            }
            for (name, value) in oddValues {
                all.append(Malformed(name: "\(name), \(form)", value: wrap(value, flat: isFlat), expectation: .tagged))
            }
            for (name, bytes) in brokenBytes {
                // In the middle of a text, at its end, and in a key.
                for (place, text) in [
                    ("in a text", #""x@y""#), ("at a text's end", #""@""#), ("in a key", #"{"@":1}"#),
                ] {
                    let parts = wrap(text, flat: isFlat).split(
                        separator: 0x40,
                        maxSplits: 1,
                        omittingEmptySubsequences: false
                    )
                    all.append(
                        Malformed(
                            name: "\(name) \(place), \(form)",
                            value: Array(parts[0]) + bytes + Array(parts[1]),
                            expectation: notUTF8
                        )
                    )
                }
            }
            let record = isFlat ? realFlat : real
            let around: [(String, [UInt8], Malformed.Expectation)] = [
                ("a BOM before", [0xEF, 0xBB, 0xBF] + record, broken), ("a NUL before", [0] + record, broken),
                ("a NUL behind", record + [0], broken), ("garbage behind", record + Array("x".utf8), broken),
                ("a second record behind", record + record, broken),
                ("a brace behind", record + Array("}".utf8), broken),
                ("blanks around", Array(" \t\r\n".utf8) + record + Array("\n \t\r".utf8), .tagged),
                ("no first byte", Array(record.dropFirst()), broken),
            ]
            all += around.map { Malformed(name: "\($0.0), \(form)", value: $0.1, expectation: $0.2) }
        }
        all += wholes.map {
            Malformed(name: "\($0.0) as the record", value: $0.1, expectation: .dead(["invalid_json", "limit_depth"]))
        }
        return all
    }()
}

@Suite struct `A malformed record` {
    /// Fails unless a record ended as it may: as a row that is JSON, or as a dead letter with its original bytes.
    private func check(_ record: Malformed, _ outcome: Outcome) {
        switch record.expectation {
        case .dead(let reasons):
            #expect(reasons.contains(outcome.reason ?? "tagged"), "\(record.name): \(outcome.detail ?? "")")
        case .tagged: #expect(outcome.counts.tagged == 1, "\(record.name): \(outcome.detail ?? "")")
        case .either: break
        }
        if outcome.counts.tagged == 1 {
            // Every column of it that is JSON has to be readable too.
            #expect(
                outcome.row["uuid"] != nil && outcome.properties.count >= 0 && outcome.person.count >= 0,
                "\(record.name)"
            )
        } else if outcome.counts.deadLetters == 1 {
            #expect(outcome.deadLetters.flatMap { $0.value ?? [] } == record.value, "\(record.name)")
            #expect((outcome.detail ?? "").utf8.count <= 300)
        }
    }

    @Test func `comes in more than two hundred kinds`() {
        #expect(MalformedCorpus.kinds.count > 200)
        #expect(Set(MalformedCorpus.kinds.map(\.name)).count == MalformedCorpus.kinds.count)
    }

    @Test(arguments: MalformedCorpus.kinds) func `ends as a dead letter with its bytes, or as the row it is`(
        record: Malformed
    ) {
        check(record, process(OneRecord(record.value)))
    }

    @Test func `that real records are is tagged`() {
        for record in [MalformedCorpus.real, MalformedCorpus.realFlat] {
            let outcome = process(OneRecord(record))
            #expect(outcome.counts.tagged == 1, "\(outcome.detail ?? "")")
        }
    }

    @Test(arguments: [true, false]) func `with a truncated end becomes a dead letter, whatever the byte`(isFlat: Bool) {
        let whole = isFlat ? MalformedCorpus.realFlat : MalformedCorpus.real
        let records = (0..<whole.count).map { OneRecord(Array(whole[..<$0])) }
        let (counts, outcomes) = process(records)
        #expect(counts.deadLetters == whole.count)
        for (record, written) in zip(records, outcomes) {
            #expect(written.flatMap { $0.value ?? [] } == record.value)
            #expect(["invalid_json", "empty_value"].contains(written.first?.header("dlq_reason") ?? ""))
        }
    }

    @Test(arguments: [true, false]) func `with one byte changed is still accounted for`(isFlat: Bool) {
        let whole = isFlat ? MalformedCorpus.realFlat : MalformedCorpus.real
        for mask: UInt8 in [0x01, 0x02, 0x20, 0x80, 0xFF] {
            let records = whole.indices.map { index in
                var bytes = whole
                bytes[index] ^= mask
                return Malformed(name: "byte \(index) ^ \(mask)", value: bytes, expectation: .either)
            }
            let (counts, outcomes) = process(records.map { OneRecord($0.value) })
            #expect(counts.input == records.count)
            // Most bytes are content of texts: a flipped high bit there is no UTF-8.
            if mask == 0x80 { #expect(counts.deadLetters == records.count) }
            for (record, written) in zip(records, outcomes) {
                var one = OutcomeCounts()
                if written.isEmpty { continue }  // ignored: the name of the event has become a declared one
                if written[0].destination == .tagged { one.tagged = 1 } else { one.deadLetters = 1 }
                check(record, Outcome(counts: one, records: written))
            }
        }
    }

    @Test(arguments: [
        "\\", "\"", "\\\"", "\\\\", "{", "}", "[", "]", ",", ":", "\u{0}", "\n", "é", "\\u", "\\ud800", "0",
    ])
    func `with something inserted anywhere is still accounted for`(insertion: String) {
        for whole in [MalformedCorpus.real, MalformedCorpus.realFlat] {
            let records = stride(from: 0, through: whole.count, by: 3).map { index in
                OneRecord(whole[..<index] + Array(insertion.utf8) + whole[index...])
            }
            let (counts, outcomes) = process(records)
            #expect(counts.input == records.count)
            for (record, written) in zip(records, outcomes) where written.first?.destination == .deadLetters {
                #expect(written.flatMap { $0.value ?? [] } == record.value)
            }
            for written in outcomes where written.first?.destination == .tagged {
                #expect(JSONSerialization.isValidJSONObject(Outcome(counts: OutcomeCounts(), records: written).row))
            }
        }
    }

    /// Values of every type in every field: nothing but a verdict may come of it.
    @Test(arguments: [
        "uuid", "event", "distinct_id", "properties", "timestamp", "sent_at", "now", "offset", "ip", "token", "api_key",
        "$set",
        "$set_once", "$unset", "person_id", "person_properties", "elements_chain", "historical_migration", "data",
        "group0_properties", "group4_properties", "other",
    ])
    func `with any type in a field is still accounted for`(field: String) {
        let values = [
            "null", "true", "false", "0", "-1.5e3", "1e999", #""""#, #"" ""#, #""text""#, #""{}""#, #""[]""#,
            #""null""#, "[]", "[1]", "{}",
            #"{"a":{"b":[null]}}"#, #""\u0000""#, #""\ud800""#, #"[{"tag_name":"a","nth_child":1}]"#, #""\"""#,
            #""{\"a\":1}""#,
        ]
        let records = values.flatMap { value in
            [
                flat(#","\#(field)":\#(value)"#), envelope(#","\#(field)":\#(value)"#),
                envelope(inner: #","\#(field)":\#(value)"#),
                flat(properties: #"{"\#(field)":\#(value)}"#), flat(properties: #"{"$\#(field)":\#(value)}"#),
                envelope(properties: #"{"$\#(field)":\#(value)}"#),
            ]
        }
        let (counts, outcomes) = process(records)
        #expect(counts.input == records.count)
        for (record, written) in zip(records, outcomes) {
            let outcome = Outcome(counts: counts, records: written)
            if written.first?.destination == .tagged {
                #expect(outcome.row["uuid"] != nil && outcome.properties.count >= 0 && outcome.person.count >= 0)
            } else {
                #expect(written.flatMap { $0.value ?? [] } == record.value)
            }
        }
    }

    /// What grows most when it is written anew, and much of it: the arenas check their room in debug builds.
    @Test(arguments: [
        #"\b"#, #"\n"#, #"\""#, #"\\"#, #"\/"#, #"\u0000"#, #"\u0022"#, #"\u005c"#, #"\ud800"#, #"\ud83d\ude00"#,
        #"\u00e9"#, "é", "\u{1}",
        #"",""#, #"",1e999,""#, #"",[],""#, #"",{"a":1e999},""#, #"","\"","\\",""#, #"",-1e309,"\udc00""#,
    ])
    func `dense with what has to be written anew finds the room it needs`(unit: String) {
        // Larger than every arena at its beginning, so that what is reserved for it is exactly what is there.
        let list = #"[""# + String(repeating: unit, count: 70_000 / unit.utf8.count) + #""]"#
        let records =
            [
                flat(properties: #"{"a":\#(list)}"#), flat(#","other":\#(list)"#), flat(#","$set":{"a":\#(list)}"#),
                flat(#","$unset":\#(list)"#), flat(#","data":\#(list)"#), flat(#","data":"\#(escaped(list))""#),
                flat(#","distinct_id":\#(list)"#), flat(event: list), flat(#","elements_chain":\#(list)"#),
                flat(#","ip":\#(list.dropFirst().dropLast())"#), flat(properties: #"{"$elements":\#(list)}"#),
                flat(properties: #"{"$elements_chain":\#(list.dropFirst().dropLast())}"#),
                envelope(properties: #"{"a":\#(list)}"#), envelope(#","other":\#(list)"#),
                envelope(inner: #","$set":{"a":\#(list)}"#),
                OneRecord(
                    #"{"event":"e","distinct_id":"d","token":"phc_test","properties":"\#(escaped(#"{"a":\#(list)}"#))"}"#
                ),
            ]
        for record in records {
            let outcome = process(record)
            #expect(outcome.counts.input == 1)
            if outcome.counts.tagged == 1 {
                #expect(outcome.row["uuid"] != nil && outcome.properties.count >= 0 && outcome.person.count >= 0)
            } else {
                #expect(outcome.deadLetters.flatMap { $0.value ?? [] } == record.value)
            }
        }
    }
}
