import ArgumentParser
import Foundation
import Kafka
import Synchronization
import Tagstream
import Worker

extension DeadLetters {
    /// `tagstream dead-letters replay`.
    struct Replay: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Give dead letters another try, each at most once.",
            discussion: """
                Every letter passes the worker's pipeline under the present catalogue, with the position it had as a record, so that \
                a uuid derived from it stays the same. What is accepted now is written to the outputs; what fails again stays where it \
                is and is not written a second time. Rows, matches and the progress of --group are one transaction: a replay that is \
                killed goes on where it was, and no letter is written twice.

                A letter is done for a group once it is tagged, or ignored for a declared reason. Those that failed again, and those \
                that a filter passed over, stay open: the next replay of the group looks at them. Another --group begins with all \
                letters, also with those that were replayed before.

                  tagstream dead-letters replay --brokers localhost:9092 --dry-run
                  tagstream dead-letters replay --reason unknown_token --max 10
                  tagstream dead-letters replay --since 2026-01-15T12:00:00Z --rate 200

                --dry-run prints what would become of each letter and changes nothing. With --json the last line is one object \
                {"tagged":…,"matches":…,"ignored":…,"failed":…,"unreadable":…,"passed_over":…,"complete":…,"letters":[{"reason":…,\
                "outcome":…,"letters":…}]}, and with --dry-run one {"place":…,"source":…,"reason":…,"outcome":…} for each letter before it.

                Exit codes: 0 no letter failed again, or there was none; 1 a letter failed again or cannot be read, or the catalogue \
                file has actions that cannot be evaluated; 2 wrong use; 3 Kafka cannot be used; 4 another replay has taken over.
                """
        )

        @OptionGroup var cluster: ClusterOptions
        @OptionGroup var selection: Selection

        @Option(help: "Stop after so many letters that were accepted; those that fail again do not count.")
        var max: Int?

        @Option(help: "Letters a second at most, such as 200 or 0.5.")
        var rate: Double?

        @Option(help: "Whose progress counts. Default: the application's name and -dead-letters.")
        var group: String?

        @Option(help: "Teams and actions from this file instead of the catalogue's topic.")
        var catalogue: String?

        @Flag(help: "Only say what would become of each letter.")
        var dryRun = false

        @Flag(help: "Print JSON objects.")
        var json = false

        func run() async throws {
            try await reportingFailures {
                var configuration = DeadLetterReplay.Configuration(try settings().worker())
                configuration.filter = try selection.filter()
                configuration.most = try DeadLetters.most(max)
                configuration.rate = try checkedRate()
                configuration.isDry = dryRun
                if let group {
                    guard !group.isEmpty, group != configuration.worker.group else {
                        throw Failure(
                            .usage,
                            "--group is \"\(group)\", expected a name that is not the workers' own group"
                        )
                    }
                    configuration.group = group
                }
                let report: ReplayReport
                do {
                    report = try replay(configuration)
                } catch {
                    throw Run.failure(of: error, brokers: configuration.worker.client.brokers)
                }
                let text = ReplayText(isDry: dryRun)
                if json {
                    print(text.json(report).jsonText)
                } else {
                    for line in text.lines(report) { print(line) }
                }
                if report.failed + report.unreadable > 0 { throw ExitCode(Failure.Code.no.rawValue) }
            }
        }

        private func settings() throws -> Settings {
            var settings = try cluster.settings()
            if let catalogue { settings.catalogueFile = catalogue }
            return settings
        }

        private func checkedRate() throws -> Double? {
            if let rate, !(rate >= 0.001 && rate <= 1_000_000) {
                throw Failure(.usage, "--rate is \(rate), expected 0.001 to 1000000 letters a second")
            }
            return rate
        }

        private func replay(_ configuration: DeadLetterReplay.Configuration) throws -> ReplayReport {
            let stop = StopSignals()
            let view = ReplayView(text: ReplayText(isDry: dryRun), json: json)
            let sources = EnrichmentSources(
                configuration.worker.enrichmentFiles,
                client: configuration.worker.client,
                group: configuration.worker.group + "-lookup"
            )
            for problem in sources.load() { printError("warning: enrichment \(problem)") }
            let snapshot = try Self.snapshot(configuration.worker).with(sources.tables)
            let isDry = dryRun
            let replay = try DeadLetterReplay(
                configuration,
                under: snapshot,
                sleep: { Thread.sleep(forTimeInterval: Double($0) / 1000) },
                shouldStop: { stop.isAsked },
                onLetter: { found, fate in if isDry { view.show(found, fate) } },
                onProgress: { view.show($0) }
            )
            defer { view.finish() }
            return try replay.run()
        }

        private static func snapshot(_ worker: WorkerConfiguration) throws -> Snapshot {
            switch worker.catalogue {
            case .fixed(let snapshot): return snapshot
            case .topic(let topic):
                var reader = try CatalogueReader(
                    worker.client,
                    topic: topic,
                    group: worker.group + "-catalogue",
                    enrichment: worker.enrichment
                )
                _ = try reader.readToEnd()
                let snapshot = reader.snapshot()
                reader.close()
                return snapshot
            }
        }
    }
}

/// SIGTERM and SIGINT ask to stop behind the open transaction, instead of leaving it to the broker.
private final class StopSignals: Sendable {
    private final class Flag: Sendable {
        let isSet = Atomic<Bool>(false)
    }

    private let flag = Flag()
    // Only kept, so that they stay in force.
    nonisolated(unsafe) private let sources: [any DispatchSourceSignal]

    init() {
        let flag = flag
        sources = [SIGTERM, SIGINT].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { flag.isSet.store(true, ordering: .relaxed) }
            source.resume()
            return source
        }
    }

    var isAsked: Bool { flag.isSet.load(ordering: .relaxed) }
}
