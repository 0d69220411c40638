import Foundation
import Kafka
import Logging
import Operations
import ServiceLifecycle
import Tagstream
import Worker

/// Tells of a worker over HTTP until the worker has ended.
///
/// Listens before the worker starts, so that a port that is taken is found before anything is joined; nothing that happens to it later ends
/// the worker.
struct OperationsService: Service {
    private let server: OperationsServer

    /// Listens; nil where there is no address.
    ///
    /// - Throws: a ``Failure`` of code `usage` where the address cannot be listened at.
    static func listening(at address: ListenAddress?, for worker: Worker, _ logger: Logger) async throws -> Self? {
        guard let address else { return nil }
        let started = Int64(Date().timeIntervalSince1970)
        do {
            let server = try await OperationsServer(address) {
                WorkerReport(worker.status, now: Int64(Date().timeIntervalSince1970), started: started)
            }
            logger.info("operations are served", metadata: ["http.address": "\(server.address)"])
            return Self(server: server)
        } catch let failure as OperationsServer.Failure {
            throw Failure(
                .usage,
                "\(failure.description). Hint: --http, or http.address, has to be an address of this machine that nobody else "
                    + "listens at"
            )
        }
    }

    func run() async throws {
        // Also when the group is cancelled, because the worker has failed.
        try? await gracefulShutdown()
        await server.stop()
    }
}

extension WorkerReport {
    /// A worker's status as it is told.
    init(_ status: WorkerStatus, now: Int64, started: Int64) {
        self.init(
            now: now,
            started: started,
            version: TagstreamCommand.version,
            librdkafka: "\(LibrdkafkaVersion.linked)"
        )
        isDraining = status.isDraining
        patienceSeconds = Double(status.patienceMilliseconds) / 1000
        catalogue = status.catalogue.map { Catalogue($0) }
        lanes = status.lanes.enumerated().map { Lane(number: $0, $1) }
        sources = status.sources.map { Source($0) }
        var sum = OutcomeCounts()
        for lane in status.lanes { sum.add(lane.statistics.committed) }
        rows = sum.tagged
        matches = sum.matches
        annotated = sum.annotated
        actionFailures = sum.evaluationErrors
        duplicateKeys = sum.duplicateKeys
        skippedElements = sum.skippedElements
        warningsWritten = sum.warnings
        deadLetters = Self.named(DeadLetterReason.allCases.map(\.rawValue), sum.deadLettersByReason)
        ignored = Self.named(IgnoredReason.allCases.map(\.rawValue), sum.ignoredByReason)
        warnings = WarningType.allCases.enumerated().map { Named($1.rawValue, sum.warningsByType[$0]) }
        let outages = sum.outages
        self.outages = [
            Named(Enrichment.geoIP.name, outages.geoIP), Named(Enrichment.userAgent.name, outages.userAgent),
            Named(Enrichment.lookup.name, outages.lookup),
        ]
    }

    /// Every name with its count; where there are no counts, each is 0.
    private static func named(_ names: [String], _ counts: [Int]) -> [Named] {
        names.enumerated().map { Named($1, counts.indices.contains($0) ? counts[$0] : 0) }
    }
}

extension WorkerReport.Catalogue {
    fileprivate init(_ status: WorkerStatus.Catalogue) {
        self.init()
        epoch = status.epoch
        teams = status.teams
        actions = status.actions
        planBytes = status.planBytes
        quarantined = status.quarantined
    }
}

extension WorkerReport.Lane {
    fileprivate init(number: Int, _ status: WorkerStatus.Lane) {
        self.init(number: number)
        let statistics = status.statistics
        read = statistics.read
        bytesRead = statistics.bytesRead
        skipped = statistics.skipped
        commits = statistics.commits
        aborts = statistics.aborts
        recoveries = statistics.recoveries
        rebalances = statistics.rebalances
        partitions = statistics.partitions
        epoch = statistics.epoch
        transactionLimit = statistics.transactionLimit
        isJoined = statistics.isJoined
        secondsSinceTurn = status.millisecondsSinceTurn.map { Double($0) / 1000 }
    }
}

extension WorkerReport.Source {
    fileprivate init(_ source: WorkerStatus.Source) {
        self.init(name: source.status.name)
        isLoaded = source.status.isLoaded
        loads = source.status.loads
        changed = source.status.changed
        if case .degraded(let reason, let detail) = source.status.health {
            degraded = .init(reason: reason.rawValue, detail: detail, since: source.degradedSince ?? 0)
        }
    }
}
