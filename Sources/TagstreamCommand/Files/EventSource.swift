import Foundation
import Kafka
import Tagstream

/// Where one event comes from: a file, standard input, or a position in a topic.
enum EventSource: Equatable {
    case file(String)
    case record(TopicPartition, offset: Int64)

    /// One event's bytes, and the milliseconds since 1970 at which its record was written; -1 where nobody says.
    struct Found {
        var bytes: [UInt8]
        var timestamp: Int64
    }

    /// The most bytes that are read as one event over several lines.
    private static let documentLimit = 4 << 20

    /// Reads what was given on the command line.
    ///
    /// `TOPIC/PARTITION/OFFSET` is a position unless a file has that name: topics have no slash in their names.
    init(_ text: String) {
        let pieces = text.split(separator: "/", omittingEmptySubsequences: false)
        if pieces.count == 3, !pieces[0].isEmpty, let partition = Self.number(pieces[1]).flatMap(Int32.init(exactly:)),
            let offset = Self.number(pieces[2]), !FileManager.default.fileExists(atPath: text)
        {
            self = .record(TopicPartition(String(pieces[0]), partition), offset: offset)
        } else {
            self = .file(text)
        }
    }

    private static func number(_ text: Substring) -> Int64? {
        text.utf8.allSatisfy { 0x30...0x39 ~= $0 } ? Int64(text) : nil
    }

    /// Reads the one event that a command line names.
    ///
    /// - Parameter line: the line of a file.
    func read(line: Int?, _ settings: Settings) throws -> Found {
        switch self {
        case .file(let path):
            if let line, line < 1 { throw Failure(.usage, "--line is \(line), expected a line from 1") }
            return try Self.read(path, line: line)
        case .record(let partition, let offset):
            if line != nil { throw Failure(.usage, "--line is for files, expected none for an offset of a topic") }
            let client = try settings.client()
            do {
                return try Self.read(partition, offset: offset, client)
            } catch let failure as Failure {
                throw failure
            } catch {
                throw Run.failure(of: error, brokers: settings.brokers)
            }
        }
    }

    /// Reads an event from a file of one event a line, or of a single one in as many lines as it likes.
    ///
    /// - Parameter line: the line to take, from 1; nil where there is one event only.
    static func read(_ path: String, line wanted: Int?) throws -> Found {
        var file = try LineFile(path)
        var all: [UInt8] = []
        var taken: [UInt8]?
        var events = 0
        var lastLine = 0
        do {
            try file.forEachLine(
                { number, line in
                    lastLine = number
                    events += 1
                    if let wanted, number != wanted { return }
                    if wanted == nil, all.count + line.count <= documentLimit {
                        all += line
                        all.append(0x0A)
                        return
                    }
                    // A single line may be longer than that; its length is for the decoder's limits to judge.
                    if events > 1, wanted == nil { throw severalEvents(path) }
                    taken = Array(line)
                    throw LineTaken()
                },
                release: {}
            )
        } catch is LineTaken {}
        if let taken { return Found(bytes: taken, timestamp: -1) }
        if let wanted {
            throw Failure(.usage, "\"\(path)\" has no event in line \(wanted), expected a line from 1 to \(lastLine)")
        }
        guard events > 0 else { throw Failure(.usage, "\"\(path)\" is empty, expected an event as a JSON object") }
        if events > 1, (try? JSONTree(parsing: all)) == nil { throw severalEvents(path) }
        return Found(bytes: all, timestamp: -1)
    }

    /// Ends the reading of a file whose rest is of no interest.
    private struct LineTaken: Error {}

    private static func severalEvents(_ path: String) -> Failure {
        Failure(.usage, "\"\(path)\" has more than one line, expected one event. Hint: --line 1 takes the first")
    }

    /// Reads the record at a position, as a reader of committed records sees it.
    static func read(_ partition: TopicPartition, offset: Int64, _ client: ClientConfiguration) throws -> Found {
        var consumer = try Consumer(client, Consumer.Options(group: "tagstream-explain", queueBytes: 16 << 20))
        defer { consumer.close() }
        let ends = try consumer.watermarks(of: partition, timeout: 10_000)
        guard ends.low <= offset, offset < ends.high else {
            let range = ends.low < ends.high ? "expected \(ends.low) to \(ends.high - 1)" : "the partition is empty"
            throw Failure(.usage, "\(partition) has no record at offset \(offset), \(range)")
        }
        try consumer.assign([partition: offset])
        var messages = MessageBatch()
        let deadline = ContinuousClock.now + .seconds(15)
        while messages.isEmpty {
            guard ContinuousClock.now < deadline else {
                throw Failure(.kafka, "reading \(partition) at offset \(offset) took longer than 15 s")
            }
            _ = try consumer.poll(into: &messages, records: 1, bytes: 1, timeout: 200)
        }
        guard messages.count > 0, messages[0].offset == offset else {
            let next = messages.count > 0 ? ", the next one is at \(messages[0].offset)" : ""
            throw Failure(
                .usage,
                "\(partition) has no record at offset \(offset)\(next): it is the end of a transaction, was never committed, "
                    + "or has been compacted away"
            )
        }
        guard let value = messages[0].value else {
            throw Failure(.usage, "\(partition) has a record without a value at offset \(offset), expected an event")
        }
        return Found(bytes: Array(value), timestamp: messages[0].timestamp)
    }
}
