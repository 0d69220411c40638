import Kafka
import Testing

@testable import Worker

@Suite struct `A transaction's state` {
    private static let limits = TransactionLimits(records: 10, bytes: 1000, milliseconds: 250)

    /// An open transaction with so much in it, looked at so long after it began.
    struct Row: Sendable {
        var records: Int
        var bytes: Int
        var age: Int64
        var isDue: Bool
        var patience: Int64
        var room: Int
    }

    private static let rows = [
        Row(records: 0, bytes: 0, age: 0, isDue: false, patience: 100, room: 10),
        Row(records: 9, bytes: 999, age: 249, isDue: false, patience: 1, room: 1),
        Row(records: 10, bytes: 0, age: 0, isDue: true, patience: 100, room: 1),
        Row(records: 11, bytes: 0, age: 0, isDue: true, patience: 100, room: 1),
        Row(records: 1, bytes: 1000, age: 0, isDue: true, patience: 100, room: 9),
        Row(records: 1, bytes: 1, age: 250, isDue: true, patience: 0, room: 9),
        Row(records: 1, bytes: 1, age: 9999, isDue: true, patience: 0, room: 9),
        Row(records: 1, bytes: 1, age: 200, isDue: false, patience: 50, room: 9),
    ]

    @Test(arguments: rows)
    func `is due at a number of records, of bytes or of milliseconds, whichever comes first`(row: Row) {
        var state = TransactionState(limits: Self.limits)
        state.began(at: 1000, in: 1)
        state.added(records: row.records, bytes: row.bytes)
        let now = 1000 + row.age
        #expect(state.isDue(at: now) == row.isDue, "\(row)")
        #expect(state.patience(at: now, idle: 100) == row.patience, "\(row)")
        #expect(state.roomForRecords == row.room, "\(row)")
    }

    @Test func `is never due while none is open, and lets a poll wait as long as it likes`() {
        let state = TransactionState(limits: Self.limits)
        #expect(!state.isOpen)
        #expect(!state.isDue(at: .max))
        #expect(state.patience(at: 5, idle: 100) == 100)
        #expect(state.roomForRecords == 10)
    }

    @Test func `adds up the batches of one transaction and forgets them with its end`() {
        var state = TransactionState(limits: Self.limits)
        state.began(at: 0, in: 1)
        state.added(records: 4, bytes: 10)
        state.added(records: 4, bytes: 10)
        #expect(state.phase == .open(records: 8, bytes: 20, began: 0, tenure: 1))
        state.commits()
        state.committed(at: 0)
        #expect(state == TransactionState(limits: Self.limits))
        state.began(at: 7, in: 2)
        #expect(state.phase == .open(records: 0, bytes: 0, began: 7, tenure: 2))
    }

    @Test func `becomes smaller with a failure that a smaller one may be spared, and grows with commits`() {
        var state = TransactionState(limits: Self.limits)
        for (error, room, isDue) in [(Self.abortable, 5, false), (Self.timeout, 2, true), (Self.tooLarge, 2, true)] {
            state.began(at: 0, in: 1)
            if state.failed(error) == .abort { state.aborted() } else { state.recovered() }
            #expect(state.roomForRecords == room)
            var next = state
            next.began(at: 0, in: 1)
            next.added(records: 1, bytes: 250)
            #expect(next.isDue(at: 0) == isDue)
        }
        // Only a full one makes the next one larger.
        for (records, room) in [(1, 2), (2, 5), (4, 5), (5, 10), (10, 10)] {
            state.began(at: 0, in: 1)
            state.added(records: records, bytes: 1)
            state.commits()
            state.committed(at: 0)
            #expect(state.roomForRecords == room)
        }
    }

    // MARK: Failures

