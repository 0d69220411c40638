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
        /// The action costs more than its team has left.
        case quota
        /// The definition is too long for a record of the catalogue's topic.
        case size
        /// It is not said, or not known, whose action it is.
        case team
        /// Another definition has the same team and id.
        case duplicate
        /// There are more mistakes than anybody wants to read at once.
        case tooMany = "too_many"
    }

    /// An action's mistakes beyond this many are not listed one by one.
    public static let largestCount = 200

    /// The action's id; nil where it has none that can be read.
    public var actionID: Int64?
    /// The action's team, where the definition says it.
    public var teamID: Int64?
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

    /// Makes a refusal.
    public init(
        actionID: Int64?,
        actionName: String,
        step: Int?,
        field: String,
        reason: Reason,
        found: String,
        expected: String,
        suggestion: String?,
        teamID: Int64? = nil
    ) {
        self.actionID = actionID
        self.teamID = teamID
        self.actionName = actionName
        self.step = step
        self.field = field
        self.reason = reason
        self.found = found
        self.expected = expected
        self.suggestion = suggestion
    }

    /// One sentence: `action "signup" step 2: url_matching is "Contains", expected contains, exact or regex. Hint: write "contains"`.
    ///
    /// On one line and without control characters, whatever the definition contains; long texts are shortened.
    public var description: String {
        var message = "action \(ActionLabel(id: actionID, name: actionName))"
        if let step { message += " step \(step)" }
        message += ": "
        if reason == .budget {
            message += field == "steps" ? "the steps cost " : "the patterns up to \(field) cost "
            message += "\(found) units"
        } else {
            if !field.isEmpty { message += field + " " }
            message += found.isEmpty ? "is missing" : "is \(Printable.shortened(found, to: 120))"
        }
        message += ", expected \(expected)"
        if let suggestion { message += ". Hint: \(suggestion)" }
        return Printable.text(message)
    }

    /// The same for programs: `team`, `action`, `name`, `step`, `field`, `reason`, `found`, `expected`, `suggestion`, `message`.
    public var json: JSONTree {
        JSONTree.object(
            [.init(key: "team", value: teamID.map { .number($0) } ?? .null)]
                + ActionLabel(id: actionID, name: actionName).members(step: step, field: field) + [
                    .init(key: "reason", value: .string(reason.rawValue)),
                    .init(key: "found", value: found.isEmpty ? .null : .string(Printable.shortened(found, to: 1000))),
                    .init(key: "expected", value: .string(expected)),
                    .init(key: "suggestion", value: suggestion.map { .string($0) } ?? .null),
                    .init(key: "message", value: .string(description)),
                ]
        )
    }
}

/// An action in messages: its name in quotes, or else its id.
private struct ActionLabel: CustomStringConvertible {
    var id: Int64?
    var name: String

    var description: String {
        guard name.isEmpty else { return "\"\(Printable.shortened(name, to: 100))\"" }
        return id.map(String.init) ?? "without a name"
    }

    func members(step: Int?, field: String) -> [JSONTree.Member] {
        [
            .init(key: "action", value: id.map { .number($0) } ?? .null),
            .init(key: "name", value: .string(Printable.shortened(name, to: 1000))),
            .init(key: "step", value: step.map { .number(Int64($0)) } ?? .null),
            .init(key: "field", value: .string(Printable.shortened(field, to: 1000))),
        ]
    }
}

