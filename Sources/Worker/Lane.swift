import Kafka
import Tagstream

/// One lane: consume → process → produce → offsets, in transactions, on one thread that owns consumer and producer.
///
/// The pattern is that of KIP-447 as docs/reliability.md tells it step by step. Decisions are in ``Assignment``, ``TransactionState``
/// and ``OffsetLedger``; here are the effects, in the order in which they happen.
public struct Lane<Doors: LaneDoors & ~Copyable>: ~Copyable {
    /// What a lane needs to know.
    public typealias Configuration = LaneConfiguration

    let configuration: Configuration
    let snapshots: SnapshotBoard
    let board: StatisticsBoard
    let now: () -> Int64
    let shouldStop: () -> Bool
    var doors: Doors
    var pipeline: JournaledPipeline
    var batch = RecordBatch()
    var out: OutputBatch
    var ledger = OffsetLedger()
    var assignment: Assignment
    var transaction: TransactionState
    var snapshot: Snapshot
    var statistics = LaneStatistics()

    /// What the open transaction has come to; added to the statistics when it is committed.
    var pending = OutcomeCounts()
    var pendingByAction: [Int64: Int] = [:]
    /// The open transaction's input records in order: a failed delivery names one of them by its number.
    var positions: [(topic: Int32, partition: Int32, offset: Int64)] = []
    /// Records whose rows the broker refused for their size: they become dead letters when they are read again.
    var tooLarge: Set<RecordPosition> = []
    /// With `exitsAtEnd`: where each partition ended when it was first assigned, and which of them have been read up to there.
    var targets: [TopicPartition: Int64] = [:]
    var ended: Set<TopicPartition> = []

    #if TAGSTREAM_FAILPOINTS
    /// For a mistake that ``PlantedBug`` plants.
    let firstSnapshot: Snapshot
    #endif

    struct RecordPosition: Hashable {
        var partition: TopicPartition
        var offset: Int64
    }

    /// Makes a lane; ``run()`` opens its doors.
    ///
    /// - Parameters:
    ///   - journal: where the lane notes what is in its pipeline; nil for nowhere.
    ///   - now: milliseconds of a clock that never goes back.
    ///   - shouldStop: asked between batches; true drains the lane.
    public init(
        _ configuration: Configuration,
        doors: consuming Doors,
        journal: CrashJournal? = nil,
        snapshots: SnapshotBoard,
        board: StatisticsBoard,
        now: @escaping () -> Int64,
        shouldStop: @escaping () -> Bool
    ) {
        self.configuration = configuration
        self.doors = doors
        self.snapshots = snapshots
        self.board = board
        self.now = now
        self.shouldStop = shouldStop
        snapshot = snapshots.current
        #if TAGSTREAM_FAILPOINTS
        firstSnapshot = snapshot
        #endif
        out = OutputBatch(capacity: configuration.outputBytes)
        pipeline = JournaledPipeline(configuration.makePipeline(), journal)
        transaction = TransactionState(
            limits: TransactionLimits(
                records: configuration.transactionRecords,
                bytes: configuration.transactionBytes,
                milliseconds: configuration.transactionMilliseconds,
                timeout: configuration.transactionTimeout
            ),
            attempts: configuration.attempts
        )
        assignment = Assignment(pollPatience: configuration.pollPatience)
    }

    /// Works until it should stop, until every partition has been read to its end (where that is asked for), or until something is
    /// broken for good.
    ///
    /// What was read and can be committed is committed before it returns; otherwise the transaction is aborted and the records belong to
    /// whoever gets the partitions next.
    ///
    /// - Throws: the error that cannot be met with a retry or an abort.
    public mutating func run() throws {
        try doors.open()
        while try step() {}
    }

    /// Takes one turn, or ends the lane: returns whether it goes on.
    ///
    /// The tests' simulation interleaves the steps of several lanes.
    mutating func step() throws -> Bool {
        defer {
            statistics.transactionLimit = transaction.limits.recordsNow
            board.publish(statistics)
        }
        do {
            if !shouldStop(), !isAtEnd {
                try turn()
                return true
            }
            try finishTransaction()
            try settle()
        } catch {
            // Best effort: what stays open is ended by the broker, or by the next owner of the transactional id.
            if transaction.canBeAborted { try? doors.abort() }
            doors.close()
            throw error
        }
        doors.close()
        return false
    }

    /// Opens the doors without taking a step: for the simulation, which takes the steps itself.
    mutating func open() throws { try doors.open() }

