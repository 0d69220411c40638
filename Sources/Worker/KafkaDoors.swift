public import Kafka
public import Tagstream

/// The doors to a real cluster: one consumer and one transactional producer, used by the lane's thread alone.
public struct KafkaDoors: LaneDoors, ~Copyable {
    private var patience: Patience { patience(of: configuration.patience) }

    private func patience(of milliseconds: Int64) -> Patience {
        Patience(milliseconds: min(milliseconds, configuration.patience), now: now, isGivenUp: stop.isOver)
    }

    /// The budget of a revocation that is under way.
    private var budget: RevocationBudget?

    struct Output {
        var topic: TransactionalProducer.Topic
        var partitions: Int32
    }

    let configuration: Configuration
    let notices: NoticeHandler
    private let now: () -> Int64
    private let shouldStop: () -> Bool
    private let stop: StopBudget
    private var consumer: Owned<Consumer>?
    private var producer: Owned<TransactionalProducer>?
    private var outputs: [Output] = []
    private var messages = MessageBatch()
    /// The batch's index of each topic, by the consumer's identity of it.
    private var topics: [(identity: OpaquePointer, index: Int32)] = []
    var headers: [TransactionalProducer.Header] = []
    private var hasProduced = false
    /// Whether offsets of the open transaction may be on their way.
    private var areOffsetsInDoubt = false
    /// This member's place in the group as it was asked for last; nil where nobody asks, and offsets are fenced by nothing.
    private var knownPlace: GroupPlace?
    var changelog: Output?
    var changelogKey = ByteArena(capacity: 256)
    var changelogReader: Owned<ChangelogReader>?

    /// Makes doors that ``open()`` opens.
    ///
    /// - Parameters:
    ///   - now: milliseconds of a clock that never goes back.
    ///   - shouldStop: asked while waiting for the cluster at the start; true gives up.
    public init(
        _ configuration: Configuration,
        now: @escaping () -> Int64,
        shouldStop: @escaping () -> Bool,
        notices: @escaping NoticeHandler
    ) {
        self.configuration = configuration
        self.now = now
        self.shouldStop = shouldStop
        stop = StopBudget(milliseconds: configuration.patienceWhenStopping, now: now, shouldStop: shouldStop)
        self.notices = notices
    }

    // MARK: Opening and closing

    /// Opens the producer first, so that an open transaction of an earlier owner ends, then joins the group.
    public mutating func open() throws {
        // The producer first: what an earlier owner of the transactional id left open has to end before offsets are read.
        try openProducer()
        #if TAGSTREAM_FAILPOINTS
        try Failpoint.hit(.inInit)
        #endif
        let consumer = try Consumer(configuration.client, configuration.consumer, notices: notices)
        if !configuration.inputs.isEmpty { try consumer.subscribe(configuration.inputs) }
        self.consumer = Owned(consumer)
    }

    private mutating func openProducer() throws {
        var patience = patience
        if consumer == nil { patience.isGivenUp = shouldStop }
        producer = Owned(try TransactionalProducer(configuration.client, configuration.producer, notices: notices))
        try patience.repeating { (left) throws(KafkaError) in try producer!.value.initTransactions(timeout: left) }
        outputs = []
        for destination in Destination.allCases {
            outputs.append(try output(configuration.topic(of: destination), patience))
        }
        if let name = configuration.changelog { changelog = try output(name, patience) }
        hasProduced = false
    }

    private mutating func output(_ name: String, _ patience: Patience) throws(KafkaError) -> Output {
        var partitions: Int32 = 0
        try patience.repeating { _ throws(KafkaError) in
            partitions = try producer!.value.partitionCount(of: name, timeout: 5000, settling: 5000)
        }
        return Output(topic: try producer!.value.topic(name), partitions: partitions)
    }

    /// Leaves the group and closes both clients.
    public mutating func close() {
        messages.removeAll()
        #if TAGSTREAM_FAILPOINTS
        readAhead.forget()
        #endif
        consumer?.value.close()
        consumer = nil
        producer = nil
    }

    // MARK: The front door

    /// Polls the consumer; the batch lends librdkafka's bytes until ``release()``.
    public mutating func poll(
        into batch: inout RecordBatch,
        records: Int,
        bytes: Int,
        timeout: Int64
    ) throws(KafkaError) -> LaneEvent {
        producer?.value.poll(timeout: 0)
        batch.removeAll()
        messages.removeAll()
        let outcome = try read(records: records, bytes: bytes, timeout: Int32(clamping: timeout))
        if case .rebalance(let rebalance) = outcome {
            messages.removeAll()
            return .rebalance(rebalance)
        }
        for index in 0..<messages.count {
            let record = messages[index]
            batch.append(
                topic: topicIndex(record, &batch),
                partition: record.partition,
                offset: record.offset,
                timestamp: record.timestamp,
                key: record.key,
                value: record.value
            )
            record.forEachHeader { name, value in batch.appendHeader(name: name, value: value) }
        }
        return .records(ends: Dictionary(messages.ends.map { ($0.partition, $0.offset) }, uniquingKeysWith: max))
    }

