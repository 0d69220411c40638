/// Reads one action's definition, and notes everything that is wrong with it on the way.
struct ActionReader {
    private let defaultID: Int64?
    private var actionID: Int64?
    private var teamID: Int64?
    private var actionName = ""
    private(set) var refusals: [Refusal] = []
    private(set) var warnings: [ActionWarning] = []
    /// The number of the step that is being read.
    private var step: Int?
    /// What the patterns so far cost: compiling stops where the action is refused anyway.
    private var patternCost = 0
    private var isOutOfBudget = false

    init(defaultID: Int64?) { self.defaultID = defaultID }

    mutating func read(_ tree: JSONTree) -> ActionReading {
        guard case .object = tree else {
            refuse("", .shape, tree, "an object")
            return ActionReading(definition: nil, refusals: refusals, warnings: [])
        }
        actionName = tree["name"]?.text ?? ""
        actionID = tree["id"]?.integer ?? defaultID
        teamID = tree["team_id"]?.integer
        // A deletion is written as a tombstone, so its own length does not matter.
        if case .bool(true) = tree["deleted"] ?? .null { return deletion(tree) }

        let length = tree.jsonLength
        guard length <= ActionDefinition.maximumLength else {
            refuse(
                "",
                .size,
                .string("\(length) bytes long"),
                "a definition of at most \(ActionDefinition.maximumLength) bytes, which fits into a record of the catalogue's topic"
            )
            return ActionReading(definition: nil, refusals: refusals, warnings: [])
        }
        requireInteger("id", of: tree)
        if actionID == nil, tree["id"] == nil || tree["id"]?.isNull == true {
            refuse("id", .shape, nil, "a whole number")
        }
        requireInteger("team_id", of: tree)
        requireInteger("version", of: tree)
        _ = text("name", of: tree)
        let details = text("description", of: tree) ?? ""
        if let deleted = tree["deleted"], !deleted.isNull {
            if case .bool = deleted {
            } else {
                let isQuoted = ["true", "false"].contains(deleted.text?.lowercased())
                refuse(
                    "deleted",
                    .shape,
                    deleted,
                    "true or false",
                    suggestion: isQuoted ? "leave out the quotes" : nil
                )
            }
        }
        let steps = steps(of: tree)
        guard refusals.isEmpty, let id = actionID else {
            return ActionReading(definition: nil, refusals: refusals, warnings: warnings)
        }
        let definition = ActionDefinition(
            id: id,
            teamID: tree["team_id"]?.integer,
            name: actionName,
            details: details,
            isDeleted: false,
            version: tree["version"]?.integer ?? 1,
            source: tree,
            steps: steps
        )
        if definition.cost > ActionCost.actionLimit {
            step = nil
            refuse(
                "steps",
                .budget,
                .number(Int64(definition.cost)),
                "at most \(ActionCost.actionLimit)",
                suggestion: "split the action, or shorten its longest list of values"
            )
            return ActionReading(definition: nil, refusals: refusals, warnings: warnings)
        }
        return ActionReading(definition: definition, refusals: [], warnings: warnings)
    }

    /// A deletion is never refused, whatever else the definition says; only what it deletes must be known.
    private mutating func deletion(_ tree: JSONTree) -> ActionReading {
        guard let id = actionID else {
            refuse("id", .shape, tree["id"], "a whole number")
            return ActionReading(definition: nil, refusals: refusals, warnings: [])
        }
        let definition = ActionDefinition(
            id: id,
            teamID: tree["team_id"]?.integer,
            name: actionName,
            details: tree["description"]?.text ?? "",
            isDeleted: true,
            version: tree["version"]?.integer ?? 1,
            source: tree,
            steps: []
        )
        return ActionReading(definition: definition, refusals: [], warnings: [])
    }

    // MARK: Steps

    private mutating func steps(of tree: JSONTree) -> [ActionDefinition.Step] {
        var field = "steps"
        var list = tree["steps"] ?? .null
        if list.isNull, let alias = tree["steps_json"] {
            field = "steps_json"
            list = alias
            // PostHog's table keeps the steps as text in some exports and as a list in others.
            if let text = alias.text {
                do {
                    list = text.isEmpty ? .null : try JSONTree(parsing: text)
                } catch {
                    refuse(field, .shape, alias, "a list of steps as JSON (\(error.description))")
                    return []
                }
            }
        }
        if list.isNull {
            refuse(field, .noSteps, nil, "at least one step")
            return []
        }
        guard case .array(let items) = list else {
            var suggestion: String?
            if case .object = list { suggestion = "put the step into a list: [{…}]" }
            refuse(field, .shape, list, "a list of steps", suggestion: suggestion)
            return []
        }
        if items.isEmpty { refuse(field, .noSteps, list, "at least one step") }
        var steps: [ActionDefinition.Step] = []
        for (index, item) in items.enumerated() {
            step = index + 1
            guard case .object(let members) = item else {
                refuse("", .shape, item, "an object")
                continue
            }
            let before = refusals.count
            steps.append(ActionDefinition.Step(conditions: conditions(of: item, members)))
            if steps.last?.conditions.isEmpty == true, refusals.count == before { warn("", .noConditions) }
        }
        step = nil
        return steps
    }

