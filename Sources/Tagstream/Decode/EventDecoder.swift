/// Decodes a record's value onto the workbench: the first room.
///
/// Reads every form that an event comes in (docs/events.md, "Forms"), told apart by content: a gateway's envelope whose
/// `data` is a JSON string, a flat event whose `properties` are an object, and a stored row whose `properties` are a JSON string.
struct EventDecoder: ~Copyable {
    let limits: EventLimits
    var index = FieldIndex()
    /// How many keys the documents beside the properties may still have.
    var keysLeft = 0
    /// Whether the text has been through the ``Rewriter``.
    var isRewritten = false

    init(limits: EventLimits) { self.limits = limits }

    /// Decodes one value.
    ///
    /// The workbench is cleared first and holds the value's bytes afterwards. Linear in bytes; allocates nothing once the
    /// workbench is large enough.
    ///
    /// - Throws: a ``Rejection`` of the steps `decode` that tells what was found and at which byte.
    mutating func decode(_ value: UnsafeRawBufferPointer?, on bench: inout Workbench) throws(Rejection) -> DecodedEvent
    {
        guard let value, let start = value.baseAddress, value.count > 0 else {
            throw Rejection(
                .emptyValue,
                in: .decode,
                value == nil ? "the value is null (a tombstone)" : "the value is empty"
            )
        }
        guard value.count <= limits.valueBytes else {
            throw Rejection(
                .limitSize,
                in: .decode,
                "the value has \(value.count) bytes, the limit is \(limits.valueBytes)"
            )
        }
        bench.clear()
        bench.bytes.reserve(value.count + Self.sentinel)
        bench.bytes.put(start, value.count)
        bench.bytes.putSentinel()
        do {
            return try decode(0..<value.count, on: &bench)
        } catch {
            throw rejection(of: error, in: value.count, on: bench)
        }
    }

    /// Eight zero bytes behind a text stop every loop of the scanner.
    static let sentinel = 8

    private mutating func decode(_ text: Range<Int>, on bench: inout Workbench) throws(ScanFailure) -> DecodedEvent {
        do {
            return try decodeOnce(at: text.lowerBound, isRewritten: false, on: &bench)
        } catch {
            guard error.kind == .rewrite else { throw error }
        }
        let start = try Rewriter.rewrite(text, on: &bench)
        bench.bytes.putSentinel()
        do {
            return try decodeOnce(at: start, isRewritten: true, on: &bench)
        } catch {
            // What is still unreadable in the one form there is was never JSON. Its byte is looked up in the original.
            throw error.kind == .rewrite ? ScanFailure(kind: .malformed, offset: error.offset) : error
        }
    }

    // MARK: The outermost object

    private mutating func decodeOnce(
        at start: Int,
        isRewritten: Bool,
        on bench: inout Workbench
    ) throws(ScanFailure) -> DecodedEvent {
        self.isRewritten = isRewritten
        do {
            let (parts, sawBoth) = try outermost(at: start, isRewritten: isRewritten, readsData: true, on: &bench)
            if !sawBoth { return try finish(parts, on: &bench) }
        } catch {
            // A flat event may carry a field called `data` that is any text: only the absence of `properties` makes it an envelope.
            guard error.kind != .rewrite || isRewritten else { throw error }
            let first = error
            do throws(ScanFailure) {
                let flat = try outermost(at: start, isRewritten: isRewritten, readsData: false, on: &bench)
                guard flat.parts.properties.isSet else { throw first }
                return try finish(flat.parts, on: &bench)
            } catch {
                throw error.kind == .malformed ? first : error
            }
        }
        let flat = try outermost(at: start, isRewritten: isRewritten, readsData: false, on: &bench)
        return try finish(flat.parts, on: &bench)
    }

