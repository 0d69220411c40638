internal import CLibrdkafka

/// A Kafka cluster inside this process: librdkafka's mock cluster, for demonstrations and tests.
///
/// It speaks the protocol, groups and transactions included, and errors can be injected into it. It isolates nothing: records of open
/// and aborted transactions are visible to everyone, offsets sent in a transaction are not applied, nobody is fenced. It keeps 5 MB or
/// 100,000 records a partition and forgets the oldest silently. What it proves is that the client's side behaves.
///
/// Threads: the calls may come from any thread; the cluster has one of its own (rdkafka_mock.h).
public final class EmbeddedCluster: @unchecked Sendable {
    // Proof of Sendable: both handles are set once, and every function called on them is thread-safe by rdkafka_mock.h. The cluster
    // dies before the client that carries it (deinit).
    private let client: OpaquePointer
    private let cluster: OpaquePointer

    /// The API whose requests an error can be injected into (Kafka's protocol numbers).
    public enum Request: Int16, Sendable, CaseIterable {
        case produce = 0
        case fetch = 1
        case offsetFetch = 9
        case findCoordinator = 10
        case initProducerID = 22
        case addPartitionsToTransaction = 24
        case addOffsetsToTransaction = 25
        case endTransaction = 26
        case transactionalOffsetCommit = 28
    }

    /// Starts a cluster; takes a few milliseconds.
    public init(brokers: Int32 = 1) throws {
        var raw = try RawConfiguration()
        try raw.set("bootstrap.servers", "127.0.0.1:1")
        // The carrier connects to nobody; it only lends the cluster its log.
        try raw.set("log_level", "0")
        let configuration = raw.take()
        var message = [CChar](repeating: 0, count: 512)
        guard let client = rd_kafka_new(RD_KAFKA_PRODUCER, configuration, &message, message.count) else {
            rd_kafka_conf_destroy(configuration)
            throw KafkaError(rd_kafka_last_error(), "start an embedded cluster")
        }
        guard let cluster = rd_kafka_mock_cluster_new(client, brokers) else {
            rd_kafka_destroy(client)
            throw KafkaError(RD_KAFKA_RESP_ERR__FAIL, "start an embedded cluster")
        }
        self.client = client
        self.cluster = cluster
    }

    deinit {
        rd_kafka_mock_cluster_destroy(cluster)
        rd_kafka_destroy(client)
    }

    /// Where clients connect to.
    public var bootstrapServers: String { String(cString: rd_kafka_mock_cluster_bootstraps(cluster)) }

    /// Creates a topic. (The cluster does not answer requests to create one.)
    public func createTopic(_ name: String, partitions: Int32) throws(KafkaError) {
        try KafkaError.check(rd_kafka_mock_topic_create(cluster, name, partitions, 1), "create the topic \"\(name)\"")
    }

    /// Answers the next requests of a kind with these error codes, one after the other; 0 is no error.
    public func inject(_ codes: [Int32], into request: Request) {
        let errors = codes.map { rd_kafka_resp_err_t($0) }
        rd_kafka_mock_push_request_errors_array(cluster, request.rawValue, errors.count, errors)
    }

    /// Forgets errors that were injected and not yet met.
    public func clearErrors(of request: Request) { rd_kafka_mock_clear_request_errors(cluster, request.rawValue) }

    /// Makes a broker the coordinator of a transactional id.
    public func setCoordinator(ofTransactionalID id: String, to broker: Int32) throws(KafkaError) {
        try KafkaError.check(rd_kafka_mock_coordinator_set(cluster, "transaction", id, broker), "move a coordinator")
    }

    /// Makes a broker the coordinator of a group.
    public func setCoordinator(ofGroup group: String, to broker: Int32) throws(KafkaError) {
        try KafkaError.check(rd_kafka_mock_coordinator_set(cluster, "group", group, broker), "move a coordinator")
    }

    /// Cuts a broker off, or brings it back.
    public func setDown(_ isDown: Bool, broker: Int32 = 1) {
        _ = isDown ? rd_kafka_mock_broker_set_down(cluster, broker) : rd_kafka_mock_broker_set_up(cluster, broker)
    }

    /// Delays every answer of a broker.
    public func setRoundTripTime(_ milliseconds: Int32, broker: Int32 = 1) {
        rd_kafka_mock_broker_set_rtt(cluster, broker, milliseconds)
    }

    /// Makes a broker the leader of a partition.
    public func setLeader(_ broker: Int32, of partition: TopicPartition) {
        rd_kafka_mock_partition_set_leader(cluster, partition.topic, partition.partition, broker)
    }

    /// Makes a broker the coordinator of a consumer group, or of a transactional id.
    public func setCoordinator(_ broker: Int32, ofGroup group: String? = nil, ofTransactionalID id: String? = nil) {
        if let group { rd_kafka_mock_coordinator_set(cluster, "group", group, broker) }
        if let id { rd_kafka_mock_coordinator_set(cluster, "transaction", id, broker) }
    }
}
