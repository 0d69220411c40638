internal import CLibrdkafka

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// The group has given or taken partitions.
///
/// Whoever polls answers with ``Consumer/assign(_:)`` or ``Consumer/unassign()``.
public enum Rebalance: Sendable, Equatable {
    /// These partitions are this member's from now on; the eager protocol names them all.
    case assigned([TopicPartition])
    /// These partitions are to be given back: what was processed may still be committed.
    case revoked([TopicPartition])
    /// These partitions are gone already, perhaps to another member: nothing may be committed any more.
    case lost([TopicPartition])
}

/// A member of a consumer group that reads committed records and never commits by itself.
///
/// Owned and used by one thread. Offsets are not stored and not committed here: they travel in the producer's transaction.
public struct Consumer: ~Copyable {
    /// How a consumer is set up.
    public struct Options: Sendable {
        /// The consumer group.
        public var group: String
        /// Where to begin in a partition without a committed offset; nil makes that an error, which is right for every start but the first.
        public var reset: Reset?
        /// The most bytes that may wait in the consumer's queue.
        public var queueBytes: Int
        /// Up to how many records of each partition are fetched ahead.
        public var queueRecords: Int
        /// The `group.instance.id` of a static member, or nil.
        public var instanceID: String?

        /// Where to begin.
        public enum Reset: String, Sendable, CaseIterable {
            case earliest, latest
        }

        /// Makes options.
        public init(
            group: String,
            reset: Reset? = nil,
            queueBytes: Int = 64 << 20,
            queueRecords: Int = 100_000,
            instanceID: String? = nil
        ) {
            self.group = group
            self.reset = reset
            self.queueBytes = queueBytes
            self.queueRecords = queueRecords
            self.instanceID = instanceID
        }
    }

    let client: Client
    /// What ``pause(_:)`` has paused.
    ///
    /// Cleared by every assignment: a pause does not outlive one (#5591).
    private var paused: Set<TopicPartition> = []

    /// Makes a consumer; it connects when it subscribes.
    public init(
        _ configuration: ClientConfiguration,
        _ options: Options,
        notices: @escaping NoticeHandler = { _ in }
    ) throws {
        let raw = try RawConfiguration()
        // What is worth a factor of two (docs/performance.md), overridable by the properties that follow.
        try raw.set("socket.nagle.disable", "true")
        try raw.set("queued.min.messages", String(max(1, options.queueRecords)))
        // What is on its way comes on top; one record that is larger comes all the same.
        try raw.set("fetch.max.bytes", String(max(1 << 20, min(50 << 20, options.queueBytes / 4))))
        // 2.0.2 puts the next fetch off by up to a second once a threshold is met, so the budget must hold about that much work.
        try raw.set("queued.max.messages.kbytes", String(max(1024, options.queueBytes >> 10)))
        try raw.set("session.timeout.ms", "45000")
        try raw.set("max.poll.interval.ms", "300000")
        // Eager: the cooperative assignors, and the newer group protocol, want rebalances answered partition by partition.
        try raw.set("partition.assignment.strategy", "range,roundrobin")
        if let instanceID = options.instanceID { try raw.set("group.instance.id", instanceID) }
        for (name, value) in configuration.properties.sorted(by: { $0.key < $1.key })
        where !ProducerOnly.names.contains(name) {
            try raw.set(name, value)
        }
        try raw.set("bootstrap.servers", configuration.brokers)
        try raw.set("group.id", options.group)
        try raw.set("enable.auto.commit", "false")
        try raw.set("enable.auto.offset.store", "false")
        // Also what makes OffsetFetch wait for pending transactions (KIP-447): a read_uncommitted consumer loses that silently.
        try raw.set("isolation.level", "read_committed")
        #if TAGSTREAM_FAILPOINTS
        if PlantedBug.readUncommittedConsumer.isPlanted { try raw.set("isolation.level", "read_uncommitted") }
        #endif
        try raw.set("auto.offset.reset", options.reset?.rawValue ?? "error")
        try raw.set("enable.partition.eof", "true")
        try raw.set("allow.auto.create.topics", "false")
        rd_kafka_conf_set_rebalance_cb(raw.pointer) { handle, code, partitions, opaque in
            guard let opaque else { return }
            let state = Unmanaged<CallbackState>.fromOpaque(opaque).takeUnretainedValue()
            Consumer.note(code, partitions, of: handle, in: state)
        }
        client = try Client(RD_KAFKA_CONSUMER, raw, CallbackState(notices: notices), "create a consumer")
        // One queue for everything, so that one call serves records, rebalances and errors.
        rd_kafka_poll_set_consumer(client.handle)
    }

