import Testing

@testable import Tagstream

@Suite struct `A trial` {
    private func plan(_ steps: String) -> ActionPlan {
        var catalogue = Catalogue()
        catalogue.apply(key: Array("team/1".utf8), value: Array(#"{"id":1,"name":"T","api_token":"t"}"#.utf8), at: 0)
        catalogue.apply(
            key: Array("action/1/7".utf8),
            value: Array(#"{"id":7,"version":1,"name":"A","steps":\#(steps)}"#.utf8),
            at: 1
        )
        return catalogue.snapshot().teams[0].plan
    }

    private func matches(_ event: String, _ steps: String) throws -> [Int64] {
        var trial = Trial()
        let bytes = Array(event.utf8)
        let plan = plan(steps)
        return try bytes.withUnsafeBytes { try trial.match($0, with: plan) }
    }

    @Test func `sees a name as a worker would store it`() throws {
        let stored = String(repeating: "x", count: 200)
        #expect(try matches(#"{"event":"\#(stored)xyz"}"#, #"[{"event":"\#(stored)"}]"#) == [7])
        #expect(try matches(#"{"event":5}"#, #"[{"event":"5"}]"#) == [7])
        #expect(try matches(#"{"event":"\u0065"}"#, #"[{"event":"e"}]"#) == [7])
    }

    @Test func `refuses nothing but what is no event`() throws {
        for event in [
            "{}", #"{"event":null}"#, #"{"distinct_id":""}"#, #"{"uuid":"x"}"#, #"{"event":"$performance_event"}"#,
        ] {
            #expect(try matches(event, #"[{"event":null}]"#) == [7])
        }
        #expect(throws: EventUnreadable.self) { try matches("[]", "[]") }
        #expect(throws: EventUnreadable.self) { try matches("", "[]") }
    }
}
