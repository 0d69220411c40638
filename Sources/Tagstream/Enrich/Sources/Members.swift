/// Properties that a source of enrichment rendered once, lent to whoever copies them into an event.
///
/// The text is what stands in a row between the braces of an object, in escaped space: `\"$geoip_city_name\":\"Bonn\",\"…\":…`. Each
/// field's offsets count from the text's first byte; keys carry their ``keyHash`` and values their kind and flags, so nothing has to
/// be looked at again. Valid until the cache or table that lent it is asked for something else, or is gone.
public struct Members {
    /// The members, joined by commas; empty when there is none.
    public let text: UnsafeRawBufferPointer
    /// Where each member lies within ``text``, in its order.
    public let fields: UnsafeBufferPointer<Field>

    /// Makes members of ranges that somebody keeps.
    @inline(__always)
    init(text: UnsafeRawBufferPointer, fields: UnsafeBufferPointer<Field>) {
        self.text = text
        self.fields = fields
    }

    /// No members.
    @inline(__always)
    public static var none: Members {
        Members(
            text: UnsafeRawBufferPointer(start: nil, count: 0),
            fields: UnsafeBufferPointer<Field>(start: nil, count: 0)
        )
    }

    /// Whether there is nothing to copy.
    @inline(__always)
    public var isEmpty: Bool { fields.isEmpty }

    /// A member's key as written.
    public func key(of field: Field) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: text[Int(field.keyOffset)..<Int(field.keyOffset + field.keyLength)])
    }

    /// A member's value as written in escaped space: without the quotes of a string.
    public func value(of field: Field) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: text[Int(field.value.offset)..<Int(field.value.offset + field.value.length)])
    }
}

extension Field {
    /// The same field where its text was copied to: `base` is the offset of the text's first byte on the workbench.
    @inline(__always)
    public func moved(by base: Int) -> Field {
        var moved = self
        moved.keyOffset &+= UInt32(truncatingIfNeeded: base)
        moved.value.offset &+= UInt32(truncatingIfNeeded: base)
        return moved
    }
}

extension Workbench {
    /// Copies all members onto the workbench: their text at once, and a field for each; returns the section of the new fields.
    ///
    /// One copy and one field for each member; allocates nothing once the workbench is warm.
    @inline(__always)
    public mutating func append(_ members: Members) -> Section {
        let first = fields.count
        let base = bytes.count
        bytes.append(members.text)
        guard let start = members.fields.baseAddress else { return .empty }
        fields.append(start, members.fields.count)
        for place in first..<fields.count { fields.base[place] = fields.base[place].moved(by: base) }
        return Section(first: Int32(truncatingIfNeeded: first), count: Int32(truncatingIfNeeded: members.fields.count))
    }
}

/// Where some ``Members`` lie in a ``MemberStore``.
struct MemberRange {
    var offset: UInt32 = 0
    var length: UInt32 = 0
    var firstField: UInt32 = 0
    var fieldCount: UInt32 = 0

    /// Whether another range has these members, and perhaps others behind them.
    func isBeginning(of other: MemberRange) -> Bool {
        offset == other.offset && firstField == other.firstField && length <= other.length
            && fieldCount <= other.fieldCount
    }

    /// As many members where a range begins.
    func moved(to other: MemberRange) -> MemberRange {
        MemberRange(offset: other.offset, length: length, firstField: other.firstField, fieldCount: fieldCount)
    }
}

/// Rendered members, run after run: the text of each and its fields.
///
/// Writing is `open`, any number of `put`, `close`; after more `put`, another `close` gives the same members and those behind them. Offsets are of 32 bits, so whoever fills a store keeps it below 4 GiB.
struct MemberStore: ~Copyable {
    private(set) var text: ByteArena
    private(set) var fields: FieldTape
    private var scratch: ByteArena
    private var start = 0
    private var firstField = 0

    init(bytes: Int, fields: Int) {
        text = ByteArena(capacity: bytes)
        self.fields = FieldTape(capacity: max(1, fields))
        scratch = ByteArena(capacity: 1 << 10)
    }

    /// What is kept, in bytes.
    var byteCount: Int { text.count + fields.count * MemoryLayout<Field>.stride }