    // Destroying the client leaves the group as well, and waits for ever if the revoke that comes with it is not answered.
    deinit { client.state.isClosing = true }

    /// Notes the rebalance for the owner instead of answering it here: a callback must neither block nor commit
    /// (reliability: a revoke handler that calls back into the client is the classical deadlock).
    ///
    /// The group waits for the answer.
    private static func note(
        _ code: rd_kafka_resp_err_t,
        _ list: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>?,
        of handle: OpaquePointer?,
        in state: CallbackState
    ) {
        if state.isClosing {
            rd_kafka_assign(handle, nil)
            return
        }
        let partitions = PartitionList.partitions(in: list)
        if code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            state.rebalance = .assigned(partitions)
        } else {
            state.rebalance = rd_kafka_assignment_lost(handle) != 0 ? .lost(partitions) : .revoked(partitions)
        }
        // Makes the poll that is under way return at once, so that the answer is not late by its timeout.
        rd_kafka_yield(handle)
    }

    // MARK: Subscription and assignment

    /// Joins the group for these topics; partitions come as a ``Rebalance`` from a later poll.
    public func subscribe(_ topics: [String]) throws(KafkaError) {
        let list = PartitionList(topics.map { TopicPartition($0, -1) })
        try KafkaError.check(
            rd_kafka_subscribe(client.handle, list.handle),
            "subscribe to \(topics.joined(separator: ", "))"
        )
    }

    /// Takes partitions, either as the answer to ``Rebalance/assigned(_:)`` or, without a group's say, for a reader of its own.
    ///
    /// - Parameter offsets: where to begin; nil for the committed offset.
    public mutating func assign(_ partitions: [TopicPartition: Int64?]) throws(KafkaError) {
        paused.removeAll()
        let list = PartitionList(partitions.keys.sorted())
        for index in 0..<Int(list.handle.pointee.cnt) {
            let entry = list.handle.pointee.elems[index]
            let partition = TopicPartition(String(cString: entry.topic), entry.partition)
            list.handle.pointee.elems[index].offset = (partitions[partition] ?? nil) ?? Int64(RD_KAFKA_OFFSET_INVALID)
        }
        try KafkaError.check(rd_kafka_assign(client.handle, list.handle), "take \(partitions.count) partitions")
    }

    /// Gives all partitions back: the answer to a revoke or a loss.
    public mutating func unassign() throws(KafkaError) {
        paused.removeAll()
        try KafkaError.check(rd_kafka_assign(client.handle, nil), "give the partitions back")
    }

    /// The offset that stands for a partition's beginning in ``assign(_:)``.
    public static var beginning: Int64 { Int64(RD_KAFKA_OFFSET_BEGINNING) }

    // MARK: Reading

    /// What a poll came upon besides records.
    public enum Outcome: Sendable {
        /// Nothing but the records (perhaps none) that were added to the batch.
        case records
        /// The group rebalances. No record was read after it.
        case rebalance(Rebalance)
    }

    /// Reads what is there, into a batch.
    ///
    /// Waits up to the timeout for the first record and not at all for the others. By `rd_kafka_consumer_poll`, one record a call: the
    /// batch calls of 2.0.2 skip records after a seek (#4208).
    ///
    /// - Parameters:
    ///   - records: the most records to add.
    ///   - bytes: stop adding once this many bytes of values have been added.
    /// - Throws: what a partition or the group reports: an offset that does not exist, a missing right.
    public func poll(
        into batch: inout MessageBatch,
        records: Int,
        bytes: Int,
        timeout milliseconds: Int32
    ) throws(KafkaError) -> Outcome {
        var timeout = milliseconds
        var added = 0
        var size = 0
        while added < records, size < bytes {
            let message = rd_kafka_consumer_poll(client.handle, timeout)
            if let rebalance = client.state.rebalance {
                client.state.rebalance = nil
                // A record that came with it belongs to an assignment that is about to end; it will be read again.
                if let message { rd_kafka_message_destroy(message) }
                return .rebalance(rebalance)
            }
            guard let message else { return .records }
            timeout = 0
            let code = message.pointee.err
            if code == RD_KAFKA_RESP_ERR_NO_ERROR {
                added += 1
                size += message.pointee.len
                batch.append(message)
                continue
            }
            defer { rd_kafka_message_destroy(message) }
            if code == RD_KAFKA_RESP_ERR__PARTITION_EOF {
                batch.noteEnd(message)
                continue
            }
            // Only says that there is one: a static member whose name somebody else has taken meets it here.
            if code == RD_KAFKA_RESP_ERR__FATAL { throw KafkaError(fatalOf: client.handle, "read") }
            let topic = message.pointee.rkt.map { String(cString: rd_kafka_topic_name($0)) }
            let reason = String(cString: rd_kafka_message_errstr(message))
            let place = topic.map { " \($0)[\(message.pointee.partition)]" } ?? ""
            let error = KafkaError(code, "read\(place)", reason: reason)
            // Connections come and go; librdkafka says so and repairs them itself. After an exceeded poll interval it has left the group: the
            // loss of the partitions is the next thing that it tells, and then it joins again.
            if error.isRetriable || code == RD_KAFKA_RESP_ERR__MAX_POLL_EXCEEDED {
                client.state.notices(ClientNotice(level: 4, facility: error.name, message: reason))
                continue
            }
            throw error
        }
        return .records
    }

    /// Goes back (or forth) within partitions that records were read from; what was read ahead is thrown away.
    public func seek(_ offsets: [TopicPartition: Int64]) throws(KafkaError) {
        guard !offsets.isEmpty else { return }
        let list = PartitionList(offsets.mapValues { CommittedOffset($0) })
        // The timeout is divided by a thousand in 2.0.2 (#4230), so only "for ever" works; the call only waits for the client's own threads.
        try KafkaError.check(
            rd_kafka_seek_partitions(client.handle, list.handle, -1),
            "seek in \(offsets.count) partitions"
        )
        var failure: KafkaError?
        list.forEach { partition, entry in
            if entry.err != RD_KAFKA_RESP_ERR_NO_ERROR, failure == nil {
                failure = KafkaError(entry.err, "seek \(partition) to \(entry.offset)")
            }
        }
        if let failure { throw failure }
    }

    /// Stops reading from partitions until they are resumed or assigned anew.
    public mutating func pause(_ partitions: [TopicPartition]) throws(KafkaError) {
        let list = PartitionList(partitions)
        try KafkaError.check(
            rd_kafka_pause_partitions(client.handle, list.handle),
            "pause \(partitions.count) partitions"
        )
        paused.formUnion(partitions)
    }

    /// Reads on from partitions that were paused.
    ///
    /// Those that were not are left out: resuming one of them rewinds it in versions before 2.4.0 (#4636).
    public mutating func resume(_ partitions: [TopicPartition]) throws(KafkaError) {
        let resumable = partitions.filter { paused.contains($0) }
        guard !resumable.isEmpty else { return }
        let list = PartitionList(resumable)
        try KafkaError.check(
            rd_kafka_resume_partitions(client.handle, list.handle),
            "resume \(resumable.count) partitions"
        )
        paused.subtract(resumable)
    }

    // MARK: Asking the broker

    /// The committed offsets of partitions, after pending transactions have ended; nil where nothing was committed.
    public func committed(
        _ partitions: [TopicPartition],
        timeout milliseconds: Int32
    ) throws(KafkaError) -> [TopicPartition: CommittedOffset?] {
        guard !partitions.isEmpty else { return [:] }
        let list = PartitionList(partitions)
        try KafkaError.check(
            rd_kafka_committed(client.handle, list.handle, milliseconds),
            "ask for the committed offsets of \(partitions.count) partitions"
        )
        var offsets: [TopicPartition: CommittedOffset?] = [:]
        var failure: KafkaError?
        list.forEach { partition, entry in
            if entry.err != RD_KAFKA_RESP_ERR_NO_ERROR {
                failure = failure ?? KafkaError(entry.err, "ask for the committed offset of \(partition)")
            }
            let metadata = entry.metadata.map {
                String(decoding: UnsafeRawBufferPointer(start: $0, count: entry.metadata_size), as: UTF8.self)
            }
            offsets[partition] = .some(
                entry.offset >= 0 ? CommittedOffset(entry.offset, metadata: metadata ?? "") : nil
            )
        }
        if let failure { throw failure }
        return offsets
    }

    /// The first and the next offset of a partition, asked of its leader.
    ///
    /// For a reader of committed records the latter is the last stable offset.
    public func watermarks(
        of partition: TopicPartition,
        timeout milliseconds: Int32
    ) throws(KafkaError) -> (low: Int64, high: Int64) {
        var low: Int64 = 0
        var high: Int64 = 0
        try KafkaError.check(
            rd_kafka_query_watermark_offsets(
                client.handle,
                partition.topic,
                partition.partition,
                &low,
                &high,
                milliseconds
            ),
            "ask for the offsets of \(partition)"
        )
        return (low, high)
    }

    /// How many partitions a topic has.
    ///
    /// - Parameter settling: for so many milliseconds a topic that nobody knows is asked for again.
    public func partitionCount(
        of topic: String,
        timeout milliseconds: Int32,
        settling: Int32 = 0
    ) throws(KafkaError) -> Int32 {
        try client.partitionCount(of: topic, timeout: milliseconds, settling: settling)
    }

    /// This member's place in the group, fresh: what a transaction's offsets are fenced by.
    public func groupMetadata() throws(KafkaError) -> GroupMetadata {
        guard let handle = rd_kafka_consumer_group_metadata(client.handle) else {
            throw KafkaError(RD_KAFKA_RESP_ERR__UNKNOWN_GROUP, "ask for the group's metadata")
        }
        return GroupMetadata(handle: handle)
    }

    /// Leaves the group.
    ///
    /// Blocks until it is done, but no longer than librdkafka's own limits; call it last.
    public func close() {
        client.state.isClosing = true
        rd_kafka_consumer_close(client.handle)
    }
}

