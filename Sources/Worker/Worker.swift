import Foundation
import Kafka
public import Logging
public import ServiceLifecycle
import Synchronization
import Tagstream

/// A worker: n lanes, each on a thread of its own, and the catalogue's follower beside them.
///
/// A `Service`: ``run()`` returns when the lanes have ended, by themselves (``WorkerConfiguration/exitsAtEnd``) or drained after a
/// graceful shutdown was asked for.
public final class Worker: Service {
    private let board = StatusBoard()
    private let configuration: WorkerConfiguration
    private let logger: Logger
    private let isStopping = Atomic<Bool>(false)
    private let boards: [StatisticsBoard]
    private let pulses: [Pulse]
    private let onStandstill: @Sendable () -> Void
    private let failure = Mutex<(any Error)?>(nil)

    /// Makes a worker that ``run()`` starts.
    ///
    /// - Parameter onStandstill: called when a lane is caught in a call that does not return. It should end the process without waiting for
    ///   anything, so that another worker gets the partitions; by default it is only logged.
    public init(
        _ configuration: WorkerConfiguration,
        logger: Logger,
        onStandstill: @escaping @Sendable () -> Void = {}
    ) {
        self.configuration = configuration
        self.logger = logger
        self.onStandstill = onStandstill
        pulses = (0..<configuration.lanes).map { _ in Pulse() }
        boards = (0..<configuration.lanes).map { lane in
            StatisticsBoard { statistics in
                logger.info(
                    "assignment changed",
                    metadata: [
                        "lane": "\(lane)", "partitions": "\(statistics.partitions)",
                        "rebalances": "\(statistics.rebalances)",
                    ]
                )
            }
        }
    }

    /// What all lanes have done so far.
    public var statistics: LaneStatistics {
        var sum = LaneStatistics()
        for board in boards { sum.add(board.current) }
        return sum
    }

    /// What the worker tells of itself: for probes and metrics.
    public var status: WorkerStatus {
        board.status(
            of: boards,
            isDraining: isStopping.load(ordering: .relaxed),
            patienceMilliseconds: configuration.laneConfiguration.pollPatience
        )
    }

    /// How many lanes have partitions at present.
    public var assignedLanes: Int { boards.count { $0.current.partitions > 0 } }

    /// Asks the lanes to commit what they have and to end.
    ///
    /// Returns at once.
    public func stop() { isStopping.store(true, ordering: .relaxed) }

    /// Works until stopped.
    ///
    /// - Throws: the first error that ended a lane: a ``LaneFailure``, or a `KafkaError` whose remedy is to exit.
    public func run() async throws {
        logger.info(
            "worker starts",
            metadata: [
                "librdkafka": "\(LibrdkafkaVersion.linked)", "kafka.brokers": "\(configuration.client.brokers)",
                "kafka.group": "\(configuration.group)", "lanes": "\(configuration.lanes)",
                "slot": "\(configuration.slot)",
            ]
        )
        let budget = configuration.budget
        logger.info(
            "memory of each lane",
            metadata: [
                "lane.bytes": "\(budget.lane)", "prefetch.bytes": "\(budget.prefetchBytes)",
                "prefetch.records.per.partition": "\(budget.prefetchRecords)", "fetch.bytes": "\(budget.fetchBytes)",
                "producer.bytes": "\(budget.producerBytes)", "producer.records": "\(budget.producerRecords)",
                "transaction.bytes": "\(configuration.lane.transactionBytes)",
                "batch.bytes": "\(configuration.lane.pollBytes)",
                "uuids.bytes.per.partition": "\(configuration.lane.duplicateBytes)",
            ]
        )
        try await withGracefulShutdownHandler {
            let sources = EnrichmentSources(
                configuration.enrichmentFiles,
                client: configuration.client,
                group: configuration.group + "-lookup"
            )
            // Before the first record, so that no event goes without what is there.
            let board = Mutex<SnapshotBoard?>(nil)
            let watcher = EnrichmentWatcher(
                sources.watched { board.withLock { $0 }?.publish(sources.tables) },
                every: .seconds(configuration.enrichmentFiles.refreshSeconds),
                logger: logger
            )
            self.board.publish(watcher)
            await watcher.look()
            let snapshots = SnapshotBoard(try await firstSnapshot().with(sources.tables))
            board.withLock { $0 = snapshots }
            let watching = Task { [isEmpty = configuration.enrichmentFiles.isEmpty] in
                if !isEmpty { try await watcher.run() }
            }
            defer { watching.cancel() }
            let watchdog = Task { try await watchPulses() }
            defer { watchdog.cancel() }
            await withTaskGroup(of: Void.self) { group in
                for lane in 0..<configuration.lanes {
                    group.addTask { await self.onThread("lane \(lane)") { try self.runLane(lane, snapshots) } }
                }
                // Ends with the lanes: it is cancelled through `isStopping`, which is set when the last lane has ended.
                let follower = Task { await self.onThread("catalogue") { try self.follow(snapshots) } }
                await group.waitForAll()
                stop()
                await follower.value
            }
        } onGracefulShutdown: {
            self.logger.info("worker drains")
            self.stop()
        }
        let sum = statistics
        logger.info(
            "worker stopped",
            metadata: [
                "records": "\(sum.committed.input)", "transactions": "\(sum.commits)", "aborts": "\(sum.aborts)",
            ]
        )
        for (enrichment, count) in sum.committed.outages.byName {
            logger.warning(
                "events went without an enrichment",
                metadata: ["enrichment": "\(enrichment)", "events": "\(count)"]
            )
        }
        if let error = failure.withLock({ $0 }) { throw error }
    }

