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
        let partitions = try consumer.partitionCount(of: topic, timeout: 10_000, settling: 5000)
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
///
/// Who depends on what the catalogue holds reads it behind ``init(to:_:transactionalID:notices:)``: by then whatever an earlier publisher of
/// the id has committed can be read, and it can commit nothing more.
public struct CataloguePublisher: ~Copyable {
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

    private let topic: String
    private var producer: TransactionalProducer

    /// Registers as the one who publishes: fences earlier publishers of the id, and waits for the end of what they have begun to commit.
    ///
    /// - Parameter transactionalID: who publishes; nil for people.
    public init(
        to topic: String,
        _ configuration: ClientConfiguration,
        transactionalID: String? = nil,
        notices: @escaping NoticeHandler = { _ in }
    ) throws {
        let producer = try TransactionalProducer(
            configuration,
            TransactionalProducer.Options(transactionalID: transactionalID ?? "tagstream-apply-\(topic)"),
            notices: notices
        )
        // First what says soon that there is no broker, or no such topic.
        _ = try producer.partitionCount(of: topic, timeout: 10_000, settling: 5000)
        try producer.initTransactions(timeout: 30_000)
        self.topic = topic
        self.producer = producer
    }

    /// Publishes entries.
    ///
    /// - Throws: a ``CatalogueProblem`` where the producer was fenced: somebody else has registered meanwhile, or the coordinator has ended a
    ///   transaction that took too long. Nothing was published then, unless the answer to a commit was lost before.
    public mutating func publish(_ entries: [Entry]) throws {
        guard !entries.isEmpty else { return }
        do {
            let target = try producer.topic(topic)
            try producer.begin()
            for entry in entries { try produce(entry, to: target) }
            try producer.commit(timeout: 30_000)
            if let failed = producer.failedDelivery { throw failed.error }
        } catch let error as KafkaError where error.isFenced {
            throw CatalogueProblem(
                "nothing was published to \"\(topic)\", as far as is known: somebody else has begun to publish meanwhile, or it took "
                    + "too long. Look at the catalogue (tagstream get) and try again"
            )
        }
    }

    private mutating func produce(_ entry: Entry, to target: TransactionalProducer.Topic) throws {
        try Array(entry.key.description.utf8).withUnsafeBytes { key in
            guard let value = entry.value else {
                return try producer.produce(to: target, partition: 0, key: key, value: nil, headers: [], label: 0)
            }
            try Array(value.utf8).withUnsafeBytes { value in
                try producer.produce(to: target, partition: 0, key: key, value: value, headers: [], label: 0)
            }
        }
    }

    /// Registers and publishes: for who does not depend on what is there.
    public static func publish(
        _ entries: [Entry],
        to topic: String,
        _ configuration: ClientConfiguration,
        transactionalID: String? = nil,
        notices: @escaping NoticeHandler = { _ in }
    ) throws {
        guard !entries.isEmpty else { return }
        var publisher = try CataloguePublisher(
            to: topic,
            configuration,
            transactionalID: transactionalID,
            notices: notices
        )
        try publisher.publish(entries)
    }
}
