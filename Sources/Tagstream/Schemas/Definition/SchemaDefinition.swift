/// What happens to an event that does not fit its schema.
public enum SchemaMode: String, Sendable, CaseIterable {
    /// Nothing: the schema is kept and not evaluated.
    case off
    /// The event is kept, and its property `$validation_errors` says what is wrong.
    case annotate
    /// The event becomes a dead letter of reason `schema_validation_failed`.
    case reject
}

/// The schema of a team's events of one name: what its author defined, checked and compiled.
///
/// Values of this type exist only for schemas that may be published; ``reading(_:)`` gives either one of them or all the reasons why
/// not. Immutable, like ``ActionDefinition``.
public final class SchemaDefinition: Sendable {
    /// The event that it is the schema of.
    public let event: EventName
    /// The team whose events they are; nil where the definition leaves that to whoever reads it.
    public let teamID: Int64?
    /// What happens to an event that does not fit; nil where the team's `settings.schema_mode` decides.
    public let mode: SchemaMode?
    /// Whether it is deleted: then there is no schema.
    public let isDeleted: Bool
    /// Grows by one with every published change of the schema; 1 for a definition that does not say.
    public let version: Int64
    /// The definition as it was read, with every key that its author wrote.
    public let source: JSONTree
    /// What the schema may cost for one event, in the units of ``SchemaCost``.
    public let cost: Int
    /// The schema; nil only where it is deleted.
    let schema: CompiledSchema?

    /// The longest definition in bytes of JSON: with its key it fits into Kafka's default of a megabyte for a record.
    public static let maximumLength = 900_000

    init(
        event: EventName,
        teamID: Int64?,
        mode: SchemaMode?,
        isDeleted: Bool,
        version: Int64,
        source: JSONTree,
        schema: CompiledSchema?
    ) {
        self.event = event
        self.teamID = teamID
        self.mode = mode
        self.isDeleted = isDeleted
        self.version = version
        self.source = source
        self.schema = schema
        cost = schema?.cost ?? 0
    }

    /// Reads one definition: `{"team_id": 2, "event": "order completed", "mode": "reject", "schema": {…}}`.
    public static func reading(_ tree: JSONTree) -> SchemaReading {
        var reader = SchemaReader()
        return reader.read(tree)
    }
}

/// What came of reading a definition: a schema, or at least one refusal.
public struct SchemaReading: Sendable {
    /// The schema; nil when it is refused.
    public var definition: SchemaDefinition?
    /// All reasons why it is refused, in the order of the definition.
    public var refusals: [SchemaRefusal]
}

/// An event's name as the catalogue's keys have it: bytes, so that é and e with an accent are two names, as they are to Kafka.
public struct EventName: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// The name in UTF-8.
    public let bytes: [UInt8]

    /// The longest name in bytes: 200 code units, which is what an event may have, at three bytes each.
    public static let maximumLength = 600

    /// Makes a name; nil for an empty one and for one that no event can have.
    public init?(_ text: String) {
        bytes = Array(text.utf8)
        guard 1...Self.maximumLength ~= bytes.count, !bytes.contains(0) else { return nil }
    }

    /// The name as text.
    public var description: String { String(decoding: bytes, as: UTF8.self) }

    /// Names in the order of their bytes.
    public static func < (one: EventName, other: EventName) -> Bool {
        one.bytes.lexicographicallyPrecedes(other.bytes)
    }
}
