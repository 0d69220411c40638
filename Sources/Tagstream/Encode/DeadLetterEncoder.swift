/// Writes dead letters: the original key, value and headers, byte for byte, and the reason in headers behind them
/// (schemas/dead_letter_headers.schema.json).
///
/// Rare, so it may allocate.
enum DeadLetterEncoder {
    /// The version of this format, in `dlq_version`.
    static let version: Int64 = 1

    /// The most bytes of a value that one record carries; the default broker takes 1,048,588 for a whole batch, and key
    /// and headers need room as well.
    ///
    /// A larger value is split, and `dlq_part` numbers the records that belong together.
    static let partBytes = 700_000

    /// The most bytes that the record's own key and headers may have together; beyond it they are left out, and `dlq_left_out` says
    /// which: no value is ever so small that it could pay for them.
    static let accompanyingBytes = 150_000

    /// What Kafka's format adds to a header: two lengths, and a margin.
    private static let headerOverhead = 16

    /// Appends the dead letter of one input record.
    static func encode(
        _ batch: borrowing RecordBatch,
        at index: Int,
        _ rejection: Rejection,
        epoch: Int64,
        into out: inout OutputBatch
    ) {
        let record = batch.records[index]
        let count = record.value?.count ?? 0
        let parts = max(1, (count + partBytes - 1) / partBytes)
        let kept = accompaniment(of: record, batch)
        for part in 0..<parts {
            var value = OutputBatch.Range.null
            if let bytes = record.value {
                let range = (part * partBytes)..<min(count, (part + 1) * partBytes)
                value = out.append(UnsafeRawBufferPointer(rebasing: bytes[range]))
            }
            let key = kept.key ? record.key.map { out.append($0) } ?? .null : .null
            let firstHeader = out.headers.count
            if kept.headers { appendOriginalHeaders(record, batch, &out) }
            out.appendHeader("dlq_reason", text: rejection.reason.rawValue)
            out.appendHeader("dlq_detail", text: bounded(rejection.detail))
            out.appendHeader("dlq_step", text: rejection.step.rawValue)
            appendTimestamp(record.timestamp, &out)
            let topic = out.append(batch.topicBytes(record.topic))
            out.appendHeader("dlq_topic", topic)
            out.appendHeader("dlq_partition", decimal: Int64(record.partition))
            out.appendHeader("dlq_offset", decimal: record.offset)
            out.appendHeader("dlq_epoch", decimal: epoch)
            out.appendHeader("dlq_version", decimal: version)
            if parts > 1 { out.appendHeader("dlq_part", text: "\(part + 1)/\(parts)") }
            if let leftOut = kept.leftOut { out.appendHeader("dlq_left_out", text: leftOut) }
            out.appendRecord(.deadLetters, input: index, key: key, value: value, firstHeader: firstHeader)
        }
    }

    /// Which of the record's key and headers fit into its dead letter.
    private struct Accompaniment {
        var key: Bool
        var headers: Bool

        var leftOut: String? {
            switch (key, headers) {
            case (true, true): nil
            case (true, false): "headers"
            case (false, true): "key"
            case (false, false): "key,headers"
            }
        }
    }

    /// Keeps both where they fit; else the key, which names the partition; else the headers; else neither.
    private static func accompaniment(of record: RawRecord, _ batch: borrowing RecordBatch) -> Accompaniment {
        let key = record.key?.count ?? 0
        var headers = 0
        for index in 0..<Int(record.headerCount) {
            let header = batch.headers[Int(record.firstHeader) + index]
            if !isOurs(header.name) { headers += header.name.count + (header.value?.count ?? 0) + headerOverhead }
        }
        if key + headers <= accompanyingBytes { return Accompaniment(key: true, headers: true) }
        if key <= accompanyingBytes { return Accompaniment(key: true, headers: false) }
        return Accompaniment(key: false, headers: headers <= accompanyingBytes)
    }

    /// Whether a header's name is one that only Tagstream writes: on an input record it is forged, or left from an earlier time.
    static func isOurs(_ name: UnsafeRawBufferPointer) -> Bool {
        func begins(with prefix: StaticString) -> Bool {
            name.count >= prefix.utf8CodeUnitCount
                && equals(UnsafeRawBufferPointer(rebasing: name[..<prefix.utf8CodeUnitCount]), prefix)
        }
        return begins(with: "dlq_") || begins(with: "tagstream-")
    }

    /// The same of a name that somebody owns.
    static func isOurs(_ name: [UInt8]) -> Bool { name.withUnsafeBytes { isOurs($0) } }

    private static func appendOriginalHeaders(
        _ record: RawRecord,
        _ batch: borrowing RecordBatch,
        _ out: inout OutputBatch
    ) {
        for index in 0..<Int(record.headerCount) {
            let header = batch.headers[Int(record.firstHeader) + index]
            if isOurs(header.name) { continue }
            let start = out.arena.count
            out.arena.append(header.name)
            let name = out.range(from: start)
            out.arena.reserve(1)
            out.arena.put(0)
            out.headers.append(OutputBatch.Header(name: name, value: header.value.map { out.append($0) } ?? .null))
        }
    }

    private static func appendTimestamp(_ timestamp: Int64, _ out: inout OutputBatch) {
        out.arena.reserve(Timestamp.printedLength)
        let start = out.arena.count
        Timestamp.write(milliseconds: max(0, min(timestamp, 253_402_300_799_999)), into: &out.arena)
        out.appendHeader("dlq_timestamp", out.range(from: start))
    }

    /// A header is for humans: at most 300 bytes, cut between Unicode scalars.
    static func bounded(_ text: String) -> String {
        guard text.utf8.count > 300 else { return text }
        var kept = String.UnicodeScalarView()
        var bytes = 0
        for scalar in text.unicodeScalars {
            bytes += UTF8.width(scalar)
            if bytes > 297 { break }
            kept.append(scalar)
        }
        return String(kept) + "…"
    }
}
