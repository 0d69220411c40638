import Kafka
import Logging
import Tagstream
import TestKit
import Testing

@testable import Worker

/// A worker on the embedded cluster: what only real clients show. (The cluster isolates no transactions and applies no offsets, so
/// the guarantee itself is the simulation's and the integration tests' matter.)
@Suite(.timeLimit(.minutes(5))) struct `A worker` {
    private let cluster: EmbeddedCluster
    private let client: ClientConfiguration

    init() throws {
        cluster = try EmbeddedCluster()
        try cluster.createTopic("events_raw", partitions: 3)
        for topic in ["events_tagged", "action_matches", "events_dead_letter", "ingestion_warnings"] {
            try cluster.createTopic(topic, partitions: 2)
        }
        client = try ClientConfiguration(brokers: cluster.bootstrapServers)
    }

    /// Writes so many records, every tenth of them not an event.
    private func fill(_ count: Int) throws {
        var producer = try TransactionalProducer(client, .init(transactionalID: "feed"))
        try producer.initTransactions(timeout: 10_000)
        let topic = try producer.topic("events_raw")
        try producer.begin()
        for number in 0..<count {
            try producer.produce(
                to: topic,
                partition: Int32(number % 3),
                key: nil,
                value: number % 10 == 0 ? SampleValue.broken : SampleValue.event,
                headers: [],
                label: number
            )
        }
        try producer.commit(timeout: 10_000)
    }

    private func worker(lanes: Int = 1, _ configure: (inout WorkerConfiguration) -> Void = { _ in }) -> Worker {
        var configuration = WorkerConfiguration(client: client)
        configuration.catalogue = .fixed(SampleSnapshot.empty())
        configuration.reset = .earliest
        configuration.lanes = lanes
        configuration.lane.exitsAtEnd = true
        configuration.lane.transactionRecords = 100
        configure(&configuration)
        return Worker(configuration, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    /// The values and the `tagstream-source` or `dlq_offset` headers of a topic, in each partition's order.
    private func sources(_ topic: String, count: Int) throws -> [String] {
        var consumer = try Consumer(client, Consumer.Options(group: "check"))
        try consumer.assign([
            TopicPartition(topic, 0): Consumer.beginning, TopicPartition(topic, 1): Consumer.beginning,
        ])
        var sources: [String] = []
        var batch = MessageBatch()
        for _ in 0..<100 where sources.count < count {
            batch.removeAll()
            _ = try consumer.poll(into: &batch, records: 1000, bytes: 1 << 20, timeout: 100)
            for index in 0..<batch.count {
                var place: [String: String] = [:]
                batch[index].forEachHeader { name, value in
                    place[String(decoding: name, as: UTF8.self)] = value.map { String(decoding: $0, as: UTF8.self) }
                }
                let letter = "\(place["dlq_topic"] ?? "")/\(place["dlq_partition"] ?? "")/\(place["dlq_offset"] ?? "")"
                sources.append(place["tagstream-source"] ?? letter)
            }
        }
        consumer.close()
        return sources
    }

    @Test func `gives every record one outcome and stops at the end`() async throws {
        try fill(1000)
        let worker = worker()
        try await worker.run()
        let statistics = worker.statistics
        #expect(statistics.committed.tagged == 900)
        #expect(statistics.committed.deadLetters == 100)
        #expect(statistics.read == 1000)
        #expect(statistics.commits >= 10)
        #expect(statistics.aborts + statistics.recoveries + statistics.skipped == 0)
        let rows = try sources("events_tagged", count: 900)
        let letters = try sources("events_dead_letter", count: 100)
        let all = (0..<1000).map { "events_raw/\($0 % 3)/\($0 / 3)" }
        #expect(Set(rows + letters) == Set(all))
        #expect(rows.count + letters.count == 1000)
    }

    @Test func `shares the partitions among its lanes`() async throws {
        try fill(300)
        let worker = worker(lanes: 2)
        // The cluster applies no offsets, so what moves between lanes is read again: only that it ends is shown here.
        try await worker.run()
        #expect(worker.statistics.committed.input >= 300)
    }

    /// Errors of the broker, and how often the lane has to abort or to make a new producer for them at least.
    @Test(arguments: [
        (EmbeddedCluster.Request.endTransaction, Int32(15), 0, 0), (.addPartitionsToTransaction, 51, 0, 0),
        (.transactionalOffsetCommit, 22, 1, 0), (.transactionalOffsetCommit, 27, 0, 1), (.endTransaction, 48, 0, 1),
        (.addOffsetsToTransaction, 48, 0, 1),
    ])
    func `goes on after an error`(request: EmbeddedCluster.Request, code: Int32, aborts: Int, recoveries: Int)
        async throws
    {
        try fill(300)
        cluster.inject([code], into: request)
        let worker = worker()
        try await worker.run()
        #expect(worker.statistics.committed.input == 300)
        #expect(worker.statistics.aborts >= aborts)
        #expect(worker.statistics.recoveries >= recoveries)
    }

    @Test func `makes a dead letter of what the broker refuses for its size`() async throws {
        try fill(300)
        cluster.inject([10], into: .produce)
        let worker = worker()
        try await worker.run()
        let statistics = worker.statistics
        #expect(statistics.committed.input == 300)
        // One of the refused batch is noted; that one may be a dead letter by itself.
        #expect((30...31).contains(statistics.committed.deadLetters))
        #expect(statistics.aborts + statistics.recoveries >= 1)
    }

    @Test(arguments: [
        (EmbeddedCluster.Request.endTransaction, Int32(90)), (.transactionalOffsetCommit, 90),
        (.addOffsetsToTransaction, 47),
    ])
    func `ends when another has taken its slot`(request: EmbeddedCluster.Request, code: Int32) async throws {
        try fill(300)
        cluster.inject([code], into: request)
        let worker = worker()
        let failure = await #expect(throws: LaneFailure.self) { try await worker.run() }
        #expect(failure?.isFenced == true)
        #expect(worker.statistics.committed.input < 300)
    }

    @Test func `drains when it is stopped`() async throws {
        try fill(300)
        let worker = worker { $0.lane.exitsAtEnd = false }
        async let end: Void = worker.run()
        while worker.statistics.read < 300 { await Task.yield() }
        worker.stop()
        try await end
        #expect(worker.statistics.committed.input == 300)
    }
}
