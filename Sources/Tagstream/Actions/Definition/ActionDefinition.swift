/// An action: what its author defined, checked and compiled.
///
/// An action is the OR of its steps, a step the AND of its conditions. Values of this type exist only for actions that may be
/// published; ``reading(_:defaultID:)`` gives either one of them or all the reasons why not.
///
/// An immutable object: ten thousand of them are sorted and linked with every change of one, and copying a reference is cheap.
public final class ActionDefinition: Sendable {
    /// The action's id within its team.
    public let id: Int64
    /// The team whose events it tags; nil where the definition leaves that to whoever reads it.
    public let teamID: Int64?
    /// The name its author gave it; may be empty.
    public let name: String
    /// What its author says about it; may be empty.
    public let details: String
    /// Whether it is deleted: then it has no steps and matches nothing.
    public let isDeleted: Bool
    /// Grows by one with every published change of the steps; 1 for a definition that does not say.
    public let version: Int64
    /// The definition as it was read, with every key that its author wrote.
    public let source: JSONTree
    /// What the action may cost for one event, in the units of ``ActionCost``.
    public let cost: Int

    /// How many steps there are.
    public var stepCount: Int { steps.count }

    /// The longest definition in bytes of JSON: with its key it fits into Kafka's default of a megabyte for a record.
    public static let maximumLength = 900_000

    /// The steps; any one of them makes the action match.
    let steps: [Step]
    /// The same, as plans are linked from them.
    let linkParts: [LinkPart]
    /// What every match record of the action says about it, ready to be copied (``MatchEncoder``).
    let matchFragment: [UInt8]

    /// Conditions that must all hold.
    struct Step: Sendable {
        var conditions: [Place]

        /// A condition, and the field of the step that it was read from.
        struct Place: Sendable {
            var field: String
            var condition: Condition
        }
    }

    /// What a plan has to know of a step, worked out once.
    struct LinkPart: Sendable {
        /// The event's name; nil for a step that takes any.
        let event: [UInt8]?
        let eventHash: UInt64
        /// The conditions but that of the event's name, the cheap ones first.
        let conditions: [Condition]

        init(_ step: Step) {
            var event: [UInt8]?
            var others: [Condition] = []
            for place in step.conditions {
                if case .event(let name) = place.condition.test { event = name } else { others.append(place.condition) }
            }
            let isOrdered = zip(others, others.dropFirst()).allSatisfy { $0.cost <= $1.cost }
            conditions =
                isOrdered
                ? others
                : others.enumerated()
                    .sorted { ($0.element.cost, $0.offset) < ($1.element.cost, $1.offset) }
                    .map(\.element)
            self.event = event
            eventHash = event.map { AccessKey.hash($0) } ?? 0
        }
    }

    init(
        id: Int64,
        teamID: Int64?,
        name: String,
        details: String,
        isDeleted: Bool,
        version: Int64,
        source: JSONTree,
        steps: [Step]
    ) {
        self.id = id
        self.teamID = teamID
        self.name = name
        self.details = details
        self.isDeleted = isDeleted
        self.version = version
        self.source = source
        self.steps = steps
        linkParts = steps.map(LinkPart.init)
        matchFragment = MatchEncoder.fragment(id: id, version: version, name: name)
        cost = steps.reduce(0) { $0 + 1 + $1.conditions.reduce(0) { $0 + $1.condition.cost } }
    }

    /// Reads one definition.
    ///
    /// - Parameters:
    ///   - tree: the definition, in PostHog's form.
    ///   - defaultID: the id of a definition without one; without a default, such a definition is refused.
    public static func reading(_ tree: JSONTree, defaultID: Int64? = nil) -> ActionReading {
        var reader = ActionReader(defaultID: defaultID)
        return reader.read(tree)
    }
}

/// What came of reading a definition: an action, or at least one refusal.
public struct ActionReading: Sendable {
    /// The action; nil when it is refused.
    public var definition: ActionDefinition?
    /// All reasons why it is refused, in the order of the definition.
    public var refusals: [Refusal]
    /// What is allowed and odd.
    public var warnings: [ActionWarning]
}
