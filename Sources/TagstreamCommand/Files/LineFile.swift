import Foundation
import Tagstream

/// A file of one JSON document a line, or standard input for `-`, read in pieces: its size is not a question of memory.
///
/// Blank lines are passed over but keep their number.
struct LineFile: ~Copyable {
    let path: String
    private let handle: FileHandle
    private var buffer: UnsafeMutableRawBufferPointer
    private var filled = 0

    /// Opens the file.
    init(_ path: String) throws {
        self.path = path
        if path == "-" {
            handle = FileHandle.standardInput
        } else {
            guard let opened = FileHandle(forReadingAtPath: path) else {
                throw Failure(.usage, "cannot read \"\(path)\": no such file, or not readable")
            }
            handle = opened
        }
        buffer = .allocate(byteCount: 4 << 20, alignment: 16)
    }

    deinit { buffer.deallocate() }

    /// Calls `body` with every line's number, from 1, and its bytes, which stay where they are until `release` is called: whoever
    /// keeps a line for later has to be done with it then.
    mutating func forEachLine(
        _ body: (Int, UnsafeRawBufferPointer) throws -> Void,
        release: () throws -> Void
    ) throws {
        var number = 1
        var isAtEnd = false
        while !isAtEnd {
            if filled == buffer.count { grow() }
            let piece = try handle.read(upToCount: buffer.count - filled) ?? Data()
            isAtEnd = piece.isEmpty
            UnsafeMutableRawBufferPointer(rebasing: buffer[filled...]).copyBytes(from: piece)
            filled += piece.count
            var start = 0
            while let end = Self.newline(in: UnsafeRawBufferPointer(buffer), start, filled)
                ?? (isAtEnd && start < filled ? filled : nil)
            {
                let line = UnsafeRawBufferPointer(rebasing: buffer[start..<end])
                if !line.allSatisfy({ $0 <= 0x20 }) { try body(number, line) }
                start = min(end + 1, filled)
                number += 1
            }
            try release()
            if start > 0 { memmove(buffer.baseAddress!, buffer.baseAddress! + start, filled - start) }
            filled -= start
        }
    }

    private static func newline(in bytes: UnsafeRawBufferPointer, _ start: Int, _ end: Int) -> Int? {
        guard start < end, let found = memchr(bytes.baseAddress! + start, 0x0A, end - start) else { return nil }
        return UnsafeRawPointer(found) - bytes.baseAddress!
    }

    private mutating func grow() {
        let larger = UnsafeMutableRawBufferPointer.allocate(byteCount: buffer.count * 2, alignment: 16)
        larger.copyMemory(from: UnsafeRawBufferPointer(buffer))
        buffer.deallocate()
        buffer = larger
    }
}
