/// What is worth saying of a condition, besides its verdict.
extension NearMiss {
    /// Notes that follow from what was found.
    static func notes(
        for test: Condition.Test,
        _ wording: Wording,
        _ finding: Finding,
        _ outcome: Outcome
    ) -> [ConditionExplanation.Note] {
        switch test {
        case .event(let name):
            guard outcome == .isFalse else { return [] }
            return first(finding.texts, [name], .equals)
        case .url(let written):
            guard outcome == .isFalse else { return [] }
            return unset(finding, "the event has no $current_url")
                + (finding.kind == .string
                    ? first(finding.texts, wording.expectedTexts, relation(written))
                    : finding.kind.rawValue > Value.Kind.null.rawValue
                        ? [.init(.type, "$current_url is a \(Finding.name(of: finding.kind)), expected a text")] : [])
        case .element(let text, let href, let tag):
            guard outcome == .isFalse, finding.hasElements else { return withoutElements(finding) }
            return element(text, href, tag, wording, finding)
        case .selector(let selector, let isNegated):
            guard finding.hasElements else { return withoutElements(finding) }
            guard outcome == .isFalse, !isNegated else { return [] }
            return letterCase(of: selector, finding)
        case .elementTag(let tags, let isNegated):
            guard finding.hasElements else { return withoutElements(finding) }
            return Outcome(isNegated) == outcome ? first(finding.tags, tags, .equals) : []
        case .elementFilter(_, let comparison):
            guard finding.hasElements else { return withoutElements(finding) }
            return Outcome(comparison.isNegated) == outcome ? lookalikes(comparison, finding) : []
        case .property(_, _, let comparison): return property(comparison, finding, outcome)
        }
    }

    private static func relation(_ test: TextTest) -> Relation {
        switch test {
        case .exact: .equals
        case .like(_, let ignoringCase): .like(ignoringCase: ignoringCase)
        case .regex: .regex
        }
    }

    /// The first near miss between texts that were found and expected.
    ///
    /// Long lists are cut: a pattern is compiled anew for each pair, and a hint is worth a second and no more.
    private static func first(
        _ found: [[UInt8]],
        _ expected: [[UInt8]],
        _ relation: Relation
    ) -> [ConditionExplanation.Note] {
        for text in found.prefix(64) {
            for value in expected.prefix(64) { if let note = note(text, value, relation) { return [note] } }
        }
        return []
    }

    private static func unset(_ finding: Finding, _ missing: String) -> [ConditionExplanation.Note] {
        switch finding.found {
        case .notSet: [.init(.notSet, missing)]
        case .null: [.init(.null, "it is null, which counts as not set")]
        default: []
        }
    }

    // MARK: Elements

    private static func withoutElements(_ finding: Finding) -> [ConditionExplanation.Note] {
        finding.hasElements ? [] : [.init(.noElements, "the event carries no elements ($autocapture and the like do)")]
    }

    private static func element(
        _ text: TextTest?,
        _ href: TextTest?,
        _ tag: [UInt8]?,
        _ wording: Wording,
        _ finding: Finding
    ) -> [ConditionExplanation.Note] {
        var notes: [ConditionExplanation.Note] = []
        func add(_ found: [[UInt8]], _ field: String, _ relation: Relation) {
            let expected = (wording.parts.first { $0.field == field }?.expected ?? wording.expected)?.text ?? ""
            // A part that holds somewhere differs in nothing.
            let bytes = Array(expected.utf8)
            guard !found.contains(where: { holds($0, bytes, relation) }) else { return }
            for note in first(found, [bytes], relation) {
                notes.append(.init(note.kind, wording.parts.isEmpty ? note.text : "\(field): \(note.text)"))
            }
        }
        if let text { add(finding.texts, "text", relation(text)) }
        if let href { add(finding.links, "href", relation(href)) }
        if tag != nil { add(finding.tags, "tag_name", .equals) }
        return notes
    }

    /// Tags, ids and classes that some element has in another case.
    private static func letterCase(of selector: Selector, _ finding: Finding) -> [ConditionExplanation.Note] {
        for test in selector.alternatives.flatMap({ $0.compounds.flatMap(\.tests) }) {
            let (name, candidates) =
                switch test {
                case .tag(let name): (name, finding.tags)
                case .id(let name), .className(let name): (name, finding.names)
                default: ([UInt8](), [[UInt8]]())
                }
            guard !name.isEmpty, !candidates.contains(name) else { continue }
            let lowered = LowerCase.of(name)
            if let other = candidates.first(where: { LowerCase.of($0) == lowered }) {
                let written = "\(SelectorText.of([test])) is written \"\(Finding.string(other))\""
                return [.init(.letterCase, "only upper and lower case differ: \(written)")]
            }
        }
        return []
    }

