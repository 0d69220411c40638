extension OutputBatch {
    /// Appends bytes to the arena; returns their range.
    mutating func append(_ bytes: UnsafeRawBufferPointer) -> Range {
        let start = arena.count
        arena.append(bytes)
        return Range(offset: UInt32(truncatingIfNeeded: start), length: Int32(truncatingIfNeeded: bytes.count))
    }

    /// Appends a header whose name is a literal.
    ///
    /// The name is written once for every header: seventeen bytes are cheaper than a table of names, and the batch
    /// stays one plain arena.
    mutating func appendHeader(_ name: StaticString, _ value: Range) {
        arena.reserve(name.utf8CodeUnitCount + 1)
        let start = arena.count
        arena.put(name)
        arena.put(0)
        headers.append(
            Header(
                name: Range(offset: UInt32(truncatingIfNeeded: start), length: Int32(name.utf8CodeUnitCount)),
                value: value
            )
        )
    }

    /// Appends a header whose value is written by the caller into the arena.
    mutating func appendHeader(_ name: StaticString, text: String) {
        var text = text
        let value = text.withUTF8 { append(UnsafeRawBufferPointer($0)) }
        appendHeader(name, value)
    }

    /// Appends a header whose value is a number.
    mutating func appendHeader(_ name: StaticString, decimal: Int64) {
        arena.reserve(20)
        let start = arena.count
        arena.put(decimal: decimal)
        appendHeader(name, range(from: start))
    }

    /// What was appended to the arena since `start`.
    func range(from start: Int) -> Range {
        Range(offset: UInt32(truncatingIfNeeded: start), length: Int32(truncatingIfNeeded: arena.count - start))
    }

    /// Appends `topic/partition/offset` to the arena.
    mutating func appendSource(_ record: RecordContext) -> Range {
        let start = arena.count
        arena.append(source: record)
        return range(from: start)
    }

    /// Appends a record whose headers are those that were appended since `firstHeader`.
    @inline(__always)
    mutating func appendRecord(_ destination: Destination, input: Int, key: Range, value: Range, firstHeader: Int) {
        records.append(
            Record(
                destination: destination,
                input: Int32(truncatingIfNeeded: input),
                key: key,
                value: value,
                firstHeader: Int32(truncatingIfNeeded: firstHeader),
                headerCount: Int32(truncatingIfNeeded: headers.count - firstHeader)
            )
        )
    }

    /// How far the batch has been written.
    struct Mark {
        fileprivate var bytes: Int
        fileprivate var records: Int
        fileprivate var headers: Int
    }

    /// The place to ``rewind(to:)`` when a record turns out too large after all.
    var mark: Mark { Mark(bytes: arena.count, records: records.count, headers: headers.count) }

    /// Takes back everything that was appended since the mark.
    mutating func rewind(to mark: Mark) {
        arena.truncate(to: mark.bytes)
        records.removeLast(records.count - mark.records)
        headers.removeLast(headers.count - mark.headers)
    }
}