    // MARK: Threads

    /// Runs blocking work on a thread of its own, outside Swift's cooperative pool.
    ///
    /// A failure is kept and stops all lanes.
    private func onThread(_ name: String, _ work: @escaping @Sendable () throws -> Void) async {
        await withCheckedContinuation { continuation in
            let thread = Thread {
                do {
                    try work()
                } catch {
                    self.logger.error(
                        "a thread ended with an error",
                        metadata: ["thread": "\(name)", "error": "\(error)"]
                    )
                    self.failure.withLock { $0 = $0 ?? error }
                    self.stop()
                }
                continuation.resume()
            }
            thread.name = "tagstream \(name)"
            thread.stackSize = 4 << 20
            thread.start()
        }
    }

    /// Looks once a second whether each lane is alive, until it is cancelled.
    private func watchPulses() async throws {
        var limit = configuration.standstillSeconds
        #if TAGSTREAM_FAILPOINTS
        limit = Failpoint.standstillSeconds ?? limit
        #endif
        var standstills = pulses.map { _ in Standstill(limit: limit) }
        while true {
            try await Task.sleep(for: .seconds(1))
            for lane in pulses.indices where standstills[lane].look(at: pulses[lane].count) {
                logger.error(
                    "a lane stands still: a call to librdkafka does not return, and only the end of the process ends it",
                    metadata: ["lane": "\(lane)", "seconds": "\(limit)"]
                )
                onStandstill()
            }
        }
    }

    private func runLane(_ index: Int, _ snapshots: SnapshotBoard) throws {
        let pulse = pulses[index]
        pulse.begin()
        defer { pulse.end() }
        let now: @Sendable () -> Int64 = {
            pulse.beat()
            return MonotonicClock.milliseconds()
        }
        let shouldStop = { self.isStopping.load(ordering: .relaxed) }
        let kafka = KafkaDoors(
            configuration.doors(lane: index),
            now: now,
            shouldStop: shouldStop,
            notices: notices("lane \(index)")
        )
        #if TAGSTREAM_FAILPOINTS
        let doors = FailpointDoors(kafka)
        if PlantedBug.errorThatNobodyExplains.isPlanted { logger.error("nothing is wrong") }
        #else
        let doors = kafka
        #endif
        let journal = journal(lane: index)
        defer { if let journal { CrashSignals.forget(journal) } }
        var lane = Lane(
            configuration.laneConfiguration,
            doors: doors,
            journal: journal,
            snapshots: snapshots,
            board: boards[index],
            now: now,
            shouldStop: shouldStop
        )
        boards[index].turns()
        defer { boards[index].ends() }
        try lane.run()
    }

    /// A lane's journal, watched for crashes of the calling thread; nil where none is wanted or there can be none.
    private func journal(lane index: Int) -> CrashJournal? {
        guard let folder = configuration.journalFolder else { return nil }
        do {
            let journal = try CrashJournal(folder: folder, name: configuration.journalName(lane: index))
            if journal.isSuspicious {
                logger.warning("records are suspected of a crash", metadata: ["lane": "\(index)"])
            }
            CrashSignals.watch(journal)
            return journal
        } catch {
            logger.warning("there is no crash journal", metadata: ["lane": "\(index)", "error": "\(error)"])
            return nil
        }
    }

    // MARK: The catalogue

