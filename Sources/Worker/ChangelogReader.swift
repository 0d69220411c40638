import Kafka

/// The key of a changelog's record: `GROUP/TOPIC/PARTITION/GRANULE`.
///
/// A topic's name has no slash, so that the key can be read from its end whatever the group is called.
enum ChangelogKey {
    static func text(_ group: String, _ partition: TopicPartition, _ granule: Int) -> String {
        "\(group)/\(partition.topic)/\(partition.partition)/\(granule)"
    }

    /// The partition that a key is about; nil where it is of another group, or no key at all.
    static func partition(in key: UnsafeRawBufferPointer, of group: String) -> TopicPartition? {
        let parts = String(decoding: key, as: UTF8.self).split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count >= 4, let number = Int32(parts[parts.count - 2]), Int(parts[parts.count - 1]) != nil,
            parts.dropLast(3).joined(separator: "/") == group
        else { return nil }
        return TopicPartition(String(parts[parts.count - 3]), number)
    }
}

/// Reads the changelog of uuids from its beginning, of some input partitions.
///
/// Joins no group and commits nothing. An input partition's records are in the changelog's partition of the same number, modulo how
/// many it has.
struct ChangelogReader: ~Copyable {
    /// Before the consumer, so that it goes first: librdkafka waits for ever for a consumer whose messages are still held.
    private var messages = MessageBatch()
    private var consumer: Consumer
    private let group: String
    private var unfinished: Set<TopicPartition>

    /// Opens the topic.
    init(
        _ configuration: ClientConfiguration,
        topic: String,
        group: String,
        of partitions: [TopicPartition],
        queueBytes: Int,
        notices: @escaping NoticeHandler
    ) throws {
        var consumer = try Consumer(
            configuration,
            Consumer.Options(group: group + "-dedup", reset: .earliest, queueBytes: queueBytes),
            notices: notices
        )
        let count = try consumer.partitionCount(of: topic, timeout: 10_000)
        let own = Set(partitions.map { TopicPartition(topic, $0.partition % count) })
        try consumer.assign(Dictionary(uniqueKeysWithValues: own.map { ($0, Int64?.some(Consumer.beginning)) }))
        unfinished = own
        self.group = group
        self.consumer = consume consumer
    }

    /// Reads what is there; returns whether the end has been reached, behind which more may come.
    mutating func read(_ take: (TopicPartition, UnsafeRawBufferPointer) -> Void) throws(KafkaError) -> Bool {
        messages.removeAll()
        _ = try consumer.poll(into: &messages, records: 10_000, bytes: 16 << 20, timeout: 20)
        for index in 0..<messages.count {
            let record = messages[index]
            // A tombstone says nothing: what it deletes has left the window.
            guard let key = record.key, let value = record.value else { continue }
            if let partition = ChangelogKey.partition(in: key, of: group) { take(partition, value) }
        }
        for (partition, _) in messages.ends { unfinished.remove(partition) }
        messages.removeAll()
        return unfinished.isEmpty
    }

    /// Gives back what was read last, then closes the consumer: in the other order librdkafka waits for ever.
    consuming func close() {
        messages.removeAll()
        consumer.close()
    }
}
