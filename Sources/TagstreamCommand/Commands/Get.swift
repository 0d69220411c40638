import ArgumentParser
import Foundation
import Tagstream
import Worker

/// `tagstream get`: what the catalogue holds.
struct Get: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "List the teams, actions and schemas of the catalogue, and what is quarantined there.",
        subcommands: [Actions.self, Schemas.self, Teams.self]
    )

    /// Where the catalogue is read from, and what of it is wanted.
    struct Options: ParsableArguments {
        @OptionGroup var cluster: ClusterOptions

        @Option(help: "Read this file of teams, actions and schemas instead of the catalogue's topic.")
        var catalogue: String?

        @Option(help: "Only this team.")
        var team: Int64?

        @Flag(help: "Print one JSON object a line.")
        var json = false

        func listing() throws -> CatalogueListing {
            if let catalogue { return CatalogueListing(try DefinitionFile([catalogue], defaultTeam: team ?? 1)) }
            return CatalogueListing(try cluster.settings().presentCatalogue())
        }
    }

    /// `tagstream get actions`.
    struct Actions: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List actions: team, id, version, name, steps, cost and state.",
            discussion: """
                The state is active, deleted or quarantined: an action whose last entry cannot be used is listed with the reasons, \
                and the version that stays in force, where there is one.

                  tagstream get actions --brokers localhost:9092 --team 2
                  tagstream get actions --catalogue Examples/actions.yaml --json

                With --json one object a line: {"team":…,"id":…,"version":…,"name":…,"steps":…,"cost":…,"state":…,"in_force":…,"reasons":[…]}.
                Exit codes: 0 listed; 2 wrong use; 3 Kafka cannot be used.
                """
        )

        @OptionGroup var options: Options

        func run() async throws {
            try await reportingFailures {
                let rows = try options.listing().actions.filter { options.team == nil || $0.team == options.team }
                guard !options.json else { return rows.forEach { print($0.json.jsonText) } }
                Table.print(
                    ["TEAM", "ID", "VERSION", "NAME", "STEPS", "COST", "STATE"],
                    rows.map { ($0.cells, $0.reasons) }
                )
            }
        }
    }

    /// `tagstream get schemas`.
    struct Schemas: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List the schemas of events: team, event, version, mode, cost and state.",
            discussion: """
                The mode is the schema's own or its team's (settings.schema_mode). The state is active or quarantined: a schema whose \
                last entry cannot be used is listed with the reasons, and the version that stays in force, where there is one.

                  tagstream get schemas --brokers localhost:9092 --team 2
                  tagstream get schemas --catalogue Examples/schemas.yaml --json

                With --json one object a line: {"team":…,"event":…,"version":…,"mode":…,"cost":…,"state":…,"in_force":…,"reasons":[…],"schema":{…}}.
                Exit codes: 0 listed; 2 wrong use; 3 Kafka cannot be used.
                """
        )

        @OptionGroup var options: Options

        func run() async throws {
            try await reportingFailures {
                let rows = try options.listing().schemas.filter { options.team == nil || $0.team == options.team }
                guard !options.json else { return rows.forEach { print($0.json.jsonText) } }
                Table.print(
                    ["TEAM", "EVENT", "VERSION", "MODE", "COST", "STATE"],
                    rows.map { ($0.cells, $0.reasons) }
                )
            }
        }
    }

    /// `tagstream get teams`.
    struct Teams: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List teams: id, name, token, actions, cost, quota and state.",
            discussion: """
                The cost is that of the actions in force; the quota bounds it (settings.action_cost_quota of the team's entry).

                  tagstream get teams --brokers localhost:9092

                With --json one object a line: {"team":…,"name":…,"api_token":…,"actions":…,"quarantined":…,"cost":…,"quota":…,"state":…,"reasons":[…]}.
                Exit codes: 0 listed; 2 wrong use; 3 Kafka cannot be used.
                """
        )

        @OptionGroup var options: Options

        func run() async throws {
            try await reportingFailures {
                let rows = try options.listing().teams.filter { options.team == nil || $0.id == options.team }
                guard !options.json else { return rows.forEach { print($0.json.jsonText) } }
                Table.print(
                    ["TEAM", "NAME", "TOKEN", "ACTIONS", "QUARANTINED", "COST", "QUOTA", "STATE"],
                    rows.map { ($0.cells, $0.reasons) }
                )
            }
        }
    }
}

/// Columns for a human: as wide as their longest cell.
enum Table {
    /// Prints rows, each with lines that belong under it.
    static func print(_ titles: [String], _ rows: [(cells: [String], notes: [String])]) {
        var widths = titles.map(\.count)
        for row in rows {
            for (index, cell) in row.cells.enumerated() { widths[index] = max(widths[index], cell.count) }
        }
        func line(_ cells: [String]) -> String {
            let padded = zip(cells, widths).map { cell, width in
                cell + String(repeating: " ", count: width - cell.count)
            }
            var text = padded.joined(separator: "  ")
            while text.last == " " { text.removeLast() }
            return text
        }
        Swift.print(line(titles))
        for row in rows {
            Swift.print(line(row.cells))
            for note in row.notes { Swift.print("    \(note)") }
        }
    }
}
