/// Which records a lane was working on when its process ended, and what follows from that: arithmetic only.
///
/// A record that crashes the process would be read again and crash it again, for ever. So the lane notes what is in the pipeline
/// (``CrashJournal``), and the next process finds it there. The first time that is a whole batch: its records are **suspects** and are
/// processed one by one. So the second time it is one record, and that one is **convicted**: on the third try it becomes a dead letter.
///
/// A process can also be ended from outside (kill -9, no memory) while innocent records are in the pipeline. Then no signal of a crash
/// was seen, and such an end counts less: it makes suspects all the same, but a record is convicted only when ``Limits/stops`` ends fell
/// on it while it was alone in the pipeline, for some microseconds each time.
struct CrashHistory: Equatable {
    /// A record of the input.
    ///
    /// Topics are told apart by a hash of their names, so that a note has a fixed size.
    struct Place: Hashable {
        var topic: UInt64
        var partition: Int32
        var offset: Int64
    }

    /// A partition.
    struct Home: Hashable {
        var topic: UInt64
        var partition: Int32
    }

    /// Records of one partition, from the first to the last.
    struct Stretch: Equatable {
        var topic: UInt64
        var partition: Int32
        var first: Int64
        var last: Int64
        /// Whether a crash was seen with them, and not only an end.
        var hasCrashed = false

        func holds(_ place: Place) -> Bool {
            place.topic == topic && place.partition == partition && first...last ~= place.offset
        }
    }

    /// How often the process ended while a record was in the pipeline.
    struct Count: Equatable {
        /// With a signal that the process's own code had brought about.
        var crashes: UInt16 = 0
        /// Without one, while the record was alone.
        var stops: UInt16 = 0
    }

    /// After how many ends a record is convicted.
    enum Limits {
        static let crashes: UInt16 = 2
        static let stops: UInt16 = 3
    }

    private(set) var suspects: [Stretch] = []
    private(set) var counts: [Place: Count] = [:]

    /// Whether nothing is suspected: the usual case, in which whole batches are processed.
    var isEmpty: Bool { suspects.isEmpty && counts.isEmpty }

    init(suspects: [Stretch] = [], counts: [Place: Count] = [:]) {
        self.suspects = suspects
        self.counts = counts
    }

    /// A process ended while these stretches were in the pipeline.
    ///
    /// - Parameter hasCrashed: whether a signal of a crash was seen on the lane's thread.
    mutating func ended(with work: [Stretch], hasCrashed: Bool) {
        guard let only = work.first else { return }
        guard work.count == 1, only.first == only.last else {
            for var stretch in work {
                stretch.hasCrashed = hasCrashed
                suspects.append(stretch)
            }
            return
        }
        let place = Place(topic: only.topic, partition: only.partition, offset: only.first)
        // The crash that made it a suspect was one with this record, too.
        let earlier: UInt16 = suspects.contains { $0.hasCrashed && $0.holds(place) } ? 1 : 0
        var count = counts[place] ?? Count(crashes: earlier)
        if hasCrashed { count.crashes &+= 1 } else { count.stops &+= 1 }
        counts[place] = count
    }

    /// Whether a record has to be processed alone.
    func suspects(_ place: Place) -> Bool { counts[place] != nil || suspects.contains { $0.holds(place) } }

    /// Whether a record is not to be tried any more.
    func convicts(_ place: Place) -> Bool {
        guard let count = counts[place] else { return false }
        return count.crashes >= Limits.crashes || count.stops >= Limits.stops
    }

    /// Everything before an offset of a partition has an outcome: nothing of it is suspected any more.
    mutating func committed(topic: UInt64, partition: Int32, next: Int64) {
        suspects.removeAll { $0.topic == topic && $0.partition == partition && $0.last < next }
        counts = counts.filter { $0.key.topic != topic || $0.key.partition != partition || $0.key.offset >= next }
    }

    /// Only these partitions are this lane's: what is suspected of others is forgotten.
    mutating func keep(_ homes: Set<Home>) {
        suspects.removeAll { !homes.contains(Home(topic: $0.topic, partition: $0.partition)) }
        counts = counts.filter { homes.contains(Home(topic: $0.key.topic, partition: $0.key.partition)) }
    }

    /// FNV-1a (Fowler, Noll and Vo), 64 bits: for topics' names.
    static func hash(_ bytes: some Sequence<UInt8>) -> UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        return hash
    }
}
