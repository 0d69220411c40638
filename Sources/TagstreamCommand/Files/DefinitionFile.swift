import Foundation
import Tagstream

/// What a definition file says: teams, actions and schemas with everything that is wrong or odd about them.
///
/// Accepted, in JSON or YAML: one action; a list of actions; an object with `teams`, `actions` and `schemas`; a PostHog export, which is an object
/// with `results`.
struct DefinitionFile {
    var teams: [TeamDefinition] = []
    /// The actions that may be published, with the team that each belongs to.
    var actions: [(team: Int64, action: ActionDefinition)] = []
    /// The schemas that may be published, with the team that each belongs to.
    var schemas: [(team: Int64, schema: SchemaDefinition)] = []
    var refusals: [Refusal] = []
    var schemaRefusals: [SchemaRefusal] = []
    var warnings: [ActionWarning] = []

    /// How actions are read: as they are written, or as what PostHog exported.
    enum Form {
        case plain
        case postHogExport
    }

    /// Against what the cost of actions is counted.
    enum Quotas {
        /// The files say everything: what they do not say has its default.
        case ofFiles
        /// They are counted later (``refuseBeyondQuotas(over:)``), against a catalogue that is not read yet.
        case later
    }

    /// The largest file, in bytes; ten thousand actions take about five million.
    static let largestFile = 64 << 20

    /// What all actions of a call may cost together, unless a team's quota in its files is larger: compiled patterns take memory.
    static let largestCost = 2 * ActionCost.teamQuota

    private let form: Form
    private var cost = 0
    /// What the schemas of the files cost together.
    var schemaCost = 0

    /// How many mistakes there are.
    var mistakeCount: Int { refusals.count + schemaRefusals.count }

    /// Whether the files say which team's events are which.
    var namesTeams: Bool { !teams.isEmpty }

    /// Reads files, one after the other, as if they were one.
    ///
    /// - Parameter defaultTeam: the team of actions that do not say theirs; nil makes that a mistake.
    /// - Throws: a ``Failure`` of code `usage` where a file cannot be read, is neither JSON nor YAML, or holds something else.
    init(_ paths: [String], defaultTeam: Int64?, form: Form = .plain, quotas: Quotas = .ofFiles) throws {
        self.form = form
        for path in paths {
            let tree = try Self.tree(path)
            try add(tree, path, defaultTeam)
        }
        try checkTeams()
        refuseDuplicates()
        refuseDuplicateSchemas()
        if case .ofFiles = quotas { refuseBeyondQuotas(over: Catalogue()) }
    }

    /// Reads a file as JSON or YAML: by its name where that says it, by its first character otherwise.
    static func tree(_ path: String) throws -> JSONTree {
        let data: Data
        do {
            data =
                path == "-"
                ? FileHandle.standardInput.readDataToEndOfFile() : try Data(contentsOf: URL(fileURLWithPath: path))
        } catch {
            throw Failure(.usage, "cannot read \"\(path)\": no such file, or not readable")
        }
        guard data.count <= largestFile else {
            throw Failure(
                .usage,
                "cannot read \"\(path)\": it has \(data.count) bytes, expected at most \(largestFile). Hint: split it"
            )
        }
        let isYAML = path.hasSuffix(".yaml") || path.hasSuffix(".yml")
        let first = data.first { $0 > 0x20 }
        if !isYAML, path.hasSuffix(".json") || first == 0x7B || first == 0x5B {
            do {
                return try JSONTree(parsing: Array(data))
            } catch {
                throw Failure(.usage, "cannot read \"\(path)\" as JSON: \(error)")
            }
        }
        return try JSONTree.parse(yaml: String(decoding: data, as: UTF8.self), path: path)
    }

    private mutating func add(_ tree: JSONTree, _ path: String, _ defaultTeam: Int64?) throws {
        switch tree {
        case .array(let list):
            for (index, item) in list.enumerated() { try add(action: item, at: index + 1, path, defaultTeam) }
        case .object:
            if tree["steps"] != nil || tree["steps_json"] != nil || tree["deleted"] != nil {
                try add(action: tree, at: 1, path, defaultTeam)
                return
            }
            let groups = ["teams", "actions", "schemas", "results"].compactMap { name in tree[name].map { (name, $0) } }
            guard !groups.isEmpty else {
                throw Failure(
                    .usage,
                    "\"\(path)\" holds an object without \"teams\", \"actions\", \"schemas\", \"results\" or \"steps\", expected teams, "
                        + "actions or schemas"
                )
            }
            for (name, value) in groups { try add(group: name, value, path, defaultTeam) }
        default:
            throw Failure(.usage, "\"\(path)\" holds \(tree.kindName), expected teams or actions")
        }
    }