    // MARK: Properties

    private static func property(
        _ comparison: Comparison,
        _ finding: Finding,
        _ outcome: Outcome
    ) -> [ConditionExplanation.Note] {
        // An unset property needs no word where that is what is asked for.
        if comparison.meaning == .isSet {
            return outcome == .isFalse && finding.found == .null ? unset(finding, "") : []
        }
        let ending = comparison.isNegated ? ", so that a negative condition holds" : ""
        if case .notSet = finding.found { return [.init(.notSet, "it is not set" + ending)] }
        if case .null = finding.found { return [.init(.null, "it is null, which counts as not set" + ending)] }
        guard Outcome(comparison.isNegated) == outcome else { return [] }
        return lookalikes(comparison, finding) + kinds(comparison, finding)
    }

    private static func lookalikes(_ comparison: Comparison, _ finding: Finding) -> [ConditionExplanation.Note] {
        let relation: Relation
        switch comparison.meaning {
        case .exact: relation = .equals
        case .icontains: relation = .contains
        case .regex: relation = .regex
        default: return []
        }
        let expected: [[UInt8]] = comparison.operands.compactMap {
            switch $0 {
            case .text(let text): text
            case .pattern(_, let source): source
            case .bool(let value): relation.isEquality ? Array((value ? "true" : "false").utf8) : nil
            default: nil
            }
        }
        if relation.isEquality, finding.kind != .string, finding.kind != .missing { return [] }
        return first(finding.texts, expected, relation)
    }

    /// Values that can never be equal, or have no order, because of what they are.
    private static func kinds(_ comparison: Comparison, _ finding: Finding) -> [ConditionExplanation.Note] {
        let found = Finding.name(of: finding.kind)
        func note(_ text: String) -> [ConditionExplanation.Note] { [.init(.type, text)] }
        let hasNumber = comparison.operands.contains(where: \.isNumeric)
        switch comparison.meaning {
        case .isSet, .icontains, .regex: return []
        case .exact:
            if finding.kind == .array && !finding.matchesMembers || finding.kind == .object {
                return note("found a \(found), which no value equals; icontains and regex look into it")
            }
            let allAreNumbers = comparison.operands.allSatisfy(\.isNumeric)
            if finding.kind == .string, allAreNumbers, hasNumber, !finding.isNumber,
                finding.texts.allSatisfy({ NumberText.parse($0) == nil })
            {
                return note("found a text that is no number, expected a number")
            }
            if finding.kind == .number, !hasNumber { return note("found a number, expected \(comparison.operandName)") }
            return []
        case .gt, .gte, .lt, .lte, .between:
            if finding.kind == .string {
                guard hasNumber, !finding.isNumber else {
                    return finding.isNumber && !hasNumber
                        ? note("found a number, expected a text that is none: they have no order") : []
                }
                return note("found a text that is no number, expected a number")
            }
            if finding.kind != .number { return note("found a \(found), expected a number") }
            return hasNumber ? [] : note("found a number, expected a text that is none: they have no order")
        case .dateExact, .dateBefore, .dateAfter:
            if finding.compared == nil, finding.conversion == nil {
                return note(
                    finding.kind == .string
                        ? "found a text that is no date such as 2026-01-31 or 2026-01-31T12:00:00Z"
                        : "found a \(found), expected a date as text"
                )
            }
            let isRelative = comparison.operands.contains { if case .relativeDate = $0 { true } else { false } }
            return isRelative && !finding.hasTimestamp
                ? note("the event has no timestamp that a relative date could be counted from") : []
        case .semverEqual, .semverGreater, .semverGreaterOrEqual, .semverLess, .semverLessOrEqual, .semverRange,
            .semverUnequal:
            guard finding.conversion == nil else { return [] }
            return note(
                finding.kind == .string
                    ? "found a text that is no version such as 1.2.3" : "found a \(found), expected a version as text"
            )
        }
    }
}

extension NearMiss.Relation {
    fileprivate var isEquality: Bool { if case .equals = self { true } else { false } }
}

extension Finding {
    fileprivate var hasElements: Bool { if case .elements = found { true } else { false } }
}

extension Comparison {
    /// What kind of value is expected, for a sentence.
    fileprivate var operandName: String {
        operands.allSatisfy { if case .bool = $0 { true } else { false } } ? "a boolean" : "a text that is no number"
    }
}

extension Operand {
    /// Whether a number compares with it as with a number.
    fileprivate var isNumeric: Bool {
        switch self {
        case .number, .range: true
        case .text(let text): NumberText.parse(text) != nil
        default: false
        }
    }
}
