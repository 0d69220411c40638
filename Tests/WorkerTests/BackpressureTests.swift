import Kafka
import Logging
import Tagstream
import TestKit
import Testing

@testable import Worker

/// A worker whose outputs are led by a broker that is gone, while the one that leads its input is there.
@Suite(.timeLimit(.minutes(5))) struct `A worker whose output stands still` {
    private let cluster: EmbeddedCluster
    private let client: ClientConfiguration
    private static let input: Int32 = 1
    private static let output: Int32 = 2
    private static let records = 2400
    private nonisolated(unsafe) static let value = SampleValue.lasting(
        #"{"token":"t","event":"seen","distinct_id":"d","properties":{"text":""#
            + String(repeating: "x", count: 4000) + #""}}"#
    )

    init() throws {
        cluster = try EmbeddedCluster(brokers: 2)
        for (topic, broker) in [
            ("events_raw", Self.input), ("events_tagged", Self.output), ("action_matches", Self.output),
            ("events_dead_letter", Self.output), ("ingestion_warnings", Self.output),
        ] {
            // Less than the five megabytes that the cluster keeps of a partition.
            try cluster.createTopic(topic, partitions: 3)
            for number in 0..<3 { cluster.setLeader(broker, of: TopicPartition(topic, Int32(number))) }
        }
        cluster.setCoordinator(Self.input, ofGroup: "tagstream", ofTransactionalID: "tagstream-0-0")
        client = try ClientConfiguration(brokers: cluster.bootstrapServers)
        var producer = try TransactionalProducer(client, .init(transactionalID: "feed"))
        try producer.initTransactions(timeout: 10_000)
        let topic = try producer.topic("events_raw")
        try producer.begin()
        for number in 0..<Self.records {
            try producer.produce(
                to: topic,
                partition: Int32(number % 3),
                key: nil,
                value: Self.value,
                headers: [],
                label: number
            )
        }
        try producer.commit(timeout: 10_000)
    }

    private func worker(_ properties: [String: String] = [:]) throws -> Worker {
        var configuration = WorkerConfiguration(
            client: try ClientConfiguration(brokers: cluster.bootstrapServers, properties: properties)
        )
        configuration.catalogue = .fixed(SampleSnapshot.empty())
        configuration.reset = .earliest
        configuration.memoryBytes = MemoryBudget.leastOfLane
        configuration.lane.apply(configuration.budget)
        configuration.lane.exitsAtEnd = true
        // So that the queue is full before the transaction is.
        configuration.lane.transactionBytes = 64 << 20
        configuration.lane.transactionMilliseconds = 600_000
        // What is not delivered within a transaction's time has failed, and a slow machine needs some to fill the queue.
        configuration.transactionTimeout = 600_000
        return Worker(configuration, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    /// Runs a worker while the outputs' broker is gone, then brings it back: what was read until then, and in the end.
    private func run(_ worker: Worker, untilRead enough: (LaneStatistics) -> Bool) async throws -> LaneStatistics {
        cluster.setDown(true, broker: Self.output)
        async let end: Void = worker.run()
        while !enough(worker.statistics) { try await Task.sleep(for: .milliseconds(5)) }
        // However long one looks, no more is read, until the lane gives the transaction up and begins anew.
        var most = worker.statistics
        for _ in 0..<100 {
            try await Task.sleep(for: .milliseconds(5))
            let now = worker.statistics
            if now.aborts + now.recoveries == 0 { most = now }
        }
        cluster.setDown(false, broker: Self.output)
        try await end
        #expect(worker.statistics.committed.tagged == Self.records)
        return most
    }

    @Test func `reads no more than its queue holds in bytes`() async throws {
        let worker = try worker()
        let budget = MemoryBudget(bytes: MemoryBudget.leastOfLane, lanes: 1)
        let most = try await run(worker) { $0.bytesRead >= budget.producerBytes / 2 }
        #expect(most.bytesRead <= budget.producerBytes + budget.batchBytes)
        #expect(most.bytesRead < Self.records * Self.value.count / 2, "there was more to read")
        #expect(most.commits == 0)
    }

    @Test func `reads no more than its queue holds in records, which can be set by itself`() async throws {
        let worker = try worker(["queue.buffering.max.messages": "300"])
        let most = try await run(worker) { $0.read >= 100 }
        #expect(most.read <= 300)
        #expect(most.commits == 0)
    }
}

@Suite struct `A memory budget` {
    @Test func `is divided among a lane's queues and batches`() {
        let budget = MemoryBudget(bytes: 512 << 20, lanes: 1)
        #expect(budget.prefetchBytes == 256 << 20)
        #expect(budget.prefetchRecords == 65_536)
        #expect(budget.fetchBytes == 50 << 20)
        #expect(budget.producerBytes == 128 << 20)
        #expect(budget.producerRecords == 262_144)
        #expect(budget.transactionBytes == 16 << 20)
        #expect(budget.batchBytes == 8 << 20)
    }

    @Test(arguments: [1, 2, 4, 16, 64], [16 << 20, 64 << 20, 512 << 20, 2 << 30])
    func `is not exceeded by what is made of it`(lanes: Int, bytes: Int) {
        let budget = MemoryBudget(bytes: bytes, lanes: lanes)
        let used = budget.prefetchBytes + budget.fetchBytes + budget.producerBytes + 2 * budget.batchBytes
        #expect(used <= budget.lane)
        #expect(budget.lane == max(MemoryBudget.leastOfLane, bytes / lanes))
        // One record of the largest size must fit everywhere.
        #expect(min(budget.fetchBytes, budget.transactionBytes) >= 1 << 20)
        #expect(min(budget.prefetchRecords, budget.producerRecords) >= 1000)
    }
}
