/// Why an action matches an event, or why it does not: every step, every condition, what was expected and what was found.
///
/// The verdicts are those of matching, asked of the same evaluator; the texts beside them are for whoever reads.
public struct Explanation: Sendable, Equatable {
    /// The action's id.
    public var id: Int64
    /// The action's name; may be empty.
    public var name: String
    /// Whether the action is deleted: then it has no steps and matches nothing.
    public var isDeleted: Bool
    /// Yes when one of the steps says so.
    public var verdict: Verdict
    /// The action's steps in their order, all of them evaluated.
    public var steps: [StepExplanation]
}

/// What came of a condition, a step or an action.
public enum Verdict: String, Sendable, CaseIterable {
    case yes, no
    /// It could not be evaluated (a pattern took too long, or a bug); never a no in disguise.
    case error

    init(_ outcome: Outcome) {
        switch outcome {
        case .isTrue: self = .yes
        case .isFalse: self = .no
        case .failed: self = .error
        }
    }
}

/// A step: conditions that all have to hold.
public struct StepExplanation: Sendable, Equatable {
    /// Yes when every condition says so.
    public var verdict: Verdict
    /// The conditions as their author ordered them, all of them evaluated; a step without any matches every event.
    public var conditions: [ConditionExplanation]
}

/// A condition: what it expects, what the event has, and what came of comparing them.
public struct ConditionExplanation: Sendable, Equatable {
    /// Where the condition stands in the step: `url`, `text+tag_name`, `properties[0]`.
    public var field: String
    /// What it looks at, for a reader: `URL`, `property "plan"`, `selector`.
    public var subject: String
    /// The operator or matching mode as the definition has it, or the default's name.
    public var operatorName: String
    /// The value as the definition has it; nil where there is none (`is_set`) and where ``parts`` say it.
    public var expected: JSONTree?
    /// What the event has there.
    public var found: Found
    /// The text that was compared, where it is not the text that was found.
    public var compared: String?
    /// How ``compared`` came from what was found: `lower-cased`, `read as a number`.
    public var conversion: String?
    /// Whether the condition holds, its negation included.
    public var verdict: Verdict
    /// What one and the same element has to satisfy, where that is more than one thing.
    public var parts: [Part]
    /// What a reader should know besides: near misses above all.
    public var notes: [Note]

    /// One of several things that one and the same element has to satisfy.
    public struct Part: Sendable, Equatable {
        /// `text`, `href` or `tag_name`.
        public var field: String
        /// The matching mode.
        public var operatorName: String
        /// The value as the definition has it.
        public var expected: JSONTree
        /// Whether some element satisfies this part, whatever it has to do with the others.
        public var verdict: Verdict
    }

    /// What the event has where a condition looks.
    public enum Found: Sendable, Equatable {
        /// Nothing.
        case notSet
        /// JSON's null, which counts as nothing.
        case null
        /// A value: its kind (`text`, `number`, `boolean`, `list`, `object`) and how it reads.
        case value(kind: String, text: String)
        /// Elements, innermost first, in a selector's spelling with their text and link behind it.
        case elements([String])
    }

    /// A sentence, and a name that does not change when the sentence does.
    public struct Note: Sendable, Equatable {
        /// What kind of note it is.
        public enum Kind: String, Sendable, CaseIterable {
            /// Only upper and lower case differ.
            case letterCase = "case"
            /// Only blanks around the text differ.
            case blanks
            /// Only a slash at the end differs.
            case trailingSlash = "trailing_slash"
            /// Only the kind of quote characters differs.
            case quotes
            /// The texts look the same and are different characters (Unicode's normal forms).
            case unicodeForm = "unicode_form"
            /// A text where a number is expected, or another such pair that is never equal.
            case type
            /// The property is not set.
            case notSet = "not_set"
            /// The property is null.
            case null
            /// Another matching mode or operator would match.
            case otherMode = "other_mode"
            /// The property is somewhere else.
            case otherPlace = "other_place"
            /// An ancestor satisfies what the direct parent should.
            case notParent = "not_parent"
            /// Several elements satisfy what one should.
            case otherElement = "other_element"
            /// No element satisfies some part of a selector.
            case missingPart = "missing_part"
            /// The event carries no elements.
            case noElements = "no_elements"
        }

        /// What kind of note it is.
        public var kind: Kind
        /// The sentence.
        public var text: String

        init(_ kind: Kind, _ text: String) {
            self.kind = kind
            self.text = text
        }
    }
}
