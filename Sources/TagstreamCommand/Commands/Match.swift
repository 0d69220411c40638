import ArgumentParser
import Foundation
import Tagstream

/// `tagstream match`: the pipeline without Kafka, from files to standard output.
struct Match: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Tag events from a file, offline: the worker's own pipeline without Kafka.",
        discussion: """
            Reads one event a line: a raw record as a gateway writes it, a flat event, or a stored row. Writes the tagged rows, \
            one a line, as a worker would produce them. Where the actions file lists teams, an event belongs to the team of its \
            token; where it does not, every action is tried on every event.

              tagstream match --actions Examples/actions.yaml --events Examples/raw_events.jsonl | head -3
              tagstream match --actions actions.json --events - --ids < events.jsonl

            Exit codes: 0 done, whether or not something matched; 1 an action is refused, or with --strict an event became a dead \
            letter; 2 wrong use.
            """
    )

    @Option(help: "Actions (and teams, and schemas): JSON or YAML, a PostHog export included. Repeatable.")
    var actions: [String] = []

    @Option(help: "Events, one JSON object a line; - for standard input.")
    var events: String

    @Flag(
        help:
            "One line for every event instead of its row: INDEX:ID,ID (0-based, ids ascending; nothing behind the colon when no action matches)."
    )
    var ids = false

    @Option(
        help: "A worker's configuration file: what its enrich settings do to events is done here. Without it, nothing."
    )
    var config: String?

    @Option(help: "Write dead letters to this file, one JSON object a line: line, reason, step, detail.")
    var deadLetters: String?

    @Option(help: "Write warnings to this file, one JSON object a line, as a worker would produce them.")
    var warnings: String?

    @Option(help: "Ignore the events of this token, as the setting ignored.tokens does. Repeatable.")
    var dropToken: [String] = []

    @Flag(help: "Write ignored events among the dead letters, with the reason ignored.")
    var keepIgnored = false

    @Flag(
        help:
            "Lines are Kafka records, not events: {\"value\": TEXT, \"headers\": {NAME: TEXT}, \"timestamp\": MILLISECONDS}; base64 instead of value for other bytes."
    )
    var records = false

    @Flag(help: "Exit with 1 when an event became a dead letter.")
    var strict = false

    func run() async throws {
        try await reportingFailures {
            let definitions = try DefinitionFile(actions, defaultTeam: 1)
            if definitions.report() { throw ExitCode(Failure.Code.no.rawValue) }
            var settings = Settings()
            if let config { try settings.read(config) }
            let snapshot = try snapshot(of: definitions, settings)
            var file = try LineFile(events)
            var run = OfflineRun(
                snapshot: snapshot,
                printsIDs: ids,
                pipeline: Pipeline(keepsIgnored: keepIgnored, droppedTokens: dropToken),
                deadLetters: try deadLetters.map(LineWriter.init(path:)),
                warnings: try warnings.map(LineWriter.init(path:))
            )
            try file.forEachLine(
                { number, line in
                    if records {
                        run.add(try RecordLine(line, number: number), number: number)
                    } else {
                        run.add(line, number: number)
                    }
                },
                release: { run.flush() }
            )
            run.finish()
            printError(run.summary)
            if strict, run.counts.deadLetters > 0 { throw ExitCode(Failure.Code.no.rawValue) }
        }
    }

    private func snapshot(of definitions: DefinitionFile, _ settings: Settings) throws -> Snapshot {
        var catalogue = definitions.catalogue(enrichment: try settings.enrichments())
        let tables = settings.enrichmentTables()
        if definitions.namesTeams { return catalogue.snapshot().with(tables) }
        let teams = Set(definitions.actions.map(\.team) + definitions.schemas.map(\.team))
        guard teams.count <= 1 else {
            throw Failure(
                .usage,
                "the actions and schemas belong to teams \(teams.sorted().map(String.init).joined(separator: ", ")), but no \"teams\" tell their tokens"
            )
        }
        return catalogue.snapshot(onlyTeam: teams.first ?? 1).with(tables)
    }
}

