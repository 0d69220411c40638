import Kafka

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
