import TestKit

@testable import Tagstream

/// Random actions and events over one small vocabulary, so that most conditions are true of some event and false of others.
///
/// Seeded: the same seed gives the same pairs on every machine.
struct RandomActions {
    private var random: SeededGenerator

    init(seed: UInt64) { random = SeededGenerator(seed: seed) }

    // MARK: Vocabulary

    private static let events = ["$pageview", "$autocapture", "$rageclick", "signed up", "order completed", "É", ""]
    private static let urls = [
        "https://app.example.com/", "https://app.example.com/pricing", "https://app.example.com/pricing/?plan=pro",
        "https://docs.example.com/guide/100%25/a_b", "http://localhost:8000/Settings#top", "https://ex.com/é/ü", "",
        "/",
    ]
    private static let texts = [
        "Sign up", "sign UP", "Buy now", "Save \"all\"", "ΣΊΣΥΦΟΣ", "100%", "a_b", "", "İstanbul", "12", "Buy", "true",
    ]
    private static let words = [
        "pro", "Pro", "free", "1", "1.0", "01", "12.5", "true", "FALSE", "", " 7 ", "1e3", "1000", "2024-05-01",
        "v1.2.3",
        "1.10.0-rc.1", "p", "ro", "%", "long value that has more than sixteen bytes", "é", "None", "null", "[1, 2]",
    ]
    private static let keys = ["plan", "amount", "$browser", "seen", "version", "tags", "$exception_types", "$group_0"]
    private static let patterns = [
        "pro", "^pro$", "p.o", "(?i)PRO", "pricing|guide", "example\\.com/(pricing|guide)", "a+b?c*", "[0-9]+", "",
        "^$", "\\d+\\.\\d+", "(sign|buy) ", "é", ".*long.*sixteen.*", "(abc|abcd|pricing/)\\?plan",
    ]
    private static let classes = ["btn", "btn-primary", "md:flex", "py-2.5", "w-1/2", "nav"]
    private static let tags = ["a", "button", "div", "span", "input"]

    private mutating func one<T>(_ list: [T]) -> T { random.pick(list) }
    private mutating func chance(_ percent: Int) -> Bool { random.chance(percent) }
    private func quoted(_ text: String) -> String { JSONTree.string(text).jsonText }

    // MARK: Actions

    /// An action of one to three steps with up to four conditions each; some of them are refused.
    mutating func action(id: Int64) -> JSONTree {
        let steps = (0..<Int.random(in: 1...3, using: &random)).map { _ in step() }
        let text = "{\"id\":\(id),\"steps\":[\(steps.joined(separator: ","))]}"
        return (try? JSONTree(parsing: Array(text.utf8))) ?? .null
    }

    private mutating func step() -> String {
        var members: [String] = []
        var name: String?
        if chance(60) {
            name = one(Self.events)
            members.append("\"event\":\(quoted(name!))")
        }
        if chance(25) {
            let mode = one(["contains", "exact", "regex"])
            let value =
                mode == "regex"
                ? one(Self.patterns)
                : chance(50) ? one(Self.urls) : one(["example", "pricing/", "%com/_", "/", "a\\_b"])
            members.append("\"url\":\(quoted(value)),\"url_matching\":\"\(mode)\"")
        }
        if name != "$pageview", chance(20) {
            for field in ["text", "href"] where chance(50) {
                let mode = one(["contains", "exact", "regex"])
                let value =
                    mode == "regex" ? one(Self.patterns) : one(field == "text" ? Self.texts : Self.urls + ["pri", "%"])
                members.append("\"\(field)\":\(quoted(value)),\"\(field)_matching\":\"\(mode)\"")
            }
            if chance(40) { members.append("\"tag_name\":\(quoted(one(Self.tags)))") }
        }
        if name != "$pageview", chance(20) { members.append("\"selector\":\(quoted(selector()))") }
        let filters = (0..<Int.random(in: 0...3, using: &random)).map { _ in filter(isPageview: name == "$pageview") }
        if !filters.isEmpty { members.append("\"properties\":[\(filters.joined(separator: ","))]") }
        return "{\(members.joined(separator: ","))}"
    }

    private mutating func compound() -> String {
        var text = chance(60) ? one(Self.tags) : ""
        if chance(50) {
            text += "." + one(["btn", "btn-primary", "md\\:flex", "md:flex", "py-2.5", "w-1\\/2", "nav"])
        }
        if chance(15) { text += "#" + one(["main", "x1"]) }
        if chance(20) {
            text += one([
                "[data-attr=\"cta\"]", "[data-attr^=c]", "[data-attr*=\"t\"]", "[data-attr]", "[href='/pricing']",
            ])
        }
        if chance(15) { text += one([":nth-child(1)", ":nth-child(2)", ":nth-of-type(1)"]) }
        return text.isEmpty ? "*" : text
    }

