import ArgumentParser
import Foundation
import Kafka
import Tagstream

/// `tagstream topics`: the topics a deployment needs.
struct Topics: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Create the topics a deployment needs.",
        subcommands: [Create.self]
    )

    /// `tagstream topics create`.
    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Create the input, output, catalogue and changelog topics that do not exist yet.",
            discussion: """
                Safe to repeat: a topic that exists is left as it is, and a difference in its number of partitions is pointed out. \
                The catalogue's topic is compacted and has one partition, because its offsets order every change; the changelog of \
                uuids (dedup.topic) is compacted too, and used where dedup.window is set.

                  tagstream topics create --brokers localhost:9092 --partitions 12 --replication 3

                Exit codes: 0 all topics exist; 2 wrong use; 3 a topic could not be created.
                """
        )

        @OptionGroup var cluster: ClusterOptions

        @Option(help: "Partitions of the input and output topics.")
        var partitions: Int32 = 6

        @Option(help: "Replicas of every topic; -1 for the broker's default.")
        var replication: Int32 = -1

        @Option(help: "An input topic. Repeatable. Default: events_raw.")
        var input: [String] = []

        @Flag(help: "Print one JSON object for every topic.")
        var json = false

        func run() async throws {
            try await reportingFailures {
                guard partitions > 0 else {
                    throw Failure(.usage, "--partitions is \(partitions), expected at least 1")
                }
                var settings = try cluster.settings()
                if !input.isEmpty { settings.inputs = input }
                do {
                    try create(settings)
                } catch {
                    throw Run.failure(of: error, brokers: settings.brokers)
                }
            }
        }

        private func create(_ settings: Settings) throws {
            let admin = try Admin(try settings.client())
            let wanted = topics(settings)
            var missing: [Admin.NewTopic] = []
            var states: [String: String] = [:]
            for topic in wanted {
                guard let count = try admin.partitionCount(of: topic.name, timeout: 10_000) else {
                    missing.append(topic)
                    continue
                }
                states[topic.name] =
                    count == topic.partitions
                    ? "exists" : "exists with \(count) partitions, asked for \(topic.partitions)"
                if topic.name == settings.catalogueTopic, count != 1 {
                    throw Failure(
                        .kafka,
                        "the catalogue's topic \"\(topic.name)\" has \(count) partitions, expected 1: delete it or name another"
                    )
                }
            }
            if !missing.isEmpty {
                for (topic, error) in zip(missing, try admin.create(missing, timeout: 30_000)) {
                    if let error, !error.isTopicAlreadyThere { throw error }
                    states[topic.name] = error == nil ? "created" : "exists"
                }
                for topic in missing where states[topic.name] == "created" { try awaitTopic(topic.name, admin) }
            }
            for topic in wanted {
                let state = states[topic.name] ?? ""
                print(
                    json
                        ? "{\"topic\":\(JSONTree.string(topic.name).jsonText),\"partitions\":\(topic.partitions),\"state\":\"\(state)\"}"
                        : "\(topic.name.padding(toLength: 28, withPad: " ", startingAt: 0)) \(topic.partitions) partitions: \(state)"
                )
            }
        }

        /// The controller has answered, and the next command may ask a broker that has not heard of it: waits until one has.
        private func awaitTopic(_ name: String, _ admin: borrowing Admin) throws {
            let deadline = ContinuousClock.now + .seconds(30)
            while ContinuousClock.now < deadline {
                do throws(KafkaError) {
                    if try admin.partitionCount(of: name, timeout: 5000) != nil { return }
                } catch {
                    // It is being elected a leader, or the broker is away for a moment.
                    guard error.remedy == .retry else { throw error }
                }
                usleep(100_000)
            }
            throw Failure(
                .kafka,
                "the topic \"\(name)\" was created, but for 30 seconds no broker has told of it: may this user describe it? Otherwise look at "
                    + "the cluster's controller"
            )
        }

        private func topics(_ settings: Settings) -> [Admin.NewTopic] {
            let data = settings.inputs + [settings.tagged, settings.matches, settings.deadLetters, settings.warnings]
            return data.map { Admin.NewTopic($0, partitions: partitions, replication: replication) } + [
                Admin.NewTopic(
                    settings.catalogueTopic,
                    partitions: 1,
                    replication: replication,
                    configuration: ["cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.1"]
                ),
                // Small segments, because the last one is never compacted and a new owner of a partition reads all that is there.
                Admin.NewTopic(
                    settings.changelog,
                    partitions: partitions,
                    replication: replication,
                    configuration: ["cleanup.policy": "compact", "segment.bytes": "\(32 << 20)"]
                ),
            ]
        }
    }
}
