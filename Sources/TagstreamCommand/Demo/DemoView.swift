import Foundation
import Kafka
import Synchronization
import Tagstream
import Worker

/// What the demonstration shows while it works and in the end: a live view on a terminal, plain lines elsewhere.
final class DemoView: Sendable {
    private let total: Int
    private let names: [Int64: String]
    private let isTerminal = isatty(1) == 1
    private let firstLook = Mutex<Int64?>(nil)
    /// Without a terminal a line is printed when something has changed, and at most once a second.
    private let lastLine = Mutex<(text: String, time: Int64)>(("", 0))
    /// How many lines of the view stand on the terminal.
    private let drawn = Mutex(0)

    init(total: Int, names: [Int64: String]) {
        self.total = total
        self.names = names
    }

    /// Shows how far the work is, which actions have matched, and why records became dead letters.
    ///
    /// On a terminal the view is drawn over the one before.
    func show(_ statistics: LaneStatistics) {
        if isTerminal {
            // No more actions than a small terminal has lines for; all of them stand in the summary.
            draw([progress(statistics)] + actions(statistics).prefix(16) + [deadLetters(statistics)])
            return
        }
        let line = progress(statistics) + "; " + deadLetters(statistics)
        let isDue = lastLine.withLock { last in
            let now = MonotonicClock.milliseconds()
            let isDone = statistics.committed.input == total
            guard line != last.text, now - last.time >= 1000 || isDone else { return false }
            last = (line, now)
            return true
        }
        if isDue { print("   \(line)") }
    }

    /// Draws lines over those that were drawn before.
    private func draw(_ lines: [String]) {
        let up = drawn.withLock { drawn in
            defer { drawn = lines.count }
            return drawn == 0 ? "" : "\u{1B}[\(drawn)A"
        }
        // Through the handle, because print keeps what it has in its buffer.
        let text = lines.map { "\r\u{1B}[K   \($0)\n" }.joined()
        FileHandle.standardOutput.write(Data((up + text).utf8))
    }

    private func progress(_ statistics: LaneStatistics) -> String {
        let done = statistics.committed.input
        guard done > 0 else { return "joining the consumer group …" }
        let now = MonotonicClock.milliseconds()
        // From the first look at which something was done, which comes up to a look after it began.
        let began = firstLook.withLock { first in
            first = first ?? now - 200
            return first ?? now
        }
        let seconds = max(0.001, Double(now - began) / 1000)
        let width = 24
        let filled = min(width, done * width / max(1, total))
        let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: width - filled)
        return
            "\(bar) \(done)/\(total) records  \(Int(Double(done) / seconds))/s  \(statistics.committed.matches) matches"
    }

    /// One line for each action: how often it has matched, and a bar.
    private func actions(_ statistics: LaneStatistics) -> [String] {
        let largest = statistics.matchesByAction.values.max() ?? 1
        return names.sorted { $0.key < $1.key }.map { id, name in
            let count = statistics.matchesByAction[id] ?? 0
            let bar = String(repeating: "▪", count: count * 20 / max(1, largest))
            return "\(Self.padded("\(id)", 4)) \(Self.padded(name, 42)) \(Self.padded("\(count)", 8)) \(bar)"
        }
    }

    private func deadLetters(_ statistics: LaneStatistics) -> String {
        let reasons = statistics.committed.deadLetterReasons.map { "\($0.count) \($0.reason)" }
        return "\(statistics.committed.deadLetters) dead letters"
            + (reasons.isEmpty ? "" : " (\(reasons.joined(separator: ", ")))")
    }

    /// Says what happened.
    func finish(_ statistics: LaneStatistics, milliseconds: Int64) {
        show(statistics)
        let counts = statistics.committed
        print("\n5. Every record has exactly one outcome:\n")
        row("tagged", counts.tagged, "one row each on events_tagged")
        for (reason, count) in counts.deadLetterReasons { row("dead letter", count, reason) }
        for (reason, count) in counts.ignoredReasons { row("ignored", count, reason) }
        row(
            "total",
            counts.input,
            "in \(statistics.commits) transactions, \(statistics.aborts) aborted, \(Double(milliseconds) / 1000) s"
        )
        print("\n6. Matches by action (one record each on action_matches):\n")
        for line in actions(statistics) { print("   \(line)") }
    }

    private func row(_ what: String, _ count: Int, _ note: String) {
        print("   \(Self.padded(what, 14)) \(Self.padded("\(count)", 9)) \(note)")
    }

    private static func padded(_ text: String, _ width: Int) -> String {
        text.count >= width ? text : text + String(repeating: " ", count: width - text.count)
    }

    // MARK: Samples

    /// Reads some of what the worker wrote, as any consumer of the topics would.
    static func showSamples(
        of counts: OutcomeCounts,
        _ client: ClientConfiguration,
        _ settings: Settings,
        partitions: Int32
    ) throws {
        print("\n7. Some of what a consumer of the topics reads:\n")
        var reader = try Consumer(client, Consumer.Options(group: "tagstream-demo-reader", reset: .earliest))
        defer { reader.close() }
        let topics = [
            (settings.tagged, counts.matches), (settings.matches, counts.matches),
            (settings.deadLetters, counts.deadLetters),
        ]
        for (topic, count) in topics where count > 0 {
            let all = (0..<partitions).map { TopicPartition(topic, $0) }
            try reader.assign(Dictionary(uniqueKeysWithValues: all.map { ($0, Optional(Consumer.beginning)) }))
            if let sample = try sample(of: topic, reader) { print("   \(topic)\n     \(sample)\n") }
        }
    }

    /// The first record with something to see: a row with actions, a match, a dead letter's reason.
    private static func sample(of topic: String, _ reader: borrowing Consumer) throws -> String? {
        var messages = MessageBatch()
        var polls = 0
        while polls < 20 {
            polls += 1
            messages.removeAll()
            _ = try reader.poll(into: &messages, records: 200, bytes: 4 << 20, timeout: 500)
            for index in 0..<messages.count {
                let record = messages[index]
                var headers: [String] = []
                record.forEachHeader { name, value in
                    guard String(decoding: name, as: UTF8.self).hasPrefix("dlq_"), let value else { return }
                    headers.append("\(String(decoding: name, as: UTF8.self))=\(String(decoding: value, as: UTF8.self))")
                }
                if !headers.isEmpty { return headers.prefix(3).joined(separator: "  ") }
                let text = String(decoding: record.value ?? UnsafeRawBufferPointer(start: nil, count: 0), as: UTF8.self)
                guard !text.contains("\"actions\":[]") else { continue }
                return text.count <= 330 ? text : String(text.prefix(200)) + " … " + String(text.suffix(120))
            }
        }
        return nil
    }

    /// What to try next.
    static func showWhatNext() {
        print(
            """
            8. What to try next:

               tagstream match --actions Examples/actions.yaml --events Examples/raw_events.jsonl   the same, offline
               tagstream actions test Examples/cases.jsonl                                          test your own actions
               tagstream topics create --brokers HOST:PORT                                          your own Kafka: then apply, run
            """
        )
    }
}
