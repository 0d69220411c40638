import Kafka

/// What a lane has read of each of its partitions: where the open transaction began, and what comes next.
///
/// Arithmetic only. Offsets are contiguous by construction: a batch is processed whole before the next is read, so "next" is always
/// one behind the last record that has an outcome. Never `rd_kafka_position`, which counts records that were only fetched.
struct OffsetLedger: Equatable {
    private struct Entry: Equatable {
        /// The first record of the open transaction; nil when the transaction has none of this partition.
        var start: Int64?
        /// One behind the last record that was accepted since the assignment; nil before the first.
        var next: Int64?
        /// After a rewind, the offset that has to come first.
        var expected: Int64?
    }

    /// What to do with a record.
    enum Verdict: Equatable {
        /// It is the next one.
        case accept
        /// It was accepted before: skip it.
        case skip
        /// After a rewind another record was expected: some were lost on the way back.
        case gap(expected: Int64)
        /// The partition is not assigned: the record belongs to an assignment that has ended.
        case foreign
    }

    private var entries: [TopicPartition: Entry] = [:]

    /// The partitions of the present assignment.
    var assigned: [TopicPartition] { entries.keys.sorted() }

    /// Takes partitions over; what was known of them from an earlier assignment is forgotten: a partition lost and regained is new.
    mutating func assign(_ partitions: [TopicPartition]) {
        for partition in partitions { entries[partition] = Entry() }
    }

    /// Gives partitions up.
    mutating func revoke(_ partitions: [TopicPartition]) {
        for partition in partitions { entries[partition] = nil }
    }

    /// Judges a record that was read, and counts it when it is accepted.
    mutating func read(_ offset: Int64, of partition: TopicPartition) -> Verdict {
        guard var entry = entries[partition] else { return .foreign }
        if let next = entry.next, offset < next { return .skip }
        if let expected = entry.expected {
            guard offset <= expected else { return .gap(expected: expected) }
            entry.expected = nil
        }
        if entry.start == nil { entry.start = offset }
        entry.next = offset + 1
        entries[partition] = entry
        return .accept
    }

    /// What the open transaction has to commit: for every partition it touched, the next offset.
    var offsets: [TopicPartition: Int64] {
        entries.compactMapValues { $0.start == nil ? nil : $0.next }
    }

    /// The transaction is committed: the next one begins where it ended.
    mutating func committed() {
        for partition in entries.keys { entries[partition]?.start = nil }
    }

    /// The transaction is aborted: where to seek, for every partition that anything was read of.
    ///
    /// Where the transaction has records, the first one that returns must be the one it began with. The others go to where they stand,
    /// too: what a seek of librdkafka leaves in the queues of its neighbours is nothing that one has to know.
    mutating func aborted() -> [TopicPartition: Int64] {
        var positions: [TopicPartition: Int64] = [:]
        for (partition, entry) in entries {
            guard let next = entry.next else { continue }
            let expected = entry.start ?? entry.expected
            positions[partition] = expected ?? next
            entries[partition] = Entry(start: nil, next: expected ?? next, expected: expected)
        }
        return positions
    }

    /// The transaction's outcome was unknown and the broker has been asked: where to seek.
    ///
    /// - Parameter committed: what the group has committed; a partition without any goes back to its first
    ///   unfinished record.
    mutating func recovered(committed: [TopicPartition: Int64]) -> [TopicPartition: Int64] {
        var positions: [TopicPartition: Int64] = [:]
        for (partition, entry) in entries {
            // Nothing was read of a partition without `next`: it begins at the committed offset by itself.
            guard let next = entry.next else { continue }
            let unfinished = entry.start ?? entry.expected
            let position = committed[partition] ?? unfinished ?? next
            positions[partition] = position
            // What was committed may be a control record's offset, before the first record that has to return or behind the last one
            // that need not: only the record that is known to be unfinished can be expected.
            let expected = unfinished.flatMap { position <= $0 ? $0 : nil }
            entries[partition] = Entry(start: nil, next: position, expected: expected)
        }
        return positions
    }
}
