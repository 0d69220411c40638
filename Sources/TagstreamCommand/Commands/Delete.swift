import ArgumentParser
import Foundation
import Tagstream
import Worker

/// `tagstream delete`: takes teams, actions and schemas out of the catalogue.
struct Delete: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Delete actions, schemas or teams from the catalogue, or lift quarantines.",
        subcommands: [Action.self, Schema.self, Team.self, Quarantine.self]
    )

    /// What all of them take.
    struct Options: ParsableArguments {
        @OptionGroup var cluster: ClusterOptions

        @Flag(help: "Only say what would be deleted.")
        var dryRun = false

        /// Deletes entries of one kind.
        ///
        /// - Parameters:
        ///   - names: what stands behind the kind in their record keys.
        ///   - expected: what a name looks like, for the error.
        func delete(_ names: [String], under kind: String, expecting expected: String) async throws {
            try await reportingFailures {
                let keys = try names.map { name in
                    guard let key = CatalogueKey("\(kind)/\(name)") else {
                        throw Failure(.usage, "\"\(name)\" is no \(kind), expected \(expected)")
                    }
                    return key
                }
                try Delete.delete(keys, try cluster.settings(), isDryRun: dryRun)
            }
        }
    }

    /// `tagstream delete action TEAM/ID…`.
    struct Action: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Delete actions, whether they are in force or quarantined.",
            discussion: """
                Writes a tombstone for each, all of them in one transaction.

                  tagstream delete action 2/7 2/8 --brokers localhost:9092

                Exit codes: 0 deleted; 1 there is no such action, and nothing was deleted; 2 wrong use; 3 Kafka cannot be used.
                """
        )

        @OptionGroup var options: Options

        @Argument(help: "TEAM/ID of each action.")
        var actions: [String]

        func run() async throws {
            try await options.delete(actions, under: "action", expecting: "TEAM/ID such as 2/7")
        }
    }

    /// `tagstream delete schema TEAM/EVENT…`.
    struct Schema: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Delete schemas of events, whether they are in force or quarantined.",
            discussion: """
                Writes a tombstone for each, all of them in one transaction.

                  tagstream delete schema "2/order completed" --brokers localhost:9092

                Exit codes: 0 deleted; 1 there is no such schema, and nothing was deleted; 2 wrong use; 3 Kafka cannot be used.
                """
        )

        @OptionGroup var options: Options

        @Argument(help: "TEAM/EVENT of each schema; an event's name may have slashes.")
        var schemas: [String]

        func run() async throws {
            try await options.delete(schemas, under: "schema", expecting: "TEAM/EVENT such as \"2/order completed\"")
        }
    }

    /// `tagstream delete quarantine TEAM/ID…`.
    struct Quarantine: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Put actions back into force that were quarantined for failing too often.",
            discussion: """
                A worker quarantines an action that it could not evaluate for more than 1 % of the events its patterns were searched \
                for in. Publishing the action again does the same as this.

                  tagstream delete quarantine 2/7 --brokers localhost:9092

                Exit codes: 0 deleted; 1 there is no such quarantine, and nothing was deleted; 2 wrong use; 3 Kafka cannot be used.
                """
        )

        @OptionGroup var options: Options

        @Argument(help: "TEAM/ID of each action.")
        var actions: [String]

        func run() async throws {
            try await options.delete(actions, under: "quarantine", expecting: "TEAM/ID such as 2/7")
        }
    }

    /// `tagstream delete team ID`.
    struct Team: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Delete a team with all its actions and schemas.",
            discussion: """
                Events with the team's token become dead letters (unknown_token) from then on. Writes a tombstone for the team \
                and for each of its actions and schemas, all of them in one transaction.

                  tagstream delete team 2 --brokers localhost:9092 --dry-run

                Exit codes: 0 deleted; 1 there is no such team, and nothing was deleted; 2 wrong use; 3 Kafka cannot be used.
                """
        )

        @OptionGroup var options: Options

        @Argument(help: "The team's id.")
        var team: Int64

        func run() async throws {
            try await options.delete(["\(team)"], under: "team", expecting: "an id such as 2")
        }
    }

    private static func delete(_ keys: [CatalogueKey], _ settings: Settings, isDryRun: Bool) throws {
        guard !isDryRun else {
            let all = try Self.keys(behind: keys, settings)
            tell(all)
            return printError("dry run: \(all.count) entries would be deleted")
        }
        do {
            // Before the catalogue is read: what was published before can be read by then, and no other apply or delete can publish in between.
            var publisher = try CataloguePublisher(to: settings.catalogueTopic, try settings.client())
            let all = try Self.keys(behind: keys, settings)
            try publisher.publish(all.map { .init($0, nil) })
            tell(all)
            printError("deleted \(all.count) entries from \"\(settings.catalogueTopic)\"")
        } catch {
            throw Run.failure(of: error, brokers: settings.brokers)
        }
    }

    private static func tell(_ keys: [CatalogueKey]) {
        for key in keys { print("\(Printable.text(key.description)): deleted") }
    }

    /// These keys, each of which has to be there, and all that belongs to them.
    private static func keys(behind keys: [CatalogueKey], _ settings: Settings) throws -> [CatalogueKey] {
        let present = try settings.presentCatalogue()
        let all = keys.flatMap { Self.keys(behind: $0, in: present) }
        guard !all.isEmpty, keys.allSatisfy({ Self.isThere($0, in: present) }) else {
            let missing = keys.filter { !Self.isThere($0, in: present) }.map(\.description)
            throw Failure(.no, "the catalogue has no \(missing.joined(separator: ", ")), nothing was deleted")
        }
        return all
    }

    private static func isThere(_ key: CatalogueKey, in present: Catalogue) -> Bool {
        if present.quarantined[key.description] != nil { return true }
        switch key {
        case .team(let id): return present.teams[id] != nil
        case .action(let team, let id):
            return present.actions[team]?[id] != nil || present.deleted[team]?[id] != nil
        case .quarantine(let team, let id): return present.isStopped(action: id, team: team)
        case .schema(let team, let event): return present.schemas[team]?[event] != nil
        }
    }

    /// The entry itself, and for a team everything that belongs to it.
    private static func keys(behind key: CatalogueKey, in present: Catalogue) -> [CatalogueKey] {
        guard case .team(let team) = key else { return [key] }
        var ids = Set((present.actions[team] ?? [:]).keys).union((present.deleted[team] ?? [:]).keys)
        var events = Set((present.schemas[team] ?? [:]).keys)
        for entry in present.quarantined.values {
            switch CatalogueKey(entry.key) {
            case .action(team, let id)?: ids.insert(id)
            case .schema(team, let event)?: events.insert(event)
            default: break
            }
        }
        let stopped = ids.filter { present.isStopped(action: $0, team: team) }
        return ids.sorted().map { .action(team: team, id: $0) }
            + stopped.sorted().map { .quarantine(team: team, id: $0) }
            + events.sorted().map { .schema(team: team, event: $0) } + [key]
    }
}
