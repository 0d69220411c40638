import Foundation
import Tagstream

/// The records a benchmark works on: one buffer, padded as simdjson wants it, and a batch over it.
struct Inputs {
    let buffer: UnsafeMutableRawBufferPointer
    let lines: [UnsafeRawBufferPointer]
    static let padding = 64

    /// The mean length of a record, in bytes.
    var meanBytes: Int { lines.reduce(0) { $0 + $1.count } / max(1, lines.count) }

    /// Reads a file of one record a line.
    init(_ path: String, limit: Int = .max) throws {
        let data = try Data(contentsOf: URL(fileURLWithPath: path))
        let pieces = data.split(separator: 0x0A, maxSplits: limit == .max ? .max : limit).prefix(limit)
        let total = pieces.reduce(0) { $0 + $1.count + Self.padding }
        buffer = .allocate(byteCount: total, alignment: 64)
        buffer.initializeMemory(as: UInt8.self, repeating: 0)
        var offset = 0
        var lines: [UnsafeRawBufferPointer] = []
        for piece in pieces {
            UnsafeMutableRawBufferPointer(rebasing: buffer[offset..<(offset + piece.count)]).copyBytes(from: piece)
            lines.append(
                UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[offset..<(offset + piece.count)])
            )
            offset += piece.count + Self.padding
        }
        self.lines = lines
    }

    /// The records as batches of 1,000, as a lane would get them.
    func batches() -> [RecordBatch] {
        stride(from: 0, to: lines.count, by: 1000).map { first in
            var batch = RecordBatch()
            let topic = batch.index(ofTopic: "events_raw")
            for index in first..<min(first + 1000, lines.count) {
                batch.append(
                    topic: topic,
                    partition: 3,
                    offset: Int64(index),
                    timestamp: 1_717_760_000_000,
                    key: nil,
                    value: lines[index]
                )
            }
            return batch
        }
    }
}
