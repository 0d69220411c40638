/// Writes warnings, about one an hour of each team, type and key: what a client does wrong it does with every event.
///
/// The naive way, a dictionary from key to time, grows with what clients send. Here a table of fixed size remembers for each slot the
/// last key and when its warning was written; another key takes the slot over, so that a warning may come again early, and none is ever
/// lost for good. Time is that of the records, never a clock: the same records after the same start give the same warnings. The table
/// is the lane's and lives no longer: a restart, another owner of a partition and work that has to be done again begin with an empty one,
/// and then a warning may come a second time. Of rows, matches and dead letters none of this is true: they depend on nothing but the record.
///
/// Nothing is allocated until the first warning.
struct WarningDesk: ~Copyable {
    /// Milliseconds between two warnings of one team, type and key.
    static let interval: Int64 = 3_600_000
    /// How many keys are remembered.
    static let slots = 4096
    /// Of a longer key the beginning counts.
    static let keyBytes = 1024

    /// The keys' digests; zero for none.
    private var keys: [UInt64] = []
    /// When each was written.
    private var times: [Int64] = []

    /// Forgets what was written: what the last transaction wrote may never have been committed.
    mutating func forget() {
        for index in keys.indices { keys[index] = 0 }
    }

    /// Writes what was noted of a record, unless it was written within the hour.
    @inline(never)
    mutating func write(
        _ notes: EventNotes,
        from record: RecordContext,
        at index: Int,
        under snapshot: Snapshot,
        _ limits: EventLimits,
        on bench: inout Workbench,
        into out: inout OutputBatch
    ) {
        let team = snapshot.teams[notes.team]
        for type in notes.warnings.types {
            out.counts.add(type)
            guard isDue(type, notes, team.id, at: Self.time(of: record, notes), on: &bench) else { continue }
            var start = out.arena.count
            out.arena.reserve(20)
            out.arena.put(decimal: team.id)
            let key = out.range(from: start)
            start = out.arena.count
            WarningEncoder.encode(type, notes, from: record, team: team, limits, on: &bench, into: &out.arena)
            out.appendRecord(
                .warnings,
                input: index,
                key: key,
                value: out.range(from: start),
                firstHeader: out.headers.count
            )
            out.counts.warnings += 1
        }
    }

    private mutating func isDue(
        _ type: WarningType,
        _ notes: EventNotes,
        _ team: Int64,
        at time: Int64,
        on bench: inout Workbench
    ) -> Bool {
        if keys.isEmpty {
            keys = Array(repeating: 0, count: Self.slots)
            times = Array(repeating: 0, count: Self.slots)
        }
        var text = Array("\(team)/\(type.rawValue)/".utf8)
        let key = Self.key(of: type, notes)
        if key.isSet {
            bench.scratch.removeAll()
            text += bench.text(ofStringAt: key).prefix(Self.keyBytes)
        }
        // A digest nobody can aim: a weak hash would let one team's events silence another's warnings.
        let digest = text.withUnsafeBytes { SHA1.first128Bits(of: $0).0 } | 1
        let slot = Int(digest >> 32) & (Self.slots - 1)
        if keys[slot] == digest, abs(time - times[slot]) < Self.interval { return false }
        keys[slot] = digest
        times[slot] = time
        return true
    }

    /// Milliseconds since 1970: the record's own Kafka timestamp, which no client writes; where there is none, the event's "now".
    private static func time(of record: RecordContext, _ notes: EventNotes) -> Int64 {
        record.timestamp >= 0 ? min(record.timestamp, Timestamp.lastPrintable) : notes.now
    }

    /// What tells one warning of a type from another: most faults are those of the code that sends an event of this name.
    private static func key(of type: WarningType, _ notes: EventNotes) -> Value {
        switch type {
        case .client: notes.message
        case .illegalDistinctID: notes.isOtherIllegal ? notes.otherID : notes.distinctID
        default: notes.name
        }
    }
}
