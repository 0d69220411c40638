import Foundation
import Kafka
import Tagstream
import TestKit
import Testing

@testable import Worker

private let abortable = KafkaError(code: 22, while: "send the offsets", flag: .abort)
private let unknown = KafkaError(code: -1, while: "commit the transaction", flag: nil)

private func partitions(_ numbers: Int32...) -> [TopicPartition] {
    numbers.map { TopicPartition(DoorsScript.topic, $0) }
}

private var assigned: PollStep { .rebalance(.assigned(partitions(0))) }

/// A script whose partition 0 holds these events, by the numbers of their uuids.
private func script(_ uuids: [Int], _ steps: [PollStep]) -> DoorsScript {
    let script = DoorsScript(steps)
    script.values[0] = Dictionary(
        uniqueKeysWithValues: uuids.enumerated().map { (Int64($0), SampleValue.numbered[$1]) }
    )
    return script
}

@discardableResult
private func play(
    _ script: DoorsScript,
    window: Int = 10,
    journal: CrashJournal? = nil,
    _ configure: (inout LaneConfiguration) -> Void = { _ in }
) -> (effects: [Effect], error: (any Error)?, statistics: LaneStatistics) {
    var configuration = LaneConfiguration()
    configuration.transactionRecords = 4
    configuration.outputBytes = 1 << 10
    configuration.duplicateWindow = window
    configuration.duplicateSeed = 5
    configure(&configuration)
    let statistics = StatisticsBoard()
    var lane = Lane(
        configuration,
        doors: RecordingDoors(script),
        journal: journal,
        snapshots: SnapshotBoard(SampleSnapshot.empty()),
        board: statistics,
        now: { script.now },
        shouldStop: { script.shouldStop }
    )
    var failure: (any Error)?
    do { try lane.run() } catch { failure = error }
    return (script.effects, failure, statistics.current)
}

