public import Kafka
public import Tagstream

/// A dead letter with its place: all of it, or why it cannot be read.
public struct FoundLetter: Sendable {
    /// A record's place on the dead letters' topic.
    public struct Place: Sendable, Hashable, CustomStringConvertible {
        /// The partition.
        public var partition: TopicPartition
        /// The offset.
        public var offset: Int64

        /// Names a place.
        public init(_ partition: TopicPartition, _ offset: Int64) {
            self.partition = partition
            self.offset = offset
        }

        /// `topic/partition/offset`.
        public var description: String { "\(partition.topic)/\(partition.partition)/\(offset)" }
    }

    /// Where it stands: several places for a value that was split.
    public var places: [Place]
    /// When it was written, in milliseconds since 1970; -1 where the broker keeps no timestamps.
    public var written: Int64
    /// The letter.
    public var content: Result<DeadLetter, DeadLetterProblem>

    /// The letter where it can be read.
    public var letter: DeadLetter? { try? content.get() }
    /// The bytes of its value and key.
    var size: Int { (letter?.value?.count ?? 0) + (letter?.key?.count ?? 0) }
}

/// Puts letters whose value was split together again.
///
/// The parts of a value are written in one transaction and in order, but those of other lanes may stand between them.
struct LetterAssembly {
    private struct Source: Hashable {
        var partition: TopicPartition
        var source: String
    }

    private var waiting: [Source: [FoundLetter]] = [:]

    /// Whether nothing waits for another part.
    var isEmpty: Bool { waiting.isEmpty }

    /// Takes what was read next; returns what is complete with it, or cannot be completed any more.
    mutating func add(_ found: FoundLetter) -> [FoundLetter] {
        guard let letter = found.letter, let part = letter.part, let place = found.places.first else { return [found] }
        let source = Source(partition: place.partition, source: letter.source)
        var parts = waiting.removeValue(forKey: source) ?? []
        var broken: [FoundLetter] = []
        if part.number != parts.count + 1 {
            broken = parts.map(Self.incomplete)
            parts = []
        }
        guard part.number == parts.count + 1 else { return broken + [Self.incomplete(found)] }
        parts.append(found)
        guard part.number == part.count else {
            waiting[source] = parts
            return broken
        }
        guard let whole = DeadLetter.joined(parts.compactMap(\.letter)) else {
            return broken + parts.map(Self.incomplete)
        }
        return broken + [FoundLetter(places: parts.flatMap(\.places), written: found.written, content: .success(whole))]
    }

    /// What is still waiting when there is nothing more to read.
    mutating func giveUp() -> [FoundLetter] {
        defer { waiting.removeAll() }
        return waiting.values.joined().map(Self.incomplete)
    }

    private static func incomplete(_ found: FoundLetter) -> FoundLetter {
        guard let letter = found.letter, let part = letter.part else { return found }
        var incomplete = found
        incomplete.content = .failure(
            DeadLetterProblem(
                "part \(part.number) of \(part.count) of \(letter.source) stands alone: the others are gone or out of order"
            )
        )
        return incomplete
    }
}
