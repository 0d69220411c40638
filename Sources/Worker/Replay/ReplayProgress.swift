import Kafka

/// How far a group has got with the dead letters of one partition: what it has looked at, and which of that is still open.
///
/// Arithmetic only. A letter is open until it is settled (tagged, or ignored for a declared reason): one that failed again or that a
/// filter passed over is looked at by the next replay as well. What is committed is the offset behind everything that was looked at, and
/// beside it, as the offset's metadata, the open stretches before it.
struct ReplayProgress: Equatable {
    /// The first letter that nobody has looked at.
    private(set) var next: Int64
    /// What is open before `next`, ascending; between two stretches there is at least one settled letter.
    private(set) var open: [Range<Int64>]
    /// Where the present reading is: between here and the next letter that is read there is no other.
    private(set) var position: Int64

    /// Kafka's default for `offset.metadata.max.bytes` is 4,096.
    static let metadataBytes = 4000

    /// A group that has looked at nothing yet.
    init() { self.init(next: 0, open: []) }

    init(next: Int64, open: [Range<Int64>]) {
        self.next = next
        self.open = open
        position = open.first?.lowerBound ?? next
    }

    /// Takes up what is committed; metadata of another maker counts as none.
    init(_ committed: CommittedOffset) {
        self.init(next: committed.offset, open: Self.stretches(in: committed.metadata, before: committed.offset) ?? [])
    }

    /// Where to begin reading.
    var first: Int64 { open.first?.lowerBound ?? next }

    /// Whether a letter is settled already.
    func isSettled(_ offset: Int64) -> Bool {
        guard offset < next else { return false }
        // The first stretch that ends behind the offset.
        var low = 0
        var high = open.count
        while low < high {
            let middle = (low + high) / 2
            if open[middle].upperBound <= offset { low = middle + 1 } else { high = middle }
        }
        return low == open.count || !open[low].contains(offset)
    }

    /// Notes what became of a letter; letters come in ascending order, and none between two calls is left out unless it was settled
    /// before.
    mutating func note(_ offset: Int64, isSettled: Bool) {
        precondition(offset >= position, "letters were noted out of order")
        close(position..<(isSettled ? offset + 1 : offset))
        position = offset + 1
        guard offset >= next else { return }
        if !isSettled {
            // Without a settled letter between them, two open ones are one stretch.
            if let last = open.last, last.upperBound == next {
                open[open.count - 1] = last.lowerBound..<(offset + 1)
            } else {
                open.append(offset..<(offset + 1))
            }
        }
        next = offset + 1
    }

    /// Notes that there is no letter any more before an offset.
    mutating func reached(_ end: Int64) {
        guard end > position else { return }
        close(position..<end)
        position = end
        guard end > next else { return }
        // What ends at `next` goes on with the next open letter: no settled one is between.
        if let last = open.last, last.upperBound == next { open[open.count - 1] = last.lowerBound..<end }
        next = end
    }

    /// Takes a range out of what is open.
    private mutating func close(_ range: Range<Int64>) {
        guard !range.isEmpty, let last = open.last, range.lowerBound < last.upperBound else { return }
        open = open.flatMap { stretch -> [Range<Int64>] in
            guard stretch.overlaps(range) else { return [stretch] }
            return [
                stretch.lowerBound..<max(stretch.lowerBound, range.lowerBound),
                min(stretch.upperBound, range.upperBound)..<stretch.upperBound,
            ].filter { !$0.isEmpty }
        }
    }

    /// Gives up the oldest open stretches until the others fit into a commit.
    ///
    /// - Returns: how many were given up: their letters will not be looked at again by this group.
    mutating func fit(into bytes: Int = metadataBytes) -> Int {
        var given = 0
        while metadata.utf8.count > bytes {
            // Many at once, so that a long list is not written again for each.
            let few = max(1, open.count / 64)
            open.removeFirst(few)
            given += few
        }
        return given
    }

    /// What to commit.
    var committed: CommittedOffset { CommittedOffset(next, metadata: metadata) }

    /// Whether the same would be committed.
    static func == (one: ReplayProgress, other: ReplayProgress) -> Bool {
        one.next == other.next && one.open == other.open
    }

    // MARK: As text

    /// `open=` and for every stretch the distance from the end of the one before, and its length where that is not 1: in base 36.
    private var metadata: String {
        guard !open.isEmpty else { return "" }
        var end: Int64 = 0
        let stretches = open.map { stretch in
            defer { end = stretch.upperBound }
            let distance = String(stretch.lowerBound - end, radix: 36)
            return stretch.count == 1 ? distance : "\(distance).\(String(stretch.count, radix: 36))"
        }
        return Self.prefix + stretches.joined(separator: ",")
    }

    private static let prefix = "open="

    private static func stretches(in metadata: String, before next: Int64) -> [Range<Int64>]? {
        guard metadata.hasPrefix(prefix) else { return nil }
        var open: [Range<Int64>] = []
        var end: Int64 = 0
        for piece in metadata.dropFirst(prefix.count).split(separator: ",", omittingEmptySubsequences: false) {
            let numbers = piece.split(separator: ".", omittingEmptySubsequences: false).map { Int64($0, radix: 36) }
            guard 1...2 ~= numbers.count, let distance = numbers[0], let length = numbers.count == 1 ? 1 : numbers[1],
                distance >= 0, length > 0, distance <= next - end, length <= next - end - distance
            else { return nil }
            open.append((end + distance)..<(end + distance + length))
            end += distance + length
        }
        return open
    }
}
