import Kafka
import Testing

@Suite(.timeLimit(.minutes(5))) struct `A cluster` {
    @Test func `that is down is waited for`() throws {
        let harness = try Harness()
        var producer = try harness.producer()
        try producer.initTransactions(timeout: 10_000)
        let topic = try producer.topic("t")
        try producer.begin()
        try producer.produce("before", to: topic)
        producer.settle(1)
        harness.cluster.setDown(true)
        try producer.produce("while", to: topic)
        let error = #expect(throws: KafkaError.self) { try producer.commit(timeout: 300) }
        #expect(error?.remedy == .retry)
        #expect(error?.isTimeout == true)
        let admin = try Admin(harness.client)
        let unanswered = #expect(throws: KafkaError.self) { try admin.partitionCount(of: "t", timeout: 300) }
        #expect(unanswered?.remedy == .retry)
        harness.cluster.setDown(false)
        // Repeated with the same arguments, the call resumes where it was.
        try producer.commit(timeout: 30_000)
        var reader = try harness.reader()
        #expect(try reader.read(2).map(\.text) == ["before", "while"])
    }

    @Test func `that is far away answers late`() throws {
        let harness = try Harness()
        let admin = try Admin(harness.client)
        #expect(try admin.partitionCount(of: "t", timeout: 10_000) == 1)
        harness.cluster.setRoundTripTime(250)
        let elapsed = try ContinuousClock().measure { _ = try admin.partitionCount(of: "t", timeout: 10_000) }
        #expect(elapsed >= .milliseconds(240))
        harness.cluster.setRoundTripTime(0)
    }

    @Test func `tells its topics and their partitions`() throws {
        let harness = try Harness(topics: ["a": 3, "b": 1])
        let admin = try Admin(harness.client)
        #expect(try admin.partitionCount(of: "a", timeout: 10_000) == 3)
        #expect(try admin.partitionCount(of: "nowhere", timeout: 10_000) == nil)
        let topics = try admin.describe(timeout: 10_000)
        #expect(topics.map(\.name) == ["a", "b"])
        #expect(topics.map(\.partitions.count) == [3, 1])
        #expect(topics[0].partitions.allSatisfy { $0.leader == 1 && $0.replicas == 1 })
    }

    @Test func `is asked again for a topic that it does not know yet`() async throws {
        let harness = try Harness()
        let began = ContinuousClock.now
        let unknown = #expect(throws: KafkaError.self) {
            _ = try harness.consumer().partitionCount(of: "late", timeout: 10_000, settling: 2000)
        }
        #expect(unknown?.isUnknownTopic == true)
        // A single question is answered in milliseconds.
        #expect(ContinuousClock.now - began >= .milliseconds(2000))

        let producer = try harness.producer()
        async let count = Task.detached { [client = harness.client] in
            try Consumer(client, Consumer.Options(group: "g")).partitionCount(
                of: "late",
                timeout: 10_000,
                settling: 60_000
            )
        }.value
        try harness.cluster.createTopic("late", partitions: 3)
        #expect(try await count == 3)
        #expect(try producer.partitionCount(of: "late", timeout: 10_000, settling: 60_000) == 3)
    }

    @Test func `that cannot create or delete topics says so`() throws {
        let harness = try Harness()
        let admin = try Admin(harness.client)
        #expect(throws: KafkaError.self) {
            _ = try admin.create([Admin.NewTopic("new", partitions: 1)], timeout: 300)
        }
        #expect(throws: KafkaError.self) { _ = try admin.delete(["t"], timeout: 300) }
        let invalid = #expect(throws: KafkaError.self) {
            _ = try admin.create([Admin.NewTopic("new", partitions: -7)], timeout: 300)
        }
        #expect(invalid?.operation == "create the topic \"new\"")
    }

    @Test func `forgets errors that nobody has met`() throws {
        let harness = try Harness()
        harness.cluster.inject(Array(repeating: Code.producerFenced, count: 9), into: .initProducerID)
        harness.cluster.clearErrors(of: .initProducerID)
        let producer = try harness.producer()
        try producer.initTransactions(timeout: 10_000)
    }
}
