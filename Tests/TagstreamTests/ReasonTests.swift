import Testing

@testable import Tagstream

/// A record, how it is walked through, and what must come of it.
struct ReasonRow: Sendable, CustomTestStringConvertible {
    var name: String
    var reason: String
    var step: String
    var make: @Sendable () -> OneRecord
    var limits = EventLimits()
    var keepsIgnored = false
    var testDescription: String { "\(reason): \(name)" }

    init(_ reason: String, _ step: String, _ name: String, _ make: @escaping @Sendable () -> OneRecord) {
        self.reason = reason
        self.step = step
        self.name = name
        self.make = make
    }
}

private func nested(_ levels: Int) -> String {
    String(repeating: #"{"a":"#, count: levels) + "1" + String(repeating: "}", count: levels)
}

private func keys(_ count: Int) -> String {
    "{" + (0..<count).map { #""k\#($0)":0"# }.joined(separator: ",") + "}"
}

private func long(_ count: Int) -> String { String(repeating: "x", count: count) }

private func headers(_ count: Int) -> OneRecord {
    var record = flat()
    for index in 0..<count { record = record.with("h\(index)", nil) }
    return record
}

private func kept(_ row: ReasonRow) -> ReasonRow {
    var row = row
    row.keepsIgnored = true
    return row
}

private let tooLarge: @Sendable () -> OneRecord = {
    var record = flat()
    record.isTooLargeForOutput = true
    return record
}

private let crashed: @Sendable () -> OneRecord = {
    var record = flat()
    record.hasCrashed = true
    return record
}

let reasonRows: [ReasonRow] = [
    ReasonRow("schema_validation_failed", "validate", "without what its schema requires") { flat(event: #""strict""#) },
    ReasonRow("schema_validation_failed", "validate", "in an envelope, with a name that hides behind an escape") {
        envelope(event: #""\u0073trict""#)
    },
    ReasonRow("empty_value", "decode", "a tombstone") { OneRecord(nil) },
    ReasonRow("empty_value", "decode", "no bytes") { OneRecord([]) },
    ReasonRow("invalid_json", "decode", "a list") { OneRecord("[]") },
    ReasonRow("invalid_json", "decode", "an envelope whose data is a list") {
        OneRecord(#"{"token":"phc_test","data":"[]"}"#)
    },
    ReasonRow("invalid_utf8", "decode", "a text that is no UTF-8") {
        OneRecord(Array(#"{"a":""#.utf8) + [0xFF] + Array(#""}"#.utf8))
    },
    ReasonRow("invalid_field", "decode", "properties that are a list") { flat(properties: "[]") },
    ReasonRow("invalid_field", "decode", "properties of data that are a text") { envelope(properties: #""a""#) },
    ReasonRow("invalid_field", "decode", "$set that is a number") { flat(#","$set":5"#) },
    ReasonRow("invalid_field", "decode", "$set_once that is a boolean") { flat(#","$set_once":true"#) },
    ReasonRow("invalid_field", "decode", "person properties that are a list") { flat(#","person_properties":[1]"#) },
    ReasonRow("invalid_field", "decode", "group properties that are a number") { flat(#","group3_properties":1"#) },
    ReasonRow("invalid_field", "decode", "$set of data that is a text") { envelope(inner: #","$set":"{}""#) },
    ReasonRow("limit_size", "decode", "one byte more than 1 MiB") {
        var record = flat()
        record.value! += [UInt8](repeating: 0x20, count: (1 << 20) + 1 - record.value!.count)
        return record
    },
    ReasonRow("limit_depth", "decode", "65 levels in flat properties") { flat(properties: nested(64)) },
    ReasonRow("limit_depth", "decode", "65 levels in data") { envelope(properties: nested(64)) },
    ReasonRow("limit_keys", "decode", "4097 keys in a flat event") { flat(properties: keys(4097 - 6)) },
    ReasonRow("limit_keys", "decode", "4097 keys in an envelope") { envelope(properties: keys(4097 - 7)) },
    ReasonRow("limit_keys", "decode", "4097 keys in two documents") {
        flat(#","$set":\#(keys(2000))"#, properties: keys(2090))
    },
    ReasonRow("limit_key_length", "decode", "a key of 1025 bytes") { flat(properties: #"{"\#(long(1025))":1}"#) },
    ReasonRow("limit_key_length", "decode", "a key of 1026 bytes that is written with escapes") {
        flat(properties: #"{"\#(String(repeating: #"\u00e9"#, count: 513))":1}"#)
    },
    ReasonRow("limit_key_length", "decode", "a key of 1025 bytes beside the properties") {
        flat(#","\#(long(1025))":1"#)
    },
    ReasonRow("limit_headers", "decode", "257 headers") { headers(257) },
    ReasonRow("limit_headers", "decode", "65,537 bytes of headers") { flat().with("h", long(65_536)) },
    ReasonRow("limit_number", "decode", "a number of 1101 digits in a flat event") {
        flat(properties: #"{"a":1.\#(String(repeating: "0", count: 1099))}"#)
    },
    ReasonRow("limit_number", "decode", "a number of 1101 digits in data") {
        envelope(properties: #"{"a":-\#(String(repeating: "9", count: 1100))}"#)
    },
    ReasonRow("limit_number", "decode", "a number of 1101 characters that no double holds") {
        flat(properties: #"{"a":[1e\#(String(repeating: "9", count: 1099))]}"#)
    },
    ReasonRow("no_token", "tenant", "no token anywhere") {
        OneRecord(#"{"event":"e","distinct_id":"d","properties":{}}"#)
    },
    ReasonRow("no_token", "tenant", "a token that is a number") {
        OneRecord(#"{"event":"e","distinct_id":"d","token":5}"#)
    },
    ReasonRow("unknown_token", "tenant", "a token of nobody") {
        OneRecord(#"{"event":"e","distinct_id":"d","token":"phc_"}"#)
    },
    ReasonRow("unknown_token", "tenant", "a token of 4000 bytes") { flat().with("token", long(4000)) },
    ReasonRow("missing_event", "validate", "no name") { OneRecord(#"{"distinct_id":"d","token":"phc_test"}"#) },
    ReasonRow("missing_event", "validate", "an empty name") { flat(event: #""""#) },
    ReasonRow("missing_event", "validate", "a name that is null") { envelope(event: "null") },
    ReasonRow("missing_distinct_id", "validate", "no id") { OneRecord(#"{"event":"e","token":"phc_test"}"#) },
    ReasonRow("missing_distinct_id", "validate", "an empty id") { flat(#","distinct_id":"""#) },
    ReasonRow("missing_distinct_id", "validate", "a blank id") { flat(#","distinct_id":" \t ""#) },
    ReasonRow("distinct_id_too_long", "validate", "401 code units") { flat(#","distinct_id":"\#(long(401))""#) },
    ReasonRow("distinct_id_too_long", "validate", "201 characters of two code units") {
        flat(#","distinct_id":"\#(String(repeating: "😀", count: 201))""#)
    },
    ReasonRow("invalid_uuid", "validate", "a uuid with a letter too many") {
        flat(#","uuid":"0190f3c1-8a52-7cc1-9f3e-2b0f6a1d4e77a""#)
    },
    ReasonRow("invalid_uuid", "validate", "a uuid with a g") {
        flat(#","uuid":"g190f3c1-8a52-7cc1-9f3e-2b0f6a1d4e77""#)
    },
    ReasonRow("invalid_uuid", "validate", "a uuid that is a number") { flat(#","uuid":5"#) },
    ReasonRow("group_key_too_long", "validate", "a group key of 401 code units") {
        flat(properties: #"{"$group_type":"company","$group_key":"\#(long(401))"}"#, event: #""$groupidentify""#)
    },
    ReasonRow("group_key_too_long", "validate", "a group key of 201 characters of two code units") {
        envelope(
            properties: #"{"$group_key":"\#(String(repeating: "😀", count: 201))"}"#,
            event: #""$groupidentify""#
        )
    },
    ReasonRow("invalid_anon_distinct_id", "validate", "$anon_distinct_id that is a number") {
        flat(properties: #"{"$anon_distinct_id":5}"#, event: #""$identify""#)
    },
    ReasonRow(
        "invalid_anon_distinct_id",
        "validate",
        "$anon_distinct_id that is an object, its key spelt with an escape"
    ) {
        flat(properties: #"{"\u0024anon_distinct_id":{}}"#, event: #""$identify""#)
    },
    ReasonRow("invalid_alias", "validate", "an alias that is a boolean") {
        envelope(properties: #"{"alias":false}"#, event: #""$create_alias""#)
    },
    ReasonRow("invalid_alias", "validate", "an alias of a dangerous merge that is a list") {
        flat(properties: #"{"alias":["a"]}"#, event: #""$merge_dangerously""#)
    },
    ReasonRow("too_large_for_output", "encode", "a row that the broker refused", tooLarge),
    ReasonRow("crash", "decode", "a record that has crashed the process", crashed),
    ReasonRow("too_large_for_output", "encode", "a row of more than 960,000 bytes") {
        flat(properties: #"{"a":"\#(long(960_000))"}"#)
    },
    kept(ReasonRow("ignored", "validate", "an ignored record that is kept") { flat(event: #""$performance_event""#) }),
]

let ignoredRows: [(reason: String, name: String, make: @Sendable () -> OneRecord)] = [
    ("dropped_token", "by header, of a token that no team has", { flat().with("token", "phc_dropped") }),
    ("dropped_token", "of an event that is nothing else", { OneRecord(#"{"api_key":"phc_dropped"}"#) }),
    (
        "event_dropped_too_old", "of a team that wants the last hour",
        {
            flat(#","timestamp":"2025-09-01T09:00:02.513Z""#).with("token", "phc_rules")
        }
    ),
    ("performance_event", "in a flat event", { flat(event: #""$performance_event""#) }),
    ("performance_event", "in an envelope", { envelope(event: #""$performance_event""#) }),
    ("performance_event", "hidden behind an escape", { flat(event: #""\u0024performance_event""#) }),
    ("client_ingestion_warning", "in a flat event", { flat(event: #""$$client_ingestion_warning""#) }),
    (
        "personless_merge", "$identify by property",
        { flat(properties: #"{"$process_person_profile":false}"#, event: #""$identify""#) }
    ),
    (
        "personless_merge", "$create_alias by property",
        { envelope(properties: #"{"$process_person_profile":false}"#, event: #""$create_alias""#) }
    ),
    (
        "personless_merge", "$merge_dangerously by header",
        { flat(event: #""$merge_dangerously""#).with("force_disable_person_processing", "true") }
    ),
]

@Suite struct `A dead letter's reason` {
    @Test(arguments: reasonRows) func `is the documented one, and the record is kept byte for byte`(row: ReasonRow) {
        let record = row.make()
        let outcome = process(record, limits: row.limits, keepsIgnored: row.keepsIgnored)
        #expect(outcome.reason == row.reason, "\(outcome.detail ?? "tagged")")
        #expect(outcome.deadLetters.first?.header("dlq_step") == row.step)
        #expect(outcome.rowText == nil)
        let values = outcome.deadLetters.map(\.value)
        #expect(record.value == nil ? values == [nil] : values.flatMap { $0 ?? [] } == record.value)
        #expect(outcome.deadLetters.allSatisfy { $0.key == record.key })
        #expect((outcome.detail ?? "").utf8.count <= 300)
        if row.reason == "ignored" {
            #expect(outcome.counts.ignored == 1 && outcome.counts.deadLetters == 0)
        } else {
            #expect(outcome.counts.deadLetters == 1)
            #expect(outcome.counts.deadLetterReasons.map(\.reason) == [row.reason])
        }
    }

    @Test(arguments: DeadLetterReason.allCases) func `has a row here that yields it`(reason: DeadLetterReason) {
        #expect(reasonRows.contains { $0.reason == reason.rawValue })
    }
}

@Suite struct `An ignored record's reason` {
    @Test(arguments: ignoredRows.indices) func `is the declared one`(index: Int) {
        let row = ignoredRows[index]
        let outcome = process(row.make(), droppedTokens: ["phc_other one", "phc_dropped"])
        #expect(outcome.counts.ignored == 1 && outcome.records.allSatisfy(\.isWarning), "\(row.name)")
        #expect(outcome.counts.ignoredReasons.map(\.reason) == [row.reason], "\(row.name)")
    }

    /// A duplicate takes two records: DuplicateTests.
    @Test(arguments: IgnoredReason.allCases.filter { $0 != .duplicate })
    func `has a row here that yields it`(reason: IgnoredReason) {
        #expect(ignoredRows.contains { $0.reason == reason.rawValue })
    }
}

@Suite struct `An event at a limit` {
    /// The records that lie exactly on a limit, each of them one step from a row above.
    static let rows: [(name: String, make: @Sendable () -> OneRecord)] = [
        (
            "of 1 MiB",
            {
                var record = flat()
                record.value! += [UInt8](repeating: 0x20, count: (1 << 20) - record.value!.count)
                return record
            }
        ),
        ("with 64 levels in flat properties", { flat(properties: nested(63)) }),
        ("with 64 levels in data", { envelope(properties: nested(63)) }),
        ("with 64 levels in a field of its own", { flat(#","other":\#(nested(63))"#) }),
        ("with 4096 keys in a flat event", { flat(properties: keys(4096 - 6)) }),
        ("with 4096 keys in an envelope", { envelope(properties: keys(4096 - 7)) }),
        ("with 4096 keys in two documents", { flat(#","$set":\#(keys(2000))"#, properties: keys(4096 - 7 - 2000)) }),
        ("with a key of 1024 bytes", { flat(properties: #"{"\#(long(1024))":1}"#) }),
        ("with 256 headers", { headers(256) }),
        ("with 65,536 bytes of headers", { flat().with("h", long(65_535)) }),
        (
            "with a number of 1100 characters",
            { flat(properties: #"{"a":1.\#(String(repeating: "0", count: 1098)),"b":1e5}"#) }
        ),
        (
            "with a number of 1100 characters that no double holds",
            { envelope(properties: #"{"a":1e\#(String(repeating: "9", count: 1098))}"#) }
        ),
        (
            "with a group key of 400 code units",
            { flat(properties: #"{"$group_key":"\#(long(400))"}"#, event: #""$groupidentify""#) }
        ),
        (
            "as old as its team wants",
            { flat(#","timestamp":"2025-09-01T09:00:02.513884Z""#).with("token", "phc_rules") }
        ),
        ("with an id of 400 code units", { flat(#","distinct_id":"\#(long(400))""#) }),
        (
            "with an id of 200 characters of two code units",
            { flat(#","distinct_id":"\#(String(repeating: "😀", count: 200))""#) }
        ),
    ]

    @Test(arguments: rows.indices) func `is tagged`(index: Int) {
        let outcome = process(Self.rows[index].make())
        #expect(outcome.counts.tagged == 1, "\(Self.rows[index].name): \(outcome.detail ?? "")")
    }

    @Test func `fills its row to the last byte and no further`() throws {
        let empty = try #require(process(flat(properties: #"{"a":""}"#)).rowText).utf8.count
        let room = EventLimits().outputBytes - empty
        #expect(process(flat(properties: #"{"a":"\#(long(room))"}"#)).rowText?.utf8.count == 960_000)
        #expect(process(flat(properties: #"{"a":"\#(long(room + 1))"}"#)).reason == "too_large_for_output")
    }
}