    private func outermost(
        at start: Int,
        isRewritten: Bool,
        readsData: Bool,
        on bench: inout Workbench
    ) throws(ScanFailure) -> (parts: EventParts, sawBoth: Bool) {
        let base = UnsafeRawPointer(bench.bytes.base)
        var scanner = Scanner<PlainSpace>(base, at: start, keysLeft: limits.keys, keyBytes: limits.keyBytes)
        var envelope = EventParts()
        var inner = EventParts()
        var sawData = false
        bench.fields.removeAll()
        scanner.skipBlanks()
        try scanner.expect(0x7B)
        scanner.skipBlanks()
        if scanner.byte == 0x7D {
            scanner.position &+= 1
        } else {
            while true {
                let key = try scanner.key()
                let name = name(key, marker: 1, base, &bench.scratch)
                let opening = scanner.byte
                if opening == 0x22, readsData, equals(name, "data") {
                    inner = EventParts()
                    if sawData || envelope.data.kind != .missing { envelope.duplicates &+= 1 }
                    envelope.data = .missing
                    var nested = scanner.inEscapedSpace()
                    try event(&inner, &nested, onto: &bench.fields, &bench.scratch)
                    try scanner.close(nested)
                    sawData = true
                } else if opening == 0x22, equals(name, "properties") {
                    let text = try propertiesText(&scanner, onto: &bench.fields)
                    envelope.properties.replace(by: text, counting: &envelope.duplicates)
                } else {
                    if opening == 0x7B || opening == 0x5B, !isRewritten, Self.isDocument(name) {
                        throw ScanFailure(kind: .rewrite, offset: scanner.position)
                    }
                    let value = try scanner.value(depthLeft: limits.depth - 1)
                    // The rewriter only counted the brackets of what it made a text; a later field may supersede this one.
                    if isRewritten, value.kind == .string, Self.isDocument(name) {
                        _ = try container(in: value, of: base)
                    }
                    envelope.note(name, value)
                }
                scanner.skipBlanks()
                if scanner.byte != 0x2C { break }
                scanner.position &+= 1
                scanner.skipBlanks()
            }
            try scanner.expect(0x7D)
        }
        scanner.skipBlanks()
        // A zero byte within the text stops the scanner as the sentinel does: only the position tells them apart.
        guard scanner.position == bench.bytes.count &- Self.sentinel else { throw scanner.unexpected() }
        // A later `data` that is no string supersedes the one that was.
        sawData = sawData && envelope.data.kind == .missing
        let sawBoth = sawData && envelope.properties.isSet
        if sawData, !sawBoth { envelope.complete(with: inner) }
        envelope.keysLeft = scanner.keysLeft
        return (envelope, sawBoth)
    }

    /// The fields beside the properties, and the properties, that are objects in a flat event and texts once it is rewritten.
    static func isDocument(_ name: UnsafeRawBufferPointer) -> Bool {
        equals(name, "properties") || equals(name, "$set") || equals(name, "$set_once") || equals(name, "$unset")
            || name.count == 17 && (equals(name, "person_properties") || isGroupProperties(name))
    }

    /// The object or array whose JSON a plain text is; nil where the text does not begin like one.
    func container(in text: Value, of base: UnsafeRawPointer) throws(ScanFailure) -> Value? {
        guard text.flags.contains(.plain) else { return nil }
        var scanner = Scanner<EscapedSpace>(
            base,
            at: Int(text.offset),
            keysLeft: limits.keys,
            keyBytes: limits.keyBytes
        )
        scanner.skipBlanks()
        guard scanner.byte == 0x7B || scanner.byte == 0x5B else {
            if text.flags.contains(.escaped), !isRewritten {
                throw ScanFailure(kind: .rewrite, offset: scanner.position)
            }
            return nil
        }
        let value = try scanner.value(depthLeft: limits.depth - 1)
        scanner.skipBlanks()
        guard scanner.position == Int(text.offset &+ text.length) else { throw scanner.unexpected() }
        return value
    }

    private static func isGroupProperties(_ name: UnsafeRawBufferPointer) -> Bool {
        equals(UnsafeRawBufferPointer(rebasing: name[..<5]), "group")
            && equals(UnsafeRawBufferPointer(rebasing: name[6...]), "_properties") && name[5] &- 0x30 < 5
    }

