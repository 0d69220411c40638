import Foundation
import Testing

@testable import Tagstream

/// Both forms of an event with the same properties: what is said of one is said of the other.
private func both(_ fields: String = "", properties: String = "{}", event: String = #""e""#) -> [Outcome] {
    [
        process(flat(fields, properties: properties, event: event)),
        process(envelope(properties: properties, event: event, inner: fields)),
    ]
}

/// Whether an object is the one that a text writes, whatever the order of its keys.
private func equal(_ one: [String: Any], _ json: String) -> Bool {
    func sorted(_ object: [String: Any]) -> Data? {
        try? JSONSerialization.data(withJSONObject: object, options: [.sortedKeys])
    }
    return sorted(one) == sorted(Outcome.object(json))
}

@Suite struct `A row` {
    @Test func `has the fields of the schema in their order`() throws {
        let text = try #require(process(flat(#","group0_properties":{"g":1},"historical_migration":true"#)).rowText)
        let order = [
            "uuid", "event", "properties", "timestamp", "team_id", "project_id", "distinct_id", "elements_chain",
            "created_at",
            "captured_at", "person_id", "person_properties", "person_created_at", "person_mode", "historical_migration",
            "group0_properties", "actions", "actions_epoch",
        ]
        var rest = Substring(text)
        for name in order {
            let found = try #require(rest.range(of: "\"\(name)\":"), "\(name) is missing or too early")
            rest = rest[found.upperBound...]
        }
        #expect(Outcome.object(text).count == order.count)
    }

    @Test func `goes out under its uuid, with the position it came from`() {
        let record = process(envelope()).records[0]
        #expect(record.key == Array("0190f3c1-8a52-7cc1-9f3e-2b0f6a1d4e77".utf8))
        #expect(record.headers.map(\.name) == ["tagstream-source", "team_id", "event"])
        #expect(record.header("tagstream-source") == "events_raw/3/12345" && record.header("team_id") == "1")
        #expect(record.header("event") == "e")
    }

