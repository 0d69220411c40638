import Tagstream
import Worker

/// The catalogue as rows: what `tagstream get` prints.
struct CatalogueListing {
    /// What is the matter with an entry.
    enum State: String {
        case active, deleted, quarantined
    }

    /// An action.
    struct ActionRow {
        var team: Int64?
        var id: Int64?
        /// The record key, where it names no action at all.
        var key: String?
        /// The version in force, or the last one.
        var definition: ActionDefinition?
        var name: String
        var state: State
        var isInForce: Bool
        var reasons: [String] = []

        var cells: [String] {
            [
                team.map { "\($0)" } ?? "-", id.map { "\($0)" } ?? "-", definition.map { "\($0.version)" } ?? "-",
                Printable.text(Printable.shortened(key ?? name, to: 60)),
                definition.map { "\($0.stepCount)" } ?? "-", definition.map { "\($0.cost)" } ?? "-", state.rawValue,
            ]
        }

        var json: JSONTree {
            func number(_ value: Int64?) -> JSONTree { value.map { .number($0) } ?? .null }
            var members: [JSONTree.Member] = [
                .init(key: "team", value: number(team)), .init(key: "id", value: number(id)),
                .init(key: "version", value: number(definition?.version)), .init(key: "name", value: .string(name)),
                .init(key: "steps", value: number(definition.map { Int64($0.stepCount) })),
                .init(key: "cost", value: number(definition.map { Int64($0.cost) })),
                .init(key: "state", value: .string(state.rawValue)), .init(key: "in_force", value: .bool(isInForce)),
                .init(key: "reasons", value: .array(reasons.map { .string($0) })),
            ]
            if let key { members.append(.init(key: "key", value: .string(key))) }
            return .object(members)
        }
    }

    /// A team.
    struct TeamRow {
        var id: Int64
        var team: TeamDefinition?
        var actions = 0
        var quarantined = 0
        var cost = 0
        var quota: Int
        var state: State
        var reasons: [String] = []

        var cells: [String] {
            [
                "\(id)", Printable.text(Printable.shortened(team?.name ?? "-", to: 60)),
                Printable.text(team?.token ?? "-"),
                "\(actions)", "\(quarantined)", "\(cost)", "\(quota)", state.rawValue,
            ]
        }

        var json: JSONTree {
            .object([
                .init(key: "team", value: .number(id)),
                .init(key: "name", value: team.map { .string($0.name) } ?? .null),
                .init(key: "api_token", value: team.map { .string($0.token) } ?? .null),
                .init(key: "actions", value: .number(Int64(actions))),
                .init(key: "quarantined", value: .number(Int64(quarantined))),
                .init(key: "cost", value: .number(Int64(cost))), .init(key: "quota", value: .number(Int64(quota))),
                .init(key: "state", value: .string(state.rawValue)),
                .init(key: "reasons", value: .array(reasons.map { .string($0) })),
            ])
        }
    }

    private(set) var actions: [ActionRow] = []
    private(set) var teams: [TeamRow] = []
    private(set) var schemas: [SchemaRow] = []

    /// Lists a catalogue as its topic gave it.
    init(_ catalogue: Catalogue) {
        for (team, actions) in catalogue.actions {
            for action in actions.values { add(action, team: team, .active) }
        }
        for (team, actions) in catalogue.deleted {
            for action in actions.values { add(action, team: team, .deleted) }
        }
        for team in catalogue.teams.values {
            teams.append(
                TeamRow(
                    id: team.id,
                    team: team,
                    cost: catalogue.cost(ofTeam: team.id),
                    quota: team.actionCostQuota,
                    state: .active
                )
            )
        }
        schemas = SchemaRow.rows(of: catalogue)
        addQuarantined(of: catalogue)
        finish()
    }

    /// Lists what definition files say; what they say wrongly is quarantined, as it would be in the topic.
    init(_ file: DefinitionFile) {
        self.init(file.catalogue())
        schemas = SchemaRow.adding(file.schemaRefusals, to: schemas)
        var places: [[Int64?]: Int] = [:]
        for refusal in file.refusals {
            if let place = places[[refusal.teamID, refusal.actionID]] {
                actions[place].reasons.append(refusal.description)
                continue
            }
            places[[refusal.teamID, refusal.actionID]] = actions.count
            actions.append(
                ActionRow(
                    team: refusal.teamID,
                    id: refusal.actionID,
                    name: refusal.actionName,
                    state: .quarantined,
                    isInForce: false,
                    reasons: [refusal.description]
                )
            )
        }
        finish()
    }

    private mutating func add(_ action: ActionDefinition, team: Int64, _ state: State) {
        actions.append(
            ActionRow(
                team: team,
                id: action.id,
                definition: action,
                name: action.name,
                state: state,
                isInForce: state == .active
            )
        )
    }

    private mutating func addQuarantined(of catalogue: Catalogue) {
        var places: [CatalogueKey: Int] = [:]
        for (place, row) in actions.enumerated() {
            places[.action(team: row.team ?? 0, id: row.id ?? 0)] = place
        }
        for entry in catalogue.quarantined.values {
            switch CatalogueKey(entry.key) {
            case .team(let id)?:
                if let place = teams.firstIndex(where: { $0.id == id }) {
                    teams[place].state = .quarantined
                    teams[place].reasons = entry.reasons
                } else {
                    let quota = catalogue.quota(ofTeam: id)
                    teams.append(TeamRow(id: id, quota: quota, state: .quarantined, reasons: entry.reasons))
                }
            case .action(let team, let id)?:
                if let place = places[.action(team: team, id: id)] {
                    actions[place].state = .quarantined
                    actions[place].reasons = entry.reasons
                } else {
                    actions.append(
                        ActionRow(
                            team: team,
                            id: id,
                            name: "",
                            state: .quarantined,
                            isInForce: false,
                            reasons: entry.reasons
                        )
                    )
                }
            case .schema?: break  // ``SchemaRow/rows(of:)`` has listed it.
            case .quarantine?, nil:
                actions.append(
                    ActionRow(key: entry.key, name: "", state: .quarantined, isInForce: false, reasons: entry.reasons)
                )
            }
        }
    }

    private mutating func finish() {
        actions.sort { ($0.team ?? 0, $0.id ?? 0, $0.key ?? "") < ($1.team ?? 0, $1.id ?? 0, $1.key ?? "") }
        teams.sort { $0.id < $1.id }
        var places: [Int64: Int] = [:]
        for index in teams.indices {
            places[teams[index].id] = index
            teams[index].actions = 0
            teams[index].quarantined = 0
        }
        for row in actions {
            guard let place = row.team.flatMap({ places[$0] }) else { continue }
            if row.isInForce { teams[place].actions += 1 }
            if row.state == .quarantined { teams[place].quarantined += 1 }
        }
    }
}

extension Settings {
    /// The catalogue's topic, read to its end.
    func presentCatalogue() throws -> Catalogue {
        do {
            var reader = try CatalogueReader(try client(), topic: catalogueTopic, group: "tagstream-apply")
            _ = try reader.readToEnd()
            let present = reader.catalogue
            reader.close()
            return present
        } catch {
            throw Run.failure(of: error, brokers: brokers)
        }
    }
}
