/// Whether a decoded event may go on, and in which shape: the rooms "tenant", "validate" and "normalise".
///
/// The rules are in docs/events.md, what is refused in docs/dead-letters.md.
///
/// Allocates nothing for an event that passes.
struct EventValidator {
    enum Verdict {
        case valid(ValidEvent)
        case ignored(IgnoredReason)
    }

    /// The most bytes that a person's id may have as written; PostHog's are UUIDs.
    static let longestPersonID = 200

    let limits: EventLimits

    /// Checks and normalises an event.
    ///
    /// What is computed on the way (a corrected timestamp's text, an added `$ip`) is appended to the workbench.
    ///
    /// - Throws: a ``Rejection`` of the steps `tenant` or `validate`.
    func validate(
        _ decoded: DecodedEvent,
        from record: RecordContext,
        under snapshot: Snapshot,
        on bench: inout Workbench
    ) throws(Rejection) -> Verdict {
        var valid = ValidEvent(decoded: decoded, team: try team(of: decoded, record, snapshot, &bench))
        try name(of: &valid, on: &bench)
        if equals(bench.written(valid.decoded.event.name), "$performance_event") { return .ignored(.performanceEvent) }
        if equals(bench.written(valid.decoded.event.name), "$$client_ingestion_warning") {
            return .ignored(.clientIngestionWarning)
        }
        try distinctID(of: &valid, on: &bench)
        try uuid(of: &valid, record, on: &bench)
        times(of: &valid, record, on: &bench)
        // Every match record repeats the person's id: what is no id by its length must not be multiplied.
        if valid.decoded.personID.length > Self.longestPersonID { valid.decoded.personID = .missing }
        valid.decoded.isHistorical = valid.decoded.isHistorical || record.isHistorical
        guard Normaliser.normalise(&valid, forcesPersonless: record.forcesPersonless, on: &bench) else {
            return .ignored(.personless)
        }
        return .valid(valid)
    }

    /// Normalises an event without refusing anything: for ``Trial``.
    func prepare(_ decoded: DecodedEvent, at now: Int64, on bench: inout Workbench) -> ValidEvent {
        var valid = ValidEvent(decoded: decoded, team: 0)
        times(of: &valid, RecordContext(timestamp: now), on: &bench)
        // Without a usable time of its own an event fails every relative date (docs/actions.md, "Dates") instead of
        // happening in 1970.
        let hasOwnTime =
            decoded.offset.isSet || bench.instant(decoded.correctedTimestamp) != nil
            || bench.instant(decoded.clientTimestamp) != nil || bench.instant(decoded.now) != nil
        if !hasOwnTime { valid.decoded.event.timestamp = nil }
        // Matching sees the name and the ids as a worker would store them, where there are any.
        try? name(of: &valid, on: &bench)
        try? self.distinctID(of: &valid, on: &bench)
        if valid.decoded.event.uuid.length > 0 { try? uuid(of: &valid, RecordContext(timestamp: now), on: &bench) }
        _ = Normaliser.normalise(&valid, forcesPersonless: false, on: &bench)
        return valid
    }

    // MARK: Tenant

    private func team(
        of decoded: DecodedEvent,
        _ record: RecordContext,
        _ snapshot: Snapshot,
        _ bench: inout Workbench
    ) throws(Rejection) -> Int {
        if let only = snapshot.onlyTeam { return only }
        var value = decoded.event.token
        if !value.isSet, decoded.special.token >= 0 { value = bench.fields[Int(decoded.special.token)].value }
        bench.scratch.removeAll()
        let token = record.token ?? (value.kind == .string ? bench.text(ofStringAt: value) : nil)
        guard let token, token.count > 0 else {
            throw Rejection(.noToken, in: .tenant, "neither a header nor the event has a \"token\"")
        }
        guard let team = snapshot.team(for: token) else {
            throw Rejection(
                .unknownToken,
                in: .tenant,
                "no team of the catalogue (epoch \(snapshot.epoch)) has the token \"\(quoted(token))\""
            )
        }
        return team
    }

    // MARK: Name, distinct id, uuid

    private func name(of valid: inout ValidEvent, on bench: inout Workbench) throws(Rejection) {
        let name = valid.decoded.event.name
        guard name.isSet, name.kind != .string || name.length > 0 else {
            throw Rejection(.missingEvent, in: .validate, "\"event\" is \(found(name)), expected the event's name")
        }
        // A name of another type becomes its JSON text; text of at most so many bytes has no more UTF-16 units than the limit.
        if name.kind == .string, name.length <= limits.eventNameUnits, !name.flags.contains(.escaped) { return }
        bench.scratch.removeAll()
        let text = bench.text(ofStringAt: name)
        // What has no escapes but the necessary ones stays as it is; `\u0024identify` is spelt `$identify` from here on.
        if name.kind == .string, name.length <= limits.eventNameUnits, text.first != 0x24 { return }
        let kept = prefix(of: text, units: limits.eventNameUnits)
        valid.decoded.event.name = bench.appendString(UnsafeRawBufferPointer(rebasing: text[..<kept]))
    }

