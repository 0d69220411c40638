public import Kafka
import Synchronization
public import Tagstream

/// A compacted topic that a lookup table is made of: read to its end at the first look, and from there on at each look.
///
/// A record that is not good is counted and told, and its key keeps what it had. A broker that cannot be reached leaves the table in force.
/// `value` may be read by any thread; `look` belongs to one thread at a time.
public final class LookupTopic: Sendable {
    /// The source's name, for logs and metrics.
    public let name: String
    /// The topic.
    public let topic: String
    private let client: ClientConfiguration
    private let group: String
    private let prefix: String
    private let notices: NoticeHandler
    private let reading: Mutex<Reading>
    private let content = Mutex(Content())

    private struct Content {
        var value: LookupTable?
        var health = SourceHealth.waiting
        var loads = 0
        var changed: Int64?
    }

    /// What only the looking thread touches.
    private struct Reading: ~Copyable {
        var rows: LookupRows
        var reader: TopicReader?
        /// Whether the topic was read to its end once.
        var isWhole = false
        /// The latest record that was not taken, and why.
        var problem = ""

        init(_ rows: LookupRows) {
            self.rows = rows
            reader = nil
        }
    }

    /// Makes a source that has read nothing yet.
    ///
    /// - Parameter group: names the consumer in the broker's logs; nothing is committed.
    public init(
        name: String,
        topic: String,
        client: ClientConfiguration,
        group: String,
        prefix: String = "",
        notices: @escaping NoticeHandler = { _ in }
    ) {
        self.name = name
        self.topic = topic
        self.client = client
        self.group = group
        self.notices = notices
        self.prefix = prefix
        reading = Mutex(Reading(LookupRows(prefix: prefix)))
    }

    /// The table in force; nil while the topic has not been read to its end.
    public var value: LookupTable? { content.withLock { $0.value } }

    /// How the source is.
    public var status: SourceStatus {
        content.withLock { content in
            SourceStatus(
                name: name,
                health: content.health,
                isLoaded: content.value != nil,
                changed: content.changed,
                loads: content.loads
            )
        }
    }

    /// Reads what has come since the last look, and puts a new table into force if something has changed.
    ///
    /// Blocks while it reads.
    public func look(now: Int64) -> SourceLook {
        reading.withLock { reading in
            let before = content.withLock { $0.health }
            do {
                let isChanged = try read(&reading)
                // A topic that is longer than what one look reads goes on at the next.
                guard reading.isWhole else { return SourceLook(before: before, after: before) }
                let isNew = isChanged || content.withLock { $0.value == nil }
                let table = isNew ? try reading.rows.table() : nil
                let after = health(of: reading.rows, firstProblem: reading.problem)
                content.withLock { content in
                    content.health = after
                    guard let table else { return }
                    content.value = table
                    content.loads += 1
                    content.changed = now
                }
                return SourceLook(before: before, after: after, isNew: isNew)
            } catch {
                let after = SourceHealth.degraded(.missing, detail: "the topic \"\(topic)\" cannot be read: \(error)")
                content.withLock { $0.health = after }
                return SourceLook(before: before, after: after)
            }
        }
    }

    private func health(of rows: LookupRows, firstProblem: String) -> SourceHealth {
        guard rows.refusedCount > 0 else { return .current }
        return .degraded(
            .corrupt,
            detail: "the last records of \(rows.refusedCount) keys are not taken; the latest of them \(firstProblem)"
        )
    }

    /// Gives the consumer back; afterwards a look begins anew.
    public func close() {
        reading.withLock { reading in
            let reader = reading.reader.take()
            reader?.close()
            reading.isWhole = false
        }
    }

    /// Reads until the topic's end, or as much as one look may; returns whether rows have changed.
    ///
    /// The reader goes with an error: the next look begins anew, because what was deleted in between may be gone from the topic.
    private func read(_ reading: inout Reading) throws -> Bool {
        var reader: TopicReader
        if let kept = reading.reader.take() {
            reader = kept
        } else {
            reader = try TopicReader(client, topic: topic, group: group, notices: notices)
            reading = Reading(LookupRows(prefix: prefix))
        }
        var isChanged = false
        for _ in 0..<Self.pollsOfALook {
            let count = try reader.read { record in
                let key = record.key.map(Array.init)
                if let problem = reading.rows.apply(key: key, value: record.value.map(Array.init)) {
                    reading.problem = "\(topic)[\(record.partition)]@\(record.offset): \(problem)"
                } else {
                    isChanged = true
                }
            }
            if reader.isAtEnd { reading.isWhole = true }
            if count == 0, reading.isWhole { break }
        }
        reading.reader = consume reader
        return isChanged
    }

    /// Most polls of one look, of 10,000 records or 200 ms each: one that is written faster than it is read must not hold the watcher.
    private static let pollsOfALook = 3_000
}

extension EnrichmentWatcher.Watched {
    /// Watches a topic.
    ///
    /// - Parameter onNew: is called when a new table was put into force.
    public init(_ topic: LookupTopic, onNew: @escaping @Sendable () -> Void = {}) {
        name = topic.name
        look = { now in
            let look = topic.look(now: now)
            if look.isNew { onNew() }
            return look
        }
        status = { topic.status }
    }
}
