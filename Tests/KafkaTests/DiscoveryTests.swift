import Kafka
import Testing
import Foundation

@Suite(.serialized) struct `Discovery` {
    @Test func `prints`() throws {
        let harness = try Harness(topics: ["t": 1, "in": 1])
        let codes: [Int32] = [-1, 3, 7, 14, 15, 16, 22, 25, 27, 29, 30, 31, 35, 42, 47, 48, 49, 51, 53, 67, 82, 90]
        for request in [EmbeddedCluster.Request.initProducerID, .addPartitionsToTransaction, .addOffsetsToTransaction, .transactionalOffsetCommit, .endTransaction, .produce, .findCoordinator] {
            for code in codes {
                for request in EmbeddedCluster.Request.allCases { harness.cluster.clearErrors(of: request) }
                let begin = Date()
                var producer = try harness.producer("d\(request)\(code)")
                let consumer = try harness.consumer()
                harness.cluster.inject([code], into: request)
                let error = Self.transact(&producer, consumer)
                let text = error.map { "\($0.name) \($0.remedy) fatal=\($0.isFatal) abort=\($0.requiresAbort) retry=\($0.isRetriable) in \($0.operation)" } ?? "absorbed"
                print("DISCOVERY \(request) \(code) -> \(text) [\(Int(Date().timeIntervalSince(begin)*1000)) ms]")
                consumer.close()
            }
        }
    }
    private static func transact(_ producer: inout TransactionalProducer, _ consumer: borrowing Consumer) -> KafkaError? {
        func repeating(_ call: () throws(KafkaError) -> Void) throws(KafkaError) {
            for attempt in 0..<3 {
                do throws(KafkaError) { return try call() } catch { guard error.remedy == .retry, attempt < 2 else { throw error } }
            }
        }
        do throws(KafkaError) {
            try repeating { () throws(KafkaError) in try producer.initTransactions(timeout: 3000) }
            let topic = try producer.topic("t")
            try producer.begin()
            try producer.produce("a", to: topic, label: 1)
            try producer.produce("b", to: topic, label: 2)
            producer.settle(2)
            try repeating { () throws(KafkaError) in
                let group = try consumer.groupMetadata()
                try producer.send([TopicPartition("in", 0): CommittedOffset(2, metadata: "m")], of: group, timeout: 3000)
            }
            try repeating { () throws(KafkaError) in try producer.commit(timeout: 3000) }
            return nil
        } catch { return error }
    }
}
