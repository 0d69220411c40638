import Foundation
import Testing

@testable import Tagstream

@Suite struct `A team's groups` {
    private func properties(_ properties: String, fields: String = "") -> NSDictionary {
        let outcomes = [
            process(flat(fields, properties: properties).with("token", "phc_rules")),
            process(envelope(properties: properties, inner: fields).with("token", "phc_rules")),
        ]
        #expect(outcomes[0].properties as NSDictionary == outcomes[1].properties as NSDictionary)
        return outcomes[0].properties as NSDictionary
    }

    @Test func `stand in the columns that the team has given their types`() {
        let found = properties(#"{"$groups":{"company":"acme","team":7,"unknown":"x","caf\u00e9":"y"}}"#)
        #expect(
            found == [
                "$groups": ["company": "acme", "team": 7, "unknown": "x", "café": "y"],
                "$group_0": "acme", "$group_4": 7, "$group_2": "y",
            ]
        )
    }

    @Test func `win over what the client wrote there, and leave the other columns alone`() {
        let found = properties(
            #"{"$group_0":"old","$group_1":"kept","$group_4":"kept","$groups":{"company":"new","team":null}}"#
        )
        #expect(
            found == [
                "$group_0": "new", "$group_1": "kept", "$group_4": "kept",
                "$groups": ["company": "new", "team": NSNull()],
            ]
        )
    }

    @Test func `come from the last field of a name`() {
        #expect(properties(#"{"$groups":{"company":"a","company":"b"}}"#)["$group_0"] as? String == "b")
    }

    @Test func `are not made of what is no object, of no person, or for a team without types`() {
        #expect(properties(#"{"$groups":["company"]}"#) == ["$groups": ["company"]])
        #expect(
            properties(#"{"$groups":{"company":"a"},"$process_person_profile":false}"#)
                == ["$groups": ["company": "a"], "$process_person_profile": false]
        )
        #expect(
            process(flat(properties: #"{"$groups":{"company":"a"}}"#)).properties as NSDictionary == [
                "$groups": ["company": "a"]
            ]
        )
    }

    @Test func `are what actions are explained and tried with`() throws {
        let text = #"{"id":1,"name":"a","steps":[{"properties":[{"key":"$group_0","value":"acme"}]}]}"#
        let action = try #require(ActionDefinition.reading(try JSONTree(parsing: Array(text.utf8))).definition)
        let event = flat(properties: #"{"$groups":{"company":"acme"}}"#).value ?? []
        var trial = Trial()
        for isKnown in [false, true] {
            if isKnown { trial.rules.groupTypes = ["company"] }
            let ids = try event.withUnsafeBytes { try trial.match($0, with: ActionPlan.compile([action])) }
            #expect(ids == (isKnown ? [1] : []))
        }
    }

    @Test func `may have any name and value`() {
        let found = properties(#"{"$groups":{"\u0063ompany":"q\"\\\u0001😀","team":{"a":["b"]}}}"#)
        #expect(found["$group_0"] as? String == "q\"\\\u{1}😀")
        #expect(found["$group_4"] as? NSDictionary == ["a": ["b"]])
    }

    @Test(arguments: [
        #"{"company":5}"#, #"{"company":-1}"#, #"{"company":"0"}"#, #"{"a":0,"b":0}"#, #"{"":0}"#, #"["company"]"#, "5",
        #"{"a":0,"b":1,"c":2,"d":3,"e":4,"f":5}"#,
    ])
    func `are refused where they cannot be columns`(types: String) throws {
        let text = #"{"id":5,"api_token":"t","settings":{"group_types":\#(types)}}"#
        #expect(throws: CatalogueProblem.self) { try TeamDefinition(try JSONTree(parsing: Array(text.utf8))) }
    }

    @Test(arguments: ["-1", "1.5", #""60""#, "31557600001"])
    func `cannot have an age that is none`(age: String) throws {
        let text = #"{"id":5,"api_token":"t","settings":{"drop_events_older_than_seconds":\#(age)}}"#
        #expect(throws: CatalogueProblem.self) { try TeamDefinition(try JSONTree(parsing: Array(text.utf8))) }
    }
}

@Suite struct `What a client says of itself` {
    @Test func `does not make it verified`() {
        for verified in ["true", "false", #""yes""#, "{}"] {
            #expect(
                process(flat(properties: #"{"$verified":\#(verified),"a":1}"#)).properties as NSDictionary == ["a": 1]
            )
        }
    }
}

@Suite struct `An old event` {
    @Test func `is kept where nobody knows how old it is`() {
        var record = OneRecord(#"{"event":"e","distinct_id":"u","token":"phc_rules","timestamp":"2001-01-01"}"#)
        record.timestamp = -1
        #expect(process(record).counts.tagged == 1)
        record.timestamp = 1_756_720_802_950
        #expect(process(record).counts.ignoredReasons.map(\.reason) == ["event_dropped_too_old"])
        #expect(process(record.with("now", "2001-01-01T00:59:00Z")).counts.tagged == 1)
    }

    @Test func `is measured by the gateway's corrected time`() {
        let record = OneRecord(
            #"{"token":"phc_rules","now":"2025-09-01T10:00:00Z","timestamp":"2025-09-01T09:30:00Z","#
                + #""data":"{\"event\":\"e\",\"distinct_id\":\"u\",\"timestamp\":\"2020-01-01\"}"}"#
        )
        #expect(process(record).counts.tagged == 1)
    }
}
