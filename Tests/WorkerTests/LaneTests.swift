import Kafka
import Tagstream
import TestKit
import Testing

@testable import Worker

/// librdkafka's errors as a lane meets them.
private enum Trouble {
    static let abortable = KafkaError(code: 22, while: "send the offsets", flag: .abort)
    static let fatal = KafkaError(code: 48, while: "commit the transaction", flag: .exit)
    static let timeout = KafkaError(code: -185, while: "commit the transaction", flag: .retry)
    static let unknown = KafkaError(code: -1, while: "commit the transaction", flag: nil)
    static let fenced = KafkaError(code: -144, while: "commit the transaction", flag: .exit)
    static let fencedOnOffsets = KafkaError(code: 90, while: "send the offsets", flag: .abort)
    static let poll = KafkaError(code: -147, while: "read", flag: nil)
}

private func partitions(_ numbers: Int32...) -> [TopicPartition] {
    numbers.map { TopicPartition(DoorsScript.topic, $0) }
}

/// Runs a lane over a script until the script is used up or the lane has failed.
@discardableResult
private func play(
    _ script: DoorsScript,
    epoch: Int64 = 1,
    board: SnapshotBoard? = nil,
    _ configure: (inout Lane<RecordingDoors>.Configuration) -> Void = { _ in }
) -> (effects: [Effect], error: (any Error)?, statistics: LaneStatistics) {
    var configuration = Lane<RecordingDoors>.Configuration()
    configuration.transactionRecords = 4
    configuration.outputBytes = 1 << 10
    configure(&configuration)
    let statistics = StatisticsBoard()
    var lane = Lane(
        configuration,
        doors: RecordingDoors(script),
        snapshots: board ?? SnapshotBoard(SampleSnapshot.empty(epoch: epoch)),
        board: statistics,
        now: { script.now },
        shouldStop: { script.shouldStop }
    )
    do {
        try lane.run()
        return (script.effects, nil, statistics.current)
    } catch {
        return (script.effects, error, statistics.current)
    }
}

private var assigned: PollStep { .rebalance(.assigned(partitions(0))) }

