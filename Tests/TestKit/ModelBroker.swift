package import Kafka

/// A broker as Kafka's documentation promises it, small enough to be checked after every commit: one input topic, one group, one
/// transactional output.
///
/// It checks as it goes: a transaction that is committed has to carry exactly the next records of its partitions, in their order, and
/// the offsets behind them. ``problem`` keeps the first violation.
package final class ModelBroker {
    /// A mistake, planted to see that it is found.
    package enum Bug: CaseIterable, Sendable {
        /// Seeks are lost on their way.
        case ignoresSeeks
        /// The output is committed, the offsets are not.
        case commitsWithoutOffsets
        /// An abort leaves the transaction open: its output goes with the next commit.
        case ignoresAborts
        /// Members that the group has given up may still commit.
        case ignoresGenerations
        /// Offsets are read while a pending transaction can still change them.
        case readsUnstableOffsets
        /// Producers of an older epoch are not fenced.
        case fencesNobody
        /// A commit that was applied is reported as one to be aborted.
        case callsCommitsAborts
        /// The last record of a transaction is lost.
        case losesOutput
        /// Offsets run one record ahead.
        case commitsAhead
        /// What is written to the changelog of uuids is lost.
        case losesChangelog
        /// What an aborted transaction has written to the changelog of uuids stays there.
        case keepsAbortedChangelog
        /// Offsets are sent without asking whether the member still has the place in the group that the lane has agreed to.
        case sendsWithoutPlace
        /// A transaction is aborted although a request of it was given up without an answer, and the next one has the same epoch.
        case abortsInDoubt
    }

    /// What becomes of a record.
    package enum Fate: Sendable {
        case tagged, duplicate, letter
    }

    /// A row or a dead letter: where it was read, and what became of it.
    package typealias Written = (partition: Int, offset: Int64, fate: Fate)

    /// An open transaction of a transactional id.
    package struct Transaction {
        package var records: [Written] = []
        package var granules: [Granule] = []
        package var offsets: [Int: CommittedOffset] = [:]
        /// A request to commit that the producer has given up on and that is still on its way.
        package var hasDelayedEnd = false
    }

    /// What a producer has sent within a transaction.
    package enum Request {
        case write(Written)
        case remember(Granule)
        case offsets([Int: CommittedOffset])
    }

    /// A record of the changelog of uuids.
    package struct Granule {
        package var partition: Int
        package var number: Int
        package var value: [UInt8]?
        /// Its place in the changelog.
        package var offset = 0
    }

    package var random: SeededGenerator
    package let bug: Bug?
    /// The offsets of the records of each partition: some numbers are missing, as behind control records and compaction.
    package let inputs: [[Int64]]
    /// Records whose rows are refused for their size.
    package let oversized: [Set<Int64>]
    /// For how many events of its partition a uuid is remembered; 0 where duplicates are not looked for.
    package let window: Int
    /// Which of ``SampleValue/numbered`` each record is; nil where it is no event.
    package let uuids: [[Int?]]
    /// What has to become of each record.
    package let fates: [[Fate]]
    /// How many of a hundred calls meet a fault.
    package var faults: Int
    package var now: Int64 = 0
    package private(set) var problem: String?
    package var coverage = Coverage()
    /// The last steps, where they are wanted.
    package var trace: [String]?
    /// Lets something happen elsewhere, in the middle of a call.
    package var interleave: () -> Void = {}

    package private(set) var epochs: [Int]
    package var open: [Transaction?]
    private var committed: [CommittedOffset?]
    /// How many records of each partition have been written, visibly to readers of committed records.
    package private(set) var written: [Int]
    var generation = 0
    var members: [Member] = []
    var nextMember = 1

    package init(seed: UInt64, slots: Int, bug: Bug? = nil) {
        var random = SeededGenerator(seed: seed)
        var inputs: [[Int64]] = []
        var oversized: [Set<Int64>] = []
        let gaps = random.pick([0, 0, 10, 40])
        for _ in 0..<(1 + random.below(4)) {
            var next = Int64(random.below(3))
            var offsets: [Int64] = []
            for _ in 0..<(5 + random.below(30)) {
                offsets.append(next)
                next += random.chance(gaps) ? Int64(2 + random.below(3)) : 1
            }
            inputs.append(offsets)
            oversized.append(Set(offsets.filter { _ in random.chance(3) }))
        }
        // Drawn last, so that a seed has the same input as it had without them.
        var uuidRandom = SeededGenerator(seed: seed ^ 0x5EED)
        let window = uuidRandom.pick([0, 1, 3, 5, 100])
        let variety = uuidRandom.pick([2, 6, 16])
        var uuids: [[Int?]] = []
        for (partition, offsets) in inputs.enumerated() {
            uuids.append(
                offsets.indices.map { index in
                    let isEvent = oversized[partition].contains(offsets[index]) || [0, 2, 3].contains(index % 5)
                    return isEvent ? uuidRandom.below(variety) : nil
                }
            )
        }
        self.window = window
        self.uuids = uuids
        fates = inputs.indices.map { Self.fates(uuids[$0], window, inputs[$0], oversized[$0]) }
        self.inputs = inputs
        self.oversized = oversized
        self.bug = bug
        faults = random.pick([0, 4, 10, 20, 40])
        epochs = Array(repeating: 0, count: slots)
        open = Array(repeating: nil, count: slots)
        committed = Array(repeating: nil, count: inputs.count)
        written = Array(repeating: 0, count: inputs.count)
        self.random = random
    }

    /// What has to become of a partition's records, by the plainest of rules.
    private static func fates(_ uuids: [Int?], _ window: Int, _ offsets: [Int64], _ oversized: Set<Int64>) -> [Fate] {
        var tagged: [Int] = []
        return zip(uuids, offsets).map { uuid, offset in
            guard let uuid else { return .letter }
            if tagged.suffix(window).contains(uuid) { return .duplicate }
            if oversized.contains(offset) { return .letter }
            tagged.append(uuid)
            return .tagged
        }
    }

    package func note(_ text: @autoclosure () -> String) {
        // What follows a problem explains nothing.
        guard trace != nil, problem == nil else { return }
        trace?.append(text())
        if let count = trace?.count, count > 40 { trace?.removeFirst(count - 40) }
    }

    package func report(_ text: String) {
        note("PROBLEM: \(text)")
        problem = problem ?? text
    }

    package func hasFault() -> Bool { faults > 0 && random.chance(faults) }

    package var isDone: Bool {
        inputs.indices.allSatisfy { written[$0] == inputs[$0].count } && open.allSatisfy { $0 == nil }
    }

    // MARK: Transactions

    /// A producer registers: it ends what the id has open and fences its predecessors.
    package func register(_ slot: Int) -> Int {
        note("slot \(slot): epoch \(epochs[slot] + 1)\(open[slot] == nil ? "" : ", the open transaction is aborted")")
        if bug != .fencesNobody { open[slot] = nil }
        epochs[slot] += 1
        return epochs[slot]
    }

    package func isCurrent(_ slot: Int, _ epoch: Int) -> Bool {
        if bug == .fencesNobody || epochs[slot] == epoch { return true }
        coverage.fenced += 1
        return false
    }

    /// The coordinator's patience with an open transaction ends.
    package func timeOut(_ slot: Int) {
        guard open[slot] != nil else { return }
        note("slot \(slot): the transaction times out")
        coverage.timeouts += 1
        open[slot] = nil
        epochs[slot] += 1
    }

    /// A request that was on its way arrives.
    package func deliverDelayedEnd(_ slot: Int) {
        guard open[slot]?.hasDelayedEnd == true else { return }
        note("slot \(slot): a delayed commit arrives")
        coverage.delayedEnds += 1
        apply(slot)
    }

    // MARK: Requests

    /// Given up by their producers without an answer, and still on their way.
    private var delayed: [(slot: Int, epoch: Int, request: Request)] = []

    /// A request arrives, for the transaction that is open; the first of one opens it.
    package func take(_ request: Request, for slot: Int) {
        var transaction = open[slot] ?? Transaction()
        switch request {
        case .write(let written): transaction.records.append(written)
        case .remember(let granule): transaction.granules.append(granule)
        case .offsets(let offsets): transaction.offsets.merge(offsets) { $1 }
        }
        open[slot] = transaction
    }

    /// A request takes longer than its producer waits.
    package func delay(_ request: Request, of slot: Int, _ epoch: Int) { delayed.append((slot, epoch, request)) }

    /// One of those arrives.
    ///
    /// A broker before KIP-890's second version tells transactions apart by the producer's epoch alone: it takes the request for one of
    /// whatever transaction the slot has by now.
    package func deliverDelayed() {
        guard !delayed.isEmpty else { return }
        let (slot, epoch, request) = delayed.remove(at: random.below(delayed.count))
        guard bug == .fencesNobody || epochs[slot] == epoch else {
            coverage.refusedRequests += 1
            return
        }
        note("slot \(slot): a delayed request arrives: \(request)")
        coverage.lateRequests += 1
        take(request, for: slot)
    }

    /// The rest arrives.
    package func deliverAllDelayed() { while !delayed.isEmpty { deliverDelayed() } }

    /// Commits what a transactional id has open, and checks it.
    package func apply(_ slot: Int) {
        guard let transaction = open[slot] else { return }
        open[slot] = nil
        coverage.commits += 1
        note("slot \(slot): committed \(transaction.records.count) records")
        for (index, record) in transaction.records.enumerated() {
            if bug == .losesOutput, index == transaction.records.count - 1, index > 3 { continue }
            let (partition, offset, fate) = record
            let count = written[partition]
            guard count < inputs[partition].count, inputs[partition][count] == offset else {
                let wanted = count < inputs[partition].count ? String(inputs[partition][count]) : "nothing"
                report("partition \(partition): \(offset) was written where \(wanted) had to follow")
                return
            }
            guard fates[partition][count] == fate else {
                report("partition \(partition): \(offset) became \(fate), expected \(fates[partition][count])")
                return
            }
            if fate == .duplicate { coverage.duplicates += 1 }
            written[partition] += 1
        }
        if bug != .losesChangelog { write(transaction.granules) }
        if bug != .commitsWithoutOffsets {
            for (partition, offset) in transaction.offsets.sorted(by: { $0.key < $1.key }) {
                commit(offset, partition)
            }
        }
        for partition in inputs.indices {
            let finished = index(of: committed[partition]?.offset ?? 0, in: partition)
            guard finished == written[partition] else {
                report(
                    "partition \(partition): \(written[partition]) records are written, but \(finished) lie before the offset"
                )
                return
            }
        }
    }

    // MARK: The changelog of uuids

    private var changelog: [Granule] = []
    private var changelogEnd = 0
    /// Committed, but the word of it has not reached the changelog yet.
    private var late: [Granule] = []

    package func write(_ granules: [Granule]) {
        deliverLate()
        guard !granules.isEmpty else { return }
        if faults > 0, random.chance(30) {
            coverage.lateChangelogs += 1
            late = granules
        } else {
            append(granules)
        }
    }

    private func append(_ granules: [Granule]) {
        for var granule in granules {
            // Compaction, at its keenest or not at all.
            if random.chance(50) {
                changelog.removeAll { $0.partition == granule.partition && $0.number == granule.number }
            }
            granule.offset = changelogEnd
            changelogEnd += 1
            changelog.append(granule)
        }
    }

    private func deliverLate() {
        append(late)
        late = []
    }

    /// What stands in the changelog from an offset on, some of it or all; and where to go on, nil at the end.
    package func readChangelog(from offset: Int) -> (granules: [Granule], next: Int, isAtEnd: Bool) {
        if random.chance(50) { deliverLate() }
        let there = changelog.filter { $0.offset >= offset }
        let some = Array(there.prefix(random.chance(50) ? there.count : random.below(there.count + 1)))
        return (some, (some.last?.offset).map { $0 + 1 } ?? offset, some.count == there.count)
    }

    private func commit(_ offset: CommittedOffset, _ partition: Int) {
        let old = committed[partition]
        if let old, offset.offset < old.offset {
            report("partition \(partition): the offset goes back from \(old.offset) to \(offset.offset)")
        }
        if let old, Self.epoch(offset) < Self.epoch(old) {
            report("partition \(partition): the catalogue's epoch goes back from \(old.metadata) to \(offset.metadata)")
        }
        committed[partition] = offset
        if bug == .commitsAhead { committed[partition]?.offset += 1 }
    }

    /// The note begins with `epoch=`; more may follow behind a semicolon.
    private static func epoch(_ offset: CommittedOffset) -> Int {
        Int(offset.metadata.split(separator: ";").first?.dropFirst(6) ?? "") ?? 0
    }

    package func index(of offset: Int64, in partition: Int) -> Int {
        inputs[partition].firstIndex { $0 >= offset } ?? inputs[partition].count
    }

    /// What is committed, after the transactions that could still change it have ended.
    package func stable(_ partitions: [Int]) -> [Int: CommittedOffset] {
        if bug != .readsUnstableOffsets {
            for slot in open.indices where isPending(slot, partitions) {
                // The asker is told to come again until the transaction ends: by itself, late, or by its timeout.
                interleave()
                guard isPending(slot, partitions) else { continue }
                if open[slot]?.hasDelayedEnd == true, random.chance(50) {
                    deliverDelayedEnd(slot)
                } else {
                    timeOut(slot)
                }
            }
        }
        var known: [Int: CommittedOffset] = [:]
        for partition in partitions { known[partition] = committed[partition] }
        return known
    }

    private func isPending(_ slot: Int, _ partitions: [Int]) -> Bool {
        open[slot]?.offsets.keys.contains { partitions.contains($0) } == true
    }
}
