import Tagstream
import Testing

@testable import Worker

@Suite struct `Failing actions` {
    private func catalogue() -> Catalogue {
        var catalogue = Catalogue()
        catalogue.apply(key: Array("team/2".utf8), value: Array(#"{"id": 2, "api_token": "phc_test"}"#.utf8), at: 0)
        let action = #"{"id": 7, "version": 3, "steps": [{"event": "e"}]}"#
        catalogue.apply(key: Array("action/2/7".utf8), value: Array(action.utf8), at: 5)
        return catalogue
    }

    private let action = ActionVersion(team: 2, id: 7, version: 3)

    @Test func `are reported at once, and again when there are more, once a minute`() {
        var failing = FailingActions()
        let few = ActionFailures(failed: 1, candidates: 1)
        let more = ActionFailures(failed: 2, candidates: 500)
        #expect(failing.due([action: few], in: catalogue(), at: 1000).reports.map(\.failures) == [few])
        #expect(failing.due([action: few], in: catalogue(), at: 900_000).reports.isEmpty)
        #expect(failing.due([action: more], in: catalogue(), at: 1000 + FailingActions.interval).reports.count == 1)
        #expect(failing.due([action: more], in: catalogue(), at: 1001 + FailingActions.interval).reports.isEmpty)
    }

    @Test func `are quarantined under the offset of their entry, tried once a minute until it is done`() {
        var failing = FailingActions()
        let many = ActionFailures(failed: 10, candidates: 20)
        var catalogue = catalogue()
        let stop = ActionStop(team: 2, id: 7, version: 3, entry: 5, failures: many)
        #expect(failing.due([action: many], in: catalogue, at: 1000).stops == [stop])
        #expect(failing.due([action: many], in: catalogue, at: 2000).stops.isEmpty)
        #expect(failing.due([action: many], in: catalogue, at: 1000 + FailingActions.interval).stops == [stop])
        catalogue.apply(
            key: Array(stop.key.description.utf8),
            value: Array(stop.json.jsonText.utf8),
            at: 6
        )
        #expect(failing.due([action: many], in: catalogue, at: 1_000_000).stops.isEmpty)
    }

    @Test func `are left alone while they are few, of another version, or come from a file`() {
        let many = ActionFailures(failed: 10, candidates: 20)
        var failing = FailingActions()
        #expect(failing.due([action: ActionFailures(failed: 9, candidates: 9)], in: catalogue(), at: 0).stops.isEmpty)
        let older = ActionVersion(team: 2, id: 7, version: 2)
        #expect(failing.due([older: many], in: catalogue(), at: 0).stops.isEmpty)
        #expect(failing.due([action: many], in: nil, at: 0).stops.isEmpty)
    }
}
