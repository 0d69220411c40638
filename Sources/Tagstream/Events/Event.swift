/// A run of consecutive fields on the workbench's tape: the members of one JSON object, in the order they were written.
public struct Section {
    /// Index of the first field in ``Workbench/fields``.
    public var first: Int32
    /// How many fields there are.
    public var count: Int32
    /// The section of an object that is absent or empty.
    public static var empty: Section { Section(first: 0, count: 0) }
    /// Makes a section.
    @inline(__always)
    public init(first: Int32, count: Int32) {
        self.first = first
        self.count = count
    }
}

/// An event on its way: where each of its parts lies on the workbench.
///
/// Plain data; it means something only together with the ``Workbench`` it was decoded on, until that is cleared.
public struct Event {
    /// The event's name.
    public var name = Value.missing
    /// Who did it.
    public var distinctID = Value.missing
    /// The event's uuid, as written.
    public var uuid = Value.missing
    /// The team's API token.
    public var token = Value.missing
    /// The event's timestamp in milliseconds since 1970-01-01 UTC; nil when it has none that can be read.
    public var timestamp: Int64?
    /// The timestamp's text in the stored form, `YYYY-MM-DD hh:mm:ss.SSS`: what live, backfill and offline tools compare alike.
    public var timestampText = Value.missing
    /// The text of the elements chain: `properties.$elements_chain`, else what was built from `properties.$elements`, else the
    /// stored row's column; missing when the event carries no elements.
    public var elementsChain = Value.missing
    /// `properties.$elements`, an array, when there is no chain to prefer to it (docs/events.md, "Elements").
    public var elements = Value.missing
    /// The event's properties.
    public var properties = Section.empty
    /// Properties that the rooms added or replaced (`$ip`, what enrichment found): they win over ``properties``.
    public var addedProperties = Section.empty
    /// The person properties that the event carries.
    public var personProperties = Section.empty
    /// The event's `$set`: wins over ``personProperties``.
    public var set = Section.empty
    /// The event's `$set_once`: counts only where ``personProperties`` has nothing.
    public var setOnce = Section.empty
    /// `group0_properties` … `group4_properties`.
    public var groups = (Section.empty, Section.empty, Section.empty, Section.empty, Section.empty)

    /// Makes an event without any parts.
    public init() {}
}

/// The table an event lies on while it walks through the rooms: its bytes, and the tape of its fields.
///
/// The record's bytes are copied here once (50 ns for 2 KB) and everything later is a range into them: rooms may append what
/// they compute, scanners may read a little past the end, and Kafka's buffer is free to go. One workbench a lane, reused for ever.
public struct Workbench: ~Copyable {
    /// The record's bytes, then whatever the rooms added.
    public var bytes: ByteArena
    /// The fields of the event's objects, section after section.
    public var fields: FieldTape
    /// Short-lived text: decoded escapes, printed numbers.
    ///
    /// Emptied by whoever uses it.
    public var scratch: ByteArena

    /// Makes a workbench that grows to what the largest record needs.
    public init() {
        bytes = ByteArena(capacity: 1 << 16)
        fields = FieldTape(capacity: 512)
        scratch = ByteArena(capacity: 1 << 12)
    }

    /// Clears the table for the next event.
    @inline(__always)
    mutating func clear() {
        bytes.removeAll()
        fields.removeAll()
        scratch.removeAll()
    }
}

/// A growing run of ``Field``s: the tape.
public struct FieldTape: ~Copyable {
    /// The first field.
    ///
    /// Valid until the tape grows.
    public private(set) var base: UnsafeMutablePointer<Field>
    /// How many fields are on the tape.
    public private(set) var count = 0
    private var capacity: Int

    /// Makes an empty tape with room for `capacity` fields.
    public init(capacity: Int) {
        self.capacity = capacity
        base = .allocate(capacity: capacity)
    }

    deinit { base.deallocate() }

    /// Forgets the fields and keeps the memory.
    @inline(__always)
    public mutating func removeAll() { count = 0 }

    /// Forgets the fields from `count` on.
    @inline(__always)
    mutating func truncate(to count: Int) {
        assert(0...self.count ~= count, "a tape cannot be truncated to more than it holds")
        self.count = count
    }

    /// Appends a field.
    @inline(__always)
    public mutating func append(_ field: Field) {
        if count == capacity { grow() }
        (base + count).initialize(to: field)
        count &+= 1
    }

    /// Appends a run of another tape's fields.
    @inline(__always)
    mutating func append(_ fields: UnsafePointer<Field>, _ length: Int) {
        while count &+ length > capacity { grow() }
        (base + count).initialize(from: fields, count: length)
        count &+= length
    }

    @inline(never)
    private mutating func grow() {
        let moved = UnsafeMutablePointer<Field>.allocate(capacity: capacity * 2)
        moved.moveInitialize(from: base, count: count)
        base.deallocate()
        base = moved
        capacity *= 2
    }

    /// The field at an index below ``count``.
    @inline(__always)
    public subscript(_ index: Int) -> Field {
        get {
            assert(0..<count ~= index, "a field that is not on the tape")
            return base[index]
        }
        nonmutating set {
            assert(0..<count ~= index, "a field that is not on the tape")
            base[index] = newValue
        }
    }
}
