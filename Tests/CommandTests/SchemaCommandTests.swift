import ArgumentParser
import Foundation
import Kafka
import Tagstream
import Testing
import Worker

@testable import TagstreamCommand

@Suite struct `A file of schemas` {
    private func file(_ text: String, team: Int64? = nil) throws -> DefinitionFile {
        try withFile(text, suffix: ".json") { try DefinitionFile([$0], defaultTeam: team) }
    }

    private func schema(_ event: String, team: Int64 = 2, _ schema: String = "{}") -> String {
        #"{"team_id": \#(team), "event": "\#(event)", "schema": \#(schema)}"#
    }

    @Test func `gives the same in JSON and in YAML`() throws {
        let json = #"{"schemas": [{"team_id": 2, "event": "x", "mode": "off", "schema": {"required": ["a"]}}]}"#
        let yaml = "schemas:\n  - team_id: 2\n    event: x\n    mode: off\n    schema: {required: [a]}\n"
        let first = try file(json).schemas
        let second = try withFile(yaml) { try DefinitionFile([$0], defaultTeam: nil) }.schemas
        #expect(first.map(\.schema.source) == second.map(\.schema.source))
        #expect(first.map(\.schema.mode) == [.off] && second.map(\.schema.mode) == [.off])
    }

    @Test func `is refused with every mistake of every schema at once`() throws {
        let file = try file(
            #"{"schemas": [\#(schema("a", #"{"type":"int","if":{}}"#)), \#(schema("b")), {"event": "c", "schema": {}}, 7]}"#
        )
        #expect(file.schemaRefusals.map(\.reason) == [.value, .keyword, .team, .shape])
        #expect(file.schemaRefusals.map(\.event) == ["a", "a", "c", ""])
        #expect(file.schemas.map(\.schema.event.description) == ["b"])
        #expect(file.mistakeCount == 4 && file.report())
    }

    @Test func `is refused where an event is defined twice, beyond a quota, and for teams that nobody knows`() throws {
        let twice = try file(
            #"{"schemas": [\#(schema("a")), \#(schema("b")), \#(schema("a")), \#(schema("a", team: 3))]}"#
        )
        #expect(twice.schemaRefusals.map(\.reason) == [.duplicate, .duplicate])
        #expect(twice.schemas.map(\.team) == [2, 3])
        let wide = #"{"required": ["a", "b", "c", "d"]}"#
        let team = #"{"id": 2, "api_token": "t", "settings": {"schema_cost_quota": 8}}"#
        let over = try file(
            #"{"teams": [\#(team)], "schemas": [\#(schema("a", wide)), \#(schema("b", wide)), \#(schema("c"))]}"#
        )
        #expect(over.schemaRefusals.map(\.reason) == [.quota])
        #expect(over.schemaRefusals.map(\.event) == ["b"])
        #expect(over.schemas.map(\.schema.event.description) == ["a", "c"])
        var orphans = try file(
            #"{"schemas": [\#(schema("a", team: 9)), {"team_id": 9, "event": "b", "deleted": true}]}"#
        )
        orphans.refuseOrphans(of: Catalogue())
        #expect(orphans.schemaRefusals.map(\.reason) == [.team])
        #expect(orphans.schemas.map(\.schema.isDeleted) == [true])
    }

    @Test func `counts its schemas, and has one JSON object for each refusal`() throws {
        let file = try file(#"{"schemas": [\#(schema("a", #"{"type":"int"}"#)), \#(schema("b"))]}"#)
        #expect(file.json.first { $0.key == "schemas" }?.value == .number(1))
        let refusal = try #require(file.json.first { $0.key == "refused" }.flatMap(\.value.items)?.first)
        #expect(refusal["pointer"] == .string("/type"))
        #expect(refusal["reason"] == .string("value"))
        #expect(refusal["suggestion"] == .string("write \"integer\""))
    }
}

/// Serialised: these commands print, and each has a cluster of its own.
@Suite(.serialized) struct `The commands for schemas` {
    private func run(_ arguments: String...) async -> Int32 { await CommandRun.run(arguments) }

    /// `event@version` of what is in force for team 2.
    private func inForce(_ brokers: String) throws -> [String] {
        SchemaRow.rows(of: try CommandRun.catalogue(brokers)).compactMap { row in
            row.definition.map { "\($0.event)@\($0.version)" }
        }
    }

