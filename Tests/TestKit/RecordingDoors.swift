package import Kafka
package import Tagstream
package import Worker

/// What a lane has done to its doors, in order.
package enum Effect: Equatable, Sendable, CustomStringConvertible {
    case open
    case assign([Int32])
    case unassign
    case begin
    /// So many rows, matches or dead letters of one batch.
    case produce(Int)
    case match(Int)
    case deadLetter(Int)
    /// A granule of a partition's uuids was written to the changelog, or deleted there.
    case remember(Int32, Int)
    case forget(Int32, Int)
    /// The changelog of these partitions was read.
    case restore([Int32])
    /// The offsets that were sent with the commit that follows, by partition.
    case offsets([Int32: Int64])
    case commit
    case abort
    case seek([Int32: Int64])
    /// A new producer, and the question what is committed of these partitions.
    case recover([Int32])
    case close
    /// The call was refused, by plan.
    case failed(DoorCall)
    /// A mistake: records were polled while those of the last poll had not been given back.
    case polledWithoutRelease

    /// As it is written in Swift.
    package var description: String {
        switch self {
        case .open: ".open"
        case .assign(let partitions): ".assign(\(partitions))"
        case .unassign: ".unassign"
        case .begin: ".begin"
        case .produce(let count): ".produce(\(count))"
        case .match(let count): ".match(\(count))"
        case .deadLetter(let count): ".deadLetter(\(count))"
        case .remember(let partition, let granule): ".remember(\(partition), \(granule))"
        case .forget(let partition, let granule): ".forget(\(partition), \(granule))"
        case .restore(let partitions): ".restore(\(partitions))"
        case .offsets(let offsets): ".offsets(\(Self.sorted(offsets)))"
        case .commit: ".commit"
        case .abort: ".abort"
        case .seek(let offsets): ".seek(\(Self.sorted(offsets)))"
        case .recover(let partitions): ".recover(\(partitions))"
        case .close: ".close"
        case .failed(let call): ".failed(.\(call))"
        case .polledWithoutRelease: ".polledWithoutRelease"
        }
    }

    private static func sorted(_ offsets: [Int32: Int64]) -> String {
        "[" + offsets.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }.joined(separator: ", ") + "]"
    }
}

/// A call of the doors that can be refused.
package enum DoorCall: Sendable, Hashable, CaseIterable {
    case open, committed, assign, endOffsets, unassign, seek, begin, produce, sendOffsets, commit, abort, recover
    case remember, readChangelog
}

/// What the next poll comes upon.
package enum PollStep {
    /// So many records of a partition, from where it stands, and whether its end is reported with them.
    case read(Int32, Int, isEnd: Bool = false)
    /// The group rebalances.
    case rebalance(Rebalance)
    /// Nothing, and so many milliseconds have passed.
    case wait(Int64)
    /// The poll throws.
    case fail(KafkaError)
    /// Nothing; something happens elsewhere.
    case run(() -> Void)
}

/// The world behind ``RecordingDoors``: what can be read, what is to happen, and what has happened.
///
/// When the steps are used up, the lane is told to stop.
package final class DoorsScript {
    /// The topic that is read.
    package static let topic = "events_raw"

    /// What the lane has done.
    package var effects: [Effect] = []
    /// The time in milliseconds.
    package var now: Int64 = 0
    /// Whether the lane should stop.
    package var shouldStop = false
    /// The call in the middle of which it learns so; otherwise it does behind the last step.
    package var stopsDuring: DoorCall?
    /// The records of each partition by offset; where nothing stands there is an endless log of events.
    package var values: [Int32: [Int64: UnsafeRawBufferPointer]] = [:]
    /// What the group has committed.
    package var committed: [Int32: CommittedOffset] = [:]
    /// Where partitions end.
    package var ends: [Int32: Int64] = [:]
    /// Errors for the next calls of a kind, one after the other; nil lets a call pass.
    package var errors: [DoorCall: [KafkaError?]] = [:]
    /// Whether a commit that is refused has been applied nevertheless.
    package var appliesRefusedCommits = false
    /// Records, by partition, whose rows are refused for their size.
    package var oversized: [Int32: Set<Int64>] = [:]
    /// Whether the client refuses them itself, at once; otherwise the broker does, later.
    package var refusesInClient = false
    /// Whether dead letters of such records are refused as well.
    package var refusesDeadLetters = false
    /// A delivery that fails with the next batch.
    package var nextFailure: FailedDelivery?
    /// Whether seeks are lost on their way.
    package var losesSeeks = false
    /// This member's place in the group, as it learns of it with one question after the other; the last one stays.
    package var places = [GroupPlace([1])]
    /// Milliseconds that a call takes.
    package var delays: [DoorCall: Int64] = [:]
    /// The budgets that calls had to keep to, one for every revocation.
    package var budgets: [RevocationBudget] = []
    /// Whether a budget was in force when the offsets were sent last.
    package var wasHurried = false
    /// What was in the heads of the offsets that were committed last.
    package var metadata: [Int32: String] = [:]

    /// The changelog of uuids: what is committed there.
    package var changelog: [(partition: Int32, granule: Int, value: [UInt8]?)] = []
    /// How often the changelog seems to be empty before what is committed can be seen.
    package var changelogIsLateBy = 0

    /// What others do before this lane asks for the offsets of an assignment.
    package var changesBeforeAssignment: (DoorsScript) -> Void = { _ in }

    fileprivate var changes: [(partition: Int32, granule: Int, value: [UInt8]?)] = []
    fileprivate var changelogPosition = 0
    fileprivate var steps: [PollStep]
    fileprivate var position: [Int32: Int64] = [:]
    fileprivate var failed: FailedDelivery?
    fileprivate var isLent = false
    fileprivate var isHurried = false

    /// Makes a world in which these polls happen.
    package init(_ steps: [PollStep]) { self.steps = steps }

    /// How many steps are left.
    package var remaining: Int { steps.count }

    fileprivate func pass(_ call: DoorCall) throws(KafkaError) {
        now += delays[call] ?? 0
        if call == stopsDuring { shouldStop = true }
        guard var queue = errors[call], !queue.isEmpty else { return }
        let error = queue.removeFirst()
        errors[call] = queue
        if let error {
            effects.append(.failed(call))
            throw error
        }
    }
}

