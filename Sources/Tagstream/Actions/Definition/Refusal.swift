/// Why an action is not published: one of its fields, what was found there, and what is expected.
///
/// An action has as many refusals as it has mistakes; whoever wrote it gets them all at once.
public struct Refusal: Error, Sendable, Equatable, CustomStringConvertible {
    /// What kind of mistake it is.
    ///
    /// Closed: interfaces may switch over it, and messages may change without it.
    public enum Reason: String, Sendable, CaseIterable {
        /// A field has the wrong type, or something that should be an object or a list is not.
        case shape
        /// An action without steps.
        case noSteps = "no_steps"
        /// `url_matching`, `text_matching` or `href_matching` is not one of its modes.
        case matching
        /// A filter's type is not one that Tagstream evaluates.
        case type
        /// A filter's operator does not exist, or not for this filter.
        case `operator`
        /// A filter's key is empty, or not one of those its type has.
        case key
        /// A value is missing, the list of values is empty, or a value is no text, number or boolean.
        case value
        /// A number was expected.
        case number
        /// Not two numbers in order.
        case between
        /// Neither a date nor a relative date.
        case date
        /// Not a version, or not a range of versions.
        case semver
        /// A pattern that RE2 does not compile, that is too long, or whose program is too large.
        case regex
        /// A selector outside the subset, or with too many compounds.
        case selector
        /// A filter of type `group` without its `group_type_index`.
        case groupTypeIndex = "group_type_index"
        /// A condition on elements of an event that carries none.
        case elementCondition = "element_condition"
        /// The action costs more than one may.
        case budget
    }

    /// The action's id; nil where it has none that can be read.
    public var actionID: Int64?
    /// The action's name, as far as it can be read.
    public var actionName: String
    /// The step's number, counted from 1; nil when the mistake is the whole action's.
    public var step: Int?
    /// The field, as a path within the step (or the action): `url_matching`, `properties[0].value`.
    public var field: String
    /// The kind of mistake.
    public var reason: Reason
    /// What was found, as JSON text; empty when the field is missing.
    public var found: String
    /// What is expected there.
    public var expected: String
    /// What the author may have meant, where that is obvious.
    public var suggestion: String?

    /// One sentence: `action "signup" step 2: url_matching is "Contains", expected contains, exact or regex. Hint: write "contains"`.
    public var description: String {
        var message = "action \(actionLabel)"
        if let step { message += " step \(step)" }
        message += ": "
        if !field.isEmpty { message += field + " " }
        message += found.isEmpty ? "is missing" : "is \(shortened(found))"
        message += ", expected \(expected)"
        if let suggestion { message += ". Hint: \(suggestion)" }
        return message
    }

    private var actionLabel: String {
        if !actionName.isEmpty { return "\"\(actionName)\"" }
        return actionID.map(String.init) ?? "without a name"
    }

    private func shortened(_ text: String) -> String {
        text.utf8.count <= 120 ? text : String(text.prefix(100)) + "… (\(text.utf8.count) bytes)"
    }
}

/// What is allowed and odd about an action: it is published, and its author is told.
public struct ActionWarning: Sendable, Equatable, CustomStringConvertible {
    /// What is odd.
    ///
    /// Closed, as ``Refusal/Reason`` is.
    public enum Reason: String, Sendable, CaseIterable {
        /// The step has no conditions: it matches every event of the team.
        case noConditions = "no_conditions"
        /// A key that means nothing here; it is kept.
        case unknownKey = "unknown_key"
    }

    /// The action's id; nil where it has none.
    public var actionID: Int64?
    /// The action's name.
    public var actionName: String
    /// The step's number, counted from 1.
    public var step: Int?
    /// The field, as a path within the step.
    public var field: String
    /// What is odd.
    public var reason: Reason

    /// One sentence.
    public var description: String {
        let action = actionName.isEmpty ? actionID.map(String.init) ?? "without a name" : "\"\(actionName)\""
        let place = step.map { " step \($0)" } ?? ""
        switch reason {
        case .noConditions: return "action \(action)\(place): no conditions, so it matches every event of the team"
        case .unknownKey: return "action \(action)\(place): the key \"\(field)\" means nothing here; it is kept"
        }
    }
}
