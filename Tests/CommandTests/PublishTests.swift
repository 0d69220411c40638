import ArgumentParser
import Foundation
import Kafka
import Tagstream
import Testing
import Worker

@testable import TagstreamCommand

@Suite struct `A file of actions` {
    private func file(_ text: String, team: Int64? = nil, form: DefinitionFile.Form = .plain) throws -> DefinitionFile {
        try withFile(text, suffix: ".json") { try DefinitionFile([$0], defaultTeam: team, form: form) }
    }

    private func action(_ id: Int64, team: Int64 = 2, _ step: String = #"{"event": "x"}"#) -> String {
        #"{"id": \#(id), "team_id": \#(team), "name": "A\#(id)", "steps": [\#(step)]}"#
    }

    @Test func `is refused where it is not said whose an action is`() throws {
        let file = try file(#"[{"id": 1, "steps": [{"event": "x"}]}, {"id": 2, "steps": []}]"#)
        #expect(file.refusals.map(\.reason) == [.team, .noSteps, .team])
        #expect(file.actions.isEmpty)
    }

    @Test func `is refused where an id is defined twice, and neither is published`() throws {
        let file = try file("[\(action(1)), \(action(2)), \(action(1)), \(action(1, team: 3))]")
        #expect(file.refusals.map(\.reason) == [.duplicate, .duplicate])
        #expect(file.refusals.map(\.teamID) == [2, 2])
        #expect(file.actions.map(\.team) == [2, 3])
    }

    @Test func `is refused beyond the quota of its team, and the others pass`() throws {
        let expensive = #"{"properties": [{"key": "a", "value": [1, 2, 3, 4, 5]}]}"#
        let text = """
            {"teams": [{"id": 2, "api_token": "t", "settings": {"action_cost_quota": 8}}, {"id": 3, "api_token": "u"}],
             "actions": [\(action(1)), \(action(2, expensive)), \(action(3)), \(action(2, team: 3, expensive))]}
            """
        let file = try file(text)
        #expect(file.refusals.map(\.reason) == [.quota])
        #expect(file.refusals.map(\.actionID) == [2])
        #expect(file.actions.map(\.action.id) == [1, 3, 2])
        #expect(file.costs.map(\.cost) == [4, 7])
        #expect(file.costs.map(\.quota) == [8, ActionCost.teamQuota])
    }

    @Test func `has one JSON object for each refusal`() throws {
        let file = try file("[\(action(1, #"{"url_matching": "Exact"}"#))]")
        let refusal = try #require(file.json.first { $0.key == "refused" }.flatMap(\.value.items)?.first)
        #expect(refusal["team"] == .number(2))
        #expect(refusal["action"] == .number(1))
        #expect(refusal["name"] == .string("A1"))
        #expect(refusal["step"] == .number(1))
        #expect(refusal["field"] == .string("url_matching"))
        #expect(refusal["reason"] == .string("matching"))
        #expect(refusal["found"] == .string("\"Exact\""))
        #expect(refusal["expected"] == .string("contains, exact or regex"))
        #expect(refusal["suggestion"] == .string("write \"exact\""))
    }

    @Test func `may delete what nobody knows: a deletion is never refused`() throws {
        var file = try file(#"[{"id": 1, "team_id": 9, "deleted": true, "steps": 5}, \#(action(2, team: 9))]"#)
        file.refuseOrphans(of: Catalogue())
        #expect(file.refusals.map(\.reason) == [.team])
        #expect(file.actions.map(\.action.id) == [1])
    }

    @Test func `that PostHog exported loses what PostHog ignores`() throws {
        let text = #"{"results": [\#(action(1, #"{"event": "$pageview", "selector": "a:hover"}"#))]}"#
        #expect(try file(text).refusals.count == 2)
        let export = try file(text, form: .postHogExport)
        #expect(export.refusals.isEmpty)
        #expect(export.warnings.map(\.reason) == [.dropped])
    }

    @Test func `may be YAML, but not a bomb`() throws {
        let nested = String(repeating: "[", count: 100_000)
        let laughs = (1...9).reduce("a0: &a0 [x, x]\n") { text, level in
            let aliases = Array(repeating: "*a\(level - 1)", count: 9).joined(separator: ", ")
            return text + "a\(level): &a\(level) [\(aliases)]\n"
        }
        let deepBlock = (0..<2000).map { String(repeating: " ", count: $0) + "a:" }.joined(separator: "\n")
        let deeper = String(repeating: "[", count: 65) + String(repeating: "]", count: 65)
        for bomb in [deeper, laughs, nested, deepBlock, "&a [*a]", "a: &x {b: *x}"] {
            #expect(throws: Failure.self) { try withFile(bomb) { _ = try DefinitionFile.tree($0) } }
        }
    }
}

extension JSONTree {
    /// The members of a list.
    var items: [JSONTree]? { if case .array(let items) = self { items } else { nil } }
}

/// Serialised: these commands print, and each has a cluster of its own.
@Suite(.serialized) struct `The catalogue's commands` {
    private func run(_ arguments: String...) async -> Int32 { await CommandRun.run(arguments) }

    @Test func `check says no with 1, and tells wrong use apart with 2`() async throws {
        #expect(await run("check", root + "/Examples/actions.yaml") == 0)
        #expect(await run("check", "--config", root + "/Examples/tagstream.reference.yaml") == 0)
        #expect(await run("check") == 2)
        #expect(await run("check", "/no/such/file.json") == 2)
        try await CommandRun.withPath(#"{"lanes": 0, "slots": 1, "brokers": "b:1"}"#) { path in
            #expect(await run("check", "--config", path) == 1)
            #expect(await run("check", "--config", path, "--json") == 1)
            var settings = Settings()
            let mistakes = try settings.readAll(path)
            #expect(mistakes.count == 2)
            #expect(mistakes.last?.hasSuffix("Hint: write slot") == true)
        }
        try await CommandRun.withPath(#"{"steps": [{"url_matching": "x"}]}"#) { path in
            #expect(await run("check", path) == 1)
            #expect(await run("check", path, "--json") == 1)
        }
        try await CommandRun.withPath(#"{"steps": [{"event": "x"}]}"#) { path in #expect(await run("check", path) == 0)
        }
    }

    @Test func `is not published where somebody else has begun to publish meanwhile`() throws {
        let cluster = try EmbeddedCluster()
        try cluster.createTopic("tagstream_catalogue", partitions: 1)
        let client = try ClientConfiguration(brokers: cluster.bootstrapServers)
        var publisher = try CataloguePublisher(to: "tagstream_catalogue", client)
        // PRODUCER_FENCED: the cluster itself fences nobody.
        cluster.inject([90], into: .endTransaction)
        let problem = #expect(throws: CatalogueProblem.self) {
            try publisher.publish([.init(.team(2), #"{"id": 2, "api_token": "t"}"#)])
        }
        #expect(problem?.description.contains("somebody else has begun to publish meanwhile") == true)
    }

    @Test func `apply, get and delete agree about what is there`() async throws {
        let cluster = try EmbeddedCluster()
        try cluster.createTopic("tagstream_catalogue", partitions: 1)
        let brokers = cluster.bootstrapServers
        let text = #"""
            {"teams": [{"id": 2, "api_token": "t", "settings": {"action_cost_quota": 10}}],
             "actions": [{"id": 1, "team_id": 2, "steps": [{"event": "x"}]},
                         {"id": 2, "team_id": 2, "steps": [{"url": "(", "url_matching": "regex"}]},
                         {"id": 3, "team_id": 9, "steps": [{"event": "x"}]}]}
            """#
        try await CommandRun.withPath(text) { path in
            #expect(await run("apply", "--brokers", brokers, "-f", path) == 1)
            let present = try CommandRun.catalogue(brokers)
            #expect(present.epoch == 0)
            #expect(await run("apply", "--brokers", brokers, "-f", path, "--partial", "--json") == 1)
        }
        #expect(try CommandRun.catalogue(brokers).teams.keys.sorted() == [2])
        #expect(try CommandRun.catalogue(brokers).actions[2]?.keys.sorted() == [1])

        // The quota in force is the catalogue's, not the default.
        let expensive = #"{"properties": [{"key": "a", "value": [1, 2, 3, 4, 5, 6, 7, 8]}]}"#
        try await CommandRun.withPath(#"[{"id": 4, "team_id": 2, "steps": [\#(expensive)]}]"#) { path in
            #expect(await run("apply", "--brokers", brokers, "-f", path) == 1)
            #expect(await run("apply", "--brokers", brokers, "-f", path, "--partial") == 1)
        }
        #expect(try CommandRun.catalogue(brokers).actions[2]?.keys.sorted() == [1])
        try await CommandRun.withPath(
            #"{"teams": [{"id": 2, "api_token": "t", "settings": {"action_cost_quota": 1}}]}"#
        ) { path in
            #expect(await run("apply", "--brokers", brokers, "-f", path) == 1)
        }

        // By another way.
        var settings = Settings()
        settings.brokers = brokers
        try CataloguePublisher.publish(
            [.init(.action(team: 2, id: 1), #"{"id": 1, "steps": []}"#), .init(.action(team: 2, id: 5), "{}")],
            to: "tagstream_catalogue",
            try settings.client()
        )
        let listing = CatalogueListing(try CommandRun.catalogue(brokers))
        #expect(listing.actions.map(\.id) == [1, 5])
        #expect(listing.actions.map(\.state) == [.quarantined, .quarantined])
        #expect(listing.actions.map(\.isInForce) == [true, false])
        #expect(listing.actions.map(\.reasons.count) == [1, 2])
        #expect(listing.teams.map(\.actions) == [1])
        #expect(listing.teams.map(\.quarantined) == [2])
        for flags in [["--json"], []] {
            #expect(await CommandRun.run(["get", "actions", "--brokers", brokers, "--team", "2"] + flags) == 0)
            #expect(await CommandRun.run(["get", "teams", "--brokers", brokers] + flags) == 0)
        }

        #expect(await run("delete", "action", "2/7", "--brokers", brokers) == 1)
        #expect(await run("delete", "action", "2", "--brokers", brokers) == 2)
        #expect(await run("delete", "action", "2/5", "--brokers", brokers, "--dry-run") == 0)
        #expect(try CommandRun.catalogue(brokers).quarantined.count == 2)
        #expect(await run("delete", "action", "2/5", "--brokers", brokers) == 0)
        #expect(try CommandRun.catalogue(brokers).quarantined.keys.sorted() == ["action/2/1"])
        #expect(await run("delete", "team", "2", "--brokers", brokers) == 0)
        let after = try CommandRun.catalogue(brokers)
        #expect(after.teams.isEmpty && after.actionCount == 0 && after.quarantined.isEmpty)
        #expect(await run("delete", "team", "2", "--brokers", brokers) == 1)
    }

    @Test func `get lists a file, too`() async throws {
        #expect(await run("get", "actions", "--catalogue", root + "/Examples/actions.yaml") == 0)
        let file = try DefinitionFile([root + "/Examples/actions.yaml"], defaultTeam: nil)
        let listing = CatalogueListing(file)
        #expect(listing.actions.count == 10)
        #expect(listing.actions.allSatisfy { $0.state == .active && ($0.definition?.cost ?? 0) > 0 })
        #expect(listing.teams.map(\.id) == [2, 3, 4])
    }
}
