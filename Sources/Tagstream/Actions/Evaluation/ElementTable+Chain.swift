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

    /// How many bytes the first elements of a chain take that lies decoded at the arena's beginning; nil where it has no more than those.
    ///
    /// For chains that are suspiciously long; allocates.
    static func length(ofFirst limit: Int, inChainOf length: Int, in arena: inout ByteArena) -> Int? {
        arena.reserve(length)
        var table = ElementTable()
        var parser = ChainParser(base: UnsafeRawPointer(arena.base), offset: 0, end: length, epoch: 1)
        var count = 0
        while parser.position < parser.end {
            if count == limit { return parser.position &- 1 }
            parser.element(into: &table, &arena)
            count &+= 1
            parser.position &+= 1
        }
        return nil
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
        // Filled in where it stays: an element is large, and a copy would take as long as reading it.
        let first = Int32(truncatingIfNeeded: table.attributes.count)
        table.elements.append(ElementTable.Element())
        let element = table.elements.base + (table.elements.count &- 1)
        element.pointee.firstAttribute = first
        head(of: element)
        while position < end, byte(position) != 0x3B {
            guard knownAttribute(of: element, into: &table) || attribute(of: element, into: &table, &arena) else {
                skipRest()
                break
            }
        }
        element.pointee.attributeCount = Int32(truncatingIfNeeded: table.attributes.count) - first
    }

    /// Reads tag and classes, up to the colon behind which the attributes begin: class names may contain colons themselves, tags do not.
    private mutating func head(of element: UnsafeMutablePointer<ElementTable.Element>) {
        let start = position
        var headEnd = start
        while true {
            headEnd = stop(from: position, 0x3A)
            position = headEnd
            guard headEnd < end, byte(headEnd) == 0x3A else { break }
            position &+= 1
            if !hasClass(start, headEnd) || beginsAttributes(position) { break }
        }
        var dot = start
        while dot < headEnd, byte(dot) != 0x2E { dot &+= 1 }
        element.pointee.tag = range(start, dot)
        if dot < headEnd { element.pointee.head = range(dot &+ 1, headEnd) }
    }

    /// Whether what stands there is more than a tag.
    @inline(__always)
    private func hasClass(_ start: Int, _ end: Int) -> Bool {
        var index = start
        while index < end, byte(index) != 0x2E { index &+= 1 }
        return index < end
    }

    /// Where the next `"`, `;` or the given byte stands, or the end: eight bytes at a time.
    @inline(__always)
    private func stop(from first: Int, _ wanted: UInt8) -> Int {
        let wanted = UInt64(wanted) &* 0x0101_0101_0101_0101
        var offset = first
        while offset < end {
            let word = base.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            let found =
                Self.zeroBytes(word ^ wanted) | Self.zeroBytes(word ^ 0x2222_2222_2222_2222)
                | Self.zeroBytes(word ^ 0x3B3B_3B3B_3B3B_3B3B)
            if found != 0 { return min(end, offset &+ found.trailingZeroBitCount >> 3) }
            offset &+= 8
        }
        return end
    }

    /// Where the next quote, backslash or byte below those of text stands, or the end: what may end a class.
    @inline(__always)
    private func tokenStop(from first: Int) -> Int {
        var offset = first
        while offset < end {
            let word = base.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            // The borrow of a byte up to 0x22 sets its highest bit; of the bytes above the first such one it may err.
            let low = (word &- 0x2323_2323_2323_2323) & ~word & 0x8080_8080_8080_8080
            let found = low | Self.zeroBytes(word ^ 0x5C5C_5C5C_5C5C_5C5C)
            if found != 0 { return min(end, offset &+ found.trailingZeroBitCount >> 3) }
            offset &+= 8
        }
        return end
    }

    /// The highest bit of each byte that is zero; of the bytes above the first such one it may err.
    @inline(__always)
    private static func zeroBytes(_ word: UInt64) -> UInt64 {
        (word &- 0x0101_0101_0101_0101) & ~word & 0x8080_8080_8080_8080
    }

    /// Whether the end of the element or `key="` stands here.
    private func beginsAttributes(_ offset: Int) -> Bool {
        guard offset < end, byte(offset) != 0x3B else { return true }
        if known(at: offset) != nil { return true }
        let equals = stop(from: offset, 0x3D)
        guard equals > offset, equals &+ 1 < end, byte(equals) == 0x3D, byte(equals &+ 1) == 0x22 else { return false }
        // Names of HTML attributes may contain colons (`xlink:href`); other keys do not, but class names do.
        if equals &- offset > 6, memcmp(base + offset, "attr__", 6) == 0 { return true }
        for index in offset..<equals {
            let current = byte(index)
            let isWord =
                isDigit(current) || current | 0x20 &- 0x61 < 26 && current >= 0x41 || current == 0x2D || current == 0x5F
            guard isWord else { return false }
        }
        return true
    }

    // MARK: Attributes

    /// Keys that nearly every element has.
    private enum KnownKey {
        case child, ofType, classes

        /// How many bytes `nth-child="`, `nth-of-type="` and `attr__class="` are.
        var length: Int { self == .child ? 11 : 13 }
    }

    /// Which of the known keys stands here: two comparisons of words instead of a search for what ends a key.
    @inline(__always)
    private func known(at offset: Int) -> KnownKey? {
        let word = base.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
        if word == Self.word("nth-chil") {
            let rest = base.loadUnaligned(fromByteOffset: offset &+ 8, as: UInt32.self)
            return rest & 0xFF_FFFF == 0x22_3D64 && offset &+ 11 <= end ? .child : nil
        }
        guard word == Self.word("nth-of-t") || word == Self.word("attr__cl"), offset &+ 13 <= end else { return nil }
        let rest = base.loadUnaligned(fromByteOffset: offset &+ 5, as: UInt64.self)
        if word == Self.word("nth-of-t") { return rest == Self.word("f-type=\"") ? .ofType : nil }
        return rest == Self.word("_class=\"") ? .classes : nil
    }

    /// Eight letters as they lie in memory.
    @inline(__always)
    private static func word(_ letters: StaticString) -> UInt64 {
        UnsafeRawPointer(letters.utf8Start).loadUnaligned(as: UInt64.self)
    }

    /// Reads one of the attributes that nearly every element has, where its value is as SDKs write it.
    ///
    /// False, and nothing has happened, for every other: ``attribute(of:into:_:)`` knows them all.
    @inline(__always)
    private mutating func knownAttribute(
        of element: UnsafeMutablePointer<ElementTable.Element>,
        into table: inout ElementTable
    ) -> Bool {
        guard let key = known(at: position) else { return false }
        if key == .classes { return classes(of: element, into: &table) }
        let start = position &+ key.length
        var index = start
        var number: Int32 = 0
        while index < end, index &- start < 9, isDigit(byte(index)) {
            number = number &* 10 &+ Int32(byte(index) &- 0x30)
            index &+= 1
        }
        guard index > start, index < end, byte(index) == 0x22 else { return false }
        if key == .child { element.pointee.nthChild = number } else { element.pointee.nthOfType = number }
        position = index &+ 1
        return true
    }

    /// Reads `attr__class="…"` in one pass, unless a backslash or no quote ends the value.
    private mutating func classes(
        of element: UnsafeMutablePointer<ElementTable.Element>,
        into table: inout ElementTable
    ) -> Bool {
        let start = position &+ KnownKey.classes.length
        let first = table.classes.count
        var token = start
        var index = start
        while true {
            index = tokenStop(from: index)
            let current = index < end ? byte(index) : 0x5C
            if current == 0x5C {
                table.classes.truncate(to: first)
                return false
            }
            if current == 0x22 || UTF8Text.isBlank(current) {
                if index > token { table.classes.append(range(token, index)) }
                if current == 0x22 { break }
                token = index &+ 1
            }
            index &+= 1
        }
        element.pointee.hasClassList = true
        element.pointee.firstClass = Int32(truncatingIfNeeded: first)
        element.pointee.classCount = Int32(truncatingIfNeeded: table.classes.count &- first)
        table.attributes.append(
            ElementTable.Attribute(name: range(position &+ 6, position &+ 11), value: range(start, index))
        )
        position = index &+ 1
        return true
    }

    /// Reads `key="value"`; false where something else stands.
    private mutating func attribute(
        of element: UnsafeMutablePointer<ElementTable.Element>,
        into table: inout ElementTable,
        _ arena: inout ByteArena
    ) -> Bool {
        let key = position
        var index = stop(from: position, 0x3D)
        guard index < end, byte(index) == 0x3D, index > key, index &+ 1 < end, byte(index &+ 1) == 0x22 else {
            return false
        }
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
        assign(key, keyLength, value, to: &element.pointee, &table, arena)
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

    private func assign(
        _ offset: Int,
        _ length: Int,
        _ value: TextRange,
        to element: inout ElementTable.Element,
        _ table: inout ElementTable,
        _ arena: borrowing ByteArena
    ) {
        let key = UnsafeRawBufferPointer(start: base + offset, count: length)
        if length > 6, equals(UnsafeRawBufferPointer(rebasing: key[..<6]), "attr__") {
            if equals(key, "attr__class") {
                let text = value.bytes(base, arena)
                let start = text.baseAddress! - UnsafeRawPointer(arena.base)
                table.addClasses(text, at: { TextRange(inArena: start &+ $0, length: 0) }, to: &element)
            }
            table.attributes.append(
                ElementTable.Attribute(name: range(offset &+ 6, offset &+ length), value: value)
            )
            return
        }
        switch length {
        case 4:
            if equals(key, "text") {
                element.text = Subject(text: value, epoch: epoch)
            } else if equals(key, "href") {
                element.href = Subject(text: value, epoch: epoch)
            }
        case 7:
            guard equals(key, "attr_id") else { return }
            element.id = value
            element.hasID = true
        case 9: if equals(key, "nth-child") { element.nthChild = ElementTable.place(value.bytes(base, arena)) }
        case 11: if equals(key, "nth-of-type") { element.nthOfType = ElementTable.place(value.bytes(base, arena)) }
        default: break
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
