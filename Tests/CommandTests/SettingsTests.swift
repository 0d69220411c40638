import Foundation
import Tagstream
import Testing
import Worker

@testable import TagstreamCommand

/// The repository's root, from this file's place in it.
let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().path

/// Writes a temporary file, hands its path over and removes it.
func withFile<Result>(_ content: String, suffix: String = ".yaml", _ body: (String) throws -> Result) throws -> Result {
    let path = NSTemporaryDirectory() + UUID().uuidString + suffix
    try content.write(toFile: path, atomically: true, encoding: .utf8)
    defer { try? FileManager.default.removeItem(atPath: path) }
    return try body(path)
}

@Suite struct `A worker's settings` {
    @Test func `are their defaults in the reference file`() throws {
        var settings = Settings()
        settings.brokers = ""
        try settings.read(root + "/Examples/tagstream.reference.yaml")
        var defaults = Settings()
        defaults.brokers = "localhost:9092"
        #expect(String(describing: settings) == String(describing: defaults))
    }

    @Test func `are all named in the reference file`() throws {
        let text = try String(contentsOfFile: root + "/Examples/tagstream.reference.yaml", encoding: .utf8)
        for key in Settings.keys {
            let last = String(key.name.split(separator: ".").last ?? "")
            #expect(text.contains(last + ":"), "\(key.name) is missing from the reference")
        }
    }

    @Test func `need nothing but brokers`() throws {
        var settings = Settings()
        try settings.read(root + "/Examples/tagstream.minimal.yaml")
        let worker = try settings.worker()
        #expect(worker.client.brokers == "localhost:9092")
        #expect(worker.lanes == 1)
    }

    @Test func `divide the memory among the lanes`() throws {
        try withFile("brokers: b:9092\nlanes: 4\nmemory_bytes: 134217728\ndedup: {window: 1000, topic: seen}") { path in
            var settings = Settings()
            try settings.read(path)
            let worker = try settings.worker()
            #expect(worker.budget == MemoryBudget(bytes: 128 << 20, lanes: 4))
            #expect(worker.lane.transactionBytes == 4 << 20)
            #expect(worker.lane.pollBytes == 1 << 20)
            #expect(worker.lane.duplicateWindow == 1000)
            #expect(worker.changelog == "seen")
            settings.transactionBytes = 5000
            #expect(try settings.worker().lane.transactionBytes == 5000)
            settings.lanes = 9
            let failure = #expect(throws: Failure.self) { try settings.worker() }
            #expect(failure?.description == "memory_bytes is 134217728, expected at least 150994944 for 9 lanes")
        }
    }

    @Test(
        arguments: [
            ("512", 512), ("64k", 65_536), ("512m", 536_870_912), ("2G", 2 << 30), ("", nil), ("m", nil), ("1.5g", nil),
            ("-1m", nil),
            ("9999999999999999g", nil), ("12t", nil),
        ] as [(String, Int?)]
    )
    func `take memory with a unit`(text: String, bytes: Int?) { #expect(Run.bytes(text) == bytes) }

    @Test(arguments: [
        ("dedup: {window: 10000001}", "dedup.window is 10000001, expected a whole number from 0 to 10000000"),
        ("memory_bytes: 1000", "memory_bytes is 1000, expected a whole number from 16777216"),
        ("lanes: 0", "lanes is 0, expected a whole number from 1 to 64"),
        ("lanes: two", "lanes is \"two\", expected a whole number from 1 to 64"),
        ("input: {from: start}", "input.from is \"start\", expected earliest or latest"),
        ("input: {topics: []}", "input.topics is [], expected a list of topic names"),
        ("ignored: {tokens: phc_a}", "ignored.tokens is \"phc_a\", expected a list of tokens"),
        ("ignored: {tokens: [\"\"]}", "ignored.tokens is [\"\"], expected a list of tokens"),
        ("limits: {elements: 0}", "limits.elements is 0, expected a whole number from 1 to 100000"),
        ("outputs: {}", "outputs is no setting, expected one of brokers"),
        ("output: {tags: x}", "output.tags is no setting"),
        ("kafka: [a]", "kafka is a list, expected an object"),
        ("- a", "holds a list, expected an object of settings"),
        ("a: &x 1", "an anchor (&name), expected none"),
        ("a: [", "as YAML"),
    ])
    func `that are wrong are named with what was found and expected`(text: String, message: String) throws {
        try withFile(text) { path in
            var settings = Settings()
            let failure = #expect(throws: Failure.self) { try settings.read(path) }
            #expect(failure?.description.contains(message) == true, "\(failure?.description ?? "")")
            #expect(failure?.code == .usage)
        }
    }

    @Test func `pass librdkafka's properties through, except the reserved ones`() throws {
        try withFile(
            "brokers: b:1\nkafka: {security.protocol: ssl, linger.ms: 20, enable.ssl.certificate.verification: false}"
        ) { path in
            var settings = Settings()
            try settings.read(path)
            #expect(settings.properties["security.protocol"] == "ssl")
            #expect(settings.properties["linger.ms"] == "20")
            #expect(settings.properties["enable.ssl.certificate.verification"] == "false")
            try settings.addProperties(["isolation.level=read_uncommitted"])
            let failure = #expect(throws: Failure.self) { try settings.client() }
            #expect(failure?.description.contains("\"isolation.level\" cannot be set") == true)
        }
    }

    @Test func `refuse a property without a value`() {
        var settings = Settings()
        #expect(throws: Failure.self) { try settings.addProperties(["linger.ms"]) }
    }
}
