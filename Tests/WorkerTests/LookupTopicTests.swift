import Kafka
import Tagstream
import Testing

@testable import Worker

@Suite struct `A lookup table's topic` {
    private let cluster: EmbeddedCluster
    private let client: ClientConfiguration

    init() throws {
        cluster = try EmbeddedCluster()
        try cluster.createTopic("plans", partitions: 3)
        client = try ClientConfiguration(brokers: cluster.bootstrapServers, properties: [:])
    }

    private func write(_ records: [(key: String, value: String?)]) throws {
        var producer = try TransactionalProducer(client, TransactionalProducer.Options(transactionalID: "test"))
        try producer.initTransactions(timeout: 10_000)
        let topic = try producer.topic("plans")
        try producer.begin()
        for (key, value) in records {
            // A key is always in the same partition, as a partitioner would have it.
            let partition = Int32(key.utf8.reduce(0) { ($0 + Int($1)) % 3 })
            try Array(key.utf8).withUnsafeBytes { key throws in
                guard let value else {
                    return try producer.produce(
                        to: topic,
                        partition: partition,
                        key: key,
                        value: nil,
                        headers: [],
                        label: 0
                    )
                }
                try Array(value.utf8).withUnsafeBytes {
                    try producer.produce(to: topic, partition: partition, key: key, value: $0, headers: [], label: 0)
                }
            }
        }
        try producer.commit(timeout: 10_000)
    }

    private func text(_ key: String, in source: LookupTopic) -> String? {
        Array(key.utf8).withUnsafeBytes { key in
            guard let members = source.value?.find(key), !members.isEmpty else { return nil }
            return members.jsonText
        }
    }

    /// Looks until a condition holds: a broker takes its time to show what was committed.
    private func look(at source: LookupTopic, until isDone: () -> Bool) -> SourceLook {
        var look = source.look(now: 5)
        for _ in 0..<200 where !isDone() { look = source.look(now: 5) }
        return look
    }

    @Test func `gives each key the properties of its last record that is good`() throws {
        try write([
            ("acme", #"{"plan":"free"}"#), ("other", #"{"plan":"free"}"#), ("acme", #"{"plan":"pro","seats":5}"#),
            ("gone", #"{"plan":"x"}"#),
        ])
        let source = LookupTopic(name: "lookup.plans", topic: "plans", client: client, group: "g", prefix: "org_")
        defer { source.close() }
        #expect(source.status.health == .waiting)
        _ = look(at: source) { text("gone", in: source) != nil }
        #expect(source.status.health == .current)
        #expect(text("acme", in: source) == #"{"org_plan":"pro","org_seats":5}"#)
        #expect(text("other", in: source) == #"{"org_plan":"free"}"#)
        let loads = source.status.loads
        #expect(!source.look(now: 6).isNew)
        #expect(source.status.loads == loads)

        try write([("gone", nil), ("acme", "no JSON"), ("other", #"{"plan":"new"}"#)])
        _ = look(at: source) { text("gone", in: source) == nil && source.status.health.isDegraded }
        _ = look(at: source) { text("other", in: source) == #"{"org_plan":"new"}"# }
        #expect(text("acme", in: source) == #"{"org_plan":"pro","org_seats":5}"#)
        guard case .degraded(.corrupt, let detail) = source.status.health else {
            Issue.record("the source is \(source.status.health)")
            return
        }
        #expect(detail.hasPrefix("the last records of 1 keys are not taken; the latest of them plans["))
        #expect(detail.contains("its value is not JSON"))

        try write([("acme", #"{"plan":"pro"}"#)])
        _ = look(at: source) { source.status.health == .current }
        #expect(source.status.health == .current)
        #expect(text("acme", in: source) == #"{"org_plan":"pro"}"#)
    }

    @Test func `that does not exist is missing`() throws {
        let source = LookupTopic(name: "t", topic: "nowhere", client: client, group: "g")
        guard case .degraded(.missing, let detail) = source.look(now: 0).after else {
            Issue.record("the source is \(source.status.health)")
            return
        }
        #expect(detail.contains("\"nowhere\""))
        #expect(source.value == nil)
    }
}
