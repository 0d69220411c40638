/// The set of teams and actions, built entry by entry in the order of the catalogue's topic.
///
/// A value: no I/O. The topic is compacted, so the entries may be those of any time; what counts for a key is its last entry.
///
/// An entry that cannot be used never takes anything away: it is *quarantined*, listed with its reasons, and the key's last good
/// entry stays in force. Other keys are unaffected.
public struct Catalogue: Sendable {
    /// What became of an entry.
    public enum Change: Sendable, Equatable {
        /// A team or an action is new or has changed.
        case changed(CatalogueKey)
        /// A team or an action is gone.
        case deleted(CatalogueKey)
        /// The entry cannot be used; the reasons say why.
        case quarantined(Quarantined)
    }

    /// An entry that cannot be used.
    public struct Quarantined: Sendable, Equatable {
        /// The entry's record key, as far as it is text.
        public var key: String
        /// Its offset in the catalogue's topic.
        public var offset: Int64
        /// All reasons.
        public var reasons: [String]
    }

    /// The teams by id.
    public private(set) var teams: [Int64: TeamDefinition] = [:]
    /// The actions that may match, by team and id; deleted ones are not kept.
    public private(set) var actions: [Int64: [Int64: ActionDefinition]] = [:]
    /// What cannot be used, by record key: the last entry of each, until a good one follows.
    public private(set) var quarantined: [String: Quarantined] = [:]
    /// The offset behind the last entry that was taken: the next snapshot's epoch.
    public private(set) var epoch: Int64 = 0

    /// Plans of the last snapshot, to reuse what did not change.
    private var plans: [Int64: ActionPlan] = [:]
    /// Teams whose plan is no longer right.
    private var stale: Set<Int64> = []

    /// Makes an empty catalogue.
    public init() {}

    /// How many actions may match.
    public var actionCount: Int { actions.values.reduce(0) { $0 + $1.count } }

    /// Takes the entry at an offset of the catalogue's topic.
    ///
    /// - Parameters:
    ///   - key: the record's key, as bytes.
    ///   - value: the record's value; nil or empty deletes.
    @discardableResult
    public mutating func apply(key: [UInt8]?, value: [UInt8]?, at offset: Int64) -> Change {
        epoch = max(epoch, offset + 1)
        let text = String(decoding: key ?? [], as: UTF8.self)
        guard let entry = CatalogueKey(text) else {
            return quarantine(
                text,
                offset,
                ["the record key is \"\(text.prefix(80))\", expected team/ID or action/TEAM/ID"]
            )
        }
        guard let value, !value.isEmpty else {
            delete(entry)
            quarantined[text] = nil
            return .deleted(entry)
        }
        let tree: JSONTree
        do {
            tree = try JSONTree(parsing: value)
        } catch {
            return quarantine(text, offset, ["the value is not JSON: \(error)"])
        }
        let reasons = put(entry, tree)
        guard reasons.isEmpty else { return quarantine(text, offset, reasons) }
        quarantined[text] = nil
        return .changed(entry)
    }

    /// Puts a team in; for catalogues that are read from files.
    public mutating func put(_ team: TeamDefinition) {
        teams[team.id] = team
        stale.insert(team.id)
    }

    /// Puts an action in, or takes it out where it is deleted; for catalogues that are read from files.
    public mutating func put(_ action: ActionDefinition, team: Int64) {
        actions[team, default: [:]][action.id] = action.isDeleted ? nil : action
        stale.insert(team)
    }

    /// Compiles what has changed since the last snapshot and returns the whole as one immutable value.
    ///
    /// - Complexity: the actions of the teams that changed; conditions that did not change are not compiled again.
    public mutating func snapshot() -> Snapshot {
        let compiled = teams.values.sorted { $0.id < $1.id }.map { team in
            Team(id: team.id, token: team.token, plan: plan(of: team.id))
        }
        stale.removeAll()
        return Snapshot(epoch: epoch, teams: compiled)
    }

    /// A snapshot in which every event belongs to one team, whatever its token: for files that list actions and no teams.
    ///
    /// - Parameter team: the team whose actions are tried.
    public mutating func snapshot(onlyTeam team: Int64) -> Snapshot {
        let only = Team(id: team, token: "", plan: plan(of: team))
        return Snapshot(epoch: epoch, teams: [only], onlyTeam: 0)
    }

    // MARK: Details

    private func definitions(of team: Int64) -> [ActionDefinition] {
        (actions[team] ?? [:]).values.sorted { $0.id < $1.id }
    }

    private mutating func plan(of team: Int64) -> ActionPlan {
        if let plan = plans[team], !stale.contains(team) { return plan }
        let plan = ActionPlan.compile(definitions(of: team))
        plans[team] = plan
        return plan
    }

    private mutating func put(_ key: CatalogueKey, _ tree: JSONTree) -> [String] {
        switch key {
        case .team(let id):
            do {
                let team = try TeamDefinition(tree)
                guard team.id == id else {
                    return ["the team's \"id\" is \(team.id), expected \(id) as in the record key"]
                }
                if let other = teams.values.first(where: { $0.token == team.token && $0.id != id }) {
                    return ["the team's \"api_token\" is team \(other.id)'s already"]
                }
                put(team)
                return []
            } catch {
                return [error.description]
            }
        case .action(let team, let id):
            let reading = ActionDefinition.reading(tree)
            guard let action = reading.definition else { return reading.refusals.map(\.description) }
            guard action.id == id, action.teamID == nil || action.teamID == team else {
                return [
                    "the action is \(action.id) of team \(action.teamID ?? team), expected \(id) of team \(team) as in the record key"
                ]
            }
            put(action, team: team)
            return []
        }
    }

    private mutating func delete(_ key: CatalogueKey) {
        switch key {
        case .team(let id):
            teams[id] = nil
            plans[id] = nil
        case .action(let team, let id):
            actions[team]?[id] = nil
            stale.insert(team)
        }
    }

    private mutating func quarantine(_ key: String, _ offset: Int64, _ reasons: [String]) -> Change {
        let entry = Quarantined(key: key, offset: offset, reasons: reasons)
        quarantined[key] = entry
        return .quarantined(entry)
    }
}
