import ArgumentParser
import Foundation
import Kafka
import Logging
import ServiceLifecycle
import Tagstream
import Worker

/// `tagstream run`: a worker.
struct Run: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run a worker: tag the events of a Kafka cluster until it is stopped.",
        discussion: """
            Reads the input topics as a member of the consumer group, and writes rows, matches and dead letters in the same \
            transactions as its offsets. Start as many workers as there are partitions to share; give each its own --slot. SIGTERM \
            and SIGINT commit what is in hand and stop.

              tagstream run --brokers localhost:9092 --from earliest
              tagstream run --config tagstream.yaml --slot 3 --lanes 4
              tagstream run --brokers localhost:9092 --catalogue Examples/actions.yaml --input my_events --exit-at-end

            Exit codes: 0 stopped or at the end; 1 the catalogue file has actions that cannot be evaluated; 2 wrong use; 3 Kafka \
            cannot be used; 4 another worker has taken this slot, or this static member's name.
            """
    )

    @OptionGroup var cluster: ClusterOptions

    @Option(help: "A topic to read. Repeatable. Default: events_raw.")
    var input: [String] = []

    @Option(help: "Teams and actions from this file instead of the catalogue's topic.")
    var catalogue: String?

    @Option(help: "Threads, each with a consumer and a producer of its own.")
    var lanes: Int?

    @Option(help: "This worker's ordinal in the deployment; its transactional ids are made of it.")
    var slot: Int?

    @Option(help: "The consumer group.")
    var group: String?

    @Option(
        help:
            "What queues and batches may hold, all lanes together: bytes, or a number with k, m or g such as 512m. Default: 512m."
    )
    var memory: String?

    @Option(
        help:
            "Be a static member of the group with this name, unique to the worker: a restart within the session moves no partitions."
    )
    var staticMember: String?

    @Option(
        help:
            "Where to begin in partitions without a committed offset: earliest or latest. Needed at the first start only."
    )
    var from: String?

    @Option(help: "Serve /livez, /readyz and /metrics at this HOST:PORT; none for nowhere. Default: none.")
    var http: String?

    @Flag(help: "Stop once every partition has been read up to where it ended at the start.")
    var exitAtEnd = false

    @Flag(help: "Log as JSON lines, and print a summary as one JSON object in the end.")
    var json = false

    @Option(help: "debug, info, notice, warning or error.")
    var logLevel = "info"

    func run() async throws {
        try await reportingFailures {
            let settings = try settings()
            let configuration = try settings.worker()
            let logger = try LoggerFactory.make(json: json, level: logLevel)
            // Nothing is waited for: whoever is caught in librdkafka would be waited for, too.
            let worker = Worker(configuration, logger: logger) { _exit(Failure.Code.kafka.rawValue) }
            do {
                let operations = try await OperationsService.listening(at: settings.http.address, for: worker, logger)
                try await Self.serve(worker, logger, beside: operations)
            } catch {
                throw Self.failure(of: error, brokers: configuration.client.brokers)
            }
            let sum = worker.statistics
            if json {
                print(Summary.json(sum))
            } else {
                printError(
                    "\(sum.committed.input) records in \(sum.commits) transactions: " + Summary.outcomes(sum.committed)
                )
            }
        }
    }

    /// Runs the worker with the signals that an orchestrator sends.
    ///
    /// - Parameter operations: what tells of the worker over HTTP. It ends after it, so that it can be seen draining.
    static func serve(_ worker: Worker, _ logger: Logger, beside operations: OperationsService? = nil) async throws {
        var services = [
            ServiceGroupConfiguration.ServiceConfiguration(
                service: worker,
                successTerminationBehavior: .gracefullyShutdownGroup
            )
        ]
        // Services are shut down from the last to the first, each once the one behind it has ended.
        if let operations { services.insert(.init(service: operations), at: 0) }
        var configuration = ServiceGroupConfiguration(
            services: services,
            gracefulShutdownSignals: [.sigterm, .sigint],
            logger: logger
        )
        configuration.maximumGracefulShutdownDuration = nil
        try await ServiceGroup(configuration: configuration).run()
    }

    /// An error of the worker as a message with an exit code.
    ///
    /// - Parameter brokers: the cluster's address, for errors that say it cannot be reached.
    static func failure(of error: any Error, brokers: String) -> any Error {
        switch error {
        case let failure as LaneFailure: Failure(failure.isFenced ? .fenced : .kafka, failure.description)
        case let error as KafkaError where error.isNameTaken:
            Failure(
                .fenced,
                "\(error.description). Hint: another worker has joined the group under this one's name: --static-member, or "
                    + "input.static_member, has to be another for each worker"
            )
        case let error as KafkaError where error.isOffsetLost:
            Failure(
                .kafka,
                "\(error.description). Hint: a partition has no committed offset, or it has been deleted: start once with "
                    + "--from earliest or --from latest"
            )
        case let error as KafkaError where error.remedy == .retry:
            Failure(.kafka, "\(error.description). Hint: is a broker listening at \(brokers)?")
        case let error as KafkaError where error.isUnknownTopic:
            Failure(.kafka, "\(error.description). Hint: tagstream topics create --brokers \(brokers)")
        case let error as KafkaError: Failure(.kafka, error.description)
        case let problem as ConfigurationProblem: Failure(.usage, problem.description)
        case let problem as CatalogueProblem: Failure(.kafka, problem.description)
        default: error
        }
    }

    private func settings() throws -> Settings {
        var settings = try cluster.settings()
        if !input.isEmpty { settings.inputs = input }
        if let catalogue { settings.catalogueFile = catalogue }
        if let group { settings.group = group }
        if let lanes {
            guard 1...64 ~= lanes else { throw Failure(.usage, "--lanes is \(lanes), expected 1 to 64") }
            settings.lanes = lanes
        }
        if let slot {
            guard 0...9999 ~= slot else { throw Failure(.usage, "--slot is \(slot), expected 0 to 9999") }
            settings.slot = slot
        }
        if let from {
            guard let reset = Consumer.Options.Reset(rawValue: from) else {
                throw Failure(.usage, "--from is \"\(from)\", expected earliest or latest")
            }
            settings.from = reset
        }
        if let memory {
            guard let bytes = Self.bytes(memory), MemoryBudget.leastOfLane...1 << 40 ~= bytes else {
                throw Failure(
                    .usage,
                    "--memory is \"\(memory)\", expected bytes from \(MemoryBudget.leastOfLane) on, such as 512m or 2g"
                )
            }
            settings.memory = bytes
        }
        if let http {
            do throws(HTTPSettings.Mistake) {
                settings.http = try HTTPSettings(http)
            } catch {
                throw Failure(.usage, "--http is \"\(http)\", expected \(error.expected)")
            }
        }
        if let staticMember {
            guard !staticMember.isEmpty else { throw Failure(.usage, "--static-member is empty, expected a name") }
            settings.instanceID = staticMember
        }
        settings.lane.exitsAtEnd = exitAtEnd
        return settings
    }
}

