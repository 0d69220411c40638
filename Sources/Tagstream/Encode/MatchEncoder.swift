/// Writes the records of `action_matches`: one for every (event, action), for cohort workers (schemas/action_match.schema.json).
enum MatchEncoder {
    /// Where a match came from.
    enum Origin {
        case live

        var name: StaticString {
            switch self {
            case .live: "live"
            }
        }
    }

    /// Appends the record's value.
    ///
    /// `(event_uuid, action_id, action_version)` identifies a match for ever.
    ///
    /// - Parameters:
    ///   - source: `topic/partition/offset`, a range of `out`.
    ///   - place: the action's place in the team's plan.
    static func encode(
        _ valid: ValidEvent,
        team: Team,
        place: Int32,
        source: OutputBatch.Range,
        epoch: Int64,
        origin: Origin,
        on bench: borrowing Workbench,
        into out: inout ByteArena
    ) {
        let event = valid.decoded.event
        let fragment = team.plan.matchFragment(at: place)
        out.reserve(
            Int(event.name.length) + Int(event.distinctID.length) + Int(valid.decoded.personID.length)
                + fragment.count
                + Int(source.length) + 512
        )
        out.put("{\"team_id\":")
        out.put(decimal: team.id)
        out.put(0x2C)
        out.put(fragment.baseAddress!, fragment.count)
        out.put(",\"event_uuid\":\"")
        out.put(bench.written(valid.uuid))
        out.put("\",\"event\":\"")
        out.put(string: event.name, bench)
        out.put("\",\"distinct_id\":\"")
        out.put(string: event.distinctID, bench)
        out.put("\",\"person_id\":")
        if valid.decoded.personID.kind == .string, valid.decoded.personID.length > 0 {
            out.put(0x22)
            out.put(string: valid.decoded.personID, bench)
            out.put(0x22)
        } else {
            out.put("null")
        }
        out.put(",\"timestamp\":\"")
        out.put(bench.written(event.timestampText))
        out.put("\",\"origin\":\"")
        out.put(origin.name)
        out.put("\",\"epoch\":")
        out.put(decimal: epoch)
        out.put(",\"source\":\"")
        // A topic's name has no character that JSON escapes (Kafka allows letters, digits, `.`, `_` and `-`).
        out.put(out.base + Int(source.offset), Int(source.length))
        out.put("\"}")
    }

    /// What every match record of an action says about the action: `"action_id":7,"action_version":3,"action_name":"Signed up"`.
    static func fragment(id: Int64, version: Int64, name: String) -> [UInt8] {
        var out = ByteArena(capacity: 256)
        out.put("\"action_id\":")
        out.put(decimal: id)
        out.put(",\"action_version\":")
        out.put(decimal: version)
        out.put(",\"action_name\":\"")
        var name = name
        name.withUTF8 { out.append(escaping: UnsafeRawBufferPointer($0)) }
        out.reserve(1)
        out.put(0x22)
        return Array(out.bytes(0, out.count))
    }
}
