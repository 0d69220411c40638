/// Reads actions of a PostHog export: what PostHog ignores is dropped, and what it counts differently is told.
public enum PostHogExport {
    /// Reads one action.
    ///
    /// Conditions on elements of `$pageview`, `$pageleave` and `$screen` are dropped with a warning: these events carry no elements,
    /// and PostHog's interface leaves such conditions behind when somebody changes a step's event. Everything else is read as it is
    /// written, and each place where PostHog counts differently (docs/publishing.md) gives one warning.
    public static func reading(_ tree: JSONTree, defaultID: Int64? = nil) -> ActionReading {
        let id = tree["id"]?.integer ?? defaultID
        let name = tree["name"]?.text ?? ""
        var dropped: [ActionWarning] = []
        let adapted = adapt(tree) { step, field in
            dropped.append(
                ActionWarning(actionID: id, actionName: name, step: step, field: field, reason: .dropped)
            )
        }
        var reading = ActionDefinition.reading(adapted, defaultID: defaultID)
        if reading.refusals.contains(where: { $0.reason == .noSteps }) {
            dropped.append(
                ActionWarning(actionID: id, actionName: name, step: nil, field: "steps", reason: .withoutSteps)
            )
        }
        reading.warnings = dropped + reading.warnings + (reading.definition?.differences ?? [])
        return reading
    }

    private static func adapt(_ tree: JSONTree, note: (Int, String) -> Void) -> JSONTree {
        guard case .object(var members) = tree else { return tree }
        // PostHog's table has steps_json, as a list or as text, where its interface has steps.
        let name = tree["steps"].map(\.isNull) == false ? "steps" : "steps_json"
        guard let place = members.lastIndex(where: { $0.key.hasBytes(of: name) }) else { return tree }
        var list = members[place].value
        if let text = list.text, let parsed = try? JSONTree(parsing: text) { list = parsed }
        guard case .array(let steps) = list else { return tree }
        members[place].value = .array(
            steps.enumerated().map { index, step in adapt(step: step) { note(index + 1, $0) } }
        )
        return .object(members)
    }

    private static let elementFields = ["text", "href", "tag_name", "selector"]

    private static func adapt(step: JSONTree, note: (String) -> Void) -> JSONTree {
        guard case .object(let members) = step,
            ["$pageview", "$pageleave", "$screen"].contains(step["event"]?.text ?? "")
        else { return step }
        for field in elementFields where step[field]?.text?.isEmpty == false { note(field) }
        let ignored = elementFields + ["text_matching", "href_matching"]
        return .object(members.filter { member in !ignored.contains { $0.hasBytes(of: member.key) } })
    }
}

extension ActionDefinition {
    /// Where PostHog would count differently: at most one warning for each step, field and reason.
    var differences: [ActionWarning] {
        var warnings: [ActionWarning] = []
        for (index, step) in steps.enumerated() {
            var event: [UInt8]?
            for place in step.conditions { if case .event(let name) = place.condition.test { event = name } }
            for place in step.conditions {
                for reason in place.condition.test.differences(onEvent: event) {
                    warnings.append(
                        ActionWarning(
                            actionID: id,
                            actionName: name,
                            step: index + 1,
                            field: place.field,
                            reason: reason
                        )
                    )
                }
            }
        }
        return warnings
    }
}

extension Condition.Test {
    /// How PostHog evaluates this differently, in a step for this event.
    fileprivate func differences(onEvent event: [UInt8]?) -> [ActionWarning.Reason] {
        let isAutocapture = event == Array("$autocapture".utf8)
        switch self {
        case .event, .url, .elementTag: return []
        case .element: return isAutocapture ? [] : [.elementsOutsideAutocapture]
        case .selector(let selector, _):
            // The step's own selector is ignored outside autocapture, and nothing else can be different about it then.
            return isAutocapture ? selector.differences : [.elementsOutsideAutocapture]
        case .elementFilter(_, let comparison): return comparison.differences.filter { $0 != .textNull }
        case .property(_, _, let comparison): return comparison.differences
        }
    }
}

extension Selector {
    fileprivate var differences: [ActionWarning.Reason] {
        let compounds = alternatives.flatMap(\.compounds)
        var reasons: [ActionWarning.Reason] = []
        let canBePrefix = compounds.contains { compound in
            compound.tests.contains { test in
                switch test {
                case .className: true
                case .tag(let name): Self.tags.contains { $0.count > name.count && $0.starts(with: name) }
                default: false
                }
            }
        }
        if canBePrefix { reasons.append(.namePrefix) }
        let isBehindAttribute = compounds.contains { compound in
            compound.tests.dropLast().contains { if case .attribute = $0 { true } else { false } }
        }
        if isBehindAttribute { reasons.append(.behindAttribute) }
        return reasons
    }

    /// HTML's elements that begin with another one's name.
    private static let tags = [
        "abbr", "address", "area", "article", "aside", "audio", "base", "bdi", "bdo", "blockquote", "body", "br",
        "button", "colgroup", "datalist", "header", "hgroup", "iframe", "img", "input", "ins", "optgroup", "param",
        "picture", "pre", "progress", "samp", "script", "section", "select", "slot", "small", "source", "span",
        "strong", "style", "sub", "summary", "sup", "svg", "thead", "ul", "url", "video", "var",
    ].map { Array($0.utf8) }
}

extension Comparison {
    fileprivate var differences: [ActionWarning.Reason] {
        var reasons: [ActionWarning.Reason] = []
        func add(_ reason: ActionWarning.Reason) { if !reasons.contains(reason) { reasons.append(reason) } }
        let null = Array("null".utf8)
        for operand in operands {
            switch (meaning, operand) {
            case (.exact, .text(null)): add(.textNull)
            case (.icontains, .text(let text)) where Self.contains(null, LowerCase.of(text)): add(.textNull)
            case (.regex, .pattern(let pattern, _)) where pattern.matches(null): add(.textNull)
            case (.gt, .number(let number, _)) where 0 > number: add(.missingNumber)
            case (.gte, .number(let number, _)) where 0 >= number: add(.missingNumber)
            case (.lt, .number(let number, _)) where 0 < number: add(.missingNumber)
            case (.lte, .number(let number, _)) where 0 <= number: add(.missingNumber)
            case (.gt, .text(let text)), (.gte, .text(let text)), (.lt, .text(let text)), (.lte, .text(let text)):
                guard let number = NumberText.parse(text) else { continue }
                let holds =
                    switch meaning {
                    case .gt: 0 > number
                    case .gte: 0 >= number
                    case .lt: 0 < number
                    default: 0 <= number
                    }
                if holds { add(.missingNumber) }
            case (.between, .range(let low, let high)) where low <= 0 && 0 <= high: add(.missingNumber)
            case (.semverEqual, _), (.semverUnequal, _): add(.semverEqual)
            case (_, .relativeDate): add(.relativeDate)
            default: break
            }
        }
        return reasons
    }

    private static func contains(_ text: [UInt8], _ part: [UInt8]) -> Bool {
        part.isEmpty || text.indices.contains { text[$0...].starts(with: part) }
    }
}
