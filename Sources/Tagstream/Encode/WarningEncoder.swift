/// Writes the records of `ingestion_warnings`, as PostHog's table of that name reads them (schemas/ingestion_warning.schema.json).
///
/// Rare, so it may allocate.
enum WarningEncoder {
    /// The most UTF-16 code units of a text that an event brings along.
    static let longestText = 200

    /// Appends the record's value.
    static func encode(
        _ type: WarningType,
        _ notes: EventNotes,
        from record: RecordContext,
        team: Team,
        _ limits: EventLimits,
        on bench: inout Workbench,
        into out: inout ByteArena
    ) {
        let details = details(type, notes, record, team, limits, &bench)
        out.reserve(256)
        out.put("{\"team_id\":")
        out.put(decimal: team.id)
        out.put(",\"type\":\"")
        out.append(Array(type.rawValue.utf8))
        out.append(Array("\",\"source\":\"tagstream\",\"details\":\"".utf8))
        details.withUnsafeBytes { out.append(escaping: $0) }
        out.reserve(64)
        out.put("\",\"timestamp\":\"")
        Timestamp.write(milliseconds: notes.now, into: &out)
        out.put("\"}")
    }

    /// What a person needs to find the client at fault: the names are PostHog's where it has them.
    private static func details(
        _ type: WarningType,
        _ notes: EventNotes,
        _ record: RecordContext,
        _ team: Team,
        _ limits: EventLimits,
        _ bench: inout Workbench
    ) -> [UInt8] {
        var members = Members(out: ByteArena(capacity: 4096))
        members.add("eventUuid", notes.uuid, &bench)
        members.add("event", notes.name, &bench)
        members.add("distinctId", notes.distinctID, &bench)
        members.addSource(record)
        switch type {
        case .invalidDistinctID, .groupKeyTooLong:
            members.add("length", Int64(notes.length))
            members.add("limit", Int64(limits.distinctIDUnits))
        case .tooOld:
            members.add("eventTimestamp", time: notes.timestamp)
            members.add("ageInSeconds", (notes.age ?? 0) / Timestamp.second)
            members.add("dropThresholdSeconds", team.rules.dropsOlderThanSeconds)
        case .client: members.add("message", notes.message, &bench)
        case .invalidPersonFlag: members.add("$process_person_profile", notes.personFlag, &bench)
        case .illegalDistinctID:
            members.add("illegalDistinctId", notes.isOtherIllegal ? notes.otherID : notes.distinctID, &bench)
            members.add("otherDistinctId", notes.isOtherIllegal ? notes.distinctID : notes.otherID, &bench)
        case .divergentUUID:
            members.add("eventTimestamp", time: notes.timestamp)
            members.add("uuidTimestamp", time: notes.uuidTime)
        case .invalidTimestamp: members.add("timestamp", notes.unreadableTime, &bench)
        case .duplicateKeys: members.add("duplicates", Int64(notes.duplicateKeys))
        case .elementsTruncated: members.add("kept", Int64(limits.elements))
        case .messageTooLarge: members.add("limit", Int64(limits.outputBytes))
        case .invalidAnonDistinctID, .invalidAlias, .personlessMerge, .schemaValidationFailed: break
        }
        return members.closed()
    }

    /// The members of a JSON object, one behind the other.
    private struct Members: ~Copyable {
        var out: ByteArena

        private mutating func begin(_ name: StaticString) {
            out.reserve(name.utf8CodeUnitCount + 8)
            out.put(out.count == 0 ? 0x7B : 0x2C)
            out.put(0x22)
            out.put(name)
            out.put("\":")
        }

        /// A value's text, cut; null where there is none.
        mutating func add(_ name: StaticString, _ value: Value, _ bench: inout Workbench) {
            begin(name)
            guard value.kind != .missing, value.kind != .null else {
                out.append(Array("null".utf8))
                return
            }
            bench.scratch.removeAll()
            let text = bench.text(ofStringAt: value)
            let kept = utf16Prefix(of: text, units: WarningEncoder.longestText)
            out.append([0x22])
            out.append(escaping: UnsafeRawBufferPointer(rebasing: text[..<kept]))
            out.append([0x22])
        }

        mutating func add(_ name: StaticString, _ number: Int64) {
            begin(name)
            out.reserve(20)
            out.put(decimal: number)
        }

        mutating func add(_ name: StaticString, time milliseconds: Int64) {
            begin(name)
            out.append([0x22])
            out.reserve(Timestamp.printedLength)
            Timestamp.write(milliseconds: milliseconds, into: &out)
            out.append([0x22])
        }

        /// A topic's name has no character that JSON escapes.
        mutating func addSource(_ record: RecordContext) {
            begin("source")
            out.append([0x22])
            out.append(source: record)
            out.append([0x22])
        }

        consuming func closed() -> [UInt8] { Array(out.bytes(0, out.count)) + [0x7D] }
    }
}
