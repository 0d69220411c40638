import Testing

@testable import Tagstream

/// A definition, and what is refused in it: `reason step field`, in the order of the definition.
struct RefusalRow: Sendable, CustomTestStringConvertible {
    var definition: String
    var refused: [String]
    var suggestion: String?

    /// A row of one action with one step.
    static func step(_ step: String, _ refused: String..., suggestion: String? = nil) -> RefusalRow {
        RefusalRow(
            definition: #"{"id": 7, "name": "A", "steps": [\#(step)]}"#,
            refused: refused,
            suggestion: suggestion
        )
    }

    /// A row of one action with one filter.
    static func filter(_ filter: String, _ refused: String..., suggestion: String? = nil) -> RefusalRow {
        RefusalRow(
            definition: #"{"id": 7, "name": "A", "steps": [{"properties": [{\#(filter)}]}]}"#,
            refused: refused.map { $0.replacing("@", with: "1 properties[0].") },
            suggestion: suggestion
        )
    }

    /// A row of an action's own members.
    static func action(_ members: String, _ refused: String..., suggestion: String? = nil) -> RefusalRow {
        RefusalRow(definition: "{\(members)}", refused: refused, suggestion: suggestion)
    }

    var testDescription: String { String(definition.prefix(160)) }

    func read() throws -> [Refusal] { ActionDefinition.reading(try JSONTree(parsing: definition)).refusals }
}

extension String {
    fileprivate func replacing(_ part: String, with other: String) -> String {
        split(separator: part, omittingEmptySubsequences: false).joined(separator: other)
    }
}

@Suite("A definition is refused")
struct RefusalTests {
    static let ok = #""steps": [{"event": "x"}]"#