    private mutating func add(group name: String, _ value: JSONTree, _ path: String, _ defaultTeam: Int64?) throws {
        guard case .array(let list) = value else {
            throw Failure(.usage, "\"\(path)\": \"\(name)\" is \(value.kindName), expected a list")
        }
        for (index, item) in list.enumerated() {
            if name == "teams" {
                do {
                    teams.append(try TeamDefinition(item))
                } catch {
                    throw Failure(.usage, "\"\(path)\": teams[\(index)]: \(error)")
                }
            } else if name == "schemas" {
                add(schema: item, defaultTeam)
            } else {
                try add(action: item, at: index + 1, path, defaultTeam)
            }
        }
    }

    private mutating func add(action tree: JSONTree, at place: Int, _ path: String, _ defaultTeam: Int64?) throws {
        // A file of one's own need not number its actions; what is published must.
        let defaultID = defaultTeam == nil ? nil : Int64(place)
        let limit = max(Self.largestCost, teams.map(\.actionCostQuota).max() ?? 0)
        guard cost <= limit || tree["deleted"] == .bool(true) else {
            refusals.append(
                Refusal(
                    actionID: tree["id"]?.integer ?? defaultID,
                    actionName: tree["name"]?.text ?? "",
                    step: nil,
                    field: "",
                    reason: .quota,
                    found: "not read",
                    expected: "actions before it that cost at most \(limit) units, and they cost \(cost)",
                    suggestion: "publish them in several calls",
                    teamID: tree["team_id"]?.integer
                )
            )
            return
        }
        let reading =
            switch form {
            case .plain: ActionDefinition.reading(tree, defaultID: defaultID)
            case .postHogExport: PostHogExport.reading(tree, defaultID: defaultID)
            }
        refusals += reading.refusals
        warnings += reading.warnings
        // Whose an action is matters also for one that is refused: all its mistakes are told at once.
        guard let team = team(of: tree, defaultTeam) else {
            if lacksTeam(tree) {
                refusals.append(
                    Refusal(
                        actionID: tree["id"]?.integer ?? defaultID,
                        actionName: tree["name"]?.text ?? "",
                        step: nil,
                        field: "team_id",
                        reason: .team,
                        found: "",
                        expected: "the id of its team",
                        suggestion: "use --team"
                    )
                )
            }
            return
        }
        if let action = reading.definition {
            cost += action.cost
            actions.append((team, action))
        }
    }

    /// Whose a definition is: it says so itself, or the file has one team only, or the command line has named one.
    func team(of tree: JSONTree, _ defaultTeam: Int64?) -> Int64? {
        tree["team_id"]?.integer ?? (teams.count == 1 ? teams[0].id : defaultTeam)
    }

    /// Whether a definition without a team names none; one that names it unreadably has been refused for that.
    func lacksTeam(_ tree: JSONTree) -> Bool {
        guard case .object = tree else { return false }
        return tree["team_id"]?.isNull ?? true
    }

    private func checkTeams() throws {
        var tokens: [[UInt8]: Int64] = [:]
        var ids: Set<Int64> = []
        for team in teams {
            guard ids.insert(team.id).inserted else {
                throw Failure(.usage, "team \(team.id) is defined twice, expected one definition of each id")
            }
            if let other = tokens.updateValue(team.id, forKey: Array(team.token.utf8)) {
                throw Failure(
                    .usage,
                    "teams \(other) and \(team.id) have the same \"api_token\", expected one team per token"
                )
            }
        }
    }

    /// Of two definitions with one id neither is good: nobody knows which one is meant.
    private mutating func refuseDuplicates() {
        var counts: [CatalogueKey: Int] = [:]
        for (team, action) in actions { counts[.action(team: team, id: action.id), default: 0] += 1 }
        guard counts.count < actions.count else { return }
        for (team, action) in actions where counts[.action(team: team, id: action.id), default: 0] > 1 {
            refuse(
                action,
                of: team,
                "id",
                .duplicate,
                found: "\(action.id)",
                expected: "one definition of each id in team \(team), and this one is defined twice"
            )
        }
        actions.removeAll { counts[.action(team: $0.team, id: $0.action.id), default: 0] > 1 }
    }

