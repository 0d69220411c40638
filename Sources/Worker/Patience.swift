import Kafka

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

/// Repeats calls while their remedy is to repeat them.
struct Patience {
    let milliseconds: Int64
    let now: () -> Int64
    /// Whether nobody waits for the result any more.
    var isGivenUp: () -> Bool

    /// - Parameter call: gets the milliseconds that this attempt may take: five seconds, or what is left.
    func repeating(_ call: (Int32) throws(KafkaError) -> Void) throws(KafkaError) {
        let deadline = now() + milliseconds
        while true {
            do throws(KafkaError) {
                return try call(Int32(clamping: max(1, min(5000, deadline - now()))))
            } catch {
                guard error.remedy == .retry, now() < deadline, !isGivenUp() else { throw error }
            }
        }
    }
}