    private static let stepKeys = [
        "event", "url", "url_matching", "text", "text_matching", "href", "href_matching", "tag_name", "selector",
        "properties",
    ]

    private mutating func conditions(of step: JSONTree, _ members: [JSONTree.Member]) -> [ActionDefinition.Step.Place] {
        for member in members where !Self.stepKeys.contains(where: { $0.hasBytes(of: member.key) }) {
            guard warnings.count < Refusal.largestCount else { break }
            let nearest = Spelling.nearest(to: member.key, among: Self.stepKeys)
            warn(member.key, .unknownKey, suggestion: nearest.map { "write \"\($0)\"" })
        }
        var places: [ActionDefinition.Step.Place] = []
        func add(_ field: String, _ test: Condition.Test) {
            places.append(.init(field: field, condition: Condition(test)))
        }

        let event = text("event", of: step)
        if let event { add("event", .event(Array(event.utf8))) }
        if let url = textTest("url", "url_matching", of: step, default: .contains, ignoringCase: false) {
            add("url", .url(url))
        }
        let text = textTest("text", "text_matching", of: step, default: .exact, ignoringCase: true)
        let href = textTest("href", "href_matching", of: step, default: .exact, ignoringCase: true)
        let tag = self.text("tag_name", of: step).map { Array($0.utf8) }
        if text != nil || href != nil || tag != nil {
            let fields = [text == nil ? nil : "text", href == nil ? nil : "href", tag == nil ? nil : "tag_name"]
            add(fields.compactMap(\.self).joined(separator: "+"), .element(text: text, href: href, tag: tag))
        }
        if let written = self.text("selector", of: step), let selector = selector(written, "selector") {
            add("selector", .selector(selector, isNegated: false))
        }
        refuseElements(of: step, onEvent: event)
        for (index, filter) in filters(of: step).enumerated() {
            let field = "properties[\(index)]"
            if let test = filterTest(filter, field) { add(field, test) }
        }
        return places
    }

    private static let withoutElements = ["$pageview", "$pageleave", "$screen"]

    /// `$pageview`, `$pageleave` and `$screen` carry no elements: such a step could never match.
    private mutating func refuseElements(of step: JSONTree, onEvent event: String?) {
        guard let event, Self.withoutElements.contains(where: { $0.hasBytes(of: event) }) else { return }
        for field in ["text", "href", "tag_name", "selector"] {
            guard let value = step[field], let text = value.text, !text.isEmpty else { continue }
            refuse(
                field,
                .elementCondition,
                value,
                "nothing, because \(event) carries no elements",
                suggestion: "drop it, as PostHog ignores it, or use the event $autocapture"
            )
        }
    }

    private mutating func filters(of step: JSONTree) -> [JSONTree] {
        switch step["properties"] ?? .null {
        case .null: return []
        case .array(let filters): return filters
        case let other:
            // Absence may also be written as an empty text, as everywhere in a step.
            if other.text?.isEmpty == true { return [] }
            var suggestion: String?
            if case .object = other {
                suggestion =
                    other["values"] == nil
                    ? "put the filter into a list: [{…}]" : "write the filters as one flat list"
            }
            refuse("properties", .shape, other, "a list of filters", suggestion: suggestion)
            return []
        }
    }

    // MARK: Texts

    /// A field's text; nil when it is missing, null or empty, and when it is no text, which is noted.
    mutating func text(_ field: String, of tree: JSONTree, in prefix: String = "") -> String? {
        switch tree[field] ?? .null {
        case .null: return nil
        case .string(let text): return text.utf8.isEmpty ? nil : text
        case let other:
            refuse(prefix + field, .shape, other, "a text", suggestion: Self.quotedNumber(other))
            return nil
        }
    }

    static func quotedNumber(_ value: JSONTree) -> String? {
        if case .number(_, let text) = value { "write \"\(text)\" in quotes" } else { nil }
    }