    var isAtEnd: Bool { hasReadAll && !transaction.isOpen }

    /// Whether nothing is left to read of what is assigned: never between two assignments.
    var hasReadAll: Bool {
        configuration.exitsAtEnd && assignment.isHeld && ended.isSuperset(of: ledger.assigned)
    }

    // MARK: One turn

    mutating func turn() throws {
        let timeout = transaction.patience(at: now(), idle: configuration.idleMilliseconds)
        assignment.polls(at: now())
        let event = try doors.poll(
            into: &batch,
            records: min(configuration.pollRecords, transaction.roomForRecords),
            bytes: min(configuration.pollBytes, transaction.limits.bytesNow),
            timeout: timeout
        )
        switch event {
        case .rebalance(let rebalance): try answer(rebalance)
        case .records(let ends):
            // Before the records: if these fail, the lane goes back and is at no end any more.
            ended.formUnion(ends.keys)
            try process()
        }
        // At the end of everything there is nothing to wait for.
        if transaction.isDue(at: now()) || hasReadAll { try finishTransaction() }
        try settle()
    }

    mutating func process() throws {
        // Whatever happens, the records go back to librdkafka: their bytes have been copied into the output by then.
        defer { doors.release() }
        try admit()
        guard !batch.records.isEmpty else { return }
        do throws(KafkaError) {
            if !transaction.isOpen { try beginTransaction() }
            let firstLabel = positions.count
            var bytes = 0
            for record in batch.records {
                positions.append((record.topic, record.partition, record.offset))
                bytes += record.value?.count ?? 0
            }
            out.removeAll()
            pipeline.process(&batch, under: snapshot, into: &out)
            #if TAGSTREAM_FAILPOINTS
            SpoiltWork.spoil(&out)
            #endif
            statistics.failingActions = pipeline.plain.failures.failures
            try doors.produce(out, of: batch, firstLabel: firstLabel)
            transaction.added(records: batch.records.count, bytes: bytes + out.arena.count)
            pending.add(out.counts)
            if configuration.countsByAction { for id in out.matchedIDs { pendingByAction[id, default: 0] += 1 } }
            statistics.read += batch.records.count
            statistics.bytesRead += bytes
        } catch {
            try failed(error)
        }
    }

    /// Lets the ledger judge every record; what it does not accept is taken out of the batch.
    mutating func admit() throws {
        var failure: LaneFailure?
        var skipped = 0
        batch.keep { record, topic in
            let partition = TopicPartition(topic, record.partition)
            switch ledger.read(record.offset, of: partition) {
            case .accept:
                if let target = targets[partition], record.offset + 1 >= target { ended.insert(partition) }
                if !tooLarge.isEmpty, tooLarge.contains(RecordPosition(partition: partition, offset: record.offset)) {
                    record.isTooLargeForOutput = true
                }
                return true
            case .skip, .foreign:
                skipped += 1
                return false
            case .gap(let expected):
                failure =
                    failure
                    ?? LaneFailure(
                        "after going back, \(partition) continued at offset \(record.offset), expected \(expected): records are missing between"
                    )
                return false
            }
        }
        statistics.skipped += skipped
        if let failure { throw failure }
    }

    // MARK: Transactions

    mutating func beginTransaction() throws(KafkaError) {
        transaction.began(at: now(), in: assignment.tenure)
        try doors.begin()
        // One snapshot a transaction: a change of the catalogue never falls between two of its events.
        snapshot = snapshots.current
        #if TAGSTREAM_FAILPOINTS
        if PlantedBug.snapshotOfTheBeginning.isPlanted, statistics.commits % 5 == 4 { snapshot = firstSnapshot }
        #endif
        statistics.epoch = snapshot.epoch
    }

    /// Commits what is open; after an error that can be met, the work is rewound and will be done again.
    mutating func finishTransaction() throws {
        guard let tenure = transaction.tenure else { return }
        if let failed = doors.failedRecord {
            try self.failed(failed.error)
            return
        }
        var objection: Assignment.Objection?
        do throws(KafkaError) {
            objection = assignment.objection(toTenure: tenure, at: try doors.place(), now: now())
            if objection == nil {
                transaction.commits()
                try WindowChanges.write(pipeline.plain.duplicates, of: batch, to: &doors)
                let offsets = ledger.offsets.map { ($0, CommittedOffset($1, metadata: note(beside: $0))) }
                try doors.commit(Dictionary(uniqueKeysWithValues: offsets))
            }
        } catch {
            try failed(error)
            return
        }
        guard objection == nil else {
            // What may belong to others is never committed, whatever librdkafka says of the assignment.
            transaction.aborts()
            return try abortAndRewind()
        }
        for (partition, next) in ledger.offsets where !tooLarge.isEmpty {
            tooLarge = tooLarge.filter { $0.partition != partition || $0.offset >= next }
        }
        pipeline.committed(ledger.offsets)
        ledger.committed()
        pipeline.plain.duplicates.commit()
        transaction.committed(at: now())
        statistics.committed.add(pending)
        statistics.matchesByAction.merge(pendingByAction, uniquingKeysWith: +)
        statistics.commits += 1
        forgetTransaction()
    }

