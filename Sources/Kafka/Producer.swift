internal import CLibrdkafka
import Dispatch

/// A record whose delivery failed, by what the caller named it.
public struct FailedDelivery: Sendable {
    /// The `label` that was given to ``TransactionalProducer/produce(to:partition:key:value:headers:timestamp:label:)``.
    public var label: Int
    /// Why.
    public var error: KafkaError

    /// Names a record and why it failed.
    public init(label: Int, error: KafkaError) {
        self.label = label
        self.error = error
    }
}

/// A producer that writes in transactions.
///
/// Owned and used by one thread. Its transactional id must be stable and used by one producer at a time: a second one fences the
/// first. Every call that ends a transaction may be repeated with the same arguments when its error's remedy is ``Remedy/retry``.
public struct TransactionalProducer: ~Copyable {
    /// How a producer is set up.
    public struct Options: Sendable {
        /// The transactional id.
        public var transactionalID: String
        /// After how long without an end the broker aborts a transaction, in milliseconds.
        public var transactionTimeout: Int
        /// The most bytes that may wait for delivery.
        public var queueBytes: Int
        /// The most records that may wait for delivery.
        public var queueRecords: Int

        /// Makes options.
        public init(
            transactionalID: String,
            transactionTimeout: Int = 15_000,
            queueBytes: Int = 64 << 20,
            queueRecords: Int = 1_000_000
        ) {
            self.transactionalID = transactionalID
            self.transactionTimeout = transactionTimeout
            self.queueBytes = queueBytes
            self.queueRecords = queueRecords
        }
    }

    /// A topic that records are produced to.
    public struct Topic: Sendable, Equatable {
        fileprivate let index: Int
    }

    private let client: Client
    /// Where offsets are sent from.
    private let offsetsQueue = DispatchQueue(label: "offsets")
    private var topics: [(name: String, handle: OpaquePointer)] = []
    /// The parts of the record that is being handed over; as many as the record with the most headers needed.
    private var parts: UnsafeMutablePointer<rd_kafka_vu_t>
    private var partCapacity = 64

    /// Makes a producer; ``initTransactions(timeout:)`` has to follow.
    public init(
        _ configuration: ClientConfiguration,
        _ options: Options,
        notices: @escaping NoticeHandler = { _ in }
    ) throws {
        let raw = try RawConfiguration()
        try raw.set("socket.nagle.disable", "true")
        // The first request after a commit meets CONCURRENT_TRANSACTIONS; with the default of 100 ms commits cluster at that.
        try raw.set("retry.backoff.ms", "5")
        try raw.set("linger.ms", "5")
        try raw.set("queue.buffering.max.messages", String(max(1, options.queueRecords)))
        try raw.set("queue.buffering.max.kbytes", String(max(1024, options.queueBytes >> 10)))
        try raw.set("transaction.timeout.ms", String(options.transactionTimeout))
        for (name, value) in configuration.properties.sorted(by: { $0.key < $1.key })
        where !ConsumerOnly.names.contains(name) {
            try raw.set(name, value)
        }
        try raw.set("bootstrap.servers", configuration.brokers)
        try raw.set("transactional.id", options.transactionalID)
        try raw.set("enable.idempotence", "true")
        try raw.set("allow.auto.create.topics", "false")
        rd_kafka_conf_set_dr_msg_cb(raw.pointer) { _, message, opaque in
            guard let opaque, let message else { return }
            let state = Unmanaged<CallbackState>.fromOpaque(opaque).takeUnretainedValue()
            TransactionalProducer.note(message, in: state)
        }
        client = try Client(RD_KAFKA_PRODUCER, raw, CallbackState(notices: notices), "create a producer")
        parts = .allocate(capacity: partCapacity)
        parts.initialize(repeating: rd_kafka_vu_t(), count: partCapacity)
    }

    deinit {
        // Whatever is still on its way belongs to no transaction that will be committed. Without this the answer to it may come while the
        // client is taken down, and one that says "fenced" then frees the state's text a second time (seen with 2.0.2: the process
        // crashed where it should have ended with its reason).
        rd_kafka_purge(client.handle, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT)
        // Topics refer to the client, which goes after this.
        for topic in topics { rd_kafka_topic_destroy(topic.handle) }
        parts.deallocate()
    }

