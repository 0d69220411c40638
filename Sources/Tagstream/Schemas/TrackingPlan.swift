/// A schema of a plan, and what happens to an event that does not fit it.
struct FlatTrackedEvent {
    var name: PoolRange
    var hash: UInt32
    var mode: SchemaMode
    var version: Int64
    var tables: SchemaTablesPointer
}

/// A team's schemas by the names of their events: immutable, read by any number of lanes at once.
///
/// Schemas whose mode is `off` are left out. Sendable: the tables are written before `init` returns and only read afterwards; they are
/// freed with the last reference, and whoever looks up holds one. What they point to is owned by the definitions.
public final class TrackingPlan: @unchecked Sendable {
    /// The plan of a team without schemas.
    public static let empty = TrackingPlan([], defaultMode: .annotate)

    private let definitions: [SchemaDefinition]
    private let slots: Frozen<Int32>
    private let events: Frozen<FlatTrackedEvent>
    private let pool: Frozen<UInt8>
    private let mask: Int

    /// Compiles schemas; their event names differ from one another.
    ///
    /// - Parameter defaultMode: the mode of those that do not say theirs.
    public init(_ given: [SchemaDefinition], defaultMode: SchemaMode) {
        definitions = given.filter { ($0.mode ?? defaultMode) != .off && $0.schema != nil }
        var pool: [UInt8] = []
        var events: [FlatTrackedEvent] = []
        let capacity = max(2, definitions.count * 2).nextPowerOfTwo
        var slots = [Int32](repeating: -1, count: capacity)
        mask = capacity - 1
        for definition in definitions {
            guard let schema = definition.schema else { continue }
            let name = definition.event.bytes
            let hash = keyHash(of: name)
            var slot = Int(hash) & mask
            while slots[slot] >= 0 { slot = (slot + 1) & mask }
            slots[slot] = Int32(events.count)
            events.append(
                FlatTrackedEvent(
                    name: PoolRange(offset: UInt32(pool.count), length: UInt32(name.count)),
                    hash: hash,
                    mode: definition.mode ?? defaultMode,
                    version: definition.version,
                    tables: schema.tables
                )
            )
            pool += name
        }
        self.slots = Frozen(slots)
        self.events = Frozen(events)
        self.pool = Frozen(pool)
    }

    deinit {
        slots.deallocate()
        events.deallocate()
        pool.deallocate()
    }

    /// Whether there is no schema that is evaluated.
    @inline(__always)
    var isEmpty: Bool { events.count == 0 }

    /// The schema of an event; nil where there is none.
    ///
    /// One probe; allocates nothing. At least eight bytes behind the name can be read.
    @inline(__always)
    func find(_ name: UnsafeRawBufferPointer) -> UnsafeMutablePointer<FlatTrackedEvent>? {
        guard let start = name.baseAddress else { return nil }
        let hash = keyHash(start, name.count)
        var slot = Int(hash) & mask
        while slots[slot] >= 0 {
            let event = events.base + Int(slots[slot])
            let range = event.pointee.name
            let other = UnsafeRawBufferPointer(
                start: UnsafeRawPointer(pool.base) + Int(range.offset),
                count: Int(range.length)
            )
            if event.pointee.hash == hash, TextSearch.equal(name, other) { return event }
            slot = (slot &+ 1) & mask
        }
        return nil
    }
}