    private mutating func read(records: Int, bytes: Int, timeout: Int32) throws(KafkaError) -> Consumer.Outcome {
        #if TAGSTREAM_FAILPOINTS
        if let outcome = readAhead.take(into: &messages) { return outcome }
        #endif
        return try consumer!.value.poll(into: &messages, records: records, bytes: bytes, timeout: timeout)
    }

    private mutating func topicIndex(_ record: MessageBatch.Record, _ batch: inout RecordBatch) -> Int32 {
        let identity = record.topicIdentity
        if let known = topics.first(where: { $0.identity == identity }) { return known.index }
        let index = batch.index(ofTopic: record.topic)
        topics.append((identity, index))
        return index
    }

    /// Destroys the messages of the last poll.
    public mutating func release() { messages.removeAll() }

    /// Asks the group's coordinator.
    public mutating func committed(
        _ partitions: [TopicPartition]
    ) throws(KafkaError) -> [TopicPartition: CommittedOffset] {
        var committed: [TopicPartition: CommittedOffset] = [:]
        try patience.repeating { _ throws(KafkaError) in
            committed = try consumer!.value.committed(partitions, timeout: 10_000).compactMapValues { $0 }
        }
        return committed
    }

    /// Takes the assignment.
    public mutating func assign(_ partitions: [TopicPartition]) throws(KafkaError) {
        try consumer!.value.assign(Dictionary(uniqueKeysWithValues: partitions.map { ($0, Int64?.none) }))
    }

    /// Asks for high watermarks (last stable offsets, as the consumer reads committed records only).
    public mutating func endOffsets(of partitions: [TopicPartition]) throws(KafkaError) -> [TopicPartition: Int64] {
        var ends: [TopicPartition: Int64] = [:]
        for partition in partitions {
            try patience.repeating { _ throws(KafkaError) in
                ends[partition] = try consumer!.value.watermarks(of: partition, timeout: 5000).high
            }
        }
        return ends
    }

    /// Gives the assignment back.
    public mutating func unassign() throws(KafkaError) {
        #if TAGSTREAM_FAILPOINTS
        readAhead.forget()
        #endif
        try consumer!.value.unassign()
    }

    /// Seeks within assigned partitions.
    public mutating func seek(_ offsets: [TopicPartition: Int64]) throws(KafkaError) {
        #if TAGSTREAM_FAILPOINTS
        readAhead.forget()
        #endif
        try consumer!.value.seek(offsets)
    }

    // MARK: The back door

    /// Begins a transaction on the producer.
    public mutating func begin() throws(KafkaError) {
        try producer!.value.begin()
        hasProduced = false
        areOffsetsInDoubt = false
    }

    /// Hands rows, matches and dead letters over, each labelled with its input record.
    public mutating func produce(
        _ out: borrowing OutputBatch,
        of batch: borrowing RecordBatch,
        firstLabel: Int
    ) throws(KafkaError) {
        for record in out.records {
            let output = outputs[Int(record.destination.rawValue)]
            // The same number as the input's: order is kept, and a transaction touches few partitions.
            let partition = batch.records[Int(record.input)].partition % output.partitions
            headers.removeAll(keepingCapacity: true)
            for header in out.headers[Int(record.firstHeader)..<Int(record.firstHeader &+ record.headerCount)] {
                // The name's NUL stands behind it in the arena.
                let name = (out.arena.base + Int(header.name.offset)).assumingMemoryBound(to: CChar.self)
                headers.append(TransactionalProducer.Header(name: name, value: out.bytes(header.value)))
            }
            try hand(
                out.bytes(record.key),
                out.bytes(record.value),
                to: output.topic,
                partition,
                label: firstLabel + Int(record.input)
            )
            #if TAGSTREAM_FAILPOINTS
            try Failpoint.hit(.afterFirstProduce)
            #endif
        }
        producer!.value.poll(timeout: 0)
    }

    /// Hands one record over, with ``headers``.
    mutating func hand(
        _ key: UnsafeRawBufferPointer?,
        _ value: UnsafeRawBufferPointer?,
        to topic: TransactionalProducer.Topic,
        _ partition: Int32,
        label: Int
    ) throws(KafkaError) {
        let deadline = now() + configuration.patience
        while true {
            do throws(KafkaError) {
                try producer!.value.produce(
                    to: topic,
                    partition: partition,
                    key: key,
                    value: value,
                    headers: headers,
                    label: label
                )
                break
            } catch {
                if error.isTooLarge { refused = FailedDelivery(label: label, error: error) }
                guard error.isQueueFull, now() < deadline, !stop.isOver() else { throw error }
                // Backpressure: nothing more is read until the broker has taken what waits.
                producer!.value.poll(timeout: 100)
            }
        }
        hasProduced = true
    }