/// One run of the pipeline over lines of a file, in batches as a lane would get them.
struct OfflineRun: ~Copyable {
    private var pipeline: Pipeline
    private var batch = RecordBatch()
    private var out = OutputBatch()
    private let snapshot: Snapshot
    private let printsIDs: Bool
    private var rows = LineWriter(FileHandle.standardOutput)
    private var deadLetters: LineWriter?
    private var warnings: LineWriter?
    private var lent = LentBytes()
    private let topic: Int32
    private(set) var counts = OutcomeCounts()

    init(
        snapshot: Snapshot,
        printsIDs: Bool,
        pipeline: consuming Pipeline,
        deadLetters: consuming LineWriter?,
        warnings: consuming LineWriter?
    ) {
        self.snapshot = snapshot
        self.printsIDs = printsIDs
        self.deadLetters = deadLetters
        self.warnings = warnings
        self.pipeline = pipeline
        topic = batch.index(ofTopic: "file")
    }

    /// Adds a line, which must stay where it is until ``flush()``.
    mutating func add(_ line: UnsafeRawBufferPointer, number: Int) {
        // The offset is the line's number: a dead letter names it, and an event without a uuid gets a stable one.
        batch.append(topic: topic, partition: 0, offset: Int64(number - 1), timestamp: -1, key: nil, value: line)
        if batch.records.count == 1000 { flush() }
    }

    /// Adds a record with its headers.
    mutating func add(_ line: RecordLine, number: Int) {
        batch.append(
            topic: topic,
            partition: 0,
            offset: Int64(number - 1),
            timestamp: line.timestamp,
            key: nil,
            value: line.value.map { lent.lend($0) }
        )
        for header in line.headers {
            batch.appendHeader(name: lent.lend(header.name), value: header.value.map { lent.lend($0) })
        }
        if batch.records.count == 1000 { flush() }
    }

    mutating func finish() {
        rows.flush()
        deadLetters?.flush()
        warnings?.flush()
    }

    /// What happened, in one line for a human.
    var summary: String { "\(counts.input) events: " + Summary.outcomes(counts) }

    /// Processes what was added and writes what comes out.
    mutating func flush() {
        out.removeAll()
        pipeline.process(batch, under: snapshot, into: &out)
        counts.add(out.counts)
        printsIDs ? writeIDs() : writeRows()
        writeDeadLetters()
        for record in out.records where record.destination == .warnings {
            if let value = out.bytes(record.value) { warnings?.write(value) }
        }
        batch.removeAll()
        lent.removeAll()
    }

    private mutating func writeRows() {
        for record in out.records where record.destination == .tagged {
            if let row = out.bytes(record.value) { rows.write(row) }
        }
    }

    private mutating func writeIDs() {
        var ids = [String](repeating: "", count: batch.records.count)
        // The matches stand in the order of their events, and their ids in a list of the same order.
        var match = 0
        for record in out.records where record.destination == .matches {
            ids[Int(record.input)] += (ids[Int(record.input)].isEmpty ? "" : ",") + String(out.matchedIDs[match])
            match += 1
        }
        for index in ids.indices { rows.write("\(batch.records[index].offset):\(ids[index])") }
    }

    private mutating func writeDeadLetters() {
        for record in out.records where record.destination == .deadLetters {
            var fields: [String: String] = [:]
            for header in out.headers[Int(record.firstHeader)..<Int(record.firstHeader + record.headerCount)] {
                guard let name = out.bytes(header.name), let value = out.bytes(header.value) else { continue }
                fields[String(decoding: name, as: UTF8.self)] = String(decoding: value, as: UTF8.self)
            }
            let line = DeadLetterLine(
                line: batch.records[Int(record.input)].offset + 1,
                reason: fields["dlq_reason"] ?? "",
                step: fields["dlq_step"] ?? "",
                detail: fields["dlq_detail"] ?? ""
            )
            if let text = try? JSONEncoder().encode(line) { deadLetters?.write(String(decoding: text, as: UTF8.self)) }
        }
    }

    private struct DeadLetterLine: Encodable {
        var line: Int64
        var reason: String
        var step: String
        var detail: String
    }
}