extension Client {
    /// How many partitions a topic has, by the cluster's metadata.
    ///
    /// Asks for all topics: a producer's question about one topic would create it on a cluster that does so on demand, with whatever
    /// number of partitions that cluster likes.
    func partitionCount(of topic: String, timeout milliseconds: Int32) throws(KafkaError) -> Int32 {
        var metadata: UnsafePointer<rd_kafka_metadata>?
        try KafkaError.check(
            rd_kafka_metadata(handle, 1, nil, &metadata, milliseconds),
            "ask for the partitions of \"\(topic)\""
        )
        defer { rd_kafka_metadata_destroy(metadata) }
        if let found = metadata?.pointee {
            for index in 0..<Int(found.topic_cnt) where strcmp(found.topics[index].topic, topic) == 0 {
                try KafkaError.check(found.topics[index].err, "find the topic \"\(topic)\"")
                return found.topics[index].partition_cnt
            }
        }
        throw KafkaError(RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, "find the topic \"\(topic)\"")
    }

    /// The same, asked again ten times a second while nobody knows the topic: one that has just been created is not known to every broker at
    /// once (CreateTopics is answered when the controller has accepted it).
    func partitionCount(of topic: String, timeout milliseconds: Int32, settling: Int32) throws(KafkaError) -> Int32 {
        let deadline = ContinuousClock.now + .milliseconds(settling)
        while true {
            do {
                return try partitionCount(of: topic, timeout: milliseconds)
            } catch {
                guard error.isUnknownTopic, ContinuousClock.now < deadline else { throw error }
                usleep(100_000)
            }
        }
    }
}
