import Foundation
import Logging
import Synchronization
import Tagstream
import TestKit
import Testing

@testable import Worker

/// Files that a test writes, without a file system and its clock.
private final class ModelFiles: Sendable {
    private let files = Mutex<[String: (bytes: [UInt8], signature: FileSignature)]>([:])
    private let node = Atomic<UInt64>(0)
    /// What the next reading finds instead.
    let failure = Mutex<FileFailure?>(nil)
    let reads = Atomic<Int>(0)

    func write(_ path: String, _ bytes: [UInt8], changed: Int64 = 1_000) {
        let node = node.wrappingAdd(1, ordering: .relaxed).newValue
        let signature = FileSignature(size: Int64(bytes.count), changed: changed &* 1_000_000_000, node: node)
        files.withLock { $0[path] = (bytes, signature) }
    }

    func write(_ path: String, _ text: String, changed: Int64 = 1_000) {
        write(path, Array(text.utf8), changed: changed)
    }

    func remove(_ path: String) { files.withLock { _ = $0.removeValue(forKey: path) } }

    var access: FileAccess {
        FileAccess(
            signature: { path in self.files.withLock { $0[path]?.signature } },
            read: { path, limit in
                self.reads.wrappingAdd(1, ordering: .relaxed)
                if let failure = self.failure.withLock({ $0 }) { throw failure }
                guard let bytes = self.files.withLock({ $0[path]?.bytes }) else { throw FileFailure.missing("gone") }
                guard Int64(bytes.count) <= limit else {
                    throw FileFailure.tooLarge(size: Int64(bytes.count), limit: limit)
                }
                return bytes
            }
        )
    }
}

@Suite struct `A file of enrichment` {
    private let files = ModelFiles()

    private struct NotGood: Error, CustomStringConvertible {
        var description: String { "it is not good" }
    }

    private func source(_ limits: EnrichmentFileLimits = EnrichmentFileLimits()) -> EnrichmentFile<String> {
        EnrichmentFile(name: "table", path: "/t", limits: limits, access: files.access) { bytes in
            let text = String(decoding: bytes, as: UTF8.self)
            guard text.hasPrefix("good") else { throw NotGood() }
            return text
        }
    }

    private func reason(_ look: SourceLook) -> SourceHealth.Reason? {
        if case .degraded(let reason, _) = look.after { reason } else { nil }
    }

    @Test func `is put into force when it is there, and again when it is another one`() {
        let source = source()
        #expect(source.status.health == .waiting)
        files.write("/t", "good 1")
        #expect(source.look(now: 1_000) == SourceLook(before: .waiting, after: .current, isNew: true))
        #expect(source.value == "good 1")
        #expect(source.look(now: 1_001) == SourceLook(before: .current, after: .current, isNew: false))
        #expect(files.reads.load(ordering: .relaxed) == 1)
        files.write("/t", "good 2")
        #expect(source.look(now: 1_002).isNew)
        #expect(source.value == "good 2")
        #expect(source.status.loads == 2)
    }

    @Test func `that is missing is degraded, and what was good stays`() {
        let source = source()
        #expect(reason(source.look(now: 0)) == .missing)
        #expect(!source.status.isLoaded)
        files.write("/t", "good")
        #expect(source.look(now: 0).after == .current)
        files.remove("/t")
        #expect(reason(source.look(now: 0)) == .missing)
        #expect(source.value == "good")
        #expect(source.status.isLoaded)
        files.write("/t", "good again")
        #expect(source.look(now: 0).after == .current)
        #expect(source.value == "good again")
    }

    @Test func `that is not good is told once, not tried again, and what was good stays`() {
        let source = source()
        files.write("/t", "good")
        _ = source.look(now: 0)
        files.write("/t", "bad")
        let look = source.look(now: 0)
        #expect(look.after == .degraded(.corrupt, detail: "\"/t\" is refused: it is not good"))
        #expect(source.value == "good")
        let reads = files.reads.load(ordering: .relaxed)
        #expect(source.look(now: 0) == SourceLook(before: look.after, after: look.after))
        #expect(files.reads.load(ordering: .relaxed) == reads)
        files.write("/t", "good 2")
        #expect(source.look(now: 0).after == .current)
        #expect(source.value == "good 2")
    }

    @Test func `has to have the checksum that stands beside it`() {
        let source = source()
        files.write("/t", "good")
        files.write("/t.sha256", String(repeating: "0", count: 64) + "  t\n")
        #expect(reason(source.look(now: 0)) == .corrupt)
        #expect(source.value == nil)
        // The checksum comes later than the file, and is looked at again by itself.
        let digest = ContentDigest.sha256(Array("good".utf8))
        #expect(digest == "770e607624d689265ca6c44884d0807d9b054d23c473c106c72be9de08b7376c")
        files.write("/t.sha256", digest.uppercased() + "  t\n")
        #expect(source.look(now: 0).after == .current)
        files.write("/t.sha256", "short")
        #expect(reason(source.look(now: 0)) == .corrupt)
        #expect(source.value == "good")
        files.remove("/t.sha256")
        #expect(source.look(now: 0).after == .current)
    }

    @Test func `that is being written is left for the next look`() {
        let source = source()
        files.write("/t", "good")
        files.failure.withLock { $0 = .changing }
        #expect(source.look(now: 0) == SourceLook(before: .waiting, after: .waiting))
        files.failure.withLock { $0 = nil }
        #expect(source.look(now: 0).after == .current)
    }

