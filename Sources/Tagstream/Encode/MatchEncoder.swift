/// Writes the records of `action_matches`: one for every (event, action), for cohort workers (schemas/action-match.json).
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

    /// Appends the record's value. `(event_uuid, action_id, action_version)` identifies a match for ever.
    ///
    /// - Parameters:
    ///   - source: `topic/partition/offset`, a range of `out`.
    ///   - action: the action's part of the record, prepared when the catalogue was compiled: `"action_id":…,"action_name":"…"`.
    static func encode(
        _ valid: ValidEvent, team: Int64, action: UnsafeRawBufferPointer, source: OutputBatch.Range, epoch: Int64,
        origin: Origin, on bench: borrowing Workbench, into out: inout ByteArena
    ) {
        let event = valid.decoded.event
        out.reserve(
            Int(event.name.length) + Int(event.distinctID.length) + Int(valid.decoded.personID.length) + action.count
                + Int(source.length) + 512
        )
        out.put("{\"team_id\":")
        out.put(decimal: team)
        out.put(0x2C)
        out.put(action)
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

    /// An action's part of its match records.
    static func fragment(id: Int64, version: Int64, name: String) -> [UInt8] {
        var out = ByteArena(capacity: 256)
        out.reserve(128)
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
