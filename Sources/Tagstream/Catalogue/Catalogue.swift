/// The set of teams and actions, built entry by entry in the order of the catalogue's topic.
///
/// A value: no I/O. The topic is compacted, so the entries may be those of any time; what counts for a key is its last entry.
///
/// An entry that cannot be used never takes anything away: it is *quarantined*, listed with its reasons, and the key's last good
/// entry stays in force. Other keys are unaffected. So is an action that would take its team beyond its quota (``TeamBudget``), and a
/// team that claims another's token; these come into force by themselves once there is room for them.
///
/// What an earlier entry of a key said is known only to those who read it before the topic was compacted. Publishing checks first
/// (`tagstream apply`), so that this never matters for what went that way.
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
    /// The actions that may match, by team and id: what is in force.
    public private(set) var actions: [Int64: [Int64: ActionDefinition]] = [:]
    /// The actions whose last entry says that they are deleted, by team and id; after a tombstone nothing is left to list.
    public private(set) var deleted: [Int64: [Int64: ActionDefinition]] = [:]
    /// What cannot be used, by record key: the last entry of each, until a good one follows.
    public private(set) var quarantined: [String: Quarantined] = [:]
    /// The offset behind the last entry that was taken: the next snapshot's epoch.
    public private(set) var epoch: Int64 = 0

    /// Which actions are in force, by team.
    private var budgets: [Int64: TeamBudget] = [:]
    /// The teams that have a token, by its bytes.
    private var tokens: [[UInt8]: Int64] = [:]
    /// Teams whose last entry claims another's token, by id.
    private var waiting: [Int64: (team: TeamDefinition, offset: Int64)] = [:]
    /// What entries did to other keys, until it is asked for.
    private var consequences: [Change] = []
    /// Plans of the last snapshot, to reuse what did not change.
    private var plans: [Int64: ActionPlan] = [:]
    /// Teams whose plan is no longer right.
    private var stale: Set<Int64> = []

    /// What the deployment does to the events of all teams, before each team's own settings.
    private let enrichment: EnrichmentSettings
    /// Every team's enrichments, compiled for the last snapshot.
    private var enrichments: [Int64: Enrichments] = [:]

    /// Makes an empty catalogue.
    ///
    /// - Parameter enrichment: the deployment's settings.
    public init(enrichment: EnrichmentSettings = EnrichmentSettings()) { self.enrichment = enrichment }

    /// How many actions may match.
    public var actionCount: Int { actions.values.reduce(0) { $0 + $1.count } }

    /// What the actions in force of a team cost together for one event, in the units of ``ActionCost``.
    public func cost(ofTeam id: Int64) -> Int { budgets[id]?.used ?? 0 }

    /// What the actions of a team may cost together: what its entry says, or the default.
    public func quota(ofTeam id: Int64) -> Int { teams[id]?.actionCostQuota ?? ActionCost.teamQuota }

    /// Takes the entry at an offset of the catalogue's topic.
    ///
    /// - Parameters:
    ///   - key: the record's key, as bytes.
    ///   - value: the record's value; nil or empty deletes.
    /// - Returns: what became of the entry itself; what it did to others is told by ``takeConsequences()``.
    @discardableResult
    public mutating func apply(key: [UInt8]?, value: [UInt8]?, at offset: Int64) -> Change {
        epoch = max(epoch, offset + 1)
        let text = String(decoding: key ?? [], as: UTF8.self)
        guard let entry = CatalogueKey(text) else {
            return quarantine(
                text,
                offset,
                ["the record key is \"\(Printable.shortened(text, to: 100))\", expected team/ID or action/TEAM/ID"]
            )
        }
        guard let value, !value.isEmpty else {
            quarantined[text] = nil
            delete(entry)
            return .deleted(entry)
        }
        let tree: JSONTree
        do {
            tree = try JSONTree(parsing: value)
        } catch {
            return quarantine(text, offset, ["the value is not JSON: \(error)"])
        }
        switch entry {
        case .team(let id): return put(team: id, tree, at: offset)
        case .action(let team, let id): return put(action: id, of: team, tree, at: offset)
        }
    }

    /// What the entries since the last call did to other keys: an action that came into force, or had to go, because of another
    /// entry.
    public mutating func takeConsequences() -> [Change] {
        defer { consequences = [] }
        return consequences
    }

    /// Puts a team in; for catalogues that are read from files.
    public mutating func put(_ team: TeamDefinition) {
        if let old = teams[team.id] { tokens[Array(old.token.utf8)] = nil }
        teams[team.id] = team
        tokens[Array(team.token.utf8)] = team.id
        waiting[team.id] = nil
        stale.insert(team.id)
        let changed = budgets[team.id, default: TeamBudget()].setQuota(team.actionCostQuota)
        settle(changed, of: team.id)
    }

    /// Puts an action in, or takes it out where it is deleted; for catalogues that are read from files.
    ///
    /// An action that does not fit into its team's quota is quarantined.
    public mutating func put(_ action: ActionDefinition, team: Int64) { put(action, team: team, at: epoch) }

    /// Compiles what has changed since the last snapshot and returns the whole as one immutable value.
    ///
    /// - Complexity: the actions of the teams that changed; conditions that did not change are not compiled again.
    public mutating func snapshot() -> Snapshot {
        let compiled = teams.values.sorted { $0.id < $1.id }.map { team in
            Team(id: team.id, token: team.token, plan: plan(of: team.id), enrichments: enrichments(of: team.id))
        }
        stale.removeAll()
        return Snapshot(epoch: epoch, teams: compiled)
    }

    /// A snapshot in which every event belongs to one team, whatever its token: for files that list actions and no teams.
    ///
    /// - Parameter team: the team whose actions are tried.
    public mutating func snapshot(onlyTeam team: Int64) -> Snapshot {
        let only = Team(id: team, token: "", plan: plan(of: team), enrichments: enrichments(of: team))
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

    /// A team's enrichments; settings that did not change are not compiled again.
    private mutating func enrichments(of team: Int64) -> Enrichments {
        // The team's entry was read with its settings: what is wrong with them has been refused.
        let settings = (try? enrichment.with(team: teams[team]?.source["settings"])) ?? enrichment
        if let same = enrichments[team], same.settings == settings { return same }
        // Most teams have the deployment's, and share its tables.
        let shared = enrichments.values.first { $0.settings == settings }
        let compiled = shared ?? Enrichments(settings)
        enrichments[team] = compiled
        return compiled
    }

    private mutating func put(team id: Int64, _ tree: JSONTree, at offset: Int64) -> Change {
        let key = CatalogueKey.team(id)
        do throws(CatalogueProblem) {
            let team = try TeamDefinition(tree)
            guard team.id == id else {
                throw CatalogueProblem("the team's \"id\" is \(team.id), expected \(id) as in the record key")
            }
            if let other = tokens[Array(team.token.utf8)], other != id {
                waiting[id] = (team, offset)
                throw CatalogueProblem("the team's \"api_token\" is team \(other)'s already")
            }
            quarantined[key.description] = nil
            put(team)
            admitWaiting()
            return .changed(key)
        } catch {
            return quarantine(key.description, offset, [error.description])
        }
    }

    /// Lets teams in that waited for a token which is free now, in the order of their entries.
    private mutating func admitWaiting() {
        while let (id, next) = waiting.filter({ tokens[Array($0.value.team.token.utf8)] == nil })
            .min(by: { $0.value.offset < $1.value.offset })
        {
            let key = CatalogueKey.team(id)
            // A later entry of this team that cannot be used stays listed.
            if quarantined[key.description]?.offset == next.offset { quarantined[key.description] = nil }
            put(next.team)
            consequences.append(.changed(key))
        }
    }

    private mutating func put(action id: Int64, of team: Int64, _ tree: JSONTree, at offset: Int64) -> Change {
        let key = CatalogueKey.action(team: team, id: id)
        let reading = ActionDefinition.reading(tree)
        guard let action = reading.definition else {
            return quarantine(key.description, offset, reading.refusals.map(\.description))
        }
        guard action.id == id, action.teamID == nil || action.teamID == team else {
            let found = "the action is \(action.id) of team \(action.teamID ?? team)"
            return quarantine(
                key.description,
                offset,
                [found + ", expected \(id) of team \(team) as in the record key"]
            )
        }
        quarantined[key.description] = nil
        put(action, team: team, at: offset)
        return quarantined[key.description].map { .quarantined($0) } ?? .changed(key)
    }

    private mutating func put(_ action: ActionDefinition, team: Int64, at offset: Int64) {
        var budget = budgets.removeValue(forKey: team) ?? TeamBudget()
        deleted[team]?[action.id] = nil
        let changed: [Int64]
        if action.isDeleted {
            deleted[team, default: [:]][action.id] = action
            changed = budget.remove(action.id)
        } else {
            changed = budget.put(action, at: offset)
        }
        budgets[team] = budget
        settle(changed, of: team, because: action.id)
    }

    /// Takes over what a team's budget decided.
    private mutating func settle(_ changed: [Int64], of team: Int64, because cause: Int64? = nil) {
        guard !changed.isEmpty else { return }
        stale.insert(team)
        for id in changed {
            let key = CatalogueKey.action(team: team, id: id)
            let entry = budgets[team]?.entries[id]
            actions[team, default: [:]][id] = entry?.inForce
            guard let entry else { continue }
            let listed = quarantined[key.description]
            // An entry behind this one that cannot be used at all stays listed.
            if let listed, listed.offset > entry.offset { continue }
            guard entry.isOver else {
                quarantined[key.description] = nil
                if id != cause { consequences.append(.changed(key)) }
                continue
            }
            let name =
                entry.name.isEmpty ? "\(id)" : "\"\(Printable.shortened(entry.name, to: 100))\""
            // No number that other entries may change: the reasons stay those of this entry.
            let reason =
                "action \(name): its cost is \(entry.cost) units, expected no more than the actions before it leave of the "
                + "quota of team \(team)"
            let change = quarantine(key.description, entry.offset, [reason])
            if id != cause { consequences.append(change) }
        }
    }

    private mutating func delete(_ key: CatalogueKey) {
        switch key {
        case .team(let id):
            if let team = teams.removeValue(forKey: id) { tokens[Array(team.token.utf8)] = nil }
            waiting[id] = nil
            plans[id] = nil
            if let changed = budgets[id]?.setQuota(ActionCost.teamQuota) { settle(changed, of: id) }
            admitWaiting()
        case .action(let team, let id):
            deleted[team]?[id] = nil
            if let changed = budgets[team]?.remove(id) { settle(changed, of: team, because: id) }
        }
    }

    private mutating func quarantine(_ key: String, _ offset: Int64, _ reasons: [String]) -> Change {
        let entry = Quarantined(key: key, offset: offset, reasons: reasons.map(Printable.text))
        quarantined[key] = entry
        return .quarantined(entry)
    }
}
