import Kafka
import Tagstream
import TestKit
import Testing

@testable import Worker

@Suite struct `Letters in parts` {
    private let partition = TopicPartition("dead", 0)

    private func part(_ number: Int, of count: Int, at offset: Int64, source: Int64 = 5) throws -> FoundLetter {
        let texts = [
            "dlq_reason": "unknown_token", "dlq_detail": "d", "dlq_step": "tenant", "dlq_topic": "raw",
            "dlq_partition": "0", "dlq_offset": "\(source)", "dlq_timestamp": "2026-01-15 12:00:00.000",
            "dlq_epoch": "1", "dlq_version": "1", "dlq_part": "\(number)/\(count)",
        ]
        let letter = try DeadLetter(
            key: nil,
            value: [UInt8(number)],
            headers: texts.map { DeadLetter.Header(Array($0.key.utf8), Array($0.value.utf8)) }
        )
        return FoundLetter(places: [.init(partition, offset)], written: 0, content: .success(letter))
    }

    @Test func `are one letter with several places, whatever stands between them`() throws {
        var assembly = LetterAssembly()
        #expect(try assembly.add(part(1, of: 2, at: 0)).isEmpty)
        #expect(try assembly.add(part(1, of: 2, at: 1, source: 6)).isEmpty)
        let first = try assembly.add(part(2, of: 2, at: 2))
        #expect(first.map { $0.places.map(\.offset) } == [[0, 2]])
        #expect(first.first?.letter?.value == [1, 2])
        #expect(!assembly.isEmpty)
        #expect(try assembly.add(part(2, of: 2, at: 3, source: 6)).count == 1)
        #expect(assembly.isEmpty)
    }

    @Test func `cannot be read when one is missing`() throws {
        var assembly = LetterAssembly()
        let alone = try assembly.add(part(2, of: 2, at: 0))
        #expect(alone.count == 1 && alone[0].letter == nil)
        _ = try assembly.add(part(1, of: 3, at: 1))
        let broken = try assembly.add(part(3, of: 3, at: 2))
        #expect(broken.map { $0.places.map(\.offset) } == [[1], [2]])
        #expect(broken.allSatisfy { $0.letter == nil })
        _ = try assembly.add(part(1, of: 2, at: 3))
        #expect(assembly.giveUp().count == 1)
        #expect(assembly.isEmpty && assembly.giveUp().isEmpty)
    }

    /// The number that was asked for is reached while a later letter stands between this one's parts.
    @Test func `stay open together when their turn has not come`() throws {
        var assembly = LetterAssembly()
        _ = try assembly.add(part(1, of: 2, at: 0))
        let between = try assembly.add(part(1, of: 1, at: 1, source: 6))
        let whole = try assembly.add(part(2, of: 2, at: 2))
        var progress = [partition: ReplayProgress()]
        let fate = ReplayReport.Fate.tried(.tagged(team: 1, matches: 0))
        let forgotten = DeadLetterReplay.note([(between[0], fate)], untried: whole, in: &progress)
        #expect(forgotten == 0)
        #expect(progress[partition] == ReplayProgress(next: 2, open: [0..<1]))
    }
}

