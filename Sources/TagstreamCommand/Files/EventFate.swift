import Tagstream

/// What a worker would do with one event, asked of the whole pipeline: an action's verdict says nothing of tokens and dead letters.
enum EventFate: Equatable {
    case tagged(team: Int64)
    case ignored
    case deadLetter(reason: String, detail: String)

    init(of event: [UInt8], timestamp: Int64, under snapshot: Snapshot) {
        var batch = RecordBatch()
        var out = OutputBatch()
        var pipeline = Pipeline()
        let topic = batch.index(ofTopic: "explain")
        self = event.withUnsafeBytes { bytes in
            batch.append(topic: topic, partition: 0, offset: 0, timestamp: timestamp, key: nil, value: bytes)
            pipeline.process(batch, under: snapshot, into: &out)
            guard let record = out.records.first else { return .ignored }
            var headers: [String: String] = [:]
            for header in out.headers[Int(record.firstHeader)..<Int(record.firstHeader + record.headerCount)] {
                guard let name = out.bytes(header.name), let value = out.bytes(header.value) else { continue }
                headers[String(decoding: name, as: UTF8.self)] = String(decoding: value, as: UTF8.self)
            }
            if record.destination == .deadLetters {
                return .deadLetter(reason: headers["dlq_reason"] ?? "", detail: headers["dlq_detail"] ?? "")
            }
            return .tagged(team: headers["team_id"].flatMap { Int64($0) } ?? 0)
        }
    }

    /// Why a worker would not ask an action of a team about this event; nil where it would.
    func caveat(forTeam team: Int64) -> String? {
        switch self {
        case .tagged(let owner) where owner == team: nil
        case .tagged(let owner):
            "a worker does not ask this action: the event belongs to team \(owner), the action to team \(team)"
        case .ignored: "a worker asks no action: it ignores this event"
        case .deadLetter(let reason, let detail):
            "a worker asks no action: this event becomes a dead letter, \(reason)\(detail.isEmpty ? "" : " (\(detail))")"
        }
    }
}