    @Test func `that is too large is refused`() {
        let source = source(EnrichmentFileLimits(bytes: 6))
        files.write("/t", "good 12")
        #expect(source.look(now: 0).after == .degraded(.corrupt, detail: "\"/t\" has 7 bytes, the limit is 6"))
        files.write("/t", "good 1")
        #expect(source.look(now: 0).after == .current)
    }

    @Test func `that nobody replaces becomes stale, and is good when it was replaced`() {
        let source = source(EnrichmentFileLimits(age: 10 * 86_400))
        files.write("/t", "good", changed: 0)
        #expect(source.look(now: 10 * 86_400).after == .current)
        let look = source.look(now: 11 * 86_400)
        #expect(look.after == .degraded(.stale, detail: "\"/t\" was last changed 11 days ago, the limit is 10"))
        #expect(source.value == "good")
        files.write("/t", "good 2", changed: 11 * 86_400)
        #expect(source.look(now: 11 * 86_400).after == .current)
        // One that is old when it is first seen is in force, and stale.
        files.write("/t", "good 3", changed: 0)
        #expect(reason(source.look(now: 12 * 86_400)) == .stale)
        #expect(source.value == "good 3")
    }

    @Test func `that is a hostile database leaves the last good one in force`() throws {
        let source = EnrichmentFile(name: "geoip.city", path: "/c", access: files.access) { try GeoIPDatabase($0) }
        let whole = TestDatabase.sample.bytes
        files.write("/c", whole)
        #expect(source.look(now: 0).after == .current)
        let good = try #require(source.value)
        var random = SeededGenerator(seed: 3)
        for _ in 0..<50 {
            files.write("/c", Array(whole.prefix(random.below(whole.count))))
            #expect(reason(source.look(now: 0)) == .corrupt)
            #expect(source.value === good)
        }
        var loop = TestDatabase()
        loop.add("1.0.0.0/8", .map([("city", .pointer(0))]))
        files.write("/c", loop.bytes)
        #expect(reason(source.look(now: 0)) == .corrupt)
        #expect(source.value === good)
        files.write("/c", whole)
        #expect(source.look(now: 0).after == .current)
    }

    @Test func `is copied from the file system with its signature`() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "tagstream-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appending(path: "file").path()
        let access = FileAccess.system
        #expect(access.signature(path) == nil)
        #expect(throws: FileFailure.self) { try access.read(path, 10) }
        try Data("12345".utf8).write(to: URL(filePath: path))
        #expect(access.signature(path)?.size == 5)
        #expect(try access.read(path, 5) == Array("12345".utf8))
        #expect(throws: FileFailure.tooLarge(size: 5, limit: 4)) { try access.read(path, 4) }
        #expect(throws: FileFailure.missing("it is not a regular file")) { try access.read(folder.path(), 10) }
        try Data().write(to: URL(filePath: path))
        #expect(try access.read(path, 5).isEmpty)
    }
}

@Suite struct `A watcher of enrichment files` {
    /// A log handler that keeps what was said.
    private struct Recorder: LogHandler {
        let lines: Lines
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.info
        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }
        func log(event: LogEvent) {
            let said = event.metadata?["reason"].map { " (\($0))" } ?? ""
            lines.all.withLock { $0.append("\(event.message)\(said)") }
        }
    }

    private final class Lines: Sendable {
        let all = Mutex<[String]>([])
    }

    @Test func `looks until it is stopped, and logs what changes`() async throws {
        let files = ModelFiles()
        let lines = Lines()
        let source = EnrichmentFile(name: "table", path: "/t", access: files.access) {
            String(decoding: $0, as: UTF8.self)
        }
        let rounds = Atomic<Int>(0)
        let watcher = EnrichmentWatcher(
            [EnrichmentWatcher.Watched(source)],
            logger: Logger(label: "test") { _ in Recorder(lines: lines) },
            now: { 0 },
            sleep: { _ in
                switch rounds.wrappingAdd(1, ordering: .relaxed).newValue {
                case 1: files.write("/t", "one")
                case 2: break
                case 3: files.write("/t", "two")
                case 4: files.remove("/t")
                default: throw CancellationError()
                }
            }
        )
        #expect(!watcher.isWhole)
        try await watcher.run()
        #expect(
            lines.all.withLock { $0 } == [
                "enrichment source is degraded (missing)", "enrichment source is in force",
                "enrichment source is in force",
                "enrichment source is degraded (missing)",
            ]
        )
        #expect(source.value == "two")
        #expect(watcher.statuses.map(\.loads) == [2])
    }

    @Test func `says since when each source is degraded, whatever its name and the reason`() async throws {
        let files = ModelFiles()
        let sources = ["/a", "/b"].map { path in
            EnrichmentFile(name: "table", path: path, access: files.access) { bytes in
                guard bytes.count > 1 else { throw FileFailure.missing("half of it") }
                return bytes.count
            }
        }
        let clock = Atomic<Int64>(100)
        let watcher = EnrichmentWatcher(
            sources.map { .init($0) },
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
            now: { clock.load(ordering: .relaxed) }
        )
        /// Looks at a time.
        func since(_ time: Int64) async -> [Int64?] {
            clock.store(time, ordering: .relaxed)
            await watcher.look()
            return watcher.sourcesWithTimes.map(\.degradedSince)
        }
        #expect(watcher.sourcesWithTimes.map(\.degradedSince) == [nil, nil])
        files.write("/b", "good")
        #expect(await since(200) == [200, nil])
        files.write("/a", "x")
        files.remove("/b")
        #expect(await since(300) == [200, 300])
        files.write("/a", "good")
        #expect(await since(400) == [nil, 300])
        files.remove("/a")
        #expect(await since(500) == [500, 300])
    }
}
