#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Writes warnings, about one an hour of each team, type and key: what a client does wrong it does with every event.
///
/// The naive way, a dictionary from key to time, grows with what clients send. Here a table of fixed size remembers for each slot the
/// last key and when its warning was written; another key takes the slot over, so that a warning may come again early, and none is ever
/// lost for good. Time is that of the records, never a clock: the same records after the same start give the same warnings. The table
/// is the lane's and lives no longer: a restart, another owner of a partition and work that has to be done again begin with an empty one,
/// and then a warning may come a second time. Of rows, matches and dead letters none of this is true: they depend on nothing but the record.
///
/// A slot keeps its key's text, and only an equal text is the same key: a fast hash finds the slot, and whoever aims at it makes another
/// team's warning come twice, never not at all. Nothing is allocated before the first warning, nor for one that is not written.
struct WarningDesk: ~Copyable {
    /// Milliseconds between two warnings of one team, type and key.
    static let interval: Int64 = 3_600_000
    /// How many keys are remembered.
    static let slots = 4096
    /// Of a longer key so many bytes of its beginning count.
    static let keyBytes = 224

    /// What a slot remembers beside its key's text.
    private struct Slot {
        var team: Int64 = 0
        /// When the warning was written.
        var time: Int64 = 0
        /// The type's place and one; zero where nothing is remembered.
        var mark: UInt16 = 0
        /// The length of the key's text in ``texts``.
        var length: UInt16 = 0
    }

    private var memory: UnsafeMutablePointer<Slot>?
    /// ``keyBytes`` for each slot.
    private var texts: UnsafeMutableRawPointer?

    init() {}

    deinit {
        memory?.deallocate()
        texts?.deallocate()
    }

    /// Forgets what was written: what the last transaction wrote may never have been committed.
    mutating func forget() { memory?.update(repeating: Slot(), count: Self.slots) }

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
        let team = snapshot.teams[notes.team].id
        let time = Self.time(of: record, notes)
        var warnings = notes.warnings
        while let place = warnings.popFirst() {
            out.counts.add(warningAt: place)
            let type = WarningSet.types[place]
            bench.scratch.removeAll()
            let key = Self.key(of: type, notes)
            let text = key.isSet ? bench.text(ofStringAt: key) : UnsafeRawBufferPointer(start: nil, count: 0)
            guard isDue(place, text, team, at: time) else { continue }
            put(type, notes, from: record, at: index, under: snapshot, limits, on: &bench, into: &out)
        }
    }

    private func put(
        _ type: WarningType,
        _ notes: EventNotes,
        from record: RecordContext,
        at index: Int,
        under snapshot: Snapshot,
        _ limits: EventLimits,
        on bench: inout Workbench,
        into out: inout OutputBatch
    ) {
        let team = snapshot.teams[notes.team]
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

    /// Whether a warning has to be written now; it is remembered as written then.
    private mutating func isDue(_ place: Int, _ key: UnsafeRawBufferPointer, _ team: Int64, at time: Int64) -> Bool {
        guard let memory, let texts else {
            open()
            return isDue(place, key, team, at: time)
        }
        let key = UnsafeRawBufferPointer(rebasing: key.prefix(Self.keyBytes))
        let index = Self.slot(of: key, place, team)
        let slot = memory + index
        let text = texts + index &* Self.keyBytes
        let mark = UInt16(truncatingIfNeeded: place &+ 1)
        if slot.pointee.mark == mark, slot.pointee.team == team,
            areEqual(UnsafeRawBufferPointer(start: text, count: Int(slot.pointee.length)), key),
            (time &- slot.pointee.time).magnitude < UInt64(Self.interval)
        {
            return false
        }
        slot.pointee = Slot(team: team, time: time, mark: mark, length: UInt16(truncatingIfNeeded: key.count))
        if let start = key.baseAddress { text.copyMemory(from: start, byteCount: key.count) }
        return true
    }

    @inline(never)
    private mutating func open() {
        memory = .allocate(capacity: Self.slots)
        memory?.initialize(repeating: Slot(), count: Self.slots)
        // Not written to before a key is: the system gives no page of it earlier.
        texts = .allocate(byteCount: Self.slots * Self.keyBytes, alignment: 8)
    }

    /// Where a key stands in the table.
    private static func slot(of key: UnsafeRawBufferPointer, _ place: Int, _ team: Int64) -> Int {
        let owner = UInt64(bitPattern: team) &* 16 &+ UInt64(truncatingIfNeeded: place)
        return Int(((contentHash(key) ^ owner) &* 0x9E37_79B9_7F4A_7C15) >> 52) & (slots - 1)
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
