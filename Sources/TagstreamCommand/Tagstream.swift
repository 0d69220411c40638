import ArgumentParser
import Foundation
import Kafka

/// The command line.
///
/// Every command is a file in `Commands/`; what several of them need lies beside it.
@main
struct TagstreamCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tagstream",
        abstract: "Tags product-analytics events on Kafka with the actions they belong to, exactly once.",
        discussion: """
            Raw events come in from the topics that ingestion gateways write; every one of them leaves as a tagged row, as a dead \
            letter with its reason, or is ignored for a declared reason. An action is an OR of steps (event name, URL, clicked \
            element, property filters), defined as in PostHog.

            Start with:
              tagstream demo                                     the whole pipeline in one process, no Kafka needed
              tagstream match --actions A.yaml --events E.jsonl  the same, offline, on your own files
              tagstream topics create --brokers HOST:PORT        then: apply, run

            Exit codes: 0 done; 1 the answer is "no" (a case differs, an action is refused); 2 wrong use (a flag, a file, a \
            definition that cannot be read); 3 Kafka cannot be used (and what to do about it); 4 another worker has taken this \
            slot.
            """,
        version: "\(version) (librdkafka \(LibrdkafkaVersion.linked))",
        subcommands: [
            Demo.self, Run.self, Check.self, Apply.self, Get.self, Delete.self, Topics.self, Match.self, Enrich.self,
            Explain.self, Actions.self, Schemas.self, DeadLetters.self, GeoIPCommand.self, UserAgentCommand.self,
        ]
    )

    /// Runs the command.
    ///
    /// Wrong use exits with 2, as `--help` documents; ArgumentParser's own code for it is 64.
    static func main() async {
        do {
            var command = try parseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch {
            guard exitCode(for: error) == .validationFailure else { exit(withError: error) }
            printError(fullMessage(for: error))
            Foundation.exit(Failure.Code.usage.rawValue)
        }
    }

    /// The version of this build; CHANGELOG.md says what is in it.
    static let version = "0.1.0"
}
