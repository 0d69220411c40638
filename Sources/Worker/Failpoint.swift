#if TAGSTREAM_FAILPOINTS
import Foundation
import Kafka
import Synchronization
import Tagstream

/// A named place in a lane's life at which a test ends the process, stops it, or has a call fail.
///
/// Only in the build of `make failpoints`. `TAGSTREAM_FAILPOINT` is a list, separated by commas, of `NAME[:COUNT][:ACTION]`: at the
/// COUNTth time (default 1) that any lane comes to the place, the ACTION (default `kill`) is done, once.
enum Failpoint: String, CaseIterable, Sendable {
    case beforeInit = "before_init"
    case inInit = "in_init"
    case afterInit = "after_init"
    case afterAssign = "after_assign"
    case afterBegin = "after_begin"
    case inPipeline = "in_pipeline"
    case afterFirstProduce = "after_first_produce"
    case afterProduce = "after_produce"
    case beforeOffsets = "before_offsets"
    case afterOffsets = "after_offsets"
    /// While the request to commit is under way: a thread does it, some tenths of a millisecond after the call has begun.
    case inCommit = "in_commit"
    case afterCommit = "after_commit"
    case beforeAbort = "before_abort"
    case afterAbort = "after_abort"
    case beforeRewind = "before_rewind"
    case afterRewind = "after_rewind"
    case inRevoke = "in_revoke"
    case beforeUnassign = "before_unassign"
    case afterUnassign = "after_unassign"
    case inRecover = "in_recover"
    case afterRecover = "after_recover"
    case inClose = "in_close"

    /// What happens there.
    enum Action: String, CaseIterable, Sendable {
        /// SIGKILL.
        case kill
        /// SIGSTOP; whoever tests continues the process.
        case stop
        /// An exit without any clean-up.
        case exit
        /// The call fails with an error that asks for an abort.
        case abortable
        /// The call fails with an error that leaves the outcome unknown.
        case unknown
        /// The call never returns.
        case hang
        /// The lane waits, and librdkafka's threads do not, until the file that `TAGSTREAM_FAILPOINT_GATE` names is there.
        case wait
    }

    private struct Plan: Sendable {
        var failpoint: Failpoint
        var count: Int
        var action: Action
    }

    private static let plans: [Plan] = {
        guard let text = ProcessInfo.processInfo.environment["TAGSTREAM_FAILPOINT"] else { return [] }
        return text.split(separator: ",").map { item in
            let parts = item.split(separator: ":").map(String.init)
            let count = parts.dropFirst().compactMap { Int($0) }.first ?? 1
            let action = parts.count > 1 && Int(parts[parts.count - 1]) == nil ? parts[parts.count - 1] : "kill"
            guard let failpoint = Failpoint(rawValue: parts[0]), let action = Action(rawValue: action), count > 0 else {
                fatalError("TAGSTREAM_FAILPOINT has \"\(item)\", expected NAME[:COUNT][:ACTION]")
            }
            return Plan(failpoint: failpoint, count: count, action: action)
        }
    }()

    /// After how many seconds a lane stands still, where `TAGSTREAM_STANDSTILL_SECONDS` says so.
    static let standstillSeconds = ProcessInfo.processInfo.environment["TAGSTREAM_STANDSTILL_SECONDS"]
        .flatMap { Int($0) }

    private static let gate = ProcessInfo.processInfo.environment["TAGSTREAM_FAILPOINT_GATE"]

    private static let visits = Mutex<[Failpoint: Int]>([:])

    /// Says that a lane has come to a place.
    static func hit(_ failpoint: Failpoint) throws(KafkaError) {
        guard let action = action(at: failpoint) else { return }
        switch action {
        case .kill: kill(getpid(), SIGKILL)
        case .stop: kill(getpid(), SIGSTOP)
        case .exit: _exit(70)
        case .abortable: throw KafkaError(code: 22, while: "pass the failpoint \(failpoint.rawValue)", flag: .abort)
        case .unknown: throw KafkaError(code: -1, while: "pass the failpoint \(failpoint.rawValue)", flag: nil)
        case .hang: while true { sleep(1000) }
        case .wait: while let gate, access(gate, F_OK) != 0 { usleep(10_000) }
        }
    }

    /// Says that a lane has come to a place from which it does not return at once: what is planned happens while it is there.
    static func hitSoon(_ failpoint: Failpoint) {
        guard let action = action(at: failpoint) else { return }
        // From a fifth of a millisecond on, and later with each visit: somewhere between the request and its answer.
        let delay = UInt32(200 + 150 * ((visits.withLock { $0[failpoint] ?? 0 }) % 20))
        Thread.detachNewThread {
            usleep(delay)
            kill(getpid(), action == .stop ? SIGSTOP : SIGKILL)
        }
    }

    /// Crashes on records whose value holds the text in `TAGSTREAM_CRASH_ON`, as `TAGSTREAM_CRASH_BY` says: `trap` (default), `abort`,
    /// `segv`, `overflow` (of the stack), or `kill`, which is what the kernel does to a process without memory.
    static func crash(on records: Range<Int>, of batch: borrowing RecordBatch) {
        guard let text = crashText else { return }
        for index in records where !batch.records[index].hasCrashed {
            guard let value = batch.records[index].value, contains(value, text) else { continue }
            switch ProcessInfo.processInfo.environment["TAGSTREAM_CRASH_BY"] ?? "trap" {
            case "abort": abort()
            case "segv": UnsafeMutableRawPointer(bitPattern: 8)?.storeBytes(of: 1, as: Int.self)
            case "overflow": print(overflow(1))
            case "kill": kill(getpid(), SIGKILL)
            default: fatalError("a crash that was asked for")
            }
        }
    }

    private static let crashText = ProcessInfo.processInfo.environment["TAGSTREAM_CRASH_ON"].map { Array($0.utf8) }

    private static func contains(_ value: UnsafeRawBufferPointer, _ text: [UInt8]) -> Bool {
        guard let first = text.first, value.count >= text.count else { return false }
        return (0...(value.count - text.count)).contains { start in
            value[start] == first && value[start..<(start + text.count)].elementsEqual(text)
        }
    }

    @inline(never)
    private static func overflow(_ depth: Int) -> Int {
        // Not a tail call, so that the stack grows.
        depth == .max ? 0 : overflow(depth &+ 1) &* 3 &+ depth
    }

    private static func action(at failpoint: Failpoint) -> Action? {
        guard !plans.isEmpty else { return nil }
        let visit = visits.withLock { visits in
            visits[failpoint, default: 0] += 1
            return visits[failpoint] ?? 0
        }
        return plans.first { $0.failpoint == failpoint && $0.count == visit }?.action
    }
}
#endif
