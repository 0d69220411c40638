extension ElementTable {
    /// Fills the table from `properties.$elements`, the form in which older SDKs send elements.
    ///
    /// - Returns: how many entries were left out because they, or one of their fields, have the wrong type.
    mutating func parse(array value: Value, on bench: UnsafeRawPointer, epoch: UInt32, in arena: inout ByteArena) -> Int
    {
        if value.flags.contains(.plain) {
            var scanner = Scanner<PlainSpace>(bench, at: Int(value.offset), keysLeft: .max, keyBytes: .max)
            return parse(&scanner, bench, epoch, &arena)
        }
        var scanner = Scanner<EscapedSpace>(bench, at: Int(value.offset), keysLeft: .max, keyBytes: .max)
        return parse(&scanner, bench, epoch, &arena)
    }

    private mutating func parse<Space>(
        _ scanner: inout Scanner<Space>,
        _ bench: UnsafeRawPointer,
        _ epoch: UInt32,
        _ arena: inout ByteArena
    ) -> Int {
        var skipped = 0
        scanner.position &+= 1
        scanner.skipBlanks()
        // The decoder has read this text before: it cannot fail, and if it did, what came before stands.
        do throws(ScanFailure) {
            while scanner.byte != 0x5D {
                if scanner.byte == 0x7B {
                    fields.removeAll()
                    try scanner.fields(onto: &fields, depthLeft: 64)
                    if !addEntry(bench, epoch, &arena) { skipped &+= 1 }
                } else {
                    _ = try scanner.value(depthLeft: 64)
                    skipped &+= 1
                }
                scanner.skipBlanks()
                if scanner.byte == 0x2C { scanner.position &+= 1 }
                scanner.skipBlanks()
            }
        } catch {
            skipped &+= 1
        }
        return skipped
    }

    /// Adds the element whose fields are on the tape; false when one of them has the wrong type.
    private mutating func addEntry(_ bench: UnsafeRawPointer, _ epoch: UInt32, _ arena: inout ByteArena) -> Bool {
        var element = Element()
        element.firstAttribute = Int32(truncatingIfNeeded: attributes.count)
        let firstClass = classes.count
        for index in 0..<fields.count {
            let field = fields[index]
            let key = ElementTable.text(of: field, bench, &arena)
            guard field.value.isSet else { continue }
            guard assign(field.value, to: key, of: &element, bench, epoch, &arena) else {
                attributes.resize(to: Int(element.firstAttribute), filling: Attribute(name: .empty, value: .empty))
                classes.resize(to: firstClass, filling: .empty)
                return false
            }
        }
        element.attributeCount = Int32(truncatingIfNeeded: attributes.count) - element.firstAttribute
        elements.append(element)
        return true
    }

    private mutating func assign(
        _ value: Value,
        to key: TextRange,
        of element: inout Element,
        _ bench: UnsafeRawPointer,
        _ epoch: UInt32,
        _ arena: inout ByteArena
    ) -> Bool {
        func isKey(_ name: StaticString) -> Bool { equals(key.bytes(bench, arena), name) }
        if isKey("tag_name") {
            guard value.kind == .string else { return false }
            element.tag = ElementTable.text(of: value, bench, &arena)
        } else if isKey("$el_text") {
            guard value.kind == .string else { return false }
            let text = Self.prefix(of: ElementTable.text(of: value, bench, &arena), units: 400, bench, arena)
            element.text = Subject(text: text, epoch: epoch)
        } else if isKey("nth_child") || isKey("nth_of_type") {
            guard value.kind == .number || value.kind == .string else { return false }
            let place = ElementTable.place(ElementTable.text(of: value, bench, &arena).bytes(bench, arena))
            if isKey("nth_child") { element.nthChild = place } else { element.nthOfType = place }
        } else if key.length > 6, equals(UnsafeRawBufferPointer(rebasing: key.bytes(bench, arena)[..<6]), "attr__") {
            return assignAttribute(value, key, of: &element, bench, epoch, &arena)
        }
        return true
    }

    private mutating func assignAttribute(
        _ value: Value,
        _ key: TextRange,
        of element: inout Element,
        _ bench: UnsafeRawPointer,
        _ epoch: UInt32,
        _ arena: inout ByteArena
    ) -> Bool {
        func isKey(_ name: StaticString) -> Bool { equals(key.bytes(bench, arena), name) }
        if isKey("attr__class"), value.kind == .array { return addClassList(value, to: &element, bench, &arena) }
        guard value.kind != .array, value.kind != .object else { return false }
        let isText = value.kind == .string
        let text = ElementTable.text(of: value, bench, &arena)
        if isKey("attr__class") {
            guard isText else { return false }
            let bytes = text.bytes(bench, arena)
            addClasses(bytes, at: { text.part($0, 0) }, to: &element)
        } else if isKey("attr__href") {
            guard isText else { return false }
            element.href = Subject(text: Self.prefix(of: text, units: 2048, bench, arena), epoch: epoch)
        } else if isKey("attr__id") {
            guard isText else { return false }
            element.id = text
            element.hasID = true
        }
        attributes.append(Attribute(name: key.part(6, Int(key.length) &- 6), value: text))
        return true
    }

    /// Classes that come as a list: each member is one class.
    private mutating func addClassList(
        _ value: Value,
        to element: inout Element,
        _ bench: UnsafeRawPointer,
        _ arena: inout ByteArena
    ) -> Bool {
        element.hasClassList = true
        element.firstClass = Int32(truncatingIfNeeded: classes.count)
        var walk = ArrayWalk(value, on: bench)
        while let member = walk.next() {
            guard member.kind == .string else { return false }
            classes.append(ElementTable.text(of: member, bench, &arena))
        }
        element.classCount = Int32(truncatingIfNeeded: classes.count) - element.firstClass
        return true
    }

    // MARK: Texts

    /// A value's text: where it lies, or decoded into the arena.
    static func text(of value: Value, _ bench: UnsafeRawPointer, _ arena: inout ByteArena) -> TextRange {
        guard value.kind == .string, value.flags.contains(.escaped) else {
            return TextRange(onBench: value.offset, length: value.length)
        }
        let start = arena.count
        arena.append(
            decoding: UnsafeRawBufferPointer(start: bench + Int(value.offset), count: Int(value.length)),
            marker: value.flags.contains(.plain) ? 1 : 2
        )
        return TextRange(inArena: start, length: arena.count &- start)
    }

    private static func text(of field: Field, _ bench: UnsafeRawPointer, _ arena: inout ByteArena) -> TextRange {
        var flags = field.value.flags
        if flags.contains(.keyEscaped) { flags.insert(.escaped) } else { flags.remove(.escaped) }
        return text(
            of: Value(offset: field.keyOffset, length: field.keyLength, kind: .string, flags: flags),
            bench,
            &arena
        )
    }

    /// The beginning of a text that has at most so many UTF-16 code units: PostHog's limits are JavaScript's.
    private static func prefix(
        of text: TextRange,
        units: Int,
        _ bench: UnsafeRawPointer,
        _ arena: borrowing ByteArena
    ) -> TextRange {
        guard Int(text.length) > units else { return text }
        let bytes = text.bytes(bench, arena)
        var left = units
        var index = 0
        while index < bytes.count {
            let length = UTF8Text.length(bytes[index])
            left &-= length == 4 ? 2 : 1
            if left < 0 { break }
            index &+= length
        }
        var prefix = text
        prefix.length = UInt32(truncatingIfNeeded: index)
        return prefix
    }
}

/// Walks over the members of a JSON array that the decoder has read before.
struct ArrayWalk {
    private let value: Value
    private let bench: UnsafeRawPointer
    private var position: Int

    init(_ value: Value, on bench: UnsafeRawPointer) {
        self.value = value
        self.bench = bench
        position = Int(value.offset) + 1
    }

    /// The next member; nil behind the last.
    mutating func next() -> Value? {
        if value.flags.contains(.plain) {
            var scanner = Scanner<PlainSpace>(bench, at: position, keysLeft: .max, keyBytes: .max)
            return next(&scanner)
        }
        var scanner = Scanner<EscapedSpace>(bench, at: position, keysLeft: .max, keyBytes: .max)
        return next(&scanner)
    }

    private mutating func next<Space>(_ scanner: inout Scanner<Space>) -> Value? {
        scanner.skipBlanks()
        if scanner.byte == 0x5D { return nil }
        guard let member = try? scanner.value(depthLeft: 64) else { return nil }
        scanner.skipBlanks()
        if scanner.byte == 0x2C { scanner.position &+= 1 }
        position = scanner.position
        return member
    }
}
