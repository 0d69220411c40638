public import Tagstream

/// What a lane needs to know.
public struct LaneConfiguration: Sendable {
    /// When to close a transaction: records, bytes, milliseconds.
    public var transactionRecords = 10_000
    /// Bytes of input and output after which a transaction is closed.
    public var transactionBytes = 16 << 20
    /// Milliseconds after which a transaction is closed.
    public var transactionMilliseconds: Int64 = 250
    /// Milliseconds after which the broker ends a transaction (`transaction.timeout.ms`): transactions that take more than half of it become
    /// smaller.
    public var transactionTimeout: Int64 = 15_000
    /// Records of one poll.
    public var pollRecords = 1000
    /// Bytes of one poll.
    public var pollBytes = 8 << 20
    /// Milliseconds a poll waits when nothing is there.
    public var idleMilliseconds: Int64 = 100
    /// What an event may contain.
    public var limits = EventLimits()
    /// Whether ignored records are kept among the dead letters.
    public var keepsIgnored = false
    /// Tokens whose records are ignored.
    public var droppedTokens: [String] = []
    /// Whether to stop once every assigned partition has been read to its end.
    public var exitsAtEnd = false
    /// Whether to count matches by action, for a live view.
    public var countsByAction = false
    /// Milliseconds to wait, after an assignment, for the catalogue to reach the epoch that was committed with a partition.
    public var epochPatience: Int64 = 30_000
    /// Bytes of output that there is room for from the start; it grows to what a poll comes to.
    public var outputBytes = 4 << 20
    /// How many transactions in a row may fail before the lane gives up with the last one's error.
    public var attempts = 100
    /// Milliseconds between two polls after which the group may have given this member's partitions to others (`max.poll.interval.ms`).
    public var pollPatience: Int64 = 300_000
    /// What ending a transaction may take while the group waits for this member's partitions.
    public var revocation = RevocationBudget.Limits()

    /// For how many events of its partition a uuid is remembered; 0 looks for no duplicates.
    public var duplicateWindow = 0
    /// Mixed into the tables of uuids, so that who sends them cannot know where they collide; nil for a random one.
    ///
    /// No result depends on it.
    public var duplicateSeed: UInt64?

    /// The documented defaults.
    public init() {}

    /// What the uuids of one partition take at most.
    var duplicateBytes: Int {
        duplicateWindow > 0 ? DuplicateFilter.bytes(size: duplicateWindow, headroom: transactionRecords) : 0
    }

    /// A pipeline with memory of its own.
    func makePipeline() -> Pipeline {
        Pipeline(
            limits: limits,
            keepsIgnored: keepsIgnored,
            droppedTokens: droppedTokens,
            duplicates: DuplicateFilter(
                size: duplicateWindow,
                headroom: transactionRecords,
                seed: duplicateSeed ?? .random(in: 0 ... .max)
            )
        )
    }
}
