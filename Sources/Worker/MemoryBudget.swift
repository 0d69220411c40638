/// What a lane's queues and batches may hold, derived from one number for the whole worker.
///
/// Bounded by bytes and by records, because a record costs librdkafka about 500 bytes more than its own: a queue of small records would
/// otherwise be several times as large as its bytes say. Every figure can be set by itself through librdkafka's properties
/// (docs/operating/memory.md).
public struct MemoryBudget: Sendable, Equatable {
    /// The least that a lane can work with.
    public static let leastOfLane = 16 << 20

    /// A lane's share of the memory, in bytes.
    public let lane: Int
    /// What has been fetched and not processed: `queued.max.messages.kbytes`.
    public let prefetchBytes: Int
    /// The same in records, for each partition: `queued.min.messages`.
    public let prefetchRecords: Int
    /// What one fetch may bring beyond that: `fetch.max.bytes`, which the consumer derives.
    public let fetchBytes: Int
    /// What has been produced and not acknowledged: `queue.buffering.max.kbytes`.
    public let producerBytes: Int
    /// The same in records: `queue.buffering.max.messages`.
    public let producerRecords: Int
    /// Input and output after which a transaction is committed: `transaction.max_bytes`.
    public let transactionBytes: Int
    /// Input of one batch; its output is about as large, and more where events match many actions.
    public let batchBytes: Int

    /// Derives the figures.
    ///
    /// Half of a lane's share is prefetched, an eighth may come on top of it with a fetch that is under way, a quarter waits for delivery,
    /// and an eighth is a batch and its output. A transaction's records are in none of these but the producer's queue, which they pass
    /// through: its bytes bound how much is done again after an abort.
    public init(bytes: Int, lanes: Int) {
        lane = max(Self.leastOfLane, bytes / max(1, lanes))
        prefetchBytes = lane / 2
        prefetchRecords = Self.clamp(prefetchBytes / 4096, 1000, 300_000)
        fetchBytes = Self.clamp(prefetchBytes / 4, 1 << 20, 50 << 20)
        producerBytes = lane / 4
        producerRecords = Self.clamp(producerBytes / 512, 10_000, 1_000_000)
        transactionBytes = Self.clamp(lane / 8, 1 << 20, 16 << 20)
        batchBytes = Self.clamp(lane / 32, 512 << 10, 8 << 20)
    }

    private static func clamp(_ value: Int, _ least: Int, _ most: Int) -> Int { min(most, max(least, value)) }
}

extension LaneConfiguration {
    /// Takes over what a budget says of transactions and batches.
    public mutating func apply(_ budget: MemoryBudget) {
        transactionBytes = budget.transactionBytes
        pollBytes = budget.batchBytes
        outputBytes = min(4 << 20, budget.batchBytes)
    }
}