    @Test func `without a uuid has one that its position gives`() {
        for text in [#""""#, "null"] {
            #expect(
                process(flat(#","uuid":\#(text)"#)).row["uuid"] as? String == "e8fc17ce-06f3-58f5-9b12-1e872072c149"
            )
        }
    }

    @Test func `may have keys of 1,024 bytes however they are written`() throws {
        for (written, key) in [(#"\u00e9"#, "é"), (#"\""#, "\""), (#"\ud83d\ude00"#, "😀"), ("é", "é")] {
            let count = 1024 / key.utf8.count
            let name = String(repeating: key, count: count)
            for outcome in both(properties: #"{"\#(String(repeating: written, count: count))":1}"#) {
                #expect(outcome.properties[name] as? Int == 1, "\(written)")
            }
        }
    }

    @Test func `leaves out and counts elements of a wrong type`() throws {
        let list = #"{"$elements":[5,{"tag_name":"a"},{"tag_name":7},{"tag_name":"b","attr__href":[]}]}"#
        for outcome in both(properties: list) {
            #expect(outcome.row["elements_chain"] as? String == "a:")
            #expect(outcome.counts.skippedElements == 3)
        }
    }

    @Test func `keeps a number's digits, and none that no double holds`() throws {
        let numbers = ["0", "-0", "1.10", "1E+2", "123456789012345678901234567890", "0.1e-400", "1e308"]
        for outcome in both(properties: #"{"a":[\#(numbers.joined(separator: ","))],"b":1e309,"c":{"d":-1e999}}"#) {
            let text = try #require(outcome.row["properties"] as? String)
            #expect(text.contains("[" + numbers.joined(separator: ",") + "]"))
            #expect(outcome.properties["b"] as? String == "1e309")
            #expect((outcome.properties["c"] as? [String: Any])?["d"] as? String == "-1e999")
        }
    }

    @Test func `has U+FFFD for a lone surrogate, and keeps pairs and NULs`() {
        for outcome in both(properties: #"{"a":"\ud800x","b":"\ud83d\ude00","c":"\u0000","\udc00":1}"#) {
            #expect(equal(outcome.properties, #"{"a":"\ufffdx","b":"😀","c":"\u0000","\ufffd":1}"#))
        }
    }

    @Test func `lets the last of duplicate keys win`() {
        for outcome in both(properties: #"{"a":1,"b":2,"a":3,"\u0061":4}"#) {
            #expect(equal(outcome.properties, #"{"b":2,"a":4}"#))
            #expect(outcome.rowText?.contains(#"\"a\":1"#) == false)
            #expect(outcome.counts.duplicateKeys == 2)
        }
    }

    @Test(arguments: [
        (#""short""#, "short"), ("5", "5"), ("true", "true"), (#"{"a":"b\"c"}"#, #"{"a":"b\"c"}"#),
        (#"["x"]"#, #"["x"]"#),
        (#""q\"\\\n\u00e9""#, "q\"\\\né"), (#""\u0000""#, "\u{0}"),
    ])
    func `has the event's name as text`(written: String, name: String) {
        for outcome in both(event: written) {
            #expect(outcome.row["event"] as? String == name)
            #expect(outcome.records[0].header("event") == name)
        }
    }

    @Test func `cuts a name at 200 code units, never within a character`() {
        let long = String(repeating: "x", count: 199)
        for outcome in both(event: "\"\(long)xy\"") { #expect(outcome.row["event"] as? String == long + "x") }
        for outcome in both(event: "\"\(long)😀\"") { #expect(outcome.row["event"] as? String == long) }
        for outcome in both(event: "\"\(long)\\u00e9é\"") { #expect(outcome.row["event"] as? String == long + "é") }
    }

    @Test(arguments: [
        (#""u_42""#, "u_42"), ("42", "42"), ("1.0", "1.0"), ("false", "false"),
        (#"["x",{"y":"z"}]"#, #"["x",{"y":"z"}]"#),
        (#"" padded ""#, " padded "), (#""a\u0000b""#, "a\u{FFFD}b"), (#""\u00e9\"""#, "é\""),
    ])
    func `has the distinct id as text`(written: String, id: String) {
        let outcomes = [
            process(flat(#","distinct_id":\#(written)"#)), process(envelope(inner: #","distinct_id":\#(written)"#)),
            process(envelope(#","distinct_id":\#(written)"#)),
        ]
        for outcome in outcomes {
            #expect(outcome.row["distinct_id"] as? String == id)
            #expect(outcome.records[1].key == Array("1:\(id)".utf8))
        }
    }
}

@Suite struct `The team` {
    @Test func `is that of the header, then of the envelope, then of the event, then of its properties`() {
        let inner = #","token":"phc_other""#
        #expect(process(envelope(inner: inner).with("token", "phc_other")).row["team_id"] as? Int == 2)
        #expect(process(envelope(inner: inner)).row["team_id"] as? Int == 1)
        #expect(process(envelope(inner: inner).with("token", nil)).row["team_id"] as? Int == 1)
        #expect(process(envelope(inner: inner).with("token", "")).row["team_id"] as? Int == 1)
        for (text, team) in [
            (#"{"data":"{\"event\":\"e\",\"distinct_id\":\"d\",\"token\":\"phc_other\"}"}"#, 2),
            (#"{"event":"e","distinct_id":"d","api_key":"phc_other"}"#, 2),
            (#"{"event":"e","distinct_id":"d","api_key":"phc_other","token":"phc_test"}"#, 1),
            (#"{"event":"e","distinct_id":"d","properties":{"token":"phc_other"}}"#, 2),
            (#"{"event":"e","distinct_id":"d","properties":{"\u0074oken":"phc_\u006fther"}}"#, 2),
        ] {
            #expect(process(OneRecord(text)).row["team_id"] as? Int == team)
        }
    }

    @Test func `is never what the event says it is`() {
        #expect(process(flat(#","team_id":2,"project_id":2"#)).row["team_id"] as? Int == 1)
    }
}

@Suite struct `The envelope` {
    @Test func `wins over its data, and data counts where it says nothing`() {
        let record = envelope(
            #","event":"outer","distinct_id":null,"ip":"192.0.2.1""#,
            event: #""inner""#,
            inner: #","ip":"192.0.2.2","person_id":"p""#
        )
        let row = process(record)
        #expect(row.row["event"] as? String == "outer" && row.row["distinct_id"] as? String == "u_42")
        #expect(row.properties["$ip"] as? String == "192.0.2.1" && row.row["person_id"] as? String == "p")
    }

    @Test(arguments: ["null", #""""#, #""null""#, #"" null ""#])
    func `with empty properties of its own keeps those of data`(empty: String) {
        #expect(equal(process(envelope(#","properties":\#(empty)"#, properties: #"{"a":1}"#)).properties, #"{"a":1}"#))
    }

    @Test func `is none where properties stand beside data`() {
        let row = process(
            envelope(#","properties":{"b":2},"event":"outer","distinct_id":"d""#, properties: #"{"a":1}"#)
        )
        #expect(equal(row.properties, #"{"b":2}"#))
    }

    @Test(arguments: [#"{"x":"y"}"#, "5", "null", #""text""#, #""\u0001""#, #""{\"event\":\"other\"}""#, #""\"\n""#])
    func `is none for a flat event that has a data of its own`(data: String) {
        for fields in [#","data":\#(data)"#, #","data":\#(data),"$set":{"s":1}"#] {
            let outcome = process(flat(fields, properties: #"{"a":1}"#))
            #expect(outcome.row["event"] as? String == "e" && outcome.properties["a"] as? Int == 1)
        }
    }
}

@Suite struct `An event's time` {
    private func times(_ record: OneRecord) -> [String?] {
        let row = process(record).row
        return ["timestamp", "captured_at", "created_at"].map { row[$0] as? String }
    }

    @Test func `is the gateway's where the envelope has one`() {
        let record = envelope(
            #","timestamp":"2025-09-01T09:00:00Z","offset":5000"#,
            inner: #","timestamp":"2020-01-01""#
        )
        #expect(times(record) == ["2025-09-01 09:00:00.000", "2025-09-01 10:00:02.513", "2025-09-01 10:00:02.950"])
    }

    @Test(arguments: [
        (#","timestamp":"2025-09-01T09:00:00Z""#, "2025-09-01 09:00:00.000"),
        (#","timestamp":"2025-09-01T09:00:00Z","sent_at":"2025-09-01T09:00:02.513884Z""#, "2025-09-01 10:00:00.000"),
        (#","offset":1203"#, "2025-09-01 10:00:01.310"),
        (#","offset":"1203.9""#, "2025-09-01 10:00:01.310"),
        (#","offset":-1000,"timestamp":"2020-01-01""#, "2025-09-01 10:00:03.513"),
        (#","offset":1e3"#, "2025-09-01 10:00:01.513"),
        (#","offset":"0012""#, "2025-09-01 10:00:02.501"),
        (#","offset":10000000000000"#, "1708-10-12 16:13:22.513"),
        (#","offset":99999999999999999999"#, "1970-01-01 00:00:00.000"),
        (#","offset":"0x10""#, "2025-09-01 10:00:02.513"),
        (#","offset":"+5""#, "2025-09-01 10:00:02.513"),
        (#","timestamp":253402300800000"#, "2025-09-01 10:00:02.513"),
        (#","timestamp":999999999999999,"sent_at":"-999999999999999""#, "2025-09-01 10:00:02.513"),
        (#","timestamp":-999999999999999,"sent_at":"999999999999999""#, "1970-01-01 00:00:00.000"),
        (#","timestamp":8999999999999999,"sent_at":"-8999999999999999""#, "2025-09-01 10:00:02.513"),
        (#","timestamp":"nonsense""#, "2025-09-01 10:00:02.513"),
        (#","timestamp":{"a":1}"#, "2025-09-01 10:00:02.513"),
        (#","timestamp":1756720800"#, "2025-09-01 10:00:00.000"),
        (#","timestamp":"2025\/09\/01 08:00""#, "2025-09-01 08:00:00.000"),
        (#","timestamp":"2025-09-02T09:00:02Z""#, "2025-09-02 09:00:02.000"),
        (#","timestamp":"2025-09-02T09:00:03Z""#, "2025-09-01 10:00:02.513"),
        (#","timestamp":"0000-01-01T00:00:00+01:00""#, "1970-01-01 00:00:00.000"),
        (#","timestamp":"-99999999999""#, "1970-01-01 00:00:00.000"),
        (#","timestamp":"0000-01-01","sent_at":"9999-12-31""#, "1970-01-01 00:00:00.000"),
    ])
    func `follows the gateway's rule where it does not`(fields: String, time: String) {
        #expect(times(flat(fields))[0] == time)
        #expect(times(envelope(inner: fields))[0] == time)
    }

    @Test func `ignores sent_at where the event asks for it`() {
        let fields = #","timestamp":"2025-09-01T09:00:00Z","sent_at":"2025-09-01T09:00:02Z""#
        #expect(times(flat(fields, properties: #"{"$ignore_sent_at":true}"#))[0] == "2025-09-01 09:00:00.000")
    }

    @Test(arguments: [
        (Int64.max, "9999-12-31 23:59:59.999"), (253_402_300_800_000, "9999-12-31 23:59:59.999"),
        (0, "1970-01-01 00:00:00.000"),
        (-1, "1970-01-01 00:00:00.000"), (Int64.min, "1970-01-01 00:00:00.000"),
    ])
    func `can be printed whatever Kafka's timestamp is`(timestamp: Int64, printed: String) {
        var record = OneRecord(#"{"event":"e","distinct_id":"d","token":"phc_test"}"#)
        record.timestamp = timestamp
        #expect(times(record) == [printed, nil, printed])
    }

    @Test(arguments: ["9999-12-31T23:59:59-01:00", "0000-01-01T00:00:00+01:00", "-99999999999", "soon", ""])
    func `does not take a now that cannot be printed`(now: String) {
        #expect(times(flat(#","now":"\#(now)""#))[1] == nil)
        #expect(times(flat(#","now":"\#(now)""#).with("now", "2025-01-01T00:00:00Z"))[1] == "2025-01-01 00:00:00.000")
    }
}

@Suite struct `Normalising` {
    @Test func `adds the address only where the event has none`() {
        for outcome in both(#","ip":"192.0.2.1""#) { #expect(equal(outcome.properties, #"{"$ip":"192.0.2.1"}"#)) }
        for outcome in both(#","ip":"192.0.2.1""#, properties: #"{"$ip":null}"#) {
            #expect(equal(outcome.properties, #"{"$ip":"192.0.2.1"}"#))
        }
        for outcome in both(#","ip":"192.0.2.1""#, properties: #"{"$ip":"x"}"#) {
            #expect(equal(outcome.properties, #"{"$ip":"x"}"#))
        }
        for outcome in both(#","ip":"q\"\\\u0007é""#) { #expect(outcome.properties["$ip"] as? String == "q\"\\\u{7}é") }
    }

    @Test func `stores sent_at, and a session's UUID in lower case`() {
        for outcome in both(
            #","sent_at":"2025-09-01""#,
            properties: #"{"$sent_at":1,"$session_id":"0190F3C1-8A52-7CC1-9F3E-2B0F6A1D4E77","x":"ABC"}"#
        ) {
            #expect(
                equal(
                    outcome.properties,
                    #"{"$sent_at":"2025-09-01","$session_id":"0190f3c1-8a52-7cc1-9f3e-2b0f6a1d4e77","x":"ABC"}"#
                )
            )
        }
        for outcome in both(properties: #"{"$session_id":"\u0030190F3C1-8A52-7CC1-9F3E-2B0F6A1D4E77"}"#) {
            #expect(equal(outcome.properties, #"{"$session_id":"0190f3c1-8a52-7cc1-9f3e-2b0f6a1d4e77"}"#))
        }
        for outcome in both(properties: #"{"$session_id":"Not a UUID"}"#) {
            #expect(equal(outcome.properties, #"{"$session_id":"Not a UUID"}"#))
        }
    }

    @Test func `merges $set and $set_once beside the properties over those within`() {
        for outcome in both(
            #","$set":{"a":2,"\u0062":"q\""},"$set_once":{"o":1},"$unset":["u"]"#,
            properties: #"{"$set":{"a":1,"c":3},"$set_once":5,"$unset":"x"}"#
        ) {
            #expect(equal(outcome.properties, #"{"$set":{"a":2,"b":"q\"","c":3},"$set_once":{"o":1},"$unset":["u"]}"#))
            #expect(equal(outcome.person, #"{"a":2,"b":"q\"","c":3,"o":1}"#))
        }
    }

    @Test func `gives the person what it had, $set_once where it had nothing, and $set over both`() {
        for outcome in both(
            #","person_properties":{"a":1,"b":1,"c":1},"$set_once":{"b":2,"\u0063":2,"d":2,"e":2},"$set":{"a":3,"\u0065":3}"#
        ) {
            #expect(equal(outcome.person, #"{"a":3,"b":1,"c":1,"d":2,"e":3}"#))
            #expect(outcome.row["person_mode"] as? String == "full")
        }
    }

    @Test func `gives a person of a thousand properties the same`() {
        func object(_ keys: Range<Int>, _ value: Int) -> String {
            "{"
                + keys.map { $0 % 3 == 0 ? #""\u006b\#($0)":\#(value)"# : #""k\#($0)":\#(value)"# }.joined(
                    separator: ","
                ) + "}"
        }
        let fields =
            #","person_properties":\#(object(0..<1000, 1)),"$set_once":\#(object(500..<1500, 2)),"$set":\#(object(1400..<2000, 3))"#
        for outcome in both(fields) {
            #expect(outcome.person.count == 2000)
            for (key, value) in outcome.person {
                let number = Int(key.dropFirst())!
                let expected = number < 1000 ? 1 : number < 1400 ? 2 : 3
                if value as? Int != expected { Issue.record("\(key) is \(value)") }
            }
            let text = outcome.row["person_properties"] as? String ?? ""
            #expect(text.components(separatedBy: ":").count == 2001, "no key may come twice")
        }
    }

    @Test func `takes a stored row's documents as texts`() {
        let row = process(
            OneRecord(
                #"{"event":"e","distinct_id":"d","token":"phc_test","properties":"{\"a\":\"q\\\"\"}","person_properties":"\n{\"p\":1}","#
                    + #""group1_properties":"{}","group2_properties":"null","elements_chain":"a:text=\"x\"","person_id":"p\"1"}"#
            )
        )
        #expect(equal(row.properties, #"{"a":"q\""}"#) && equal(row.person, #"{"p":1}"#))
        #expect(row.row["group1_properties"] as? String == "{}" && row.row["group2_properties"] == nil)
        #expect(row.row["elements_chain"] as? String == #"a:text="x""# && row.row["person_id"] as? String == "p\"1")
    }

    @Test func `takes everything off that would touch a person where the event is personless`() {
        let properties =
            #"{"$process_person_profile":false,"$set":{"a":1},"$set_once":{"b":1},"$unset":["c"],"$group_0":"g","$group\u005f4":"g","$group_5":"g"}"#
        for outcome in both(
            #","$set":{"x":1},"person_properties":{"p":1},"group0_properties":{"g":1}"#,
            properties: properties
        ) {
            #expect(equal(outcome.properties, #"{"$process_person_profile":false,"$group_5":"g"}"#))
            #expect(equal(outcome.person, "{}") && outcome.row["person_mode"] as? String == "propertyless")
            #expect(outcome.row["group0_properties"] == nil)
        }
        let forced = process(flat(#","$set":{"x":1}"#).with("force_disable_person_processing", "true"))
        #expect(equal(forced.properties, #"{"$process_person_profile":false}"#) && equal(forced.person, "{}"))
        #expect(process(flat(#","$set":{"x":1}"#).with("force_disable_person_processing", "yes")).person.count == 1)
    }

    @Test(arguments: ["true", "null", #""false""#, "0", "{}"]) func `does not store any other person flag`(flag: String)
    {
        for outcome in both(properties: #"{"$process_person_profile":\#(flag)}"#) {
            #expect(equal(outcome.properties, "{}") && outcome.row["person_mode"] as? String == "full")
        }
    }

    @Test func `takes $set off a $groupidentify`() {
        for outcome in both(
            #","$set":{"a":1}"#,
            properties: #"{"$set_once":{"b":1},"$group_0":"g"}"#,
            event: #""$groupidentify""#
        ) {
            #expect(equal(outcome.properties, #"{"$group_0":"g"}"#) && equal(outcome.person, "{}"))
        }
    }

    @Test func `moves the elements chain into its column`() {
        for outcome in both(
            properties: #"{"a":1,"$elements_chain":"a:text=\"x\"","b":2,"$elements":[{"tag_name":"p"}]}"#
        ) {
            #expect(
                outcome.row["elements_chain"] as? String == #"a:text="x""#
                    && equal(outcome.properties, #"{"a":1,"b":2}"#)
            )
        }
        for outcome in both(properties: #"{"$elements":[{"tag_name":"a","text":"Buy"}]}"#) {
            #expect((outcome.row["elements_chain"] as? String)?.hasPrefix("a") == true && outcome.properties.isEmpty)
        }
        for outcome in both(properties: #"{"$elements_chain":5}"#) {
            #expect(equal(outcome.properties, #"{"$elements_chain":5}"#))
        }
    }

    @Test func `marks a historical migration by field or header`() {
        for outcome in both(#","historical_migration":true"#) {
            #expect(outcome.row["historical_migration"] as? Bool == true)
        }
        for outcome in both(#","historical_migration":"true""#) { #expect(outcome.row["historical_migration"] == nil) }
        #expect(process(flat().with("historical_migration", "true")).row["historical_migration"] as? Bool == true)
    }
}

@Suite struct `A UUID's text` {
    private func check(_ text: String) -> (isValid: Bool, hasUpperCase: Bool) {
        Array(text.utf8).withUnsafeBytes { UUIDText.check($0.baseAddress!) }
    }

    @Test func `has hexadecimal digits and dashes in their places, and nothing else for any byte`() {
        let uuid = Array("0190f3c1-8a52-7cc1-9f3e-2b0f6a1d4e77".utf8)
        for place in uuid.indices {
            for byte in UInt8.min...UInt8.max {
                var changed = uuid
                changed[place] = byte
                let isDash = [8, 13, 18, 23].contains(place)
                let isHex = (0x30...0x39).contains(byte) || (0x41...0x46).contains(byte) || (0x61...0x66).contains(byte)
                let found = changed.withUnsafeBytes { UUIDText.check($0.baseAddress!) }
                if found.isValid != (isDash ? byte == 0x2D : isHex)
                    || found.isValid && found.hasUpperCase != (0x41...0x46).contains(byte)
                {
                    Issue.record("byte \(byte) at \(place)")
                }
            }
        }
    }

    @Test func `is stored in lower case`() {
        #expect(check("ABCDEFab-CDEF-abcd-EFAB-CDEFabcdefAB").hasUpperCase)
        let uuid = process(flat(#","uuid":"ABCDEFAB-CDEF-abcd-EFAB-CDEFabcdefAB""#)).row["uuid"] as? String
        #expect(uuid == "abcdefab-cdef-abcd-efab-cdefabcdefab")
    }
}

@Suite struct `UTF-8` {
    /// Foundation's and the standard library's own idea of what is well-formed, for every sequence of two bytes and many longer.
    @Test func `is well-formed exactly where Swift's own validation says so`() {
        func check(_ bytes: [UInt8]) {
            let ours = bytes.withUnsafeBufferPointer { isUTF8($0.baseAddress!, $0.count) }
            if ours != (String(validating: bytes, as: UTF8.self) != nil) { Issue.record("\(bytes)") }
        }
        for one in UInt8.min...UInt8.max {
            check([one])
            for two in UInt8.min...UInt8.max { check([one, two]) }
        }
        let edges: [UInt8] = [
            0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC2, 0xE0, 0xED, 0xEF, 0xF0, 0xF4, 0xF5, 0xFF,
        ]
        for lead: UInt8 in [0xC2, 0xE0, 0xE1, 0xED, 0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5] {
            for two in edges { for three in edges { for four in edges { check([lead, two, three, four]) } } }
        }
    }
}