    private static func note(_ message: UnsafePointer<rd_kafka_message_t>, in state: CallbackState) {
        let code = message.pointee.err
        if code == RD_KAFKA_RESP_ERR_NO_ERROR {
            state.delivered += 1
            return
        }
        // Also when an abort has dropped it: it was to be sent a second time, and nobody has answered the first.
        if rd_kafka_message_status(message) == RD_KAFKA_MSG_STATUS_POSSIBLY_PERSISTED { state.isInDoubt = true }
        // An abort purges what was not sent: those reports are the abort's own and no failures (rdkafka.h, rd_kafka_abort_transaction).
        if code == RD_KAFKA_RESP_ERR__PURGE_QUEUE || code == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT { return }
        guard state.failedDelivery == nil else { return }
        let topic = String(cString: rd_kafka_topic_name(message.pointee.rkt))
        state.failedDelivery = FailedDelivery(
            label: Int(bitPattern: message.pointee._private),
            error: KafkaError(code, "deliver a record to \"\(topic)\"")
        )
    }

    // MARK: Topics

    /// Names a topic to produce to.
    public mutating func topic(_ name: String) throws(KafkaError) -> Topic {
        if let index = topics.firstIndex(where: { $0.name == name }) { return Topic(index: index) }
        guard let handle = rd_kafka_topic_new(client.handle, name, nil) else {
            throw KafkaError(rd_kafka_last_error(), "prepare the topic \"\(name)\"")
        }
        topics.append((name, handle))
        return Topic(index: topics.count - 1)
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

    // MARK: Transactions

    /// Registers the transactional id: ends what an earlier producer of that id left open, and fences that producer.
    public func initTransactions(timeout milliseconds: Int32) throws(KafkaError) {
        try KafkaError.check(rd_kafka_init_transactions(client.handle, milliseconds), "register the transactional id")
    }

    /// Begins a transaction.
    ///
    /// Local: the broker learns of it with the first record.
    public func begin() throws(KafkaError) {
        client.state.failedDelivery = nil
        client.state.delivered = 0
        client.state.isInDoubt = false
        try KafkaError.check(rd_kafka_begin_transaction(client.handle), "begin a transaction")
    }

    /// A header to produce: a NUL-terminated name, and a value or null.
    public struct Header {
        var name: UnsafePointer<CChar>
        var value: UnsafeRawBufferPointer?

        /// Makes a header; both parts must live until the call returns.
        public init(name: UnsafePointer<CChar>, value: UnsafeRawBufferPointer?) {
            self.name = name
            self.value = value
        }
    }

    /// Hands a record over; key, value and headers are copied.
    ///
    /// - Parameters:
    ///   - timestamp: milliseconds since 1970; nil for the time of the call.
    ///   - label: comes back with ``failedDelivery``.
    /// - Throws: ``KafkaError/isQueueFull`` (poll and repeat), ``KafkaError/isTooLarge`` (it will never fit).
    public mutating func produce(
        to topic: Topic,
        partition: Int32,
        key: UnsafeRawBufferPointer?,
        value: UnsafeRawBufferPointer?,
        headers: [Header],
        timestamp: Int64? = nil,
        label: Int
    ) throws(KafkaError) {
        if headers.count + 7 > partCapacity { growParts(to: headers.count + 7) }
        let parts = parts
        var count = 0
        func add(_ kind: rd_kafka_vtype_t) -> UnsafeMutablePointer<rd_kafka_vu_t> {
            parts[count].vtype = kind
            count += 1
            return parts + (count - 1)
        }
        add(RD_KAFKA_VTYPE_RKT).pointee.u.rkt = topics[topic.index].handle
        add(RD_KAFKA_VTYPE_PARTITION).pointee.u.i32 = partition
        add(RD_KAFKA_VTYPE_MSGFLAGS).pointee.u.i = Int32(RD_KAFKA_MSG_F_COPY)
        add(RD_KAFKA_VTYPE_OPAQUE).pointee.u.ptr = UnsafeMutableRawPointer(bitPattern: label)
        if let timestamp { add(RD_KAFKA_VTYPE_TIMESTAMP).pointee.u.i64 = timestamp }
        if let key {
            let part = add(RD_KAFKA_VTYPE_KEY)
            // An empty key is not null: any address will do, nothing is read from it.
            part.pointee.u.mem.ptr = UnsafeMutableRawPointer(mutating: key.baseAddress ?? UnsafeRawPointer(parts))
            part.pointee.u.mem.size = key.count
        }
        if let value {
            let part = add(RD_KAFKA_VTYPE_VALUE)
            part.pointee.u.mem.ptr = UnsafeMutableRawPointer(mutating: value.baseAddress ?? UnsafeRawPointer(parts))
            part.pointee.u.mem.size = value.count
        }
        // One part for each header, never RD_KAFKA_VTYPE_HEADERS: that one is freed twice when the call fails (#4628).
        for header in headers {
            let part = add(RD_KAFKA_VTYPE_HEADER)
            part.pointee.u.header.name = header.name
            part.pointee.u.header.val = header.value.map { $0.baseAddress ?? UnsafeRawPointer(parts) }
            part.pointee.u.header.size = header.value?.count ?? 0
        }
        try KafkaError.check(
            rd_kafka_produceva(client.handle, parts, count),
            "produce to \"\(topics[topic.index].name)\""
        )
    }

    private mutating func growParts(to needed: Int) {
        parts.deallocate()
        partCapacity = needed
        parts = .allocate(capacity: needed)
        parts.initialize(repeating: rd_kafka_vu_t(), count: needed)
    }

    /// Serves delivery reports, waiting up to the timeout for the first.
    public func poll(timeout milliseconds: Int32) { rd_kafka_poll(client.handle, milliseconds) }

    /// The first record of the open transaction that could not be delivered.
    public var failedDelivery: FailedDelivery? { client.state.failedDelivery }

    /// How many records of the open transaction were delivered.
    public var delivered: Int { client.state.delivered }

    /// Whether a request with records of the open transaction was given up without an answer: the broker may have them, or get them yet.
    public var isInDoubt: Bool { client.state.isInDoubt }

    /// Drops what has not been sent, or was to be sent again, and serves the reports of that.
    ///
    /// What librdkafka's own abort begins with, and with its flag, which is none of the public ones: without it the numbers of these records
    /// would be missing in the next transaction's sequence. A version that does not know the flag drops nothing.
    public func dropUnsent() {
        rd_kafka_purge(client.handle, RD_KAFKA_PURGE_F_QUEUE | Self.abortsTransaction)
        poll(timeout: 0)
    }

    /// `RD_KAFKA_PURGE_F_ABORT_TXN` (rdkafka_int.h, since 1.4.0).
    private static let abortsTransaction: Int32 = 0x100

    /// Adds offsets to the open transaction: they are committed when it is, and only if this member is still in its generation.
    ///
    /// Repeat with the same arguments when the remedy is ``Remedy/retry``. Takes no longer than twice the timeout, or two seconds more; where
    /// the call has not returned by then the remedy is ``Remedy/exit``, and this producer can do nothing any more but be replaced.
    public func send(
        _ offsets: [TopicPartition: CommittedOffset],
        of group: consuming GroupMetadata,
        timeout milliseconds: Int32
    ) throws(KafkaError) {
        let operation = "send the offsets of \(offsets.count) partitions to the transaction"
        try PendingOffsets(offsets, of: group, by: client.owner).send(
            timeout: milliseconds,
            on: offsetsQueue,
            operation
        )
    }

    /// Delivers what is waiting and commits.
    ///
    /// A time-out is an error to be retried: the call resumes where it was. Any other error without a flag leaves the outcome unknown.
    public func commit(timeout milliseconds: Int32) throws(KafkaError) {
        try KafkaError.check(rd_kafka_commit_transaction(client.handle, milliseconds), "commit the transaction")
    }

    /// Drops what is waiting and aborts.
    public func abort(timeout milliseconds: Int32) throws(KafkaError) {
        try KafkaError.check(rd_kafka_abort_transaction(client.handle, milliseconds), "abort the transaction")
    }
}
