import Kafka
import Tagstream
import TestKit
import Testing

@testable import Worker

/// The doors alone, on the embedded cluster.
@Suite(.timeLimit(.minutes(5))) struct `The doors to a cluster` {
    @Test func `send offsets only for the place in the group that was asked for last`() throws {
        let cluster = try EmbeddedCluster()
        let topics = ["events_raw", "events_tagged", "action_matches", "events_dead_letter", "ingestion_warnings"]
        for topic in topics { try cluster.createTopic(topic, partitions: 1) }
        var doors = KafkaDoors(
            KafkaDoors.Configuration(
                client: try ClientConfiguration(brokers: cluster.bootstrapServers),
                consumer: .init(group: "g", reset: .earliest),
                producer: .init(transactionalID: "p"),
                inputs: [topics[0]],
                tagged: topics[1],
                matches: topics[2],
                deadLetters: topics[3],
                warnings: topics[4]
            ),
            now: MonotonicClock.milliseconds,
            shouldStop: { false },
            notices: { _ in }
        )
        try doors.open()
        let stranger = try doors.place()

        let partition = TopicPartition(topics[0], 0)
        var batch = RecordBatch()
        var assigned: [TopicPartition] = []
        while assigned.isEmpty {
            if case .rebalance(.assigned(let some)) = try doors.poll(into: &batch, records: 1, bytes: 1, timeout: 100) {
                assigned = some
            }
        }
        #expect(assigned == [partition])
        try doors.assign(assigned)

        // Somebody whom the group has given up has no generation that would fence anything: what it sends must not leave.
        let offsets = [partition: CommittedOffset(0, metadata: "")]
        try doors.begin()
        let error = #expect(throws: KafkaError.self) { try doors.commit(offsets) }
        #expect(error?.remedy == .abort)
        #expect(error?.description.contains("place in the group has changed") == true)
        // Nothing was sent, so there is nothing to doubt.
        try doors.abort()

        let member = try doors.place()
        #expect(member != stranger)
        try doors.begin()
        try doors.commit(offsets)
        doors.close()
    }
}
