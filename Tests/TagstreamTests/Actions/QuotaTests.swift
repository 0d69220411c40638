import TestKit
import Testing

@testable import Tagstream

/// Entries of a catalogue topic, one after the other.
struct CatalogueLog {
    var catalogue = Catalogue()
    private(set) var entries: [(key: String, value: String?)] = []

    @discardableResult
    mutating func put(_ key: String, _ value: String?) -> Catalogue.Change {
        entries.append((key, value))
        return catalogue.apply(key: Array(key.utf8), value: value.map { Array($0.utf8) }, at: Int64(entries.count - 1))
    }

    @discardableResult
    mutating func team(_ id: Int64, token: String, quota: Int? = nil) -> Catalogue.Change {
        let settings = quota.map { #", "settings": {"action_cost_quota": \#($0)}"# } ?? ""
        return put("team/\(id)", #"{"id": \#(id), "api_token": "\#(token)"\#(settings)}"#)
    }

    /// An action of so many units: a step, a filter and its values.
    @discardableResult
    mutating func action(_ id: Int64, cost: Int, team: Int64 = 2, version: Int = 1) -> Catalogue.Change {
        let values = (0..<(cost - 2)).map(String.init).joined(separator: ",")
        let step = #"{"properties": [{"key": "a", "value": [\#(values)]}]}"#
        return put("action/\(team)/\(id)", #"{"id": \#(id), "version": \#(version), "steps": [\#(step)]}"#)
    }

    /// A worker's entry that takes the action's entry at an offset out of force.
    @discardableResult
    mutating func stop(_ id: Int64, entry: Int64, version: Int64 = 1, team: Int64 = 2) -> Catalogue.Change {
        let failures = ActionFailures(failed: 12, candidates: 400)
        let stop = ActionStop(team: team, id: id, version: version, entry: entry, failures: failures)
        return put(stop.key.description, stop.json.jsonText)
    }

    /// What is in force: `id@version`.
    func inForce(_ team: Int64 = 2) -> [String] {
        (catalogue.actions[team] ?? [:]).values.sorted { $0.id < $1.id }.map { "\($0.id)@\($0.version)" }
    }

    /// The same entries after compaction: of each key the last one.
    func compacted() -> Catalogue {
        var catalogue = Catalogue()
        for (offset, entry) in entries.enumerated()
        where !entries.dropFirst(offset + 1).contains(where: { $0.key == entry.key }) {
            catalogue.apply(
                key: Array(entry.key.utf8),
                value: entry.value.map { Array($0.utf8) },
                at: Int64(offset)
            )
        }
        return catalogue
    }
}

@Suite("A cost")
struct CostTests {
    private func cost(_ step: String) throws -> Int? {
        ActionDefinition.reading(try JSONTree(parsing: #"{"id": 1, "steps": [\#(step)]}"#)).definition?.cost
    }

    @Test(
        "is known before the first event",
        arguments: [
            (#"{}"#, 1),
            (#"{"event": "x"}"#, 2),
            (#"{"event": "x", "url": "u", "url_matching": "exact"}"#, 3),
            (#"{"url": "u_"}"#, 11),
            (#"{"selector": "a > b.c[d]"}"#, 1 + 10 * 6),
            (#"{"text": "x", "tag_name": "a"}"#, 21),
            (#"{"properties": [{"key": "a", "value": [1, 2, 3]}]}"#, 5),
            (#"{"properties": [{"key": "a", "operator": "is_set"}]}"#, 2),
            (#"{"properties": [{"key": "a", "operator": "semver_gt", "value": "1.2.3"}]}"#, 6),
            (#"{"properties": [{"key": "text", "type": "element", "value": ["a", "b"]}]}"#, 31),
        ]
    )
    func units(step: String, expected: Int) throws { #expect(try cost(step) == expected) }

    @Test("of a pattern grows with its program")
    func patterns() throws {
        let small = try #require(try cost(#"{"url": "a", "url_matching": "regex"}"#))
        let large = try #require(try cost(#"{"url": "(a{100}){10}", "url_matching": "regex"}"#))
        #expect(small < 30)
        #expect(large > 500)
    }

    @Test("is the bound of an action: 10,000 values are within it, 50,001 are not")
    func limit() throws {
        func values(_ count: Int) -> String {
            let list = Array(repeating: "1", count: count).joined(separator: ",")
            return #"{"properties": [{"key": "a", "value": [\#(list)]}]}"#
        }
        #expect(try cost(values(10_000)) == 10_002)
        #expect(try cost(values(49_998)) == 50_000)
        #expect(try cost(values(49_999)) == nil)
    }
}

@Suite("A team's quota")
struct QuotaTests {
    @Test("has a default, and is set in the team's entry")
    func setting() throws {
        func team(_ settings: String) throws -> TeamDefinition {
            try TeamDefinition(try JSONTree(parsing: #"{"id": 2, "api_token": "t"\#(settings)}"#))
        }
        #expect(try team("").actionCostQuota == ActionCost.teamQuota)
        #expect(try team(#", "settings": null"#).actionCostQuota == ActionCost.teamQuota)
        #expect(
            try team(#", "settings": {"action_cost_quota": null, "other": 1}"#).actionCostQuota == ActionCost.teamQuota
        )
        #expect(try team(#", "settings": {"action_cost_quota": 12}"#).actionCostQuota == 12)
        for wrong in ["0", "-1", "1.5", "\"12\"", "1000000001", "[]"] {
            let problem = #expect(throws: CatalogueProblem.self) {
                try team(#", "settings": {"action_cost_quota": \#(wrong)}"#)
            }
            #expect(problem?.description.contains("expected a whole number from 1 to 1000000000") == true)
        }
        #expect(throws: CatalogueProblem.self) { try team(#", "settings": []"#) }
    }

    @Test("refuses what does not fit, in the order of the file, and lets pass what still fits")
    func refusals() throws {
        let actions = try [60, 50, 40].enumerated().map { index, cost in
            (team: Int64(2), action: try action(Int64(index + 1), cost: cost))
        }
        let team = try TeamDefinition(
            try JSONTree(parsing: #"{"id": 2, "api_token": "t", "settings": {"action_cost_quota": 100}}"#)
        )
        let refused = QuotaCheck.refusals(of: actions, with: [team], over: Catalogue()).map(\.refusal)
        #expect(refused.map(\.actionID) == [2])
        #expect(refused.map(\.reason) == [.quota])
        #expect(refused[0].description.contains("at most 40, which is what team 2 has left of its quota of 100"))
        #expect(QuotaCheck.refusals(of: actions, with: [], over: Catalogue()).isEmpty)
    }

    @Test("counts what the catalogue holds, without what is replaced or deleted")
    func replacing() throws {
        var log = CatalogueLog()
        log.team(2, token: "t", quota: 100)
        log.action(1, cost: 60)
        log.action(2, cost: 40)
        func refused(_ actions: [ActionDefinition]) -> [Int64?] {
            QuotaCheck.refusals(of: actions.map { (2, $0) }, with: [], over: log.catalogue).map(\.refusal.actionID)
        }
        #expect(refused([try action(3, cost: 3)]) == [3])
        #expect(refused([try action(1, cost: 60)]) == [])
        #expect(refused([try action(1, cost: 61)]) == [1])
        let deletion = ActionDefinition.reading(try JSONTree(parsing: #"{"id": 2, "deleted": true}"#)).definition
        #expect(refused([try action(3, cost: 40), try #require(deletion)]) == [])
        let smaller = try TeamDefinition(
            try JSONTree(parsing: #"{"id": 2, "api_token": "t", "settings": {"action_cost_quota": 99}}"#)
        )
        #expect(QuotaCheck.problems(of: [smaller], over: log.catalogue).count == 1)
    }

    private func action(_ id: Int64, cost: Int) throws -> ActionDefinition {
        let values = (0..<(cost - 2)).map(String.init).joined(separator: ",")
        let text = #"{"id": \#(id), "steps": [{"properties": [{"key": "a", "value": [\#(values)]}]}]}"#
        return try #require(ActionDefinition.reading(try JSONTree(parsing: text)).definition)
    }

    // MARK: In the catalogue

    @Test("quarantines what does not fit, and keeps the version before it in force")
    func quarantine() throws {
        var log = CatalogueLog()
        log.team(2, token: "t", quota: 100)
        log.action(1, cost: 60)
        #expect(log.action(2, cost: 30) == .changed(.action(team: 2, id: 2)))
        guard case .quarantined(let entry) = log.action(1, cost: 80, version: 2) else {
            Issue.record("80 and 30 fit into 100")
            return
        }
        #expect(
            entry.reasons == [
                "action 1: its cost is 80 units, expected no more than the actions before it leave of the quota of team 2"
            ]
        )
        #expect(log.inForce() == ["1@1", "2@1"])
        #expect(log.catalogue.cost(ofTeam: 2) == 90)
        log.action(3, cost: 11)
        #expect(log.inForce() == ["1@1", "2@1"])
        #expect(log.catalogue.quarantined.keys.sorted() == ["action/2/1", "action/2/3"])
        // Other teams have quotas of their own.
        log.action(3, cost: 5000, team: 3)
        #expect(log.inForce(3) == ["3@1"])
    }

    @Test("lets in what waited once there is room, and says so")
    func room() throws {
        var log = CatalogueLog()
        log.team(2, token: "t", quota: 100)
        log.action(1, cost: 60)
        log.action(2, cost: 50)
        #expect(log.inForce() == ["1@1"])
        log.put("action/2/1", nil)
        #expect(log.inForce() == ["2@1"])
        #expect(log.catalogue.takeConsequences() == [.changed(.action(team: 2, id: 2))])
        #expect(log.catalogue.quarantined.isEmpty)
        log.team(2, token: "t", quota: 10)
        #expect(log.inForce() == [])
        #expect(log.catalogue.quarantined.count == 1)
        #expect(log.catalogue.takeConsequences().count == 1)
        log.put("team/2", nil)
        #expect(log.inForce() == ["2@1"])
    }

    @Test("does not take an entry off the list that cannot be used for another reason")
    func otherReasons() {
        var log = CatalogueLog()
        log.team(2, token: "t", quota: 100)
        log.action(1, cost: 90)
        log.action(2, cost: 20)
        log.put("action/2/2", "{}")
        log.put("action/2/1", nil)
        #expect(log.inForce() == ["2@1"])
        #expect(log.catalogue.quarantined["action/2/2"]?.offset == 3)
    }

    @Test(
        "decides the same before and after compaction, wherever no version that is gone is in force",
        arguments: 0..<50
    )
    func compaction(seed: Int) {
        var random = SeededGenerator(seed: UInt64(seed))
        var log = CatalogueLog()
        for _ in 0..<60 {
            let id = Int64.random(in: 1...8, using: &random)
            switch Int.random(in: 0..<10, using: &random) {
            case 0: log.team(2, token: "t", quota: Int.random(in: 20...200, using: &random))
            case 1: log.put("action/2/\(id)", nil)
            default:
                // Versions that replace one another would leave fallbacks behind, which compaction loses: delete first.
                log.put("action/2/\(id)", nil)
                log.action(id, cost: Int.random(in: 3...60, using: &random))
            }
            let before = log.catalogue
            #expect(before.cost(ofTeam: 2) <= before.quota(ofTeam: 2))
            #expect(before.cost(ofTeam: 2) == before.actions[2, default: [:]].values.reduce(0) { $0 + $1.cost })
        }
        let after = log.compacted()
        #expect(after.actions[2, default: [:]].keys.sorted() == log.catalogue.actions[2, default: [:]].keys.sorted())
        #expect(after.quarantined == log.catalogue.quarantined)
    }
}