@Suite struct `A lane that looks for duplicates` {
    @Test func `writes the uuids down in the transaction that tags them`() {
        let script = script([1, 2, 1, 3], [assigned, .read(0, 3), .read(0, 1), .wait(250)])
        let (effects, error, statistics) = play(script)
        #expect(
            effects == [
                .open, .restore([0]), .assign([0]), .begin, .produce(2), .produce(1), .remember(0, 0), .offsets([0: 4]),
                .commit, .close,
            ]
        )
        #expect(error == nil)
        #expect(statistics.committed.tagged == 3)
        #expect(statistics.committed.ignored == 1)
        #expect(statistics.committed.ignoredReasons.map(\.reason) == ["duplicate"])
        #expect(script.metadata == [0: "epoch=1;uuids=3"])
    }

    @Test func `keeps duplicates among the dead letters where that is asked for`() {
        let script = script([1, 1], [assigned, .read(0, 2), .wait(250)])
        #expect(play(script) { $0.keepsIgnored = true }.effects.contains(.deadLetter(1)))
    }

    @Test func `writes nothing down when all are duplicates`() {
        let script = script([1, 1, 1], [assigned, .read(0, 1), .wait(250), .read(0, 2), .wait(250)])
        #expect(play(script).effects.suffix(4) == [.begin, .offsets([0: 3]), .commit, .close])
        #expect(script.metadata == [0: "epoch=1;uuids=1"])
    }

    @Test(arguments: [DoorCall.produce, .remember, .sendOffsets, .commit])
    func `takes back what an aborted transaction has remembered`(call: DoorCall) {
        let script = script([1, 2], [assigned, .read(0, 2), .wait(250), .read(0, 2), .wait(250)])
        script.errors[call] = [abortable]
        let (effects, error, statistics) = play(script)
        #expect(error == nil)
        #expect(effects.suffix(6) == [.begin, .produce(2), .remember(0, 0), .offsets([0: 2]), .commit, .close])
        #expect(statistics.committed.tagged == 2)
        #expect(statistics.committed.ignored == 0)
        #expect(script.changelog.count == 1)
    }

    @Test(arguments: [false, true])
    func `knows after an unknown outcome what the broker has committed`(wasApplied: Bool) {
        // After the failure a transaction takes two records.
        let script = script([1, 2, 1], [assigned, .read(0, 2), .wait(250), .read(0, 2), .read(0, 1), .wait(250)])
        script.errors[.commit] = [unknown]
        script.appliesRefusedCommits = wasApplied
        let (_, error, statistics) = play(script)
        #expect(error == nil)
        // Behind the third record there are events without uuids.
        #expect(statistics.committed.tagged == 2)
        #expect(statistics.committed.ignored == 1)
        #expect(script.metadata == [0: "epoch=1;uuids=\(wasApplied ? 4 : 2)"])
    }

    // MARK: Events that became dead letters

    /// The first copy becomes a dead letter, the second one a row, and only the third is a duplicate.
    @Test(arguments: [false, true])
    func `does not remember a row that was refused for its size`(inClient: Bool) {
        let script = script(
            [1, 1, 1],
            [assigned, .read(0, 2), .wait(250), .read(0, 3), .wait(250)]
        )
        script.oversized[0] = [0]
        script.refusesInClient = inClient
        let (effects, error, statistics) = play(script)
        #expect(error == nil)
        #expect(statistics.committed.deadLetterReasons.map(\.reason) == ["too_large_for_output"])
        #expect(statistics.committed.tagged == 1)
        #expect(statistics.committed.ignored == 1)
        #expect(script.metadata == [0: "epoch=1;uuids=1"])
        #expect(effects.contains(.abort))
    }

    /// The refusal is found out in the transaction after the one that has committed other uuids: those stay.
    @Test func `takes back no more than the refused transaction's uuids`() {
        let script = script(
            [1, 2, 2, 1],
            [assigned, .read(0, 1), .wait(250), .read(0, 1), .wait(250), .read(0, 3), .wait(250)]
        )
        script.oversized[0] = [1]
        let (_, error, statistics) = play(script)
        #expect(error == nil)
        #expect(statistics.committed.deadLetters == 1)
        #expect(statistics.committed.tagged == 2)
        #expect(statistics.committed.ignored == 1)
        #expect(script.metadata == [0: "epoch=1;uuids=2"])
    }

    /// Whoever takes the partition over reads from the changelog what was committed, and nothing of what was refused.
    @Test func `leaves nothing of a refused row to the partition's next owner`() {
        let first = script([1, 2], [assigned, .read(0, 2), .wait(250), .read(0, 2), .wait(250)])
        first.oversized[0] = [0]
        play(first)
        let second = script([1, 2, 1, 2], [assigned, .read(0, 2), .wait(250)])
        second.committed = first.committed
        second.changelog = first.changelog
        let statistics = play(second).statistics
        #expect(statistics.committed.tagged == 1)
        #expect(statistics.committed.ignored == 1)
    }

    @Test func `does not remember a record that crashed the process`() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "journal-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: folder) }
        var culprit = RecordBatch()
        let topic = culprit.index(ofTopic: DoorsScript.topic)
        culprit.append(topic: topic, partition: 0, offset: 0, timestamp: 0, key: nil, value: nil)
        // Two processes have ended by a signal with this record alone in their pipeline.
        for _ in 0..<2 {
            let journal = try CrashJournal(folder: folder, name: "lane")
            journal.begins(0..<1, of: culprit)
            journal.signalAddress.storeBytes(of: 11, as: UInt32.self)
        }
        let script = script([1, 1, 1], [assigned, .read(0, 3), .wait(250)])
        let (_, error, statistics) = play(script, journal: try CrashJournal(folder: folder, name: "lane"))
        #expect(error == nil)
        #expect(statistics.committed.deadLetterReasons.map(\.reason) == ["crash"])
        #expect(statistics.committed.tagged == 1)
        #expect(statistics.committed.ignored == 1)
    }

    // MARK: Restoring

    @Test func `knows before the first record what another lane has tagged`() {
        let first = script([1, 2], [assigned, .read(0, 2), .wait(250)])
        play(first)
        let second = script([1, 2, 2, 3], [assigned, .read(0, 2), .wait(250)])
        second.committed = first.committed
        second.changelog = first.changelog
        let (effects, _, statistics) = play(second)
        #expect(effects.prefix(3) == [.open, .restore([0]), .assign([0])])
        #expect(statistics.committed.ignored == 1)
        #expect(statistics.committed.tagged == 1)
        #expect(second.metadata == [0: "epoch=1;uuids=3"])
    }

    @Test func `reads nothing of a partition that comes back as it was given away`() {
        let script = script(
            [1, 2, 1],
            [
                assigned, .read(0, 2), .rebalance(.revoked(partitions(0))), .rebalance(.assigned(partitions(0, 1))),
                .read(0, 1),
            ]
        )
        let (effects, _, statistics) = play(script)
        #expect(effects.filter { if case .restore = $0 { true } else { false } } == [.restore([0]), .restore([1])])
        #expect(statistics.committed.ignored == 1)
    }

    @Test func `reads a partition again that another lane has worked on meanwhile`() {
        let other = script([1, 2, 3], [assigned, .read(0, 3), .wait(250)])
        play(other)
        let script = script(
            [1, 2, 3, 3],
            [assigned, .read(0, 2), .rebalance(.lost(partitions(0))), assigned, .read(0, 1)]
        )
        script.changesBeforeAssignment = { script in
            guard script.effects.contains(.unassign) else { return }
            script.committed = other.committed
            script.changelog = other.changelog
        }
        let (effects, _, statistics) = play(script)
        #expect(effects.filter { if case .restore = $0 { true } else { false } } == [.restore([0]), .restore([0])])
        #expect(statistics.committed.ignored == 1)
        #expect(statistics.committed.tagged == 0)
    }

    @Test func `waits until the changelog has what the offset says`() {
        let first = script([1], [assigned, .read(0, 1), .wait(250)])
        play(first)
        let second = script([1, 1], [assigned, .wait(10), .wait(10), .read(0, 1), .wait(250)])
        second.committed = first.committed
        second.changelog = first.changelog
        second.changelogIsLateBy = 2
        #expect(play(second).statistics.committed.ignored == 1)
    }

    @Test func `ends when the changelog has been lost`() {
        let script = script([1], [assigned, .wait(29_999), .wait(1), .read(0, 1)])
        script.committed[0] = CommittedOffset(5, metadata: "epoch=1;uuids=5")
        script.changelogIsLateBy = .max
        let (effects, error, _) = play(script)
        let expected = "holds 0 of events_raw[0], expected 5"
        #expect((error as? LaneFailure)?.description.contains(expected) == true, "\(String(describing: error))")
        #expect(effects == [.open, .restore([0]), .close])
    }

    @Test func `answers a rebalance that comes while it reads the changelog`() {
        let script = script([1], [assigned, .rebalance(.revoked(partitions(0))), assigned, .read(0, 1), .wait(250)])
        script.committed[0] = CommittedOffset(0, metadata: "epoch=1;uuids=1")
        script.changelogIsLateBy = 1
        script.changesBeforeAssignment = { script in
            if script.effects.contains(.unassign) { script.committed = [:] }
        }
        let (effects, error, _) = play(script)
        #expect(error == nil)
        #expect(
            effects == [
                .open, .restore([0]), .unassign, .restore([0]), .assign([0]), .begin, .produce(1), .remember(0, 0),
                .offsets([0: 1]), .commit, .close,
            ]
        )
    }

    @Test func `begins with an empty window where nothing was noted`() {
        let script = script([1, 1], [assigned, .read(0, 2), .wait(250)])
        script.committed[0] = CommittedOffset(0, metadata: "epoch=1")
        #expect(play(script).statistics.committed.ignored == 1)
    }
}

