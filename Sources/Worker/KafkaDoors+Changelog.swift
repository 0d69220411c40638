public import Kafka
import Tagstream

/// The changelog of uuids: written in the lane's transactions, read by a consumer of its own.
extension KafkaDoors {
    /// Hands a granule over; its label names no input record.
    public mutating func remember(
        _ granule: Int,
        of partition: TopicPartition,
        _ value: UnsafeRawBufferPointer?
    ) throws(KafkaError) {
        guard let changelog else { return }
        headers.removeAll(keepingCapacity: true)
        changelogKey.removeAll()
        changelogKey.append(Array(ChangelogKey.text(configuration.consumer.group, partition, granule).utf8))
        let key = changelogKey.bytes(0, changelogKey.count)
        try hand(key, value, to: changelog.topic, partition.partition % changelog.partitions, label: -1)
    }

    /// Reads with a consumer of its own, which lives until ``closeChangelog()``.
    public mutating func readChangelog(
        of partitions: [TopicPartition],
        _ take: (TopicPartition, UnsafeRawBufferPointer) -> Void
    ) throws -> Bool {
        guard let topic = configuration.changelog else { return true }
        if changelogReader == nil {
            changelogReader = Owned(
                try ChangelogReader(
                    configuration.client,
                    topic: topic,
                    group: configuration.consumer.group,
                    of: partitions,
                    queueBytes: configuration.consumer.queueBytes,
                    notices: notices
                )
            )
        }
        return try changelogReader!.value.read(take)
    }

    /// Closes that consumer.
    public mutating func closeChangelog() { changelogReader = nil }
}
