import ArgumentParser
import Foundation
import Kafka
import Tagstream
import Worker

/// `tagstream apply`: publishes teams, actions and schemas.
struct Apply: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Publish teams, actions and schemas to the catalogue's topic.",
        discussion: """
            Reads JSON or YAML: one action, a list of actions, an object with "teams", "actions" and "schemas", or a PostHog \
            export ("results"). Every mistake of every action and schema is told at once; nothing is published unless all of them can be evaluated, \
            or with --partial the good ones. That includes what all actions of a team cost together: its quota is \
            settings.action_cost_quota of the team, and settings.schema_cost_quota for its schemas. An action whose steps have changed gets \
            the next version, and so does a schema that has changed. All entries of a call are written in one transaction.

              tagstream apply --brokers localhost:9092 -f Examples/actions.yaml
              tagstream apply --brokers localhost:9092 -f export.json --team 2 --posthog-export --dry-run

            With --posthog-export, conditions on elements of $pageview, $pageleave and $screen are dropped with a warning, and each \
            place where PostHog would count differently is told. With --json: {"key":…,"effect":…,"version":…} for every entry, \
            {"effect":"refused","action":…,"step":…,"field":…,"reason":…,…} for every mistake of an action, \
            {"effect":"refused","event":…,"pointer":…,"reason":…,…} for one of a schema, {"effect":"warning",…} for what is odd.

            Exit codes: 0 published, or nothing to do; 1 an action or a schema is refused; 2 wrong use; 3 Kafka cannot be \
            used, or somebody else has begun to publish meanwhile.
            """
    )

    @OptionGroup var cluster: ClusterOptions

    @Option(
        name: [.short, .customLong("file")],
        help: "A file of teams, actions and schemas; - for standard input. Repeatable."
    )
    var files: [String]

    @Option(help: "The team of actions and schemas that do not say theirs.")
    var team: Int64?

    @Flag(help: "Publish the good actions and schemas although others are refused.")
    var partial = false

    @Flag(
        name: .customLong("posthog-export"),
        help: "Read the files as PostHog's export, and tell where it counts differently."
    )
    var isPostHogExport = false

    @Flag(help: "Only say what would be published.")
    var dryRun = false

    @Flag(help: "Print one JSON object for every entry, refusal and warning.")
    var json = false

    func run() async throws {
        try await reportingFailures {
            var definitions = try DefinitionFile(
                files,
                defaultTeam: team,
                form: isPostHogExport ? .postHogExport : .plain,
                quotas: .later
            )
            report(definitions)
            try stop(definitions)
            let settings = try cluster.settings()
            do {
                try publish(&definitions, settings)
            } catch {
                throw Run.failure(of: error, brokers: settings.brokers)
            }
            if definitions.mistakeCount > 0 { throw ExitCode(Failure.Code.no.rawValue) }
        }
    }

    /// Ends the command where something is refused and not everything else is wanted.
    private func stop(_ definitions: DefinitionFile) throws {
        guard definitions.mistakeCount > 0, !partial else { return }
        throw Failure(
            .no,
            "nothing was published: \(counted(definitions.mistakeCount, "mistake")). Use --partial to publish the others"
        )
    }

    private func report(_ definitions: DefinitionFile) {
        guard json else {
            _ = definitions.report()
            return
        }
        printRefusals(definitions, from: (0, 0))
        for warning in definitions.warnings { print(Self.line("warning", warning.json)) }
    }

    private func printRefusals(_ definitions: DefinitionFile, from first: (actions: Int, schemas: Int)) {
        guard json else { return definitions.printRefusals(from: first.actions, schemas: first.schemas) }
        for refusal in definitions.refusals.dropFirst(first.actions) { print(Self.line("refused", refusal.json)) }
        for refusal in definitions.schemaRefusals.dropFirst(first.schemas) { print(Self.line("refused", refusal.json)) }
    }

    private static func line(_ effect: String, _ tree: JSONTree) -> String {
        guard case .object(let members) = tree else { return tree.jsonText }
        return JSONTree.object([.init(key: "effect", value: .string(effect))] + members).jsonText
    }

    private func publish(_ definitions: inout DefinitionFile, _ settings: Settings) throws {
        guard !dryRun else {
            let changes = try compare(&definitions, settings)
            tell(changes)
            return printError("dry run: \(Self.entries(changes).count) of \(changes.count) entries would be published")
        }
        // Before the catalogue is read: what was published before can be read by then, and no other apply or delete can publish in between.
        var publisher = try CataloguePublisher(to: settings.catalogueTopic, try settings.client())
        let changes = try compare(&definitions, settings)
        let entries = Self.entries(changes)
        try publisher.publish(entries)
        tell(changes)
        printError("published \(entries.count) of \(changes.count) entries to \"\(settings.catalogueTopic)\"")
    }

    private func tell(_ changes: [Change]) { for change in changes { print(describe(change)) } }

    private static func entries(_ changes: [Change]) -> [CataloguePublisher.Entry] {
        changes.filter { $0.effect != .unchanged }.map(\.entry)
    }

    /// Compares files with the catalogue, and says what is refused because of what is there.
    private func compare(_ definitions: inout DefinitionFile, _ settings: Settings) throws -> [Change] {
        let present = try settings.presentCatalogue()
        let before = (definitions.refusals.count, definitions.schemaRefusals.count)
        definitions.refuseOrphans(of: present)
        definitions.refuseBeyondQuotas(over: present)
        printRefusals(definitions, from: before)
        try stop(definitions)
        let problems = QuotaCheck.problems(of: definitions.teams, over: present)
        if let problem = (problems + definitions.schemaQuotaProblems(over: present)).first {
            throw Failure(.no, "nothing was published: \(problem)")
        }
        return Self.changes(definitions, from: present)
    }

    // MARK: Changes

    /// An entry, and what it does to the catalogue.
    struct Change {
        enum Effect: String {
            case created, changed, deleted, unchanged
        }

        var entry: CataloguePublisher.Entry
        var effect: Effect
        var version: Int64?
    }

    /// Compares files with the catalogue; the version of an action grows by one with every change of its steps, that
    /// of a schema with every change of it.
    static func changes(_ definitions: DefinitionFile, from present: Catalogue) -> [Change] {
        var changes: [Change] = []
        for team in definitions.teams {
            let old = present.teams[team.id]
            let isQuarantined = present.quarantined[CatalogueKey.team(team.id).description] != nil
            changes.append(
                Change(
                    entry: .init(.team(team.id), team.source.jsonText),
                    effect: old == nil ? .created : old?.source == team.source && !isQuarantined ? .unchanged : .changed
                )
            )
        }
        for (team, action) in definitions.actions {
            let key = CatalogueKey.action(team: team, id: action.id)
            let old = present.lastEntry(ofAction: action.id, team: team)
            // What is in force may be what the file says, and the topic's last entry still something else.
            let isQuarantined = present.quarantined[key.description] != nil
            if action.isDeleted {
                changes.append(
                    Change(entry: .init(key, nil), effect: old == nil && !isQuarantined ? .unchanged : .deleted)
                )
                continue
            }
            let hasSameSteps = old.map { Self.steps(of: $0.source) == Self.steps(of: action.source) } ?? false
            let version = old.map { hasSameSteps ? $0.version : $0.version + 1 } ?? max(1, action.version)
            let tree = Self.setting(
                ["team_id": .number(team), "id": .number(action.id), "version": .number(version)],
                in: action.source
            )
            let effect: Change.Effect =
                old == nil ? .created : old?.source == tree && !isQuarantined ? .unchanged : .changed
            changes.append(Change(entry: .init(key, tree.jsonText), effect: effect, version: version))
        }
        for (team, schema) in definitions.schemas { changes.append(Self.change(of: schema, team, from: present)) }
        return changes
    }

    private static func change(of schema: SchemaDefinition, _ team: Int64, from present: Catalogue) -> Change {
        let key = CatalogueKey.schema(team: team, event: schema.event)
        let old = present.schemas[team]?[schema.event]
        let isQuarantined = present.quarantined[key.description] != nil
        if schema.isDeleted {
            return Change(entry: .init(key, nil), effect: old == nil && !isQuarantined ? .unchanged : .deleted)
        }
        let isSame = old.map { $0.source["schema"] == schema.source["schema"] } ?? false
        let version = old.map { isSame ? $0.version : $0.version + 1 } ?? max(1, schema.version)
        let tree = setting(["team_id": .number(team), "version": .number(version)], in: schema.source)
        let effect: Change.Effect =
            old == nil ? .created : old?.source == tree && !isQuarantined ? .unchanged : .changed
        return Change(entry: .init(key, tree.jsonText), effect: effect, version: version)
    }

    private static func steps(of tree: JSONTree) -> JSONTree? { tree["steps"] ?? tree["steps_json"] }

    private static func setting(_ values: [String: JSONTree], in tree: JSONTree) -> JSONTree {
        guard case .object(var members) = tree else { return tree }
        for (key, value) in values.sorted(by: { $0.key < $1.key }) {
            if let index = members.firstIndex(where: { $0.key == key }) {
                members[index].value = value
            } else {
                members.append(.init(key: key, value: value))
            }
        }
        return .object(members)
    }

    private func describe(_ change: Change) -> String {
        let version = change.version.map { ",\"version\":\($0)" } ?? ""
        if json {
            let key = JSONTree.string(change.entry.key.description).jsonText
            return "{\"key\":\(key),\"effect\":\"\(change.effect.rawValue)\"\(version)}"
        }
        return "\(Printable.text(change.entry.key.description)): \(change.effect.rawValue)"
            + (change.version.map { ", version \($0)" } ?? "")
    }
}
