import Foundation
import Testing

@testable import Tagstream

/// A team with one schema of the event "order", and an action that finds what has validation errors.
private func snapshot(_ mode: String, _ schema: String, settings: String = "{}") -> Snapshot {
    var log = CatalogueLog()
    log.put("team/1", #"{"id":1,"api_token":"phc_test","settings":\#(settings)}"#)
    log.put(
        "action/1/7",
        #"{"id":7,"steps":[{"properties":[{"key":"$validation_errors","type":"event","operator":"is_set","value":"is_set"}]}]}"#
    )
    log.put("schema/1/order", #"{"event":"order",\#(mode)"schema":\#(schema)}"#)
    precondition(log.catalogue.quarantined.isEmpty, "\(log.catalogue.quarantined)")
    return log.catalogue.snapshot()
}

private func outcome(_ record: OneRecord, under snapshot: Snapshot, limits: EventLimits = EventLimits()) -> Outcome {
    let (counts, outcomes) = process([record], limits: limits, under: snapshot)
    return Outcome(counts: counts, records: outcomes[0])
}

private func order(_ properties: String, _ more: String = "") -> OneRecord {
    flat(more, properties: properties, event: #""order""#)
}

@Suite struct `An event that does not fit its schema` {
    private let rules = #"{"properties":{"total":{"type":"number","minimum":0}},"required":["plan"]}"#
    private let annotates = #""mode":"annotate","#
    private let rejects = #""mode":"reject","#

    private func errors(_ outcome: Outcome) -> [[String: String]]? {
        outcome.properties["$validation_errors"] as? [[String: String]]
    }

    @Test(arguments: [false, true]) func `is kept and says so, and matching sees it`(isEnvelope: Bool) {
        let properties = #"{"total":-1,"note":"a \"b\" \\ c"}"#
        let record = isEnvelope ? envelope(properties: properties, event: #""order""#) : order(properties)
        let result = outcome(record, under: snapshot(annotates, rules))
        #expect(
            errors(result) == [
                ["path": "/total", "keyword": "minimum", "expected": "0"],
                ["path": "/plan", "keyword": "required", "expected": "a value"],
            ]
        )
        #expect(result.properties["total"] as? Int == -1)
        #expect(result.properties["note"] as? String == #"a "b" \ c"#)
        #expect(result.row["actions"] as? [Int] == [7])
        #expect(result.counts.annotated == 1 && result.counts.tagged == 1)
    }

    @Test func `becomes a dead letter that names the first violation, in mode reject`() {
        let result = outcome(order(#"{"total":-1}"#), under: snapshot(rejects, rules))
        #expect(result.reason == "schema_validation_failed")
        #expect(result.detail == "/total is -1, expected minimum 0 (schema version 1)")
        #expect(result.counts.deadLetters == 1 && result.counts.annotated == 0)
        let missing = outcome(order("{}"), under: snapshot(rejects, rules))
        #expect(missing.detail == "/plan is missing, expected a value (required) (schema version 1)")
        let text = outcome(order(#"{"total":"a\"b","plan":1}"#), under: snapshot(rejects, rules))
        #expect(text.detail == #"/total is "a\"b", expected type number (schema version 1)"#)
        let whole = outcome(order(#"{"plan":1}"#), under: snapshot(rejects, #"{"minProperties":5}"#))
        #expect(whole.detail == "the properties object is an object, expected minProperties 5 (schema version 1)")
    }

    @Test func `is left alone in mode off, and where it fits, and where its name is another`() {
        let off = outcome(order("{}"), under: snapshot(#""mode":"off","#, rules))
        #expect(off.counts.tagged == 1 && errors(off) == nil)
        for mode in [annotates, rejects] {
            let fits = outcome(order(#"{"total":0.5,"plan":null}"#), under: snapshot(mode, rules))
            #expect(fits.counts.tagged == 1 && errors(fits) == nil && fits.counts.annotated == 0)
            let other = outcome(flat(properties: "{}", event: #""orders""#), under: snapshot(mode, rules))
            #expect(other.counts.tagged == 1 && errors(other) == nil)
        }
    }

    @Test func `follows its team's mode where the schema has none, and without that is annotated`() {
        #expect(errors(outcome(order("{}"), under: snapshot("", rules)))?.count == 1)
        let rejected = outcome(order("{}"), under: snapshot("", rules, settings: #"{"schema_mode":"reject"}"#))
        #expect(rejected.reason == "schema_validation_failed")
        let off = outcome(order("{}"), under: snapshot("", rules, settings: #"{"schema_mode":"off"}"#))
        #expect(off.counts.tagged == 1 && errors(off) == nil)
        let own = outcome(order("{}"), under: snapshot(annotates, rules, settings: #"{"schema_mode":"reject"}"#))
        #expect(errors(own)?.count == 1)
    }

    @Test func `is found by the name that it will be stored under`() {
        let hidden = flat(properties: "{}", event: #""\u006frder""#)
        #expect(outcome(hidden, under: snapshot(rejects, rules)).reason == "schema_validation_failed")
    }

    @Test func `is judged by the properties as they will be stored`() {
        // `$ip` comes from the envelope, `$elements_chain` leaves for a column, `$sent_at` is rewritten.
        let schema = #"{"required":["$ip"],"properties":{"$elements_chain":false,"$ip":{"pattern":"^1"}}}"#
        let record = order(#"{"$elements_chain":"a"}"#, #","ip":"10.0.0.1""#)
        #expect(outcome(record, under: snapshot(rejects, schema)).counts.tagged == 1)
        #expect(outcome(order("{}"), under: snapshot(rejects, schema)).detail?.hasPrefix("/$ip is missing") == true)
        // Of two properties of one name the last counts, within objects too.
        let twice =
            #"{"properties":{"a":{"minimum":5,"maxProperties":1,"properties":{"b":{"minimum":5}}}},"maxProperties":1}"#
        for properties in [#"{"a":1,"a":6}"#, #"{"a":{"b":1,"\u0062":6}}"#] {
            #expect(outcome(order(properties), under: snapshot(rejects, twice)).counts.tagged == 1)
        }
    }

    @Test func `cannot forge what is wrong with it`() {
        let forged = #"{"plan":1,"$validation_errors":[],"\u0024validation_errors":"x"}"#
        let fits = outcome(order(forged), under: snapshot(annotates, rules))
        #expect(fits.properties.keys.sorted() == ["plan"])
        #expect(fits.row["actions"] as? [Int] == [])
        let wrong = outcome(order(#"{"$validation_errors":"x"}"#), under: snapshot(annotates, rules))
        #expect(errors(wrong)?.count == 1)
        #expect(wrong.rowText?.components(separatedBy: "$validation_errors").count == 2)
        // Where nothing is annotated it is a property like any other.
        let other = outcome(flat(properties: forged), under: snapshot(annotates, rules))
        #expect(other.properties["$validation_errors"] as? String == "x")
    }

    @Test func `says at most ten things in at most so many bytes`() throws {
        let names = (0..<500).map { #""\#(String(repeating: "\\u0001", count: 120))\#($0)":1"# }
        let result = outcome(
            order("{" + names.joined(separator: ",") + "}"),
            under: snapshot(annotates, #"{"additionalProperties":false}"#)
        )
        let list = try #require(errors(result))
        #expect(list.count == 6)
        #expect(list.last == ["path": "", "keyword": "more", "expected": "further violations are not listed"])
        let text = try JSONSerialization.data(withJSONObject: list)
        #expect(text.count < 4500)
        let many = (0..<11).map { #""k\#($0)":1"# }.joined(separator: ",")
        let eleven = outcome(order("{\(many)}"), under: snapshot(annotates, #"{"additionalProperties":false}"#))
        #expect(errors(eleven)?.count == 11 && errors(eleven)?.last?["keyword"] == "more")
        let ten = (0..<10).map { #""k\#($0)":1"# }.joined(separator: ",")
        let exactly = outcome(order("{\(ten)}"), under: snapshot(annotates, #"{"additionalProperties":false}"#))
        #expect(errors(exactly)?.count == 10 && errors(exactly)?.last?["keyword"] == "additionalProperties")
    }

    @Test func `keeps a detail that is short and on one line, whatever the event contains`() {
        let value = String(repeating: "\\u001b\\n", count: 5000)
        let result = outcome(order(#"{"total":"\#(value)"}"#), under: snapshot(rejects, rules))
        #expect((result.detail ?? "").utf8.count <= 300)
        #expect(!(result.detail ?? "\n").contains { $0.isNewline || $0 == "\u{1b}" })
    }

    @Test func `does not reach another team's events of the same name`() {
        var log = CatalogueLog()
        log.team(1, token: "phc_test")
        log.team(2, token: "phc_other")
        log.put("schema/2/order", #"{"event":"order","mode":"reject","schema":false}"#)
        #expect(outcome(order("{}"), under: log.catalogue.snapshot()).counts.tagged == 1)
    }

    @Test(arguments: ["{\"a\":", "["]) func `may be as deep as events may be`(opening: String) {
        let schema = #"{"properties":{"a":{"uniqueItems":true,"enum":[1],"not":{"const":{"x":1}}}}}"#
        let closing = opening == "[" ? "]" : "}"
        let deep = String(repeating: opening, count: 61) + "1" + String(repeating: closing, count: 61)
        #expect(
            outcome(order(#"{"a":\#(deep)}"#), under: snapshot(rejects, schema)).detail?.hasPrefix("/a is ") == true
        )
    }

    @Test func `is a warning to its team where it is refused`() {
        let outcome = outcome(order(#"{"total":-1}"#), under: snapshot(rejects, rules))
        #expect(outcome.counts.deadLetters == 1)
        #expect(outcome.warningTypes.first == "schema_validation_failed")
    }

    @Test func `gets the same bytes again and again from a pipeline that has seen others`() {
        let under = snapshot(annotates, rules)
        let records = [
            order(#"{"total":-1}"#), order(#"{"plan":1}"#), flat(), order(#"{"total":"x","plan":{"a":[1,2,{"b":3}]}}"#),
        ]
        // Warnings depend on what was written before, and on nothing else.
        func bytes(_ written: [Outcome.Written]) -> [[UInt8]?] { written.filter { !$0.isWarning }.map(\.value) }
        let together = process(records + records, under: under).outcomes
        for (place, record) in records.enumerated() {
            let alone = bytes(outcome(record, under: under).records)
            #expect(bytes(together[place]) == alone, "record \(place)")
            #expect(bytes(together[place + records.count]) == alone, "record \(place), again")
        }
    }
}
