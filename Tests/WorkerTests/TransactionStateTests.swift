import Testing

@testable import Worker

@Suite struct `A transaction's state` {
    private static let limits = TransactionState.Limits(records: 10, bytes: 1000, milliseconds: 250)

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
        state.began(at: 1000)
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
        state.began(at: 0)
        state.added(records: 4, bytes: 10)
        state.added(records: 4, bytes: 10)
        #expect(state.phase == .open(records: 8, bytes: 20, began: 0))
        state.ended()
        #expect(state == TransactionState(limits: Self.limits))
        state.began(at: 7)
        #expect(state.phase == .open(records: 0, bytes: 0, began: 7))
    }

    @Test func `is not entered twice, and takes nothing while none is open`() async {
        await #expect(processExitsWith: .failure) {
            var state = TransactionState(limits: TransactionState.Limits())
            state.began(at: 0)
            state.began(at: 1)
        }
        await #expect(processExitsWith: .failure) {
            var state = TransactionState(limits: TransactionState.Limits())
            state.added(records: 1, bytes: 1)
        }
    }
}
