/// Takes one version of an action out of force, because it fails too often: the entry `quarantine/TEAM/ID` of the catalogue.
///
/// Written by a worker (see ``ActionFailures``) instead of being decided by each lane for itself, so that there is one position of the
/// catalogue from which on nobody evaluates the action, and a replay under that epoch gives the same rows. It names the action's entry
/// by its offset: an action that is published again is another entry, and in force.
public struct ActionStop: Sendable, Equatable {
    /// The action's team and id.
    public var team: Int64
    /// The action's id.
    public var id: Int64
    /// The version that failed, for people.
    public var version: Int64
    /// The offset of the action's entry in the catalogue's topic.
    public var entry: Int64
    /// What was counted.
    public var failures: ActionFailures

    /// Makes one.
    public init(team: Int64, id: Int64, version: Int64, entry: Int64, failures: ActionFailures) {
        self.team = team
        self.id = id
        self.version = version
        self.entry = entry
        self.failures = failures
    }

    /// The record's key.
    public var key: CatalogueKey { .quarantine(team: team, id: id) }

    /// The record's value.
    public var json: JSONTree {
        .object([
            .init(key: "team_id", value: .number(team)), .init(key: "action_id", value: .number(id)),
            .init(key: "version", value: .number(version)), .init(key: "entry", value: .number(entry)),
            .init(key: "failed", value: .number(Int64(failures.failed))),
            .init(key: "candidates", value: .number(Int64(failures.candidates))),
        ])
    }

    /// Why the action is not in force, for its author.
    var reason: String {
        "version \(version) could not be evaluated for \(failures.failed) of \(failures.candidates) events that its patterns were searched "
            + "for in, expected no more than 1 %. Hint: write + or * instead of long counted repetitions, and publish it again"
    }

    /// Reads the value of a record whose key names this team and action.
    init(_ tree: JSONTree, team: Int64, id: Int64) throws(CatalogueProblem) {
        func number(_ name: String) throws(CatalogueProblem) -> Int64 {
            guard let number = tree[name]?.integer, number >= 0 else {
                let found = tree[name]?.jsonText ?? "missing"
                throw CatalogueProblem("a quarantine's \"\(name)\" is \(found), expected a whole number")
            }
            return number
        }
        guard case .object = tree else {
            throw CatalogueProblem("a quarantine is \(tree.kindName), expected an object with an action's \"entry\"")
        }
        let found = (team: try number("team_id"), id: try number("action_id"))
        guard found == (team, id) else {
            throw CatalogueProblem(
                "the quarantine is of action \(found.id) of team \(found.team), expected \(id) of team \(team) as in the record key"
            )
        }
        self.init(
            team: team,
            id: id,
            version: try number("version"),
            entry: try number("entry"),
            failures: ActionFailures(
                failed: Int(clamping: try number("failed")),
                candidates: Int(clamping: try number("candidates"))
            )
        )
    }
}