/// Texts of definitions on their way to a terminal or a log.
public enum Printable {
    /// The text with everything that a terminal would act on written as an escape: a name must not be able to hide a message, or
    /// to write a second one.
    public static func text(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: isActive) else { return text }
        var out = ""
        for scalar in text.unicodeScalars {
            if isActive(scalar) {
                out += "\\u{" + String(scalar.value, radix: 16) + "}"
            } else {
                out.unicodeScalars.append(scalar)
            }
        }
        return out
    }

    /// Control characters, line separators, and those that change the direction of what follows.
    private static func isActive(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<0x20, 0x7F..<0xA0, 0x200E...0x200F, 0x2028...0x202E, 0x2066...0x2069, 0xFEFF: true
        default: false
        }
    }

    /// The beginning of a text that is longer than so many bytes, and how long it is.
    ///
    /// Counted in scalars: a single character may have any number of them.
    public static func shortened(_ text: String, to limit: Int) -> String {
        guard text.utf8.count > limit else { return text }
        var beginning = ""
        beginning.unicodeScalars.append(contentsOf: text.unicodeScalars.prefix(limit * 5 / 6))
        return beginning + "… (\(text.utf8.count) bytes)"
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
        /// An export's condition on elements of an event that carries none; it was dropped, as PostHog ignores it.
        case dropped
        /// PostHog counts differently: it ignores conditions on elements of events other than `$autocapture`.
        case elementsOutsideAutocapture = "elements_outside_autocapture"
        /// PostHog counts differently: an action without steps matches every event there.
        case withoutSteps = "without_steps"
        /// PostHog counts differently: a property that is not set is compared as the text `null` there.
        case textNull = "text_null"
        /// PostHog counts differently: a number that is not set is 0 there.
        case missingNumber = "missing_number"
        /// PostHog counts differently: a tag or class is also found as the beginning of a longer one there.
        case namePrefix = "name_prefix"
        /// PostHog counts differently: what stands behind an attribute selector is dropped there.
        case behindAttribute = "behind_attribute"
        /// PostHog counts differently: `semver_eq` is never true there.
        case semverEqual = "semver_eq"
        /// PostHog counts differently: a relative date is resolved when the action is saved there, and here for every event.
        case relativeDate = "relative_date"
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
    /// What the author may have meant, where that is obvious.
    public var suggestion: String?

    /// One sentence, on one line and without control characters.
    public var description: String {
        let label = ActionLabel(id: actionID, name: actionName)
        let place = step.map { " step \($0)" } ?? ""
        let hint = suggestion.map { ". Hint: \($0)" } ?? ""
        return Printable.text("action \(label)\(place): \(sentence)\(hint)")
    }

    /// The same for programs: `action`, `name`, `step`, `field`, `reason`, `suggestion`, `message`.
    public var json: JSONTree {
        JSONTree.object(
            ActionLabel(id: actionID, name: actionName).members(step: step, field: field) + [
                .init(key: "reason", value: .string(reason.rawValue)),
                .init(key: "suggestion", value: suggestion.map { .string($0) } ?? .null),
                .init(key: "message", value: .string(description)),
            ]
        )
    }

    private var sentence: String {
        let field = Printable.shortened(field, to: 120)
        let different = "\(field) may count differently:"
        return switch reason {
        case .noConditions: "no conditions, so it matches every event of the team"
        case .unknownKey: "the key \"\(field)\" means nothing here; it is kept"
        case .dropped: "\(field) is dropped: the event carries no elements, and PostHog ignores the condition"
        case .elementsOutsideAutocapture:
            "\(different) PostHog ignores it for events other than $autocapture, Tagstream evaluates it"
        case .withoutSteps: "\(different) without steps PostHog matches every event, Tagstream refuses it"
        case .textNull:
            "\(different) PostHog takes a property that is not set for the text \"null\", Tagstream does not"
        case .missingNumber: "\(different) PostHog takes a number that is not set for 0, Tagstream does not"
        case .namePrefix:
            "\(different) PostHog also finds a tag or class at the beginning of a longer one, Tagstream does not"
        case .behindAttribute:
            "\(different) PostHog drops what stands behind an attribute selector, Tagstream evaluates it"
        case .semverEqual: "\(different) semver_eq is never true in PostHog"
        case .relativeDate:
            "\(different) PostHog resolves a relative date when the action is saved, Tagstream for every event"
        }
    }
}
