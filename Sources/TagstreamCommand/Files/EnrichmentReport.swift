import Foundation
import Tagstream

/// What became of one event after each of its enrichments: the pipeline's rows, compared one with the next.
struct EnrichmentReport {
    /// What an enrichment did to one field of the row.
    struct Change {
        /// Such as `properties.$browser` or `properties.$set.$browser`.
        var field: String
        /// nil where it was not there, or is no longer.
        var before: JSONTree?
        var after: JSONTree?
    }

    /// One enrichment, or the way without any.
    struct Step {
        /// The enrichment; nil for the way without any.
        var enrichment: Enrichment?
        var changes: [Change]
        /// CPU time in nanoseconds above the step before; the whole way for the first.
        var nanoseconds: Int
        /// Whether its data was missing.
        var isMissing: Bool
    }

    /// What a worker would do with the event.
    var fate: EventFate
    var steps: [Step] = []
    /// The row's columns without and with enrichments; null where the event is not tagged.
    var before = JSONTree.null
    var after = JSONTree.null

    /// How often the way is repeated for its time, of which the shortest of as many runs counts.
    private static let repetitions = (runs: 40, events: 25)

    init(of event: [UInt8], timestamp: Int64, under snapshot: Snapshot) {
        fate = EventFate(of: event, timestamp: timestamp, under: snapshot)
        guard case .tagged(let team) = fate else { return }
        let active = snapshot.teams.first { $0.id == team }?.enrichments.active ?? []
        var done: EnrichmentSet = []
        var last = Way(event, timestamp, snapshot.limited(to: done))
        before = last.row
        steps.append(Step(enrichment: nil, changes: [], nanoseconds: last.nanoseconds, isMissing: false))
        for enrichment in Enrichment.allCases where active.contains(enrichment) {
            done.insert(EnrichmentSet(enrichment))
            let next = Way(event, timestamp, snapshot.limited(to: done))
            steps.append(
                Step(
                    enrichment: enrichment,
                    changes: Self.changes(from: last.row, to: next.row),
                    nanoseconds: next.nanoseconds - last.nanoseconds,
                    isMissing: next.outages > last.outages
                )
            )
            last = next
        }
        after = last.row
    }

    /// One pipeline's way with the event: its row, parsed, and its time.
    private struct Way {
        var row = JSONTree.null
        var outages = 0
        var nanoseconds = Int.max

        init(_ event: [UInt8], _ timestamp: Int64, _ snapshot: Snapshot) {
            var batch = RecordBatch()
            var out = OutputBatch()
            var pipeline = Pipeline()
            let topic = batch.index(ofTopic: "enrich")
            event.withUnsafeBytes { bytes in
                for offset in 0..<repetitions.events {
                    batch.append(
                        topic: topic,
                        partition: 0,
                        offset: Int64(offset),
                        timestamp: timestamp,
                        key: nil,
                        value: bytes
                    )
                }
                for _ in 0..<repetitions.runs {
                    out.removeAll()
                    let start = Self.cpuNanoseconds()
                    pipeline.process(batch, under: snapshot, into: &out)
                    nanoseconds = min(nanoseconds, (Self.cpuNanoseconds() - start) / repetitions.events)
                }
            }
            outages = out.counts.outages.total
            guard let record = out.records.first(where: { $0.destination == .tagged }),
                let bytes = out.bytes(record.value), let row = try? JSONTree(parsing: Array(bytes))
            else { return }
            self.row = EnrichmentReport.opened(row)
        }

        private static func cpuNanoseconds() -> Int {
            var time = timespec()
            clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
            return Int(time.tv_sec) * 1_000_000_000 + Int(time.tv_nsec)
        }
    }

    /// The row with the columns that hold JSON as text parsed.
    private static func opened(_ row: JSONTree) -> JSONTree {
        guard case .object(let members) = row else { return row }
        return .object(
            members.map { member in
                guard member.key.hasSuffix("properties"), let text = member.value.text,
                    let tree = try? JSONTree(parsing: Array(text.utf8))
                else { return member }
                return .init(key: member.key, value: tree)
            }
        )
    }

