/// Reads the values of a MaxMind DB section within its bounds: the format as its specification (version 2.0) has it.
///
/// Everything that is read may be hostile: every offset is compared with the section's end, and every walk has a budget.
struct MMDBReader {
    let section: UnsafeRawBufferPointer

    /// The kinds of values, as numbered by the format.
    enum Kind {
        static let pointer = 1
        static let text = 2
        static let double = 3
        static let bytes = 4
        static let uint16 = 5
        static let uint32 = 6
        static let map = 7
        static let int32 = 8
        static let uint64 = 9
        static let uint128 = 10
        static let array = 11
        static let boolean = 14
        static let float = 15
    }

    /// How a value begins: its kind, its size (a pointer's is its target), and where its content begins.
    struct Head {
        var kind: Int
        var size: Int
        var content: Int
    }

    private func byte(_ offset: Int) throws(MMDBFailure) -> Int {
        guard offset >= 0, offset < section.count else { throw MMDBFailure("it ends within a value", at: offset) }
        return Int(section[offset])
    }

    private func number(_ offset: Int, bytes: Int) throws(MMDBFailure) -> Int {
        var value = 0
        for index in 0..<bytes { value = value << 8 | (try byte(offset &+ index)) }
        return value
    }

    /// The head of the value at an offset.
    func head(at offset: Int) throws(MMDBFailure) -> Head {
        let control = try byte(offset)
        var kind = control >> 5
        var next = offset + 1
        if kind == Kind.pointer {
            let length = (control >> 3 & 3) + 1
            let bits = length == 4 ? 0 : control & 7
            let base = [0, 2048, 526_336, 0][length - 1]
            return Head(
                kind: kind,
                size: (bits << (8 * length) | (try number(next, bytes: length))) + base,
                content: next + length
            )
        }
        if kind == 0 {
            kind = try byte(next) + 7
            next += 1
        }
        var size = control & 31
        if size >= 29 {
            let length = size - 28
            size = (try number(next, bytes: length)) + [29, 285, 65_821][length - 1]
            next += length
        }
        return Head(kind: kind, size: size, content: next)
    }

    /// What a walk may still do.
    struct Budget {
        /// Values that may still be looked at, those behind pointers as often as they are pointed to.
        var values: Int
        /// Bytes of texts that may still come.
        var bytes: Int
        /// How many maps, arrays and pointers may stand within one another.
        static let depth = 12
    }

    /// Checks a value and all that it holds, behind pointers too; returns where the next one begins.
    ///
    /// - Throws: ``MMDBFailure`` where something is cut off, points nowhere or to another pointer, is of a kind that the format does
    ///   not have, is no UTF-8, or is more than the budget allows: by that loops of pointers end as well.
    @discardableResult
    func check(_ offset: Int, _ budget: inout Budget, depth: Int = 0) throws(MMDBFailure) -> Int {
        guard depth < Budget.depth else { throw MMDBFailure("it is nested deeper than \(Budget.depth)", at: offset) }
        budget.values -= 1
        guard budget.values >= 0 else { throw MMDBFailure("it has more values than the budget allows", at: offset) }
        let head = try head(at: offset)
        switch head.kind {
        case Kind.pointer:
            guard try self.head(at: head.size).kind != Kind.pointer else {
                throw MMDBFailure("it points to a pointer", at: offset)
            }
            try check(head.size, &budget, depth: depth + 1)
            return head.content
        case Kind.map:
            var next = head.content
            for _ in 0..<head.size {
                try checkKey(next, &budget)
                next = try check(next, &budget, depth: depth + 1)
                next = try check(next, &budget, depth: depth + 1)
            }
            return next
        case Kind.array:
            var next = head.content
            for _ in 0..<head.size { next = try check(next, &budget, depth: depth + 1) }
            return next
        default:
            return try checkScalar(head, at: offset, &budget)
        }
    }

