extension ActionReader {
    /// What evaluates a filter; its types' names in definitions.
    private enum FilterKind: String, CaseIterable {
        case event, feature, person, group, element
        case eventMetadata = "event_metadata"
    }

    /// What a filter tests; nil when it is refused.
    mutating func filterTest(_ filter: JSONTree, _ field: String) -> Condition.Test? {
        guard case .object = filter else {
            refuse(field, .shape, filter, "a filter, which is an object")
            return nil
        }
        let before = refusals.count
        let prefix = field + "."
        let kind = self.kind(of: filter, prefix)
        let key = self.key(of: filter, prefix)
        let name = operatorName(of: filter, prefix)
        guard let kind else { return nil }
        switch kind {
        case .element:
            guard let key, let name else { return nil }
            return elementTest(filter, key, name, prefix)
        case .event, .feature, .person, .group, .eventMetadata:
            let place = source(kind, key, filter, prefix)
            var compared: Comparison?
            if let name { compared = comparison(of: filter, name, prefix) }
            guard refusals.count == before, let key, let place, let compared else { return nil }
            return .property(place, key: Array(key.utf8), compared)
        }
    }

    private mutating func kind(of filter: JSONTree, _ prefix: String) -> FilterKind? {
        guard let written = filter["type"], !written.isNull, written.text?.utf8.isEmpty != true else { return .event }
        guard let name = written.text else {
            refuse(prefix + "type", .type, written, "one of \(Self.kindNames)")
            return nil
        }
        if let kind = FilterKind.allCases.first(where: { $0.rawValue.hasBytes(of: name) }) { return kind }
        let nearest = Spelling.nearest(to: name, among: FilterKind.allCases.map(\.rawValue))
        refuse(
            prefix + "type",
            .type,
            written,
            "one of \(Self.kindNames)",
            suggestion: nearest.map { "write \"\($0)\"" } ?? Self.postHogHint(name)
        )
        // The filter is refused already; the rest of it is checked as if the obvious had been written.
        return nearest.flatMap(FilterKind.init)
    }

    /// What PostHog evaluates and a stream processor that sees one event cannot.
    private static func postHogHint(_ name: String) -> String? {
        let starts = [
            "cohort", "static-cohort", "precalculated-cohort", "hogql", "session", "recording", "log", "span",
        ]
        let others = ["data_warehouse", "behavioral", "flag"]
        return (starts + others).contains { name.hasPrefix($0) }
            ? "this type needs more than the event itself: leave it to a query on the tagged events" : nil
    }

    private static var kindNames: String { FilterKind.allCases.map(\.rawValue).sorted().joined(separator: ", ") }

    private mutating func key(of filter: JSONTree, _ prefix: String) -> String? {
        let value = filter["key"]
        if let key = value?.text, !key.utf8.isEmpty { return key }
        refuse(
            prefix + "key",
            .key,
            value,
            "a text that is not empty",
            suggestion: value.map { Self.quotedNumber($0) } ?? misspelling(of: "key", in: filter)
        )
        return nil
    }

    /// The member of a filter whose name is nearly that of a missing one.
    private func misspelling(of name: String, in filter: JSONTree) -> String? {
        guard case .object(let members) = filter else { return nil }
        let names = ["key", "type", "operator", "value"]
        let near = members.first { !names.contains($0.key) && Spelling.nearest(to: $0.key, among: [name]) != nil }
        return near.map { "write \"\(name)\" instead of \"\($0.key)\"" }
    }

    private mutating func operatorName(of filter: JSONTree, _ prefix: String) -> OperatorName? {
        guard let written = filter["operator"], !written.isNull, written.text?.utf8.isEmpty != true else {
            return .named("exact")
        }
        if let name = written.text, let found = OperatorName.named(name) { return found }
        let nearest = written.text.flatMap(OperatorName.meant)
        refuse(
            prefix + "operator",
            .operator,
            written,
            "one of the operators, such as exact, is_not, icontains, regex, gt or is_set",
            suggestion: nearest.map { "write \"\($0)\"" }
        )
        // The filter is refused already; its value is checked as if the obvious had been written.
        return nearest.flatMap(OperatorName.named)
    }

