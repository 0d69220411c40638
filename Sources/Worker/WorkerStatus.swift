import Synchronization
import Tagstream

/// What a worker tells of itself, at any moment and from any thread: for probes and metrics.
///
/// Copies of what lanes publish once a turn; asking costs a lane nothing.
public struct WorkerStatus: Sendable {
    /// The catalogue in force.
    public struct Catalogue: Sendable, Equatable {
        /// The position in the catalogue's topic.
        public var epoch: Int64
        /// Teams.
        public var teams: Int
        /// Compiled actions of all teams.
        public var actions: Int
        /// Bytes of their plans.
        public var planBytes: Int
        /// Entries that are quarantined.
        public var quarantined: Int

        init(_ snapshot: Snapshot, quarantined: Int) {
            epoch = snapshot.epoch
            teams = snapshot.teams.count
            actions = snapshot.teams.reduce(0) { $0 + $1.plan.definitions.count }
            planBytes = snapshot.planBytes
            self.quarantined = quarantined
        }
    }

    /// One lane.
    public struct Lane: Sendable {
        /// What it has done.
        public var statistics: LaneStatistics
        /// Milliseconds since its loop last turned; nil while it is not running.
        public var millisecondsSinceTurn: Int64?
    }

    /// A source of enrichment.
    public struct Source: Sendable {
        /// How it is.
        public var status: SourceStatus
        /// Since when it has been degraded, in seconds since 1970; nil where it is not.
        public var degradedSince: Int64?
    }

    /// Whether it was asked to stop, or stops by itself.
    public var isDraining: Bool
    /// After how many milliseconds without a turn a lane stands still: by then its group has given its partitions to others
    /// (`max.poll.interval.ms`).
    public var patienceMilliseconds: Int64
    /// The catalogue in force; nil while it has not been read to its end.
    public var catalogue: Catalogue?
    /// The lanes in their order.
    public var lanes: [Lane]
    /// The sources of enrichment.
    public var sources: [Source]
}

/// What a worker's parts put down for its ``WorkerStatus``.
final class StatusBoard: Sendable {
    private let catalogue = Mutex<WorkerStatus.Catalogue?>(nil)
    private let watcher = Mutex<EnrichmentWatcher?>(nil)

    /// A catalogue has come into force.
    func publish(_ snapshot: Snapshot, quarantined: Int) {
        let status = WorkerStatus.Catalogue(snapshot, quarantined: quarantined)
        catalogue.withLock { $0 = status }
    }

    /// Enrichments are looked after by this watcher.
    func publish(_ watcher: EnrichmentWatcher) { self.watcher.withLock { $0 = watcher } }

    func status(of boards: [StatisticsBoard], isDraining: Bool, patienceMilliseconds: Int64) -> WorkerStatus {
        let watcher = watcher.withLock { $0 }
        let now = MonotonicClock.milliseconds()
        return WorkerStatus(
            isDraining: isDraining,
            patienceMilliseconds: patienceMilliseconds,
            catalogue: catalogue.withLock { $0 },
            lanes: boards.map { board in
                .init(statistics: board.current, millisecondsSinceTurn: board.lastTurn.map { max(0, now - $0) })
            },
            sources: watcher?.sourcesWithTimes ?? []
        )
    }
}
