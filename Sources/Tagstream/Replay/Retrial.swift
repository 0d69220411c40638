/// Another try of dead letters: the worker's own pipeline, fed with the original record at its original position.
///
/// What is derived from a position, such as a uuid, is therefore what it would have been at the first try. What fails again is told
/// and not written: the letter is still where it was.
public struct Retrial: ~Copyable {
    /// What becomes of a letter now.
    public enum Verdict: Sendable, Equatable {
        /// It is a row, of this team and with so many matches.
        case tagged(team: Int64, matches: Int)
        /// It is ignored for a declared reason, which settles it as well.
        case ignored(reason: String)
        /// It cannot go on: a dead letter, as before or for another reason.
        case failed(reason: String, step: String, detail: String)

        /// Whether nothing is left to do about the letter.
        public var isSettled: Bool {
            if case .failed = self { false } else { true }
        }
    }

    private var pipeline: Pipeline
    private var batch = RecordBatch()
    private var out = OutputBatch(capacity: 1 << 16)
    private var original = ByteArena(capacity: 1 << 16)

    /// Makes one with the worker's limits.
    ///
    /// - Parameter droppedTokens: as the worker's.
    public init(limits: EventLimits = EventLimits(), droppedTokens: [String] = []) {
        pipeline = Pipeline(limits: limits, droppedTokens: droppedTokens)
    }

    /// Forgets which warnings were written: for letters that are tried again, since the first time was never committed.
    public mutating func forgetWarnings() { pipeline.forgetWarnings() }

    /// Tries a letter.
    ///
    /// - Parameters:
    ///   - isTooLarge: whether the broker has refused the letter's row for its size.
    ///   - use: gets what is to be produced, which is nothing for a letter that fails again.
    public mutating func tryAgain<Failure: Error>(
        _ letter: DeadLetter,
        isTooLarge: Bool = false,
        under snapshot: Snapshot,
        _ use: (borrowing OutputBatch, borrowing RecordBatch) throws(Failure) -> Void
    ) throws(Failure) -> Verdict {
        lend(letter)
        out.removeAll()
        if Self.isDuplicate(letter) {
            try use(out, batch)
            return .ignored(reason: IgnoredReason.duplicate.rawValue)
        }
        if isTooLarge {
            batch.keep { record, _ in
                record.isTooLargeForOutput = true
                return true
            }
        }
        pipeline.process(batch, under: snapshot, into: &out)
        let verdict = verdict()
        // A letter that fails again has been warned of when it was written.
        if !verdict.isSettled { out.records.removeAll() }
        try use(out, batch)
        return verdict
    }

    /// Whether a letter was only kept because its event had been tagged before (setting `ignored.keep`).
    ///
    /// The pipeline here remembers no uuids, and would give the event a second row.
    private static func isDuplicate(_ letter: DeadLetter) -> Bool {
        letter.reason == DeadLetterReason.ignored.rawValue && letter.detail == IgnoredReason.duplicate.rawValue
    }

    /// Lays a letter's bytes out where the batch can point to them.
    private mutating func lend(_ letter: DeadLetter) {
        batch.removeAll()
        original.removeAll()
        var size = (letter.key?.count ?? 0) + (letter.value?.count ?? 0)
        for header in letter.headers { size += header.name.count + (header.value?.count ?? 0) }
        // Once and for all: what is lent must not move.
        original.reserve(size)
        batch.append(
            topic: batch.index(ofTopic: letter.topic),
            partition: letter.partition,
            offset: letter.offset,
            timestamp: letter.timestamp,
            key: letter.key.map { lent($0) },
            value: letter.value.map { lent($0) }
        )
        for header in letter.headers {
            batch.appendHeader(name: lent(header.name), value: header.value.map { lent($0) })
        }
    }

    private mutating func lent(_ bytes: [UInt8]) -> UnsafeRawBufferPointer {
        let start = original.count
        original.append(bytes)
        return original.bytes(start, bytes.count)
    }

    private func verdict() -> Verdict {
        if let reason = out.counts.ignoredReasons.first { return .ignored(reason: reason.reason) }
        guard let record = out.records.first else { preconditionFailure("a letter evaporated in the pipeline") }
        var notes: [String: String] = [:]
        for header in out.headers[Int(record.firstHeader)..<Int(record.firstHeader + record.headerCount)] {
            guard let name = out.bytes(header.name), let value = out.bytes(header.value) else { continue }
            notes[String(decoding: name, as: UTF8.self)] = String(decoding: value, as: UTF8.self)
        }
        if record.destination == .deadLetters {
            return .failed(
                reason: notes["dlq_reason"] ?? "",
                step: notes["dlq_step"] ?? "",
                detail: notes["dlq_detail"] ?? ""
            )
        }
        return .tagged(team: notes["team_id"].flatMap { Int64($0) } ?? 0, matches: out.counts.matches)
    }
}
