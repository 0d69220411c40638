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
/// Only in the build of `make failpoints`. The variable is a list, separated by commas, of mistakes that are made together. Each is one
/// that somebody has really made, or that is easily made (docs/reliability.md).
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
    /// A transaction is aborted while requests of it are on their way.
    case abortInDoubt = "abort_in_doubt"
    /// A batch is written from its end to its beginning.
    case batchWrittenBackwards = "batch_written_backwards"
    /// A record without a time gets the one at which it was read, and so does every other one.
    case timeOfReadingForTimestamp = "time_of_reading_for_timestamp"
    /// Now and then the offsets of an older commit are sent again instead of the present ones.
    case offsetsOfAnOlderCommit = "offsets_of_an_older_commit"
    /// Now and then a transaction is worked on under the snapshot that the lane began with.
    case snapshotOfTheBeginning = "snapshot_of_the_beginning"
    /// A transaction leaves a descriptor open.
    case descriptorLeftOpen = "descriptor_left_open"
    /// A transaction leaves memory behind that nobody frees.
    case memoryNeverGivenBack = "memory_never_given_back"
    /// The value of a dead letter is cut.
    case deadLetterCutShort = "dead_letter_cut_short"
    /// A lane logs an error when nothing is wrong.
    case errorThatNobodyExplains = "error_that_nobody_explains"

    /// Whether this one is planted in this process.
    package var isPlanted: Bool { Self.planted.contains(self) }

    private static let planted: Set<PlantedBug> = {
        guard let text = getenv("TAGSTREAM_PLANTED_BUG") else { return [] }
        return Set(
            String(cString: text).split(separator: ",").map { name in
                guard let bug = PlantedBug(rawValue: String(name)) else {
                    let known = allCases.map(\.rawValue).joined(separator: ", ")
                    fatalError("TAGSTREAM_PLANTED_BUG has \"\(name)\", expected some of \(known)")
                }
                return bug
            }
        )
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