    private func distinctID(of valid: inout ValidEvent, on bench: inout Workbench) throws(Rejection) {
        let id = valid.decoded.event.distinctID
        guard id.isSet else { throw missingDistinctID(found(id)) }
        if id.kind == .string, id.length <= limits.distinctIDUnits, id.length > 0, !id.flags.contains(.escaped),
            bench.bytes.base.load(fromByteOffset: Int(id.offset), as: UInt8.self) > 0x20
        {
            return
        }
        bench.scratch.removeAll()
        let text = bench.text(ofStringAt: id)
        guard text.contains(where: { $0 > 0x20 }) else { throw missingDistinctID("blank") }
        let units = utf16Length(text)
        guard units <= limits.distinctIDUnits else {
            throw Rejection(
                .distinctIDTooLong,
                in: .validate,
                "\"distinct_id\" has \(units) UTF-16 code units, the limit is \(limits.distinctIDUnits)"
            )
        }
        if id.kind == .string, !text.contains(0) { return }
        valid.decoded.event.distinctID = bench.appendString(text, replacingNUL: true)
    }

    private func missingDistinctID(_ found: String) -> Rejection {
        Rejection(.missingDistinctID, in: .validate, "\"distinct_id\" is \(found), expected who did it")
    }

    private func uuid(of valid: inout ValidEvent, _ record: RecordContext, on bench: inout Workbench) throws(Rejection)
    {
        var given = valid.decoded.event.uuid
        if given.kind == .string, given.flags.contains(.escaped) {
            bench.scratch.removeAll()
            given = bench.appendString(bench.text(ofStringAt: given))
        }
        if !given.isSet || given.kind == .string && given.length == 0 {
            bench.scratch.removeAll()
            bench.scratch.append(source: record)
            let start = bench.bytes.count
            UUIDText.appendVersion5(of: bench.scratch.bytes(0, bench.scratch.count), to: &bench.bytes)
            valid.uuid = Value(offset: UInt32(start), length: UInt32(UUIDText.length), kind: .string, flags: .plain)
        } else {
            guard given.kind == .string, given.length == UUIDText.length else { throw invalidUUID(given, bench) }
            let check = UUIDText.check(bench.bytes.base + Int(given.offset))
            guard check.isValid else { throw invalidUUID(given, bench) }
            valid.uuid = check.hasUpperCase ? bench.appendLowerCased(given) : given
        }
        valid.decoded.event.uuid = valid.uuid
    }

    private func invalidUUID(_ value: Value, _ bench: borrowing Workbench) -> Rejection {
        let found = value.kind == .string ? "\"\(quoted(bench.written(value)))\"" : found(value)
        return Rejection(.invalidUUID, in: .validate, "\"uuid\" is \(found), expected 8-4-4-4-12 hexadecimal digits")
    }

    // MARK: Times

    /// The gateway's rule (docs/events.md, "Time"): done already where the envelope has a `timestamp`, redone here where
    /// it has none.
    private func times(of valid: inout ValidEvent, _ record: RecordContext, on bench: inout Workbench) {
        let decoded = valid.decoded
        let stamped = decoded.now.kind == .string ? bench.instant(decoded.now) : nil
        // A "now" that cannot be printed is none.
        let captured = stamped.flatMap(printable) ?? record.now.flatMap(Timestamp.parse).flatMap(printable)
        // Whoever produced the record may have set its Kafka timestamp to any 64-bit number.
        let created = min(record.timestamp, Timestamp.lastPrintable)
        let now = captured ?? max(0, created) * 1000
        var instant = now
        if decoded.correctedTimestamp.isSet {
            instant = bench.instant(decoded.correctedTimestamp) ?? now
        } else {
            if let client = bench.instant(decoded.clientTimestamp) {
                instant = client
                let ignoresSentAt =
                    decoded.special.ignoreSentAt >= 0
                    && bench.fields[Int(decoded.special.ignoreSentAt)].value.kind == .true
                if !ignoresSentAt, decoded.sentAt.kind == .string, let sent = bench.instant(decoded.sentAt) {
                    instant = client - (sent - now)
                }
            }
            if let offset = milliseconds(decoded.offset, &bench) { instant = now - offset * 1000 }
            // Offline, where a record has no time of its own, there is no "now" to be ahead of.
            let knowsNow = captured != nil || record.timestamp >= 0
            if knowsNow, instant - now > 23 * 3600 * Timestamp.second { instant = now }
        }
        // Years outside 0…9999 cannot be written: 1970-01-01, as the gateway does.
        if !Timestamp.isPrintable(instant) { instant = 0 }
        valid.decoded.event.timestamp = Timestamp.milliseconds(instant)
        valid.capturedAt = captured.map(Timestamp.milliseconds)
        valid.createdAt = created >= 0 ? created : Timestamp.milliseconds(now)
        let start = bench.bytes.count
        bench.bytes.reserve(Timestamp.printedLength)
        Timestamp.write(milliseconds: Timestamp.milliseconds(instant), into: &bench.bytes)
        valid.decoded.event.timestampText = Value(
            offset: UInt32(start),
            length: UInt32(Timestamp.printedLength),
            kind: .string,
            flags: .plain
        )
    }

