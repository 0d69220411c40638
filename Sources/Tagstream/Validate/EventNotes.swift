/// What was noticed about one record on its way, for the warnings that are written when its outcome is known.
///
/// Plain data: the values mean something only together with the workbench, until that is cleared.
struct EventNotes {
    /// Index of the team into ``Snapshot/teams``; negative until it is known, and then nobody can be warned.
    var team = -1
    /// What to warn of.
    private(set) var warnings = WarningSet()
    /// What "now" was for the event, in milliseconds since 1970.
    var now: Int64 = 0
    /// How far behind now the event is, in microseconds; nil where nobody says what now is.
    var age: Int64?
    var name = Value.missing
    var distinctID = Value.missing
    var uuid = Value.missing
    /// The event's own time in milliseconds since 1970.
    var timestamp: Int64 = 0
    /// The value that a warning is about: `$process_person_profile`, an unreadable timestamp, the client's message, the id
    /// to be merged.
    var personFlag = Value.missing
    var unreadableTime = Value.missing
    var message = Value.missing
    var otherID = Value.missing
    /// Which of the two ids is illegal; the event's own unless it is the other one.
    var isOtherIllegal = false
    /// The length in UTF-16 code units of what is too long.
    var length = 0
    /// The time within the uuid, in milliseconds since 1970.
    var uuidTime: Int64 = 0
    var duplicateKeys = 0
    /// Whether a header, and not the event, says that there is no person.
    var isForcedPersonless = false

    /// Notes a warning that does not decide what becomes of the record.
    @inline(__always)
    mutating func warn(_ type: WarningType) { warnings.insert(type) }

    /// The record is not tagged: of warnings, only the one that says why counts.
    mutating func end(with type: WarningType?) {
        warnings = WarningSet()
        guard team >= 0, let type, type != .personlessMerge || !isForcedPersonless else { return }
        warnings.insert(type)
    }
}