    private func firstSnapshot() async throws -> Snapshot {
        switch configuration.catalogue {
        case .fixed(let snapshot):
            board.publish(snapshot, quarantined: 0)
            return snapshot
        case .topic: break
        }
        let first = Mutex<Snapshot?>(nil)
        await onThread("catalogue") {
            var reader = try self.catalogueReader()
            self.report(try reader.readToEnd { self.isStopping.load(ordering: .relaxed) })
            let snapshot = reader.snapshot()
            let quarantined = reader.catalogue.quarantined.count
            if quarantined > 0 {
                self.logger.warning("catalogue has quarantined entries", metadata: ["entries": "\(quarantined)"])
            }
            self.board.publish(snapshot, quarantined: quarantined)
            first.withLock { $0 = snapshot }
            reader.close()
        }
        if let error = failure.withLock({ $0 }) { throw error }
        guard let snapshot = first.withLock({ $0 }) else { throw CancellationError() }
        logger.info(
            "catalogue read",
            metadata: [
                "epoch": "\(snapshot.epoch)", "teams": "\(snapshot.teams.count)",
                "plans.bytes": "\(snapshot.planBytes)",
            ]
        )
        return snapshot
    }

    private func follow(_ snapshots: SnapshotBoard) throws {
        var failing = FailingActions()
        guard case .topic(let topic) = configuration.catalogue else {
            while !isStopping.load(ordering: .relaxed) {
                Thread.sleep(forTimeInterval: 0.05)
                quarantine(&failing, in: nil, topic: "")
            }
            return
        }
        var reader = try catalogueReader()
        _ = try reader.readToEnd { self.isStopping.load(ordering: .relaxed) }
        publish(&reader, snapshots)
        while !isStopping.load(ordering: .relaxed) {
            quarantine(&failing, in: reader.catalogue, topic: topic)
            do {
                let (changes, _) = try reader.read(timeout: 200)
                guard !changes.isEmpty else { continue }
                report(changes)
                publish(&reader, snapshots)
            } catch {
                // The snapshot in force stays in force; a broker that cannot be reached is no reason to stop tagging.
                guard error.remedy == .retry else { throw error }
                logger.warning("catalogue cannot be read", metadata: ["error": "\(error)"])
            }
        }
        reader.close()
    }

    /// Says which actions fail, and takes those out of force that fail too often, by an entry of the catalogue.
    private func quarantine(_ failing: inout FailingActions, in catalogue: Catalogue?, topic: String) {
        let due = failing.due(statistics.failingActions, in: catalogue, at: MonotonicClock.milliseconds())
        for (action, failures) in due.reports {
            logger.warning(
                "an action could not be evaluated",
                metadata: [
                    "team.id": "\(action.team)", "action.id": "\(action.id)", "action.version": "\(action.version)",
                    "failed": "\(failures.failed)", "candidates": "\(failures.candidates)",
                ]
            )
        }
        guard !due.stops.isEmpty else { return }
        do {
            try CataloguePublisher.publish(
                due.stops.map { .init($0.key, $0.json.jsonText) },
                to: topic,
                configuration.client,
                transactionalID: "\(configuration.application)-quarantine-\(configuration.slot)",
                notices: notices("quarantine")
            )
        } catch {
            // Tagging goes on, and so does the attempt, once a minute.
            logger.error(
                "actions that fail could not be quarantined: may this worker write to the catalogue's topic?",
                metadata: ["kafka.topic": "\(topic)", "error": "\(error)"]
            )
        }
    }

    private func publish(_ reader: inout CatalogueReader, _ snapshots: SnapshotBoard) {
        let began = MonotonicClock.milliseconds()
        let snapshot = reader.snapshot()
        guard snapshot.epoch > snapshots.current.epoch else { return }
        snapshots.publish(snapshot)
        board.publish(snapshot, quarantined: reader.catalogue.quarantined.count)
        logger.info(
            "catalogue changed",
            metadata: [
                "epoch": "\(snapshot.epoch)", "teams": "\(snapshot.teams.count)",
                "plans.bytes": "\(snapshot.planBytes)", "compile.ms": "\(MonotonicClock.milliseconds() - began)",
            ]
        )
    }

    private func catalogueReader() throws -> CatalogueReader {
        guard case .topic(let topic) = configuration.catalogue else {
            preconditionFailure("there is no catalogue topic to read")
        }
        return try CatalogueReader(
            configuration.client,
            topic: topic,
            group: configuration.group + "-catalogue",
            enrichment: configuration.enrichment,
            notices: notices("catalogue")
        )
    }

    private func report(_ changes: [Catalogue.Change]) {
        for case .quarantined(let entry) in changes {
            logger.warning(
                "catalogue entry quarantined",
                metadata: [
                    "catalogue.key": "\(entry.key)", "kafka.offset": "\(entry.offset)",
                    "reasons": "\(entry.reasons.joined(separator: "; "))",
                ]
            )
        }
    }

    private func notices(_ owner: String) -> NoticeHandler {
        let logger = logger
        return { notice in
            let level: Logger.Level = notice.level <= 3 ? .warning : notice.level == 4 ? .notice : .debug
            logger.log(
                level: level,
                "librdkafka says",
                metadata: [
                    "owner": "\(owner)", "facility": "\(notice.facility)", "text": "\(notice.message)",
                ]
            )
        }
    }
}
