import Kafka

/// Why a lane stopped for good.
public struct LaneFailure: Error, Sendable, CustomStringConvertible {
    /// One sentence.
    public var description: String
    /// Whether another worker uses the same transactional id and has won.
    public var isFenced = false

    init(_ description: String) { self.description = description }

    init(fencedBy error: KafkaError) {
        // The broker does not tell the two apart, and going on would fence the other worker in turn.
        description =
            error.isNameTaken
            ? "another worker has joined the group under this static member's name (\(error.name)): it has to be another for each"
            : "another worker has taken this one's slot (\(error.name)): two workers were started with the same --slot, "
                + "or this one was stopped for longer than a transaction may last"
        isFenced = true
    }

    init(replayFencedBy error: KafkaError) {
        description = "another replay of the same application has begun and taken over (\(error.name))"
        isFenced = true
    }
}
