import Kafka
import Synchronization

/// An embedded cluster and what a test needs of it.
struct Harness {
    let cluster: EmbeddedCluster
    let client: ClientConfiguration

    init(topics: [String: Int32] = ["t": 1], properties: [String: String] = [:], brokers: Int32 = 1) throws {
        cluster = try EmbeddedCluster(brokers: brokers)
        for (topic, partitions) in topics { try cluster.createTopic(topic, partitions: partitions) }
        client = try ClientConfiguration(brokers: cluster.bootstrapServers, properties: properties)
    }

    func producer(_ id: String = "p", queueBytes: Int = 64 << 20) throws -> TransactionalProducer {
        let producer = try TransactionalProducer(
            client,
            TransactionalProducer.Options(transactionalID: id, queueBytes: queueBytes)
        )
        return producer
    }

    func consumer(_ group: String = "g") throws -> Consumer {
        try Consumer(client, Consumer.Options(group: group, reset: .earliest))
    }

    /// A consumer that reads a topic's partitions from their beginning, without a group's say.
    func reader(_ topic: String = "t", partitions: Int32 = 1) throws -> Consumer {
        var consumer = try consumer("reader")
        var offsets: [TopicPartition: Int64?] = [:]
        for number in 0..<partitions { offsets[TopicPartition(topic, number)] = Consumer.beginning }
        try consumer.assign(offsets)
        return consumer
    }

    /// Produces texts in one transaction.
    func fill(_ values: [String], topic: String = "t", partition: Int32 = 0) throws {
        var producer = try producer("fill")
        try producer.initTransactions(timeout: 10_000)
        let target = try producer.topic(topic)
        try producer.begin()
        for value in values { try producer.produce(value, to: target, partition: partition) }
        try producer.commit(timeout: 10_000)
    }
}

extension TransactionalProducer {
    /// Produces a text without a key and without headers.
    mutating func produce(_ text: String, to topic: Topic, partition: Int32 = 0, label: Int = 0) throws(KafkaError) {
        let bytes = Array(text.utf8)
        var failure: KafkaError?
        bytes.withUnsafeBytes { bytes in
            do throws(KafkaError) {
                try produce(to: topic, partition: partition, key: nil, value: bytes, headers: [], label: label)
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
    }

    /// Serves delivery reports until so many records were delivered or one has failed; gives up after half a second.
    func settle(_ count: Int) {
        for _ in 0..<50 where delivered < count && failedDelivery == nil { poll(timeout: 10) }
    }
}

extension MessageBatch {
    /// All records, copied out.
    var copies: [Copy] { (0..<count).map { Copy(self[$0]) } }
}

/// A record, copied out of a batch.
struct Copy: Equatable {
    var partition: Int32 = 0
    var offset: Int64
    var key: [UInt8]?
    var value: [UInt8]?
    var headers: [Header] = []

    struct Header: Equatable {
        var name: String
        var value: [UInt8]?
        init(_ name: String, _ value: String?) {
            self.name = name
            self.value = value.map { Array($0.utf8) }
        }
    }

    init(_ record: MessageBatch.Record) {
        partition = record.partition
        offset = record.offset
        key = record.key.map(Array.init)
        value = record.value.map(Array.init)
        var headers: [Header] = []
        record.forEachHeader { name, value in
            headers.append(
                Header(String(decoding: name, as: UTF8.self), value.map { String(decoding: $0, as: UTF8.self) })
            )
        }
        self.headers = headers
    }

    var text: String? { value.map { String(decoding: $0, as: UTF8.self) } }
}

extension Consumer {
    /// Polls until so many records were read; gives up after thirty seconds without a record.
    mutating func read(_ count: Int, records: Int = 1000, bytes: Int = 1 << 20) throws -> [Copy] {
        var copies: [Copy] = []
        var batch = MessageBatch()
        var silence = 0
        while copies.count < count, silence < 300 {
            batch.removeAll()
            _ = try poll(into: &batch, records: min(records, count - copies.count), bytes: bytes, timeout: 100)
            silence = batch.count == 0 ? silence + 1 : 0
            for index in 0..<batch.count { copies.append(Copy(batch[index])) }
        }
        return copies
    }

    /// Polls until the group says something; gives up after ninety seconds.
    mutating func rebalance() throws -> Rebalance? {
        var batch = MessageBatch()
        for _ in 0..<900 {
            if case .rebalance(let rebalance) = try poll(into: &batch, records: 1, bytes: 1, timeout: 100) {
                return rebalance
            }
        }
        return nil
    }

    /// One poll of a tenth of a second; returns what the group said.
    mutating func glance() throws -> Rebalance? {
        var batch = MessageBatch()
        if case .rebalance(let rebalance) = try poll(into: &batch, records: 100, bytes: 1 << 20, timeout: 100) {
            return rebalance
        }
        return nil
    }
}

/// Kafka's error codes, by their names in its protocol; librdkafka's own are negative.
enum Code {
    static let unknown: Int32 = -1
    static let unknownTopic: Int32 = 3
    static let unsupportedVersion: Int32 = 35
    static let invalidRequest: Int32 = 42
    static let queueFull: Int32 = -184
    static let timedOut: Int32 = -185
    static let fenced: Int32 = -144
    static let leaderNotAvailable: Int32 = 5
    static let notLeader: Int32 = 6
    static let requestTimedOut: Int32 = 7
    static let messageTooLarge: Int32 = 10
    static let coordinatorLoading: Int32 = 14
    static let coordinatorNotAvailable: Int32 = 15
    static let notCoordinator: Int32 = 16
    static let illegalGeneration: Int32 = 22
    static let unknownMember: Int32 = 25
    static let rebalanceInProgress: Int32 = 27
    static let topicForbidden: Int32 = 29
    static let groupForbidden: Int32 = 30
    static let clusterForbidden: Int32 = 31
    static let invalidEpoch: Int32 = 47
    static let invalidState: Int32 = 48
    static let invalidMapping: Int32 = 49
    static let concurrentTransactions: Int32 = 51
    static let transactionalIDForbidden: Int32 = 53
    static let fencedInstance: Int32 = 82
    static let producerFenced: Int32 = 90
}
