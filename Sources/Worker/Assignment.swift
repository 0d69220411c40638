import Kafka

/// A lane's place in its group: which tenure of partitions it holds, and whether it may still commit for it.
///
/// A **tenure** is the time between an assignment and its end. A partition that was lost and came back belongs to a new one: what was
/// read of it before says nothing about what has to be read of it now.
///
/// Decisions only. librdkafka's own signs of a lost assignment are not enough: the flag is dropped when the poll interval ends during a
/// rebalance (PR #5604), and at 2.0.2 a poll of *any* queue of the client resets that interval (#4176). So the lane keeps its own watch
/// on its polls and compares its place in the group with the one at which it took the partitions.
struct Assignment: Equatable {
    /// Why a transaction must not be committed.
    enum Objection: Equatable, Sendable {
        /// It began in a tenure that has ended.
        case tenureEnded
        /// The group knows this member by another generation or id, or no longer.
        case placeChanged
        /// The lane has not polled for so long that the group may have given its partitions away.
        case polledLate
    }

    /// The number of the present tenure, or of the last one; 0 before the first.
    private(set) var tenure = 0
    /// Whether partitions, be it none of them, are held: never between two assignments.
    private(set) var isHeld = false
    private var place: GroupPlace?
    private var lastPoll: Int64?
    private let pollPatience: Int64

    /// - Parameter pollPatience: milliseconds between polls after which the group may have acted (`max.poll.interval.ms`).
    init(pollPatience: Int64) { self.pollPatience = pollPatience }

    /// The lane polls: the group hears of it.
    mutating func polls(at now: Int64) { lastPoll = now }

    /// Partitions were taken at this place in the group: a new tenure.
    mutating func taken(at place: GroupPlace) {
        tenure += 1
        isHeld = true
        self.place = place
    }

    /// All partitions were given up or lost.
    mutating func givenUp() {
        isHeld = false
        place = nil
    }

    /// What speaks against committing, at this moment, what was read in a tenure.
    ///
    /// - Parameter present: the lane's place as librdkafka sees it now.
    func objection(toTenure begun: Int, at present: GroupPlace, now: Int64) -> Objection? {
        guard isHeld, begun == tenure else { return .tenureEnded }
        if let lastPoll, now - lastPoll >= pollPatience { return .polledLate }
        return present == place ? nil : .placeChanged
    }
}

/// What ending a transaction may take while the group waits for this member to give its partitions back.
///
/// One budget for everything, of which a floor is kept for the end of the transaction: without it a slow broker starves the commit, and
/// every rebalance makes the same work twice. All of it is a third of the least session timeout that suits, so that the group does not
/// lose patience.
public struct RevocationBudget: Sendable, Equatable {
    /// How much there is.
    public struct Limits: Sendable, Equatable {
        /// Milliseconds for everything.
        public var total: Int64 = 15_000
        /// Milliseconds of it that belong to the end of the transaction alone.
        public var floor: Int64 = 5000
        /// The documented defaults.
        public init() {}
        /// A third of a session, and a third of that for the end.
        public init(sessionMilliseconds: Int64) {
            total = max(3, sessionMilliseconds / 3)
            floor = max(1, total / 3)
        }
    }

    private let limits: Limits
    private let start: Int64

    /// Begins to count at a time in milliseconds.
    public init(_ limits: Limits, from now: Int64) {
        self.limits = limits
        start = now
    }

    /// Milliseconds that sending the offsets may take, and whatever else comes before the end.
    public func beforeEnd(at now: Int64) -> Int64 { max(0, start + limits.total - limits.floor - now) }

    /// Milliseconds that a commit or an abort may take; never less than the floor.
    public func forEnd(at now: Int64) -> Int64 { max(limits.floor, start + limits.total - now) }
}
