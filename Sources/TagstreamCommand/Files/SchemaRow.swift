import Tagstream

/// A schema as `tagstream get schemas` prints it.
struct SchemaRow {
    var team: Int64?
    var event: String
    /// The version in force.
    var definition: SchemaDefinition?
    /// What happens to an event that does not fit: the schema's own mode, or its team's.
    var mode: SchemaMode?
    var state: CatalogueListing.State
    var reasons: [String] = []

    var cells: [String] {
        [
            team.map { "\($0)" } ?? "-", Printable.text(Printable.shortened(event, to: 60)),
            definition.map { "\($0.version)" } ?? "-", mode?.rawValue ?? "-", definition.map { "\($0.cost)" } ?? "-",
            state.rawValue,
        ]
    }

    var json: JSONTree {
        .object([
            .init(key: "team", value: team.map { .number($0) } ?? .null), .init(key: "event", value: .string(event)),
            .init(key: "version", value: definition.map { .number($0.version) } ?? .null),
            .init(key: "mode", value: mode.map { .string($0.rawValue) } ?? .null),
            .init(key: "cost", value: definition.map { .number(Int64($0.cost)) } ?? .null),
            .init(key: "state", value: .string(state.rawValue)),
            .init(key: "in_force", value: .bool(definition != nil)),
            .init(key: "reasons", value: .array(reasons.map { .string($0) })),
            .init(key: "schema", value: definition?.source["schema"] ?? .null),
        ])
    }

    /// The schemas of a catalogue, quarantined ones included, in the order of teams and names.
    static func rows(of catalogue: Catalogue) -> [SchemaRow] {
        var rows: [SchemaRow] = []
        for (team, schemas) in catalogue.schemas {
            for schema in schemas.values {
                let mode = schema.mode ?? catalogue.teams[team]?.schemaMode ?? .annotate
                rows.append(
                    SchemaRow(
                        team: team,
                        event: schema.event.description,
                        definition: schema,
                        mode: mode,
                        state: .active
                    )
                )
            }
        }
        for entry in catalogue.quarantined.values {
            guard case .schema(let team, let event)? = CatalogueKey(entry.key) else { continue }
            if let place = rows.firstIndex(where: { $0.team == team && $0.definition?.event == event }) {
                rows[place].state = .quarantined
                rows[place].reasons = entry.reasons
            } else {
                rows.append(
                    SchemaRow(team: team, event: event.description, state: .quarantined, reasons: entry.reasons)
                )
            }
        }
        return sorted(rows)
    }

    /// Adds what files say wrongly: quarantined, as it would be in the topic.
    static func adding(_ refusals: [SchemaRefusal], to rows: [SchemaRow]) -> [SchemaRow] {
        var rows = rows
        let first = rows.count
        for refusal in refusals {
            if let place = rows[first...].firstIndex(where: { $0.team == refusal.teamID && $0.event == refusal.event })
            {
                rows[place].reasons.append(refusal.description)
            } else {
                rows.append(
                    SchemaRow(
                        team: refusal.teamID,
                        event: refusal.event,
                        state: .quarantined,
                        reasons: [refusal.description]
                    )
                )
            }
        }
        return sorted(rows)
    }

    private static func sorted(_ rows: [SchemaRow]) -> [SchemaRow] {
        rows.sorted { ($0.team ?? 0, Array($0.event.utf8)[...]) < ($1.team ?? 0, Array($1.event.utf8)[...]) }
    }
}

private func < (one: (Int64, ArraySlice<UInt8>), other: (Int64, ArraySlice<UInt8>)) -> Bool {
    one.0 != other.0 ? one.0 < other.0 : one.1.lexicographicallyPrecedes(other.1)
}
