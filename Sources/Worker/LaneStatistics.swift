import Synchronization
public import Tagstream

/// What a lane has done so far.
///
/// Committed work only counts in `committed`; `read` counts again what was read again after an abort.
public struct LaneStatistics: Sendable {
    /// Records that were read.
    public var read = 0
    /// Bytes of their values.
    public var bytesRead = 0
    /// How the records of committed transactions ended.
    public var committed = OutcomeCounts()
    /// Matches of committed transactions, by the action's id.
    public var matchesByAction: [Int64: Int] = [:]
    /// How often actions could not be evaluated, those of work that was aborted and done again counted twice.
    public var failingActions: [ActionVersion: ActionFailures] = [:]
    /// Committed transactions.
    public var commits = 0
    /// Aborted transactions.
    public var aborts = 0
    /// Times the outcome of a transaction was unknown and the broker was asked.
    public var recoveries = 0
    /// Times partitions were assigned, revoked or lost.
    public var rebalances = 0
    /// Records that were read a second time without a rewind, and skipped.
    public var skipped = 0
    /// The partitions assigned at present.
    public var partitions = 0
    /// Whether the lane has taken what its group gave it, be it nothing, and has restored what that needs; says nothing of a sum.
    public var isJoined = false
    /// Records at which a transaction is closed at present: fewer than configured while the cluster takes little; says nothing of a sum.
    public var transactionLimit = 0
    /// The catalogue's epoch of the last transaction.
    public var epoch: Int64 = 0

    /// Makes statistics of nothing.
    public init() {}

    /// Adds another lane's.
    public mutating func add(_ other: LaneStatistics) {
        read += other.read
        bytesRead += other.bytesRead
        committed.add(other.committed)
        matchesByAction.merge(other.matchesByAction, uniquingKeysWith: +)
        failingActions.merge(other.failingActions) { one, two in
            ActionFailures(failed: one.failed + two.failed, candidates: one.candidates + two.candidates)
        }
        commits += other.commits
        aborts += other.aborts
        recoveries += other.recoveries
        rebalances += other.rebalances
        skipped += other.skipped
        partitions += other.partitions
        epoch = max(epoch, other.epoch)
    }
}

/// Statistics that a lane publishes once a batch and anyone may read.
public final class StatisticsBoard: Sendable {
    private let value = Mutex(LaneStatistics())
    private let onRebalance: @Sendable (LaneStatistics) -> Void
    /// When the lane's loop last turned, in milliseconds of ``MonotonicClock``; negative while it does not run.
    private let turned = Atomic<Int64>(-1)
    /// Makes a board with nothing on it.
    ///
    /// - Parameter onRebalance: told on the lane's thread when partitions have been assigned, revoked or lost.
    public init(onRebalance: @escaping @Sendable (LaneStatistics) -> Void = { _ in }) { self.onRebalance = onRebalance }
    /// What was published last.
    public var current: LaneStatistics { value.withLock { $0 } }
    /// When the lane's loop last turned, in milliseconds of ``MonotonicClock``; nil while it does not run.
    var lastTurn: Int64? {
        let turned = turned.load(ordering: .relaxed)
        return turned < 0 ? nil : turned
    }
    /// The lane begins, turns, or takes a step of what takes long.
    func turns() { turned.store(MonotonicClock.milliseconds(), ordering: .relaxed) }
    /// The lane has ended.
    func ends() { turned.store(-1, ordering: .relaxed) }
    func publish(_ statistics: LaneStatistics) {
        turns()
        let before = value.withLock { value in
            defer { value = statistics }
            return value.rebalances
        }
        if before != statistics.rebalances { onRebalance(statistics) }
    }
}

/// The snapshot that is in force: published by whoever follows the catalogue, taken by lanes once per transaction.
public final class SnapshotBoard: Sendable {
    private let value: Mutex<Snapshot>
    /// Makes a board with a first snapshot.
    public init(_ snapshot: Snapshot) { value = Mutex(snapshot) }
    /// The snapshot in force.
    public var current: Snapshot { value.withLock { $0 } }
    /// Puts a snapshot into force, from the next transaction on.
    ///
    /// The tables of enrichments stay those that are in force.
    public func publish(_ snapshot: Snapshot) { value.withLock { $0 = snapshot.with($0.tables) } }
    /// Puts tables of enrichments into force, from the next transaction on.
    public func publish(_ tables: EnrichmentTables) { value.withLock { $0 = $0.with(tables) } }
}
