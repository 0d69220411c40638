import ArgumentParser
import Foundation
import Kafka
import Logging
import Tagstream
import Worker

/// `tagstream demo`: the whole pipeline in one process.
struct Demo: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show the whole pipeline in one process, on real events; no Kafka needed.",
        discussion: """
            Starts librdkafka's embedded cluster, creates the topics, publishes the actions, feeds 88 real records and a stream made \
            of them, and lets the real worker tag them. The embedded cluster has no transaction isolation: this shows the work, \
            not the guarantee.

              tagstream demo
              tagstream demo --count 200000 --lanes 2
              tagstream demo --events my_events.jsonl --actions my_actions.yaml
            """
    )

    @Option(help: "Raw records, one a line. Default: Examples/raw_events.jsonl.")
    var events: String?

    @Option(help: "Teams and actions. Default: Examples/actions.yaml.")
    var actions: String?

    @Option(
        help: "How many records to feed: those of the file first, then a stream made of them, a few of them broken."
    )
    var count = 20_000

    @Option(help: "Threads of the worker.")
    var lanes = 2

    func run() async throws {
        try await reportingFailures {
            guard count > 0 else { throw Failure(.usage, "--count is \(count), expected at least 1") }
            guard 1...16 ~= lanes else { throw Failure(.usage, "--lanes is \(lanes), expected 1 to 16") }
            let definitions = try DefinitionFile([try actions ?? ExampleFiles.path("actions.yaml")], defaultTeam: nil)
            if definitions.report() { throw Failure(.no, "the actions cannot be evaluated") }
            guard definitions.namesTeams else {
                throw Failure(.usage, "the actions file has no \"teams\", expected at least one")
            }
            let feed = DemoFeed(lines: try lines(), count: count)
            do {
                try await play(feed, definitions)
            } catch {
                throw Run.failure(of: error, brokers: "the embedded cluster")
            }
        }
    }

    private func lines() throws -> [[UInt8]] {
        var file = try LineFile(try events ?? ExampleFiles.path("raw_events.jsonl"))
        var lines: [[UInt8]] = []
        try file.forEachLine({ _, line in lines.append(Array(line)) }, release: {})
        guard !lines.isEmpty else { throw Failure(.usage, "\"\(file.path)\" has no events") }
        return lines
    }

    // MARK: The play

    /// As many as the most lanes that are allowed.
    private static let partitions: Int32 = 16

    private func play(_ feed: DemoFeed, _ definitions: DefinitionFile) async throws {
        print("1. An embedded Kafka cluster inside this process (librdkafka \(LibrdkafkaVersion.linked)).")
        print("   It has no transaction isolation: what you see is the work, not the guarantee.")
        let cluster = try EmbeddedCluster()
        var settings = Settings()
        settings.brokers = cluster.bootstrapServers
        settings.from = .earliest
        settings.lanes = lanes
        settings.lane.countsByAction = true
        // A lane that joins while another is being assigned its partitions waits for a whole session here; a real group does not.
        settings.properties = ["session.timeout.ms": "6000", "heartbeat.interval.ms": "500"]
        for topic in settings.inputs + [settings.tagged, settings.matches, settings.deadLetters, settings.warnings] {
            try cluster.createTopic(topic, partitions: Self.partitions)
        }
        try cluster.createTopic(settings.catalogueTopic, partitions: 1)
        print(
            "2. Topics: \(settings.inputs[0]) → \(settings.tagged), \(settings.matches), \(settings.deadLetters); \(settings.catalogueTopic)."
        )

        let client = try settings.client()
        let changes = Apply.changes(definitions, from: Catalogue())
        try CataloguePublisher.publish(changes.map(\.entry), to: settings.catalogueTopic, client)
        print(
            "3. \(definitions.teams.count) teams and \(definitions.actions.count) actions published to the catalogue."
        )
        print(
            "4. A worker with \(lanes) lanes tags \(feed.count) records (\(feed.realCount) real ones, then a stream made of them):\n"
        )

        let worker = Worker(try settings.worker(), logger: try LoggerFactory.make(json: false, level: "error"))
        let view = DemoView(
            total: feed.count,
            names: Dictionary(
                definitions.actions.map { ($0.action.id, $0.action.name) },
                uniquingKeysWith: { first, _ in first }
            )
        )
        let started = MonotonicClock.milliseconds()
        let input = settings.inputs[0]
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await worker.run() }
            group.addTask {
                try await feed.run(
                    into: input,
                    client,
                    partitions: Int(Self.partitions),
                    ahead: worker,
                    lanes: lanes
                )
            }
            group.addTask {
                // The view ends the play: when every record has an outcome, or when the others have failed.
                defer { worker.stop() }
                while worker.statistics.committed.input < feed.count, !Task.isCancelled {
                    view.show(worker.statistics)
                    try? await Task.sleep(for: .milliseconds(200))
                }
            }
            try await group.waitForAll()
        }
        view.finish(worker.statistics, milliseconds: MonotonicClock.milliseconds() - started)
        try DemoView.showSamples(of: worker.statistics.committed, client, settings, partitions: Self.partitions)
        DemoView.showWhatNext()
    }
}

/// Finds the files of Examples: in the working directory, or beside the executable's tree.
enum ExampleFiles {
    static func path(_ name: String) throws -> String {
        var candidates = ["Examples/\(name)"]
        var folder = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
            .deletingLastPathComponent()
        for _ in 0..<5 {
            candidates.append(folder.appendingPathComponent("Examples/\(name)").path)
            candidates.append(folder.appendingPathComponent("share/tagstream/Examples/\(name)").path)
            folder.deleteLastPathComponent()
        }
        guard let found = candidates.first(where: { FileManager.default.isReadableFile(atPath: $0) }) else {
            throw Failure(
                .usage,
                "cannot find Examples/\(name) here or beside the executable: use --events and --actions with files of your own"
            )
        }
        return found
    }
}