    private mutating func source(_ kind: FilterKind, _ key: String?, _ filter: JSONTree, _ prefix: String)
        -> PropertySource?
    {
        switch kind {
        case .event, .feature: return .event
        case .person:
            return key?.hasBytes(of: "distinct_id") == true ? .metadata(.distinctID) : .person
        case .group:
            let index = filter["group_type_index"]
            if let number = index?.integer, 0...4 ~= number { return .group(Int(number)) }
            refuse(
                prefix + "group_type_index",
                .groupTypeIndex,
                index,
                "a whole number from 0 to 4",
                suggestion: index?.text.flatMap { Int($0) }.map { "write \($0) without quotes" }
            )
            return nil
        case .eventMetadata:
            guard let key else { return nil }
            if let metadata = PropertySource.Metadata.allCases.first(where: { $0.key.hasBytes(of: key) }) {
                return .metadata(metadata)
            }
            let names = PropertySource.Metadata.allCases.map(\.key)
            refuse(
                prefix + "key",
                .key,
                .string(key),
                "one of \(names.joined(separator: ", "))",
                suggestion: Spelling.nearest(to: key, among: names).map { "write \"\($0)\"" }
            )
            return nil
        case .element: return nil
        }
    }

    // MARK: Element filters

    private mutating func elementTest(
        _ filter: JSONTree,
        _ key: String,
        _ name: OperatorName,
        _ prefix: String
    ) -> Condition.Test? {
        switch key {
        case "text", "href":
            guard let compared = comparison(of: filter, name, prefix) else { return nil }
            return .elementFilter(key == "text" ? .text : .href, compared)
        case "tag_name", "selector":
            guard ["exact", "is_not", "in", "not_in"].contains(name.name.description) else {
                refuse(
                    prefix + "operator",
                    .operator,
                    .string(name.name.description),
                    "exact, is_not, in or not_in for an element's \(key)",
                    suggestion: name.meaning == .isSet ? nil : name.isNegated ? "write \"is_not\"" : "write \"exact\""
                )
                return nil
            }
            guard let values = values(of: filter, prefix) else { return nil }
            var texts: [String] = []
            for value in values {
                guard let text = value.text else {
                    refuse(prefix + "value", .value, value, "a text", suggestion: Self.quotedNumber(value))
                    continue
                }
                texts.append(text)
            }
            guard texts.count == values.count else { return nil }
            if key == "tag_name" { return .elementTag(texts.map { Array($0.utf8) }, isNegated: name.isNegated) }
            return selectorTest(texts, name, prefix)
        default:
            refuse(
                prefix + "key",
                .key,
                .string(key),
                "selector, tag_name, text or href",
                suggestion: Spelling.nearest(to: key, among: ["selector", "tag_name", "text", "href"]).map {
                    "write \"\($0)\""
                }
            )
            return nil
        }
    }

    private mutating func selectorTest(_ texts: [String], _ name: OperatorName, _ prefix: String) -> Condition.Test? {
        var alternatives: [Selector.Alternative] = []
        var isComplete = true
        for text in texts {
            if let selector = selector(text, prefix + "value") {
                alternatives += selector.alternatives
            } else {
                isComplete = false
            }
        }
        return isComplete ? .selector(Selector(alternatives: alternatives), isNegated: name.isNegated) : nil
    }

    // MARK: Values

    /// The values of a filter, one or more scalars; nil when they are refused.
    private mutating func values(of filter: JSONTree, _ prefix: String) -> [JSONTree]? {
        switch filter["value"] ?? .null {
        case .null:
            refuse(
                prefix + "value",
                .value,
                nil,
                "a text, a number, a boolean or a list of them",
                suggestion: misspelling(of: "value", in: filter)
            )
            return nil
        case .object(let members):
            refuse(prefix + "value", .value, .object(members), "a text, a number, a boolean or a list of them")
            return nil
        case .array(let list):
            if list.isEmpty {
                refuse(prefix + "value", .value, .array([]), "at least one value")
                return nil
            }
            let before = refusals.count
            for member in list {
                switch member {
                case .object, .array, .null:
                    refuse(prefix + "value", .value, member, "a text, a number or a boolean in the list")
                case .string, .number, .bool: break
                }
            }
            return refusals.count == before ? list : nil
        case let scalar: return [scalar]
        }
    }

