import Testing

@testable import Tagstream

/// An action that fails too often is taken out of force by an entry of the catalogue.
@Suite("A quarantine of an action that fails")
struct QuarantineEntryTests {
    private func log() -> CatalogueLog {
        var log = CatalogueLog()
        log.team(2, token: "phc_test")  // at offset 0
        log.action(7, cost: 5)  // 1
        log.action(8, cost: 5)  // 2
        return log
    }

    @Test("takes that entry out of force, lists it with the counts, and leaves the others alone")
    func stops() throws {
        var log = log()
        let change = log.stop(7, entry: 1)
        #expect(log.inForce() == ["8@1"])
        let listed = try #require(log.catalogue.quarantined["action/2/7"])
        #expect(change == .quarantined(listed))
        #expect(listed.offset == 3)
        #expect(listed.reasons.first?.contains("version 1 could not be evaluated for 12 of 400 events") == true)
        #expect(log.catalogue.epoch == 4)
        #expect(log.catalogue.snapshot().teams[0].plan.definitions.map(\.id) == [8])
    }

    @Test("does not outlive the entry it names: published again, the action is in force, with the same steps or others")
    func publishedAgain() {
        for version in [1, 2] {
            var log = log()
            log.stop(7, entry: 1)
            log.action(7, cost: 5, version: version)
            #expect(log.inForce() == ["7@\(version)", "8@1"])
            #expect(log.catalogue.quarantined.isEmpty)
            #expect(log.compacted().actions[2]?.count == 2)
        }
    }

    @Test("is lifted by a tombstone")
    func lifted() {
        var log = log()
        log.stop(7, entry: 1)
        #expect(log.catalogue.isStopped(action: 7, team: 2))
        log.put("quarantine/2/7", nil)
        #expect(log.inForce() == ["7@1", "8@1"])
        #expect(log.catalogue.quarantined.isEmpty)
        #expect(!log.catalogue.isStopped(action: 7, team: 2))
    }

    @Test("of an entry that is no longer the action's means nothing")
    func late() {
        var log = log()
        log.action(7, cost: 5, version: 2)
        log.stop(7, entry: 1)
        #expect(log.inForce() == ["7@2", "8@1"])
        #expect(log.catalogue.quarantined.isEmpty)
    }

    @Test("says the same after compaction, and after the action was deleted and made anew")
    func compacted() {
        var log = log()
        log.stop(7, entry: 1)
        let compacted = log.compacted()
        #expect(compacted.actions[2]?.keys.sorted() == [8])
        #expect(compacted.quarantined == log.catalogue.quarantined)
        log.put("action/2/7", nil)
        #expect(log.catalogue.quarantined.isEmpty)
        log.action(7, cost: 5)
        #expect(log.inForce() == ["7@1", "8@1"])
        #expect(log.compacted().quarantined.isEmpty)
    }

    @Test("keeps the action's version and its share of the quota")
    func lastEntry() throws {
        var log = log()
        log.action(7, cost: 5, version: 4)
        log.stop(7, entry: 3, version: 4)
        #expect(log.catalogue.lastEntry(ofAction: 7, team: 2)?.version == 4)
        #expect(log.catalogue.cost(ofTeam: 2) == 10)
        #expect(log.catalogue.entry(ofAction: 7, team: 2, version: 4) == nil)
        #expect(log.catalogue.entry(ofAction: 8, team: 2, version: 1) == 2)
    }

    @Test(
        "that cannot be read is quarantined itself",
        arguments: [
            #"[]"#, #"{"team_id": 2, "action_id": 8, "version": 1, "entry": 1, "failed": 10, "candidates": 10}"#,
            #"{"team_id": 2, "action_id": 7, "version": 1, "entry": "1", "failed": 10, "candidates": 10}"#, #"{"#,
        ]
    )
    func unreadable(value: String) {
        var log = log()
        log.put("quarantine/2/7", value)
        #expect(log.inForce() == ["7@1", "8@1"])
        #expect(log.catalogue.quarantined["quarantine/2/7"]?.reasons.isEmpty == false)
        log.put("quarantine/2/7", nil)
        #expect(log.catalogue.quarantined.isEmpty)
    }
}

/// What a lane counts of actions that fail.
@Suite("Failures of actions")
struct FailureCountTests {
    private static func noise(_ count: Int) -> String {
        var state: UInt64 = 1
        return String(
            (0..<count).map { _ in
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                return state >> 33 & 1 == 0 ? "a" : "b"
            }
        )
    }

    private static let long = noise(50_000)

    private func catalogue(version: Int = 1) -> CatalogueLog {
        var log = CatalogueLog()
        log.team(1, token: "phc_test")
        let evil = #"{"event": "e", "properties": [{"key": "p", "operator": "regex", "value": "[ab]*a[ab]{300}c"}]}"#
        log.put("action/1/3", #"{"id": 3, "version": \#(version), "steps": [\#(evil)]}"#)
        log.put("action/1/4", #"{"id": 4, "steps": [{"event": "e"}]}"#)
        return log
    }

    private func event(_ name: String, _ p: String?) -> OneRecord {
        flat(properties: p.map { #"{"p": "\#($0)"}"# } ?? "{}", event: "\"\(name)\"")
    }

    @Test("are counted from the first one on, with the events that the patterns were searched for in")
    func counts() {
        var log = catalogue()
        let snapshot = log.catalogue.snapshot()
        var pipeline = Pipeline()
        process([event("e", "c"), event("e", "ab")], by: &pipeline, under: snapshot)
        #expect(pipeline.failures.failures.isEmpty && pipeline.failures.isIdle)
        process([event("e", Self.long)], by: &pipeline, under: snapshot)
        let action = ActionVersion(team: 1, id: 3, version: 1)
        #expect(pipeline.failures.failures == [action: ActionFailures(failed: 1, candidates: 1)])
        // Another event's name, or no property: no search, no candidate.
        let more = [event("other", "ab"), event("e", nil), event("e", "ab"), event("e", Self.long)]
        process(more, by: &pipeline, under: snapshot)
        #expect(pipeline.failures.failures[action]?.failed == 2)
        #expect(pipeline.failures.failures[action]?.candidates == 4)

        // The same version in another plan goes on; another version, or none, is forgotten.
        log.put("action/1/9", #"{"id": 9, "steps": [{"event": "x"}]}"#)
        process([event("e", "ab")], by: &pipeline, under: log.catalogue.snapshot())
        #expect(pipeline.failures.failures[action]?.candidates == 5)
        log.stop(3, entry: 1, team: 1)
        process([event("e", "ab")], by: &pipeline, under: log.catalogue.snapshot())
        #expect(pipeline.failures.failures.isEmpty && pipeline.failures.isIdle)
    }

    @Test("are too many from ten and one in a hundred on")
    func tooMany() {
        #expect(!ActionFailures(failed: 9, candidates: 9).areTooMany)
        #expect(ActionFailures(failed: 10, candidates: 10).areTooMany)
        #expect(ActionFailures(failed: 10, candidates: 999).areTooMany)
        #expect(!ActionFailures(failed: 10, candidates: 1000).areTooMany)
        #expect(!ActionFailures(failed: 100, candidates: 10_000).areTooMany)
    }
}
