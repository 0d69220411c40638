/// How a condition reads in its definition: the author's own operator and value, not what they were compiled to.
struct Wording {
    var field: String
    var subject: String
    var operatorName: String
    var expected: JSONTree?
    /// What one element has to satisfy; empty where that is one thing only.
    var parts: [ConditionExplanation.Part] = []

    /// The steps of a definition as they were written.
    static func steps(of action: ActionDefinition) -> [JSONTree] {
        var list = action.source["steps"] ?? .null
        if list.isNull { list = action.source["steps_json"] ?? .null }
        if let text = list.text { list = (try? JSONTree(parsing: text)) ?? .null }
        guard case .array(let steps) = list else { return [] }
        return steps
    }

    init(of place: ActionDefinition.Step.Place, in step: JSONTree) {
        field = place.field
        switch place.condition.test {
        case .event:
            subject = "event"
            operatorName = "exact"
            expected = step["event"]
        case .url:
            subject = "URL"
            operatorName = Self.mode("url", of: step, "contains")
            expected = step["url"]
        case .element(let text, let href, let tag):
            let fields = [text == nil ? nil : "text", href == nil ? nil : "href", tag == nil ? nil : "tag_name"]
            let parts = fields.compactMap(\.self).map { field in
                ConditionExplanation.Part(
                    field: field,
                    operatorName: Self.mode(field, of: step, "exact"),
                    expected: step[field] ?? .null,
                    verdict: .no
                )
            }
            if parts.count == 1 {
                subject = "element's " + Self.spoken(parts[0].field)
                operatorName = parts[0].operatorName
                expected = parts[0].expected
            } else {
                subject = "one element"
                operatorName = "all"
                expected = nil
                self.parts = parts
            }
        case .selector where place.field == "selector":
            subject = "element"
            operatorName = "selector"
            expected = step["selector"]
        case .selector, .elementTag, .elementFilter, .property:
            let filter = Self.filter(place.field, of: step)
            subject = Self.subject(of: place.condition.test, filter)
            let name = filter["operator"]?.text ?? ""
            operatorName = name.isEmpty ? "exact" : name
            expected = ["is_set", "is_not_set"].contains(operatorName) ? nil : filter["value"]
        }
    }

    /// The values that texts are compared with, as bytes.
    var expectedTexts: [[UInt8]] {
        switch expected {
        case .string(let text): [Array(text.utf8)]
        case .array(let values): values.compactMap { $0.text.map { Array($0.utf8) } }
        default: []
        }
    }

    private static func mode(_ field: String, of step: JSONTree, _ fallback: String) -> String {
        let written = step[field + "_matching"]?.text ?? ""
        return written.isEmpty ? fallback : written
    }

    /// The filter that `properties[3]` names.
    private static func filter(_ field: String, of step: JSONTree) -> JSONTree {
        guard case .array(let filters)? = step["properties"], let open = field.firstIndex(of: "["),
            let index = Int(field[field.index(after: open)...].dropLast()), filters.indices.contains(index)
        else { return .null }
        return filters[index]
    }

    private static func subject(of test: Condition.Test, _ filter: JSONTree) -> String {
        let key = JSONTree.string(filter["key"]?.text ?? "").jsonText
        switch test {
        case .property(.event, _, _): return "property \(key)"
        case .property(.person, _, _): return "person's \(key)"
        case .property(.group(let index), _, _): return "group \(index)'s \(key)"
        case .property(.metadata(.event), _, _): return "event's name"
        case .property(.metadata(let metadata), _, _): return "event's \(metadata.key)"
        case .selector: return "any element's selector"
        case .elementTag: return "any element's tag"
        case .elementFilter(let key, _): return "any element's \(spoken(key == .text ? "text" : "href"))"
        case .event, .url, .element: return ""
        }
    }

    private static func spoken(_ field: String) -> String {
        switch field {
        case "tag_name": "tag"
        case "href": "link"
        default: field
        }
    }
}