@Suite struct `A note beside an offset` {
    @Test(
        arguments: [
            ("epoch=41", 41, nil), ("epoch=41;uuids=7", 41, 7), ("uuids=7", nil, 7), ("", nil, nil),
            ("something else", nil, nil),
            ("epoch=41;later=1;uuids=7", 41, 7), ("epoch=x;uuids=-", nil, nil),
        ] as [(String, Int64?, Int64?)]
    )
    func `is read`(text: String, epoch: Int64?, uuids: Int64?) {
        #expect(OffsetNote(text) == OffsetNote(epoch: epoch, uuids: uuids))
    }

    @Test func `is written as it is read`() {
        for text in ["epoch=41", "epoch=41;uuids=7", ""] { #expect(OffsetNote(text).text == text) }
    }
}

@Suite struct `A key of the changelog` {
    @Test func `is read from its end`() {
        for group in ["tagstream", "a/b", ""] {
            let partition = TopicPartition("events_raw", 12)
            let key = ChangelogKey.text(group, partition, 3)
            #expect(Array(key.utf8).withUnsafeBytes { ChangelogKey.partition(in: $0, of: group) } == partition)
            #expect(Array(key.utf8).withUnsafeBytes { ChangelogKey.partition(in: $0, of: "other") } == nil)
        }
        for text in ["", "tagstream/events_raw/12", "tagstream/events_raw/x/1", "tagstream/events_raw/1/x"] {
            #expect(Array(text.utf8).withUnsafeBytes { ChangelogKey.partition(in: $0, of: "tagstream") } == nil)
        }
    }
}
