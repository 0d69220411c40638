/// What a worker tells of itself at one moment: plain values, from which every answer is rendered.
///
/// Whoever serves it makes it of its own types; nothing here knows Kafka.
public struct WorkerReport: Sendable {
    /// A count under the name of its reason, its type or the like: from a closed set, or from the configuration.
    public struct Named: Sendable, Equatable {
        /// The label's value.
        public var name: String
        /// How often.
        public var count: Int

        /// Makes one.
        public init(_ name: String, _ count: Int) {
            self.name = name
            self.count = count
        }
    }

    /// The catalogue in force.
    public struct Catalogue: Sendable {
        /// The position in the catalogue's topic.
        public var epoch: Int64 = 0
        /// Teams.
        public var teams = 0
        /// Compiled actions of all teams.
        public var actions = 0
        /// Bytes of their plans.
        public var planBytes = 0
        /// Entries that are quarantined.
        public var quarantined = 0

        /// Makes one of nothing.
        public init() {}
    }

    /// One lane.
    public struct Lane: Sendable {
        /// Its number.
        public var number: Int
        /// Records read, those read again after an abort counted again.
        public var read = 0
        /// Bytes of their values.
        public var bytesRead = 0
        /// Records read twice without a rewind, and skipped.
        public var skipped = 0
        /// Committed transactions.
        public var commits = 0
        /// Aborted transactions.
        public var aborts = 0
        /// Times the outcome of a transaction was unknown and the broker was asked.
        public var recoveries = 0
        /// Times partitions were assigned, revoked or lost.
        public var rebalances = 0
        /// Partitions that are assigned.
        public var partitions = 0
        /// The catalogue's epoch of the last transaction.
        public var epoch: Int64 = 0
        /// Records at which a transaction is closed at present.
        public var transactionLimit = 0
        /// Whether it has taken what its group gave it, be it nothing, and has restored what these partitions need.
        public var isJoined = false
        /// Seconds since its loop last turned; nil while it is not running: before its start and behind its end.
        public var secondsSinceTurn: Double?

        /// Makes one that has done nothing.
        public init(number: Int) { self.number = number }
    }

    /// A source of enrichment.
    public struct Source: Sendable {
        /// Its name, as in the logs.
        public var name: String
        /// Why it is degraded; nil where it is not.
        public var degraded: Degradation?
        /// Whether anything is in force: also the last good data of a degraded source.
        public var isLoaded = false
        /// How often data was put into force.
        public var loads = 0
        /// When the data in force was last changed, in seconds since 1970; nil where there is none.
        public var changed: Int64?

        /// Makes one that nobody has looked at.
        public init(name: String) { self.name = name }
    }

    /// How a source is degraded.
    public struct Degradation: Sendable {
        /// `missing`, `corrupt` or `stale`.
        public var reason: String
        /// What is wrong, in words.
        public var detail: String
        /// Since when, in seconds since 1970.
        public var since: Int64

        /// Makes one.
        public init(reason: String, detail: String, since: Int64) {
            self.reason = reason
            self.detail = detail
            self.since = since
        }
    }

    /// The present, in seconds since 1970.
    public var now: Int64
    /// When the process started, in seconds since 1970.
    public var started: Int64
    /// This build's version.
    public var version: String
    /// The version of librdkafka that is loaded.
    public var librdkafka: String
    /// Whether the worker was asked to stop.
    public var isDraining = false
    /// After how many seconds without a turn a lane stands still.
    public var patienceSeconds: Double = 300
    /// The catalogue in force; nil while its topic has not been read to the end.
    public var catalogue: Catalogue?
    /// The lanes.
    public var lanes: [Lane] = []
    /// The sources of enrichment.
    public var sources: [Source] = []

    /// Rows of committed transactions.
    public var rows = 0
    /// Matches of committed transactions.
    public var matches = 0
    /// Rows with `$validation_errors`.
    public var annotated = 0
    /// Actions that could not be evaluated for an event.
    public var actionFailures = 0
    /// Fields that a later field of the same object superseded.
    public var duplicateKeys = 0
    /// Entries of `$elements` that were left out.
    public var skippedElements = 0
    /// Records written to the topic of warnings.
    public var warningsWritten = 0
    /// Dead letters of committed transactions, every reason that there is.
    public var deadLetters: [Named] = []
    /// Ignored records of committed transactions, every reason that there is.
    public var ignored: [Named] = []
    /// Warnings that events gave cause for, every type that there is.
    public var warnings: [Named] = []
    /// Events that went without an enrichment whose data was missing.
    public var outages: [Named] = []

    /// Makes a report of a worker that has done nothing.
    public init(now: Int64, started: Int64, version: String, librdkafka: String) {
        self.now = now
        self.started = started
        self.version = version
        self.librdkafka = librdkafka
    }
}