    private func checkScalar(_ head: Head, at offset: Int, _ budget: inout Budget) throws(MMDBFailure) -> Int {
        let fits =
            switch head.kind {
            case Kind.text, Kind.bytes: true
            case Kind.double: head.size == 8
            case Kind.float: head.size == 4
            case Kind.uint16: head.size <= 2
            case Kind.uint32, Kind.int32: head.size <= 4
            case Kind.uint64: head.size <= 8
            case Kind.uint128: head.size <= 16
            case Kind.boolean: head.size <= 1
            default: false
            }
        guard fits else { throw MMDBFailure("kind \(head.kind) cannot have size \(head.size)", at: offset) }
        // A boolean's size is its value.
        if head.kind == Kind.boolean { return head.content }
        guard head.content + head.size <= section.count else { throw MMDBFailure("it ends within a value", at: offset) }
        guard head.kind == Kind.text || head.kind == Kind.bytes else { return head.content + head.size }
        budget.bytes -= head.size
        guard budget.bytes >= 0 else { throw MMDBFailure("it has more text than the budget allows", at: offset) }
        if head.kind == Kind.text, head.size > 0, let start = section.baseAddress {
            let text = (start + head.content).assumingMemoryBound(to: UInt8.self)
            guard isUTF8(text, head.size) else { throw MMDBFailure("a text is not UTF-8", at: offset) }
        }
        return head.content + head.size
    }

    /// A map's key must be a text, or a pointer to one.
    private func checkKey(_ offset: Int, _ budget: inout Budget) throws(MMDBFailure) {
        var head = try head(at: offset)
        if head.kind == Kind.pointer { head = try self.head(at: head.size) }
        guard head.kind == Kind.text else { throw MMDBFailure("a map's key is not a text", at: offset) }
    }

    // MARK: Reading what has been checked

    /// The value of a key of the map at an offset, pointers followed; nil where there is none.
    func value(of key: StaticString, inMapAt offset: Int) throws(MMDBFailure) -> Head? {
        let map = try resolved(offset)
        guard map.kind == Kind.map else { return nil }
        var budget = Budget(values: 1 << 16, bytes: 1 << 24)
        var next = map.content
        for _ in 0..<map.size {
            let name = try resolved(next)
            let wanted = UnsafeRawBufferPointer(start: key.utf8Start, count: key.utf8CodeUnitCount)
            guard name.kind == Kind.text else { throw MMDBFailure("a map's key is not a text", at: next) }
            let isWanted = areEqual(try text(name), wanted)
            next = try check(next, &budget)
            if isWanted { return try resolved(next) }
            next = try check(next, &budget)
        }
        return nil
    }

    /// The head of the value at an offset, or of the one that it points to.
    func resolved(_ offset: Int) throws(MMDBFailure) -> Head {
        let head = try head(at: offset)
        return head.kind == Kind.pointer ? try self.head(at: head.size) : head
    }

    /// A text's bytes.
    func text(_ head: Head) throws(MMDBFailure) -> UnsafeRawBufferPointer {
        guard head.content >= 0, head.size >= 0, head.content + head.size <= section.count else {
            throw MMDBFailure("it ends within a value", at: head.content)
        }
        return UnsafeRawBufferPointer(rebasing: section[head.content..<(head.content + head.size)])
    }

    /// An unsigned number of up to eight bytes; nil where it is none.
    func unsigned(_ head: Head) throws(MMDBFailure) -> UInt64? {
        guard [Kind.uint16, Kind.uint32, Kind.uint64].contains(head.kind), head.size <= 8 else { return nil }
        var value: UInt64 = 0
        for byte in try text(head) { value = value << 8 | UInt64(byte) }
        return value
    }
}

/// Why a database is refused.
public struct MMDBFailure: Error, Sendable, CustomStringConvertible {
    /// What was found.
    public let message: String
    /// Where, as an offset in the section that was read; nil where there is no such place.
    public let offset: Int?

    init(_ message: String, at offset: Int? = nil) {
        self.message = message
        self.offset = offset
    }

    /// What was found and where.
    public var description: String { offset.map { "\(message) (at byte \($0) of its section)" } ?? message }
}
