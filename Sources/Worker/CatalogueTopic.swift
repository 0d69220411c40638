public import Kafka
public import Tagstream

/// Reads the catalogue's topic from its beginning, and then follows it.
///
/// The topic is compacted and has one partition, so its offsets order every change. Used by one thread.
public struct CatalogueReader: ~Copyable {
    /// The catalogue as far as it has been read.
    public private(set) var catalogue: Catalogue
    /// Before the consumer, so that it goes first: librdkafka waits for ever for a consumer whose messages are still held.
    private var messages = MessageBatch()
    private var consumer: Consumer

    /// Opens the topic.
    ///
    /// - Parameter enrichment: the deployment's settings, which each team's own come on top of.
    /// - Throws: an error when the topic does not exist, or has more than one partition: then its offsets order nothing.
    public init(
        _ configuration: ClientConfiguration,
        topic: String,
        group: String,
        enrichment: EnrichmentSettings = EnrichmentSettings(),
        notices: @escaping NoticeHandler = { _ in }
    ) throws {
        var consumer = try Consumer(
            configuration,
            Consumer.Options(group: group, queueBytes: 16 << 20),
            notices: notices
        )
        let partitions = try consumer.partitionCount(of: topic, timeout: 10_000)
        guard partitions == 1 else {
            throw CatalogueProblem(
                "the catalogue's topic \"\(topic)\" has \(partitions) partitions, expected 1, so that offsets order changes"
            )
        }
        try consumer.assign([TopicPartition(topic, 0): Consumer.beginning])
        self.consumer = consume consumer
        catalogue = Catalogue(enrichment: enrichment)
    }

    /// Reads what is there; returns what became of each entry and of others because of it, in order, and whether the topic's end was reached.
    public mutating func read(timeout milliseconds: Int32) throws(KafkaError) -> (
        changes: [Catalogue.Change], isAtEnd: Bool
    ) {
        messages.removeAll()
        _ = try consumer.poll(into: &messages, records: 10_000, bytes: 64 << 20, timeout: milliseconds)
        var changes: [Catalogue.Change] = []
        for index in 0..<messages.count {
            let record = messages[index]
            changes.append(
                catalogue.apply(key: record.key.map(Array.init), value: record.value.map(Array.init), at: record.offset)
            )
            changes += catalogue.takeConsequences()
        }
        return (changes, !messages.ends.isEmpty)
    }

    /// Reads up to the topic's end.
    ///
    /// - Parameter isGivenUp: asked between polls; true stops.
    public mutating func readToEnd(isGivenUp: () -> Bool = { false }) throws(KafkaError) -> [Catalogue.Change] {
        var all: [Catalogue.Change] = []
        while !isGivenUp() {
            let (changes, isAtEnd) = try read(timeout: 200)
            all += changes
            if isAtEnd { break }
        }
        return all
    }

    /// Compiles what has changed.
    public mutating func snapshot() -> Snapshot { catalogue.snapshot() }

    /// Gives back what was read last, then closes the consumer: in the other order librdkafka waits for ever.
    public consuming func close() {
        messages.removeAll()
        consumer.close()
    }
}

/// Writes entries of the catalogue, all of a call in one transaction: a reader sees either none of them or all.
public enum CataloguePublisher {
    /// One entry; a nil value deletes.
    public struct Entry: Sendable {
        /// What it is about.
        public var key: CatalogueKey
        /// The definition as JSON text.
        public var value: String?
        /// Makes one.
        public init(_ key: CatalogueKey, _ value: String?) {
            self.key = key
            self.value = value
        }
    }

    /// Publishes entries.
    ///
    /// - Parameter transactionalID: who publishes; nil for people, of whom the last one wins.
    public static func publish(
        _ entries: [Entry],
        to topic: String,
        _ configuration: ClientConfiguration,
        transactionalID: String? = nil,
        notices: @escaping NoticeHandler = { _ in }
    ) throws {
        guard !entries.isEmpty else { return }
        var producer = try TransactionalProducer(
            configuration,
            TransactionalProducer.Options(transactionalID: transactionalID ?? "tagstream-apply-\(topic)"),
            notices: notices
        )
        try producer.initTransactions(timeout: 30_000)
        let target = try producer.topic(topic)
        try producer.begin()
        for entry in entries {
            let key = Array(entry.key.description.utf8)
            let value = entry.value.map { Array($0.utf8) }
            try key.withUnsafeBytes { key throws in
                if let value {
                    try value.withUnsafeBytes {
                        try producer.produce(to: target, partition: 0, key: key, value: $0, headers: [], label: 0)
                    }
                } else {
                    try producer.produce(to: target, partition: 0, key: key, value: nil, headers: [], label: 0)
                }
            }
        }
        try producer.commit(timeout: 30_000)
        if let failed = producer.failedDelivery { throw failed.error }
    }
}
