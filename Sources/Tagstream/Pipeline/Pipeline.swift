/// An event's whole way, on one screen: a batch of records goes in, output records come out, and nothing evaporates.
///
/// Pure: no Kafka, no clock, no logger, no `await`. The same batch under the same snapshot gives the same bytes, today, after a
/// crash and in a backfill. One pipeline a lane: it owns the workbench and every reusable piece of memory.
public struct Pipeline: ~Copyable {
    /// What an event may contain and what a row may weigh.
    public let limits: EventLimits
    /// Whether ignored records are kept as dead letters of reason `ignored` (setting `ignored.keep`).
    public let keepsIgnored: Bool
    /// Which events are there for the second time (settings `dedup.*`); off unless it was given a window.
    package var duplicates: DuplicateFilter

    private var bench = Workbench()
    private var decoder: EventDecoder
    private let validator: EventValidator
    private var warnings = WarningDesk()
    private var schemas = SchemaRoom()
    private var enricher = Enricher()
    private var matcher = Matcher()
    private var actions = MatchedActions()
    private var elementsColumn = ElementsColumn()
    /// The actions that could not be evaluated, and how often.
    public private(set) var failures = FailureWatch()

    /// Makes a pipeline with its own memory.
    ///
    /// - Parameter droppedTokens: tokens whose records are ignored (setting `ignored.tokens`).
    public init(
        limits: EventLimits = EventLimits(),
        keepsIgnored: Bool = false,
        droppedTokens: [String] = [],
        duplicates: consuming DuplicateFilter = DuplicateFilter()
    ) {
        self.limits = limits
        self.keepsIgnored = keepsIgnored
        self.duplicates = duplicates
        decoder = EventDecoder(limits: limits)
        validator = EventValidator(limits: limits, droppedTokens: droppedTokens.map { Array($0.utf8) })
    }

    /// Forgets which warnings were written: for work that is done again, since the first time may never have been committed.
    public mutating func forgetWarnings() { warnings.forget() }

    /// Walks one batch from the front door to the back door.
    ///
    /// Every record ends in exactly one of tagged, ignored and dead-lettered; `out` holds the records to produce in input order.
    /// Linear in bytes; a warm pipeline allocates nothing for events that are tagged.
    ///
    /// - Parameter records: the indices of those records of the batch that are walked; nil for all.
    public mutating func process(
        _ batch: borrowing RecordBatch,
        _ records: Range<Int>? = nil,
        under snapshot: Snapshot,
        into out: inout OutputBatch
    ) {
        let before = out.counts.input
        let records = records ?? batch.records.indices
        for index in records {
            var notes = EventNotes()
            do {
                try process(batch, at: index, under: snapshot, noting: &notes, into: &out)
            } catch {
                out.counts.add(error.reason)
                DeadLetterEncoder.encode(batch, at: index, error, epoch: snapshot.epoch, into: &out)
                notes.end(with: error.reason.warning)
            }
            if !notes.warnings.isEmpty { warn(of: notes, batch, at: index, under: snapshot, into: &out) }
        }
        precondition(out.counts.input - before == records.count, "a record evaporated in the pipeline")
    }

    /// decode → tenant → validate → normalise → schema → enrich → match → encode; whatever stops a record is thrown as a value.
    @inline(__always)
    private mutating func process(
        _ batch: borrowing RecordBatch,
        at index: Int,
        under snapshot: Snapshot,
        noting notes: inout EventNotes,
        into out: inout OutputBatch
    ) throws(Rejection) {
        guard !batch.records[index].hasCrashed else {
            throw Rejection(.crash, in: .decode, "the process crashed on the record twice, it is not tried any more")
        }
        let record = try RecordContext(at: index, of: batch, limits)
        let decoded = try decoder.decode(record.value, on: &bench)
        switch try validator.validate(decoded, from: record, under: snapshot, on: &bench, noting: &notes) {
        case .ignored(let reason):
            notes.end(with: reason.warning)
            ignore(reason, batch, at: index, under: snapshot, into: &out)
        case .valid(var event):
            let team = snapshot.teams[event.team]
            try schemas.check(&event, with: team.trackingPlan, on: &bench)
            if duplicates.isOn, isDuplicate(event, batch.records[index], under: snapshot) {
                return ignore(.duplicate, batch, at: index, under: snapshot, into: &out)
            }
            let enriches = !team.enrichments.active.isEmpty
            if enriches {
                enricher.enrich(
                    &event,
                    with: team.enrichments,
                    from: snapshot.tables,
                    on: &bench,
                    counting: &out.counts.outages
                )
            }
            matcher.match(event.decoded.event, on: bench, with: team.plan, into: &actions)
            if actions.failedCount > 0 || !failures.isIdle { countFailures(team) }
            if enriches, team.enrichments.settings.address == .remove { enricher.removeAddress(of: &event, on: bench) }
            if event.decoded.event.elements.kind == .array {
                event.decoded.event.elementsChain = elementsColumn.append(event.decoded.event.elements, on: &bench)
                out.counts.skippedElements &+= elementsColumn.skipped
            }
            try encode(event, from: record, at: index, under: snapshot, into: &out)
            if duplicates.isOn { duplicates.add() }
            out.counts.duplicateKeys &+= decoded.duplicateKeys
        }
    }

