import Tagstream

extension DefinitionFile {
    /// What all schemas of a call may cost together, unless a team's quota in its files is larger: compiled patterns take memory.
    private static let largestSchemaCost = 2 * SchemaCost.teamQuota

    mutating func add(schema tree: JSONTree, _ defaultTeam: Int64?) {
        let limit = max(Self.largestSchemaCost, teams.map(\.schemaCostQuota).max() ?? 0)
        guard schemaCost <= limit || tree["deleted"] == .bool(true) else {
            schemaRefusals.append(
                SchemaRefusal(
                    teamID: tree["team_id"]?.integer,
                    event: tree["event"]?.text ?? "",
                    field: "",
                    reason: .quota,
                    found: "not read",
                    expected: "schemas before it that cost at most \(limit) units, and they cost \(schemaCost)",
                    suggestion: "publish them in several calls"
                )
            )
            return
        }
        let reading = SchemaDefinition.reading(tree)
        schemaRefusals += reading.refusals
        // Whose a schema is matters also for one that is refused: all its mistakes are told at once.
        guard let team = team(of: tree, defaultTeam) else {
            if lacksTeam(tree) {
                schemaRefusals.append(
                    SchemaRefusal(
                        teamID: nil,
                        event: tree["event"]?.text ?? "",
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
        if let schema = reading.definition {
            schemaCost += schema.cost
            schemas.append((team, schema))
        }
    }

    /// Of two definitions of one event neither is good: nobody knows which one is meant.
    mutating func refuseDuplicateSchemas() {
        var counts: [CatalogueKey: Int] = [:]
        for (team, schema) in schemas { counts[.schema(team: team, event: schema.event), default: 0] += 1 }
        guard counts.count < schemas.count else { return }
        for (team, schema) in schemas where counts[.schema(team: team, event: schema.event), default: 0] > 1 {
            refuse(
                schema,
                of: team,
                "event",
                .duplicate,
                found: JSONTree.string(schema.event.description).jsonText,
                expected: "one definition of each event in team \(team), and this one is defined twice"
            )
        }
        schemas.removeAll { counts[.schema(team: $0.team, event: $0.schema.event), default: 0] > 1 }
    }

    /// Refuses the schemas that would take their team beyond its quota, in the order in which they stand.
    mutating func refuseSchemasBeyondQuotas(over present: Catalogue) {
        let quotas = Dictionary(teams.map { ($0.id, $0.schemaCostQuota) }, uniquingKeysWith: { $1 })
        func quota(_ team: Int64) -> Int { quotas[team] ?? present.schemaQuota(ofTeam: team) }
        var left: [Int64: Int] = [:]
        // What is replaced or deleted makes room first: all of a call is published in one transaction.
        for (team, schema) in schemas {
            left[team, default: quota(team) - present.schemaCost(ofTeam: team)] +=
                present.schemas[team]?[schema.event]?.cost ?? 0
        }
        var over: Set<CatalogueKey> = []
        for (team, schema) in schemas where !schema.isDeleted {
            let room = left[team] ?? 0
            guard schema.cost > room else {
                left[team] = room - schema.cost
                continue
            }
            over.insert(.schema(team: team, event: schema.event))
            refuse(
                schema,
                of: team,
                "cost",
                .quota,
                found: "\(schema.cost) units",
                expected: "at most \(max(0, room)), which is what team \(team) has left of its quota of \(quota(team))",
                suggestion: "delete other schemas, or raise settings.schema_cost_quota of the team"
            )
        }
        schemas.removeAll { over.contains(.schema(team: $0.team, event: $0.schema.event)) }
    }

    /// Refuses the schemas of teams that nobody knows; a deletion is never refused.
    mutating func refuseOrphanSchemas(_ known: Set<Int64>) {
        for (team, schema) in schemas where !known.contains(team) && !schema.isDeleted {
            refuse(
                schema,
                of: team,
                "team_id",
                .team,
                found: "\(team)",
                expected: "a team that the files or the catalogue know, with \"id\" and \"api_token\""
            )
        }
        schemas.removeAll { !known.contains($0.team) && !$0.schema.isDeleted }
    }

    private mutating func refuse(
        _ schema: SchemaDefinition,
        of team: Int64,
        _ field: String,
        _ reason: SchemaRefusal.Reason,
        found: String,
        expected: String,
        suggestion: String? = nil
    ) {
        schemaRefusals.append(
            SchemaRefusal(
                teamID: team,
                event: schema.event.description,
                field: field,
                reason: reason,
                found: found,
                expected: expected,
                suggestion: suggestion
            )
        )
    }

    /// The teams whose new quota is less than what their schemas cost already.
    func schemaQuotaProblems(over present: Catalogue) -> [CatalogueProblem] {
        teams.compactMap { team in
            let cost = present.schemaCost(ofTeam: team.id)
            guard team.schemaCostQuota < cost, team.schemaCostQuota < present.schemaQuota(ofTeam: team.id) else {
                return nil
            }
            return CatalogueProblem(
                "team \(team.id): \"settings.schema_cost_quota\" is \(team.schemaCostQuota), expected at least \(cost), which is "
                    + "what its schemas cost"
            )
        }
    }
}
