public import Kafka
import Tagstream

/// Reads the dead letters that are committed, from given offsets up to where the topic ended at the start.
///
/// Joins no group and commits nothing. Used by one thread.
public struct DeadLetterReader: ~Copyable {
    /// Before the consumer, so that it goes first: librdkafka waits for ever for a consumer whose messages are still held.
    private var messages = MessageBatch()
    private var consumer: Consumer
    /// The topic's partitions.
    public let partitions: [TopicPartition]
    /// Where each partition ended when ``begin(from:)`` was called.
    public private(set) var ends: [TopicPartition: Int64] = [:]
    private var unfinished: Set<TopicPartition> = []
    private var assembly = LetterAssembly()

    /// The most records that are held back for the missing part of a value.
    private static let assemblyRecords = 10_000
    private var held = 0

    /// Opens the topic.
    ///
    /// - Parameter group: whose committed offsets ``committed()`` asks for.
    public init(
        _ configuration: ClientConfiguration,
        topic: String,
        group: String,
        notices: @escaping NoticeHandler = { _ in }
    ) throws {
        let consumer = try Consumer(
            configuration,
            // What has been deleted by the topic's retention is gone: reading goes on with the oldest that is there.
            Consumer.Options(group: group, reset: .earliest, queueBytes: 32 << 20),
            notices: notices
        )
        partitions = (0..<(try consumer.partitionCount(of: topic, timeout: 10_000))).map { TopicPartition(topic, $0) }
        self.consumer = consume consumer
    }

    /// What the group has committed, once pending transactions have ended.
    public func committed() throws(KafkaError) -> [TopicPartition: CommittedOffset] {
        var attempts = 0
        while true {
            do throws(KafkaError) {
                return try consumer.committed(partitions, timeout: 10_000).compactMapValues { $0 }
            } catch {
                attempts += 1
                guard error.remedy == .retry, attempts < 6 else { throw error }
            }
        }
    }

    /// Begins to read; only these partitions, and each from its offset up to its present end.
    public mutating func begin(from offsets: [TopicPartition: Int64]) throws(KafkaError) {
        var starts: [TopicPartition: Int64?] = [:]
        for (partition, offset) in offsets {
            let (low, high) = try consumer.watermarks(of: partition, timeout: 10_000)
            ends[partition] = high
            if max(offset, low) < high { starts[partition] = max(offset, low) }
        }
        unfinished = Set(starts.keys)
        if !starts.isEmpty { try consumer.assign(starts) }
    }

    /// Whether everything has been read.
    public var isAtEnd: Bool { unfinished.isEmpty && assembly.isEmpty }

    /// Reads on; empty when nothing has come in time, or at the end.
    ///
    /// - Parameter isWanted: asked before a record is copied.
    public mutating func read(
        timeout milliseconds: Int32 = 200,
        isWanted: (FoundLetter.Place) -> Bool = { _ in true }
    ) throws(KafkaError) -> [FoundLetter] {
        guard !unfinished.isEmpty else { return assembly.giveUp() }
        messages.removeAll()
        _ = try consumer.poll(into: &messages, records: 200, bytes: 4 << 20, timeout: milliseconds)
        var found: [FoundLetter] = []
        for index in 0..<messages.count {
            let record = messages[index]
            let place = FoundLetter.Place(TopicPartition(record.topic, record.partition), record.offset)
            guard unfinished.contains(place.partition), let end = ends[place.partition] else { continue }
            if place.offset + 1 >= end { unfinished.remove(place.partition) }
            guard place.offset < end, isWanted(place) else { continue }
            found += assembly.add(Self.letter(record, at: place))
        }
        for (partition, offset) in messages.ends where offset >= ends[partition] ?? 0 { unfinished.remove(partition) }
        messages.removeAll()
        held = assembly.isEmpty ? 0 : held + found.count
        if held > Self.assemblyRecords {
            held = 0
            found += assembly.giveUp()
        }
        return found
    }

    /// Whether a letter waits for its other part, which is about to be read.
    var isWithinLetter: Bool { !assembly.isEmpty }

    private static func letter(_ record: MessageBatch.Record, at place: FoundLetter.Place) -> FoundLetter {
        var headers: [DeadLetter.Header] = []
        record.forEachHeader { headers.append(DeadLetter.Header(Array($0), $1.map { Array($0) })) }
        let content: Result<DeadLetter, DeadLetterProblem>
        do throws(DeadLetterProblem) {
            content = .success(
                try DeadLetter(
                    key: record.key.map { Array($0) },
                    value: record.value.map { Array($0) },
                    headers: headers
                )
            )
        } catch {
            content = .failure(error)
        }
        return FoundLetter(places: [place], written: record.timestamp, content: content)
    }

    /// Gives back what was read last, then closes the consumer: in the other order librdkafka waits for ever.
    public consuming func close() {
        messages.removeAll()
        consumer.close()
    }
}
