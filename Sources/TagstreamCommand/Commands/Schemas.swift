import ArgumentParser
import Foundation
import Tagstream

/// `tagstream schemas`: what one does with schemas before they are published.
struct Schemas: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Test the schemas of a tracking plan before they are published.",
        subcommands: [Test.self]
    )

    /// `tagstream schemas test FILE`: cases of a schema, properties and what is expected.
    struct Test: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Evaluate cases of a schema and an event's properties, and compare with what is expected.",
            discussion: """
                Reads JSON lines {"id": …, "schema": {…}, "properties": {…}, "valid": true | false | "refused"}; "valid" may be \
                missing, then the verdict is only printed. Each case is decided by the worker's own decoder and evaluator; the \
                properties are taken as they are written, without what a worker adds ($ip, for one).

                  tagstream schemas test Examples/schema_cases.jsonl
                  tagstream schemas test --json cases.jsonl > verdicts.jsonl

                With --json one line for every case: {"id":…,"valid":true}, {"id":…,"valid":false,"violations":[{"path":…,"keyword":…,\
                "expected":…}]} or {"id":…,"refused":["…"],"reasons":[{…}]}, where each reason names the place in the schema as a \
                JSON pointer, what was found and what is expected.
                Exit codes: 0 as expected; 1 a verdict differs; 2 a case cannot be read.
                """
        )

        @Argument(help: "A file of cases, one JSON object a line; - for standard input.")
        var file: String

        @Flag(help: "Print one JSON object for every case.")
        var json = false

        func run() async throws {
            try await reportingFailures {
                var lines = try LineFile(file)
                let session = SchemaSession(path: file, printsJSON: json)
                try lines.forEachLine({ number, line in try session.run(line, number: number) }, release: {})
                session.finish()
                if session.differing > 0 { throw ExitCode(Failure.Code.no.rawValue) }
            }
        }
    }
}

/// A run of `schemas test`: evaluates, compares, counts.
private final class SchemaSession {
    let path: String
    let printsJSON: Bool
    private var trial = SchemaTrial()
    private var out = LineWriter(FileHandle.standardOutput)
    private(set) var differing = 0
    private var count = 0
    private var unchecked = 0

    init(path: String, printsJSON: Bool) {
        self.path = path
        self.printsJSON = printsJSON
    }

    func run(_ line: UnsafeRawBufferPointer, number: Int) throws {
        let example = try SchemaCase(line, number: number, path: path)
        count += 1
        let definition = JSONTree.object([
            .init(key: "event", value: .string("case")), .init(key: "schema", value: example.schema),
        ])
        let reading = SchemaDefinition.reading(definition)
        guard let schema = reading.definition else {
            let reasons = reading.refusals.map(\.description)
            let messages = JSONTree.array(reasons.map { .string($0) }).jsonText
            let details = JSONTree.array(reading.refusals.map(\.json)).jsonText
            report(example, "refused", "\"refused\":\(messages),\"reasons\":\(details)", reasons)
            return
        }
        let violations: [SchemaTrial.Violation]
        do throws(EventUnreadable) {
            violations = try trial.violations(of: example.properties, against: schema)
        } catch {
            throw Failure(.usage, "\(path):\(number): \"properties\": \(error.detail)")
        }
        guard !violations.isEmpty else { return report(example, "true", "\"valid\":true", []) }
        let list = JSONTree.array(violations.map(\.json)).jsonText
        report(example, "false", "\"valid\":false,\"violations\":\(list)", violations.map(\.description))
    }

    func finish() {
        out.flush()
        var text = "\(counted(count, "case")): \(count - differing - unchecked) as expected, \(differing) different"
        if unchecked > 0 { text += ", \(unchecked) without an expectation" }
        printError(text)
    }

    private func report(_ example: SchemaCase, _ verdict: String, _ json: String, _ reasons: [String]) {
        let differs = example.expected.map { $0 != verdict } ?? false
        if example.expected == nil { unchecked += 1 }
        if differs { differing += 1 }
        if printsJSON {
            out.write("{\"id\":\(example.id.jsonText),\(json)}")
        } else if differs || example.expected == nil {
            let expected = differs ? ", expected \(example.expected ?? "")" : ""
            out.write("\(example.id.text ?? example.id.jsonText): \(verdict)\(expected)")
            for reason in reasons { out.write("  \(reason)") }
        }
    }
}

/// One line of a case file.
///
/// `properties` stay a range of the line, so that they are read by the product's own decoder and not by this one.
private struct SchemaCase {
    var id: JSONTree
    var schema: JSONTree
    var properties: UnsafeRawBufferPointer
    /// `true`, `false` or `refused`; nil where the case does not say.
    var expected: String?

    /// Reads a line.
    ///
    /// - Throws: a ``Failure`` of code `usage` that names the line and what is missing.
    init(_ line: UnsafeRawBufferPointer, number: Int, path: String) throws {
        let line = try CaseMembers(
            line,
            at: "\(path):\(number)",
            expecting: "{\"id\": …, \"schema\": {…}, \"properties\": {…}, \"valid\": …}"
        )
        guard let schema = try line.tree("schema"), let properties = line["properties"] else {
            throw Failure(
                .usage,
                "\(line.place): no \"\(line["schema"] == nil ? "schema" : "properties")\", expected one"
            )
        }
        self.schema = schema
        self.properties = properties
        id = try line.tree("id") ?? .number(Int64(number))
        switch try line.tree("valid") {
        case nil, .null?: expected = nil
        case .bool(let isValid)?: expected = isValid ? "true" : "false"
        case .string("refused")?: expected = "refused"
        case let other?:
            throw Failure(.usage, "\(line.place): \"valid\" is \(other.jsonText), expected true, false or \"refused\"")
        }
    }
}

extension SchemaTrial.Violation {
    fileprivate var json: JSONTree {
        .object([
            .init(key: "path", value: .string(path)), .init(key: "keyword", value: .string(keyword)),
            .init(key: "expected", value: .string(expected)),
        ])
    }

    fileprivate var description: String {
        Printable.text("\(path.isEmpty ? "the properties" : path): expected \(keyword) \(expected)")
    }
}
