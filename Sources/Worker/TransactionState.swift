/// Where a lane stands with its transaction, and what may follow.
///
/// Decisions only; the lane has the effects.
struct TransactionState: Equatable {
    /// The limits at which a transaction is closed.
    struct Limits: Sendable, Equatable {
        /// Input records.
        var records = 10_000
        /// Bytes of input values and of output.
        var bytes = 16 << 20
        /// Milliseconds since the first record.
        var milliseconds: Int64 = 250
    }

    enum Phase: Equatable {
        /// None is open: the next record begins one.
        case ready
        /// Open since `began`, with so much in it.
        case open(records: Int, bytes: Int, began: Int64)
    }

    let limits: Limits
    private(set) var phase = Phase.ready

    init(limits: Limits) { self.limits = limits }

    var isOpen: Bool { phase != .ready }

    /// A transaction has begun.
    ///
    /// Only from `ready`.
    mutating func began(at now: Int64) {
        precondition(phase == .ready, "a transaction was begun while one was open")
        phase = .open(records: 0, bytes: 0, began: now)
    }

    /// A batch has been produced into the open transaction.
    mutating func added(records: Int, bytes: Int) {
        guard case .open(let sum, let size, let began) = phase else {
            preconditionFailure("a batch was produced outside a transaction")
        }
        phase = .open(records: sum + records, bytes: size + bytes, began: began)
    }

    /// Whether the transaction has to be committed now.
    func isDue(at now: Int64) -> Bool {
        guard case .open(let records, let bytes, let began) = phase else { return false }
        return records >= limits.records || bytes >= limits.bytes || now - began >= limits.milliseconds
    }

    /// How long a poll may wait, in milliseconds: not beyond the transaction's time.
    func patience(at now: Int64, idle: Int64) -> Int64 {
        guard case .open(_, _, let began) = phase else { return idle }
        return max(0, min(idle, began + limits.milliseconds - now))
    }

    /// How many records the open transaction may still take.
    var roomForRecords: Int {
        guard case .open(let records, _, _) = phase else { return limits.records }
        return max(1, limits.records - records)
    }

    /// The transaction has ended, by commit or by abort, or is known to have ended.
    mutating func ended() { phase = .ready }
}
