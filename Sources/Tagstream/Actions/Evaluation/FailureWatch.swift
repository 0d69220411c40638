// Which actions fail, and how often.
//
// Nothing but a pattern's search can fail, and nearly none does; so nothing is counted for an action until it has failed once. From
// then on it is watched: of every event of its team it is asked whether one of the action's patterns was searched for, which makes
// the event one of its *candidates*. What the lanes count is added up by the worker, and an action that fails on more than one
// candidate in a hundred is quarantined by an entry of the catalogue, so that all lanes stop evaluating it at one position, and a
// replay does as well.

/// A version of an action, as failures are counted.
public struct ActionVersion: Hashable, Sendable {
    /// The team's id.
    public var team: Int64
    /// The action's id.
    public var id: Int64
    /// Which version of it.
    public var version: Int64

    /// Makes one.
    public init(team: Int64, id: Int64, version: Int64) {
        self.team = team
        self.id = id
        self.version = version
    }
}

/// How often an action could not be evaluated.
public struct ActionFailures: Hashable, Sendable {
    /// Events for which it could not be evaluated.
    public var failed: Int
    /// Events for which one of its patterns was searched for, those that failed included; counted from the first failure on.
    public var candidates: Int

    /// Makes counts.
    public init(failed: Int = 0, candidates: Int = 0) {
        self.failed = failed
        self.candidates = candidates
    }

    /// Fewer failures prove nothing of an action.
    public static let fewest = 10

    /// Whether the action has to be quarantined: it fails on more than one candidate in a hundred.
    public var areTooMany: Bool { failed >= Self.fewest && failed * 100 > candidates }

    /// Adds other counts.
    public mutating func add(_ other: ActionFailures) {
        failed += other.failed
        candidates += other.candidates
    }
}

/// Counts the failures of a lane's actions.
///
/// Costs two comparisons an event as long as none has failed; a watched action costs as many more as it has patterns. Allocates when an
/// action fails for the first time, and after a change of the catalogue.
public struct FailureWatch: Sendable {
    /// What was counted, by action.
    public private(set) var failures: [ActionVersion: ActionFailures] = [:]

    /// An action that has failed, in the plan that was in force last.
    private struct Watched {
        var action: ActionVersion
        var place: Int32
        /// The conditions that have patterns.
        var conditions: [Int32]
    }

    private struct Team {
        var plan: ActionPlan
        var watched: [Watched] = []
    }

    private var teams: [Int64: Team] = [:]
    /// Actions of one team that are watched at once; others have to wait until one of them is quarantined or changed.
    private static let most = 64

    /// Watches nothing yet.
    public init() {}

    var isIdle: Bool { teams.isEmpty }

    /// Counts what became of an event: called for each, once there is something to watch or something has failed.
    ///
    /// - Parameter isRemembered: whether a condition was evaluated for the event.
    mutating func count(
        _ matched: borrowing MatchedActions,
        of plan: ActionPlan,
        team: Int64,
        isRemembered: (Int32) -> Bool
    ) {
        var known = teams.removeValue(forKey: team) ?? Team(plan: plan)
        if known.plan !== plan { known = moved(known, to: plan) }
        for index in 0..<matched.failedCount { watch(matched.failed(index), &known, team) }
        guard !known.watched.isEmpty else { return }
        for watched in known.watched where watched.conditions.contains(where: isRemembered) {
            failures[watched.action, default: ActionFailures()].candidates += 1
        }
        for index in 0..<matched.failedCount {
            guard let watched = known.watched.first(where: { $0.place == matched.failed(index) }) else { continue }
            failures[watched.action, default: ActionFailures()].failed += 1
        }
        teams[team] = known
    }

    private mutating func watch(_ place: Int32, _ team: inout Team, _ id: Int64) {
        guard team.watched.count < Self.most, !team.watched.contains(where: { $0.place == place }) else { return }
        let definition = team.plan.definitions[Int(place)]
        team.watched.append(
            Watched(
                action: ActionVersion(team: id, id: definition.id, version: definition.version),
                place: place,
                conditions: team.plan.conditionsWithPatterns(ofActionAt: Int(place))
            )
        )
    }

    /// The watched actions that are in the next plan as well; what was counted of the others is forgotten.
    private mutating func moved(_ old: Team, to plan: ActionPlan) -> Team {
        var new = Team(plan: plan)
        for watched in old.watched {
            let action = watched.action
            let place = plan.definitions.firstIndex { $0.id == action.id && $0.version == action.version }
            guard let place else {
                failures[action] = nil
                continue
            }
            watch(Int32(place), &new, action.team)
        }
        return new
    }
}

extension ActionPlan {
    /// The conditions of an action's steps that search for a pattern: the only ones that can fail.
    fileprivate func conditionsWithPatterns(ofActionAt place: Int) -> [Int32] {
        var found: [Int32] = []
        for step in Int(firstSteps[place])..<Int(firstSteps[place + 1]) {
            for index in 0..<Int(steps[step].count) {
                let number = stepConditions[Int(steps[step].first) + index]
                if hasPattern(tables.conditions[Int(number)]), !found.contains(number) { found.append(number) }
            }
        }
        return found
    }

    private func hasPattern(_ condition: FlatCondition) -> Bool {
        // A selector's operands are compounds.
        guard condition.kind != .selector else { return false }
        return (0..<Int(condition.count)).contains { tables.operands[Int(condition.first) + $0].kind == .pattern }
    }
}
