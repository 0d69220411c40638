import Kafka

/// Reads all partitions of a topic from their beginning, and then follows them; commits nothing.
///
/// Used by one thread at a time.
struct TopicReader: ~Copyable {
    /// Before the consumer, so that it goes first: librdkafka waits for ever for a consumer whose messages are still held.
    private var messages = MessageBatch()
    private var consumer: Consumer
    /// Partitions whose end has not been seen yet.
    private var unfinished: Set<Int32>

    /// Opens the topic.
    ///
    /// - Throws: an error when it does not exist or the cluster cannot be reached.
    init(
        _ configuration: ClientConfiguration,
        topic: String,
        group: String,
        notices: @escaping NoticeHandler
    ) throws {
        var consumer = try Consumer(
            configuration,
            Consumer.Options(group: group, queueBytes: 16 << 20),
            notices: notices
        )
        let partitions = try consumer.partitionCount(of: topic, timeout: 10_000)
        var assignment: [TopicPartition: Int64?] = [:]
        for partition in 0..<partitions { assignment[TopicPartition(topic, partition)] = Consumer.beginning }
        try consumer.assign(assignment)
        self.consumer = consume consumer
        unfinished = Set(0..<partitions)
    }

    /// Whether every partition was read to its end once.
    var isAtEnd: Bool { unfinished.isEmpty }

    /// Reads what is there, waiting up to 200 ms; returns how many records there were.
    mutating func read(_ body: (MessageBatch.Record) -> Void) throws(KafkaError) -> Int {
        messages.removeAll()
        _ = try consumer.poll(into: &messages, records: 10_000, bytes: 16 << 20, timeout: 200)
        for index in 0..<messages.count { body(messages[index]) }
        for end in messages.ends { unfinished.remove(end.partition.partition) }
        return messages.count
    }

    /// Gives back what was read last, then closes the consumer: in the other order librdkafka waits for ever.
    consuming func close() {
        messages.removeAll()
        consumer.close()
    }
}
