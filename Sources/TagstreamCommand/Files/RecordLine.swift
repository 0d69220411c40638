import Foundation
import Tagstream

/// A line of `tagstream match --records`: a Kafka record as JSON, with what does not stand in its value.
///
/// `{"value": "…", "headers": {"token": "phc_…"}, "timestamp": 1756720802950}`; all of them may be missing. `base64` instead of `value` holds
/// bytes that are not UTF-8.
struct RecordLine {
    var value: [UInt8]?
    var headers: [(name: [UInt8], value: [UInt8]?)] = []
    /// Milliseconds since 1970; negative where the broker keeps none.
    var timestamp: Int64 = -1

    /// Reads a line.
    ///
    /// - Throws: a ``Failure`` of code `usage` that names the line, what was found and what was expected.
    init(_ line: UnsafeRawBufferPointer, number: Int) throws {
        func failure(_ found: String) -> Failure {
            Failure(
                .usage,
                "line \(number): \(found), expected an object with value or base64 (texts), headers (an object of texts) and "
                    + "timestamp (milliseconds)"
            )
        }
        guard let tree = try? JSONTree(parsing: Array(line)), case .object(let members) = tree else {
            throw failure("not a JSON object")
        }
        for member in members {
            switch (member.key, member.value) {
            case (_, .null): break
            case ("value", .string(let text)): value = Array(text.utf8)
            case ("base64", .string(let text)):
                guard let data = Data(base64Encoded: text) else { throw failure("base64 is none") }
                value = Array(data)
            case ("headers", .object(let headers)):
                for header in headers {
                    switch header.value {
                    case .string(let text): self.headers.append((Array(header.key.utf8), Array(text.utf8)))
                    case .null: self.headers.append((Array(header.key.utf8), nil))
                    default: throw failure("a header is \(header.value.kindName)")
                    }
                }
            case ("timestamp", .number):
                guard let milliseconds = member.value.integer else {
                    throw failure("timestamp is \(member.value.jsonText)")
                }
                timestamp = milliseconds
            default: throw failure("\(member.key) is \(member.value.kindName)")
            }
        }
    }
}

/// Bytes that are lent to a batch until they are given back.
struct LentBytes: ~Copyable {
    private var blocks: [UnsafeMutableRawBufferPointer] = []

    deinit { for block in blocks { block.deallocate() } }

    /// Copies bytes to where they stay until ``removeAll()``.
    mutating func lend(_ bytes: [UInt8]) -> UnsafeRawBufferPointer {
        let block = UnsafeMutableRawBufferPointer.allocate(byteCount: max(1, bytes.count), alignment: 1)
        block.copyBytes(from: bytes)
        blocks.append(block)
        return UnsafeRawBufferPointer(rebasing: block[..<bytes.count])
    }

    /// Takes everything back.
    mutating func removeAll() {
        for block in blocks { block.deallocate() }
        blocks.removeAll(keepingCapacity: true)
    }
}
