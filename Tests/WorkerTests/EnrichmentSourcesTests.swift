import Foundation
import Tagstream
import TestKit
import Testing

@testable import Worker

@Suite struct `The sources of a deployment` {
    private let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)

    private func write(_ name: String, _ bytes: [UInt8]) throws -> String {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let path = folder.appendingPathComponent(name)
        try Data(bytes).write(to: path)
        return path.path
    }

    @Test func `are one set of tables, and another only when a file is another`() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        var files = EnrichmentFiles()
        files.city = try write("city.mmdb", TestDatabase.sample.bytes)
        let plans = try write("plans.csv", Array("plan,seats\npro,5\n".utf8))
        files.tables = [.init(name: "plans", origin: .file(path: plans, format: .csv, key: "plan"), prefix: "plan_")]
        let sources = EnrichmentSources(files)
        #expect(sources.tables.geoIP == nil && sources.tables.lookups.count == 1 && sources.tables.lookups[0] == nil)
        #expect(sources.load().isEmpty)
        let tables = sources.tables
        #expect(tables.geoIP?.city != nil && tables.geoIP === sources.tables.geoIP && tables.lookups[0]?.count == 1)
        // Another file of one source leaves the others' tables as they are.
        _ = try write("plans.csv", Array("plan,seats\npro,5\nfree,1\n".utf8))
        #expect(sources.load().isEmpty)
        #expect(sources.tables.lookups[0]?.count == 2 && sources.tables.geoIP === tables.geoIP)
    }

    @Test func `tell what cannot be used, and are without it`() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        var files = EnrichmentFiles()
        files.city = folder.appendingPathComponent("none.mmdb").path
        files.asn = try write("city.mmdb", TestDatabase.sample.bytes)
        files.userAgentRules = try write("rules.yaml", Array("user_agent_parsers:\n  - regex: '('\n".utf8))
        let sources = EnrichmentSources(files)
        let problems = sources.load()
        #expect(problems.count == 3)
        #expect(problems.contains { $0.hasPrefix("geoip.city is missing") })
        #expect(problems.contains { $0.hasPrefix("geoip.asn is corrupt") && $0.contains("kind city, expected asn") })
        #expect(problems.contains { $0.hasPrefix("user_agent.rules is corrupt") })
        #expect(sources.tables.geoIP == nil && sources.tables.userAgent == nil)
    }

    @Test func `stay in force when the catalogue changes, and the catalogue when they do`() throws {
        let city = try TestDatabase.sample.bytes.withUnsafeBytes { try GeoIPDatabase($0) }
        let board = SnapshotBoard(Snapshot(epoch: 1, teams: []))
        var tables = EnrichmentTables()
        tables.geoIP = GeoIPTables(city: city)
        board.publish(tables)
        #expect(board.current.epoch == 1 && board.current.tables.geoIP === tables.geoIP)
        board.publish(Snapshot(epoch: 2, teams: []))
        #expect(board.current.epoch == 2 && board.current.tables.geoIP === tables.geoIP)
    }
}
