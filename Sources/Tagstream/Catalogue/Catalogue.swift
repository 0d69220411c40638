/// The set of teams, actions and schemas, built entry by entry in the order of the catalogue's topic.
///
/// A value: no I/O. The topic is compacted, so the entries may be those of any time; what counts for a key is its last entry.
///
/// An entry that cannot be used never takes anything away: it is *quarantined*, listed with its reasons, and the key's last good
/// entry stays in force. Other keys are unaffected. So is an action or schema that would take its team beyond its quota (``TeamBudget``), and a
/// team that claims another's token; these come into force by themselves once there is room for them.
///
/// What an earlier entry of a key said is known only to those who read it before the topic was compacted. Publishing checks first
/// (`tagstream apply`), so that this never matters for what went that way.
public struct Catalogue: Sendable {
    /// What became of an entry.
    public enum Change: Sendable, Equatable {
        /// A team, an action or a schema is new or has changed.
        case changed(CatalogueKey)
        /// A team, an action or a schema is gone.
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
    /// The schemas in force, by team and the name of their event.
    public internal(set) var schemas: [Int64: [EventName: SchemaDefinition]] = [:]
    /// What cannot be used, by record key: the last entry of each, until a good one follows.
    public internal(set) var quarantined: [String: Quarantined] = [:]
    /// The offset behind the last entry that was taken: the next snapshot's epoch.
    public private(set) var epoch: Int64 = 0

    /// Which actions are in force, by team.
    private var budgets: [Int64: TeamBudget<ActionDefinition>] = [:]
    /// Which schemas are in force, by team.
    var schemaBudgets: [Int64: TeamBudget<SchemaDefinition>] = [:]
    /// The teams that have a token, by its bytes.
    private var tokens: [[UInt8]: Int64] = [:]
    /// Teams whose last entry claims another's token, by id.
    private var waiting: [Int64: (team: TeamDefinition, offset: Int64)] = [:]
    /// Versions of actions that were taken out of force for failing too often, with the offset of the entry that says so.
    private var stops: [Int64: [Int64: (stop: ActionStop, offset: Int64)]] = [:]
    /// What entries did to other keys, until it is asked for.
    var consequences: [Change] = []
    /// Plans of the last snapshot, to reuse what did not change.
    private var plans: [Int64: ActionPlan] = [:]
    /// Actions that have changed since, by team.
    private var stale: [Int64: Set<Int64>] = [:]
    /// Tracking plans of the last snapshot, and the teams whose one is no longer right.
    var trackingPlans: [Int64: TrackingPlan] = [:]
    var staleTrackingPlans: Set<Int64> = []

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
        guard let entry = CatalogueKey(text), text.utf8.elementsEqual(key ?? []) else {
            let found = Printable.shortened(text, to: 100)
            let expected = "expected team/ID, action/TEAM/ID, schema/TEAM/EVENT or quarantine/TEAM/ID"
            return quarantine(text, offset, ["the record key is \"\(found)\", \(expected)"])
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
        case .quarantine(let team, let id): return put(stopOf: id, of: team, tree, at: offset)
        case .schema(let team, let event): return put(schema: event, of: team, tree, at: offset)
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
        staleTrackingPlans.insert(team.id)
        let changed = budgets[team.id, default: Self.noActions].setQuota(team.actionCostQuota)
        settle(changed, of: team.id)
        setSchemaQuota(team.schemaCostQuota, of: team.id)
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
            Team(
                id: team.id,
                token: team.token,
                plan: plan(of: team.id),
                rules: team.rules,
                trackingPlan: trackingPlan(of: team.id),
                enrichments: enrichments(of: team.id)
            )
        }
        staleTrackingPlans.removeAll()
        return Snapshot(epoch: epoch, teams: compiled)
    }

    /// A snapshot in which every event belongs to one team, whatever its token: for files that list actions and no teams.
    ///
    /// - Parameter team: the team whose actions are tried.
    public mutating func snapshot(onlyTeam team: Int64) -> Snapshot {
        let only = Team(
            id: team,
            token: "",
            plan: plan(of: team),
            trackingPlan: trackingPlan(of: team),
            enrichments: enrichments(of: team)
        )
        return Snapshot(epoch: epoch, teams: [only], onlyTeam: 0)
    }