@Suite struct `A lane` {
    @Test func `sends the offsets inside the transaction that carries the output`() {
        let script = DoorsScript([assigned, .read(0, 3), .wait(250)])
        script.values[0] = [1: SampleValue.broken]
        let (effects, error, statistics) = play(script)
        #expect(
            effects == [
                .open, .assign([0]), .begin, .produce(2), .deadLetter(1), .offsets([0: 3]), .commit, .close,
            ]
        )
        #expect(error == nil)
        #expect(statistics.committed.tagged == 2)
        #expect(statistics.committed.deadLetters == 1)
        #expect(statistics.commits == 1)
        #expect(script.metadata == [0: "epoch=1"])
    }

    @Test func `begins no transaction while nothing is there`() {
        #expect(play(DoorsScript([assigned, .wait(1000), .wait(1000)])).effects == [.open, .assign([0]), .close])
    }

    @Test func `closes a transaction at so many records`() {
        let script = DoorsScript([assigned, .read(0, 3), .read(0, 3), .read(0, 3), .read(0, 3)])
        #expect(
            play(script).effects == [
                .open, .assign([0]),
                .begin, .produce(3), .produce(1), .offsets([0: 4]), .commit,
                .begin, .produce(3), .produce(1), .offsets([0: 8]), .commit, .close,
            ]
        )
    }

    @Test func `closes a transaction at so many bytes of input and output`() {
        let script = DoorsScript([assigned, .read(0, 1), .read(0, 1)])
        let (effects, _, _) = play(script) { $0.transactionBytes = SampleValue.event.count + 1 }
        #expect(
            effects == [
                .open, .assign([0]), .begin, .produce(1), .offsets([0: 1]), .commit,
                .begin, .produce(1), .offsets([0: 2]), .commit, .close,
            ]
        )
    }

    @Test func `closes a transaction after so many milliseconds`() {
        let script = DoorsScript([assigned, .read(0, 1), .wait(249), .read(0, 1), .wait(1), .wait(500)])
        #expect(
            play(script).effects == [
                .open, .assign([0]), .begin, .produce(1), .produce(1), .offsets([0: 2]), .commit, .close,
            ]
        )
    }

    @Test func `takes one snapshot a transaction`() {
        let board = SnapshotBoard(SampleSnapshot.empty(epoch: 5))
        let script = DoorsScript([
            assigned, .read(0, 1), .run { board.publish(SampleSnapshot.empty(epoch: 6)) }, .read(0, 1), .wait(250),
        ])
        play(script, board: board)
        #expect(script.metadata == [0: "epoch=5"])
        let second = DoorsScript([assigned, .read(0, 1), .wait(250), .read(0, 1)])
        #expect(play(second, board: board).statistics.epoch == 6)
        #expect(second.metadata == [0: "epoch=6"])
    }

    // MARK: Rebalances

    @Test func `commits before it gives partitions back`() {
        let script = DoorsScript([assigned, .read(0, 2), .rebalance(.revoked(partitions(0)))])
        #expect(
            play(script).effects == [
                .open, .assign([0]), .begin, .produce(2), .offsets([0: 2]), .commit, .unassign, .close,
            ]
        )
    }

    @Test func `aborts, and gives the partitions back all the same, when the commit before it fails`() {
        let script = DoorsScript([assigned, .read(0, 2), .rebalance(.revoked(partitions(0)))])
        script.errors[.sendOffsets] = [Trouble.abortable]
        #expect(
            play(script).effects == [
                .open, .assign([0]), .begin, .produce(2), .failed(.sendOffsets), .abort, .seek([0: 0]), .unassign,
                .close,
            ]
        )
    }

    @Test func `commits nothing of partitions it has lost`() {
        let script = DoorsScript([assigned, .read(0, 2), .rebalance(.lost(partitions(0))), .wait(500)])
        #expect(
            play(script).effects == [.open, .assign([0]), .begin, .produce(2), .abort, .unassign, .close]
        )
    }

    @Test func `makes a new producer when it cannot even abort what it has lost`() {
        let script = DoorsScript([assigned, .read(0, 2), .rebalance(.lost(partitions(0))), assigned, .read(0, 1)])
        script.errors[.abort] = [Trouble.timeout]
        #expect(
            play(script).effects == [
                .open, .assign([0]), .begin, .produce(2), .failed(.abort), .unassign, .recover([]),
                .assign([0]), .begin, .produce(1), .offsets([0: 1]), .commit, .close,
            ]
        )
    }

    @Test func `forgets a partition that it gave back, and begins it anew when it returns`() {
        let script = DoorsScript([
            assigned, .read(0, 2), .rebalance(.revoked(partitions(0))),
            .rebalance(.assigned(partitions(0, 1))), .read(0, 1), .read(1, 1),
        ])
        #expect(
            play(script).effects == [
                .open, .assign([0]), .begin, .produce(2), .offsets([0: 2]), .commit, .unassign,
                .assign([0, 1]), .begin, .produce(1), .produce(1), .offsets([0: 3, 1: 1]), .commit, .close,
            ]
        )
    }

    @Test func `has one budget for everything while the group waits`() {
        let script = DoorsScript([
            assigned, .read(0, 2), .wait(100), .rebalance(.revoked(partitions(0))), assigned, .read(0, 1),
        ])
        play(script) { $0.revocation = RevocationBudget.Limits(sessionMilliseconds: 9000) }
        let budget = RevocationBudget(RevocationBudget.Limits(sessionMilliseconds: 9000), from: 100)
        #expect(script.budgets == [budget])
        // It ends with the revocation: the last commit had its usual patience.
        #expect(!script.wasHurried)
        let hurried = DoorsScript([assigned, .read(0, 2), .rebalance(.revoked(partitions(0)))])
        play(hurried)
        #expect(hurried.wasHurried)
    }

    @Test func `gives partitions back before it asks what became of their commit`() {
        let script = DoorsScript([assigned, .read(0, 2), .rebalance(.revoked(partitions(0))), assigned, .read(0, 1)])
        script.errors[.commit] = [Trouble.timeout]
        #expect(
            play(script).effects == [
                .open, .assign([0]), .begin, .produce(2), .offsets([0: 2]), .failed(.commit), .unassign, .recover([]),
                .assign([0]), .begin, .produce(1), .offsets([0: 1]), .commit, .close,
            ]
        )
    }

    @Test func `commits nothing when the group knows it by another name`() {
        let script = DoorsScript([assigned, .read(0, 2)])
        script.places = [GroupPlace([1]), GroupPlace([2])]
        let (effects, error, statistics) = play(script)
        #expect(effects == [.open, .assign([0]), .begin, .produce(2), .abort, .seek([0: 0]), .close])
        #expect(error == nil)
        #expect(statistics.aborts == 1)
        #expect(statistics.commits == 0)
    }

    @Test func `commits nothing when it has polled too late`() {
        let script = DoorsScript([assigned, .read(0, 2)])
        script.delays[.produce] = 300_000
        let (effects, _, _) = play(script)
        #expect(effects == [.open, .assign([0]), .begin, .produce(2), .abort, .seek([0: 0]), .close])
        let inTime = DoorsScript([assigned, .read(0, 2)])
        inTime.delays[.produce] = 299_999
        #expect(play(inTime).effects.contains(.commit))
    }

    // MARK: Errors

    @Test(arguments: [DoorCall.produce, .sendOffsets, .commit])
    func `aborts, goes back and does the same work again`(call: DoorCall) {
        let script = DoorsScript([assigned, .read(0, 2), .wait(250), .read(0, 2), .wait(250)])
        script.values[0] = [1: SampleValue.broken]
        script.errors[call] = [Trouble.abortable]
        let before: [Effect] =
            switch call {
            case .produce: [.failed(.produce)]
            case .sendOffsets: [.produce(1), .deadLetter(1), .failed(.sendOffsets)]
            default: [.produce(1), .deadLetter(1), .offsets([0: 2]), .failed(.commit)]
            }
        let (effects, error, statistics) = play(script)
        #expect(
            effects == [.open, .assign([0]), .begin] + before + [
                .abort, .seek([0: 0]), .begin, .produce(1), .deadLetter(1), .offsets([0: 2]), .commit, .close,
            ]
        )
        #expect(error == nil)
        #expect(statistics.committed.input == 2)
        #expect(statistics.aborts == 1)
    }

    @Test func `does less at once after a failure, and more again after commits`() {
        let script = DoorsScript([assigned] + Array(repeating: PollStep.read(0, 8), count: 5))
        script.errors[.commit] = [Trouble.timeout]
        script.delays[.commit] = 100
        let (effects, _, statistics) = play(script) { $0.transactionTimeout = 1000 }
        #expect(
            effects == [
                .open, .assign([0]), .begin, .produce(4), .offsets([0: 4]), .failed(.commit), .recover([0]),
                .seek([0: 0]),
                .begin, .produce(2), .offsets([0: 2]), .commit, .begin, .produce(4), .offsets([0: 6]), .commit,
                .begin, .produce(4), .offsets([0: 10]), .commit, .begin, .produce(4), .offsets([0: 14]), .commit,
                .close,
            ]
        )
        #expect(statistics.transactionLimit == 4)
        // A commit that takes more than half of a transaction's time is a failure that has not happened yet.
        let slow = DoorsScript([assigned] + Array(repeating: PollStep.read(0, 8), count: 4))
        slow.delays[.commit] = 751
        let sizes = play(slow) { $0.transactionTimeout = 1000 }.effects.compactMap { effect in
            if case .produce(let records) = effect { records } else { nil }
        }
        #expect(sizes == [4, 2, 1, 1])
    }

    @Test(arguments: [Trouble.fatal, Trouble.timeout, Trouble.unknown])
    func `asks the broker with a new producer when it cannot know whether a commit was applied`(trouble: KafkaError) {
        for wasApplied in [false, true] {
            let script = DoorsScript([assigned, .read(0, 2), .wait(250), .read(0, 2), .wait(250)])
            script.errors[.commit] = [trouble]
            script.appliesRefusedCommits = wasApplied
            script.committed[0] = CommittedOffset(10)
            let next: Int64 = wasApplied ? 12 : 10
            #expect(
                play(script).effects == [
                    .open, .assign([0]), .begin, .produce(2), .offsets([0: 12]), .failed(.commit),
                    .recover([0]), .seek([0: next]),
                    .begin, .produce(2), .offsets([0: next + 2]), .commit, .close,
                ]
            )
        }
    }

    @Test(arguments: [DoorCall.abort, .seek])
    func `recovers when the abort, or the way back, fails`(call: DoorCall) {
        let script = DoorsScript([assigned, .read(0, 2), .wait(250), .read(0, 2), .wait(250)])
        script.errors[.sendOffsets] = [Trouble.abortable]
        script.errors[call] = [Trouble.unknown]
        #expect(
            play(script).effects == [
                .open, .assign([0]), .begin, .produce(2), .failed(.sendOffsets),
            ] + (call == .seek ? [.abort] : []) + [
                .failed(call), .recover([0]), .seek([0: 0]),
                .begin, .produce(2), .offsets([0: 2]), .commit, .close,
            ]
        )
    }

    @Test(arguments: [DoorCall.begin, .produce, .sendOffsets, .commit])
    func `ends when another worker has taken its place`(call: DoorCall) {
        for trouble in [Trouble.fenced, Trouble.fencedOnOffsets] {
            let script = DoorsScript([assigned, .read(0, 2), .wait(250), .read(0, 2)])
            script.errors[call] = [trouble]
            let (effects, error, _) = play(script)
            #expect((error as? LaneFailure)?.isFenced == true, "\(effects)")
            #expect(!effects.contains(.commit))
            #expect(effects.last == .close)
        }
    }

    @Test func `ends when another worker takes its place while it aborts or recovers`() {
        for call in [DoorCall.abort, .recover] {
            let script = DoorsScript([assigned, .read(0, 2), .wait(250), .read(0, 2)])
            script.errors[.commit] = [call == .abort ? Trouble.abortable : Trouble.fatal]
            script.errors[call] = [Trouble.fenced]
            #expect((play(script).error as? LaneFailure)?.isFenced == true)
        }
    }

    @Test func `asks until there is an answer while the cluster is away`() {
        let script = DoorsScript([assigned, .read(0, 2), .wait(250), .read(0, 2), .wait(250)])
        script.errors[.commit] = [Trouble.timeout]
        script.errors[.recover] = Array(repeating: Trouble.timeout, count: 5)
        let (effects, error, statistics) = play(script)
        #expect(error == nil)
        #expect(effects.count { $0 == .failed(.recover) } == 5)
        #expect(
            effects.suffix(7) == [.recover([0]), .seek([0: 0]), .begin, .produce(2), .offsets([0: 2]), .commit, .close]
        )
        #expect(statistics.recoveries == 1)
    }

    @Test func `asks no more when it is to stop`() {
        let script = DoorsScript([assigned, .read(0, 2)])
        script.errors[.commit] = [Trouble.timeout]
        script.errors[.recover] = Array(repeating: Trouble.timeout, count: 5)
        let (effects, error, _) = play(script)
        #expect((error as? KafkaError)?.code == Trouble.timeout.code)
        #expect(effects.suffix(2) == [.failed(.recover), .close])
    }

    @Test func `waits for no offsets that are pending when it is to stop`() {
        let script = DoorsScript([assigned, .read(0, 2)])
        script.errors[.committed] = [Trouble.timeout]
        script.stopsDuring = .committed
        let (effects, error, _) = play(script)
        #expect(error == nil)
        #expect(effects == [.open, .failed(.committed), .close])

        // But for those it is to work with it does.
        let going = DoorsScript([assigned, .read(0, 2)])
        going.errors[.committed] = [Trouble.timeout]
        #expect((play(going).error as? KafkaError)?.code == Trouble.timeout.code)
    }

    @Test func `ends with the error when no transaction succeeds any more`() {
        let script = DoorsScript([assigned] + (0..<20).flatMap { _ in [PollStep.read(0, 1), .wait(250)] })
        script.errors[.commit] = Array(repeating: Trouble.abortable, count: 20)
        let (effects, error, _) = play(script) { $0.attempts = 3 }
        #expect((error as? KafkaError)?.code == Trouble.abortable.code)
        #expect(effects.count { $0 == .failed(.commit) } == 3)
        #expect(effects.suffix(2) == [.abort, .close])
    }

    @Test(arguments: [false, true])
    func `makes a row that is refused for its size a dead letter when it is read again`(isInClient: Bool) {
        let script = DoorsScript([assigned, .read(0, 3), .wait(250), .read(0, 3), .wait(250), .read(0, 1)])
        script.oversized[0] = [1]
        script.refusesInClient = isInClient
        let (effects, error, statistics) = play(script)
        #expect(
            effects == [
                .open, .assign([0]), .begin, isInClient ? .failed(.produce) : .produce(3), .abort, .seek([0: 0]),
                .begin, .produce(2), .deadLetter(1), .offsets([0: 3]), .commit,
                .begin, .produce(1), .offsets([0: 4]), .commit, .close,
            ]
        )
        #expect(error == nil)
        #expect(statistics.committed.deadLetters == 1)
    }

    @Test func `ends when the dead letter is refused for its size as well`() {
        let script = DoorsScript([assigned, .read(0, 1), .wait(250), .read(0, 1), .wait(250), .read(0, 1), .wait(250)])
        script.oversized[0] = [0]
        script.refusesDeadLetters = true
        let (effects, error, _) = play(script)
        #expect(error is LaneFailure)
        #expect(!effects.contains(.commit))
    }

    @Test func `commits nothing when a delivery has failed`() {
        let script = DoorsScript([assigned, .read(0, 2), .wait(250), .read(0, 2), .wait(250)])
        script.nextFailure = FailedDelivery(label: 1, error: Trouble.timeout)
        #expect(
            play(script).effects == [
                .open, .assign([0]), .begin, .produce(2), .recover([0]), .seek([0: 0]),
                .begin, .produce(2), .offsets([0: 2]), .commit, .close,
            ]
        )
    }

    @Test func `ends when records are missing after it went back`() {
        let script = DoorsScript([assigned, .read(0, 2), .wait(250), .read(0, 2), .wait(250)])
        script.errors[.commit] = [Trouble.abortable]
        script.losesSeeks = true
        let (effects, error, _) = play(script)
        #expect((error as? LaneFailure)?.description.contains("expected 0") == true)
        #expect((error as? LaneFailure)?.isFenced == false)
        #expect(!effects.contains(.commit))
        #expect(effects.last == .close)
    }

    @Test func `ends when a poll fails, and commits nothing of what is open`() {
        let script = DoorsScript([assigned, .read(0, 2), .fail(Trouble.poll)])
        let (effects, error, _) = play(script)
        #expect(effects == [.open, .assign([0]), .begin, .produce(2), .abort, .close])
        #expect((error as? KafkaError)?.code == Trouble.poll.code)
    }

    // MARK: The end

    @Test func `drains when it should stop`() {
        let script = DoorsScript([assigned, .read(0, 2)])
        let (effects, error, statistics) = play(script)
        #expect(effects == [.open, .assign([0]), .begin, .produce(2), .offsets([0: 2]), .commit, .close])
        #expect(error == nil)
        #expect(statistics.commits == 1)
        #expect(statistics.committed.input == 2)
    }

    @Test func `stops at the end where that is asked for`() {
        let script = DoorsScript([
            .rebalance(.assigned(partitions(0, 1))), .read(0, 2, isEnd: true), .read(1, 1, isEnd: true), .read(0, 1),
        ])
        let (effects, _, _) = play(script) { $0.exitsAtEnd = true }
        #expect(
            effects == [
                .open, .assign([0, 1]), .begin, .produce(2), .produce(1), .offsets([0: 2, 1: 1]), .commit, .close,
            ]
        )
        #expect(script.remaining == 1)
    }

    @Test func `stops where the partitions ended when they were assigned`() {
        let script = DoorsScript([assigned, .read(0, 2), .read(0, 1)])
        script.ends[0] = 2
        play(script) { $0.exitsAtEnd = true }
        #expect(script.remaining == 1)
        let finished = DoorsScript([assigned, .read(0, 1)])
        finished.ends[0] = 2
        finished.committed[0] = CommittedOffset(2)
        #expect(play(finished) { $0.exitsAtEnd = true }.effects == [.open, .assign([0]), .close])
        let empty = DoorsScript([.rebalance(.assigned([])), .read(0, 1)])
        #expect(play(empty) { $0.exitsAtEnd = true }.effects == [.open, .assign([]), .close])
    }

    @Test(arguments: [DoorCall.produce, .sendOffsets, .commit])
    func `is at no end any more when it has gone back from there`(call: DoorCall) {
        let script = DoorsScript([assigned, .read(0, 2, isEnd: true), .read(0, 2, isEnd: true), .read(0, 1)])
        script.errors[call] = [Trouble.abortable]
        let (effects, _, _) = play(script) { $0.exitsAtEnd = true }
        #expect(effects.suffix(4) == [.produce(2), .offsets([0: 2]), .commit, .close])
        #expect(script.remaining == 1)
    }

    @Test func `is at no end between two assignments`() {
        let script = DoorsScript([
            assigned, .read(0, 1), .rebalance(.revoked(partitions(0))), .wait(10), assigned,
            .read(0, 1, isEnd: true), .read(0, 1),
        ])
        let (effects, _, _) = play(script) { $0.exitsAtEnd = true }
        #expect(effects.suffix(4) == [.produce(1), .offsets([0: 2]), .commit, .close])
        #expect(script.remaining == 1)
    }

    // MARK: Epochs

    @Test func `waits for the epoch under which its partitions were worked on`() {
        let board = SnapshotBoard(SampleSnapshot.empty(epoch: 3))
        let script = DoorsScript([
            assigned, .wait(10), .run { board.publish(SampleSnapshot.empty(epoch: 7)) }, .read(0, 1),
        ])
        script.committed[0] = CommittedOffset(4, metadata: "epoch=7")
        let (effects, error, _) = play(script, board: board)
        #expect(effects == [.open, .assign([0]), .begin, .produce(1), .offsets([0: 5]), .commit, .close])
        #expect(error == nil)
        #expect(script.metadata == [0: "epoch=7"])
    }

    @Test func `ends when that epoch does not come`() {
        let script = DoorsScript([assigned, .wait(29_999), .wait(1), .read(0, 1)])
        script.committed[0] = CommittedOffset(4, metadata: "epoch=7")
        let (effects, error, _) = play(script, epoch: 3)
        #expect(effects == [.open, .close])
        #expect((error as? LaneFailure)?.description.contains("epoch 7") == true)
    }

    @Test func `answers a rebalance that comes while it waits`() {
        let script = DoorsScript([assigned, .wait(10), .rebalance(.lost(partitions(0))), .wait(10)])
        script.committed[0] = CommittedOffset(4, metadata: "epoch=7")
        let (effects, error, _) = play(script, epoch: 3)
        #expect(effects == [.open, .unassign, .close])
        #expect(error == nil)
    }
}