    @Test func `apply, get and delete agree about what is there`() async throws {
        let cluster = try EmbeddedCluster()
        try cluster.createTopic("tagstream_catalogue", partitions: 1)
        let brokers = cluster.bootstrapServers
        func file(_ total: String, _ mode: String, more: String = "") -> String {
            #"""
            {"teams": [{"id": 2, "api_token": "t", "settings": {"schema_cost_quota": 40, "schema_mode": "reject"}}],
             "schemas": [{"team_id": 2, "event": "order/completed"\#(mode), "schema": {"properties": {"total": \#(total)}}},
                         {"team_id": 2, "event": "signed up", "schema": {"required": ["plan"]}}\#(more)]}
            """#
        }
        try await CommandRun.withPath(
            file(#"{"type": "number"}"#, "", more: #", {"team_id": 2, "event": "bad", "schema": {"type": "int"}}"#)
        ) { path in
            #expect(await run("apply", "--brokers", brokers, "-f", path) == 1)
            let present = try CommandRun.catalogue(brokers)
            #expect(present.epoch == 0)
            #expect(await run("apply", "--brokers", brokers, "-f", path, "--partial", "--json") == 1)
        }
        #expect(try inForce(brokers) == ["order/completed@1", "signed up@1"])
        #expect(SchemaRow.rows(of: try CommandRun.catalogue(brokers)).map(\.mode) == [.reject, .reject])

        // Nothing new is nothing to publish; another mode is no other schema, and another schema is the next version.
        try await CommandRun.withPath(file(#"{"type": "number"}"#, "")) { path in
            let before = try CommandRun.catalogue(brokers).epoch
            #expect(await run("apply", "--brokers", brokers, "-f", path) == 0)
            #expect(try CommandRun.catalogue(brokers).epoch == before)
        }
        try await CommandRun.withPath(file(#"{"type": "number"}"#, #", "mode": "annotate""#)) { path in
            #expect(await run("apply", "--brokers", brokers, "-f", path) == 0)
        }
        #expect(try inForce(brokers) == ["order/completed@1", "signed up@1"])
        #expect(SchemaRow.rows(of: try CommandRun.catalogue(brokers)).map(\.mode) == [.annotate, .reject])
        try await CommandRun.withPath(file(#"{"type": "integer"}"#, #", "mode": "annotate""#)) { path in
            #expect(await run("apply", "--brokers", brokers, "-f", path) == 0)
        }
        #expect(try inForce(brokers) == ["order/completed@2", "signed up@1"])

        // A quota below what the schemas cost is refused.
        try await CommandRun.withPath(
            #"{"teams": [{"id": 2, "api_token": "t", "settings": {"schema_cost_quota": 2}}]}"#
        ) { path in
            #expect(await run("apply", "--brokers", brokers, "-f", path) == 1)
        }

        // By another way.
        var settings = Settings()
        settings.brokers = brokers
        try CataloguePublisher.publish(
            [
                .init(
                    .schema(team: 2, event: EventName("signed up")!),
                    #"{"event": "signed up", "schema": {"type": 7}}"#
                ),
                .init(.schema(team: 2, event: EventName("new")!), "{}"),
            ],
            to: "tagstream_catalogue",
            try settings.client()
        )
        let rows = CatalogueListing(try CommandRun.catalogue(brokers)).schemas
        #expect(rows.map(\.event) == ["new", "order/completed", "signed up"])
        #expect(rows.map(\.state) == [.quarantined, .active, .quarantined])
        #expect(rows.map { $0.definition?.version } == [nil, 2, 1])
        #expect(rows.map(\.reasons.count) == [2, 0, 1])
        #expect(await run("get", "schemas", "--brokers", brokers, "--team", "2") == 0)
        #expect(await run("get", "schemas", "--brokers", brokers, "--json") == 0)

        #expect(await run("delete", "schema", "2/nothing", "--brokers", brokers) == 1)
        #expect(await run("delete", "schema", "order", "--brokers", brokers) == 2)
        #expect(await run("delete", "schema", "2/new", "2/order/completed", "--brokers", brokers, "--dry-run") == 0)
        #expect(try inForce(brokers) == ["order/completed@2", "signed up@1"])
        #expect(await run("delete", "schema", "2/new", "2/order/completed", "--brokers", brokers) == 0)
        #expect(try inForce(brokers) == ["signed up@1"])
        #expect(await run("delete", "team", "2", "--brokers", brokers) == 0)
        let after = try CommandRun.catalogue(brokers)
        #expect(after.teams.isEmpty && after.schemaCount == 0 && after.quarantined.isEmpty)
    }

    @Test func `check and get read files, too`() async throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().path
        #expect(await run("check", root + "/Examples/schemas.yaml", "--json") == 0)
        #expect(await run("get", "schemas", "--catalogue", root + "/Examples/schemas.yaml") == 0)
        #expect(await run("schemas", "test", root + "/Examples/schema_cases.jsonl") == 0)
        try await CommandRun.withPath(#"{"schemas": [{"team_id": 2, "event": "x", "schema": {"type": "int"}}]}"#) {
            path in
            #expect(await run("check", path) == 1)
            #expect(await run("get", "schemas", "--catalogue", path, "--json") == 0)
            let listing = CatalogueListing(try DefinitionFile([path], defaultTeam: nil))
            #expect(listing.schemas.map(\.state) == [.quarantined])
        }
    }
}