    private static let abortable = KafkaError(code: 22, while: "send the offsets", flag: .abort)
    private static let fatal = KafkaError(code: 48, while: "commit", flag: .exit)
    private static let timeout = KafkaError(code: -185, while: "commit", flag: .retry)
    private static let unflagged = KafkaError(code: -1, while: "commit", flag: nil)
    private static let fenced = KafkaError(code: -144, while: "commit", flag: .exit)
    private static let fencedOnOffsets = KafkaError(code: 90, while: "send the offsets", flag: .abort)
    private static let tooLarge = KafkaError(code: 10, while: "deliver", flag: nil)
    private static let queueFull = KafkaError(code: -184, while: "produce", flag: .retry)

    /// An error, met while the transaction is open or being committed, and what it asks for.
    private static let remedies: [(KafkaError, TransactionState.Remedy, TransactionState.Phase)] = [
        (abortable, .abort, .aborting),
        (tooLarge, .abort, .aborting),
        (queueFull, .abort, .aborting),
        (fatal, .recover, .outcomeUnknown),
        (timeout, .recover, .outcomeUnknown),
        (unflagged, .recover, .outcomeUnknown),
        (fenced, .leave, .poisoned(mayAbort: false)),
        (fencedOnOffsets, .leave, .poisoned(mayAbort: false)),
    ]

    @Test(arguments: remedies, [false, true])
    private func `asks for one remedy of an error, whatever it was doing`(
        row: (error: KafkaError, remedy: TransactionState.Remedy, phase: TransactionState.Phase),
        isCommitting: Bool
    ) {
        var state = TransactionState(limits: Self.limits)
        state.began(at: 0, in: 1)
        if isCommitting { state.commits() }
        #expect(state.failed(row.error) == row.remedy)
        #expect(state.phase == row.phase)
        #expect(!state.isOpen)
        #expect(state.isOutcomeUnknown == (row.remedy == .recover))
        #expect(state.canBeAborted == (row.remedy == .abort))
    }

    @Test func `is ready again when it is aborted, or when the broker was asked`() {
        var state = TransactionState(limits: Self.limits)
        state.began(at: 0, in: 1)
        _ = state.failed(Self.abortable)
        state.aborted()
        #expect(state.phase == .ready)
        state.began(at: 0, in: 1)
        _ = state.failed(Self.abortable)
        // An abort that nobody confirmed leaves the outcome unknown, whatever the error says.
        for error in [Self.abortable, Self.fatal, Self.timeout, Self.unflagged] {
            var copy = state
            #expect(copy.abortFailed(error) == .recover)
            #expect(copy.isOutcomeUnknown)
            #expect(!copy.canBeAborted)
            copy.recovered()
            #expect(copy.phase == .ready)
        }
        #expect(state.abortFailed(Self.fenced) == .leave)
        #expect(!state.canBeAborted)
    }

    @Test func `is unknown again when the way back fails`() {
        var state = TransactionState(limits: Self.limits)
        state.began(at: 0, in: 1)
        state.aborts()
        state.aborted()
        state.wayBackFailed()
        #expect(state.isOutcomeUnknown)
    }

    @Test func `is given up after so many failures in a row, and a commit makes up for them`() {
        var state = TransactionState(limits: Self.limits, attempts: 3)
        for _ in 0..<2 {
            for _ in 0..<2 {
                state.began(at: 0, in: 1)
                #expect(state.failed(Self.abortable) == .abort)
                state.aborted()
            }
            state.began(at: 0, in: 1)
            state.commits()
            state.committed(at: 0)
        }
        for remedy in [TransactionState.Remedy.abort, .abort, .giveUp] {
            state.began(at: 0, in: 1)
            #expect(state.failed(Self.abortable) == remedy)
            if remedy == .abort { state.aborted() }
        }
        #expect(state.phase == .poisoned(mayAbort: true))
    }

    @Test func `is not entered twice, and takes nothing while none is open`() async {
        await #expect(processExitsWith: .failure) {
            var state = TransactionState(limits: TransactionLimits())
            state.began(at: 0, in: 1)
            state.began(at: 1, in: 1)
        }
        await #expect(processExitsWith: .failure) {
            var state = TransactionState(limits: TransactionLimits())
            state.added(records: 1, bytes: 1)
        }
    }
}