    @inline(never)
    private mutating func countFailures(_ team: Team) {
        failures.count(actions, of: team.plan, team: team.id) { matcher.evaluator.isRemembered($0) }
    }

    private mutating func isDuplicate(_ event: ValidEvent, _ record: RawRecord, under snapshot: Snapshot) -> Bool {
        bench.scratch.removeAll()
        return duplicates.isDuplicate(
            uuid: bench.bytes.base + Int(event.uuid.offset),
            distinctID: bench.text(ofStringAt: event.decoded.event.distinctID),
            team: snapshot.teams[event.team].id,
            in: InputPartition(topic: record.topic, partition: record.partition)
        )
    }

    // MARK: The back door

    private mutating func encode(
        _ event: ValidEvent,
        from record: RecordContext,
        at index: Int,
        under snapshot: Snapshot,
        into out: inout OutputBatch
    ) throws(Rejection) {
        if record.isTooLargeForOutput {
            throw Rejection(.tooLargeForOutput, in: .encode, "the broker refused the row for its size")
        }
        let mark = out.mark
        let team = snapshot.teams[event.team].id
        let key = out.append(bench.written(event.uuid))
        let source = out.appendSource(record)
        let start = out.arena.count
        RowEncoder.encode(
            event,
            team: team,
            actions: actions,
            of: snapshot.teams[event.team].plan,
            epoch: snapshot.epoch,
            on: bench,
            into: &out.arena
        )
        let row = out.range(from: start)
        guard row.length <= limits.outputBytes else {
            out.rewind(to: mark)
            throw Rejection(
                .tooLargeForOutput,
                in: .encode,
                "the row would have \(row.length) bytes, the limit is \(limits.outputBytes)"
            )
        }
        let firstHeader = out.headers.count
        out.appendHeader("tagstream-source", source)
        out.appendHeader("team_id", decimal: team)
        out.appendHeader("event", out.append(bench.text(ofStringAt: event.decoded.event.name)))
        out.appendRecord(.tagged, input: index, key: key, value: row, firstHeader: firstHeader)
        out.counts.tagged &+= 1
        out.counts.evaluationErrors &+= actions.failedCount
        if event.isAnnotated { out.counts.annotated &+= 1 }
        encodeMatches(of: event, source, at: index, under: snapshot, into: &out)
    }

    private mutating func encodeMatches(
        of event: ValidEvent,
        _ source: OutputBatch.Range,
        at index: Int,
        under snapshot: Snapshot,
        into out: inout OutputBatch
    ) {
        guard actions.count > 0 else { return }
        let team = snapshot.teams[event.team]
        let start = out.arena.count
        out.arena.reserve(24 + Int(event.decoded.event.distinctID.length))
        out.arena.put(decimal: team.id)
        out.arena.put(0x3A)
        out.arena.append(bench.text(ofStringAt: event.decoded.event.distinctID))
        let key = out.range(from: start)
        for place in 0..<actions.count {
            let start = out.arena.count
            MatchEncoder.encode(
                event,
                team: team,
                place: actions[place],
                source: source,
                epoch: snapshot.epoch,
                origin: .live,
                on: bench,
                into: &out.arena
            )
            out.matchedIDs.append(team.plan.id(at: actions[place]))
            out.appendRecord(
                .matches,
                input: index,
                key: key,
                value: out.range(from: start),
                firstHeader: out.headers.count
            )
        }
        out.counts.matches &+= actions.count
    }

    private func ignore(
        _ reason: IgnoredReason,
        _ batch: borrowing RecordBatch,
        at index: Int,
        under snapshot: Snapshot,
        into out: inout OutputBatch
    ) {
        out.counts.add(reason)
        guard keepsIgnored else { return }
        let kept = Rejection(.ignored, in: .validate, reason.rawValue)
        DeadLetterEncoder.encode(batch, at: index, kept, epoch: snapshot.epoch, into: &out)
    }

    @inline(never)
    private mutating func warn(
        of notes: EventNotes,
        _ batch: borrowing RecordBatch,
        at index: Int,
        under snapshot: Snapshot,
        into out: inout OutputBatch
    ) {
        // Whoever has notes has passed this before.
        guard let record = try? RecordContext(at: index, of: batch, limits) else { return }
        warnings.write(notes, from: record, at: index, under: snapshot, limits, on: &bench, into: &out)
    }
}
