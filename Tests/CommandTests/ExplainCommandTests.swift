import Foundation
import Kafka
import Tagstream
import Testing

@testable import TagstreamCommand

@Suite struct `The source of an event` {
    @Test(arguments: [
        ("events.jsonl", EventSource.file("events.jsonl")), ("-", .file("-")),
        ("events_raw/3/918273", .record(TopicPartition("events_raw", 3), offset: 918_273)),
        ("a/b/c.jsonl", .file("a/b/c.jsonl")), ("/3/9", .file("/3/9")), ("a/3", .file("a/3")),
        ("a/3/9/1", .file("a/3/9/1")), ("a/-1/9", .file("a/-1/9")), ("a/4294967296/9", .file("a/4294967296/9")),
    ])
    func `is a position when it looks like one`(text: String, source: EventSource) {
        #expect(EventSource(text) == source)
    }

    @Test func `is a file when one has that name`() throws {
        let folder = NSTemporaryDirectory() + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let path = folder + "/9"
        try "{}".write(toFile: path, atomically: true, encoding: .utf8)
        #expect(EventSource(path) == .file(path))
    }

    @Test func `is one line of a file, or its only event in however many lines`() throws {
        func text(_ content: String, line: Int? = nil) throws -> String {
            try withFile(content, suffix: ".jsonl") {
                String(decoding: try EventSource.read($0, line: line).bytes, as: UTF8.self)
            }
        }
        let lines = "{\"a\": 1}\n\n{\"a\": 2}\n"
        #expect(try text(lines, line: 1) == #"{"a": 1}"#)
        #expect(try text(lines, line: 3) == #"{"a": 2}"#)
        #expect(try text("\n{\"a\": 1}\n\n") == "{\"a\": 1}\n")
        #expect(try text("{\n\"a\":\n1\n}") == "{\n\"a\":\n1\n}\n")
    }

    @Test(arguments: [
        ("{}\n{}\n", nil, "more than one line, expected one event. Hint: --line 1"),
        ("{}\n{}\n", 3, "no event in line 3, expected a line from 1 to 2"),
        ("{}\n\n{}\n", 2, "no event in line 2, expected a line from 1 to 3"),
        ("\n \n", nil, "is empty, expected an event as a JSON object"),
    ])
    func `that gives no event says what was expected`(content: String, line: Int?, message: String) throws {
        let failure = #expect(throws: Failure.self) {
            try withFile(content, suffix: ".jsonl") { _ = try EventSource.read($0, line: line) }
        }
        #expect(failure?.code == .usage)
        #expect(failure?.description.contains(message) == true, "\(failure?.description ?? "")")
    }

    @Test func `may be a position in a topic`() throws {
        let cluster = try EmbeddedCluster()
        try cluster.createTopic("raw", partitions: 2)
        let client = try ClientConfiguration(brokers: cluster.bootstrapServers, properties: [:])
        var producer = try TransactionalProducer(client, .init(transactionalID: "explain-tests"))
        try producer.initTransactions(timeout: 10_000)
        try producer.begin()
        let topic = try producer.topic("raw")
        for text in [#"{"event": "a"}"#, #"{"event": "b"}"#, nil] {
            let value = text.map { Array($0.utf8) }
            try (value ?? []).withUnsafeBytes {
                try producer.produce(
                    to: topic,
                    partition: 1,
                    key: nil,
                    value: value == nil ? nil : $0,
                    headers: [],
                    label: 0
                )
            }
        }
        try producer.commit(timeout: 10_000)
        let partition = TopicPartition("raw", 1)
        let found = try EventSource.read(partition, offset: 1, client)
        #expect(String(decoding: found.bytes, as: UTF8.self) == #"{"event": "b"}"#)
        #expect(found.timestamp > 0)
        for (partition, offset, message) in [
            (partition, Int64(2), "a record without a value"), (partition, 3, "expected 0 to 2"),
            (TopicPartition("raw", 0), 0, "the partition is empty"),
        ] {
            let failure = #expect(throws: Failure.self) {
                _ = try EventSource.read(partition, offset: offset, client)
            }
            #expect(failure?.description.contains(message) == true, "\(failure?.description ?? "")")
        }
    }
}

@Suite struct `An explanation for a person` {
    private func lines(_ steps: String, _ event: String, symbols: Bool = false) throws -> [String] {
        var trial = Trial()
        let tree = try JSONTree(parsing: #"{"id": 7, "name": "Bought", "steps": \#(steps)}"#)
        let action = try #require(ActionDefinition.reading(tree).definition)
        let explanation = try Array(event.utf8).withUnsafeBytes { try trial.explain($0, [action])[0] }
        return ExplanationText(usesSymbols: symbols).lines(explanation)
    }

    private let steps =
        #"[{"event": "order", "url": "/Cart", "properties": [{"key": "total", "operator": "gt", "value": 10}]}, {}]"#
    private let event = #"{"event": "order", "properties": {"$current_url": "https://a.b/cart", "total": " 12.50"}}"#

    @Test func `is in words where nobody can see symbols`() throws {
        #expect(
            try lines(steps, event) == [
                #"yes action 7 "Bought" matches"#,
                "  no  step 1",
                #"    yes event is "order""#,
                #"    no  URL contains "/Cart""#,
                #"          found: "https://a.b/cart""#,
                "          note: only upper and lower case differ",
                #"    yes property "total" is greater than 10"#,
                #"          found: " 12.50"; read as a number: 12.5"#,
                "  yes step 2: no conditions, so every event of the team matches",
            ]
        )
    }

