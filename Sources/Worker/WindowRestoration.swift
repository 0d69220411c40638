import Kafka
import Tagstream

/// Brings the windows of uuids of an assignment to where their last owners have left them.
///
/// Beside a partition's offset stands how far its window had come. What this lane still knows from an earlier assignment is kept if
/// that is as far; everything else is read from the changelog, until it is as far. The end of the changelog alone would not do: a
/// transaction's end reaches the partitions that it wrote to one after the other, so the offsets may be visible before the uuids.
struct WindowRestoration {
    /// The partitions that are not complete, with the number that each has to come to; nil where nothing is noted, which makes the
    /// changelog's end the goal.
    private var goals: [TopicPartition: Int64?] = [:]
    private let inputs: [TopicPartition: InputPartition]
    /// When the changelog's end was reached for the first time.
    private var waitsSince: Int64?

    /// Begins: partitions that are not assigned any more are forgotten.
    init(
        of partitions: [TopicPartition],
        at committed: [TopicPartition: CommittedOffset],
        in filter: inout DuplicateFilter,
        _ batch: inout RecordBatch
    ) {
        var inputs: [TopicPartition: InputPartition] = [:]
        for partition in partitions { inputs[partition] = batch.input(partition) }
        self.inputs = inputs
        filter.keep(Array(inputs.values))
        for (partition, input) in inputs {
            let goal = committed[partition].flatMap { OffsetNote($0.metadata).uuids }
            if let goal, filter.next(of: input) == goal { continue }
            filter.begin(input)
            goals[partition] = .some(goal)
        }
    }

    /// Whether all windows are as they were left.
    var isComplete: Bool { goals.isEmpty }

    /// Reads on.
    ///
    /// - Throws: a ``LaneFailure`` when the changelog holds less than it has to, for longer than a transaction needs to end.
    mutating func read<Doors: LaneDoors & ~Copyable>(
        from doors: inout Doors,
        into filter: inout DuplicateFilter,
        now: Int64,
        _ patience: Int64
    ) throws {
        var problem: LaneFailure?
        let isAtEnd = try doors.readChangelog(of: goals.keys.sorted()) { partition, value in
            guard let input = inputs[partition], goals[partition] != nil, problem == nil else { return }
            do throws(ChangelogProblem) {
                try filter.restore(value, of: input)
            } catch {
                problem = LaneFailure("the changelog's record of the uuids of \(partition) cannot be read: \(error)")
            }
        }
        if let problem { throw problem }
        for (partition, goal) in goals {
            guard let input = inputs[partition], let next = filter.next(of: input) else { continue }
            if let goal, next < goal || next > goal && !isAtEnd { continue }
            if goal == nil, !isAtEnd { continue }
            filter.finishRestoring(input)
            goals[partition] = nil
        }
        guard isAtEnd, let behind = goals.min(by: { $0.key < $1.key }) else { return }
        let since = waitsSince ?? now
        waitsSince = since
        guard now - since >= patience else { return }
        let found = inputs[behind.key].flatMap { filter.next(of: $0) } ?? 0
        throw LaneFailure(
            "the changelog of uuids holds \(found) of \(behind.key), expected \(behind.value ?? 0): it has been deleted or has "
                + "another number of partitions. Restore it, or run once with dedup.window 0 to begin with empty windows"
        )
    }
}

/// Writes what a transaction has changed of its windows.
enum WindowChanges {
    static func write<Doors: LaneDoors & ~Copyable>(
        _ filter: borrowing DuplicateFilter,
        of batch: borrowing RecordBatch,
        to doors: inout Doors
    ) throws(KafkaError) {
        guard filter.isOn else { return }
        try filter.forEachChange { (input, granule, value) throws(KafkaError) in
            let topic = String(decoding: batch.topicBytes(input.topic), as: UTF8.self)
            try doors.remember(granule, of: TopicPartition(topic, input.partition), value)
        }
    }
}

extension RecordBatch {
    /// A partition by this batch's index of its topic.
    mutating func input(_ partition: TopicPartition) -> InputPartition {
        InputPartition(topic: index(ofTopic: partition.topic), partition: partition.partition)
    }
}
