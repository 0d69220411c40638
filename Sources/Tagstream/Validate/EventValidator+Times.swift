extension EventValidator {
    /// The gateway's rule (docs/events.md, "Time"): done already where the envelope has a `timestamp`, redone here where
    /// it has none.
    func times(
        of valid: inout ValidEvent,
        _ record: RecordContext,
        on bench: inout Workbench,
        noting notes: inout EventNotes
    ) {
        let decoded = valid.decoded
        let stamped = decoded.now.kind == .string ? bench.instant(decoded.now) : nil
        // A "now" that cannot be printed is none.
        let captured = stamped.flatMap(printable) ?? record.now.flatMap(Timestamp.parse).flatMap(printable)
        // Whoever produced the record may have set its Kafka timestamp to any 64-bit number.
        let created = min(record.timestamp, Timestamp.lastPrintable)
        let now = captured ?? max(0, created) * 1000
        // Offline, where a record has no time of its own, there is no "now" to be ahead of, or far behind.
        let knowsNow = captured != nil || record.timestamp >= 0
        var instant = now
        if decoded.correctedTimestamp.isSet {
            if let corrected = bench.instant(decoded.correctedTimestamp) {
                instant = corrected
            } else {
                notes.unreadableTime = decoded.correctedTimestamp
                notes.warn(.invalidTimestamp)
            }
        } else {
            if let client = bench.instant(decoded.clientTimestamp) {
                instant = client
                let ignoresSentAt =
                    decoded.special.ignoreSentAt >= 0
                    && bench.fields[Int(decoded.special.ignoreSentAt)].value.kind == .true
                if !ignoresSentAt, decoded.sentAt.kind == .string, let sent = bench.instant(decoded.sentAt) {
                    instant = client - (sent - now)
                }
            } else if decoded.clientTimestamp.isSet {
                notes.unreadableTime = decoded.clientTimestamp
                notes.warn(.invalidTimestamp)
            }
            if let offset = milliseconds(decoded.offset, &bench) { instant = now - offset * 1000 }
            if knowsNow, instant - now > 23 * 3600 * Timestamp.second { instant = now }
        }
        // Years outside 0…9999 cannot be written: 1970-01-01, as the gateway does.
        if !Timestamp.isPrintable(instant) { instant = 0 }
        notes.now = Timestamp.milliseconds(now)
        notes.age = knowsNow ? now - instant : nil
        notes.timestamp = Timestamp.milliseconds(instant)
        valid.decoded.event.timestamp = notes.timestamp
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

    /// `offset`: a number of milliseconds or the text of one; fractions are cut, and what is neither counts as absent.
    ///
    /// Of more than ``longestOffset`` only that it is more is kept: no time is so far from any other.
    private func milliseconds(_ value: Value, _ bench: inout Workbench) -> Int64? {
        guard value.kind == .number || value.kind == .string, value.length > 0 else { return nil }
        let text = bench.text(ofStringAt: value)
        guard let first = text.first, isDigit(first) || first == 0x2D, isJSONNumber(text) || isDigits(text),
            let number = NumberText.parse(text), number.isFinite
        else { return nil }
        return Int64(min(max(number, -Self.longestOffset), Self.longestOffset))
    }

    /// Ten thousand years and more, in milliseconds; in microseconds still far from the end of 64 bits.
    private static let longestOffset = 1e15

    /// Digits only, zeros before them included, or a minus before them: no number of JSON's, but the text of one.
    private func isDigits(_ text: UnsafeRawBufferPointer) -> Bool {
        let digits = text.first == 0x2D ? text.dropFirst() : text[...]
        return !digits.isEmpty && digits.allSatisfy(isDigit)
    }
}
