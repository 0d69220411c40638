import Foundation
import Testing

@testable import Tagstream

/// A record that a team is warned of, and what the details say beside event, id, uuid and source.
struct WarningRow: Sendable, CustomTestStringConvertible {
    var type: WarningType
    var name: String
    var details: String
    var make: @Sendable () -> OneRecord
    var testDescription: String { "\(type.rawValue): \(name)" }

    init(_ type: WarningType, _ name: String, _ details: String, _ make: @escaping @Sendable () -> OneRecord) {
        self.type = type
        self.name = name
        self.details = details
        self.make = make
    }
}

/// A uuid of version 4, which tells of no time.
private let quiet = #","uuid":"0190f3c1-8a52-4cc1-9f3e-2b0f6a1d4e77""#

private func event(_ fields: String = "", properties: String = "{}", event: String = #""e""#) -> OneRecord {
    // The envelope's fields win, so that the uuid stands there once.
    let data = escaped(#"{"event":\#(event),"distinct_id":"u_42","properties":\#(properties)\#(fields)}"#)
    return OneRecord(
        #"{"token":"phc_test","now":"2025-09-01T10:00:02.513884Z","data":"\#(data)"\#(quiet)}"#
    )
}

private func long(_ count: Int) -> String { String(repeating: "x", count: count) }

let warningRows: [WarningRow] = [
    WarningRow(.invalidDistinctID, "401 code units", #"{"length":401,"limit":400}"#) {
        OneRecord(#"{"event":"e","token":"phc_test","distinct_id":"\#(long(401))","now":"2025-09-01T10:00:00Z"}"#)
    },
    WarningRow(.groupKeyTooLong, "401 code units", #"{"length":401,"limit":400}"#) {
        event(properties: #"{"$group_key":"\#(long(401))"}"#, event: #""$groupidentify""#)
    },
    WarningRow(.invalidAnonDistinctID, "a number", "{}") {
        event(properties: #"{"$anon_distinct_id":5}"#, event: #""$identify""#)
    },
    WarningRow(.invalidAlias, "an object", "{}") { event(properties: #"{"alias":{}}"#, event: #""$create_alias""#) },
    WarningRow(.messageTooLarge, "a row of a megabyte", #"{"limit":960000}"#) {
        event(properties: #"{"a":"\#(long(970_000))"}"#)
    },
    WarningRow(
        .tooOld,
        "an hour and a second",
        #"{"ageInSeconds":3601,"dropThresholdSeconds":3600,"eventTimestamp":"2025-09-01 09:00:01.513"}"#
    ) { event(#","timestamp":"2025-09-01T09:00:01.513Z""#).with("token", "phc_rules") },
    WarningRow(.client, "with a message", #"{"message":"too many \"events\""}"#) {
        event(
            properties: #"{"$$client_ingestion_warning_message":"too many \"events\""}"#,
            event: #""$$client_ingestion_warning""#
        )
    },
    WarningRow(.client, "without a message", #"{"message":null}"#) { event(event: #""$$client_ingestion_warning""#) },
    WarningRow(.personlessMerge, "by property", "{}") {
        event(properties: #"{"$process_person_profile":false}"#, event: #""$identify""#)
    },
    WarningRow(.invalidPersonFlag, "a text", #"{"$process_person_profile":"false"}"#) {
        event(properties: #"{"$process_person_profile":"false"}"#)
    },
    WarningRow(.invalidPersonFlag, "null", #"{"$process_person_profile":null}"#) {
        event(properties: #"{"$process_person_profile":null}"#)
    },
    WarningRow(.illegalDistinctID, "an anonymous id", #"{"illegalDistinctId":"'Guest'","otherDistinctId":"u_42"}"#) {
        event(properties: #"{"$anon_distinct_id":"'Guest'"}"#, event: #""$identify""#)
    },
    WarningRow(.illegalDistinctID, "an empty alias", #"{"illegalDistinctId":" ","otherDistinctId":"u_42"}"#) {
        event(properties: #"{"alias":" "}"#, event: #""$merge_dangerously""#)
    },
    WarningRow(
        .divergentUUID,
        "three days and a millisecond",
        #"{"eventTimestamp":"2025-09-01 10:00:02.513","uuidTimestamp":"2025-08-29 10:00:02.512"}"#
    ) {
        OneRecord(
            #"{"event":"e","distinct_id":"u_42","token":"phc_test","uuid":"\#(version7(1_756_461_602_512))","#
                + #""now":"2025-09-01T10:00:02.513Z"}"#
        )
    },
    WarningRow(.invalidTimestamp, "of a flat event", #"{"timestamp":"yesterday"}"#) {
        event(#","timestamp":"yesterday""#)
    },
    WarningRow(.invalidTimestamp, "of an envelope", #"{"timestamp":"[1]"}"#) {
        OneRecord(#"{"token":"phc_test","timestamp":[1],"data":"{\"event\":\"e\",\"distinct_id\":\"u_42\"}"}"#)
    },
    WarningRow(.duplicateKeys, "in the properties", #"{"duplicates":1}"#) { event(properties: #"{"a":1,"a":2}"#) },
    WarningRow(.duplicateKeys, "beside them, in $set and in both", #"{"duplicates":3}"#) {
        event(#","$set":{"a":1,"a":2},"ip":"1","ip":"2""#, properties: #"{"b":1,"b":2}"#)
    },
    WarningRow(.elementsTruncated, "a chain", #"{"kept":512}"#) {
        event(properties: #"{"$elements_chain":"\#(String(repeating: "a;", count: 512))b"}"#)
    },
    WarningRow(.elementsTruncated, "a list", #"{"kept":512}"#) {
        event(properties: #"{"$elements":[\#(String(repeating: "{},", count: 512)){}]}"#)
    },
]

/// A UUIDv7 of a time.
func version7(_ milliseconds: UInt64) -> String {
    let digits = String(milliseconds, radix: 16)
    let time = String(repeating: "0", count: 12 - digits.count) + digits
    return "\(time.prefix(8))-\(time.suffix(4))-7cc1-9f3e-2b0f6a1d4e77"
}

@Suite struct `A warning` {
    @Test(arguments: warningRows) func `says what is wrong with which event`(row: WarningRow) throws {
        let outcome = process(row.make())
        #expect(outcome.warningTypes == [row.type.rawValue])
        #expect(outcome.counts.warnings == 1)
        #expect(outcome.counts.warningTypes.map(\.type) == [row.type.rawValue])
        let warning = try #require(outcome.warnings.first)
        #expect(warning["source"] as? String == "tagstream")
        #expect((warning["timestamp"] as? String)?.hasPrefix("2025-09-01 10:00:0") == true)
        let details = try #require(warning["details"] as? [String: Any])
        #expect(details["source"] as? String == "events_raw/3/12345")
        let wanted = Outcome.object(row.details)
        let rest = details.filter { !["source", "eventUuid", "event", "distinctId"].contains($0.key) }
        #expect(NSDictionary(dictionary: rest) == NSDictionary(dictionary: wanted), "\(rest)")
        let record = try #require(outcome.records.last)
        #expect(record.isWarning && record.key == Array("\(warning["team_id"] as? Int ?? 0)".utf8))
        #expect(record.headers.isEmpty)
    }

    /// What does not fit a schema needs one: SchemaRoomTests.
    @Test(arguments: WarningType.allCases.filter { $0 != .schemaValidationFailed })
    func `has a row here that yields it`(type: WarningType) {
        #expect(warningRows.contains { $0.type == type })
    }

    @Test func `is bounded, whatever it quotes`() throws {
        let hostile = String(repeating: "\\u001b[31m\\\"\\n", count: 4000)
        let outcome = process(event(properties: #"{"$process_person_profile":"\#(hostile)"}"#, event: "\"\(hostile)\""))
        let record = try #require(outcome.records.last { $0.isWarning })
        #expect(record.value.map { $0.count < 10_000 && $0.allSatisfy { $0 >= 0x20 } } == true)
    }

    @Test func `that several things give cause for comes once for each, in the order of the list`() {
        let outcome = process(
            event(#","timestamp":"x""#, properties: #"{"a":1,"a":2,"$process_person_profile":5}"#)
        )
        #expect(outcome.counts.tagged == 1)
        #expect(
            outcome.warningTypes == ["invalid_process_person_profile", "ignored_invalid_timestamp", "duplicate_keys"]
        )
    }

    @Test func `of a record that is refused is the one that says why, and no other`() {
        let refused = process(
            event(
                #","timestamp":"x""#,
                properties: #"{"a":1,"a":2,"$anon_distinct_id":5}"#,
                event: #""$identify""#
            )
        )
        #expect(refused.warningTypes == ["invalid_anon_distinct_id"])
        let unnamed = process(OneRecord(#"{"token":"phc_test","distinct_id":"u","timestamp":"x","ip":"1","ip":"2"}"#))
        #expect(unnamed.reason == "missing_event" && unnamed.warningTypes == [])
        let unowned = process(OneRecord(#"{"token":"phc_nobody","timestamp":"x"}"#))
        #expect(unowned.reason == "unknown_token" && unowned.warningTypes == [])
    }

    @Test func `is not written where a header, and not the client, asks for no person`() {
        let outcome = process(event(event: #""$identify""#).with("force_disable_person_processing", "true"))
        #expect(outcome.counts.ignored == 1 && outcome.records.isEmpty)
    }

    @Test func `of a $set both within and beside the properties is none`() {
        let outcome = process(event(#","$set":{"a":1},"$set_once":{"b":1}"#, properties: #"{"$set":{"a":2,"c":3}}"#))
        #expect(outcome.warningTypes == [] && outcome.counts.duplicateKeys == 0)
        #expect(outcome.person as NSDictionary == ["a": 1, "b": 1, "c": 3])
    }
}

@Suite struct `The hour between two warnings` {
    private func at(_ seconds: Int, name: String = "e", token: String = "phc_test", offset: Int64) -> OneRecord {
        let now = Date(timeIntervalSince1970: 1_756_720_800 + Double(seconds)).ISO8601Format()
        var record = OneRecord(
            #"{"event":"\#(name)","distinct_id":"u\#(offset)","token":"\#(token)","now":"\#(now)","timestamp":"x"}"#
        )
        record.offset = offset
        record.timestamp = -1
        return record
    }

    private func written(_ records: [OneRecord]) -> [Bool] {
        process(records).outcomes.map { $0.contains(where: \.isWarning) }
    }

    @Test func `is counted by the records' own time, and by team, type and event`() {
        let records = [
            at(0, offset: 0), at(1, offset: 1), at(3599, offset: 2), at(3600, offset: 3), at(3601, offset: 4),
            at(3601, name: "f", offset: 5), at(3602, token: "phc_other", offset: 6), at(0, offset: 7), at(1, offset: 8),
        ]
        #expect(written(records) == [true, false, false, true, false, true, true, true, false])
        let counts = process(records).counts
        #expect(counts.warnings == 5 && counts.warningTypes.map(\.count) == [9] && counts.tagged == 9)
    }

    @Test func `is one of Kafka's timestamps where there are any, whatever a client calls now`() {
        var records = (0..<6).map { at($0 % 2 * 1_000_000, offset: Int64($0)) }
        #expect(written(records) == [true, true, true, true, true, true])
        for (index, timestamp) in [1000, 2000, 3_600_999, 3_601_000, 0, Int64.max].enumerated() {
            records[index].timestamp = timestamp
        }
        #expect(written(records) == [true, false, false, true, true, true])
    }

    @Test func `is the same for the same records`() {
        let records = (0..<200).map { at($0 * 731, name: "e\($0 % 7)", offset: Int64($0)) }
        #expect(written(records) == written(records))
    }

    @Test func `remembers so many keys and no more`() {
        let many = (0..<8000).map { at(0, name: "e\($0)", offset: Int64($0)) }
        #expect(process(many).counts.warnings == 8000)
        // What was forgotten for another key is written again; what is remembered is not.
        let again = process(many + many).counts.warnings
        #expect((8001...16_000).contains(again) && again >= 16_000 - WarningDesk.slots)
    }

    @Test func `is of keys whose beginnings differ`() {
        let length = WarningDesk.keyBytes / 3  // characters of three bytes: the last of them is cut in two
        let names = [
            String(repeating: "語", count: length), String(repeating: "語", count: length) + "本語",
            String(repeating: "語", count: length) + "本", String(repeating: "語", count: length - 1) + "本本", "語",
        ]
        let records = names.enumerated().map { at(0, name: $1, offset: Int64($0)) }
        #expect(WarningDesk.keyBytes % 3 == 2 && written(records) == [true, true, false, true, true])
    }

    @Test func `begins anew for work that is done again`() {
        var batch = RecordBatch()
        var out = OutputBatch(capacity: 1 << 10)
        var pipeline = Pipeline()
        let topic = batch.index(ofTopic: "events_raw")
        let value = at(0, offset: 0).value ?? []
        value.withUnsafeBytes { bytes in
            for expected in [1, 0, 1] {
                batch.removeAll()
                batch.append(topic: topic, partition: 0, offset: 0, timestamp: 0, key: nil, value: bytes)
                out.removeAll()
                pipeline.process(batch, under: testSnapshot, into: &out)
                #expect(out.counts.warnings == expected)
                if expected == 0 { pipeline.forgetWarnings() }
            }
        }
    }
}

@Suite struct `An id that must not be merged` {
    @Test(arguments: [
        "", " \t", "anonymous", "Guest", "DISTINCTID", "distinct_id", "Id", "not_authenticated", "e-mail", "eMail",
        "undefined", "Undefined", "TRUE", "false", "[object Object]", "[object object]", "NaN", "nan", "None", "none",
        "NONE", "null", "Null", "0", "00", "\"null\"", "'0'", "'anonymous'", "\"anonymous'", "''", "u_42", "'",
        "distinct_id2", "\"not_authenticated\"", " id",
    ])
    func `is one of the list`(id: String) {
        let insensitive = [
            "anonymous", "guest", "distinctid", "distinct_id", "id", "not_authenticated", "email", "undefined", "true",
            "false",
        ]
        let sensitive = ["[object Object]", "NaN", "None", "none", "null", "0", "undefined"]
        func isListed(_ text: String) -> Bool { insensitive.contains(text.lowercased()) || sensitive.contains(text) }
        let isQuoted = id.count > 2 && (id.first == "'" || id.first == "\"") && id.first == id.last
        let expected =
            id.allSatisfy { $0 == " " || $0 == "\t" } || isListed(id)
            || isQuoted && isListed(String(id.dropFirst().dropLast()))
        #expect(Array(id.utf8).withUnsafeBytes { IllegalDistinctID.contains($0) } == expected)
    }
}

@Suite struct `A UUIDv7` {
    @Test func `tells its time, and no other uuid does`() {
        func time(_ text: String) -> Int64? {
            Array(text.utf8).withUnsafeBytes { UUIDText.version7Time($0.baseAddress!) }
        }
        for milliseconds: UInt64 in [0, 1, 0x0190_F3C1_8A52, 0xFFFF_FFFF_FFFF, 0x0123_4567_89AB, 0x9ABC_DEF0_1234] {
            #expect(time(version7(milliseconds)) == Int64(milliseconds))
        }
        #expect(time("0190f3c1-8a52-4cc1-9f3e-2b0f6a1d4e77") == nil)
        #expect(time("0190f3c1-8a52-7cc1-cf3e-2b0f6a1d4e77") == nil)
    }

    @Test func `may be three days away from the event's time`() {
        for (days, isFar) in [(3, false), (-3, false), (4, true), (-4, true)] {
            let made = UInt64(1_756_720_802_513 + days * 86_400_000)
            let record = OneRecord(
                #"{"event":"e","distinct_id":"u","token":"phc_test","uuid":"\#(version7(made))","now":"2025-09-01T10:00:02.513Z"}"#
            )
            let outcome = process(record)
            #expect(outcome.counts.tagged == 1)
            #expect(outcome.warningTypes == (isFar ? ["event_uuid_timestamp_divergent"] : []))
        }
    }
}
