import Foundation
import Testing

@testable import Tagstream

/// A record for a test: what the pipeline is given.
struct OneRecord {
    var value: [UInt8]?
    var key: [UInt8]? = Array("phc_test:u_42".utf8)
    var headers: [(name: String, value: [UInt8]?)] = []
    var timestamp: Int64 = 1_756_720_802_950
    var offset: Int64 = 12_345
    var isTooLargeForOutput = false
    var hasCrashed = false

    init(_ value: [UInt8]?) { self.value = value }
    init(_ text: String) { value = Array(text.utf8) }

    /// The same record with one header more.
    func with(_ name: String, _ text: String?) -> OneRecord {
        var copy = self
        copy.headers.append((name, text.map { Array($0.utf8) }))
        return copy
    }
}

/// What the pipeline made of one record: everything copied out.
struct Outcome {
    struct Written {
        var destination: Destination
        var key: [UInt8]?
        var value: [UInt8]?
        var headers: [(name: String, value: [UInt8]?)]

        var isWarning: Bool { destination == .warnings }

        /// The value of the last header of a name, as text.
        func header(_ name: String) -> String? {
            headers.last { $0.name == name }?.value.map { String(decoding: $0, as: UTF8.self) }
        }
    }

    var counts: OutcomeCounts
    var records: [Written]

    var deadLetters: [Written] { records.filter { $0.destination == .deadLetters } }
    /// The warnings, each as an object with its `details` parsed.
    var warnings: [[String: Any]] {
        records.filter(\.isWarning).map { written in
            var warning = Outcome.object(String(decoding: written.value ?? [], as: UTF8.self))
            warning["details"] = Outcome.object(warning["details"] as? String ?? "")
            return warning
        }
    }
    var warningTypes: [String] { warnings.compactMap { $0["type"] as? String } }
    var reason: String? { deadLetters.first?.header("dlq_reason") }
    var detail: String? { deadLetters.first?.header("dlq_detail") }
    var rowText: String? {
        records.first { $0.destination == .tagged }?.value.map { String(decoding: $0, as: UTF8.self) }
    }
    /// The row, parsed; a test fails where it is no JSON.
    var row: [String: Any] {
        guard let rowText else {
            Issue.record("no row, but \(reason ?? "nothing"): \(detail ?? "")")
            return [:]
        }
        return Outcome.object(rowText)
    }
    var properties: [String: Any] { Outcome.object(row["properties"] as? String ?? "") }
    var person: [String: Any] { Outcome.object(row["person_properties"] as? String ?? "") }

    static func object(_ text: String) -> [String: Any] {
        guard let object = try? JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any] else {
            Issue.record("not a JSON object: \(text.prefix(500))")
            return [:]
        }
        return object
    }
}

