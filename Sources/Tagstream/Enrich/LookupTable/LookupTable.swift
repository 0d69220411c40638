/// Properties by key, from a file or a compacted topic: immutable, every member rendered when the table is made.
///
/// Sendable: what it points to is written before the table is handed out, only read afterwards, and freed by the last owner, when nobody
/// is left to read.
public final class LookupTable: @unchecked Sendable {
    /// How many keys there are.
    public let count: Int
    private let storage: Storage

    /// The memory of a table, a struct that can be filled and then owned.
    struct Storage: ~Copyable {
        struct Row {
            var hash: UInt64
            var keyOffset: UInt32
            var keyLength: UInt32
            var members: MemberRange
        }

        var store = MemberStore(bytes: 1 << 16, fields: 1 << 10)
        var keys = ByteArena(capacity: 1 << 14)
        var rows: [Row] = []
        /// Indices of rows by hash, -1 where there is none; at most half full.
        ///
        /// Only operators fill it, so nobody can make its probes long.
        var slots: [Int32] = Array(repeating: -1, count: 1 << 10)

        @inline(__always)
        func find(_ key: UnsafeRawBufferPointer, hash: UInt64) -> Int? {
            let mask = slots.count &- 1
            var slot = Int(truncatingIfNeeded: hash) & mask
            while slots[slot] >= 0 {
                let row = rows[Int(slots[slot])]
                if row.hash == hash, Int(row.keyLength) == key.count,
                    areEqual(keys.bytes(Int(row.keyOffset), key.count), key)
                {
                    return Int(slots[slot])
                }
                slot = (slot &+ 1) & mask
            }
            return nil
        }

        mutating func append(_ key: UnsafeRawBufferPointer, hash: UInt64, _ members: MemberRange) {
            let offset = keys.count
            keys.append(key)
            rows.append(
                Row(
                    hash: hash,
                    keyOffset: UInt32(truncatingIfNeeded: offset),
                    keyLength: UInt32(truncatingIfNeeded: key.count),
                    members: members
                )
            )
            if rows.count * 2 > slots.count {
                slots = Array(repeating: -1, count: slots.count * 2)
                for index in rows.indices { place(index) }
            } else {
                place(rows.count - 1)
            }
        }

        private mutating func place(_ index: Int) {
            let mask = slots.count - 1
            var slot = Int(truncatingIfNeeded: rows[index].hash) & mask
            while slots[slot] >= 0 { slot = (slot + 1) & mask }
            slots[slot] = Int32(index)
        }

        /// What is kept, in bytes.
        var byteCount: Int {
            store.byteCount + keys.count + rows.count * MemoryLayout<Row>.stride + slots.count * 4
        }
    }

    init(_ storage: consuming Storage) {
        count = storage.rows.count
        self.storage = storage
    }

    /// The members of a key; none when the table does not have it.
    ///
    /// One hash of the key and one probe; allocates nothing. Lent as long as the table lives.
    ///
    /// - Parameter key: the key's text, decoded: of a number the text as written.
    public func find(_ key: UnsafeRawBufferPointer) -> Members {
        guard let index = storage.find(key, hash: contentHash(key)) else { return .none }
        return storage.store.members(storage.rows[index].members)
    }

    /// What the table takes, in bytes.
    public var byteCount: Int { storage.byteCount }
}

/// Why a table is refused: its bad rows.
public struct LookupTableFailure: Error, Sendable, CustomStringConvertible {
    /// A bad row.
    public struct Problem: Sendable, Equatable {
        /// Where: a line of the file, counted from 1; nil where it is about the whole.
        public let line: Int?
        /// What was found, and what was expected.
        public let message: String
    }

    /// The first problems, in the file's order, at most ``mostProblems``.
    public let problems: [Problem]
    /// How many there are altogether.
    public let count: Int

    /// So many problems are told, the others are counted.
    public static let mostProblems = 20

    /// The problems, a line each.
    public var description: String {
        var lines = problems.map { problem in
            (problem.line.map { "line \($0): " } ?? "") + problem.message
        }
        if count > problems.count { lines.append("and \(count - problems.count) more") }
        return lines.joined(separator: "\n")
    }
}
