internal import CLibrdkafka

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// A partition of a topic.
public struct TopicPartition: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// The topic's name.
    public var topic: String
    /// The partition's number, from 0.
    public var partition: Int32

    /// Makes one.
    public init(_ topic: String, _ partition: Int32) {
        self.topic = topic
        self.partition = partition
    }

    /// By topic, then by partition.
    public static func < (one: TopicPartition, other: TopicPartition) -> Bool {
        one.topic == other.topic ? one.partition < other.partition : one.topic < other.topic
    }

    /// `topic[partition]`.
    public var description: String { "\(topic)[\(partition)]" }
}

/// A position in a partition, as it is committed: the next offset to read, and a text beside it.
public struct CommittedOffset: Sendable, Equatable {
    /// The next offset to read.
    public var offset: Int64
    /// What the committer noted with it.
    public var metadata: String
    /// Makes one.
    public init(_ offset: Int64, metadata: String = "") {
        self.offset = offset
        self.metadata = metadata
    }
}

/// Owner of a C list of partitions: destroyed with the value.
struct PartitionList: ~Copyable {
    let handle: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>

    init(_ partitions: some Collection<TopicPartition>) {
        handle = rd_kafka_topic_partition_list_new(Int32(partitions.count))
        for partition in partitions { rd_kafka_topic_partition_list_add(handle, partition.topic, partition.partition) }
    }

    init(_ offsets: [TopicPartition: CommittedOffset]) {
        handle = rd_kafka_topic_partition_list_new(Int32(offsets.count))
        for (partition, committed) in offsets.sorted(by: { $0.key < $1.key }) {
            let entry = rd_kafka_topic_partition_list_add(handle, partition.topic, partition.partition)!
            entry.pointee.offset = committed.offset
            if !committed.metadata.isEmpty {
                // librdkafka frees it with the list, by its own allocator: strdup's.
                entry.pointee.metadata = UnsafeMutableRawPointer(strdup(committed.metadata))
                entry.pointee.metadata_size = committed.metadata.utf8.count
            }
        }
    }

    deinit { rd_kafka_topic_partition_list_destroy(handle) }

    static func partitions(in list: UnsafePointer<rd_kafka_topic_partition_list_t>?) -> [TopicPartition] {
        guard let list else { return [] }
        return (0..<Int(list.pointee.cnt)).map {
            TopicPartition(String(cString: list.pointee.elems[$0].topic), list.pointee.elems[$0].partition)
        }
    }

    /// Calls `body` with every entry.
    func forEach(_ body: (TopicPartition, rd_kafka_topic_partition_t) throws -> Void) rethrows {
        for index in 0..<Int(handle.pointee.cnt) {
            let entry = handle.pointee.elems[index]
            try body(TopicPartition(String(cString: entry.topic), entry.partition), entry)
        }
    }
}
