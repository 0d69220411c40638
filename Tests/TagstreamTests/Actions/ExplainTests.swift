import Testing

@testable import Tagstream

@Suite("An explanation")
struct ExplainTests {
    @Test("gives the verdict of matching and the expected one, for every open case")
    func vectors() throws {
        var trial = Trial()
        for row in try Vectors.rows() {
            guard let action = ActionDefinition.reading(row.action, defaultID: 1).definition else {
                #expect(row.isAsExpected(nil), "\(row.id)")
                continue
            }
            let plan = ActionPlan.compile([action])
            let (explanation, indexed, linear) = try row.event.withUnsafeBytes {
                (
                    try trial.explain($0, [action])[0], try trial.match($0, with: plan),
                    try trial.matchLinearly($0, with: plan)
                )
            }
            let explained = explanation.verdict == .yes ? [action.id] : []
            #expect(explained == indexed, "\(row.id)")
            #expect(explained == linear, "\(row.id)")
            #expect(row.isAsExpected(explained), "\(row.id)")
            #expect(explanation.steps.count == action.steps.count, "\(row.id)")
            for (step, written) in zip(explanation.steps, action.steps) {
                #expect(step.conditions.map(\.field) == written.conditions.map(\.field), "\(row.id)")
                let all = step.conditions.allSatisfy { $0.verdict == .yes }
                #expect((step.verdict == .yes) == all, "\(row.id)")
            }
            #expect(explanation.verdict != .error, "\(row.id)")
        }
    }

    @Test("evaluates every condition of every step, also after one that failed")
    func noShortCircuit() throws {
        let explanation = try explain(
            #"[{"event": "a", "url": "x", "properties": [{"key": "p", "value": 1}]}, {"event": "b"}]"#,
            #"{"event": "b", "properties": {"p": 1}}"#
        )
        #expect(explanation.verdict == .yes)
        #expect(explanation.steps.map(\.verdict) == [.no, .yes])
        #expect(explanation.steps[0].conditions.map(\.verdict) == [.no, .no, .yes])
        #expect(explanation.steps[0].conditions.map(\.field) == ["event", "url", "properties[0]"])
    }

    @Test("keeps the author's operator and value, in the author's order, where conditions are shared")
    func wording() throws {
        let explanation = try explain(
            #"[{"properties": [{"key": "p", "operator": "min", "value": "3"}, {"key": "p", "operator": "gte", "value": "3"}]}]"#,
            #"{"event": "b", "properties": {"p": 4.50}}"#
        )
        let conditions = explanation.steps[0].conditions
        #expect(conditions.map(\.operatorName) == ["min", "gte"])
        #expect(conditions.map(\.expected) == [.string("3"), .string("3")])
        #expect(conditions.map(\.verdict) == [.yes, .yes])
        #expect(conditions[0].subject == "property \"p\"")
    }

