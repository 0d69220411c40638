internal import CLibrdkafka

/// Owner of a consumer's group metadata.
public struct GroupMetadata: ~Copyable {
    let handle: OpaquePointer
    deinit { rd_kafka_consumer_group_metadata_destroy(handle) }

    /// The same as a value.
    ///
    /// - Throws: when librdkafka cannot write it.
    public func place() throws(KafkaError) -> GroupPlace {
        var bytes: UnsafeMutableRawPointer?
        var count = 0
        try KafkaError.check(
            rd_kafka_consumer_group_metadata_write(handle, &bytes, &count),
            "write the group's metadata"
        )
        defer { rd_kafka_mem_free(nil, bytes) }
        return GroupPlace(Array(UnsafeRawBufferPointer(start: bytes, count: bytes == nil ? 0 : count)))
    }
}

/// A member's place in its group: generation and member id, as librdkafka writes them.
///
/// Opaque, because 2.0.2 has no way to ask for the generation: two places are compared, nothing is read out of one.
public struct GroupPlace: Sendable, Equatable {
    private let bytes: [UInt8]
    /// A place that is written in these bytes.
    package init(_ bytes: [UInt8]) { self.bytes = bytes }
}
