/// Why a schema is not published: one place in it, what was found there, and what is expected.
///
/// A schema has as many refusals as it has mistakes; whoever wrote it gets them all at once.
public struct SchemaRefusal: Error, Sendable, Equatable, CustomStringConvertible {
    /// What kind of mistake it is.
    ///
    /// Closed: interfaces may switch over it, and messages may change without it. docs/tracking-plans.md lists them.
    public enum Reason: String, Sendable, CaseIterable {
        /// Something has the wrong type: a list where a schema should be, a text where a number should be.
        case shape
        /// A keyword that is not of the subset, or does not exist.
        case keyword
        /// A keyword's value that means nothing: a type that does not exist, a negative length, an empty list.
        case value
        /// A pattern that RE2 does not compile, that is too long, or whose program is too large.
        case regex
        /// A format that is not one of those that are checked.
        case format
        /// `$schema` names another dialect than 2020-12.
        case dialect
        /// A `$ref` that leads nowhere, or to another place than `$defs`.
        case ref
        /// A `$ref` to another document: nothing is ever fetched.
        case refRemote = "ref_remote"
        /// A schema that refers to itself, by whatever way.
        case refCycle = "ref_cycle"
        /// Schemas stand too deep within one another.
        case depth
        /// The schema costs more than one may, its references expanded.
        case budget
        /// The schema costs more than its team has left.
        case quota
        /// The definition is too long for a record of the catalogue's topic.
        case size
        /// It is not said, or not known, whose schema it is.
        case team
        /// It is not said of which event it is the schema.
        case event
        /// Another definition is of the same team and event.
        case duplicate
        /// There are more mistakes than anybody wants to read at once.
        case tooMany = "too_many"
    }

    /// A schema's mistakes beyond this many are not listed one by one.
    public static let largestCount = 200

    /// The schema's team, where the definition says it.
    public var teamID: Int64?
    /// The event's name, as far as it can be read.
    public var event: String
    /// The field of the definition: `schema`, `mode`, `event`; empty for the definition itself.
    public var field: String
    /// The place within the schema as a JSON pointer (RFC 6901); empty for the schema itself.
    public var pointer: String
    /// The kind of mistake.
    public var reason: Reason
    /// What was found, as JSON text; empty when it is missing.
    public var found: String
    /// What is expected there.
    public var expected: String
    /// What the author may have meant, where that is obvious.
    public var suggestion: String?

    /// Makes a refusal.
    public init(
        teamID: Int64?,
        event: String,
        field: String,
        pointer: String = "",
        reason: Reason,
        found: String,
        expected: String,
        suggestion: String? = nil
    ) {
        self.teamID = teamID
        self.event = event
        self.field = field
        self.pointer = pointer
        self.reason = reason
        self.found = found
        self.expected = expected
        self.suggestion = suggestion
    }

    /// One sentence: `schema of "order completed": /properties/price/minimum is "0", expected a number. Hint: leave out the quotes`.
    ///
    /// On one line and without control characters, whatever the definition contains; long texts are shortened.
    public var description: String {
        var message = "schema of " + (event.isEmpty ? "no event" : "\"\(Printable.shortened(event, to: 100))\"")
        if let teamID { message += " of team \(teamID)" }
        message += ": "
        let place = field == "schema" && !pointer.isEmpty ? Printable.shortened(pointer, to: 200) : field
        if !place.isEmpty { message += place + " " }
        message += found.isEmpty ? "is missing" : "is \(Printable.shortened(found, to: 120))"
        message += ", expected \(expected)"
        if let suggestion { message += ". Hint: \(suggestion)" }
        return Printable.text(message)
    }

    /// The same for programs: `team`, `event`, `field`, `pointer`, `reason`, `found`, `expected`, `suggestion`, `message`.
    public var json: JSONTree {
        .object([
            .init(key: "team", value: teamID.map { .number($0) } ?? .null),
            .init(key: "event", value: .string(Printable.shortened(event, to: 1000))),
            .init(key: "field", value: .string(field)),
            .init(key: "pointer", value: .string(Printable.shortened(pointer, to: 1000))),
            .init(key: "reason", value: .string(reason.rawValue)),
            .init(key: "found", value: found.isEmpty ? .null : .string(Printable.shortened(found, to: 1000))),
            .init(key: "expected", value: .string(expected)),
            .init(key: "suggestion", value: suggestion.map { .string($0) } ?? .null),
            .init(key: "message", value: .string(description)),
        ])
    }
}