    private mutating func selector() -> String {
        (0..<(chance(20) ? 2 : 1)).map { _ in
            (0..<Int.random(in: 1...3, using: &random)).map { _ in compound() }.joined(
                separator: chance(50) ? " > " : " "
            )
        }.joined(separator: ", ")
    }

    private mutating func filter(isPageview: Bool) -> String {
        let type = one([
            "event", "event", "event", "person", "group", "event_metadata", isPageview ? "event" : "element",
        ])
        if type == "element" {
            let key = one(["selector", "tag_name", "text", "href"])
            let value =
                key == "selector" ? selector() : key == "tag_name" ? one(Self.tags) : one(Self.texts + Self.urls)
            let meaning = key == "text" || key == "href" ? one(["exact", "icontains", "is_not", "is_set"]) : "exact"
            return "{\"type\":\"element\",\"key\":\"\(key)\",\"operator\":\"\(meaning)\",\"value\":\(quoted(value))}"
        }
        let key = type == "event_metadata" ? one(["event", "distinct_id", "$group_0"]) : one(Self.keys)
        let meaning = one([
            "exact", "exact", "exact", "is_not", "in", "not_in", "icontains", "not_icontains", "regex", "not_regex",
            "gt",
            "gte", "lt", "lte", "is_set", "is_not_set", "between", "is_date_before", "semver_gt", "icontains_multi",
        ])
        var value: String
        switch meaning {
        case "regex", "not_regex": value = quoted(one(Self.patterns))
        case "between": value = "[\(one([0, 5])), \(one([5, 1000]))]"
        case "is_date_before": value = quoted(one(["2024-05-02", "-7d"]))
        case "semver_gt": value = "\"1.2.0\""
        case "gt", "gte", "lt", "lte": value = one(["1", "\"1\"", "12.5", "\"p\"", "1000"])
        default:
            value = scalar()
            if meaning == "in" || meaning == "not_in" || meaning.hasSuffix("multi") || chance(25) {
                value = "[\((0..<Int.random(in: 1...4, using: &random)).map { _ in scalar() }.joined(separator: ","))]"
            }
        }
        let index = type == "group" ? ",\"group_type_index\":\(one([0, 4]))" : ""
        return "{\"type\":\"\(type)\",\"key\":\"\(key)\",\"operator\":\"\(meaning)\",\"value\":\(value)\(index)}"
    }

    private mutating func scalar() -> String {
        chance(70) ? quoted(one(Self.words)) : one(["1", "0", "12.5", "1000", "true", "false", "-3", "1e3"])
    }

    // MARK: Events

    /// An event with properties, persons', groups' and, mostly, elements.
    mutating func event() -> [UInt8] {
        var properties: [String] = []
        for key in Self.keys where chance(55) { properties.append("\(quoted(key)):\(value())") }
        if chance(70) { properties.append("\"$current_url\":\(quoted(one(Self.urls)))") }
        if chance(60) { properties.append("\"$elements_chain\":\(quoted(chain()))") }
        let person = Self.keys.prefix(4).filter { _ in chance(40) }.map { "\"\($0)\":\(value())" }
        let groups = [0, 4].map { "\"group\($0)_properties\":{\"plan\":\(value()),\"amount\":\(value())}" }
        let text =
            "{\"event\":\(quoted(one(Self.events.dropLast()))),\"distinct_id\":\(quoted(one(Self.words.filter { !$0.isEmpty }))),"
            + "\"timestamp\":\"2024-05-04T10:00:00Z\",\"properties\":{\(properties.joined(separator: ","))},"
            + "\"person_properties\":{\(person.joined(separator: ","))},\(groups.joined(separator: ","))}"
        return Array(text.utf8)
    }

    private mutating func one<T>(_ list: ArraySlice<T>) -> T { one(Array(list)) }

    private mutating func value() -> String {
        switch random.below(10) {
        case 0: "null"
        case 1: one(["[\"pro\",1]", "{\"a\":\"it's\"}", "[]"])
        default: scalar()
        }
    }

    private mutating func chain() -> String {
        (0..<Int.random(in: 1...5, using: &random)).map { _ in
            var text = one(Self.tags)
            var attributes = ["nth-child=\"\(one([1, 2]))\"", "nth-of-type=\"\(one([1, 2]))\""]
            if chance(60) {
                let some = Self.classes.filter { _ in chance(40) }
                text += some.map { "." + $0 }.joined()
                if chance(50) { attributes.append("attr__class=\"\(some.joined(separator: " "))\"") }
            }
            if chance(60) {
                attributes.append("text=\"\(one(Self.texts).replacing("\"", with: "\\\""))\"")
            }
            if chance(40) { attributes.append("href=\"\(one(Self.urls))\"") }
            if chance(30) { attributes.append("attr_id=\"\(one(["main", "x1"]))\"") }
            if chance(30) { attributes.append("attr__data-attr=\"\(one(["cta", "other"]))\"") }
            if chance(30) { attributes.append("attr__href=\"/pricing\"") }
            return text + ":" + attributes.joined()
        }.joined(separator: ";")
    }
}