/// A replay on the embedded cluster: what only real clients show. (The cluster isolates no transactions and applies no offsets, so that
/// each letter is written once is the integration tests' matter.)
@Suite(.timeLimit(.minutes(5))) struct `A replay` {
    private let cluster: EmbeddedCluster
    private let client: ClientConfiguration

    init() throws {
        cluster = try EmbeddedCluster()
        for topic in ["events_tagged", "action_matches", "events_dead_letter", "ingestion_warnings"] {
            try cluster.createTopic(topic, partitions: 2)
        }
        client = try ClientConfiguration(brokers: cluster.bootstrapServers)
    }

    private var worker: WorkerConfiguration {
        var worker = WorkerConfiguration(client: client)
        worker.catalogue = .fixed(SampleSnapshot.empty())
        return worker
    }

    /// Writes dead letters as a worker does that knows no team: every tenth is not an event at all.
    private func fill(_ count: Int) throws {
        var doors = KafkaDoors(
            KafkaDoors.Configuration(
                client: client,
                consumer: .init(group: "fill"),
                producer: .init(transactionalID: "fill"),
                inputs: [],
                tagged: "events_tagged",
                matches: "action_matches",
                deadLetters: "events_dead_letter",
                warnings: "ingestion_warnings"
            ),
            now: MonotonicClock.milliseconds,
            shouldStop: { false },
            notices: { _ in }
        )
        try doors.open()
        var batch = RecordBatch()
        let topic = batch.index(ofTopic: "events_raw")
        for number in 0..<count {
            batch.append(
                topic: topic,
                partition: Int32(number % 3),
                offset: Int64(number / 3),
                timestamp: 1_768_478_400_000 + Int64(number) * 1000,
                key: nil,
                value: number % 10 == 0 ? SampleValue.broken : SampleValue.event
            )
        }
        var out = OutputBatch()
        var pipeline = Pipeline()
        pipeline.process(batch, under: Snapshot(epoch: 1, teams: []), into: &out)
        #expect(out.counts.deadLetters == count)
        try doors.begin()
        try doors.produce(out, of: batch, firstLabel: 0)
        try doors.commit([:])
        doors.close()
    }

    private func replay(
        stop: @escaping () -> Bool = { false },
        onLetter: @escaping (FoundLetter, ReplayReport.Fate) -> Void = { _, _ in },
        configure: (inout DeadLetterReplay.Configuration) -> Void = { _ in }
    ) throws -> ReplayReport {
        var configuration = DeadLetterReplay.Configuration(worker)
        configure(&configuration)
        return try DeadLetterReplay(
            configuration,
            under: SampleSnapshot.empty(),
            sleep: { _ in },
            shouldStop: stop,
            onLetter: onLetter
        ).run()
    }

    /// How many rows there are.
    private func rows() throws -> Int {
        let consumer = try Consumer(client, Consumer.Options(group: "check"))
        defer { consumer.close() }
        return try (0..<2).reduce(0) { sum, partition in
            sum
                + Int(
                    try consumer.watermarks(of: TopicPartition("events_tagged", Int32(partition)), timeout: 5000).high
                )
        }
    }

    @Test func `writes what is accepted now and leaves the rest`() throws {
        try fill(300)
        var told: [String] = []
        let report = try replay(onLetter: { found, _ in told.append(found.letter?.source ?? "") })
        #expect((report.tagged, report.failed, report.unreadable, report.passedOver) == (270, 30, 0, 0))
        #expect(report.isComplete)
        #expect(Set(told) == Set((0..<300).map { "events_raw/\($0 % 3)/\($0 / 3)" }) && told.count == 300)
        #expect(report.lines[.init(reason: "unknown_token", outcome: "tagged", isSettled: true)] == 270)
        #expect(report.lines[.init(reason: "invalid_json", outcome: "invalid_json", isSettled: false)] == 30)
        #expect(try rows() >= 270)
    }

    @Test func `writes nothing when it is dry`() throws {
        try fill(60)
        let report = try replay(configure: { $0.isDry = true })
        #expect((report.tagged, report.failed, report.isComplete) == (54, 6, true))
        #expect(try rows() == 0)
    }

    @Test func `passes over what the filter does not mean`() throws {
        try fill(60)
        let report = try replay(configure: { $0.filter.reasons = ["invalid_json"] })
        #expect((report.tagged, report.failed, report.passedOver) == (0, 6, 54))
        #expect(try rows() == 0)
    }

    @Test func `stops at the number that was asked for`() throws {
        try fill(60)
        let report = try replay(configure: { $0.most = 7 })
        #expect((report.tagged, report.isComplete) == (7, false))
    }

    @Test func `stops when it is asked to`() throws {
        try fill(60)
        var letters = 0
        let report = try replay(
            stop: { letters >= 10 },
            onLetter: { _, _ in letters += 1 },
            configure: { $0.rate = 40 }
        )
        #expect(report.tried == 10 && !report.isComplete)
    }

    /// Behind the last of these offsets are in doubt, so that a new producer has to end the transaction.
    @Test(arguments: [
        (EmbeddedCluster.Request.endTransaction, Int32(15)), (.transactionalOffsetCommit, 22),
        (.transactionalOffsetCommit, 29),
    ])
    func `goes on after an error that passes`(request: EmbeddedCluster.Request, code: Int32) throws {
        try fill(60)
        cluster.inject([code], into: request)
        let report = try replay()
        #expect((report.tagged, report.failed, report.isComplete) == (54, 6, true))
    }

    @Test func `says what the broker refuses for its size`() throws {
        try fill(60)
        cluster.inject([10], into: .produce)
        let report = try replay()
        // One of the refused batch is noted, unless the transaction failed before anybody was told which.
        let refused = report.lines[
            .init(reason: "unknown_token", outcome: "too_large_for_output", isSettled: false),
            default: 0
        ]
        #expect(refused <= 1)
        #expect((report.tagged, report.failed) == (54 - refused, 6 + refused))
    }

    @Test func `ends when another one has begun`() throws {
        try fill(60)
        cluster.inject([90], into: .endTransaction)
        let failure = #expect(throws: LaneFailure.self) { try replay() }
        #expect(failure?.isFenced == true)
        #expect(failure?.description.contains("another replay") == true)
    }
}