    static let whole: [RefusalRow] = [
        .init(definition: "7", refused: ["shape - "]),
        .action(ok, "shape - id"),
        .action(#""id": "7", \#(ok)"#, "shape - id", suggestion: "leave out the quotes"),
        .action(#""id": 1.5, \#(ok)"#, "shape - id"),
        .action(#""id": 7, "team_id": "2", \#(ok)"#, "shape - team_id", suggestion: "leave out the quotes"),
        .action(#""id": 7, "version": true, \#(ok)"#, "shape - version"),
        .action(#""id": 7, "name": 5, \#(ok)"#, "shape - name", suggestion: "write \"5\" in quotes"),
        .action(#""id": 7, "description": [], \#(ok)"#, "shape - description"),
        .action(#""id": 7, "deleted": "true", \#(ok)"#, "shape - deleted", suggestion: "leave out the quotes"),
        .action(#""id": 7"#, "no_steps - steps"),
        .action(#""id": 7, "steps": null"#, "no_steps - steps"),
        .action(#""id": 7, "steps": []"#, "no_steps - steps"),
        .action(#""id": 7, "steps_json": """#, "no_steps - steps_json"),
        .action(#""id": 7, "steps_json": "[""#, "shape - steps_json"),
        .action(
            #""id": 7, "steps": {"event": "x"}"#,
            "shape - steps",
            suggestion: "put the step into a list: [{…}]"
        ),
        .action(#""id": 7, "steps": ["x", {"event": 3}]"#, "shape 1 ", "shape 2 event"),
        .action(#""id": 7, "description": "\#(String(repeating: "x", count: 900_000))", \#(ok)"#, "size - "),
    ]

    static let steps: [RefusalRow] = [
        .step(#"{"event": 5}"#, "shape 1 event", suggestion: "write \"5\" in quotes"),
        .step(
            #"{"url": "a", "url_matching": "Contains"}"#,
            "matching 1 url_matching",
            suggestion: "write \"contains\""
        ),
        .step(#"{"url_matching": "like"}"#, "matching 1 url_matching"),
        .step(
            #"{"url": "(", "url_matching": "REGEX", "text_matching": "exakt"}"#,
            "matching 1 url_matching",
            "regex 1 url",
            "matching 1 text_matching"
        ),
        .step(#"{"href": "a(?=b)", "href_matching": "regex"}"#, "regex 1 href"),
        .step(#"{"url": "\#(String(repeating: "a", count: 4097))", "url_matching": "regex"}"#, "regex 1 url"),
        .step(#"{"text": "x", "event": "$pageview"}"#, "element_condition 1 text"),
        .step(
            #"{"selector": "a", "tag_name": "a", "href": "x", "event": "$screen"}"#,
            "element_condition 1 href",
            "element_condition 1 tag_name",
            "element_condition 1 selector"
        ),
        .step(
            #"{"selector": "a:hover"}"#,
            "selector 1 selector",
            suggestion: "drop it: a chain knows no states of elements"
        ),
        .step(#"{"selector": "a:first-child"}"#, "selector 1 selector", suggestion: "write :nth-child(1)"),
        .step(#"{"selector": "class=\"btn\""}"#, "selector 1 selector", suggestion: "write .btn"),
        .step(#"{"selector": "id=save"}"#, "selector 1 selector", suggestion: "write #save"),
        .step(#"{"selector": "> a"}"#, "selector 1 selector"),
        .step(#"{"selector": "a >"}"#, "selector 1 selector"),
        .step(#"{"selector": "a + b"}"#, "selector 1 selector"),
        .step(#"{"selector": "[text=\"x\"]"}"#, "selector 1 selector", suggestion: "use the step's text"),
        .step(#"{"selector": "\#(Array(repeating: "a", count: 33).joined(separator: " "))"}"#, "selector 1 selector"),
        .step(#"{"properties": {"key": "a"}}"#, "shape 1 properties", suggestion: "put the filter into a list: [{…}]"),
        .step(
            #"{"properties": {"type": "AND", "values": []}}"#,
            "shape 1 properties",
            suggestion: "write the filters as one flat list"
        ),
        .step(#"{"properties": [7, []]}"#, "shape 1 properties[0]", "shape 1 properties[1]"),
    ]

    static let filters: [RefusalRow] = [
        .filter(#""key": "a", "value": 1, "type": "Person""#, "type @type", suggestion: "write \"person\""),
        .filter(#""key": "a", "value": 1, "type": "cohort""#, "type @type"),
        .filter(#""key": "a", "value": 1, "type": 5"#, "type @type"),
        .filter(
            #""key": "a", "type": "evnt", "operator": "iContains""#,
            "type @type",
            "operator @operator",
            "value @value"
        ),
        .filter(#""key": "a", "value": 1, "operator": "is not""#, "operator @operator", suggestion: "write \"is_not\""),
        .filter(#""key": "a", "value": 1, "operator": "=""#, "operator @operator"),
        .filter(#""key": "", "value": 1"#, "key @key"),
        .filter(#""Key": "a", "value": 1"#, "key @key", suggestion: "write \"key\" instead of \"Key\""),
        .filter(#""key": "$group_5", "type": "event_metadata", "value": 1"#, "key @key"),
        .filter(
            #""key": "timestmp", "type": "event_metadata", "value": 1"#,
            "key @key",
            suggestion: "write \"timestamp\""
        ),
        .filter(#""key": "a""#, "value @value"),
        .filter(#""key": "a", "values": [1]"#, "value @value", suggestion: "write \"value\" instead of \"values\""),
        .filter(#""key": "a", "value": []"#, "value @value"),
        .filter(#""key": "a", "value": {"x": 1}"#, "value @value"),
        .filter(#""key": "a", "value": [null, 1, [2]]"#, "value @value", "value @value"),
        .filter(#""key": "a", "operator": "gt", "value": [1, true]"#, "number @value"),
        .filter(#""key": "a", "operator": "between", "value": [3, 1]"#, "between @value", suggestion: "write [1, 3]"),
        .filter(#""key": "a", "operator": "not_between", "value": [1]"#, "between @value"),
        .filter(
            #""key": "a", "operator": "is_date_after", "value": "31.12.2026""#,
            "date @value",
            suggestion: "write \"2026-12-31\""
        ),
        .filter(
            #""key": "a", "operator": "is_date_after", "value": "7 days ago""#,
            "date @value",
            suggestion: "write \"-7d\""
        ),
        .filter(#""key": "a", "operator": "is_date_after", "value": 1700000000"#, "date @value"),
        .filter(
            #""key": "a", "operator": "semver_eq", "value": "1.2""#,
            "semver @value",
            suggestion: "write \"1.2.0\""
        ),
        .filter(
            #""key": "a", "operator": "semver_caret", "value": "^1.2""#,
            "semver @value",
            suggestion: "write \"1.2\""
        ),
        .filter(
            #""key": "a", "operator": "semver_wildcard", "value": "1.2""#,
            "semver @value",
            suggestion: "write \"1.2.*\""
        ),
        .filter(#""key": "a", "operator": "regex", "value": 5"#, "regex @value", suggestion: "write \"5\" in quotes"),
        .filter(#""key": "a", "operator": "regex", "value": ["(", "ok", "\\1"]"#, "regex @value", "regex @value"),
        .filter(#""key": "a", "type": "group", "value": 1"#, "group_type_index @group_type_index"),
        .filter(
            #""key": "a", "type": "group", "group_type_index": "0", "value": 1"#,
            "group_type_index @group_type_index",
            suggestion: "write 0 without quotes"
        ),
        .filter(#""key": "class", "type": "element", "value": 1"#, "key @key"),
        .filter(
            #""key": "tag_name", "type": "element", "operator": "not_icontains", "value": "a""#,
            "operator @operator",
            suggestion: "write \"is_not\""
        ),
        .filter(#""key": "selector", "type": "element", "value": ["a", 5, 6]"#, "value @value", "value @value"),
        .filter(#""key": "selector", "type": "element", "value": ["a >", "+"]"#, "selector @value", "selector @value"),
    ]

    static let limits: [RefusalRow] = [
        .step(
            #"{"properties": [{"key": "a", "value": [\#(Array(repeating: "1", count: 50_001).joined(separator: ","))]}]}"#,
            "budget - steps"
        ),
        .action(
            #""id": 7, "steps": [\#(Array(repeating: "3", count: 300).joined(separator: ","))]"#,
            refused: (1...200).map { "shape \($0) " } + ["too_many - "]
        ),
    ]

    static let rows = whole + steps + filters + limits + wordings.map(\.row)

    private static let elements = ##"expected a tag, "*", "#id", ".class" or "[attribute]" instead of ">". Hint: "##
    private static let dates =
        #"expected a date such as "2026-01-31" or "2026-01-31T12:00:00Z", or a relative one such as "-7d""#

    /// What is told of the first mistake of `action "A"`, to the letter.
    static let wordings: [Wording] = [
        Wording(
            .filter(#""key": "a", "operator": "is_date_after", "value": "2026-02-30""#, "date @value"),
            #"step 1: properties[0].value is "2026-02-30", \#(dates)"#
        ),
        Wording(
            .filter(#""key": "a", "operator": "is_date_after", "value": "-9223372036854775808 days""#, "date @value"),
            #"step 1: properties[0].value is "-9223372036854775808 days", \#(dates)"#
        ),
        Wording(
            .filter(#""key": "a", "operator": "semver_eq", "value": "01.2.3""#, "semver @value"),
            #"step 1: properties[0].value is "01.2.3", expected a version such as "1.2.3""#
        ),
        Wording(
            .filter(#""key": "a", "operator": "semver_caret", "value": "01.2.3""#, "semver @value"),
            #"step 1: properties[0].value is "01.2.3", expected a version such as "1.2.3" or "1.2", without a sign"#
        ),
        Wording(
            .filter(#""key": "a", "operator": "semver_wildcard", "value": "01.*""#, "semver @value"),
            #"step 1: properties[0].value is "01.*", expected "N.*" or "N.N.*""#
        ),
        Wording(
            .step(#"{"selector": "a >> b"}"#, "selector 1 selector"),
            #"step 1: selector is "a >> b", \#(elements)write one ">" only: a parent and its child have nothing between them"#
        ),
        Wording(
            .step(#"{"selector": "a, > b"}"#, "selector 1 selector"),
            #"step 1: selector is "a, > b", \#(elements)a selector begins with an element: leave out the ">""#
        ),
        Wording(
            .step(#"{"selector": "a."}"#, "selector 1 selector"),
            #"step 1: selector is "a.", expected a name at the end"#
        ),
        Wording(
            .step(#"{"selector": "a.(b"}"#, "selector 1 selector"),
            #"step 1: selector is "a.(b", expected a name at "(""#
        ),
        Wording(
            .filter(#""key": "a", "value": 1, "operator": "is""#, "operator @operator"),
            #"step 1: properties[0].operator is "is", expected one of the operators, such as exact, is_not, icontains, regex, gt or is_set. Hint: write "exact""#
        ),
        Wording(
            .filter(#""key": "a", "operator": "between", "value": 5"#, "between @value"),
            "step 1: properties[0].value is 5, expected exactly two numbers, the lower one first"
        ),
        Wording(
            .filter(#""key": "a", "operator": "regex", "value": "(?<year>[0-9]+)""#, "regex @value"),
            #"step 1: properties[0].value is "(?<year>[0-9]+)", expected a pattern that RE2 accepts (RE2: invalid perl operator: (?<). Hint: write (?P<name>…) for a group with a name"#
        ),
        Wording(
            .step(#"{"properties": [{"key": "a", "value": [\#(list(of: 64_134))]}]}"#, "budget - steps"),
            "the steps cost 64136 units, expected at most 50000. Hint: split the action, or shorten its longest list of values"
        ),
    ]

    private static func list(of count: Int) -> String { Array(repeating: "1", count: count).joined(separator: ",") }

    /// A definition, and what is told of its first mistake.
    struct Wording: Sendable, CustomTestStringConvertible {
        let row: RefusalRow
        let message: String

        init(_ row: RefusalRow, _ message: String) {
            self.row = row
            self.message = message
        }

        var testDescription: String { row.testDescription }
    }

    @Test("in words that say what to do, and with no hint where there is none", arguments: wordings)
    func words(wording: Wording) throws {
        let message = try #require(try wording.row.read().first?.description)
        let label = #"action "A""# + (wording.message.hasPrefix("step") ? " " : ": ")
        #expect(message == label + wording.message)
    }

    @Test("for its length, which is that of its JSON text")
    func lengths() throws {
        let odd = #""a\u0001\"": "\\\n\r\t\u001f\u007fé\ud83d\ude00", "b": [], "c": {}, "d": [1.50, null, true]"#
        for row in Self.rows + [.action(odd)] {
            let tree = try JSONTree(parsing: row.definition)
            #expect(tree.jsonLength == tree.jsonText.utf8.count, "\(row.testDescription)")
            #expect(try JSONTree(parsing: tree.jsonText) == tree)
        }
    }

    @Test("with all reasons at once, each with its step and field", arguments: rows)
    func reasons(row: RefusalRow) throws {
        let refusals = try row.read()
        let found = refusals.map { "\($0.reason.rawValue) \($0.step.map(String.init) ?? "-") \($0.field)" }
        #expect(found == row.refused, "\(refusals.map(\.description))")
        if let suggestion = row.suggestion {
            #expect(refusals.contains { $0.suggestion == suggestion }, "\(refusals.map(\.suggestion))")
        }
        for refusal in refusals {
            #expect(!refusal.expected.isEmpty)
            #expect(refusal.description.utf8.count < 2000)
            #expect(try JSONTree(parsing: refusal.json.jsonText) == refusal.json)
        }
    }

    @Test("for every reason that there is")
    func everyReason() throws {
        var seen: Set<Refusal.Reason> = []
        for row in Self.rows { seen.formUnion(try row.read().map(\.reason)) }
        // What no single definition can show: QuotaTests and CommandTests have their rows.
        let elsewhere: Set<Refusal.Reason> = [.quota, .team, .duplicate]
        #expect(seen.union(elsewhere) == Set(Refusal.Reason.allCases))
        #expect(seen.isDisjoint(with: elsewhere))
    }

    @Test("never when it is a deletion", arguments: [#""steps": []"#, #""steps": 5, "version": "x""#, #""name": {}"#])
    func deletion(members: String) throws {
        let tree = try JSONTree(parsing: #"{"id": 7, "deleted": true, \#(members)}"#)
        #expect(ActionDefinition.reading(tree).definition?.isDeleted == true)
    }

    @Test("with suggestions that are accepted themselves")
    func suggestions() throws {
        for (operation, value) in [
            ("is_date_exact", "2026-12-31"), ("is_date_after", "-7d"), ("is_date_after", "-1d"),
            ("is_date_after", "-0d"), ("semver_eq", "1.2.0"), ("semver_caret", "1.2"), ("semver_wildcard", "1.2.*"),
        ] {
            let row = RefusalRow.filter(#""key": "a", "operator": "\#(operation)", "value": "\#(value)""#)
            #expect(try row.read().isEmpty, "\(operation) \(value)")
        }
        for selector in [".btn", "#save", "a:nth-child(1)", "a:nth-of-type(1)"] {
            #expect(try RefusalRow.step(#"{"selector": "\#(selector)"}"#).read().isEmpty)
        }
    }

    @Test("in one line, whatever the definition contains")
    func oneLine() throws {
        let text =
            #"{"id": 7, "name": "a\n\u001b[31mrefused: \u202eb\u009b", "steps": [{"url_matching": "x\r\n\u0007"}]}"#
        let refusal = try #require(ActionDefinition.reading(try JSONTree(parsing: text)).refusals.first)
        let message = refusal.description
        #expect(message.unicodeScalars.allSatisfy { $0.value >= 0x20 && !(0x7F..<0xA0).contains($0.value) })
        #expect(!message.unicodeScalars.contains("\u{202E}"))
        #expect(message.hasPrefix(#"action "a\u{a}\u{1b}[31mrefused: \u{202e}b\u{9b}" step 1: url_matching is "#))
    }
}

extension RefusalRow {
    fileprivate static func action(_ members: String, refused: [String]) -> RefusalRow {
        RefusalRow(definition: "{\(members)}", refused: refused)
    }
}

@Suite("A definition that is odd")
struct WarningTests {
    private func warnings(_ step: String) throws -> [ActionWarning] {
        ActionDefinition.reading(try JSONTree(parsing: #"{"id": 7, "steps": [\#(step)]}"#)).warnings
    }

    @Test("is published with a warning")
    func warnings() throws {
        #expect(try warnings("{}").map(\.reason) == [.noConditions])
        let misspelt = try warnings(#"{"event": "x", "selctor": ".a", "own": 1}"#)
        #expect(misspelt.map(\.reason) == [.unknownKey, .unknownKey])
        #expect(misspelt.map(\.suggestion) == ["write \"selector\"", nil])
    }

    @Test("because its conditions were refused is not also called empty")
    func refusedConditions() throws {
        #expect(try warnings(#"{"selector": "+"}"#).isEmpty)
    }
}

@Suite("An export of PostHog")
struct PostHogExportTests {
    private func read(_ step: String) throws -> ActionReading {
        PostHogExport.reading(try JSONTree(parsing: #"{"id": 7, "name": "A", "steps": [\#(step)]}"#))
    }

    @Test(
        "loses conditions on elements that a page view cannot have",
        arguments: ["$pageview", "$pageleave", "$screen"]
    )
    func dropped(event: String) throws {
        let step =
            #"{"event": "\#(event)", "text": "x", "text_matching": "Odd", "selector": "+", "href": "", "url": "u"}"#
        let reading = try read(step)
        #expect(reading.refusals.isEmpty)
        #expect(reading.warnings.map(\.reason) == [.dropped, .dropped])
        #expect(reading.warnings.map(\.field) == ["text", "selector"])
        #expect(reading.definition?.steps[0].conditions.map(\.field) == ["event", "url"])
        #expect(
            reading.definition?.source["steps"] == (try JSONTree(parsing: #"[{"event": "\#(event)", "url": "u"}]"#))
        )
    }

    @Test("loses them in steps_json, too, whether it is a list or a text")
    func stepsJSON() throws {
        let step = #"[{"event": "$screen", "text": "x"}]"#
        for steps in [step, JSONTree.string(step).jsonText] {
            let reading = PostHogExport.reading(try JSONTree(parsing: #"{"id": 7, "steps_json": \#(steps)}"#))
            #expect(reading.refusals.isEmpty)
            #expect(reading.warnings.map(\.reason) == [.dropped])
        }
    }

    @Test(
        "is told where PostHog counts differently",
        arguments: [
            (#"{"event": "$rageclick", "text": "x"}"#, ["elements_outside_autocapture"]),
            (#"{"selector": ".a"}"#, ["elements_outside_autocapture"]),
            (#"{"event": "$autocapture", "text": "x", "selector": "[a]"}"#, []),
            (#"{"event": "$autocapture", "selector": "p"}"#, ["name_prefix"]),
            (#"{"event": "$autocapture", "selector": "nav"}"#, []),
            (#"{"event": "$autocapture", "selector": ".btn[a=\"b\"].c"}"#, ["name_prefix", "behind_attribute"]),
            (#"{"properties": [{"key": "a", "value": "null"}]}"#, ["text_null"]),
            (#"{"properties": [{"key": "a", "operator": "not_icontains", "value": "UL"}]}"#, ["text_null"]),
            (#"{"properties": [{"key": "a", "operator": "regex", "value": "^n"}]}"#, ["text_null"]),
            (#"{"properties": [{"key": "a", "operator": "regex", "value": "^x"}]}"#, []),
            (#"{"properties": [{"key": "a", "operator": "lt", "value": 5}]}"#, ["missing_number"]),
            (#"{"properties": [{"key": "a", "operator": "gt", "value": 5}]}"#, []),
            (#"{"properties": [{"key": "a", "operator": "gte", "value": "-1"}]}"#, ["missing_number"]),
            (#"{"properties": [{"key": "a", "operator": "between", "value": [-1, 1]}]}"#, ["missing_number"]),
            (#"{"properties": [{"key": "a", "operator": "semver_eq", "value": "1.2.3"}]}"#, ["semver_eq"]),
            (#"{"properties": [{"key": "a", "operator": "is_date_after", "value": "-7d"}]}"#, ["relative_date"]),
            (#"{"properties": [{"key": "a", "operator": "is_date_after", "value": "2026-01-01"}]}"#, []),
            (#"{"event": "x", "url": "y"}"#, []),
        ]
    )
    func differences(step: String, expected: [String]) throws {
        let reading = try read(step)
        #expect(reading.refusals.isEmpty)
        #expect(reading.warnings.map(\.reason.rawValue) == expected)
    }

    @Test("with an action without steps has it refused, and says what PostHog does")
    func withoutSteps() throws {
        let reading = PostHogExport.reading(try JSONTree(parsing: #"{"id": 7, "steps": []}"#))
        #expect(reading.refusals.map(\.reason) == [.noSteps])
        #expect(reading.warnings.map(\.reason) == [.withoutSteps])
    }
}
