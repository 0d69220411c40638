import ArgumentParser
import Foundation
import Tagstream

/// `tagstream explain`: why actions match an event, or why not.
struct Explain: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Say why actions match an event, or why not, condition by condition.",
        discussion: """
            Every condition of every step is evaluated, by the same evaluator as in a worker: what it expects, what the event has, \
            what was compared, the verdict, and near misses such as another case or a slash at the end. Actions that match come \
            first. An event is a raw record as a gateway writes it, a flat event, or a stored row.

              tagstream explain --action A.yaml --id 6 --event E.jsonl --line 58
              tagstream explain --action A.yaml --event events_raw/3/42 --brokers HOST:PORT

            Exit codes: 0 explained, whether or not something matches; 1 an action is refused; 2 wrong use, or no event there; 3 \
            Kafka cannot be used.
            """
    )

    @Option(help: "Actions (and teams): JSON or YAML, a PostHog export included.")
    var action: String

    @Option(help: "Only the action of this id.")
    var id: Int64?

    @Option(help: "The event: a file, - for standard input, or TOPIC/PARTITION/OFFSET on a cluster.")
    var event: String

    @Option(help: "The line of a file with several events, from 1.")
    var line: Int?

    @Flag(help: "Print one JSON object for every action.")
    var json = false

    @OptionGroup var cluster: ClusterOptions

    func run() async throws {
        try await reportingFailures {
            if action == "-", event == "-" {
                throw Failure(.usage, "--action and --event are both standard input, expected one of them to be a file")
            }
            let definitions = try DefinitionFile([action], defaultTeam: 1)
            let chosen = try choose(definitions)
            for refusal in chosen.refusals { printError("refused: \(refusal)") }
            if !chosen.actions.isEmpty {
                let settings = try cluster.settings()
                let found = try EventSource(event).read(line: line, settings)
                try explain(
                    chosen.actions,
                    of: definitions,
                    event: found,
                    try settings.enrichments(),
                    settings.enrichmentTables()
                )
            }
            if !chosen.refusals.isEmpty { throw ExitCode(Failure.Code.no.rawValue) }
        }
    }

    // MARK: What is asked for

    /// The actions to explain, and the refusals that keep some of them from it.
    private func choose(_ definitions: DefinitionFile) throws -> (
        actions: [(team: Int64, action: ActionDefinition)], refusals: [Refusal]
    ) {
        guard let id else {
            guard !definitions.actions.isEmpty || !definitions.refusals.isEmpty else {
                throw Failure(.usage, "\"\(action)\" has no action, expected at least one")
            }
            return (definitions.actions, definitions.refusals)
        }
        let actions = definitions.actions.filter { $0.action.id == id }
        let refusals = definitions.refusals.filter { $0.actionID == id }
        guard !actions.isEmpty || !refusals.isEmpty else {
            let ids = definitions.actions.map { String($0.action.id) }.joined(separator: ", ")
            throw Failure(
                .usage,
                "\"\(action)\" has no action \(id), expected \(ids.isEmpty ? "one that it has" : "one of \(ids)")"
            )
        }
        return (actions, refusals)
    }

    // MARK: The answer

    private func explain(
        _ actions: [(team: Int64, action: ActionDefinition)],
        of definitions: DefinitionFile,
        event: EventSource.Found,
        _ enrichment: EnrichmentSettings,
        _ tables: EnrichmentTables
    ) throws {
        var explanations: [Explanation] = []
        let rules = Dictionary(definitions.teams.map { ($0.id, $0.rules) }, uniquingKeysWith: { $1 })
        do {
            var trial = Trial()
            var owner: Int64?
            for (team, action) in actions {
                if team != owner {
                    trial = Trial(
                        enrichments: Self.enrichments(of: team, definitions, enrichment),
                        tables: tables
                    )
                    trial.rules = rules[team] ?? EventRules()
                    owner = team
                }
                explanations += try event.bytes.withUnsafeBytes {
                    try trial.explain($0, [action], now: event.timestamp)
                }
            }
        } catch let error as EventUnreadable {
            throw Failure(.usage, "\"\(self.event)\" is no event: \(error.reason.rawValue): \(error.detail)")
        }
        let fate = Self.fate(of: event, definitions)
        var out = LineWriter(FileHandle.standardOutput)
        let text = ExplanationText.forStandardOutput()
        let order =
            explanations.indices.filter { explanations[$0].verdict == .yes }
            + explanations.indices.filter { explanations[$0].verdict != .yes }
        for (number, index) in order.enumerated() {
            let caveat = fate?.caveat(forTeam: actions[index].team)
            if json {
                out.write(Self.json(explanations[index], caveat: caveat).jsonText)
            } else {
                if number > 0 { out.write("") }
                for line in text.lines(explanations[index], caveat: caveat) { out.write(line) }
            }
        }
        out.flush()
    }

    /// What a worker does to the events of a team before it asks its actions.
    private static func enrichments(
        of team: Int64,
        _ definitions: DefinitionFile,
        _ deployment: EnrichmentSettings
    ) -> Enrichments {
        let source = definitions.teams.first { $0.id == team }?.source
        return Enrichments((try? deployment.with(team: source?["settings"])) ?? deployment)
    }

    /// What a worker would do with the event under these definitions; nil where they do not say whose events are whose.
    static func fate(of event: EventSource.Found, _ definitions: DefinitionFile) -> EventFate? {
        var catalogue = definitions.catalogue()
        let teams = Set(definitions.actions.map(\.team))
        guard definitions.namesTeams || teams.count == 1 else { return nil }
        let snapshot = definitions.namesTeams ? catalogue.snapshot() : catalogue.snapshot(onlyTeam: teams.first ?? 1)
        return EventFate(of: event.bytes, timestamp: event.timestamp, under: snapshot)
    }

    /// The explanation's own JSON, with the caveat where there is one.
    static func json(_ explanation: Explanation, caveat: String?) -> JSONTree {
        guard let caveat, case .object(let members) = explanation.json else { return explanation.json }
        return .object(members + [.init(key: "caveat", value: .string(caveat))])
    }
}
