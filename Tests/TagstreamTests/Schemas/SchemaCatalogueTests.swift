import Testing

@testable import Tagstream

@Suite struct `The catalogue's schemas` {
    private func definition(_ event: String, version: Int = 1, _ schema: String = #"{"required":["a"]}"#) -> String {
        #"{"event":"\#(event)","version":\#(version),"schema":\#(schema)}"#
    }

    private func inForce(_ catalogue: Catalogue, _ team: Int64 = 2) -> [String] {
        (catalogue.schemas[team] ?? [:]).values.sorted { $0.event < $1.event }.map { "\($0.event)@\($0.version)" }
    }

    @Test func `keep the last good one in force where an entry would be refused`() {
        var log = CatalogueLog()
        log.team(2, token: "t")
        log.put("schema/2/order", definition("order"))
        log.put("schema/2/cart", definition("cart"))
        let change = log.put("schema/2/order", definition("order", version: 2, #"{"type":"text","if":{}}"#))
        guard case .quarantined(let entry) = change else {
            Issue.record("expected it quarantined: \(change)")
            return
        }
        #expect(entry.offset == 3 && entry.reasons.count == 2)
        #expect(log.catalogue.quarantined["schema/2/order"] == entry)
        #expect(inForce(log.catalogue) == ["cart@1", "order@1"])
        #expect(
            log.put("schema/2/order", definition("order", version: 3))
                == .changed(.schema(team: 2, event: EventName("order")!))
        )
        #expect(log.catalogue.quarantined.isEmpty)
        #expect(inForce(log.catalogue) == ["cart@1", "order@3"])
        #expect(log.catalogue.epoch == 5)
        #expect(log.put("schema/2/cart", nil) == .deleted(.schema(team: 2, event: EventName("cart")!)))
        #expect(inForce(log.catalogue) == ["order@3"])
    }

    @Test(arguments: [
        "order", "order/completed", "order completed", "/", "a/b/", "é", "e\u{301}", "\u{301}", "$pageview", "2/7",
    ])
    func `have the event's name in their key, whatever it contains`(name: String) throws {
        let event = try #require(EventName(name))
        let key = CatalogueKey.schema(team: 2, event: event)
        #expect(key.description == "schema/2/\(name)")
        #expect(CatalogueKey(key.description) == key)
        var log = CatalogueLog()
        log.team(2, token: "t")
        log.put(key.description, definition(name))
        #expect(log.catalogue.schemas[2]?[event] != nil)
        #expect(log.catalogue.quarantined.isEmpty)
    }

    @Test(arguments: [
        ("schema/2/", "{}", "the record key is"), ("schema/2", "{}", "the record key is"),
        ("schema/02/x", "{}", "the record key is"),
        ("schema/x/y", "{}", "the record key is"), ("schema//y", "{}", "the record key is"),
        ("schema/2/x", #"{"event":"y","schema":{}}"#, "expected \"x\" of team 2 as in the record key"),
        ("schema/2/x", #"{"event":"x","team_id":3,"schema":{}}"#, "expected \"x\" of team 2 as in the record key"),
        ("schema/2/é", "{\"event\":\"e\u{301}\",\"schema\":{}}", "as in the record key"),
        ("schema/2/x", "7", "is 7, expected an object"), ("schema/2/x", "{", "the value is not JSON"),
    ])
    func `are quarantined where they are not what their key says`(key: String, value: String, reason: String) {
        var log = CatalogueLog()
        log.team(2, token: "t")
        let change = log.put(key, value)
        guard case .quarantined(let entry) = change else {
            Issue.record("expected it quarantined: \(change)")
            return
        }
        #expect(entry.reasons.contains { $0.contains(reason) }, "\(entry.reasons)")
        #expect(inForce(log.catalogue).isEmpty)
    }

    @Test func `keep to the quota of their team, in the order of their entries`() {
        var log = CatalogueLog()
        log.put("team/2", #"{"id":2,"api_token":"t","settings":{"schema_cost_quota":20}}"#)
        // A schema, an object's rule, and a unit for each required key.
        func wide(_ count: Int) -> String {
            #"{"required":[\#((0..<count).map { "\"k\($0)\"" }.joined(separator: ","))]}"#
        }
        log.put("schema/2/a", definition("a", wide(6)))
        log.put("schema/2/b", definition("b", wide(6)))
        #expect(log.catalogue.schemaCost(ofTeam: 2) == 16 && log.catalogue.schemaQuota(ofTeam: 2) == 20)
        let over = log.put("schema/2/c", definition("c", wide(6)))
        #expect(over == .quarantined(log.catalogue.quarantined["schema/2/c"]!))
        log.put("schema/2/b", definition("b", version: 2, wide(15)))
        #expect(inForce(log.catalogue) == ["a@1", "c@1"])
        log.put("schema/2/a", nil)
        #expect(inForce(log.catalogue) == ["c@1"])
        log.put("team/2", #"{"id":2,"api_token":"t","settings":{"schema_cost_quota":40}}"#)
        #expect(inForce(log.catalogue) == ["b@2", "c@1"])
        #expect(log.catalogue.takeConsequences().contains(.changed(.schema(team: 2, event: EventName("b")!))))
        #expect(log.catalogue.quarantined.isEmpty)
        #expect(inForce(log.compacted()) == ["b@2", "c@1"])
    }

    @Test func `leave the plans of other teams the same objects`() {
        var log = CatalogueLog()
        log.team(2, token: "t")
        log.team(3, token: "u")
        log.put("schema/3/x", definition("x"))
        let before = log.catalogue.snapshot().teams
        log.put("schema/2/x", definition("x"))
        let after = log.catalogue.snapshot().teams
        #expect(before[1].trackingPlan === after[1].trackingPlan)
        #expect(before[0].trackingPlan !== after[0].trackingPlan)
        #expect(before[0].plan === after[0].plan)
        log.put("team/3", nil)
        #expect(log.catalogue.snapshot().teams.map(\.id) == [2])
    }

    @Test func `wait for their team where it comes later`() {
        var log = CatalogueLog()
        log.put("schema/2/x", definition("x", "false"))
        log.team(2, token: "phc_test")
        let (counts, _) = process([flat(event: #""x""#)], under: log.catalogue.snapshot())
        #expect(counts.annotated == 1)
    }

    @Test(arguments: [
        (#""schema_mode":"Off""#, "expected off, annotate or reject"),
        (#""schema_mode":7"#, "expected off, annotate or reject"),
        (#""schema_cost_quota":0"#, "expected a whole number"),
        (#""schema_cost_quota":"5""#, "expected a whole number"),
    ])
    func `are refused a team whose settings mean nothing`(setting: String, reason: String) {
        var log = CatalogueLog()
        let change = log.put("team/2", #"{"id":2,"api_token":"t","settings":{\#(setting)}}"#)
        guard case .quarantined(let entry) = change else {
            Issue.record("expected it quarantined: \(change)")
            return
        }
        #expect(entry.reasons.count == 1 && entry.reasons[0].contains(reason))
    }

    @Test func `are read from a mode that YAML made false`() throws {
        let made = SchemaDefinition.made(#"{"event":"e","mode":false,"schema":{}}"#)
        #expect(made.mode == .off && made.source["mode"] == .string("off"))
    }
}