    // MARK: Differences

    private static func changes(from before: JSONTree, to after: JSONTree) -> [Change] {
        var changes: [Change] = []
        compare(before, after, "", 0, &changes)
        return changes
    }

    /// Compares objects member by member: columns, what is in them, and `$set` and `$set_once`; deeper values as a whole.
    private static func compare(
        _ before: JSONTree,
        _ after: JSONTree,
        _ path: String,
        _ depth: Int,
        _ changes: inout [Change]
    ) {
        guard case .object(let old) = before, case .object(let new) = after else { return }
        let isOpen = depth == 0 || (depth == 1 && path == "properties.")
        for member in old where after[member.key] == nil {
            changes.append(Change(field: path + member.key, before: member.value, after: nil))
        }
        for member in new {
            let other = before[member.key]
            if other == member.value { continue }
            let isObject = if case .object = member.value { true } else { false }
            let opens = isOpen && isObject && (depth == 0 || member.key.hasPrefix("$set"))
            if opens {
                compare(other ?? .object([]), member.value, path + member.key + ".", depth + 1, &changes)
            } else {
                changes.append(Change(field: path + member.key, before: other, after: member.value))
            }
        }
    }

    // MARK: For programs

    var json: JSONTree {
        .object([
            .init(key: "outcome", value: .string(outcome.name)),
            .init(key: "detail", value: outcome.detail.map { .string($0) } ?? .null),
            .init(key: "steps", value: .array(steps.map(Self.json))),
            .init(key: "before", value: before),
            .init(key: "after", value: after),
        ])
    }

    private static func json(_ step: Step) -> JSONTree {
        .object([
            .init(key: "step", value: .string(step.enrichment?.name ?? "bare")),
            .init(key: "nanoseconds", value: .number(Int64(step.nanoseconds))),
            .init(key: "data_missing", value: .bool(step.isMissing)),
            .init(
                key: "changes",
                value: .array(
                    step.changes.map { change in
                        .object(
                            [.init(key: "field", value: .string(change.field))]
                                + (change.before.map { [.init(key: "before", value: $0)] } ?? [])
                                + (change.after.map { [.init(key: "after", value: $0)] } ?? [])
                        )
                    }
                )
            ),
        ])
    }

    private var outcome: (name: String, detail: String?) {
        switch fate {
        case .tagged(let team): ("tagged", "team \(team)")
        case .ignored: ("ignored", nil)
        case .deadLetter(let reason, let detail): ("dead_letter", "\(reason): \(detail)")
        }
    }

    // MARK: For people

    /// Lines without a newline at their ends.
    var lines: [String] {
        guard !steps.isEmpty else {
            return [Printable.text("\(outcome.name)\(outcome.detail.map { ", \($0)" } ?? ""): nothing is enriched")]
        }
        var lines = ["tagged, \(outcome.detail ?? "")"]
        for step in steps {
            let name = step.enrichment?.name ?? "the way without enrichments"
            let time = String(format: "%6.2f µs", Double(step.nanoseconds) / 1000)
            lines.append("\(step.enrichment == nil ? " " : "+") \(time)  \(name)")
            if step.isMissing { lines.append("      its data is missing: the event goes on without it") }
            if step.enrichment != nil, step.changes.isEmpty { lines.append("      nothing") }
            for change in step.changes { lines.append("      " + Self.line(change)) }
        }
        if steps.count == 1 { lines.append("  no enrichment is on. Hint: --config FILE with enrich settings") }
        return lines.map(Printable.text)
    }

    private static func line(_ change: Change) -> String {
        func short(_ tree: JSONTree) -> String { Printable.shortened(tree.jsonText, to: 160) }
        switch (change.before, change.after) {
        case (nil, let after?): return "\(change.field) = \(short(after))"
        case (let before?, let after?): return "\(change.field) = \(short(after)), was \(short(before))"
        case (let before?, nil): return "\(change.field) taken away, was \(short(before))"
        case (nil, nil): return change.field
        }
    }
}