/// Two teams; team 1 has one action that every event belongs to, and a schema of its events "strict".
let testSnapshot: Snapshot = {
    var catalogue = Catalogue()
    let entries = [
        ("team/1", #"{"id":1,"name":"Test","api_token":"phc_test"}"#),
        ("team/2", #"{"id":2,"name":"Other","api_token":"phc_other"}"#),
        (
            "team/3",
            #"{"id":3,"api_token":"phc_rules","settings":{"drop_events_older_than_seconds":3600,"#
                + #""group_types":{"company":0,"team":4,"caf\u00e9":2}}}"#
        ),
        ("action/1/7", #"{"id":7,"version":3,"name":"Quote \"x\"","steps":[{"event":null}]}"#),
    ]
    for (offset, entry) in entries.enumerated() {
        let change = catalogue.apply(key: Array(entry.0.utf8), value: Array(entry.1.utf8), at: Int64(offset))
        if case .quarantined(let entry) = change { fatalError("\(entry)") }
    }
    catalogue.put(.made(#"{"event":"strict","mode":"reject","schema":{"required":["plan"]}}"#), team: 1)
    return catalogue.snapshot()
}()

extension SchemaDefinition {
    /// A definition that a test is sure of.
    static func made(_ text: String) -> SchemaDefinition {
        do {
            let reading = SchemaDefinition.reading(try JSONTree(parsing: text))
            if let definition = reading.definition { return definition }
            fatalError("refused: \(reading.refusals.map(\.description))")
        } catch {
            fatalError("not JSON: \(error)")
        }
    }
}

/// Walks records through one pipeline in one batch; the bytes are lent from blocks of exactly their size, so that a memory checker
/// sees any read behind them.
func process(
    _ records: [OneRecord],
    limits: EventLimits = EventLimits(),
    keepsIgnored: Bool = false,
    droppedTokens: [String] = [],
    under snapshot: Snapshot = testSnapshot
) -> (counts: OutcomeCounts, outcomes: [[Outcome.Written]]) {
    var pipeline = Pipeline(limits: limits, keepsIgnored: keepsIgnored, droppedTokens: droppedTokens)
    return process(records, by: &pipeline, under: snapshot)
}

/// The same with a pipeline that goes on afterwards.
@discardableResult
func process(
    _ records: [OneRecord],
    by pipeline: inout Pipeline,
    under snapshot: Snapshot = testSnapshot
) -> (counts: OutcomeCounts, outcomes: [[Outcome.Written]]) {
    var lent: [UnsafeMutableRawBufferPointer] = []
    defer { for block in lent { block.deallocate() } }
    func lend(_ bytes: [UInt8]?) -> UnsafeRawBufferPointer? {
        guard let bytes else { return nil }
        let block = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
        block.copyBytes(from: bytes)
        lent.append(block)
        return UnsafeRawBufferPointer(block)
    }
    var batch = RecordBatch()
    let topic = batch.index(ofTopic: "events_raw")
    for record in records {
        batch.append(
            topic: topic,
            partition: 3,
            offset: record.offset,
            timestamp: record.timestamp,
            key: lend(record.key),
            value: lend(record.value)
        )
        for header in record.headers {
            batch.appendHeader(name: lend(Array(header.name.utf8))!, value: lend(header.value))
        }
    }
    let tooLarge = Set(records.filter(\.isTooLargeForOutput).map(\.offset))
    batch.keep { kept, _ in
        kept.isTooLargeForOutput = tooLarge.contains(kept.offset)
        kept.hasCrashed = records.contains { $0.hasCrashed && $0.offset == kept.offset }
        return true
    }
    var out = OutputBatch(capacity: 1 << 10)
    pipeline.process(batch, under: snapshot, into: &out)
    var outcomes = [[Outcome.Written]](repeating: [], count: records.count)
    for record in out.records {
        let headers = out.headers[Int(record.firstHeader)..<Int(record.firstHeader + record.headerCount)]
        outcomes[Int(record.input)].append(
            Outcome.Written(
                destination: record.destination,
                key: out.bytes(record.key).map { Array($0) },
                value: out.bytes(record.value).map { Array($0) },
                headers: headers.map { header in
                    (
                        String(decoding: out.bytes(header.name)!, as: UTF8.self),
                        out.bytes(header.value).map { Array($0) }
                    )
                }
            )
        )
    }
    return (out.counts, outcomes)
}

/// Walks one record through a pipeline of its own.
func process(
    _ record: OneRecord,
    limits: EventLimits = EventLimits(),
    keepsIgnored: Bool = false,
    droppedTokens: [String] = [],
    under snapshot: Snapshot = testSnapshot
) -> Outcome {
    let (counts, outcomes) = process(
        [record],
        limits: limits,
        keepsIgnored: keepsIgnored,
        droppedTokens: droppedTokens,
        under: snapshot
    )
    #expect(counts.input == 1)
    return Outcome(counts: counts, records: outcomes[0])
}

/// A flat event; `fields` are further members, each with a comma in front.
func flat(_ fields: String = "", properties: String = "{}", event: String = #""e""#) -> OneRecord {
    OneRecord(
        #"{"event":\#(event),"distinct_id":"u_42","token":"phc_test","uuid":"0190f3c1-8a52-7cc1-9f3e-2b0f6a1d4e77","#
            + #""now":"2025-09-01T10:00:02.513884Z","properties":\#(properties)\#(fields)}"#
    )
}

/// The same event as a gateway's envelope writes it: `data` is a text.
func envelope(_ fields: String = "", properties: String = "{}", event: String = #""e""#, inner: String = "")
    -> OneRecord
{
    let data = #"{"event":\#(event),"distinct_id":"u_42","properties":\#(properties)\#(inner)}"#
    return OneRecord(
        #"{"uuid":"0190f3c1-8a52-7cc1-9f3e-2b0f6a1d4e77","token":"phc_test","now":"2025-09-01T10:00:02.513884Z","#
            + #""data":"\#(escaped(data))"\#(fields)}"#
    )
}

/// Text as the content of a JSON string.
func escaped(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
        switch scalar {
        case "\"": result += "\\\""
        case "\\": result += "\\\\"
        case "\n": result += "\\n"
        case "\t": result += "\\t"
        case "\r": result += "\\r"
        case "\u{0}"..<"\u{20}":
            let digits = String(scalar.value, radix: 16)
            result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        default: result.unicodeScalars.append(scalar)
        }
    }
    return result
}
