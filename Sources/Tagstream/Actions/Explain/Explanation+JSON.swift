extension Explanation {
    /// The explanation as JSON.
    ///
    /// `{"action_id", "name", "matched", "verdict", "deleted"?, "steps": [{"matched", "verdict", "conditions": […]}]}`; members
    /// that say nothing are left out of a condition.
    public var json: JSONTree {
        var members: [(String, JSONTree)] = [
            ("action_id", .number(id)), ("name", .string(name)), ("matched", .bool(verdict == .yes)),
            ("verdict", .string(verdict.rawValue)),
        ]
        if isDeleted { members.append(("deleted", .bool(true))) }
        members.append(("steps", .array(steps.map(\.json))))
        return .members(members)
    }
}

extension StepExplanation {
    fileprivate var json: JSONTree {
        .members([
            ("matched", .bool(verdict == .yes)), ("verdict", .string(verdict.rawValue)),
            ("conditions", .array(conditions.map(\.json))),
        ])
    }
}

extension ConditionExplanation {
    fileprivate var json: JSONTree {
        var members: [(String, JSONTree)] = [
            ("field", .string(field)), ("subject", .string(subject)), ("operator", .string(operatorName)),
        ]
        if let expected { members.append(("expected", expected)) }
        if !parts.isEmpty { members.append(("parts", .array(parts.map(\.json)))) }
        members.append(("found", found.json))
        if let compared { members.append(("compared", .string(compared))) }
        if let conversion { members.append(("conversion", .string(conversion))) }
        members.append(("verdict", .string(verdict.rawValue)))
        if !notes.isEmpty {
            let list = notes.map {
                JSONTree.members([("kind", .string($0.kind.rawValue)), ("text", .string($0.text))])
            }
            members.append(("notes", .array(list)))
        }
        return .members(members)
    }
}

extension ConditionExplanation.Part {
    fileprivate var json: JSONTree {
        .members([
            ("field", .string(field)), ("operator", .string(operatorName)), ("expected", expected),
            ("verdict", .string(verdict.rawValue)),
        ])
    }
}

extension ConditionExplanation.Found {
    fileprivate var json: JSONTree {
        switch self {
        case .notSet: .members([("kind", .string("not_set"))])
        case .null: .members([("kind", .string("null"))])
        case .value(let kind, let text): .members([("kind", .string(kind)), ("text", .string(text))])
        case .elements(let elements):
            .members([("kind", .string("elements")), ("elements", .array(elements.map { .string($0) }))])
        }
    }
}

extension JSONTree {
    fileprivate static func members(_ pairs: [(String, JSONTree)]) -> JSONTree {
        .object(pairs.map { Member(key: $0.0, value: $0.1) })
    }
}