    @Test("is the same for steps that are written as a text")
    func stepsAsText() throws {
        let tree = try JSONTree(parsing: #"{"id": 1, "steps_json": "[{\"event\": \"a\", \"url\": \"x\"}]"}"#)
        let explanation = try explain(tree, #"{"event": "a"}"#)
        #expect(explanation.steps[0].conditions.map(\.expected) == [.string("a"), .string("x")])
    }

    @Test("of a deleted action says so and matches nothing")
    func deleted() throws {
        let explanation = try explain(try JSONTree(parsing: #"{"id": 1, "deleted": true}"#), #"{"event": "a"}"#)
        #expect(explanation.verdict == .no)
        #expect(explanation.isDeleted)
        #expect(explanation.json["deleted"] == .bool(true))
    }

    @Test("of a step without conditions is a yes")
    func withoutConditions() throws {
        let explanation = try explain("[{}]", #"{"event": "a"}"#)
        #expect(explanation.verdict == .yes)
        #expect(explanation.steps[0].conditions.isEmpty)
    }

    // MARK: What was compared

    /// A filter on the property `p`, what the event has there, and how the explanation reads.
    struct Compared: Sendable, CustomTestStringConvertible {
        var filter: String
        var value: String
        var found: ConditionExplanation.Found
        var compared: String?
        var conversion: String?
        var testDescription: String { "\(filter) \(value)" }

        init(
            _ filter: String,
            _ value: String,
            _ found: ConditionExplanation.Found,
            _ compared: String?,
            _ conversion: String?
        ) {
            self.filter = filter
            self.value = value
            self.found = found
            self.compared = compared
            self.conversion = conversion
        }
    }

    @Test(
        "tells what was compared, after which conversion",
        arguments: [
            Compared(#""value": "a""#, #""a""#, .value(kind: "text", text: "a"), nil, nil),
            Compared(
                #""operator": "icontains", "value": "b""#,
                #""aBC""#,
                .value(kind: "text", text: "aBC"),
                "abc",
                "lower-cased"
            ),
            Compared(
                #""operator": "icontains", "value": "b""#,
                #"["aB", 1]"#,
                .value(kind: "list", text: "['aB', 1]"),
                "['ab', 1]",
                "printed as text, lower-cased"
            ),
            Compared(
                #""operator": "regex", "value": "^1""#,
                "1.50",
                .value(kind: "number", text: "1.50"),
                "1.5",
                "printed as text"
            ),
            Compared(
                #""operator": "gt", "value": 3"#,
                #"" 4.0 ""#,
                .value(kind: "text", text: " 4.0 "),
                "4",
                "read as a number"
            ),
            Compared(#""value": "4""#, "4", .value(kind: "number", text: "4"), nil, nil),
            Compared(
                #""operator": "is_date_after", "value": "2025-01-01""#,
                #""2025-06-01T02:00+02:00""#,
                .value(kind: "text", text: "2025-06-01T02:00+02:00"),
                "2025-06-01 00:00:00.000",
                "read as a date, UTC"
            ),
            Compared(
                #""operator": "semver_gt", "value": "1.0.0""#,
                #""v1.2.3""#,
                .value(kind: "text", text: "v1.2.3"),
                nil,
                "read as a version"
            ),
            Compared(#""value": true"#, "false", .value(kind: "boolean", text: "false"), nil, nil),
            Compared(#""value": "a""#, #""\u00e9\n""#, .value(kind: "text", text: "é\n"), nil, nil),
        ]
    )
    func comparisons(row: Compared) throws {
        let condition = try filter(row.filter, row.value)
        #expect(condition.found == row.found)
        #expect(condition.compared == row.compared)
        #expect(condition.conversion == row.conversion)
    }

    @Test("shows elements from the innermost outward, with what the selector asks for")
    func elements() throws {
        let chain =
            #"svg.icon:nth-child=\"1\";button.btn.py-2:attr__class=\"btn py-2\"attr_id=\"buy\"attr__data-x=\"1\"text=\"Buy\""#
        let condition = try only(
            #"[{"selector": "button[data-x=\"2\"]"}]"#,
            #"{"event": "e", "properties": {"$elements_chain": "\#(chain)"}}"#
        )
        #expect(condition.found == .elements(["svg.icon", #"button#buy.btn.py-2[data-x="1"] "Buy""#]))
        #expect(condition.notes.map(\.text) == [#"no element is [data-x="2"]"#])
    }

    // MARK: Near misses

    typealias Kind = ConditionExplanation.Note.Kind

    @Test(
        "of a property names the near miss",
        arguments: [
            (#""value": "Pro""#, #""pro""#, Kind.letterCase), (#""value": "pro""#, #""pro ""#, .blanks),
            (#""value": "/a""#, #""/a/""#, .trailingSlash), (#""value": "/a/""#, #""/a""#, .trailingSlash),
            (#""value": "it's""#, #""it’s""#, .quotes), (#""value": "\"a\"""#, #""“a”""#, .quotes),
            (#""value": "é""#, #""e\u0301""#, .unicodeForm), (#""value": true"#, #""True""#, .letterCase),
            (#""value": "a""#, "null", .null), (#""value": 12"#, #""12 €""#, .type),
            (#""value": "a""#, #"["a"]"#, .type), (#""value": "a""#, "1", .type),
            (#""operator": "gt", "value": 1"#, #""much""#, .type), (#""operator": "gt", "value": 1"#, "true", .type),
            (#""operator": "between", "value": [1, 2]"#, #""much""#, .type),
            (#""operator": "is_date_before", "value": "2025-01-01""#, #""yesterday""#, .type),
            (#""operator": "is_date_before", "value": "2025-01-01""#, "1735689600", .type),
            (#""operator": "semver_eq", "value": "1.0.0""#, #""1.0""#, .type),
            (#""value": "pro""#, #""professional""#, .otherMode),
            (#""operator": "icontains", "value": "^a.c$""#, #""abc""#, .otherMode),
            (#""operator": "regex", "value": "a+b""#, #""A+b""#, .otherMode),
            (#""operator": "regex", "value": "^/a$""#, #""/a/""#, .trailingSlash),
            (#""operator": "regex", "value": "^pro$""#, #""Pro""#, .letterCase),
            (#""operator": "icontains", "value": "it's""#, #""it’s me""#, .quotes),
            (#""operator": "is_set""#, "null", .null),
        ]
    )
    func properties(rest: String, value: String, kind: Kind) throws {
        let condition = try filter(rest, value)
        #expect(condition.verdict == .no)
        #expect(condition.notes.first?.kind == kind, "\(condition.notes)")
    }

    @Test("says where else a missing property is")
    func otherPlaces() throws {
        func notes(_ filter: String, _ event: String) throws -> [Kind] {
            try only(#"[{"properties": [\#(filter)]}]"#, event).notes.map(\.kind)
        }
        let event = #"{"event": "e", "properties": {"$browser": "Firefox"}, "person_properties": {"plan": "pro"}}"#
        #expect(try notes(#"{"key": "plan", "value": "pro"}"#, event) == [.notSet, .otherPlace])
        #expect(try notes(#"{"key": "browser", "value": "Firefox"}"#, event) == [.notSet, .otherPlace])
        #expect(try notes(#"{"type": "person", "key": "$browser", "value": "x"}"#, event) == [.notSet, .otherPlace])
        #expect(try notes(#"{"key": "nothing", "value": "x"}"#, event) == [.notSet])
        #expect(try notes(#"{"key": "nothing", "operator": "is_set"}"#, event) == [])
    }

    @Test("says why a negative condition holds")
    func negatives() throws {
        let unset = try only(
            #"[{"properties": [{"key": "p", "operator": "is_not", "value": "a"}]}]"#,
            #"{"event": "e", "properties": {}}"#
        )
        #expect(unset.verdict == .yes)
        #expect(unset.notes.map(\.kind) == [.notSet])
        let nearly = try filter(#""operator": "is_not", "value": "Free""#, #""free""#)
        #expect(nearly.verdict == .yes)
        #expect(nearly.notes.map(\.kind) == [.letterCase])
        #expect(try filter(#""operator": "is_not", "value": "Free""#, #""Free""#).notes.isEmpty)
    }

    @Test("says nothing where there is nothing to say")
    func noNotes() throws {
        #expect(try filter(#""operator": "icontains", "value": " ""#, #""x""#).notes.map(\.kind) == [])
        #expect(try filter(#""operator": "icontains", "value": "x""#, #""""#).notes.map(\.kind) == [])
        #expect(try filter(#""operator": "regex", "value": "^x$""#, #""""#).notes.map(\.kind) == [])
        #expect(try filter(#""value": "x""#, #""y""#).notes.map(\.kind) == [])
        let list = try only(
            #"[{"properties": [{"key": "$exception_types", "value": "A"}]}]"#,
            #"{"event": "e", "properties": {"$exception_types": ["B"]}}"#
        )
        #expect(list.notes.isEmpty)
    }

    @Test("tells what a relative date is for this event")
    func relativeDateOfEvent() throws {
        let condition = try only(
            #"[{"properties": [{"key": "p", "operator": "is_date_after", "value": "-7d"}]}]"#,
            #"{"event": "e", "timestamp": "2026-01-15T12:00:00Z", "properties": {"p": "2026-01-08"}}"#
        )
        #expect(condition.compared == "2026-01-08 00:00:00.000")
        #expect(condition.conversion == "read as a date, UTC, the expected one is 2026-01-08 12:00:00.000")
    }

    @Test("of a relative date without a time to count from says so")
    func relativeDates() throws {
        let condition = try filter(#""operator": "is_date_after", "value": "-7d""#, #""2025-01-01""#)
        #expect(condition.verdict == .no)
        #expect(condition.notes.map(\.kind) == [.type])
    }

    @Test(
        "of a URL and an event's name names the near miss",
        arguments: [
            (#"{"url": "/Pricing"}"#, "https://a.b/pricing", Kind.letterCase),
            (#"{"url": "/pricing/"}"#, "https://a.b/pricing", .trailingSlash),
            (#"{"url": "https://a.b/", "url_matching": "exact"}"#, "https://a.b", .trailingSlash),
            (#"{"url": "https://a.b", "url_matching": "exact"}"#, "https://a.b/", .trailingSlash),
            (#"{"url": "a.b", "url_matching": "exact"}"#, "https://a.b/c", .otherMode),
            (#"{"url": "a.b/.*/c"}"#, "https://a.b/x/c", .otherMode),
            (#"{"url": "a.b/*/c"}"#, "https://a.b/x/c", .otherMode),
            (#"{"url": "b/(c)", "url_matching": "regex"}"#, "https://a.b/(c)", .otherMode),
            (#"{"url": " a.b"}"#, "https://a.b", .blanks), (#"{"event": "E"}"#, "https://a.b", .letterCase),
            (#"{"event": "e "}"#, "https://a.b", .blanks),
        ]
    )
    func urls(step: String, url: String, kind: Kind) throws {
        let condition = try only("[\(step)]", #"{"event": "e", "properties": {"$current_url": "\#(url)"}}"#)
        #expect(condition.verdict == .no)
        #expect(condition.notes.first?.kind == kind, "\(condition.notes)")
    }

    @Test("of a URL that is not there, or no text, says so")
    func missingURL() throws {
        let step = #"[{"url": "a"}]"#
        #expect(try only(step, #"{"event": "e", "properties": {}}"#).notes.map(\.kind) == [.notSet])
        #expect(try only(step, #"{"event": "e", "properties": {"$current_url": 1}}"#).notes.map(\.kind) == [.type])
        #expect(try only(step, #"{"event": "e", "properties": {"$current_url": null}}"#).notes.map(\.kind) == [.null])
    }

    @Test(
        "of elements names the near miss",
        arguments: [
            (#"{"text": "buy"}"#, [Kind.letterCase, .otherMode]), (#"{"text": "Buy now!"}"#, []),
            (#"{"text": "Bu"}"#, [.otherMode]),
            (#"{"href": "/CART"}"#, [.letterCase, .otherMode]), (#"{"href": "/cart/"}"#, [.trailingSlash]),
            (#"{"tag_name": "A"}"#, [.letterCase]), (#"{"tag_name": "span", "href": "/cart"}"#, [.otherElement]),
            (#"{"tag_name": "span", "text": "buy"}"#, [.letterCase, .otherMode]),
            (#"{"selector": "div > span"}"#, [.notParent]),
            (#"{"selector": "div > .Btn"}"#, [.letterCase, .missingPart]),
            (#"{"selector": "div > p"}"#, [.missingPart]), (#"{"selector": "a.btn#x"}"#, [.missingPart]),
            (#"{"selector": "span.btn"}"#, [.missingPart]), (#"{"selector": "span a"}"#, []),
            (#"{"properties": [{"type": "element", "key": "tag_name", "value": "A"}]}"#, [.letterCase]),
            (#"{"properties": [{"type": "element", "key": "text", "value": "buy"}]}"#, [.letterCase, .otherMode]),
            (#"{"properties": [{"type": "element", "key": "href", "value": "/cart/"}]}"#, [.trailingSlash]),
            (#"{"properties": [{"type": "element", "key": "selector", "value": "div > span"}]}"#, [.notParent]),
        ]
    )
    func elementNotes(step: String, kinds: [Kind]) throws {
        let chain = #"span:text=\"Buy\";a.btn:attr__class=\"btn\"href=\"/cart\";div:nth-child=\"1\""#
        let condition = try only("[\(step)]", #"{"event": "e", "properties": {"$elements_chain": "\#(chain)"}}"#)
        #expect(condition.verdict == .no)
        #expect(condition.notes.map(\.kind) == kinds, "\(condition.notes)")
    }

    @Test("of an event without elements says so", arguments: [#"{"text": "a"}"#, #"{"selector": "a"}"#])
    func withoutElements(step: String) throws {
        let condition = try only("[\(step)]", #"{"event": "e", "properties": {}}"#)
        #expect(condition.notes.map(\.kind) == [.noElements])
        #expect(condition.found == .notSet)
    }

    @Test("tells of each part of an element whether some element has it")
    func parts() throws {
        let chain = #"span:text=\"Buy\";a:href=\"/cart\""#
        let condition = try only(
            #"[{"tag_name": "a", "text": "buy", "text_matching": "contains", "href": "x"}]"#,
            #"{"event": "e", "properties": {"$elements_chain": "\#(chain)"}}"#
        )
        #expect(condition.parts.map(\.field) == ["text", "href", "tag_name"])
        #expect(condition.parts.map(\.operatorName) == ["contains", "exact", "exact"])
        #expect(condition.parts.map(\.verdict) == [.yes, .no, .yes])
    }

    @Test("reads as one JSON object")
    func json() throws {
        let explanation = try explain(
            #"[{"event": "e", "properties": [{"key": "p", "operator": "icontains", "value": "X"}, {"key": "q", "value": [1, "a"]}]}]"#,
            #"{"event": "e", "properties": {"p": "aB"}}"#
        )
        #expect(
            explanation.json.jsonText
                == #"{"action_id":1,"name":"","matched":false,"verdict":"no","steps":[{"matched":false,"verdict":"no","conditions":["#
                + #"{"field":"event","subject":"event","operator":"exact","expected":"e","found":{"kind":"text","text":"e"},"verdict":"yes"},"#
                + #"{"field":"properties[0]","subject":"property \"p\"","operator":"icontains","expected":"X","found":{"kind":"text","text":"aB"},"#
                + #""compared":"ab","conversion":"lower-cased","verdict":"no"},"#
                + #"{"field":"properties[1]","subject":"property \"q\"","operator":"exact","expected":[1,"a"],"found":{"kind":"not_set"},"#
                + #""verdict":"no","notes":[{"kind":"not_set","text":"it is not set"}]}]}]}"#
        )
    }

    // MARK: Helpers

    private func explain(_ tree: JSONTree, _ event: String) throws -> Explanation {
        var trial = Trial()
        let reading = ActionDefinition.reading(tree, defaultID: 1)
        let action = try #require(reading.definition, "\(reading.refusals)")
        return try Array(event.utf8).withUnsafeBytes { try trial.explain($0, [action])[0] }
    }

    private func explain(_ steps: String, _ event: String) throws -> Explanation {
        try explain(try JSONTree(parsing: #"{"id": 1, "steps": \#(steps)}"#), event)
    }

    private func only(_ steps: String, _ event: String) throws -> ConditionExplanation {
        let explanation = try explain(steps, event)
        try #require(explanation.steps.count == 1 && explanation.steps[0].conditions.count == 1)
        return explanation.steps[0].conditions[0]
    }

    private func filter(_ rest: String, _ value: String) throws -> ConditionExplanation {
        try only(#"[{"properties": [{"key": "p", \#(rest)}]}]"#, #"{"event": "e", "properties": {"p": \#(value)}}"#)
    }
}
