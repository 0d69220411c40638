import ArgumentParser
import Foundation
import Kafka
import Tagstream
import Worker

/// `tagstream apply`: publishes teams and actions.
struct Apply: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Publish teams and actions to the catalogue's topic.",
        discussion: """
            Reads JSON or YAML: one action, a list of actions, an object with "teams" and "actions", or a PostHog export \
            ("results"). Every mistake of every action is told at once; nothing is published unless all of them can be evaluated, \
            or with --partial the good ones. An action whose steps have changed gets the next version. All entries of a call are \
            written in one transaction.

              tagstream apply --brokers localhost:9092 -f Examples/actions.yaml
              tagstream apply --brokers localhost:9092 -f export.json --team 2 --dry-run

            Exit codes: 0 published, or nothing to do; 1 an action is refused; 2 wrong use; 3 Kafka cannot be used.
            """
    )

    @OptionGroup var cluster: ClusterOptions

    @Option(
        name: [.short, .customLong("file")],
        help: "A file of teams and actions; - for standard input. Repeatable."
    )
    var files: [String]

    @Option(help: "The team of actions that do not say theirs.")
    var team: Int64?

    @Flag(help: "Publish the good actions although others are refused.")
    var partial = false

    @Flag(help: "Only say what would be published.")
    var dryRun = false

    @Flag(help: "Print one JSON object for every entry.")
    var json = false

    func run() async throws {
        try await reportingFailures {
            let definitions = try DefinitionFile(files, defaultTeam: team)
            let isRefused = definitions.report()
            if isRefused, !partial {
                throw Failure(
                    .no,
                    "nothing was published: \(definitions.refusals.count) mistakes. Use --partial to publish the others"
                )
            }
            let settings = try cluster.settings()
            do {
                try publish(definitions, settings)
            } catch {
                throw Run.failure(of: error, brokers: settings.brokers)
            }
            if isRefused { throw ExitCode(Failure.Code.no.rawValue) }
        }
    }

    private func publish(_ definitions: DefinitionFile, _ settings: Settings) throws {
        let client = try settings.client()
        var reader = try CatalogueReader(client, topic: settings.catalogueTopic, group: "tagstream-apply")
        _ = try reader.readToEnd()
        let present = reader.catalogue
        reader.close()
        let known = Set(present.teams.keys).union(definitions.teams.map(\.id))
        if let orphan = definitions.actions.first(where: { !known.contains($0.team) }) {
            throw Failure(
                .usage,
                "action \(orphan.action.id) belongs to team \(orphan.team), which neither the files nor the catalogue know; "
                    + "expected a team with \"id\" and \"api_token\""
            )
        }
        let changes = Self.changes(definitions, from: present)
        for change in changes { print(describe(change)) }
        let entries = changes.filter { $0.effect != .unchanged }.map(\.entry)
        guard !dryRun else {
            printError("dry run: \(entries.count) of \(changes.count) entries would be published")
            return
        }
        try CataloguePublisher.publish(entries, to: settings.catalogueTopic, client)
        printError("published \(entries.count) of \(changes.count) entries to \"\(settings.catalogueTopic)\"")
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

    /// Compares files with the catalogue; an action's version grows by one with every change of its steps.
    static func changes(_ definitions: DefinitionFile, from present: Catalogue) -> [Change] {
        var changes: [Change] = []
        for team in definitions.teams {
            let old = present.teams[team.id]
            changes.append(
                Change(
                    entry: .init(.team(team.id), team.source.jsonText),
                    effect: old == nil ? .created : old?.source == team.source ? .unchanged : .changed
                )
            )
        }
        for (team, action) in definitions.actions {
            let key = CatalogueKey.action(team: team, id: action.id)
            let old = present.actions[team]?[action.id]
            if action.isDeleted {
                changes.append(Change(entry: .init(key, nil), effect: old == nil ? .unchanged : .deleted))
                continue
            }
            let hasSameSteps = old.map { Self.steps(of: $0.source) == Self.steps(of: action.source) } ?? false
            let version = old.map { hasSameSteps ? $0.version : $0.version + 1 } ?? max(1, action.version)
            let tree = Self.setting(
                ["team_id": .number(team), "id": .number(action.id), "version": .number(version)],
                in: action.source
            )
            let effect: Change.Effect = old == nil ? .created : old?.source == tree ? .unchanged : .changed
            changes.append(Change(entry: .init(key, tree.jsonText), effect: effect, version: version))
        }
        return changes
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
        if json { return "{\"key\":\"\(change.entry.key)\",\"effect\":\"\(change.effect.rawValue)\"\(version)}" }
        return "\(change.entry.key): \(change.effect.rawValue)" + (change.version.map { ", version \($0)" } ?? "")
    }
}
