public import Foundation
public import Logging
public import ServiceLifecycle
import Synchronization

/// Looks at the files of enrichment every so often and puts new ones into force, without a restart.
///
/// A `Service`: ``run()`` returns when a graceful shutdown is asked for. Files are read and checked on a thread of their own, so neither
/// the lanes nor Swift's pool wait for a database of 60 MB.
public final class EnrichmentWatcher: Service {
    /// A source as the watcher sees it.
    public struct Watched: Sendable {
        let name: String
        let look: @Sendable (Int64) -> SourceLook
        let status: @Sendable () -> SourceStatus

        /// Watches a file.
        ///
        /// - Parameter onNew: is called when a file was put into force.
        public init<Value: Sendable>(
            _ file: EnrichmentFile<Value>,
            onNew: @escaping @Sendable () -> Void = {}
        ) {
            name = file.name
            look = { now in
                let look = file.look(now: now)
                if look.isNew { onNew() }
                return look
            }
            status = { file.status }
        }
    }

    private let sources: [Watched]
    private let interval: Duration
    private let logger: Logger
    private let now: @Sendable () -> Int64
    private let sleep: @Sendable (Duration) async throws -> Void
    /// Since when sources have been degraded, by their places.
    private let degradedSince = Mutex<[Int: Int64]>([:])

    /// Makes a watcher that ``run()`` starts.
    ///
    /// - Parameters:
    ///   - interval: how long between two looks.
    ///   - now: seconds since 1970.
    ///   - sleep: waits so long; throws when the task is cancelled.
    public init(
        _ sources: [Watched],
        every interval: Duration = .seconds(30),
        logger: Logger,
        now: @escaping @Sendable () -> Int64 = { Int64(Date().timeIntervalSince1970) },
        sleep: @escaping @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) }
    ) {
        self.sources = sources
        self.interval = interval
        self.logger = logger
        self.now = now
        self.sleep = sleep
    }

    /// How each source is, in the order they were given.
    public var statuses: [SourceStatus] { sources.map { $0.status() } }

    /// How each source is, and since when it is degraded.
    var sourcesWithTimes: [WorkerStatus.Source] {
        let since = degradedSince.withLock { $0 }
        return statuses.enumerated().map { place, status in
            .init(status: status, degradedSince: status.health.isDegraded ? since[place] ?? now() : nil)
        }
    }

    /// Whether every source is in force and as it should be.
    public var isWhole: Bool { statuses.allSatisfy { $0.health == .current } }

    /// Looks once at every source: before the first record, so that no event goes without what is there.
    public func look() async {
        await withCheckedContinuation { continuation in
            let thread = Thread {
                for (place, source) in self.sources.enumerated() {
                    let now = self.now()
                    let look = source.look(now)
                    self.degradedSince.withLock { $0[place] = look.after.isDegraded ? $0[place] ?? now : nil }
                    self.report(source, look)
                }
                continuation.resume()
            }
            thread.name = "tagstream enrichments"
            // Values of a database are walked recursively, to a fixed depth.
            thread.stackSize = 4 << 20
            thread.start()
        }
    }

    /// Looks again and again until stopped.
    public func run() async throws {
        try await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                await self.look()
                do {
                    try await self.sleep(self.interval)
                } catch is CancellationError {
                    return
                }
            }
        }
    }

    /// Logs a source that has something new or whose health is another one; what stays as it is has been told already.
    private func report(_ source: Watched, _ look: SourceLook) {
        let status = source.status()
        guard look.isNew || look.before != look.after else { return }
        var metadata: Logger.Metadata = ["enrichment.source": "\(source.name)", "enrichment.loads": "\(status.loads)"]
        switch look.after {
        case .waiting: break
        case .current: logger.info("enrichment source is in force", metadata: metadata)
        case .degraded(let reason, let detail):
            metadata["reason"] = "\(reason.rawValue)"
            metadata["detail"] = "\(detail)"
            metadata["last_good"] = "\(status.isLoaded ? "stays in force" : "there is none")"
            logger.warning("enrichment source is degraded", metadata: metadata)
        }
    }
}