    // MARK: Details

    private static var noActions: TeamBudget<ActionDefinition> { TeamBudget(quota: ActionCost.teamQuota) }

    private mutating func plan(of team: Int64) -> ActionPlan {
        let changed = stale.removeValue(forKey: team) ?? []
        if let plan = plans[team], changed.isEmpty { return plan }
        let inForce = actions[team] ?? [:]
        let plan =
            plans[team]?.changing(Dictionary(uniqueKeysWithValues: changed.map { ($0, inForce[$0]) }))
            ?? ActionPlan.compile(Array(inForce.values))
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
        var budget = budgets.removeValue(forKey: team) ?? Self.noActions
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

    private mutating func put(stopOf id: Int64, of team: Int64, _ tree: JSONTree, at offset: Int64) -> Change {
        let key = CatalogueKey.quarantine(team: team, id: id)
        do {
            let stop = try ActionStop(tree, team: team, id: id)
            quarantined[key.description] = nil
            stops[team, default: [:]][id] = (stop, offset)
        } catch {
            return quarantine(key.description, offset, [error.description])
        }
        settle([id], of: team, because: id)
        let listed = quarantined[CatalogueKey.action(team: team, id: id).description]
        return listed.flatMap { $0.offset == offset ? .quarantined($0) : nil } ?? .changed(key)
    }

    /// The offset of an action's entry, where this version of it is in force.
    public func entry(ofAction id: Int64, team: Int64, version: Int64) -> Int64? {
        guard actions[team]?[id]?.version == version, let entry = budgets[team]?.entries[id],
            entry.definition?.version == version
        else { return nil }
        return entry.offset
    }

    /// An action's last entry that can be read, in force or not, with its version; nil after a deletion.
    public func lastEntry(ofAction id: Int64, team: Int64) -> (version: Int64, source: JSONTree)? {
        budgets[team]?.entries[id].map { ($0.source["version"]?.integer ?? 1, $0.source) }
    }

    /// Whether an entry says that an action fails too often, be it of this version or an earlier one.
    public func isStopped(action id: Int64, team: Int64) -> Bool { stops[team]?[id] != nil }

    /// What an action costs its team, whether it is in force or quarantined for failing.
    func cost(ofAction id: Int64, team: Int64) -> Int { budgets[team]?.entries[id]?.inForce?.cost ?? 0 }

    /// Takes over what a team's budget decided.
    private mutating func settle(_ changed: [Int64], of team: Int64, because cause: Int64? = nil) {
        guard !changed.isEmpty else { return }
        stale[team, default: []].formUnion(changed)
        for id in changed {
            let key = CatalogueKey.action(team: team, id: id)
            let entry = budgets[team]?.entries[id]
            let stop = stops[team]?[id].flatMap { $0.stop.entry == entry?.offset ? $0 : nil }
            actions[team, default: [:]][id] = stop == nil ? entry?.inForce : nil
            guard let entry else { continue }
            let listed = quarantined[key.description]
            if let stop {
                if listed?.offset ?? 0 <= stop.offset { quarantine(key.description, stop.offset, [stop.stop.reason]) }
                continue
            }
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
            trackingPlans[id] = nil
            if let changed = budgets[id]?.setQuota(ActionCost.teamQuota) { settle(changed, of: id) }
            setSchemaQuota(SchemaCost.teamQuota, of: id)
            admitWaiting()
        case .action(let team, let id):
            deleted[team]?[id] = nil
            if let changed = budgets[team]?.remove(id) { settle(changed, of: team, because: id) }
        case .quarantine(let team, let id):
            guard let old = stops[team]?.removeValue(forKey: id) else { return }
            let action = CatalogueKey.action(team: team, id: id)
            if quarantined[action.description]?.offset == old.offset { quarantined[action.description] = nil }
            settle([id], of: team)
        case .schema(let team, let event): remove(schema: event, of: team)
        }
    }

    @discardableResult
    mutating func quarantine(_ key: String, _ offset: Int64, _ reasons: [String]) -> Change {
        let entry = Quarantined(key: key, offset: offset, reasons: reasons.map(Printable.text))
        quarantined[key] = entry
        return .quarantined(entry)
    }
}