    private func printable(_ instant: Int64) -> Int64? { Timestamp.isPrintable(instant) ? instant : nil }

    /// `offset`: a number of milliseconds or the text of one; fractions are cut, and what is absurd counts as absent.
    private func milliseconds(_ value: Value, _ bench: inout Workbench) -> Int64? {
        guard value.kind == .number || value.kind == .string, value.length > 0 else { return nil }
        var number: Int64 = 0
        let text = bench.text(ofStringAt: value)
        var digits = text[...]
        let isNegative = digits.first == 0x2D
        if isNegative { digits = digits.dropFirst() }
        guard let first = digits.first, isDigit(first) else { return nil }
        for byte in digits {
            guard isDigit(byte) else {
                guard isJSONNumber(text), byte == 0x2E, !digits.contains(where: { $0 | 0x20 == 0x65 })
                else { return nil }
                break
            }
            number = number * 10 + Int64(byte - 0x30)
            if number > 1 << 43 { return nil }  // 279 years
        }
        return isNegative ? -number : number
    }

    // MARK: Words for humans

    private func found(_ value: Value) -> String {
        switch value.kind {
        case .missing: "missing"
        case .null: "null"
        case .true, .false: "a boolean"
        case .number: "a number"
        case .string: value.length == 0 ? "empty" : "a text"
        case .array: "a list"
        case .object: "an object"
        }
    }

    /// A bounded, printable form of bytes from outside: never a control character, never more than 80 characters.
    private func quoted(_ bytes: UnsafeRawBufferPointer) -> String {
        let text = String(decoding: bytes.prefix(80), as: UTF8.self)
        return String(
            String.UnicodeScalarView(
                text.unicodeScalars.map { scalar in
                    switch scalar.properties.generalCategory {
                    case .control, .format, .lineSeparator, .paragraphSeparator: "\u{FFFD}"
                    default: scalar
                    }
                }
            )
        )
    }

    /// How many bytes of well-formed text hold at most so many UTF-16 units, no character cut in two.
    private func prefix(of text: UnsafeRawBufferPointer, units limit: Int) -> Int {
        var units = 0
        for (index, byte) in text.enumerated() where byte & 0xC0 != 0x80 {
            units += byte >= 0xF0 ? 2 : 1
            if units > limit { return index }
        }
        return text.count
    }
}

extension ByteArena {
    /// Appends `topic/partition/offset`: the position of a record, as headers and match records name it.
    mutating func append(source record: RecordContext) {
        reserve(record.topic.count + 40)
        if let topic = record.topic.baseAddress { put(topic, record.topic.count) }
        put(0x2F)
        put(decimal: Int64(record.partition))
        put(0x2F)
        put(decimal: record.offset)
    }
}

extension Workbench {
    /// The decoded text of a value, which must not be used after the scratch arena or the workbench's bytes change.
    ///
    /// For any other kind of value it is its JSON text.
    mutating func text(ofStringAt value: Value) -> UnsafeRawBufferPointer {
        let start = scratch.count
        if value.kind == .object || value.kind == .array, !value.flags.contains(.plain) {
            scratch.append(peeling: written(value))
            return scratch.bytes(start, scratch.count - start)
        }
        guard value.flags.contains(.escaped) else { return written(value) }
        scratch.append(decoding: written(value), marker: value.flags.contains(.plain) ? 1 : 2)
        return scratch.bytes(start, scratch.count - start)
    }

    /// The instant that a value's text names, in microseconds since 1970; nil where it names none.
    mutating func instant(_ value: Value) -> Int64? { value.isSet ? Timestamp.parse(text(ofStringAt: value)) : nil }

    /// Appends text as a JSON string's content; returns it as a value.
    ///
    /// The text may lie on the workbench itself.
    mutating func appendString(_ text: UnsafeRawBufferPointer, replacingNUL: Bool = false) -> Value {
        let copy = Array(text)  // rare: only names and ids that have to be changed come here
        let start = bytes.count
        var isEscaped = false
        bytes.reserve(6 * copy.count + 8)
        for byte in copy {
            if byte == 0, replacingNUL {
                bytes.append(scalar: 0xFFFD)
            } else {
                let before = bytes.count
                withUnsafeBytes(of: byte) { bytes.append(escaping: $0) }
                isEscaped = isEscaped || bytes.count > before + 1
            }
        }
        return Value(
            offset: UInt32(start),
            length: UInt32(bytes.count - start),
            kind: .string,
            flags: isEscaped ? [.plain, .escaped] : .plain
        )
    }

    /// Appends a string that has no escapes in lower case (ASCII).
    mutating func appendLowerCased(_ value: Value) -> Value {
        let start = bytes.count
        bytes.reserve(Int(value.length))
        for index in 0..<Int(value.length) {
            let byte = bytes.base.load(fromByteOffset: Int(value.offset) + index, as: UInt8.self)
            bytes.put(byte &- 0x41 < 26 ? byte | 0x20 : byte)
        }
        return Value(offset: UInt32(start), length: value.length, kind: .string, flags: value.flags)
    }
}
