import Foundation
import Kafka
import Worker

/// The records of the demonstration: those of a file, then a stream made of them.
///
/// The stream repeats the file's records with uuids of their own; now and then one is broken in a way that happens: cut off, not
/// text, from an unknown project, without a name. Everything follows from a record's number, so every run feeds the same.
struct DemoFeed: Sendable {
    let lines: [[UInt8]]
    let count: Int

    /// How many of the records stand in the file as they are.
    var realCount: Int { min(count, lines.count) }

    /// The value of record `number`, from 0.
    func record(_ number: Int) -> [UInt8] {
        let line = lines[number % lines.count]
        guard number >= lines.count else { return line }
        switch number % 997 {
        case 100: return Array(line.prefix(line.count / 2))
        case 300: return [0xFF, 0xFE, 0x00] + line.prefix(40)
        case 500: return Self.replacing("\"token\": \"phc_", with: "\"token\": \"old_", in: line)
        case 700: return Array(#"{"token":"phc_demo_web_project","distinct_id":"u\#(number)","properties":{}}"#.utf8)
        default: return Self.replacingIDs(number, in: line)
        }
    }

    /// Feeds all records, once every lane has partitions, and never more than a few thousand ahead of the worker: the embedded
    /// cluster forgets what is too old.
    func run(
        into topic: String,
        _ client: ClientConfiguration,
        partitions: Int,
        ahead worker: Worker,
        lanes: Int
    ) async throws {
        var producer = try TransactionalProducer(client, .init(transactionalID: "tagstream-demo-feed"))
        try producer.initTransactions(timeout: 10_000)
        let target = try producer.topic(topic)
        var next = 0
        // The embedded cluster applies no offsets that are sent in a transaction: were partitions to move later, they would be read
        // from their beginning again.
        while worker.assignedLanes < lanes || worker.statistics.partitions < partitions {
            if Task.isCancelled { return }
            try await Task.sleep(for: .milliseconds(20))
        }
        while next < count {
            while next - worker.statistics.read > 10_000 {
                if Task.isCancelled { return }
                try await Task.sleep(for: .milliseconds(20))
            }
            try producer.begin()
            let end = min(next + 1000, count)
            for number in next..<end {
                try record(number).withUnsafeBytes {
                    try producer.produce(
                        to: target,
                        partition: Int32(number % partitions),
                        key: nil,
                        value: $0,
                        headers: [],
                        label: number
                    )
                }
            }
            try producer.commit(timeout: 30_000)
            next = end
        }
    }

    private static func replacing(_ text: String, with other: String, in line: [UInt8]) -> [UInt8] {
        Array(String(decoding: line, as: UTF8.self).replacingOccurrences(of: text, with: other).utf8)
    }

    /// Replaces the last twelve digits of the record's own uuid wherever it stands.
    private static func replacingIDs(_ number: Int, in line: [UInt8]) -> [UInt8] {
        let marker = Array("\"uuid\": \"".utf8)
        guard let start = line.indices.first(where: { line[$0...].starts(with: marker) }).map({ $0 + marker.count }),
            start + 36 <= line.count
        else { return line }
        let uuid = String(decoding: line[start..<(start + 36)], as: UTF8.self)
        let digits = String(number, radix: 16)
        let fresh = uuid.prefix(24) + String(repeating: "0", count: 12 - digits.count) + digits
        return replacing(uuid, with: String(fresh), in: line)
    }
}