    /// A key's text: as written, or decoded into the scratch arena where it has escapes (nobody's gateway writes such keys).
    @inline(__always)
    private func name(
        _ key: (offset: Int, length: Int, escaped: Bool),
        marker: Int,
        _ base: UnsafeRawPointer,
        _ scratch: inout ByteArena
    ) -> UnsafeRawBufferPointer {
        let written = UnsafeRawBufferPointer(start: base + key.offset, count: key.length)
        guard key.escaped else { return written }
        scratch.removeAll()
        scratch.append(decoding: written, marker: marker)
        return scratch.bytes(0, scratch.count)
    }

    /// Reads the event object that stands in `data`.
    @inline(__always)
    private func event(
        _ parts: inout EventParts,
        _ scanner: inout Scanner<EscapedSpace>,
        onto tape: inout FieldTape,
        _ scratch: inout ByteArena
    ) throws(ScanFailure) {
        scanner.skipBlanks()
        try scanner.expect(0x7B)
        scanner.skipBlanks()
        if scanner.byte == 0x7D {
            scanner.position &+= 1
            return
        }
        let base = UnsafeRawPointer(scanner.base)
        while true {
            let key = try scanner.key()
            let name = name(key, marker: 2, base, &scratch)
            if scanner.byte == 0x7B, equals(name, "properties") {
                tape.removeAll()
                let start = scanner.position
                try scanner.fields(onto: &tape, depthLeft: limits.depth - 2)
                parts.properties.replace(by: .object(start..<scanner.position), counting: &parts.duplicates)
            } else {
                parts.note(name, try scanner.value(depthLeft: limits.depth - 1))
            }
            scanner.skipBlanks()
            if scanner.byte != 0x2C { break }
            scanner.position &+= 1
            scanner.skipBlanks()
        }
        try scanner.expect(0x7D)
    }

    /// Reads properties that are a JSON string: a stored row's, or a flat event's after the rewriter.
    private func propertiesText(
        _ scanner: inout Scanner<PlainSpace>,
        onto tape: inout FieldTape
    ) throws(ScanFailure) -> Value {
        var nested = scanner.inEscapedSpace()
        nested.skipBlanks()
        var object = Value.missing
        object.kind = .null
        if nested.byte != 0x22 {
            let start = nested.position
            if nested.byte == 0x7B {
                // Only now: what is no object leaves the properties of `data` where they are.
                tape.removeAll()
                try nested.fields(onto: &tape, depthLeft: limits.depth - 2)
                object = .object(start..<nested.position)
            } else {
                object = try nested.value(depthLeft: limits.depth - 2)
            }
            nested.skipBlanks()
        }
        try scanner.close(nested)
        return object
    }

    // MARK: Refusing

    /// Says in one sentence what was wrong with a value, and where, counted in bytes of the record.
    private func rejection(of failure: ScanFailure, in count: Int, on bench: borrowing Workbench) -> Rejection {
        // A rewritten text's positions mean nothing to whoever reads the dead letter: the original is scanned once more.
        var position = failure.offset
        if position >= count {
            var scanner = Scanner<PlainSpace>(bench.bytes.base, at: 0, keysLeft: .max, keyBytes: .max)
            scanner.skipBlanks()
            do {
                _ = try scanner.value(depthLeft: 64)
                scanner.skipBlanks()
                position = scanner.position < count ? scanner.position : -1
            } catch {
                position = min(error.offset, count)
            }
        }
        let place = position < 0 ? "in the text of a nested document" : "at byte \(position) of \(count)"
        switch failure.kind {
        case .malformed, .rewrite:
            return Rejection(.invalidJSON, in: .decode, "not a JSON object: unexpected content \(place)")
        case .utf8: return Rejection(.invalidUTF8, in: .decode, "a string that is not UTF-8 \(place)")
        case .depth: return Rejection(.limitDepth, in: .decode, "nested deeper than \(limits.depth) levels \(place)")
        case .keys: return Rejection(.limitKeys, in: .decode, "more than \(limits.keys) keys")
        case .keyLength:
            return Rejection(.limitKeyLength, in: .decode, "a key of more than \(limits.keyBytes) bytes \(place)")
        case .number:
            return Rejection(
                .limitNumber,
                in: .decode,
                "a number of more than \(EventLimits.numberBytes) characters \(place)"
            )
        case .field:
            return Rejection(.invalidField, in: .decode, "\"\(failure.field)\" is not an object \(place)")
        }
    }
}
