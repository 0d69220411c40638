import Kafka
import Tagstream

// What a lane does when the group gives it partitions or takes them: decisions are in ``Assignment``.
extension Lane where Doors: ~Copyable {
    mutating func answer(_ rebalance: Rebalance) throws {
        statistics.rebalances += 1
        switch rebalance {
        case .assigned(let partitions):
            try assigned(partitions)
        case .revoked(let partitions):
            // The group waits for this member: one budget for everything. If the commit fails, the work is aborted, and the partitions'
            // next owner does it; if nobody knows, that is settled once they are given back, so that the group does not wait for it.
            doors.hurry(RevocationBudget(configuration.revocation, from: now()))
            try finishTransaction()
            try giveUp(partitions)
            doors.hurry(nil)
        case .lost(let partitions):
            // Somebody else may own them already: nothing may be committed any more.
            if transaction.isOpen {
                transaction.aborts()
                _ = try abort()
                pipeline.plain.forgetWarnings()
                forgetTransaction()
            }
            try giveUp(partitions)
        }
        statistics.partitions = ledger.assigned.count
        statistics.isJoined = assignment.isHeld
    }

    mutating func assigned(_ partitions: [TopicPartition]) throws {
        let place = try doors.place()
        let committed: [TopicPartition: CommittedOffset]
        do throws(KafkaError) {
            committed = try doors.committed(partitions)
        } catch {
            // Where offsets are pending until the broker ends their transaction, a lane that is to stop need not wait for it: it has nothing.
            guard error.remedy == .retry, shouldStop() else { throw error }
            return
        }
        // Nothing is assigned until the catalogue is there: the polls find no records and only show that this member is alive.
        if let next = try waitForEpoch(of: committed) { return try answer(next) }
        if let next = try restoreWindows(of: partitions, at: committed) { return try answer(next) }
        try doors.assign(partitions)
        ledger.assign(partitions)
        pipeline.keepSuspects(of: partitions)
        assignment.taken(at: place)
        guard configuration.exitsAtEnd else { return }
        targets.merge(try doors.endOffsets(of: partitions.filter { targets[$0] == nil })) { first, _ in first }
        for partition in partitions where (committed[partition]?.offset ?? 0) >= targets[partition] ?? .max {
            ended.insert(partition)
        }
    }

    /// Epochs never go back: whoever had a partition before has worked under the epoch that stands beside its offset.
    ///
    /// - Returns: a rebalance that came while waiting.
    mutating func waitForEpoch(of committed: [TopicPartition: CommittedOffset]) throws -> Rebalance? {
        let needed = committed.values.compactMap { OffsetNote($0.metadata).epoch }.max() ?? 0
        let deadline = now() + configuration.epochPatience
        while snapshots.current.epoch < needed, !shouldStop() {
            guard now() < deadline else {
                throw LaneFailure(
                    "the partitions were worked on under the catalogue's epoch \(needed), but this worker has only read up to "
                        + "\(snapshots.current.epoch): is it another catalogue topic?"
                )
            }
            assignment.polls(at: now())
            board.turns()
            let event = try doors.poll(into: &batch, records: 1, bytes: 1, timeout: 10)
            if case .rebalance(let rebalance) = event { return rebalance }
            doors.release()
        }
        return nil
    }

    /// Every uuid that counts is known before the first record is judged.
    ///
    /// - Returns: a rebalance that came while reading.
    mutating func restoreWindows(
        of partitions: [TopicPartition],
        at committed: [TopicPartition: CommittedOffset]
    ) throws -> Rebalance? {
        guard pipeline.plain.duplicates.isOn else { return nil }
        var restoration = WindowRestoration(of: partitions, at: committed, in: &pipeline.plain.duplicates, &batch)
        defer { doors.closeChangelog() }
        while !restoration.isComplete, !shouldStop() {
            board.turns()
            try restoration.read(
                from: &doors,
                into: &pipeline.plain.duplicates,
                now: now(),
                configuration.epochPatience
            )
            if restoration.isComplete { break }
            let event = try doors.poll(into: &batch, records: 1, bytes: 1, timeout: 0)
            if case .rebalance(let rebalance) = event { return rebalance }
            doors.release()
        }
        return nil
    }

    mutating func giveUp(_ partitions: [TopicPartition]) throws {
        try doors.unassign()
        ledger.revoke(partitions)
        ended.subtract(partitions)
        assignment.givenUp()
    }
}
