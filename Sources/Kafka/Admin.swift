internal import CLibrdkafka

/// Creates, describes and deletes topics.
///
/// Every call blocks until the broker has answered.
public struct Admin: ~Copyable {
    /// A topic to create.
    public struct NewTopic: Sendable {
        /// The topic's name.
        public var name: String
        /// How many partitions.
        public var partitions: Int32
        /// How many replicas; -1 for the broker's default.
        public var replication: Int32
        /// Topic configuration, such as `cleanup.policy`.
        public var configuration: [String: String]

        /// Makes one.
        public init(_ name: String, partitions: Int32, replication: Int32 = -1, configuration: [String: String] = [:]) {
            self.name = name
            self.partitions = partitions
            self.replication = replication
            self.configuration = configuration
        }
    }

    private let client: Client

    /// Makes a client for administration.
    public init(_ configuration: ClientConfiguration, notices: @escaping NoticeHandler = { _ in }) throws {
        let raw = try RawConfiguration()
        for (name, value) in configuration.properties.sorted(by: { $0.key < $1.key })
        where !ConsumerOnly.names.contains(name) && !ProducerOnly.names.contains(name) {
            try raw.set(name, value)
        }
        try raw.set("bootstrap.servers", configuration.brokers)
        client = try Client(RD_KAFKA_PRODUCER, raw, CallbackState(notices: notices), "create an admin client")
    }

    /// How many partitions a topic has; nil when it does not exist.
    public func partitionCount(of topic: String, timeout milliseconds: Int32) throws(KafkaError) -> Int32? {
        do {
            return try client.partitionCount(of: topic, timeout: milliseconds)
        } catch {
            if error.isUnknownTopic { return nil }
            throw error
        }
    }

    /// What the cluster says of a topic.
    public struct Description: Sendable, Equatable {
        /// The topic's name.
        public var name: String
        /// For every partition, by number: the broker that leads it (-1 for none) and how many replicas it has.
        public var partitions: [Partition]

        /// One partition.
        public struct Partition: Sendable, Equatable {
            /// The leading broker's id, or -1.
            public var leader: Int32
            /// How many replicas.
            public var replicas: Int
        }
    }

    /// All topics of the cluster, by name.
    public func describe(timeout milliseconds: Int32) throws(KafkaError) -> [Description] {
        var metadata: UnsafePointer<rd_kafka_metadata>?
        try KafkaError.check(rd_kafka_metadata(client.handle, 1, nil, &metadata, milliseconds), "describe the topics")
        defer { rd_kafka_metadata_destroy(metadata) }
        guard let found = metadata?.pointee else { return [] }
        let topics = (0..<Int(found.topic_cnt)).map { index in
            let topic = found.topics[index]
            var partitions = [Description.Partition](
                repeating: Description.Partition(leader: -1, replicas: 0),
                count: Int(topic.partition_cnt)
            )
            for index in partitions.indices {
                let partition = topic.partitions[index]
                guard partitions.indices.contains(Int(partition.id)) else { continue }
                partitions[Int(partition.id)] = Description.Partition(
                    leader: partition.leader,
                    replicas: Int(partition.replica_cnt)
                )
            }
            return Description(name: String(cString: topic.topic), partitions: partitions)
        }
        return topics.sorted { $0.name < $1.name }
    }

