import Kafka
import Testing

/// What a producer meets when a broker answers a request with an error (measured: librdkafka 2.0.2).
@Suite(.serialized, .timeLimit(.minutes(5))) struct `An error in a transaction` {
    /// One cluster for all rows, one after the other: to stop one takes a second.
    private static let shared = Result { try Harness(topics: ["t": 1, "in": 1]) }
    private let harness = try! shared.get()

    enum Outcome: Sendable, Equatable { case absorbed, abort, exit }

    struct Row: Sendable, CustomTestStringConvertible {
        var request: EmbeddedCluster.Request
        var code: Int32
        var outcome: Outcome
        init(_ request: EmbeddedCluster.Request, _ code: Int32, _ outcome: Outcome) {
            self.request = request
            self.code = code
            self.outcome = outcome
        }
        var testDescription: String { "\(request) answers \(code): \(outcome)" }
    }

    /// The codes that a broker may answer a call of a transaction with, by what librdkafka 2.0.2 makes of them.
    private static let table: [(EmbeddedCluster.Request, absorbed: [Int32], abort: [Int32], exit: [Int32])] = [
        (
            .initProducerID,
            absorbed: [
                Code.unknown, Code.requestTimedOut, Code.coordinatorLoading, Code.coordinatorNotAvailable,
                Code.notCoordinator, Code.concurrentTransactions, Code.invalidState, Code.invalidMapping,
            ],
            abort: [],
            exit: [Code.producerFenced, Code.invalidEpoch, Code.clusterForbidden, Code.transactionalIDForbidden]
        ),
        (
            .addPartitionsToTransaction,
            absorbed: [
                Code.unknownTopic, Code.coordinatorLoading, Code.coordinatorNotAvailable, Code.notCoordinator,
                Code.concurrentTransactions,
            ],
            abort: [
                Code.unknown, Code.requestTimedOut, Code.topicForbidden, Code.invalidMapping, Code.unsupportedVersion,
                Code.invalidRequest,
            ],
            exit: [
                Code.producerFenced, Code.invalidEpoch, Code.invalidState, Code.clusterForbidden,
                Code.transactionalIDForbidden,
            ]
        ),
        (
            .addOffsetsToTransaction,
            absorbed: [
                Code.unknownTopic, Code.requestTimedOut, Code.coordinatorLoading, Code.coordinatorNotAvailable,
                Code.notCoordinator, Code.concurrentTransactions,
            ],
            // Fenced, and yet only to be aborted: that is why a lane asks for the code and not for the flag.
            abort: [
                Code.producerFenced, Code.unknown, Code.groupForbidden, Code.invalidMapping, Code.unsupportedVersion,
                Code.invalidRequest,
            ],
            exit: [Code.invalidEpoch, Code.invalidState, Code.clusterForbidden, Code.transactionalIDForbidden]
        ),
        (
            .transactionalOffsetCommit,
            absorbed: [
                Code.unknownTopic, Code.requestTimedOut, Code.coordinatorLoading, Code.coordinatorNotAvailable,
                Code.notCoordinator, Code.concurrentTransactions,
            ],
            abort: [
                Code.producerFenced, Code.unknown, Code.illegalGeneration, Code.unknownMember, Code.fencedInstance,
                Code.rebalanceInProgress, Code.groupForbidden, Code.topicForbidden, Code.invalidRequest,
            ],
            exit: [
                Code.invalidEpoch, Code.invalidState, Code.invalidMapping, Code.clusterForbidden,
                Code.transactionalIDForbidden,
            ]
        ),
        (
            .endTransaction,
            absorbed: [
                Code.coordinatorLoading, Code.coordinatorNotAvailable, Code.notCoordinator, Code.concurrentTransactions,
            ],
            abort: [
                Code.unknown, Code.requestTimedOut, Code.invalidMapping, Code.unsupportedVersion, Code.invalidRequest,
            ],
            exit: [
                Code.producerFenced, Code.invalidEpoch, Code.invalidState, Code.clusterForbidden,
                Code.transactionalIDForbidden,
            ]
        ),
        (
            .produce,
            absorbed: [Code.unknownTopic, Code.notLeader, Code.requestTimedOut],
            abort: [
                Code.messageTooLarge, Code.topicForbidden, Code.unknown, Code.clusterForbidden, Code.invalidState,
                Code.invalidMapping, Code.transactionalIDForbidden, Code.invalidRequest, Code.producerFenced,
            ],
            exit: [Code.invalidEpoch]
        ),
        // The group's coordinator is asked for as well, and may meet the error first: only what is the same for both.
        (
            .findCoordinator,
            absorbed: [
                Code.coordinatorNotAvailable, Code.coordinatorLoading, Code.requestTimedOut, Code.unknown,
            ],
            abort: [],
            exit: []
        ),
    ]

    private static let rows: [Row] = table.flatMap { call, absorbed, abort, exit in
        absorbed.map { Row(call, $0, .absorbed) } + abort.map { Row(call, $0, .abort) }
            + exit.map { Row(call, $0, .exit) }
    }

    @Test(arguments: rows)
    func `has one remedy`(row: Row) throws {
        for request in EmbeddedCluster.Request.allCases { harness.cluster.clearErrors(of: request) }
        let id = row.testDescription
        var producer = try harness.producer(id)
        let consumer = try harness.consumer()
        // Asked first, so that the injected error meets the request it is for.
        harness.cluster.inject([row.code], into: row.request)
        let error = Self.transact(&producer, consumer)
        switch row.outcome {
        case .absorbed: #expect(error == nil, "\(error.map(String.init(describing:)) ?? "")")
        case .abort:
            #expect(error?.remedy == .abort, "\(error.map(String.init(describing:)) ?? "nothing")")
            try producer.abort(timeout: 10_000)
            // After a delivery that failed the embedded cluster misses the record's number in the sequence: there a new producer helps.
            if row.request != .produce { #expect(Self.transact(&producer, consumer, isNew: false) == nil) }
            #expect(try successor(of: id, consumer) == nil)
        case .exit:
            #expect(error?.remedy == .exit, "\(error.map(String.init(describing:)) ?? "nothing")")
            // A new producer with the same id puts it right.
            #expect(try successor(of: id, consumer) == nil)
        }
        consumer.close()
    }

    /// What becomes of a transaction of a new producer with the same id.
    ///
    /// The embedded cluster draws producers' ids from 900,000 numbers; whoever gets one that another transactional id has had is told that
    /// this one is not its own (`rd_kafka_mock_pid_find`), and another one is drawn.
    private func successor(of id: String, _ consumer: borrowing Consumer) throws -> KafkaError? {
        var error: KafkaError?
        for _ in 0..<3 {
            var producer = try harness.producer(id)
            error = Self.transact(&producer, consumer)
            if error?.code != Code.invalidMapping { break }
        }
        return error
    }

    private static func repeating(_ call: () throws(KafkaError) -> Void) throws(KafkaError) {
        for attempt in 0..<20 {
            do throws(KafkaError) {
                return try call()
            } catch {
                guard error.remedy == .retry, attempt < 19 else { throw error }
            }
        }
    }

    /// One whole transaction; returns the error that ended it, after repeating what may be repeated.
    private static func transact(
        _ producer: inout TransactionalProducer,
        _ consumer: borrowing Consumer,
        isNew: Bool = true
    ) -> KafkaError? {
        do throws(KafkaError) {
            if isNew { try repeating { () throws(KafkaError) in try producer.initTransactions(timeout: 5000) } }
            let topic = try producer.topic("t")
            try producer.begin()
            try producer.produce("a", to: topic, label: 1)
            try producer.produce("b", to: topic, label: 2)
            producer.settle(2)
            try repeating { () throws(KafkaError) in
                let group = try consumer.groupMetadata()
                try producer.send(
                    [TopicPartition("in", 0): CommittedOffset(2, metadata: "m")],
                    of: group,
                    timeout: 5000
                )
            }
            try repeating { () throws(KafkaError) in try producer.commit(timeout: 5000) }
            return nil
        } catch {
            return error
        }
    }

    @Test func `has a row for every call and every class`() {
        #expect(Self.rows.count >= 60)
        #expect(Set(Self.table.map(\.0)).count == 7)
    }

    // MARK: The cluster's own troubles

    @Test func `is none while the broker is away for a moment`() throws {
        let harness = try Harness(topics: ["t": 1, "in": 1])
        var producer = try harness.producer()
        let consumer = try harness.consumer()
        #expect(Self.transact(&producer, consumer) == nil)
        let topic = try producer.topic("t")
        try producer.begin()
        try producer.produce("a", to: topic, label: 1)
        producer.settle(1)
        harness.cluster.setDown(true)
        let offsets = [TopicPartition("in", 0): CommittedOffset(2)]
        // Each call gives up after its time and may be repeated with the same arguments.
        let error = #expect(throws: KafkaError.self) {
            try producer.send(offsets, of: try consumer.groupMetadata(), timeout: 300)
        }
        #expect(error?.remedy == .retry)
        harness.cluster.setDown(false)
        try Self.repeating { () throws(KafkaError) in
            try producer.send(offsets, of: try consumer.groupMetadata(), timeout: 5000)
        }
        harness.cluster.setDown(true)
        let late = #expect(throws: KafkaError.self) { try producer.commit(timeout: 300) }
        #expect(late?.remedy == .retry)
        harness.cluster.setDown(false)
        try Self.repeating { () throws(KafkaError) in try producer.commit(timeout: 5000) }
        consumer.close()
    }

    @Test func `is one in bounded time when the group's coordinator is gone`() throws {
        let harness = try Harness(topics: ["t": 1, "in": 1], brokers: 2)
        try harness.cluster.setCoordinator(ofTransactionalID: "p", to: 1)
        try harness.cluster.setCoordinator(ofGroup: "g", to: 2)
        harness.cluster.setLeader(1, of: TopicPartition("t", 0))
        let consumer = try harness.consumer()
        let offsets = [TopicPartition("in", 0): CommittedOffset(2)]
        do {
            var producer = try harness.producer()
            #expect(Self.transact(&producer, consumer) == nil)
            try producer.begin()
            harness.cluster.setDown(true, broker: 2)
            // librdkafka does not return from this call before the coordinator is back (#5456).
            let error = #expect(throws: KafkaError.self) {
                try producer.send(offsets, of: try consumer.groupMetadata(), timeout: 1000)
            }
            #expect(error?.isTimeout == true)
            #expect(error?.remedy == .exit)
        }
        // The producer is given up with its call, and another one goes on.
        var next = try harness.producer()
        harness.cluster.setDown(false, broker: 2)
        #expect(Self.transact(&next, consumer) == nil)
        consumer.close()
    }

    @Test func `is none when every answer takes three seconds`() throws {
        let harness = try Harness(topics: ["t": 1, "in": 1])
        var producer = try harness.producer()
        let consumer = try harness.consumer()
        #expect(Self.transact(&producer, consumer) == nil)
        harness.cluster.setRoundTripTime(3000)
        #expect(Self.transact(&producer, consumer, isNew: false) == nil)
        harness.cluster.setRoundTripTime(0)
        consumer.close()
    }

    @Test func `is none when the coordinators move`() throws {
        let harness = try Harness(topics: ["t": 1, "in": 1], brokers: 3)
        var producer = try harness.producer("moving")
        let consumer = try harness.consumer("moving")
        for (number, broker) in ([1, 2, 3, 1] as [Int32]).enumerated() {
            try harness.cluster.setCoordinator(ofTransactionalID: "moving", to: broker)
            try harness.cluster.setCoordinator(ofGroup: "moving", to: broker % 3 + 1)
            // The old coordinator says that it is one no more.
            harness.cluster.inject([Code.notCoordinator], into: .endTransaction)
            harness.cluster.inject([Code.notCoordinator], into: .transactionalOffsetCommit)
            let error = Self.transact(&producer, consumer, isNew: number == 0)
            #expect(error == nil, "\(error.map(String.init(describing:)) ?? "")")
        }
        consumer.close()
    }

    @Test func `of one record is told by the record's label, and an abort is no failure of others`() throws {
        var producer = try harness.producer()
        try producer.initTransactions(timeout: 10_000)
        let topic = try producer.topic("t")
        try producer.begin()
        harness.cluster.inject([Code.messageTooLarge], into: .produce)
        try producer.produce("large", to: topic, label: 41)
        producer.settle(1)
        let report = producer.failedDelivery
        let failed = try #require(report)
        #expect(failed.label == 41)
        #expect(failed.error.isTooLarge)
        // Nothing more is taken, and nothing can be committed.
        let refused = #expect(throws: KafkaError.self) { try producer.produce("next", to: topic, label: 42) }
        #expect(refused?.remedy == .exit)
        let error = #expect(throws: KafkaError.self) { try producer.commit(timeout: 10_000) }
        #expect(error?.remedy == .abort)
        try producer.abort(timeout: 10_000)
        try producer.begin()
        Self.expect(producer, delivered: 0)
    }

    @Test func `is the fence also for records that come behind it`() throws {
        var producer = try harness.producer("fenced")
        try producer.initTransactions(timeout: 10_000)
        let topic = try producer.topic("t")
        try producer.begin()
        harness.cluster.inject([Code.producerFenced], into: .addPartitionsToTransaction)
        // It is heard of in the background.
        let error = #expect(throws: KafkaError.self) {
            for _ in 0..<500 {
                try producer.produce("a", to: topic)
                producer.poll(timeout: 20)
            }
        }
        #expect(error?.isFenced == true, "\(error.map(String.init(describing:)) ?? "none")")
    }

    @Test func `leaves no trace of what the abort threw away`() throws {
        var producer = try harness.producer()
        try producer.initTransactions(timeout: 10_000)
        let topic = try producer.topic("t")
        try producer.begin()
        try producer.produce("first", to: topic, label: 1)
        producer.settle(1)
        harness.cluster.setDown(true)
        for label in 2..<100 { try producer.produce("purged", to: topic, label: label) }
        harness.cluster.setDown(false)
        try producer.abort(timeout: 10_000)
        try producer.begin()
        Self.expect(producer, delivered: 0)
        try producer.produce("small", to: topic, label: 43)
        try producer.commit(timeout: 10_000)
        Self.expect(producer, delivered: 1)
    }

    @Test func `is doubtful where nobody answered, and is not where the broker refused`() throws {
        let slow = try Harness(properties: ["socket.timeout.ms": "500", "message.timeout.ms": "3000"])
        var producer = try slow.producer()
        try producer.initTransactions(timeout: 10_000)
        let topic = try producer.topic("t")
        try producer.begin()
        // With the first record the partition is added to the transaction: until that is answered none is sent.
        try producer.produce("in time", to: topic, label: 1)
        producer.settle(1)
        slow.cluster.setRoundTripTime(5000)
        try producer.produce("late", to: topic, label: 2)
        for _ in 0..<1000 where producer.failedDelivery == nil { producer.poll(timeout: 10) }
        let (failed, isLate) = (producer.failedDelivery, producer.isInDoubt)
        #expect(failed?.label == 2)
        #expect(isLate)
        slow.cluster.setRoundTripTime(0)
        try producer.abort(timeout: 20_000)
        try producer.begin()
        let isStillLate = producer.isInDoubt
        #expect(!isStillLate)

        slow.cluster.inject([Code.messageTooLarge], into: .produce)
        try producer.produce("large", to: topic, label: 3)
        producer.settle(1)
        let (refused, isInDoubt) = (producer.failedDelivery, producer.isInDoubt)
        #expect(refused?.error.isTooLarge == true)
        #expect(!isInDoubt)
    }

    private static func expect(_ producer: borrowing TransactionalProducer, delivered expected: Int) {
        let (delivered, failed) = (producer.delivered, producer.failedDelivery)
        #expect(delivered == expected)
        #expect(failed == nil)
    }

    @Test func `that is none: an empty transaction, aborted or committed`() throws {
        let producer = try harness.producer()
        try producer.initTransactions(timeout: 10_000)
        try producer.begin()
        try producer.abort(timeout: 10_000)
        try producer.begin()
        try producer.commit(timeout: 10_000)
        let error = #expect(throws: KafkaError.self) { try producer.commit(timeout: 10_000) }
        #expect(error?.remedy == .exit)
    }
}