    /// Meets an error of the open transaction by its remedy.
    mutating func failed(_ error: KafkaError) throws {
        let culprit = doors.failedRecord
        switch transaction.failed(error) {
        case .leave: throw LaneFailure(fencedBy: error)
        case .giveUp: throw culprit?.error ?? error
        case .recover: break
        case .abort:
            if let culprit, culprit.error.isTooLarge { try noteTooLarge(culprit) }
            try abortAndRewind()
        }
    }

    /// Aborts, and goes back to where the transaction began.
    mutating func abortAndRewind() throws {
        guard try abort() else { return }
        #if TAGSTREAM_FAILPOINTS
        if PlantedBug.abortWithoutRewind.isPlanted {
            ledger.committed()
            return forgetTransaction()
        }
        #endif
        do throws(KafkaError) { try rewind(ledger.aborted()) } catch { transaction.wayBackFailed() }
    }

    /// Aborts; false where nobody confirmed it.
    mutating func abort() throws -> Bool {
        do throws(KafkaError) {
            try doors.abort()
        } catch {
            if transaction.abortFailed(error) == .leave { throw LaneFailure(fencedBy: error) }
            return false
        }
        transaction.aborted()
        statistics.aborts += 1
        return true
    }

    /// Where nobody knows what became of the transaction: asks the broker, after making sure that it can change no more.
    mutating func settle() throws {
        guard transaction.isOutcomeUnknown else { return }
        let committed = try recover()
        statistics.recoveries += 1
        // All of a transaction is there or nothing: where its offsets are committed, its uuids are in the changelog.
        for (partition, next) in ledger.offsets where committed[partition] ?? 0 >= next {
            pipeline.plain.duplicates.commit(batch.input(partition))
        }
        try rewind(ledger.recovered(committed: committed))
        transaction.recovered()
    }

    /// Asks until there is an answer: a cluster that is away for longer than the doors' patience is no reason to end, since whoever came
    /// instead would have to wait for it as well.
    private mutating func recover() throws -> [TopicPartition: Int64] {
        while true {
            do {
                return try doors.recover(ledger.assigned)
            } catch let error as KafkaError where error.isFenced {
                throw LaneFailure(fencedBy: error)
            } catch let error as KafkaError where error.remedy == .retry && !shouldStop() {
                // What librdkafka has to say about it has been logged.
                continue
            }
        }
    }

    /// What a partition's next owner has to know.
    mutating func note(beside partition: TopicPartition) -> String {
        OffsetNote(epoch: snapshot.epoch, uuids: pipeline.plain.duplicates.next(of: batch.input(partition))).text
    }

    mutating func rewind(_ positions: [TopicPartition: Int64]) throws(KafkaError) {
        // Also where the seek fails: the transaction has ended, and what follows asks the broker where to go on.
        forgetTransaction()
        pipeline.plain.forgetWarnings()
        ended.subtract(positions.keys)
        if !positions.isEmpty { try doors.seek(positions) }
    }

    mutating func forgetTransaction() {
        pipeline.plain.duplicates.takeBack()
        pending = OutcomeCounts()
        pendingByAction.removeAll(keepingCapacity: true)
        positions.removeAll(keepingCapacity: true)
    }

    mutating func noteTooLarge(_ failed: FailedDelivery) throws {
        guard positions.indices.contains(failed.label) else { return }
        let position = positions[failed.label]
        let topic = String(decoding: batch.topicBytes(position.topic), as: UTF8.self)
        let record = RecordPosition(partition: TopicPartition(topic, position.partition), offset: position.offset)
        guard tooLarge.insert(record).inserted else {
            throw LaneFailure(
                "the dead letter of \(record.partition) at offset \(record.offset) is refused for its size as well: "
                    + "the dead letters' topic has to take records of a megabyte"
            )
        }
    }
}
