#if TAGSTREAM_FAILPOINTS
import Kafka

/// Records that were read before the transaction of the last ones was committed: the habitat of the mistake
/// ``PlantedBug/positionInsteadOfLedger``.
///
/// A lane processes whole what it has read before it reads on, so librdkafka's position and its own hardly ever differ, and the mistake
/// would hide. Whoever makes it usually reads ahead.
struct ReadAhead: ~Copyable {
    private var messages = MessageBatch()
    private var outcome: Consumer.Outcome?

    /// Reads some records for the next poll, unless there are some.
    mutating func fill(from consumer: borrowing Consumer) throws(KafkaError) {
        guard outcome == nil else { return }
        outcome = try consumer.poll(into: &messages, records: 20, bytes: 1 << 20, timeout: 0)
    }

    /// What was read ahead, if anything was.
    mutating func take(into batch: inout MessageBatch) -> Consumer.Outcome? {
        guard let outcome else { return nil }
        self.outcome = nil
        swap(&messages, &batch)
        messages.removeAll()
        return outcome
    }

    /// The consumer goes elsewhere: these records come again, or to somebody else.
    mutating func forget() {
        messages.removeAll()
        if case .records = outcome { outcome = nil }
    }
}
#endif
