public import Kafka
public import Tagstream

/// What a poll of the front door came upon.
public enum LaneEvent: Sendable {
    /// Records are in the batch, or nothing is there; `ends` are partitions that were read to their end, with the offset behind it.
    case records(ends: [TopicPartition: Int64])
    /// The group rebalances.
    case rebalance(Rebalance)
}

/// The two doors of a lane: records come in at the front, output and offsets leave together at the back.
///
/// One protocol for both, because a transaction spans them: its offsets are fenced by the group the records were read in. The product
/// has one conformer (``KafkaDoors``); the tests have others that record what happened, or that model a broker.
public protocol LaneDoors: ~Copyable {
    /// Makes producer and consumer, ends what an earlier owner of the transactional id left open, and joins the group.
    mutating func open() throws
    /// Reads records into a batch that lends their bytes until ``release()``.
    mutating func poll(into batch: inout RecordBatch, records: Int, bytes: Int, timeout: Int64) throws(KafkaError)
        -> LaneEvent
    /// Gives the records of the last poll back.
    mutating func release()
    /// What is committed for partitions, once pending transactions have ended, and what was noted beside it.
    mutating func committed(_ partitions: [TopicPartition]) throws(KafkaError) -> [TopicPartition: CommittedOffset]
    /// Takes partitions, from their committed offsets.
    mutating func assign(_ partitions: [TopicPartition]) throws(KafkaError)
    /// The offsets behind the last committed records of partitions, at this moment.
    mutating func endOffsets(of partitions: [TopicPartition]) throws(KafkaError) -> [TopicPartition: Int64]
    /// Gives all partitions back.
    mutating func unassign() throws(KafkaError)
    /// Goes back within partitions.
    mutating func seek(_ offsets: [TopicPartition: Int64]) throws(KafkaError)

    /// Begins a transaction.
    mutating func begin() throws(KafkaError)
    /// Hands an output batch over. May block while the queue is full: that is the backpressure.
    ///
    /// - Parameter firstLabel: the number, within the transaction, of the batch's first input record; ``failedRecord`` names one.
    mutating func produce(_ out: borrowing OutputBatch, of batch: borrowing RecordBatch, firstLabel: Int)
        throws(KafkaError)
    /// The input record (by its number within the transaction) whose output could not be delivered, and why.
    var failedRecord: FailedDelivery? { get }
    /// This member's place in the group at this moment, as the client knows it.
    mutating func place() throws(KafkaError) -> GroupPlace
    /// From here on calls that end a transaction have to keep to a budget; nil: they have their usual patience again.
    mutating func hurry(_ budget: RevocationBudget?)
    /// Sends the offsets and commits, both with fresh group metadata.
    mutating func commit(_ offsets: [TopicPartition: CommittedOffset]) throws(KafkaError)
    /// Aborts; an error where nobody has confirmed it, or where what was sent may be on its way.
    mutating func abort() throws(KafkaError)
    /// Replaces the producer by a new one with the same transactional id, which ends whatever the old one left, and returns what the
    /// group has committed for these partitions.
    mutating func recover(_ partitions: [TopicPartition]) throws -> [TopicPartition: Int64]
    /// Writes a granule of a partition's window of uuids to the changelog, in the open transaction; no bytes delete it.
    mutating func remember(_ granule: Int, of partition: TopicPartition, _ value: UnsafeRawBufferPointer?)
        throws(KafkaError)
    /// Reads on in the changelog, with the first call from its beginning: what is there of these partitions, in the order in which it was
    /// written; returns whether the end has been reached.
    mutating func readChangelog(
        of partitions: [TopicPartition],
        _ take: (TopicPartition, UnsafeRawBufferPointer) -> Void
    ) throws -> Bool
    /// Stops reading it.
    mutating func closeChangelog()
    /// Leaves the group and closes.
    mutating func close()
}
