import Synchronization

/// A lane's sign of life: it asks for the time in every turn, and before every attempt of a call to the cluster.
///
/// Those calls take ten seconds at most, but for three of librdkafka's that cannot be bounded: a seek (#4230), and the ends of a consumer
/// and of a producer (#4187, #4528). A lane that is caught in one holds its partitions for as long as it is polled for by nobody, and
/// nobody hears of it.
final class Pulse: Sendable {
    private let beats = Atomic<UInt64>(0)
    private let isWatched = Atomic<Bool>(false)

    /// The lane begins.
    func begin() { isWatched.store(true, ordering: .relaxed) }
    /// The lane has ended: from here on it may be silent.
    func end() { isWatched.store(false, ordering: .relaxed) }
    /// The lane is alive.
    func beat() { beats.wrappingAdd(1, ordering: .relaxed) }
    /// How often it was; nil where there is no lane to be watched.
    var count: UInt64? { isWatched.load(ordering: .relaxed) ? beats.load(ordering: .relaxed) : nil }
}

/// Whether a lane stands still, as somebody finds who looks once a second.
///
/// Looks are counted, and not seconds: while the whole process is stopped (SIGSTOP, a machine that is suspended) nobody looks, so a lane
/// that could not work is not taken for one that does not.
struct Standstill {
    /// After so many looks without a beat between them a lane stands still.
    let limit: Int
    private var last: UInt64?
    private var looks = 0

    init(limit: Int) { self.limit = limit }

    /// Looks at a lane's beats; true once, when it stands still.
    mutating func look(at count: UInt64?) -> Bool {
        guard let count, count == last else {
            (last, looks) = (count, 0)
            return false
        }
        looks += 1
        return looks == limit
    }
}
