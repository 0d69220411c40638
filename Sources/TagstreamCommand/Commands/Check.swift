import ArgumentParser
import Foundation
import Tagstream

/// `tagstream check`: everything that can be known to be wrong before anything is published or started.
struct Check: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Check actions, schemas, teams and a worker's configuration without publishing or starting anything.",
        discussion: """
            Reads the files that apply reads, and tells every mistake of every action and schema at once: action, step, field \
            (of a schema: the JSON pointer), what was found, what is expected, and what may have been meant. What actions and schemas \
            cost is counted against their team's quotas (settings.action_cost_quota and settings.schema_cost_quota, or the defaults). With --config, a worker's configuration is read too, and the catalogue \
            file that it names.

              tagstream check Examples/actions.yaml
              tagstream check export.json --team 2 --posthog-export --json
              tagstream check --config tagstream.yaml

            With --json one object: {"ok":…,"teams":…,"actions":…,"schemas":…,"costs":[…],"refused":[…],"warnings":[…],"configuration":[…]}.
            Exit codes: 0 nothing is wrong (there may be warnings); 1 something is refused; 2 a file cannot be read.
            """
    )

    @Argument(help: "Files of teams, actions and schemas; - for standard input.")
    var files: [String] = []

    @Option(help: "A worker's configuration file, YAML or JSON.")
    var config: String?

    @Option(help: "The team of actions and schemas that do not say theirs.")
    var team: Int64 = 1

    @Flag(
        name: .customLong("posthog-export"),
        help: "Read the files as PostHog's export, and tell where it counts differently."
    )
    var isPostHogExport = false

    @Flag(help: "Print one JSON object.")
    var json = false

    func validate() throws {
        guard !files.isEmpty || config != nil else {
            throw ValidationError("nothing to check: expected a file of actions, or --config")
        }
    }

    func run() async throws {
        try await reportingFailures {
            var settings = Settings()
            var mistakes = try config.map { try settings.readAll($0) } ?? []
            if config != nil { mistakes += Self.mistakes(of: settings) }
            let definitions = try DefinitionFile(
                files + (settings.catalogueFile.map { [$0] } ?? []),
                defaultTeam: team,
                form: isPostHogExport ? .postHogExport : .plain
            )
            if settings.catalogueFile != nil, !definitions.namesTeams {
                mistakes.append("catalogue.file names a file without \"teams\", expected at least one")
            }
            let isGood = mistakes.isEmpty && definitions.mistakeCount == 0
            json ? printJSON(definitions, mistakes, isGood) : printText(definitions, mistakes)
            if !isGood { throw ExitCode(Failure.Code.no.rawValue) }
        }
    }

    /// What librdkafka says of the settings.
    private static func mistakes(of settings: Settings) -> [String] {
        do {
            _ = try settings.client()
            return []
        } catch {
            return ["\(error)"]
        }
    }

    private func printJSON(_ definitions: DefinitionFile, _ mistakes: [String], _ isGood: Bool) {
        let members: [JSONTree.Member] =
            [.init(key: "ok", value: .bool(isGood))] + definitions.json + [
                .init(key: "configuration", value: .array(mistakes.map { .string($0) }))
            ]
        print(JSONTree.object(members).jsonText)
    }

    private func printText(_ definitions: DefinitionFile, _ mistakes: [String]) {
        for mistake in mistakes { printError("wrong: \(mistake)") }
        _ = definitions.report()
        if !files.isEmpty || !definitions.actions.isEmpty || !definitions.schemas.isEmpty {
            var text = counted(definitions.actions.count, "action")
            if !definitions.schemas.isEmpty { text += " and " + counted(definitions.schemas.count, "schema") }
            text += " can be published"
            if definitions.mistakeCount > 0 { text += ", " + counted(definitions.mistakeCount, "mistake") }
            if !definitions.warnings.isEmpty { text += ", " + counted(definitions.warnings.count, "warning") }
            print(text)
            for (id, cost, quota) in definitions.costs { print("team \(id) costs \(cost) of its \(quota) units") }
        }
        if let config, mistakes.isEmpty { print("\"\(config)\" can be run") }
    }
}
