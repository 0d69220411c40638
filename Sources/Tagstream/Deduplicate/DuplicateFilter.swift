/// Which events of a lane are there for the second time: a ``DuplicateWindow`` for each of its input partitions.
///
/// Pure: what is a duplicate depends on the input alone. The lane says which partitions it has, writes the changes of a transaction
/// down with it, and tells what became of it.
public struct DuplicateFilter: ~Copyable {
    /// For how many events of its partition a uuid is remembered; 0 finds no duplicates.
    public let size: Int
    private let headroom: Int
    private let seed: UInt64
    /// A handful, found by a linear search that begins with the last one: records of a partition come in runs.
    private var places: [InputPartition] = []
    private var windows: [DuplicateWindow] = []
    private var last = 0
    private var asked: (window: Int, key: DuplicateKey)?

    /// The largest size.
    public static let largest = 10_000_000

    /// Makes a filter without partitions.
    ///
    /// - Parameters:
    ///   - size: see ``size``.
    ///   - headroom: how many records a transaction may have at most.
    ///   - seed: any number that who sends events does not know; no result depends on it.
    public init(size: Int = 0, headroom: Int = 10_000, seed: UInt64 = 0) {
        self.size = min(size, Self.largest)
        self.headroom = headroom
        self.seed = seed
    }

    /// Whether duplicates are looked for.
    @inline(__always)
    public var isOn: Bool { size > 0 }

    /// Bytes that a window takes at most.
    public static func bytes(size: Int, headroom: Int) -> Int {
        min(DuplicateWindow.most, size + headroom) * DuplicateWindow.bytesOfKey
    }

    /// Bytes that all windows take.
    public var bytes: Int { windows.reduce(0) { $0 + $1.bytes } }

    // MARK: On an event's way

    /// Whether an event was tagged before, within the window of its partition.
    ///
    /// ``add()`` remembers the one that was asked for last. A partition without a window has no duplicates.
    ///
    /// - Parameter uuid: 36 characters that are a uuid in lower case.
    @inline(__always)
    package mutating func isDuplicate(
        uuid: UnsafeRawPointer,
        distinctID: UnsafeRawBufferPointer,
        team: Int64,
        in partition: InputPartition
    ) -> Bool {
        guard let window = index(of: partition) else {
            asked = nil
            return false
        }
        let key = DuplicateKey(uuid: uuid, distinctID: distinctID, team: team)
        if windows[window].contains(key) { return true }
        asked = (window, key)
        return false
    }

    /// Remembers the key that was asked for last and was new: its event has been tagged.
    @inline(__always)
    package mutating func add() {
        guard let asked else { return }
        windows[asked.window].add(asked.key)
        self.asked = nil
    }

    @inline(__always)
    private mutating func index(of partition: InputPartition) -> Int? {
        if last < places.count, places[last] == partition { return last }
        return find(partition)
    }

    @inline(never)
    private mutating func find(_ partition: InputPartition) -> Int? {
        guard let found = places.firstIndex(of: partition) else { return nil }
        last = found
        return found
    }

    // MARK: Assignment

    /// Keeps the windows of these partitions, and forgets all others.
    package mutating func keep(_ partitions: [InputPartition]) {
        for index in places.indices.reversed() where !partitions.contains(places[index]) {
            places.remove(at: index)
            windows.remove(at: index)
        }
        last = 0
    }

    /// The number of the key that comes next in a partition; nil where there is no window.
    package func next(of partition: InputPartition) -> Int64? { window(of: partition)?.next }

    /// Begins a partition with an empty window.
    package mutating func begin(_ partition: InputPartition) {
        let window = DuplicateWindow(size: size, headroom: headroom, seed: seed)
        if let index = places.firstIndex(of: partition) {
            windows[index] = window
        } else {
            places.append(partition)
            windows.append(window)
        }
    }

    /// Takes over a record of the changelog; they come in the order in which they were written.
    package func restore(_ value: UnsafeRawBufferPointer, of partition: InputPartition) throws(ChangelogProblem) {
        try window(of: partition)?.restore(value)
    }

    /// All of a partition's changelog has been taken over.
    package func finishRestoring(_ partition: InputPartition) { window(of: partition)?.finishRestoring() }

    private func window(of partition: InputPartition) -> DuplicateWindow? {
        places.firstIndex(of: partition).map { windows[$0] }
    }

    // MARK: Transactions

    /// Calls `body` with what the open transaction has to write to the changelog: a granule's number and bytes; no bytes delete it.
    package func forEachChange<Failure: Error>(
        _ body: (InputPartition, Int, UnsafeRawBufferPointer?) throws(Failure) -> Void
    ) throws(Failure) {
        for (place, window) in zip(places, windows) {
            try window.forEachChange { (granule, value) throws(Failure) in try body(place, granule, value) }
        }
    }

    /// The open transaction is committed.
    package func commit() {
        for window in windows { window.commit() }
    }

    /// The open transaction is aborted.
    package mutating func takeBack() {
        asked = nil
        for window in windows { window.takeBack() }
    }

    /// The open transaction turned out to be committed, and this partition's offset with it.
    package func commit(_ partition: InputPartition) { window(of: partition)?.commit() }
}

/// A partition of an input topic, by the batch's index of the topic.
package struct InputPartition: Equatable {
    package var topic: Int32
    package var partition: Int32
    @inline(__always)
    package init(topic: Int32, partition: Int32) {
        self.topic = topic
        self.partition = partition
    }
}
