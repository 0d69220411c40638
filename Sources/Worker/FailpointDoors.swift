#if TAGSTREAM_FAILPOINTS
import Kafka
import Tagstream

/// Doors that tell ``Failpoint`` where the lane is, and that plant those bugs that are the doors' own.
///
/// Only in the build of `make failpoints`.
struct FailpointDoors<Inner: LaneDoors & ~Copyable>: LaneDoors, ~Copyable {
    private var inner: Inner
    private var spoilt = SpoiltWork()

    init(_ inner: consuming Inner) { self.inner = inner }

    mutating func open() throws {
        try Failpoint.hit(.beforeInit)
        try inner.open()
        try Failpoint.hit(.afterInit)
    }

    mutating func poll(
        into batch: inout RecordBatch,
        records: Int,
        bytes: Int,
        timeout: Int64
    ) throws(KafkaError) -> LaneEvent {
        let event = try inner.poll(into: &batch, records: records, bytes: bytes, timeout: timeout)
        SpoiltWork.spoil(&batch)
        return event
    }

    mutating func release() { inner.release() }

    mutating func committed(
        _ partitions: [TopicPartition]
    ) throws(KafkaError) -> [TopicPartition: CommittedOffset] {
        try inner.committed(partitions)
    }

    mutating func assign(_ partitions: [TopicPartition]) throws(KafkaError) {
        try inner.assign(partitions)
        try Failpoint.hit(.afterAssign)
    }

    mutating func endOffsets(of partitions: [TopicPartition]) throws(KafkaError) -> [TopicPartition: Int64] {
        try inner.endOffsets(of: partitions)
    }

    mutating func unassign() throws(KafkaError) {
        try Failpoint.hit(.beforeUnassign)
        try inner.unassign()
        try Failpoint.hit(.afterUnassign)
    }

    mutating func seek(_ offsets: [TopicPartition: Int64]) throws(KafkaError) {
        try Failpoint.hit(.beforeRewind)
        try inner.seek(offsets)
        try Failpoint.hit(.afterRewind)
    }

    mutating func begin() throws(KafkaError) {
        try inner.begin()
        try Failpoint.hit(.afterBegin)
    }

    mutating func produce(
        _ out: borrowing OutputBatch,
        of batch: borrowing RecordBatch,
        firstLabel: Int
    ) throws(KafkaError) {
        do throws(KafkaError) {
            try inner.produce(out, of: batch, firstLabel: firstLabel)
        } catch {
            guard PlantedBug.ignoreFailedDelivery.isPlanted, error.isTooLarge else { throw error }
        }
        try Failpoint.hit(.afterProduce)
    }

    var failedRecord: FailedDelivery? { PlantedBug.ignoreFailedDelivery.isPlanted ? nil : inner.failedRecord }

    mutating func place() throws(KafkaError) -> GroupPlace { try inner.place() }

    mutating func hurry(_ budget: RevocationBudget?) {
        inner.hurry(budget)
        // A place that cannot fail: what throws here is not planned for it.
        if budget != nil { try? Failpoint.hit(.inRevoke) }
    }

    mutating func commit(_ offsets: [TopicPartition: CommittedOffset]) throws(KafkaError) {
        try Failpoint.hit(.beforeOffsets)
        try inner.commit(spoilt.spoil(offsets))
        try Failpoint.hit(.afterCommit)
    }

    mutating func abort() throws(KafkaError) {
        try Failpoint.hit(.beforeAbort)
        try inner.abort()
        try Failpoint.hit(.afterAbort)
    }

    mutating func recover(_ partitions: [TopicPartition]) throws -> [TopicPartition: Int64] {
        let committed = try inner.recover(partitions)
        try Failpoint.hit(.afterRecover)
        return committed
    }

    mutating func remember(
        _ granule: Int,
        of partition: TopicPartition,
        _ value: UnsafeRawBufferPointer?
    ) throws(KafkaError) {
        try inner.remember(granule, of: partition, value)
    }

    mutating func readChangelog(
        of partitions: [TopicPartition],
        _ take: (TopicPartition, UnsafeRawBufferPointer) -> Void
    ) throws -> Bool {
        try inner.readChangelog(of: partitions, take)
    }

    mutating func closeChangelog() { inner.closeChangelog() }

    mutating func close() {
        try? Failpoint.hit(.inClose)
        inner.close()
    }
}
#endif