    /// Creates topics; returns for every one nil, or why it was not created.
    ///
    /// One that exists already is such a reason (``KafkaError/isTopicAlreadyThere``).
    public func create(_ topics: [NewTopic], timeout milliseconds: Int32) throws(KafkaError) -> [KafkaError?] {
        var message = [CChar](repeating: 0, count: 512)
        var handles: [OpaquePointer?] = []
        defer { for handle in handles { rd_kafka_NewTopic_destroy(handle) } }
        for topic in topics {
            guard
                let handle = rd_kafka_NewTopic_new(
                    topic.name,
                    topic.partitions,
                    topic.replication,
                    &message,
                    message.count
                )
            else {
                throw KafkaError(
                    RD_KAFKA_RESP_ERR__INVALID_ARG,
                    "create the topic \"\(topic.name)\"",
                    reason: message.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
                )
            }
            handles.append(handle)
            for (name, value) in topic.configuration.sorted(by: { $0.key < $1.key }) {
                try KafkaError.check(
                    rd_kafka_NewTopic_set_config(handle, name, value),
                    "configure the topic \"\(topic.name)\""
                )
            }
        }
        let event = try request(RD_KAFKA_ADMIN_OP_CREATETOPICS, "create topics", milliseconds) { options, queue in
            rd_kafka_CreateTopics(client.handle, &handles, handles.count, options, queue)
        }
        defer { rd_kafka_event_destroy(event) }
        var count = 0
        let results = rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count)
        return Self.outcomes(results, count, topics.map(\.name), "create the topic")
    }

    /// Deletes topics; returns for every one nil, or why it was not deleted.
    public func delete(_ topics: [String], timeout milliseconds: Int32) throws(KafkaError) -> [KafkaError?] {
        var handles = topics.map { rd_kafka_DeleteTopic_new($0) }
        defer { for handle in handles { rd_kafka_DeleteTopic_destroy(handle) } }
        let event = try request(RD_KAFKA_ADMIN_OP_DELETETOPICS, "delete topics", milliseconds) { options, queue in
            rd_kafka_DeleteTopics(client.handle, &handles, handles.count, options, queue)
        }
        defer { rd_kafka_event_destroy(event) }
        var count = 0
        let results = rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(event), &count)
        return Self.outcomes(results, count, topics, "delete the topic")
    }

    /// Sends a request to a queue of its own and waits for the answer.
    private func request(
        _ kind: rd_kafka_admin_op_t,
        _ operation: String,
        _ milliseconds: Int32,
        _ send: (OpaquePointer?, OpaquePointer?) -> Void
    ) throws(KafkaError) -> OpaquePointer {
        let queue = rd_kafka_queue_new(client.handle)
        defer { rd_kafka_queue_destroy(queue) }
        let options = rd_kafka_AdminOptions_new(client.handle, kind)
        defer { rd_kafka_AdminOptions_destroy(options) }
        var message = [CChar](repeating: 0, count: 512)
        rd_kafka_AdminOptions_set_request_timeout(options, milliseconds, &message, message.count)
        rd_kafka_AdminOptions_set_operation_timeout(options, milliseconds, &message, message.count)
        send(options, queue)
        // The answer comes within the request's timeout, an error about it included; the margin is for the client's own threads.
        guard let event = rd_kafka_queue_poll(queue, milliseconds + 5000) else {
            throw KafkaError(RD_KAFKA_RESP_ERR__TIMED_OUT, operation)
        }
        let code = rd_kafka_event_error(event)
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR else {
            let reason = String(cString: rd_kafka_event_error_string(event))
            rd_kafka_event_destroy(event)
            throw KafkaError(code, operation, reason: reason)
        }
        return event
    }

    private static func outcomes(
        _ results: UnsafeMutablePointer<OpaquePointer?>?,
        _ count: Int,
        _ names: [String],
        _ operation: String
    ) -> [KafkaError?] {
        var byName: [String: KafkaError] = [:]
        for index in 0..<count {
            guard let result = results?[index] else { continue }
            let code = rd_kafka_topic_result_error(result)
            guard code != RD_KAFKA_RESP_ERR_NO_ERROR else { continue }
            let name = String(cString: rd_kafka_topic_result_name(result))
            let reason = rd_kafka_topic_result_error_string(result).map { String(cString: $0) }
            byName[name] = KafkaError(code, "\(operation) \"\(name)\"", reason: reason)
        }
        return names.map { byName[$0] }
    }
}
