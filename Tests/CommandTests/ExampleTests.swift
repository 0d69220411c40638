import Foundation
import Tagstream
import Testing

@testable import TagstreamCommand

@Suite struct `The examples` {
    @Test func `have actions that each match at least one of the real events`() throws {
        let definitions = try DefinitionFile([root + "/Examples/actions.yaml"], defaultTeam: nil)
        #expect(definitions.refusals.isEmpty)
        #expect(definitions.warnings.isEmpty)
        var catalogue = definitions.catalogue()
        let snapshot = catalogue.snapshot()
        let lines = try String(contentsOfFile: root + "/Examples/raw_events.jsonl", encoding: .utf8).split(
            separator: "\n"
        ).map { Array($0.utf8) }
        var batch = RecordBatch()
        var out = OutputBatch()
        var pipeline = Pipeline()
        let topic = batch.index(ofTopic: "events_raw")
        var matched: Set<Int64> = []
        for (index, line) in lines.enumerated() {
            line.withUnsafeBytes { bytes in
                batch.removeAll()
                out.removeAll()
                batch.append(topic: topic, partition: 0, offset: Int64(index), timestamp: 0, key: nil, value: bytes)
                pipeline.process(batch, under: snapshot, into: &out)
                #expect(out.counts.tagged == 1)
                matched.formUnion(out.matchedIDs)
            }
        }
        #expect(lines.count == 88)
        #expect(matched == Set(definitions.actions.map(\.action.id)))
    }

    @Test func `feed the demonstration with the same records every time, a few of them broken`() throws {
        var file = try LineFile(root + "/Examples/raw_events.jsonl")
        var lines: [[UInt8]] = []
        try file.forEachLine({ _, line in lines.append(Array(line)) }, release: {})
        let feed = DemoFeed(lines: lines, count: 2000)
        #expect(feed.record(17) == lines[17])
        #expect(feed.record(1234) == feed.record(1234))
        #expect(feed.record(1234) != lines[1234 % 88])
        #expect(feed.record(997 + 100).count < lines[(997 + 100) % 88].count)
    }
}
