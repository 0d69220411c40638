import ArgumentParser
import Foundation
import Tagstream

/// `tagstream enrich`: what every enrichment does to one event.
struct Enrich: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show an event before and after its enrichments: which of them set what, and how long it took.",
        discussion: """
            The event goes through the worker's own pipeline: first without any enrichment, then with the first that is on, then \
            with the first two, and so on in their order. What differs between two rows is what the last of them did. Times are \
            CPU time of a warm pipeline on this machine.

              tagstream enrich --config tagstream.yaml --event E.jsonl --line 3
              tagstream enrich --config tagstream.yaml --event events_raw/3/42 --brokers HOST:PORT --json

            Exit codes: 0 shown, also an event that would be ignored or a dead letter; 1 an action is refused; 2 wrong use, or no \
            event there; 3 Kafka cannot be used.
            """
    )

    @Option(help: "The event: a file, - for standard input, or TOPIC/PARTITION/OFFSET on a cluster.")
    var event: String

    @Option(help: "The line of a file with several events, from 1.")
    var line: Int?

    @Option(
        help:
            "Teams (and actions): JSON or YAML. Without it there is one team, whatever the token, with the deployment's settings."
    )
    var catalogue: String?

    @Flag(help: "Print one JSON object.")
    var json = false

    @OptionGroup var cluster: ClusterOptions

    func run() async throws {
        try await reportingFailures {
            let settings = try cluster.settings()
            let found = try EventSource(event).read(line: line, settings)
            let report = EnrichmentReport(
                of: found.bytes,
                timestamp: found.timestamp,
                under: try snapshot(settings).with(settings.enrichmentTables())
            )
            if json {
                print(report.json.jsonText)
            } else {
                for line in report.lines { print(line) }
            }
        }
    }

    private func snapshot(_ settings: Settings) throws -> Snapshot {
        let enrichment = try settings.enrichments()
        guard let path = catalogue ?? settings.catalogueFile else {
            var catalogue = Catalogue(enrichment: enrichment)
            return catalogue.snapshot(onlyTeam: 1)
        }
        let definitions = try DefinitionFile([path], defaultTeam: 1)
        if definitions.report() { throw ExitCode(Failure.Code.no.rawValue) }
        var catalogue = definitions.catalogue(enrichment: enrichment)
        return definitions.namesTeams ? catalogue.snapshot() : catalogue.snapshot(onlyTeam: 1)
    }
}
