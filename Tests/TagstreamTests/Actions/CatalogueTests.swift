import Testing

@testable import Tagstream

@Suite("The catalogue")
struct CatalogueTests {
    private func definition(_ id: Int64, _ event: String, _ more: String = "") -> String {
        #"{"id": \#(id), "name": "A\#(id)", "steps": [{"event": "\#(event)"}]\#(more)}"#
    }

    @Test("quarantines an entry that would be refused, and keeps the last good one in force")
    func lastGood() throws {
        var log = CatalogueLog()
        log.team(2, token: "t")
        log.put("action/2/7", definition(7, "x"))
        log.put("action/2/8", definition(8, "x"))
        let change = log.put(
            "action/2/7",
            #"{"id": 7, "name": "A7", "steps": [{"url_matching": "like"}, {"text": 5}]}"#
        )
        guard case .quarantined(let entry) = change else {
            Issue.record("expected it quarantined: \(change)")
            return
        }
        #expect(entry.offset == 3)
        #expect(entry.reasons.count == 2)
        #expect(log.catalogue.quarantined["action/2/7"] == entry)
        #expect(log.inForce() == ["7@1", "8@1"])
        #expect(try matches(of: log.catalogue, token: "t", event: "x") == [7, 8])
        // A good entry ends it.
        log.put("action/2/7", definition(7, "y", #", "version": 2"#))
        #expect(log.catalogue.quarantined.isEmpty)
        #expect(log.inForce() == ["7@2", "8@1"])
        #expect(log.catalogue.epoch == 5)
    }

    @Test(
        "quarantines what its key does not say",
        arguments: [
            ("action/2/7", #"{"id": 8, "steps": [{"event": "x"}]}"#, "expected 7 of team 2 as in the record key"),
            ("action/2/7", #"{"id": 7, "team_id": 3, "steps": [{"event": "x"}]}"#, "the action is 7 of team 3"),
            ("action/2/7", #"{"steps": [{"event": "x"}]}"#, "id is missing"),
            ("action/2/7", #"{"id": 8, "deleted": true}"#, "expected 7 of team 2"),
            ("action/02/7", #"{"id": 7, "steps": [{"event": "x"}]}"#, "the record key is \"action/02/7\""),
            ("action/2/+7", #"{"id": 7, "steps": [{"event": "x"}]}"#, "the record key is"),
            ("action/2", "{}", "the record key is"),
            ("", "{}", "the record key is"),
            ("team/2", #"{"id": 3, "api_token": "u"}"#, "expected 2 as in the record key"),
            ("team/2", #"{"id": 2, "api_token": ""}"#, "\"api_token\" is \"\""),
            ("team/2", "7", "a team is a number"),
            ("action/2/7", "{", "the value is not JSON"),
        ]
    )
    func keys(key: String, value: String, reason: String) {
        var log = CatalogueLog()
        log.team(2, token: "t")
        log.team(3, token: "v")
        log.put("action/2/7", definition(7, "x"))
        log.put("action/3/7", definition(7, "x"))
        let before = (log.catalogue.teams, log.inForce(2), log.inForce(3))
        guard case .quarantined(let entry) = log.put(key, value) else {
            Issue.record("expected it quarantined")
            return
        }
        #expect(entry.reasons.contains { $0.contains(reason) }, "\(entry.reasons)")
        #expect((log.catalogue.teams, log.inForce(2), log.inForce(3)) == before)
    }

    @Test("lists a deletion until a tombstone ends it")
    func deletion() {
        var log = CatalogueLog()
        log.put("action/2/7", definition(7, "x"))
        log.put("action/2/7", #"{"id": 7, "deleted": true}"#)
        #expect(log.inForce().isEmpty)
        #expect(log.catalogue.deleted[2]?[7]?.isDeleted == true)
        #expect(log.put("action/2/7", nil) == .deleted(.action(team: 2, id: 7)))
        #expect(log.catalogue.deleted[2]?.isEmpty == true)
        log.put("action/2/7", "{}")
        log.put("action/2/7", nil)
        #expect(log.catalogue.quarantined.isEmpty)
    }

    @Test("lets a team wait for a token that another has, and in as soon as it is free")
    func tokens() throws {
        var log = CatalogueLog()
        log.team(2, token: "t")
        log.team(3, token: "t")
        log.team(4, token: "t")
        #expect(log.catalogue.quarantined.keys.sorted() == ["team/3", "team/4"])
        #expect(log.catalogue.teams.keys.sorted() == [2])
        log.team(2, token: "u")
        #expect(log.catalogue.takeConsequences() == [.changed(.team(3))])
        #expect(log.catalogue.teams[3]?.token == "t")
        #expect(log.catalogue.quarantined.keys.sorted() == ["team/4"])
        log.put("team/3", nil)
        #expect(log.catalogue.teams[4]?.token == "t")
        #expect(log.compacted().teams == log.catalogue.teams)
        // Tokens are bytes: these two look the same.
        log.team(5, token: "é")
        log.team(6, token: "e\u{301}")
        #expect(log.catalogue.teams[6] != nil)
    }

    @Test("keeps two teams apart that share every id, name and event")
    func isolation() throws {
        var log = CatalogueLog()
        for team in [Int64(2), 3] { log.team(team, token: "token\(team)") }
        for id in Int64(1)...20 {
            // Odd ids for one team, even ones for the other; the definitions are otherwise the same.
            for team in [Int64(2), 3] {
                log.put("action/\(team)/\(id)", definition(id, id % 2 == team % 2 ? "x" : "y"))
            }
        }
        let even = stride(from: Int64(2), through: 20, by: 2).map(\.self)
        let odd = stride(from: Int64(1), through: 19, by: 2).map(\.self)
        #expect(try matches(of: log.catalogue, token: "token2", event: "x") == even)
        #expect(try matches(of: log.catalogue, token: "token3", event: "x") == odd)
        #expect(try matches(of: log.catalogue, token: "token3", event: "y") == even)
        var trial = Trial()
        var catalogue = log.catalogue
        for team in catalogue.snapshot().teams {
            let event = Array(#"{"event": "x", "distinct_id": "d", "properties": {}}"#.utf8)
            let ids = try event.withUnsafeBytes { try trial.match($0, with: team.plan) }
            #expect(ids == (team.id == 2 ? even : odd))
        }
        // What happens to one team's entries leaves the other's plan the same object.
        let other = catalogue.snapshot().teams[1].plan
        catalogue.apply(key: Array("action/2/1".utf8), value: Array("{}".utf8), at: 99)
        catalogue.apply(key: Array("action/2/2".utf8), value: nil, at: 100)
        catalogue.apply(key: Array("team/2".utf8), value: nil, at: 101)
        let after = catalogue.snapshot()
        #expect(after.teams.map(\.id) == [3])
        #expect(after.teams[0].plan === other)
        #expect(try matches(of: catalogue, token: "token3", event: "x") == odd)
        #expect(try matches(of: catalogue, token: "token2", event: "x") == nil)
    }

    /// The actions that the pipeline tags an event with; nil where it is not tagged at all.
    private func matches(of catalogue: Catalogue, token: String, event: String) throws -> [Int64]? {
        var catalogue = catalogue
        let snapshot = catalogue.snapshot()
        var batch = RecordBatch()
        var out = OutputBatch()
        var pipeline = Pipeline()
        let topic = batch.index(ofTopic: "raw")
        let text = Array(
            #"{"event": "\#(event)", "distinct_id": "d", "token": "\#(token)", "timestamp": "2026-01-15T12:00:00Z", "properties": {}}"#
                .utf8
        )
        text.withUnsafeBytes {
            batch.append(topic: topic, partition: 0, offset: 0, timestamp: 0, key: nil, value: $0)
            pipeline.process(batch, under: snapshot, into: &out)
        }
        return out.counts.tagged == 1 ? out.matchedIDs : nil
    }
}
