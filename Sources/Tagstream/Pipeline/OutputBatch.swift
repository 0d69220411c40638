/// Where an output record goes.
public enum Destination: UInt8, Sendable, CaseIterable {
    /// `events_tagged`: one row for every event that was accepted.
    case tagged
    /// `action_matches`: one record for every (event, action) that matched.
    case matches
    /// `events_dead_letter`: what could not be processed, byte for byte, with its reason.
    case deadLetters
    /// `ingestion_warnings`: what a team should know of its events, for whoever looks after its clients.
    case warnings
}

/// What leaves the pipeline for one batch of input: the output records in input order, and the count of every outcome.
///
/// Keys, values and headers are ranges of one arena. Reused from batch to batch, so a warm batch allocates nothing.
public struct OutputBatch: ~Copyable {
    /// A range of the arena; a negative length is Kafka's null.
    public struct Range {
        /// Where the bytes begin in ``OutputBatch/arena``.
        public var offset: UInt32
        /// How many bytes there are, or -1 for null.
        public var length: Int32
        /// Kafka's null.
        public static var null: Range { Range(offset: 0, length: -1) }
        /// Makes a range.
        @inline(__always)
        public init(offset: UInt32, length: Int32) {
            self.offset = offset
            self.length = length
        }
    }

    /// One record to be produced.
    public struct Record {
        /// Which output topic it belongs to.
        public var destination: Destination
        /// Index of the input record in the batch: the output's partition is derived from that record's partition.
        public var input: Int32
        /// The record's key.
        public var key: Range
        /// The record's value.
        public var value: Range
        /// The record's headers, as a range of ``OutputBatch/headers``.
        public var firstHeader: Int32
        /// How many headers the record has.
        public var headerCount: Int32
    }

    /// One header of an output record; both parts are ranges of the arena, the name NUL-terminated behind its length.
    public struct Header {
        /// The header's name.
        public var name: Range
        /// The header's value.
        public var value: Range
    }

    /// The bytes of all keys, values and headers.
    public var arena: ByteArena
    /// The records to produce, in input order.
    public var records: [Record] = []
    /// The headers of all records, in record order.
    public var headers: [Header] = []
    /// The ids of the actions that matched, one for each match record, in their order.
    public var matchedIDs: [Int64] = []
    /// How the batch's input ended.
    public var counts = OutcomeCounts()

    /// Makes an empty batch.
    public init(capacity: Int = 4 << 20) { arena = ByteArena(capacity: capacity) }

    /// Forgets everything and keeps the memory.
    public mutating func removeAll() {
        arena.removeAll()
        records.removeAll(keepingCapacity: true)
        headers.removeAll(keepingCapacity: true)
        matchedIDs.removeAll(keepingCapacity: true)
        counts = OutcomeCounts()
    }

    /// The bytes of a range, or nil for null.
    ///
    /// Valid until the batch changes.
    @inline(__always)
    public func bytes(_ range: Range) -> UnsafeRawBufferPointer? {
        range.length < 0 ? nil : arena.bytes(Int(range.offset), Int(range.length))
    }
}