    private mutating func comparison(of filter: JSONTree, _ name: OperatorName, _ prefix: String) -> Comparison? {
        if name.meaning == .isSet { return Comparison(meaning: .isSet, isNegated: name.isNegated, operands: []) }
        guard let values = values(of: filter, prefix) else { return nil }
        if name.meaning == .between {
            return range(values, of: filter, prefix).map {
                Comparison(meaning: .between, isNegated: name.isNegated, operands: [$0])
            }
        }
        var operands: [Operand] = []
        var isComplete = true
        for value in values {
            if let operand = operand(value, name, prefix) {
                operands.append(operand)
            } else {
                isComplete = false
            }
        }
        return isComplete ? Comparison(meaning: name.meaning, isNegated: name.isNegated, operands: operands) : nil
    }

    private mutating func range(_ values: [JSONTree], of filter: JSONTree, _ prefix: String) -> Operand? {
        let numbers = values.compactMap(Self.number)
        guard values.count == 2, numbers.count == 2, numbers[0] <= numbers[1] else {
            let isReversed = values.count == 2 && numbers.count == 2
            refuse(
                prefix + "value",
                .between,
                filter["value"],
                "exactly two numbers, the lower one first",
                suggestion: isReversed ? "write [\(values[1].jsonText), \(values[0].jsonText)]" : nil
            )
            return nil
        }
        return .range(numbers[0], numbers[1])
    }

    private static func number(_ value: JSONTree) -> Double? {
        switch value {
        case .number(let number, _): number
        case .string(let text): NumberText.parse(Array(text.utf8))
        default: nil
        }
    }

    private mutating func operand(_ value: JSONTree, _ name: OperatorName, _ prefix: String) -> Operand? {
        switch name.meaning {
        case .exact, .icontains: return Self.scalar(value)
        case .gt, .gte, .lt, .lte:
            if case .bool = value {
                refuse(prefix + "value", .number, value, "a number, or a text")
                return nil
            }
            return Self.scalar(value)
        case .regex:
            guard let text = value.text else {
                refuse(
                    prefix + "value",
                    .regex,
                    value,
                    "a pattern, which is a text",
                    suggestion: Self.quotedNumber(value)
                )
                return nil
            }
            let source = Array(text.utf8)
            return pattern(source, prefix + "value").map { .pattern($0, source: source) }
        case .dateExact, .dateBefore, .dateAfter:
            if let date = value.text.flatMap(Self.date) { return date }
            refuse(
                prefix + "value",
                .date,
                value,
                "a date such as \"2026-01-31\" or \"2026-01-31T12:00:00Z\", or a relative one such as \"-7d\"",
                suggestion: ValueHint.date(value)
            )
            return nil
        case .semverEqual, .semverUnequal, .semverGreater, .semverGreaterOrEqual, .semverLess, .semverLessOrEqual:
            if let text = value.text, Array(text.utf8).withUnsafeBytes({ Version.parse($0) != nil }) {
                return .version(Array(text.utf8))
            }
            refuse(
                prefix + "value",
                .semver,
                value,
                "a version such as \"1.2.3\"",
                suggestion: ValueHint.version(value)
            )
            return nil
        case .semverRange:
            if let range = value.text.flatMap({ VersionRangeReader.read(Array($0.utf8), name.range ?? .caret) }) {
                return range
            }
            refuse(
                prefix + "value",
                .semver,
                value,
                name.range == .wildcard
                    ? "\"N.*\" or \"N.N.*\"" : "a version such as \"1.2.3\" or \"1.2\", without a sign",
                suggestion: ValueHint.versionRange(value, name.range)
            )
            return nil
        case .between, .isSet: return nil
        }
    }

    private static func scalar(_ value: JSONTree) -> Operand? {
        switch value {
        case .string(let text): return .text(Array(text.utf8))
        case .bool(let value): return .bool(value)
        case .number(let number, _):
            var printed = ByteArena(capacity: 64)
            NumberText.append(number, to: &printed)
            return .number(number, printed: Array(printed.bytes(0, printed.count)))
        default: return nil
        }
    }

    private static func date(_ text: String) -> Operand? {
        Array(text.utf8).withUnsafeBytes { bytes in
            if let instant = DateText.parse(bytes) {
                return .date(instant.micros, instant.hasTime ? instant.micros : instant.micros + Timestamp.day)
            }
            return DateText.parseRelative(bytes).map { .relativeDate($0.count, $0.unit) }
        }
    }
}
