internal import CLibrdkafka

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Records that a consumer has read: owns librdkafka's messages until it is emptied or goes.
public struct MessageBatch: ~Copyable {
    private var messages: [UnsafeMutablePointer<rd_kafka_message_t>] = []
    /// Partitions whose end was reached while reading, and the offset behind it.
    public private(set) var ends: [(partition: TopicPartition, offset: Int64)] = []

    /// Makes an empty batch.
    public init() { messages.reserveCapacity(1024) }

    deinit { for message in messages { rd_kafka_message_destroy(message) } }

    /// How many records there are.
    public var count: Int { messages.count }

    /// Whether there is neither a record nor a partition's end.
    public var isEmpty: Bool { messages.isEmpty && ends.isEmpty }

    mutating func append(_ message: UnsafeMutablePointer<rd_kafka_message_t>) { messages.append(message) }

    mutating func noteEnd(_ message: UnsafeMutablePointer<rd_kafka_message_t>) {
        guard let topic = message.pointee.rkt else { return }
        ends.append(
            (
                TopicPartition(String(cString: rd_kafka_topic_name(topic)), message.pointee.partition),
                message.pointee.offset
            )
        )
    }

    /// Gives the records back to librdkafka; everything that points into them is void.
    public mutating func removeAll() {
        for message in messages { rd_kafka_message_destroy(message) }
        messages.removeAll(keepingCapacity: true)
        ends.removeAll(keepingCapacity: true)
    }

    /// A record of the batch; its pointers are valid while the batch holds it.
    public struct Record {
        fileprivate let message: UnsafeMutablePointer<rd_kafka_message_t>

        /// Stands for the topic as long as the consumer lives: the same for all records of one topic.
        public var topicIdentity: OpaquePointer { message.pointee.rkt }
        /// The topic's name.
        ///
        /// Allocates; compare ``topicIdentity`` instead.
        public var topic: String { String(cString: rd_kafka_topic_name(message.pointee.rkt)) }
        /// The partition.
        public var partition: Int32 { message.pointee.partition }
        /// The offset.
        public var offset: Int64 { message.pointee.offset }

        /// The key, nil for null.
        public var key: UnsafeRawBufferPointer? {
            message.pointee.key.map { UnsafeRawBufferPointer(start: $0, count: message.pointee.key_len) }
        }

        /// The value, nil for a tombstone.
        public var value: UnsafeRawBufferPointer? {
            message.pointee.payload.map { UnsafeRawBufferPointer(start: $0, count: message.pointee.len) }
        }

        /// Milliseconds since 1970, or -1 where the broker keeps no timestamps.
        public var timestamp: Int64 {
            var kind = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE
            let timestamp = rd_kafka_message_timestamp(message, &kind)
            return kind == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE ? -1 : timestamp
        }

        /// Calls `body` with every header's name and value, nil for null.
        ///
        /// The first call parses them.
        public func forEachHeader(_ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer?) -> Void) {
            var headers: OpaquePointer?
            guard rd_kafka_message_headers(message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR else { return }
            var index = 0
            var name: UnsafePointer<CChar>?
            var value: UnsafeRawPointer?
            var size = 0
            while rd_kafka_header_get_all(headers, index, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR,
                let start = name
            {
                body(
                    UnsafeRawBufferPointer(start: start, count: strlen(start)),
                    value.map { UnsafeRawBufferPointer(start: $0, count: size) }
                )
                index += 1
            }
        }
    }

    /// The record at an index below ``count``.
    public subscript(_ index: Int) -> Record { Record(message: messages[index]) }
}