    private mutating func requireInteger(_ field: String, of tree: JSONTree) {
        guard let value = tree[field], !value.isNull, value.integer == nil else { return }
        let isQuoted = value.text.flatMap { Int64($0) } != nil
        refuse(field, .shape, value, "a whole number", suggestion: isQuoted ? "leave out the quotes" : nil)
    }

    private enum Mode: String, CaseIterable { case contains, exact, regex }

    private mutating func textTest(
        _ field: String,
        _ modeField: String,
        of step: JSONTree,
        default defaultMode: Mode,
        ignoringCase: Bool
    ) -> TextTest? {
        let written = text(field, of: step)
        var mode = defaultMode
        if let name = text(modeField, of: step) {
            if let known = Mode.allCases.first(where: { $0.rawValue.hasBytes(of: name) }) {
                mode = known
            } else {
                let nearest = Spelling.nearest(to: name, among: Mode.allCases.map(\.rawValue))
                refuse(
                    modeField,
                    .matching,
                    .string(name),
                    "contains, exact or regex",
                    suggestion: nearest.map { "write \"\($0)\"" }
                )
                // Refused already; the text is checked as if the obvious had been written.
                guard let nearest = nearest.flatMap(Mode.init) else { return nil }
                mode = nearest
            }
        }
        guard let written else { return nil }
        let bytes = Array(written.utf8)
        switch mode {
        case .exact: return .exact(bytes)
        case .contains:
            return .like(LikePattern.compile(ignoringCase ? LowerCase.of(bytes) : bytes), ignoringCase: ignoringCase)
        case .regex: return pattern(bytes, field).map { .regex($0, source: bytes) }
        }
    }

    mutating func pattern(_ source: [UInt8], _ field: @autoclosure () -> String) -> Pattern? {
        guard !isOutOfBudget else { return nil }
        let failure: PatternFailure
        switch Pattern.compile(source) {
        case .success(let pattern):
            patternCost += ActionCost.of(pattern)
            guard patternCost > ActionCost.actionLimit else { return pattern }
            isOutOfBudget = true
            refuse(
                field(),
                .budget,
                .number(Int64(patternCost)),
                "at most \(ActionCost.actionLimit)",
                suggestion: "split the action, or write shorter repetitions"
            )
            return nil
        case .failure(let found): failure = found
        }
        // A pattern beyond the largest budget takes longest to refuse: a list of them is not tried to its end.
        if failure.isTooLarge { patternCost += ActionCost.actionLimit / 10 }
        refuse(
            field(),
            .regex,
            .string(String(decoding: source, as: UTF8.self)),
            "a pattern that RE2 accepts (\(failure.message))",
            suggestion: failure.isTooLarge ? PatternHint.tooLarge : PatternHint.of(source)
        )
        if patternCost > ActionCost.actionLimit { isOutOfBudget = true }
        return nil
    }

    mutating func selector(_ written: String, _ field: @autoclosure () -> String) -> Selector? {
        do {
            return try SelectorParser.parse(Array(written.utf8))
        } catch {
            refuse(field(), .selector, .string(written), error.message, suggestion: error.suggestion)
            return nil
        }
    }

    // MARK: Noting

    mutating func refuse(
        _ field: String,
        _ reason: Refusal.Reason,
        _ found: JSONTree?,
        _ expected: String,
        suggestion: String? = nil
    ) {
        guard refusals.count < Refusal.largestCount else {
            guard refusals.count == Refusal.largestCount else { return }
            refusals.append(
                Refusal(
                    actionID: actionID,
                    actionName: actionName,
                    step: nil,
                    field: "",
                    reason: .tooMany,
                    found: "wrong in more places than these",
                    expected: "at most \(Refusal.largestCount) mistakes at once",
                    suggestion: nil,
                    teamID: teamID
                )
            )
            return
        }
        refusals.append(
            Refusal(
                actionID: actionID,
                actionName: actionName,
                step: step,
                field: field,
                reason: reason,
                found: found?.jsonText ?? "",
                expected: expected,
                suggestion: suggestion,
                teamID: teamID
            )
        )
    }

    private mutating func warn(_ field: String, _ reason: ActionWarning.Reason, suggestion: String? = nil) {
        guard warnings.count < Refusal.largestCount else { return }
        warnings.append(
            ActionWarning(
                actionID: actionID,
                actionName: actionName,
                step: step,
                field: field,
                reason: reason,
                suggestion: suggestion
            )
        )
    }
}
