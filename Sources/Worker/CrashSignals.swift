import Foundation

/// Notes, in the journal of the lane on whose thread it happens, that the process crashes by its own doing: that tells a crash from an
/// end that came from outside.
///
/// The handler only stores a number and puts back what was there before; then the instruction is executed again and the process ends as
/// it would have, with its core file or the runtime's backtrace.
enum CrashSignals {
    private static let signals = [SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGABRT, SIGFPE]
    private static let places = 64

    private struct Watch {
        var thread: pthread_t
        var address: UnsafeMutableRawPointer
    }

    // Written under `lock` before a watch is counted, and never given back; the handler only reads, and takes no lock.
    private nonisolated(unsafe) static var watches = UnsafeMutablePointer<Watch?>.allocate(capacity: places)
    private nonisolated(unsafe) static var count = 0
    private nonisolated(unsafe) static var former = UnsafeMutablePointer<sigaction>.allocate(capacity: 65)
    private static let lock = NSLock()

    /// Watches the calling thread for a lane with a journal, until ``forget(_:)``.
    static func watch(_ journal: CrashJournal) {
        lock.withLock {
            if count == 0 { install() }
            guard count < places else { return }
            (watches + count).initialize(to: Watch(thread: pthread_self(), address: journal.signalAddress))
            count += 1
        }
        // A stack that has overflowed cannot take the handler.
        var stack = stack_t()
        stack.ss_size = 64 << 10
        stack.ss_sp = UnsafeMutableRawPointer.allocate(byteCount: stack.ss_size, alignment: 16)
        sigaltstack(&stack, nil)
    }

    /// The journal goes: nothing is written to it any more.
    static func forget(_ journal: CrashJournal) {
        lock.withLock {
            for index in 0..<count where watches[index]?.address == journal.signalAddress { watches[index] = nil }
        }
    }

    private static func install() {
        for signal in signals {
            var action = sigaction()
            action.__sigaction_handler.sa_handler = { number in CrashSignals.note(number) }
            action.sa_flags = SA_ONSTACK
            sigaction(signal, &action, former + Int(signal))
        }
    }

    private static func note(_ number: Int32) {
        let thread = pthread_self()
        for index in 0..<count {
            guard let watch = watches[index], pthread_equal(watch.thread, thread) != 0 else { continue }
            watch.address.storeBytes(of: UInt32(truncatingIfNeeded: number), as: UInt32.self)
        }
        sigaction(number, former + Int(number), nil)
        // What was sent by `raise` does not happen again by itself.
        if number == SIGABRT { raise(number) }
    }
}
