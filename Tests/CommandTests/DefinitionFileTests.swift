import Foundation
import Tagstream
import Testing
import Worker

@testable import TagstreamCommand

@Suite struct `A definition file` {
    private let action = #"{"id": 7, "team_id": 2, "name": "A", "steps": [{"event": "x"}]}"#

    @Test func `gives the same in JSON and in YAML`() throws {
        let json = #"{"teams": [{"id": 2, "name": "W", "api_token": "t"}], "actions": [\#(action)]}"#
        let yaml =
            "teams:\n  - {id: 2, name: W, api_token: t}\nactions:\n  - id: 7\n    team_id: 2\n    name: A\n    steps:\n      - event: x\n"
        let first = try withFile(json, suffix: ".json") { try DefinitionFile([$0], defaultTeam: nil) }
        let second = try withFile(yaml) { try DefinitionFile([$0], defaultTeam: nil) }
        #expect(first.teams == second.teams)
        #expect(first.actions.map(\.action.source) == second.actions.map(\.action.source))
    }

    @Test(arguments: ["[%]", "%", #"{"actions": [%]}"#, #"{"results": [%], "count": 1, "next": null}"#])
    func `may be a list, one action, an object or an export`(form: String) throws {
        let text = form.replacingOccurrences(of: "%", with: action)
        let file = try withFile(text, suffix: ".json") { try DefinitionFile([$0], defaultTeam: nil) }
        #expect(file.actions.map(\.action.id) == [7])
        #expect(file.actions.map(\.team) == [2])
    }

    @Test func `tells every mistake of every action at once`() throws {
        let text =
            #"[{"id": 1, "name": "one", "steps": []}, {"id": 2, "name": "two", "steps": [{"url": "(", "url_matching": "regex"}, {"text": "x", "text_matching": "like"}]}]"#
        let file = try withFile(text, suffix: ".json") { try DefinitionFile([$0], defaultTeam: 2) }
        #expect(file.actions.isEmpty)
        #expect(Set(file.refusals.map(\.reason)) == [.noSteps, .regex, .matching])
    }

    @Test(arguments: [
        (#"{"a": 1}"#, "expected teams, actions or schemas"),
        ("3", "holds a number"),
        (#"{"teams": {}}"#, "\"teams\" is an object, expected a list"),
        (#"{"teams": [{"id": 2}]}"#, "teams[0]: team 2: \"api_token\" is missing"),
        (#"{"teams": [{"id": 2, "api_token": "t"}, {"id": 3, "api_token": "t"}]}"#, "the same \"api_token\""),
        (#"{"teams": [{"id": 2, "api_token": "t"}, {"id": 2, "api_token": "u"}]}"#, "team 2 is defined twice"),
        (#"{"teams": [{"id": 2, "api_token": "t", "settings": 5}]}"#, "\"settings\" is a number, expected an object"),
        (#"[{"id": 1,"#, "as JSON"),
    ])
    func `that is none says what it holds and what was expected`(text: String, message: String) throws {
        let failure = #expect(throws: Failure.self) {
            try withFile(text, suffix: ".json") { _ = try DefinitionFile([$0], defaultTeam: nil) }
        }
        #expect(failure?.description.contains(message) == true, "\(failure?.description ?? "")")
    }

    @Test func `refuses YAML that would explode`() throws {
        let bomb = "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n"
        #expect(throws: Failure.self) { try withFile(bomb) { _ = try DefinitionFile([$0], defaultTeam: nil) } }
    }

    @Test func `keeps a quoted number a text, as the author wrote it`() throws {
        let tree = try JSONTree.parse(yaml: "a: '12'\nb: 12\nc: 0x1F\nd: yes\ne: null\nf: true", path: "test")
        #expect(tree["a"] == .string("12"))
        #expect(tree["b"] == .number(12))
        #expect(tree["c"] == .string("0x1F"))
        #expect(tree["d"] == .string("yes"))
        #expect(tree["e"] == .null)
        #expect(tree["f"] == .bool(true))
    }
}

@Suite struct `Applying definitions` {
    private func catalogue(_ text: String) throws -> Catalogue {
        var catalogue = Catalogue()
        for change in Apply.changes(try file(text), from: catalogue) {
            catalogue.apply(
                key: Array(change.entry.key.description.utf8),
                value: change.entry.value.map { Array($0.utf8) },
                at: 0
            )
        }
        return catalogue
    }

    private func file(_ text: String) throws -> DefinitionFile {
        try withFile(text, suffix: ".json") { try DefinitionFile([$0], defaultTeam: 2) }
    }

    private let first = #"[{"id": 1, "name": "a", "steps": [{"event": "x"}]}]"#

    @Test func `creates version 1`() throws {
        let changes = Apply.changes(try file(first), from: Catalogue())
        #expect(changes.map(\.effect) == [.created])
        #expect(changes.map(\.version) == [1])
    }

    @Test func `changes nothing the second time`() throws {
        let changes = Apply.changes(try file(first), from: try catalogue(first))
        #expect(changes.map(\.effect) == [.unchanged])
    }

    @Test func `gives changed steps the next version, and a new name the same`() throws {
        let steps = #"[{"id": 1, "name": "a", "steps": [{"event": "y"}]}]"#
        let name = #"[{"id": 1, "name": "b", "steps": [{"event": "x"}]}]"#
        #expect(Apply.changes(try file(steps), from: try catalogue(first)).map(\.version) == [2])
        let renamed = Apply.changes(try file(name), from: try catalogue(first))
        #expect(renamed.map(\.version) == [1])
        #expect(renamed.map(\.effect) == [.changed])
    }

    @Test func `repairs what is quarantined, also with what is in force already`() throws {
        var present = try catalogue(first)
        present.apply(key: Array("action/2/1".utf8), value: Array("{}".utf8), at: 1)
        let repaired = Apply.changes(try file(first), from: present)
        #expect(repaired.map(\.effect) == [.changed])
        #expect(repaired.map(\.version) == [1])
        present.apply(key: Array("action/2/9".utf8), value: Array("{}".utf8), at: 2)
        let gone = Apply.changes(try file(#"[{"id": 9, "deleted": true}]"#), from: present)
        #expect(gone.map(\.effect) == [.deleted])
    }

    @Test func `deletes with a tombstone`() throws {
        let gone = #"[{"id": 1, "name": "a", "deleted": true}]"#
        let changes = Apply.changes(try file(gone), from: try catalogue(first))
        #expect(changes.map(\.effect) == [.deleted])
        #expect(changes[0].entry.value == nil)
    }
}
