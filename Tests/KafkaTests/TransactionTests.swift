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

    private static let passing: [Row] = [
        Row(.initProducerID, Code.coordinatorNotAvailable, .absorbed),
        Row(.addPartitionsToTransaction, Code.coordinatorNotAvailable, .absorbed),
        Row(.addOffsetsToTransaction, Code.coordinatorNotAvailable, .absorbed),
        Row(.transactionalOffsetCommit, Code.coordinatorNotAvailable, .absorbed),
        Row(.endTransaction, Code.coordinatorNotAvailable, .absorbed),
        Row(.initProducerID, Code.concurrentTransactions, .absorbed),
        Row(.addPartitionsToTransaction, Code.concurrentTransactions, .absorbed),
        Row(.addOffsetsToTransaction, Code.concurrentTransactions, .absorbed),
        Row(.transactionalOffsetCommit, Code.concurrentTransactions, .absorbed),
        Row(.endTransaction, Code.concurrentTransactions, .absorbed),
        Row(.addPartitionsToTransaction, Code.notCoordinator, .absorbed),
        Row(.endTransaction, Code.notCoordinator, .absorbed),
        Row(.produce, Code.notLeader, .absorbed),
        Row(.findCoordinator, Code.coordinatorNotAvailable, .absorbed),
    ]

    private static let fencing: [Row] = [
        Row(.initProducerID, Code.producerFenced, .exit),
        Row(.addPartitionsToTransaction, Code.producerFenced, .exit),
        Row(.addOffsetsToTransaction, Code.producerFenced, .abort),
        Row(.transactionalOffsetCommit, Code.producerFenced, .abort),
        Row(.endTransaction, Code.producerFenced, .exit),
    ]

    private static let state: [Row] = [
        Row(.initProducerID, Code.invalidState, .absorbed),
        Row(.addPartitionsToTransaction, Code.invalidState, .exit),
        Row(.addOffsetsToTransaction, Code.invalidState, .exit),
        Row(.transactionalOffsetCommit, Code.invalidState, .exit),
        Row(.endTransaction, Code.invalidState, .exit),
        Row(.transactionalOffsetCommit, Code.invalidMapping, .exit),
    ]

    private static let group: [Row] = [
        Row(.transactionalOffsetCommit, Code.illegalGeneration, .abort),
        Row(.transactionalOffsetCommit, Code.unknownMember, .abort),
        Row(.transactionalOffsetCommit, Code.fencedInstance, .abort),
        Row(.transactionalOffsetCommit, Code.rebalanceInProgress, .abort),
        Row(.transactionalOffsetCommit, Code.groupForbidden, .abort),
    ]

    private static let rights: [Row] = [
        Row(.produce, Code.messageTooLarge, .abort),
        Row(.produce, Code.topicForbidden, .abort),
        Row(.addPartitionsToTransaction, Code.topicForbidden, .abort),
        Row(.initProducerID, Code.transactionalIDForbidden, .exit),
    ]

    @Test(arguments: passing + fencing + state + group + rights)
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
            var successor = try harness.producer(id)
            #expect(Self.transact(&successor, consumer) == nil)
        case .exit:
            #expect(error?.remedy == .exit, "\(error.map(String.init(describing:)) ?? "nothing")")
            // A new producer with the same id puts it right.
            var successor = try harness.producer(id)
            #expect(Self.transact(&successor, consumer) == nil)
        }
        consumer.close()
    }

    /// One whole transaction; returns the error that ended it, after repeating what may be repeated.
    private static func transact(
        _ producer: inout TransactionalProducer,
        _ consumer: borrowing Consumer,
        isNew: Bool = true
    ) -> KafkaError? {
        func repeating(_ call: () throws(KafkaError) -> Void) throws(KafkaError) {
            for attempt in 0..<20 {
                do throws(KafkaError) {
                    return try call()
                } catch {
                    guard error.remedy == .retry, attempt < 19 else { throw error }
                }
            }
        }
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