    mutating func removeAll() {
        text.removeAll()
        fields.removeAll()
    }

    /// The members of a range, valid until something is put.
    @inline(__always)
    func members(_ range: MemberRange) -> Members {
        Members(
            text: text.bytes(Int(range.offset), Int(range.length)),
            fields: UnsafeBufferPointer(start: fields.base + Int(range.firstField), count: Int(range.fieldCount))
        )
    }

    // MARK: Writing

    mutating func open() {
        start = text.count
        firstField = fields.count
    }

    /// Ends the members that were put since `open`.
    mutating func close() -> MemberRange {
        MemberRange(
            offset: UInt32(truncatingIfNeeded: start),
            length: UInt32(truncatingIfNeeded: text.count - start),
            firstField: UInt32(truncatingIfNeeded: firstField),
            fieldCount: UInt32(truncatingIfNeeded: fields.count - firstField)
        )
    }

    /// Appends a range of another store.
    mutating func copy(_ members: Members) -> MemberRange {
        open()
        text.append(members.text)
        for field in members.fields { fields.append(field) }
        return close()
    }

    /// Puts a string, which must be UTF-8.
    mutating func put(_ key: [UInt8], string: UnsafeRawBufferPointer) {
        openMember(key)
        appendQuote()
        let first = text.count
        let isEscaped = appendEscapedTwice(string)
        let length = text.count - first
        appendQuote()
        closeMember(key, first, length, .string, isEscaped ? .escaped : [])
    }

    /// Puts text that is JSON already: a number, a literal, an object or an array.
    mutating func put(_ key: [UInt8], json: [UInt8], kind: Value.Kind) {
        openMember(key)
        let first = text.count
        // Within a JSON string only quotes, backslashes and control characters look different.
        json.withUnsafeBytes { text.append(escaping: $0) }
        closeMember(key, first, text.count - first, kind, [])
    }

    mutating func putNull(_ key: [UInt8]) { put(key, json: Array("null".utf8), kind: .null) }

    private var openKey: (offset: Int, isEscaped: Bool, length: Int) = (0, false, 0)

    private mutating func openMember(_ key: [UInt8]) {
        text.reserve(1)
        if fields.count > firstField { text.put(0x2C) }
        appendQuote()
        let first = text.count
        let isEscaped = key.withUnsafeBytes { appendEscapedTwice($0) }
        openKey = (first, isEscaped, text.count - first)
        appendQuote()
        text.reserve(1)
        text.put(0x3A)
    }

    /// Appends a quote of escaped space.
    private mutating func appendQuote() {
        text.reserve(2)
        text.put("\\\"")
    }

    private mutating func closeMember(
        _ key: [UInt8],
        _ first: Int,
        _ length: Int,
        _ kind: Value.Kind,
        _ flags: Value.Flags
    ) {
        var flags = flags
        if openKey.isEscaped { flags.insert(.keyEscaped) }
        fields.append(
            Field(
                keyOffset: UInt32(truncatingIfNeeded: openKey.offset - start),
                keyLength: UInt32(truncatingIfNeeded: openKey.length),
                keyHash: openKey.isEscaped ? keyHash(of: key) : keyHash(text.base + openKey.offset, key.count),
                value: Value(
                    offset: UInt32(truncatingIfNeeded: first - start),
                    length: UInt32(truncatingIfNeeded: length),
                    kind: kind,
                    flags: flags
                )
            )
        )
    }

    /// Appends text as the content of a string of escaped space; returns whether that has an escape.
    private mutating func appendEscapedTwice(_ string: UnsafeRawBufferPointer) -> Bool {
        scratch.removeAll()
        scratch.append(escaping: string)
        let isEscaped = scratch.count != string.count
        text.append(escaping: scratch.bytes(0, scratch.count))
        return isEscaped
    }
}

extension Members {
    /// The members as the text of a JSON object, for a human or a tool; allocates.
    public var jsonText: String {
        var out = ByteArena(capacity: text.count + 2)
        out.append([0x7B])
        out.append(peeling: text)
        out.append([0x7D])
        return String(decoding: out.bytes(0, out.count), as: UTF8.self)
    }
}