/// Doors to a ``DoorsScript``.
package struct RecordingDoors: LaneDoors {
    private let script: DoorsScript

    /// Makes doors.
    package init(_ script: DoorsScript) { self.script = script }

    package mutating func open() throws {
        try script.pass(.open)
        script.effects.append(.open)
    }

    package mutating func close() { script.effects.append(.close) }

    package mutating func poll(
        into batch: inout RecordBatch,
        records: Int,
        bytes: Int,
        timeout: Int64
    ) throws(KafkaError) -> LaneEvent {
        if script.isLent { script.effects.append(.polledWithoutRelease) }
        batch.removeAll()
        guard !script.steps.isEmpty else {
            script.shouldStop = true
            return .records(ends: [:])
        }
        switch script.steps.removeFirst() {
        case .rebalance(let rebalance): return .rebalance(rebalance)
        case .fail(let error): throw error
        case .run(let action):
            action()
            return .records(ends: [:])
        case .wait(let milliseconds):
            script.now += milliseconds
            return .records(ends: [:])
        case .read(let partition, let count, let isEnd):
            let topic = batch.index(ofTopic: DoorsScript.topic)
            for _ in 0..<min(count, records) {
                let offset = script.position[partition, default: 0]
                batch.append(
                    topic: topic,
                    partition: partition,
                    offset: offset,
                    timestamp: 1_700_000_000_000,
                    key: nil,
                    value: script.values[partition]?[offset] ?? SampleValue.event
                )
                script.position[partition] = offset + 1
            }
            script.isLent = true
            guard isEnd else { return .records(ends: [:]) }
            return .records(ends: [TopicPartition(DoorsScript.topic, partition): script.position[partition, default: 0]]
            )
        }
    }

    package mutating func release() { script.isLent = false }

    package mutating func committed(
        _ partitions: [TopicPartition]
    ) throws(KafkaError) -> [TopicPartition: CommittedOffset] {
        try script.pass(.committed)
        script.changesBeforeAssignment(script)
        return known(partitions)
    }

    private func known(_ partitions: [TopicPartition]) -> [TopicPartition: CommittedOffset] {
        var known: [TopicPartition: CommittedOffset] = [:]
        for partition in partitions { known[partition] = script.committed[partition.partition] }
        return known
    }

    package mutating func assign(_ partitions: [TopicPartition]) throws(KafkaError) {
        try script.pass(.assign)
        script.effects.append(.assign(partitions.map(\.partition)))
        for partition in partitions {
            script.position[partition.partition] = script.committed[partition.partition]?.offset ?? 0
        }
    }

    package mutating func endOffsets(of partitions: [TopicPartition]) throws(KafkaError) -> [TopicPartition: Int64] {
        try script.pass(.endOffsets)
        return Dictionary(uniqueKeysWithValues: partitions.map { ($0, script.ends[$0.partition] ?? .max) })
    }

    package mutating func unassign() throws(KafkaError) {
        try script.pass(.unassign)
        script.effects.append(.unassign)
    }

    package mutating func seek(_ offsets: [TopicPartition: Int64]) throws(KafkaError) {
        try script.pass(.seek)
        script.effects.append(.seek(byNumber(offsets)))
        guard !script.losesSeeks else { return }
        for (partition, offset) in offsets { script.position[partition.partition] = offset }
    }

    private func byNumber<Value>(_ values: [TopicPartition: Value]) -> [Int32: Value] {
        Dictionary(uniqueKeysWithValues: values.map { ($0.key.partition, $0.value) })
    }

    package mutating func begin() throws(KafkaError) {
        try script.pass(.begin)
        script.effects.append(.begin)
        script.failed = nil
    }

    package mutating func produce(
        _ out: borrowing OutputBatch,
        of batch: borrowing RecordBatch,
        firstLabel: Int
    ) throws(KafkaError) {
        try script.pass(.produce)
        var counts: [Destination: Int] = [:]
        for record in out.records {
            counts[record.destination, default: 0] += 1
            let input = batch.records[Int(record.input)]
            let isRefused = record.destination == .tagged || script.refusesDeadLetters
            guard isRefused, script.oversized[input.partition]?.contains(input.offset) == true else { continue }
            let label = firstLabel + Int(record.input)
            let error = KafkaError(code: 10, while: "deliver a record", flag: nil)
            script.failed = script.failed ?? FailedDelivery(label: label, error: error)
            if script.refusesInClient {
                script.effects.append(.failed(.produce))
                throw error
            }
        }
        if let failure = script.nextFailure {
            script.failed = script.failed ?? failure
            script.nextFailure = nil
        }
        if let rows = counts[.tagged] { script.effects.append(.produce(rows)) }
        if let matches = counts[.matches] { script.effects.append(.match(matches)) }
        if let letters = counts[.deadLetters] { script.effects.append(.deadLetter(letters)) }
    }

    package mutating func remember(
        _ granule: Int,
        of partition: TopicPartition,
        _ value: UnsafeRawBufferPointer?
    ) throws(KafkaError) {
        try script.pass(.remember)
        let number = partition.partition
        script.effects.append(value == nil ? .forget(number, granule) : .remember(number, granule))
        script.changes.append((number, granule, value.map { Array($0) }))
    }

    package mutating func readChangelog(
        of partitions: [TopicPartition],
        _ take: (TopicPartition, UnsafeRawBufferPointer) -> Void
    ) throws -> Bool {
        try script.pass(.readChangelog)
        let effect = Effect.restore(partitions.map(\.partition))
        if script.effects.last != effect { script.effects.append(effect) }
        guard script.changelogIsLateBy == 0 else {
            script.changelogIsLateBy -= 1
            return true
        }
        for change in script.changelog[script.changelogPosition...] {
            let partition = TopicPartition(DoorsScript.topic, change.partition)
            guard partitions.contains(partition), let value = change.value else { continue }
            value.withUnsafeBytes { take(partition, $0) }
        }
        script.changelogPosition = script.changelog.count
        return true
    }

    package mutating func closeChangelog() { script.changelogPosition = 0 }

    package var failedRecord: FailedDelivery? { script.failed }

    package mutating func place() throws(KafkaError) -> GroupPlace {
        script.places.count > 1 ? script.places.removeFirst() : script.places[0]
    }

    package mutating func hurry(_ budget: RevocationBudget?) {
        script.isHurried = budget != nil
        if let budget { script.budgets.append(budget) }
    }

    package mutating func commit(_ offsets: [TopicPartition: CommittedOffset]) throws(KafkaError) {
        script.wasHurried = script.isHurried
        try script.pass(.sendOffsets)
        script.effects.append(.offsets(byNumber(offsets.mapValues(\.offset))))
        do throws(KafkaError) {
            try script.pass(.commit)
        } catch {
            if script.appliesRefusedCommits { apply(offsets) }
            throw error
        }
        script.effects.append(.commit)
        apply(offsets)
    }

    private func apply(_ offsets: [TopicPartition: CommittedOffset]) {
        script.changelog += script.changes
        script.changes = []
        for (partition, offset) in offsets {
            script.committed[partition.partition] = offset
            script.metadata[partition.partition] = offset.metadata
        }
    }

    package mutating func abort() throws(KafkaError) {
        try script.pass(.abort)
        script.effects.append(.abort)
        script.failed = nil
        script.changes = []
    }

    package mutating func recover(_ partitions: [TopicPartition]) throws -> [TopicPartition: Int64] {
        try script.pass(.recover)
        script.effects.append(.recover(partitions.map(\.partition)))
        script.failed = nil
        script.changes = []
        return known(partitions).mapValues(\.offset)
    }
}
