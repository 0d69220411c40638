import Kafka

/// Where a lane stands with its transaction, and what has to follow.
///
/// Decisions only; the lane has the effects. The phases and their neighbours:
///
///     ready ─▶ open ─▶ committing ─▶ ready
///               │           │
///               ├───────────┴─▶ aborting ─▶ ready
///               │           │       │
///               └───────────┴───────┴─▶ outcome unknown ─▶ ready
///
/// and from everywhere to poisoned, which is the end.
struct TransactionState: Equatable {
    enum Phase: Equatable {
        /// None is open: the next record begins one.
        case ready
        /// Open since `began`, with so much in it, read in one tenure of partitions.
        case open(records: Int, bytes: Int, began: Int64, tenure: Int)
        /// Its offsets are being sent, or its end; its first record was read at `began`, and it may have come to the limits of its size.
        case committing(began: Int64, isFull: Bool)
        /// It is being aborted; then its work is done again.
        case aborting
        /// Its end was asked for and never confirmed, or the producer failed: nobody knows whether it was committed. A new producer has to
        /// make sure that nothing can change any more, and the broker has to be asked.
        case outcomeUnknown
        /// Nothing follows: another worker has the slot, or nothing succeeds any more.
        case poisoned(mayAbort: Bool)
    }

    /// What an error asks for.
    enum Remedy: Equatable, Sendable {
        /// Abort, and go back to where the transaction began.
        case abort
        /// Replace the producer and ask the broker.
        case recover
        /// Another worker has taken this one's place.
        case leave
        /// Too many transactions have failed in a row.
        case giveUp
    }

    /// The limits at which a transaction is closed.
    private(set) var limits: TransactionLimits
    /// How many transactions in a row may fail.
    let attempts: Int
    private(set) var phase = Phase.ready
    /// How many have failed since the last one that was committed.
    private(set) var failures = 0

    init(limits: TransactionLimits, attempts: Int = 100) {
        self.limits = limits
        self.attempts = attempts
    }

    /// Whether a transaction takes records.
    var isOpen: Bool { if case .open = phase { true } else { false } }

    /// Whether the broker has to be asked before anything else is done.
    var isOutcomeUnknown: Bool { phase == .outcomeUnknown }

    /// Whether an abort makes sense when the lane ends here.
    var canBeAborted: Bool {
        switch phase {
        case .open, .committing, .aborting, .poisoned(mayAbort: true): true
        case .ready, .outcomeUnknown, .poisoned(mayAbort: false): false
        }
    }

    // MARK: The usual way

    /// A transaction begins, for records of a tenure.
    ///
    /// Only from `ready`.
    mutating func began(at now: Int64, in tenure: Int) {
        precondition(phase == .ready, "a transaction was begun while one was \(phase)")
        phase = .open(records: 0, bytes: 0, began: now, tenure: tenure)
    }

    /// A batch has been produced into the open transaction.
    mutating func added(records: Int, bytes: Int) {
        guard case .open(let sum, let size, let began, let tenure) = phase else {
            preconditionFailure("a batch was produced while the transaction was \(phase)")
        }
        phase = .open(records: sum + records, bytes: size + bytes, began: began, tenure: tenure)
    }

    /// The tenure that the open transaction's records were read in.
    var tenure: Int? { if case .open(_, _, _, let tenure) = phase { tenure } else { nil } }

    /// Its commit begins.
    mutating func commits() {
        guard case .open(let records, let bytes, let began, _) = phase else {
            preconditionFailure("a commit was begun while the transaction was \(phase)")
        }
        phase = .committing(began: began, isFull: isFull(records, bytes))
    }

    /// It is committed.
    mutating func committed(at now: Int64) {
        guard case .committing(let began, let isFull) = phase else {
            preconditionFailure("a commit ended while the transaction was \(phase)")
        }
        phase = .ready
        failures = 0
        limits.committed(after: now - began, isFull: isFull)
    }

    // MARK: Failures

    /// The transaction must not be committed, by a decision and not by an error: its partitions may belong to others.
    mutating func aborts() {
        precondition(isOpen, "an abort was begun while the transaction was \(phase)")
        phase = .aborting
    }

    /// A call on behalf of the transaction has failed.
    ///
    /// A retry that is still an error here has used up its patience inside the doors: then the outcome is unknown, as it is with
    /// everything that has no flag (rdkafka.h, "Transactional producer API"). What the client itself refused (size, a full queue) never
    /// left it: an abort is enough, unless what was sent before was given up without an answer, which the doors find out.
    mutating func failed(_ error: KafkaError) -> Remedy {
        switch phase {
        case .open, .committing: break
        case .ready, .aborting, .outcomeUnknown, .poisoned:
            preconditionFailure("a call failed while the transaction was \(phase)")
        }
        if error.isFenced { return leave() }
        failures += 1
        // A row that is too large does not become smaller in a smaller transaction.
        if !error.isTooLarge { limits.failed() }
        guard failures < attempts else {
            phase = .poisoned(mayAbort: true)
            return .giveUp
        }
        if error.remedy == .abort || error.isTooLarge || error.isQueueFull {
            phase = .aborting
            return .abort
        }
        phase = .outcomeUnknown
        return .recover
    }

    /// It is aborted: the next begins where it began.
    mutating func aborted() {
        precondition(phase == .aborting, "an abort ended while the transaction was \(phase)")
        phase = .ready
    }

    /// Its abort was not confirmed.
    mutating func abortFailed(_ error: KafkaError) -> Remedy {
        precondition(phase == .aborting, "an abort failed while the transaction was \(phase)")
        if error.isFenced { return leave() }
        phase = .outcomeUnknown
        return .recover
    }

    /// The way back could not be taken: the broker's word on where to go on is needed after all.
    mutating func wayBackFailed() {
        precondition(phase == .ready, "a way back failed while the transaction was \(phase)")
        phase = .outcomeUnknown
    }

    /// A new producer has ended whatever was left, and the broker has said what is committed.
    mutating func recovered() {
        precondition(phase == .outcomeUnknown, "a recovery ended while the transaction was \(phase)")
        phase = .ready
    }

    private mutating func leave() -> Remedy {
        // A fenced producer can do nothing any more, not even abort.
        phase = .poisoned(mayAbort: false)
        return .leave
    }

    // MARK: Limits

    /// Whether the transaction has to be committed now.
    func isDue(at now: Int64) -> Bool {
        guard case .open(let records, let bytes, let began, _) = phase else { return false }
        return isFull(records, bytes) || now - began >= limits.milliseconds
    }

    private func isFull(_ records: Int, _ bytes: Int) -> Bool {
        records >= limits.recordsNow || bytes >= limits.bytesNow
    }

    /// How long a poll may wait, in milliseconds: not beyond the transaction's time.
    func patience(at now: Int64, idle: Int64) -> Int64 {
        guard case .open(_, _, let began, _) = phase else { return idle }
        return max(0, min(idle, began + limits.milliseconds - now))
    }

    /// How many records the open transaction may still take.
    var roomForRecords: Int {
        guard case .open(let records, _, _, _) = phase else { return limits.recordsNow }
        return max(1, limits.recordsNow - records)
    }
}