    /// Refuses the actions that would take their team beyond its quota.
    ///
    /// - Parameter present: the catalogue that they are published to.
    mutating func refuseBeyondQuotas(over present: Catalogue) {
        refuseSchemasBeyondQuotas(over: present)
        let over = QuotaCheck.refusals(of: actions, with: teams, over: present)
        guard !over.isEmpty else { return }
        refusals += over.map(\.refusal)
        let keys = Set(over.map { CatalogueKey.action(team: $0.team, id: $0.refusal.actionID ?? 0) })
        actions.removeAll { keys.contains(.action(team: $0.team, id: $0.action.id)) }
    }

    /// Refuses the actions of teams that neither the files nor the catalogue know; a deletion is never refused.
    mutating func refuseOrphans(of present: Catalogue) {
        let known = Set(present.teams.keys).union(teams.map(\.id))
        refuseOrphanSchemas(known)
        for (team, action) in actions where !known.contains(team) && !action.isDeleted {
            refuse(
                action,
                of: team,
                "team_id",
                .team,
                found: "\(team)",
                expected: "a team that the files or the catalogue know, with \"id\" and \"api_token\""
            )
        }
        actions.removeAll { !known.contains($0.team) && !$0.action.isDeleted }
    }

    private mutating func refuse(
        _ action: ActionDefinition,
        of team: Int64,
        _ field: String,
        _ reason: Refusal.Reason,
        found: String,
        expected: String
    ) {
        refusals.append(
            Refusal(
                actionID: action.id,
                actionName: action.name,
                step: nil,
                field: field,
                reason: reason,
                found: found,
                expected: expected,
                suggestion: nil,
                teamID: team
            )
        )
    }

    /// The definitions as a catalogue.
    ///
    /// Actions of a team that no file names are left out of it.
    ///
    /// - Parameter enrichment: what the deployment does to events.
    func catalogue(enrichment: EnrichmentSettings = EnrichmentSettings()) -> Catalogue {
        var catalogue = Catalogue(enrichment: enrichment)
        for team in teams { catalogue.put(team) }
        for (team, action) in actions { catalogue.put(action, team: team) }
        for (team, schema) in schemas { catalogue.put(schema, team: team) }
        return catalogue
    }

    /// Prints refusals and warnings, and says whether there were refusals.
    func report() -> Bool {
        for warning in warnings { printError("warning: \(warning)") }
        printRefusals()
        return mistakeCount > 0
    }

    /// Prints refusals from one of them on, of actions and of schemas.
    func printRefusals(from first: Int = 0, schemas firstSchema: Int = 0) {
        for refusal in refusals.dropFirst(first) { printError("refused: \(refusal)") }
        for refusal in schemaRefusals.dropFirst(firstSchema) { printError("refused: \(refusal)") }
    }

    /// What the actions of each team cost together, and the team's quota.
    var costs: [(team: Int64, cost: Int, quota: Int)] {
        Dictionary(grouping: actions, by: \.team).sorted { $0.key < $1.key }.map { id, actions in
            let quota = teams.first { $0.id == id }?.actionCostQuota ?? ActionCost.teamQuota
            return (id, actions.reduce(0) { $0 + $1.action.cost }, quota)
        }
    }

    /// Teams and actions that may be published, refusals and warnings: for programs.
    var json: [JSONTree.Member] {
        let costs = costs.map { team, cost, quota in
            JSONTree.object([
                .init(key: "team", value: .number(team)),
                .init(key: "cost", value: .number(Int64(cost))),
                .init(key: "quota", value: .number(Int64(quota))),
            ])
        }
        return [
            .init(key: "teams", value: .number(Int64(teams.count))),
            .init(key: "actions", value: .number(Int64(actions.count))),
            .init(key: "schemas", value: .number(Int64(schemas.count))),
            .init(key: "costs", value: .array(costs)),
            .init(key: "refused", value: .array(refusals.map(\.json) + schemaRefusals.map(\.json))),
            .init(key: "warnings", value: .array(warnings.map(\.json))),
        ]
    }
}