    @Test func `has symbols on a terminal`() throws {
        let lines = try lines(steps, event, symbols: true)
        #expect(
            lines.prefix(4) == [
                #"✓ action 7 "Bought" matches"#, "  ✗ step 1", #"    ✓ event is "order""#,
                #"    ✗ URL contains "/Cart""#,
            ]
        )
    }

    @Test func `lists the parts of one element, and a few of many elements`() throws {
        let chain = #"span:text=\"Buy\";a:href=\"/x\""# + String(repeating: ";div:", count: 10)
        let lines = try lines(
            #"[{"tag_name": "a", "text": "Buy"}]"#,
            #"{"event": "e", "properties": {"$elements_chain": "\#(chain)"}}"#
        )
        #expect(
            lines.dropFirst(2).prefix(5) == [
                "    no  one element has all of this:",
                #"          yes text is "Buy""#,
                #"          yes tag_name is "a""#,
                #"          found: span "Buy""#,
                #"              in a href="/x""#,
            ]
        )
        #expect(lines.contains("              in … 4 more"))
        #expect(lines.last?.contains("on different elements") == true)
    }

    @Test func `does not let the event's text steer the terminal`() throws {
        let event = #"{"event": "e", "properties": {"p": ["\u001b[31m\u009b\u202e"]}}"#
        let text = try lines(#"[{"properties": [{"key": "p", "value": "x"}]}]"#, event).joined(separator: "\n")
        #expect(text.contains(#"\u{1b}[31m\u{9b}\u{202e}"#))
        #expect(!text.unicodeScalars.contains("\u{1B}"))
    }

    @Test func `shortens a long value`() throws {
        let event = #"{"event": "e", "properties": {"p": "\#(String(repeating: "ab", count: 1000))"}}"#
        let text = try lines(#"[{"properties": [{"key": "p", "value": "x"}]}]"#, event)
        #expect(text.contains { $0.hasSuffix("… (2002 bytes)") })
        #expect(text.allSatisfy { $0.utf8.count < 400 })
    }

    @Test func `has words for every operator`() throws {
        let operators = [
            "is_not": "is not", "in": "is one of", "not_icontains": "does not contain, in any case,",
            "not_regex": "does not match the pattern", "semver_gt": "is a version after",
        ]
        for (name, words) in operators {
            let value = name.hasPrefix("semver") ? "1.0.0" : "x"
            let steps = #"[{"properties": [{"key": "p", "operator": "\#(name)", "value": "\#(value)"}]}]"#
            let text = try lines(steps, #"{"event": "e", "properties": {}}"#)
            #expect(text.contains { $0.hasSuffix("property \"p\" \(words) \"\(value)\"") }, "\(text)")
        }
    }
}

@Suite struct `A worker's part in an explanation` {
    private let definitions = #"""
        {"teams": [{"id": 2, "api_token": "t2"}, {"id": 3, "api_token": "t3"}],
         "actions": [{"id": 1, "team_id": 2, "steps": [{}]}, {"id": 2, "team_id": 3, "steps": [{}]}]}
        """#

    private func fate(_ event: String) throws -> EventFate? {
        let file = try withFile(definitions, suffix: ".json") { try DefinitionFile([$0], defaultTeam: 1) }
        return Explain.fate(of: .init(bytes: Array(event.utf8), timestamp: -1), file)
    }

    @Test func `is the team of the token`() throws {
        let fate = try fate(#"{"event": "e", "distinct_id": "d", "token": "t3", "properties": {}}"#)
        #expect(fate == .tagged(team: 3))
        #expect(fate?.caveat(forTeam: 3) == nil)
        #expect(fate?.caveat(forTeam: 2)?.contains("the event belongs to team 3, the action to team 2") == true)
    }

    @Test func `is the dead letter's reason`() throws {
        let fate = try fate(#"{"event": "e", "token": "t3", "properties": {}}"#)
        #expect(fate?.caveat(forTeam: 3)?.contains("becomes a dead letter, missing_distinct_id") == true)
    }

    @Test func `stands in JSON beside the explanation`() throws {
        let tree = try JSONTree(parsing: #"{"id": 1, "deleted": true}"#)
        let action = try #require(ActionDefinition.reading(tree).definition)
        var trial = Trial()
        let explanation = try Array(#"{"event": "e"}"#.utf8).withUnsafeBytes { try trial.explain($0, [action])[0] }
        #expect(Explain.json(explanation, caveat: "so")["caveat"] == .string("so"))
        #expect(Explain.json(explanation, caveat: nil) == explanation.json)
    }
}
