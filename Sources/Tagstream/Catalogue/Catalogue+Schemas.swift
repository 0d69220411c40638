extension Catalogue {
    /// How many schemas are in force, those whose mode is `off` included.
    public var schemaCount: Int { schemas.values.reduce(0) { $0 + $1.count } }

    /// What the schemas in force of a team cost together, in the units of ``SchemaCost``.
    public func schemaCost(ofTeam id: Int64) -> Int { schemaBudgets[id]?.used ?? 0 }

    /// What the schemas of a team may cost together: what its entry says, or the default.
    public func schemaQuota(ofTeam id: Int64) -> Int { teams[id]?.schemaCostQuota ?? SchemaCost.teamQuota }

    /// Puts a schema in, or takes it out where it is deleted; for catalogues that are read from files.
    ///
    /// A schema that does not fit into its team's quota is quarantined.
    public mutating func put(_ schema: SchemaDefinition, team: Int64) { put(schema, team: team, at: epoch) }

    mutating func put(schema event: EventName, of team: Int64, _ tree: JSONTree, at offset: Int64) -> Change {
        let key = CatalogueKey.schema(team: team, event: event)
        let reading = SchemaDefinition.reading(tree)
        guard let schema = reading.definition else {
            return quarantine(key.description, offset, reading.refusals.map(\.description))
        }
        guard schema.event == event, schema.teamID == nil || schema.teamID == team else {
            let found = "the schema is of \"\(schema.event)\" of team \(schema.teamID ?? team)"
            return quarantine(
                key.description,
                offset,
                [found + ", expected \"\(event)\" of team \(team) as in the record key"]
            )
        }
        quarantined[key.description] = nil
        put(schema, team: team, at: offset)
        return quarantined[key.description].map { .quarantined($0) } ?? .changed(key)
    }

    private mutating func put(_ schema: SchemaDefinition, team: Int64, at offset: Int64) {
        guard !schema.isDeleted else { return remove(schema: schema.event, of: team) }
        var budget = schemaBudgets.removeValue(forKey: team) ?? TeamBudget(quota: schemaQuota(ofTeam: team))
        let changed = budget.put(schema, at: offset)
        schemaBudgets[team] = budget
        settle(changed, of: team, because: schema.event)
    }

    mutating func remove(schema event: EventName, of team: Int64) {
        guard let changed = schemaBudgets[team]?.remove(event) else { return }
        settle(changed, of: team, because: event)
    }

    mutating func setSchemaQuota(_ quota: Int, of team: Int64) {
        guard let changed = schemaBudgets[team]?.setQuota(quota) else { return }
        settle(changed, of: team)
    }

    /// Takes over what a team's budget decided.
    private mutating func settle(_ changed: [EventName], of team: Int64, because cause: EventName? = nil) {
        guard !changed.isEmpty else { return }
        staleTrackingPlans.insert(team)
        for event in changed {
            let key = CatalogueKey.schema(team: team, event: event)
            let entry = schemaBudgets[team]?.entries[event]
            schemas[team, default: [:]][event] = entry?.inForce
            guard let entry else { continue }
            let listed = quarantined[key.description]
            // An entry behind this one that cannot be used at all stays listed.
            if let listed, listed.offset > entry.offset { continue }
            guard entry.isOver else {
                quarantined[key.description] = nil
                if event != cause { consequences.append(.changed(key)) }
                continue
            }
            // No number that other entries may change: the reasons stay those of this entry.
            let reason =
                "schema of \"\(Printable.shortened(entry.name, to: 100))\": its cost is \(entry.cost) units, expected no more than "
                + "the schemas before it leave of the quota of team \(team)"
            let change = quarantine(key.description, entry.offset, [reason])
            if event != cause { consequences.append(change) }
        }
    }

    /// The compiled schemas of a team, compiled anew where something of them has changed.
    mutating func trackingPlan(of team: Int64) -> TrackingPlan {
        if let plan = trackingPlans[team], !staleTrackingPlans.contains(team) { return plan }
        let definitions = (schemas[team] ?? [:]).values.sorted { $0.event < $1.event }
        let plan =
            definitions.isEmpty
            ? TrackingPlan.empty : TrackingPlan(definitions, defaultMode: teams[team]?.schemaMode ?? .annotate)
        trackingPlans[team] = plan
        return plan
    }
}