extension Run {
    /// Reads a number of bytes: `536870912`, `524288k`, `512m`, `2g`; each letter stands for 1024 times the one before.
    static func bytes(_ text: String) -> Int? {
        let factors: [Character: Int] = ["k": 1 << 10, "m": 1 << 20, "g": 1 << 30]
        let factor = text.last.flatMap { factors[Character($0.lowercased())] }
        guard let number = Int(factor == nil ? text : String(text.dropLast())), number >= 0 else { return nil }
        let (bytes, isTooMany) = number.multipliedReportingOverflow(by: factor ?? 1)
        return isTooMany ? nil : bytes
    }
}

/// Sentences about outcomes that several commands print.
enum Summary {
    /// One line of outcomes.
    ///
    /// For example `88 tagged with 120 matches, 3 ignored, 2 dead letters (2 invalid_json)`.
    static func outcomes(_ counts: OutcomeCounts) -> String {
        var text = "\(counts.tagged) tagged with \(counts.matches) matches"
        if counts.ignored > 0 {
            let reasons = counts.ignoredReasons.map { "\($0.count) \($0.reason)" }.joined(separator: ", ")
            text += ", \(counts.ignored) ignored (\(reasons))"
        }
        if counts.deadLetters > 0 {
            let reasons = counts.deadLetterReasons.map { "\($0.count) \($0.reason)" }.joined(separator: ", ")
            text += ", \(counts.deadLetters) dead letters (\(reasons))"
        }
        if counts.warnings > 0 {
            let types = counts.warningTypes.map { "\($0.count) \($0.type)" }.joined(separator: ", ")
            text += ", \(counts.warnings) warnings written (\(types))"
        }
        if counts.annotated > 0 { text += ", \(counts.annotated) with validation errors" }
        if counts.evaluationErrors > 0 { text += ", \(counts.evaluationErrors) actions not evaluated" }
        for (enrichment, count) in counts.outages.byName { text += ", \(count) without \(enrichment)" }
        return text
    }

    /// What a worker has done, as one JSON object.
    static func json(_ sum: LaneStatistics) -> String {
        func object(_ reasons: [(reason: String, count: Int)]) -> JSONTree {
            .object(reasons.map { .init(key: $0.reason, value: .number(Int64($0.count))) })
        }
        return JSONTree.object([
            .init(key: "records", value: .number(Int64(sum.committed.input))),
            .init(key: "tagged", value: .number(Int64(sum.committed.tagged))),
            .init(key: "matches", value: .number(Int64(sum.committed.matches))),
            .init(key: "annotated", value: .number(Int64(sum.committed.annotated))),
            .init(key: "actions_failed", value: .number(Int64(sum.committed.evaluationErrors))),
            .init(
                key: "enrichment_outages",
                value: object(sum.committed.outages.byName.map { ($0.enrichment, $0.count) })
            ),
            .init(key: "dead_letters", value: object(sum.committed.deadLetterReasons)),
            .init(key: "ignored", value: object(sum.committed.ignoredReasons)),
            .init(
                key: "warnings",
                value: object(sum.committed.warningTypes.map { (reason: $0.type, count: $0.count) })
            ),
            .init(key: "warnings_written", value: .number(Int64(sum.committed.warnings))),
            .init(key: "transactions", value: .number(Int64(sum.commits))),
            .init(key: "aborts", value: .number(Int64(sum.aborts))),
            .init(key: "recoveries", value: .number(Int64(sum.recoveries))),
            .init(key: "rebalances", value: .number(Int64(sum.rebalances))),
        ]).jsonText
    }
}
