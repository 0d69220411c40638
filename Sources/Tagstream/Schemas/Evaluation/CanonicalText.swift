#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// JSON values written so that equal values have equal bytes: what `enum`, `const` and `uniqueItems` compare objects and arrays by.
///
/// Numbers are written by their digits (`1`, `1.0` and `1e0` are one), texts decoded and with their length before them, the members
/// of an object in the order of their keys' bytes. Written for people who read a dump, not for anybody to parse.
enum CanonicalText {
    static func put(_ kind: Value.Kind, to out: inout ByteArena) {
        out.reserve(1)
        switch kind {
        case .true: out.put(0x74)
        case .false: out.put(0x66)
        default: out.put(0x6E)
        }
    }

    static func put(number text: UnsafeRawBufferPointer, to out: inout ByteArena) {
        Decimal(text).append(digitsOf: text, to: &out)
        out.reserve(1)
        out.put(0x3B)
    }

    static func put(text: UnsafeRawBufferPointer, to out: inout ByteArena) {
        out.reserve(text.count + 32)
        out.put(0x22)
        out.put(decimal: Int64(text.count))
        out.put(0x3A)
        out.append(text)
    }

    /// Writes a value of a schema.
    static func put(_ tree: JSONTree, to out: inout ByteArena) {
        switch tree {
        case .null: put(Value.Kind.null, to: &out)
        case .bool(let value): put(value ? Value.Kind.true : .false, to: &out)
        case .number(_, let text): Array(text.utf8).withUnsafeBytes { put(number: $0, to: &out) }
        case .string(let text): Array(text.utf8).withUnsafeBytes { put(text: $0, to: &out) }
        case .array(let values):
            out.append([0x5B])
            for value in values { put(value, to: &out) }
            out.append([0x5D])
        case .object(let members):
            out.append([0x7B])
            let sorted = members.map { (key: Array($0.key.utf8), value: $0.value) }
                .sorted { $0.key.lexicographicallyPrecedes($1.key) }
            for member in sorted {
                member.key.withUnsafeBytes { put(text: $0, to: &out) }
                put(member.value, to: &out)
            }
            out.append([0x7D])
        }
    }
}

extension SchemaEvaluator {
    /// Appends an event's value to the canonical arena.
    ///
    /// Recursive in the event's depth, which the decoder bounds (64 levels). False where the evaluation has used up its steps.
    mutating func writeCanonically(_ value: Value, on bench: borrowing Workbench) -> Bool {
        guard take(steps: 1 &+ Int(value.length) >> 3) else { return false }
        switch value.kind {
        case .missing, .null, .true, .false: CanonicalText.put(value.kind, to: &canonical)
        case .number: CanonicalText.put(number: bench.written(value), to: &canonical)
        case .string:
            scratch.removeAll()
            CanonicalText.put(text: bench.text(of: value, into: &scratch), to: &canonical)
        case .array:
            canonical.reserve(1)
            canonical.put(0x5B)
            var items = items(of: value, on: bench)
            while let item = next(of: &items, on: bench) {
                guard writeCanonically(item, on: bench) else { return false }
            }
            canonical.reserve(1)
            canonical.put(0x5D)
        case .object: return writeObjectCanonically(value, on: bench)
        }
        return !isUndecided
    }

    private mutating func writeObjectCanonically(_ value: Value, on bench: borrowing Workbench) -> Bool {
        let mark = tape.count
        defer { tape.truncate(to: mark) }
        let section = members(of: value, on: bench)
        let firstKey = sortedKeys.count
        let keyMark = keyTexts.count
        defer {
            sortedKeys.truncate(to: firstKey)
            keyTexts.truncate(to: keyMark)
        }
        for place in Int(section.first)..<Int(section.first &+ section.count) {
            let field = tape[place]
            if field.doesNotCount { continue }
            let start = keyTexts.count
            bench.append(keyOf: field, to: &keyTexts)
            sortedKeys.append(
                SortedKey(
                    offset: UInt32(truncatingIfNeeded: start),
                    length: UInt32(truncatingIfNeeded: keyTexts.count &- start),
                    field: Int32(truncatingIfNeeded: place)
                )
            )
        }
        let count = sortedKeys.count &- firstKey
        guard take(steps: count &* 4) else { return false }
        sort(from: firstKey, count)
        canonical.reserve(1)
        canonical.put(0x7B)
        for place in firstKey..<(firstKey &+ count) {
            let key = sortedKeys[place]
            CanonicalText.put(text: keyTexts.bytes(Int(key.offset), Int(key.length)), to: &canonical)
            guard writeCanonically(tape[Int(key.field)].value, on: bench) else { return false }
        }
        canonical.reserve(1)
        canonical.put(0x7D)
        return true
    }

    /// Sorts keys by their bytes: a heap, because that needs no memory and nobody can make it slow.
    private func sort(from first: Int, _ count: Int) {
        guard count > 1 else { return }
        var root = count / 2
        while root > 0 {
            root -= 1
            sift(first, root, count)
        }
        var end = count
        while end > 1 {
            end -= 1
            let last = sortedKeys[first + end]
            sortedKeys[first + end] = sortedKeys[first]
            sortedKeys[first] = last
            sift(first, 0, end)
        }
    }

    private func sift(_ first: Int, _ start: Int, _ count: Int) {
        var root = start
        while 2 * root + 1 < count {
            var child = 2 * root + 1
            if child + 1 < count, precedes(sortedKeys[first + child], sortedKeys[first + child + 1]) { child += 1 }
            guard precedes(sortedKeys[first + root], sortedKeys[first + child]) else { return }
            let moved = sortedKeys[first + root]
            sortedKeys[first + root] = sortedKeys[first + child]
            sortedKeys[first + child] = moved
            root = child
        }
    }

    private func precedes(_ one: SortedKey, _ other: SortedKey) -> Bool {
        let left = keyTexts.bytes(Int(one.offset), Int(one.length))
        let right = keyTexts.bytes(Int(other.offset), Int(other.length))
        let order = memcmp(left.baseAddress!, right.baseAddress!, min(left.count, right.count))
        return order == 0 ? left.count < right.count : order < 0
    }
}

/// A key on its way into order: where its decoded text lies, and which field it is of.
struct SortedKey {
    var offset: UInt32
    var length: UInt32
    var field: Int32
}
