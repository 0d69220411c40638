#if TAGSTREAM_FAILPOINTS
internal import CLibrdkafka

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// A mistake that `TAGSTREAM_PLANTED_BUG` plants, to see that the proof finds it: a proof that cannot fail is none.
///
/// Only in the build of `make failpoints`. Each is a mistake that somebody has really made (docs/reliability.md).
package enum PlantedBug: String, CaseIterable, Sendable {
    /// The output is committed, the offsets behind it are not.
    case commitWithoutOffsets = "commit_without_offsets"
    /// After an abort the lane reads on where it stands, and takes that for right.
    case abortWithoutRewind = "abort_without_rewind"
    /// The consumer reads what was never committed, and does not wait for pending offsets.
    case readUncommittedConsumer = "read_uncommitted_consumer"
    /// Every start of a lane has another transactional id.
    case randomTransactionalID = "random_transactional_id"
    /// What is committed is `rd_kafka_position` of every assigned partition.
    case positionInsteadOfLedger = "position_instead_of_ledger"
    /// A record that could not be delivered is passed over.
    case ignoreFailedDelivery = "ignore_failed_delivery"

    /// The one that is planted in this process.
    package static let planted: PlantedBug? = {
        guard let text = getenv("TAGSTREAM_PLANTED_BUG") else { return nil }
        guard let bug = PlantedBug(rawValue: String(cString: text)) else {
            let known = allCases.map(\.rawValue).joined(separator: ", ")
            fatalError("TAGSTREAM_PLANTED_BUG is \"\(String(cString: text))\", expected one of \(known)")
        }
        return bug
    }()
}

extension Consumer {
    /// What librdkafka calls the position, one behind the last record that was handed over, of every assigned partition that has one.
    package func positions() throws(KafkaError) -> [TopicPartition: Int64] {
        var list: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>?
        try KafkaError.check(rd_kafka_assignment(client.handle, &list), "ask for the assignment")
        defer { rd_kafka_topic_partition_list_destroy(list) }
        try KafkaError.check(rd_kafka_position(client.handle, list), "ask for the positions")
        var positions: [TopicPartition: Int64] = [:]
        for index in 0..<Int(list?.pointee.cnt ?? 0) {
            guard let entry = list?.pointee.elems[index], entry.offset >= 0 else { continue }
            positions[TopicPartition(String(cString: entry.topic), entry.partition)] = entry.offset
        }
        return positions
    }
}
#endif