    /// A record that the client itself refused for its size, before it was ever sent.
    private var refused: FailedDelivery?

    /// What the delivery reports have said so far.
    public var failedRecord: FailedDelivery? {
        if let refused { return refused }
        return producer?.value.failedDelivery
    }

    /// Asks librdkafka.
    public mutating func place() throws(KafkaError) -> GroupPlace {
        let place = try consumer!.value.groupMetadata().place()
        knownPlace = place
        return place
    }

    /// Bounds what follows.
    public mutating func hurry(_ budget: RevocationBudget?) { self.budget = budget }

    /// Sends the offsets with fresh group metadata, then commits; both are resumed while they can be retried.
    ///
    /// Never with the timeout "for ever": an end of the client's state machine that forgets to answer (2.0.2 and later, "outdated") would
    /// block the lane's thread.
    public mutating func commit(_ offsets: [TopicPartition: CommittedOffset]) throws(KafkaError) {
        #if TAGSTREAM_FAILPOINTS
        let offsets = try PlantedBug.positionInsteadOfLedger.isPlanted ? positions(besides: offsets) : offsets
        #endif
        let forOffsets = patience(of: budget?.beforeEnd(at: now()) ?? .max)
        do throws(KafkaError) {
            try forOffsets.repeating { (left) throws(KafkaError) in
                // Fresh each time: it carries the generation that fences a member the group has given up. And never another one than the
                // lane has agreed to: a member that has lost its place has none that would fence anything, and Kafka takes offsets of such.
                let group = try consumer!.value.groupMetadata()
                if let knownPlace, try group.place() != knownPlace { throw .placeLost(while: "send the offsets") }
                areOffsetsInDoubt = true
                try producer!.value.send(offsets, of: group, timeout: left)
            }
        } catch {
            // Whatever the last answer was: librdkafka repeats the request, and an earlier copy may have none.
            if error.isStaleMembership { areOffsetsInDoubt = false }
            throw error
        }
        areOffsetsInDoubt = false
        #if TAGSTREAM_FAILPOINTS
        try Failpoint.hit(.afterOffsets)
        Failpoint.hitSoon(.inCommit)
        #endif
        let forEnd = patience(of: budget?.forEnd(at: now()) ?? .max)
        try forEnd.repeating { (left) throws(KafkaError) in try producer!.value.commit(timeout: left) }
    }

    /// Aborts, resumed while it can be retried; never where what the transaction has sent was given up without an answer.
    ///
    /// That would belong to the next transaction: the producer's epoch is the same, so whenever it comes the broker takes it, and the next
    /// commit makes records visible that were aborted, or commits offsets whose records were not (KIP-890 calls these delayed requests;
    /// before its second version only the client can prevent them). librdkafka's abort waits for what is on its way, and asks for a new epoch
    /// where that times out; but what waits to be sent again it drops, without either. Here that is dropped first. If there was something,
    /// this throws, and ``recover(_:)`` has to end the transaction: a new producer has another epoch, and the broker refuses what is late.
    public mutating func abort() throws(KafkaError) {
        refused = nil
        let patience = patience(of: budget?.forEnd(at: now()) ?? .max)
        // An abort while the first request is under way makes the broker call the producer's state invalid (#4849): wait for one answer.
        let deadline = now() + min(2000, patience.milliseconds / 2)
        while hasProduced, producer!.value.delivered == 0, producer!.value.failedDelivery == nil, now() < deadline {
            producer!.value.poll(timeout: 20)
        }
        producer!.value.dropUnsent()
        let isInDoubt = areOffsetsInDoubt || producer!.value.isInDoubt
        if isInDoubt, !configuration.abortsInDoubt { throw .inDoubt(while: "abort the transaction") }
        try patience.repeating { (left) throws(KafkaError) in try producer!.value.abort(timeout: left) }
    }

    #if TAGSTREAM_FAILPOINTS
    private var readAhead = ReadAhead()

    /// What librdkafka calls the consumer's position, of every partition that is assigned, once the next records have been read.
    private mutating func positions(
        besides offsets: [TopicPartition: CommittedOffset]
    ) throws(KafkaError) -> [TopicPartition: CommittedOffset] {
        try readAhead.fill(from: consumer!.value)
        return try consumer!.value.positions().mapValues {
            CommittedOffset($0, metadata: offsets.first?.value.metadata ?? "")
        }
    }
    #endif

    /// Makes a new producer with the same transactional id, then asks the group's coordinator.
    public mutating func recover(_ partitions: [TopicPartition]) throws -> [TopicPartition: Int64] {
        refused = nil
        producer = nil
        #if TAGSTREAM_FAILPOINTS
        try Failpoint.hit(.inRecover)
        #endif
        try openProducer()
        var committed: [TopicPartition: Int64] = [:]
        try patience.repeating { _ throws(KafkaError) in
            committed = try consumer!.value.committed(partitions, timeout: 10_000).compactMapValues { $0?.offset }
        }
        return committed
    }
}
