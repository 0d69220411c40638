#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

// The chain parser. The obvious way, splitting at `;` and then at `"`, breaks on the first text that contains one; PostHog's regular
// expressions need three passes and a copy of every part. Here one pass walks the bytes, and values stay ranges of the chain; only
// a value with `\"` in it is copied.

extension ElementTable {
    /// Parses a chain that lies decoded in the arena.
    ///
    /// Linear: every byte is looked at a bounded number of times.
    mutating func parse(chainAt offset: Int, _ length: Int, epoch: UInt32, in arena: inout ByteArena) {
        // Unescaped copies are shorter than the chain, so that with this room the arena does not move.
        arena.reserve(length)
        var parser = ChainParser(
            base: UnsafeRawPointer(arena.base),
            offset: offset,
            end: offset &+ length,
            epoch: epoch
        )
        while parser.position < parser.end {
            parser.element(into: &self, &arena)
            parser.position &+= 1
        }
    }
}

private struct ChainParser {
    let base: UnsafeRawPointer
    var position: Int
    let end: Int
    let epoch: UInt32

    init(base: UnsafeRawPointer, offset: Int, end: Int, epoch: UInt32) {
        self.base = base
        position = offset
        self.end = end
        self.epoch = epoch
    }

    /// The byte at an offset; the arena is padded, so that reading a little past the end is harmless.
    @inline(__always)
    private func byte(_ offset: Int) -> UInt8 { base.load(fromByteOffset: offset, as: UInt8.self) }

    @inline(__always)
    private func range(_ start: Int, _ end: Int) -> TextRange { TextRange(inArena: start, length: end &- start) }

    /// Reads one element and stands at the `;` behind it, or at the end.
    mutating func element(into table: inout ElementTable, _ arena: inout ByteArena) {
        var element = ElementTable.Element()
        element.firstAttribute = Int32(truncatingIfNeeded: table.attributes.count)
        head(of: &element)
        while position < end, byte(position) != 0x3B {
            guard attribute(of: &element, into: &table, &arena) else {
                skipRest()
                break
            }
        }
        element.attributeCount = Int32(truncatingIfNeeded: table.attributes.count) - element.firstAttribute
        table.elements.append(element)
    }

    /// Reads tag and classes, up to the colon behind which the attributes begin: class names may contain colons themselves.
    private mutating func head(of element: inout ElementTable.Element) {
        let start = position
        var dot = -1
        var headEnd = start
        while true {
            guard position < end, byte(position) != 0x3B, byte(position) != 0x22 else {
                headEnd = position
                break
            }
            let current = byte(position)
            if current == 0x2E, dot < 0 { dot = position }
            if current == 0x3A, beginsAttributes(position &+ 1) {
                headEnd = position
                position &+= 1
                break
            }
            position &+= 1
        }
        element.tag = range(start, dot < 0 ? headEnd : dot)
        if dot >= 0 { element.head = range(dot &+ 1, headEnd) }
    }

    /// Whether the end of the element or `key="` stands here.
    private func beginsAttributes(_ offset: Int) -> Bool {
        guard offset < end, byte(offset) != 0x3B else { return true }
        var index = offset
        let isNamed = end &- offset > 6 && memcmp(base + offset, "attr__", 6) == 0
        while index < end {
            let current = byte(index)
            if current == 0x3D { return index > offset && index &+ 1 < end && byte(index &+ 1) == 0x22 }
            // Names of HTML attributes may contain colons (`xlink:href`); other keys do not, but class names do.
            let isWord =
                isDigit(current) || current | 0x20 &- 0x61 < 26 && current >= 0x41 || current == 0x2D || current == 0x5F
            guard isWord || isNamed && current != 0x22 && current != 0x3B else { return false }
            index &+= 1
        }
        return false
    }

    /// Reads `key="value"`; false where something else stands.
    private mutating func attribute(
        of element: inout ElementTable.Element,
        into table: inout ElementTable,
        _ arena: inout ByteArena
    ) -> Bool {
        let key = position
        var index = position
        while index < end, byte(index) != 0x3D {
            guard byte(index) != 0x22, byte(index) != 0x3B else { return false }
            index &+= 1
        }
        guard index > key, index &+ 1 < end, byte(index &+ 1) == 0x22 else { return false }
        let keyLength = index &- key
        let start = index &+ 2
        var escapes = 0
        index = start
        while true {
            guard let quote = memchr(base + index, 0x22, end &- index) else { return false }
            index = UnsafeRawPointer(quote) - base
            guard index > start, byte(index &- 1) == 0x5C else { break }
            escapes &+= 1
            index &+= 1
        }
        position = index &+ 1
        let value = escapes == 0 ? range(start, index) : unescaped(start, index, &arena)
        assign(key, keyLength, value, to: &element, &table, arena)
        return true
    }

    /// A copy of a value in which `\"` is a quote.
    private func unescaped(_ start: Int, _ end: Int, _ arena: inout ByteArena) -> TextRange {
        let offset = arena.count
        var index = start
        while index < end {
            let isEscape = byte(index) == 0x5C && index &+ 1 < end && byte(index &+ 1) == 0x22
            if isEscape { index &+= 1 }
            arena.put(byte(index))
            index &+= 1
        }
        return TextRange(inArena: offset, length: arena.count &- offset)
    }

    @inline(__always)
    private func isKey(_ offset: Int, _ length: Int, _ name: StaticString) -> Bool {
        length == name.utf8CodeUnitCount && memcmp(base + offset, name.utf8Start, length) == 0
    }

    private func assign(
        _ key: Int,
        _ length: Int,
        _ value: TextRange,
        to element: inout ElementTable.Element,
        _ table: inout ElementTable,
        _ arena: borrowing ByteArena
    ) {
        let text = value.bytes(base, arena)
        if isKey(key, length, "nth-child") {
            element.nthChild = ElementTable.place(text)
        } else if isKey(key, length, "nth-of-type") {
            element.nthOfType = ElementTable.place(text)
        } else if isKey(key, length, "text") {
            element.text = Subject(text: value, epoch: epoch)
        } else if isKey(key, length, "href") {
            element.href = Subject(text: value, epoch: epoch)
        } else if isKey(key, length, "attr_id") {
            element.id = value
            element.hasID = true
        } else if length > 6, memcmp(base + key, "attr__", 6) == 0 {
            let name = range(key &+ 6, key &+ length)
            if isKey(key, length, "attr__class") {
                let start = text.baseAddress! - UnsafeRawPointer(arena.base)
                table.addClasses(text, at: { TextRange(inArena: start &+ $0, length: 0) }, to: &element)
            }
            table.attributes.append(ElementTable.Attribute(name: name, value: value))
        }
    }

    /// Goes on to the next `;` outside quotes, where a quote opens behind `=` and closes at the next that is not escaped.
    ///
    /// Merely counting quotes would take the rest of the chain for quoted once a value has swallowed its closing quote.
    private mutating func skipRest() {
        while position < end, byte(position) != 0x3B {
            let opens = byte(position) == 0x3D && position &+ 1 < end && byte(position &+ 1) == 0x22
            position &+= opens ? 2 : 1
            guard opens else { continue }
            while position < end, byte(position) != 0x22 || byte(position &- 1) == 0x5C { position &+= 1 }
            position = min(position &+ 1, end)
        }
    }
}
