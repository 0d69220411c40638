/// How much a transaction may hold, and how that follows what the cluster takes.
///
/// With fixed limits a cluster that takes little has the lane do the same work for ever: a quota (KIP-219), or a slow broker, that needs
/// longer for a full transaction than `transaction.timeout.ms` makes every one of them fail, and each is followed by another one of the same
/// size. So a failure halves the limits, and so does a commit that took more than half of that time; a full transaction that took less than an
/// eighth doubles them again, up to what is configured. Twice as much takes about a quarter then, which is far from the other bound: where a
/// rate is constant the size comes to rest. A transaction that is not full proves nothing of a full one.
struct TransactionLimits: Sendable, Equatable {
    /// How often the limits can be halved: to a thousandth.
    static let mostHalvings = 10

    /// Input records, as configured.
    var records = 10_000
    /// Bytes of input values and of output, as configured.
    var bytes = 16 << 20
    /// Milliseconds since the first record.
    ///
    /// Never halved: time is what the others are measured by.
    var milliseconds: Int64 = 250
    /// After how many milliseconds the broker ends a transaction (`transaction.timeout.ms`).
    var timeout: Int64 = 15_000
    /// How often the limits have been halved.
    private(set) var halvings = 0

    /// Makes limits that are in force as they are.
    init(records: Int = 10_000, bytes: Int = 16 << 20, milliseconds: Int64 = 250, timeout: Int64 = 15_000) {
        self.records = records
        self.bytes = bytes
        self.milliseconds = milliseconds
        self.timeout = timeout
    }

    /// Input records after which a transaction is closed now.
    var recordsNow: Int { max(1, records >> halvings) }

    /// Bytes after which a transaction is closed now; a batch may bring no more either, or one alone could be too much.
    var bytesNow: Int { max(1, bytes >> halvings) }

    /// A transaction has failed.
    mutating func failed() { halvings = min(Self.mostHalvings, halvings + 1) }

    /// A transaction was committed so many milliseconds after its first record was read.
    ///
    /// That it waited for records is no sign of a cluster that takes little: ``milliseconds`` of it do not count against it.
    mutating func committed(after elapsed: Int64, isFull: Bool) {
        if elapsed - milliseconds > timeout / 2 {
            failed()
        } else if isFull, elapsed < timeout / 8 {
            halvings = max(0, halvings - 1)
        }
    }
}
