/// How long a worker that is to stop still waits for the cluster: one budget for all calls that follow.
final class StopBudget {
    private let milliseconds: Int64
    private let now: () -> Int64
    private let shouldStop: () -> Bool
    private var end: Int64?

    init(milliseconds: Int64, now: @escaping () -> Int64, shouldStop: @escaping () -> Bool) {
        self.milliseconds = milliseconds
        self.now = now
        self.shouldStop = shouldStop
    }

    /// Whether the worker is to stop and has waited long enough.
    func isOver() -> Bool {
        guard shouldStop() else { return false }
        let end = end ?? now() + milliseconds
        self.end = end
        return now() >= end
    }
}
