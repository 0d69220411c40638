/// One record of an input topic, as it came from Kafka.
///
/// Plain data: the pointers are lent by whoever filled the batch and are valid until that batch is emptied.
public struct RawRecord {
    /// Index into ``RecordBatch/topics``.
    public var topic: Int32
    /// The partition of the input topic.
    public var partition: Int32
    /// The offset within the partition.
    public var offset: Int64
    /// The record's Kafka timestamp, in milliseconds since 1970-01-01 UTC.
    public var timestamp: Int64
    /// The record's key; nil for Kafka's null, which is not the same as an empty key.
    public var key: UnsafeRawBufferPointer?
    /// The record's value; nil for a tombstone.
    public var value: UnsafeRawBufferPointer?
    /// The record's headers, as a range of ``RecordBatch/headers``.
    public var firstHeader: Int32
    /// How many headers the record has.
    public var headerCount: Int32
    /// Set when the broker has refused the record's row for its size: it becomes a dead letter instead.
    public var isTooLargeForOutput = false
    /// Set when the process has crashed on the record, twice: it becomes a dead letter and is not looked at.
    public var hasCrashed = false
}

/// One header of an input record; lent, like the record's own bytes.
public struct RawHeader {
    /// The header's name, in UTF-8 by Kafka's rule but not checked.
    public var name: UnsafeRawBufferPointer
    /// The header's value; nil for null, which gateways write for "absent".
    public var value: UnsafeRawBufferPointer?
}

/// The records of one poll, in the order they came: what goes into the pipeline.
///
/// Reused from poll to poll, so that filling it allocates nothing once it has grown to its working size.
public struct RecordBatch {
    /// The names of the input topics, as UTF-8, by index.
    ///
    /// A worker reads a handful of topics for its whole life, so the few bytes of their names are never given back, and
    /// a range of them can be lent without owning anything.
    public private(set) var topics: [UnsafeRawBufferPointer] = []
    /// The records, oldest first.
    public private(set) var records: [RawRecord] = []
    /// The headers of all records, in record order.
    public private(set) var headers: [RawHeader] = []

    /// Makes an empty batch.
    public init() {}

    /// Returns the index that stands for a topic's name in this batch, and keeps it for all later batches.
    ///
    /// - Complexity: linear in the number of topics; a worker reads a handful.
    public mutating func index(ofTopic name: String) -> Int32 {
        let bytes = Array(name.utf8)
        if let found = topics.firstIndex(where: { $0.elementsEqual(bytes) }) { return Int32(found) }
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
        copy.copyBytes(from: bytes)
        topics.append(UnsafeRawBufferPointer(copy))
        return Int32(topics.count - 1)
    }

    /// The name of the topic with this index.
    @inline(__always)
    public func topicBytes(_ index: Int32) -> UnsafeRawBufferPointer { topics[Int(index)] }

    /// Adds a record.
    ///
    /// Its headers follow through ``appendHeader(name:value:)``.
    public mutating func append(
        topic: Int32,
        partition: Int32,
        offset: Int64,
        timestamp: Int64,
        key: UnsafeRawBufferPointer?,
        value: UnsafeRawBufferPointer?
    ) {
        records.append(
            RawRecord(
                topic: topic,
                partition: partition,
                offset: offset,
                timestamp: timestamp,
                key: key,
                value: value,
                firstHeader: Int32(headers.count),
                headerCount: 0
            )
        )
    }

    /// Adds a header to the record that was appended last.
    public mutating func appendHeader(name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer?) {
        headers.append(RawHeader(name: name, value: value))
        records[records.count - 1].headerCount += 1
    }

    /// Keeps only the records that `isKept` accepts, in order; it may mark a record.
    ///
    /// - Parameter isKept: gets the record and its topic's name.
    public mutating func keep(_ isKept: (inout RawRecord, String) -> Bool) {
        var kept = 0
        var name = (index: Int32(-1), text: "")
        for index in records.indices {
            if records[index].topic != name.index {
                name = (records[index].topic, String(decoding: topics[Int(records[index].topic)], as: UTF8.self))
            }
            var record = records[index]
            guard isKept(&record, name.text) else { continue }
            records[kept] = record
            kept += 1
        }
        records.removeLast(records.count - kept)
    }

    /// Forgets the records and keeps the memory and the topics' indices.
    public mutating func removeAll() {
        records.removeAll(keepingCapacity: true)
        headers.removeAll(keepingCapacity: true)
    }
}
