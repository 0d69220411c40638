import CAllocationCounter
import Foundation
import Tagstream
import TestKit

/// What a look-up in each source of enrichment costs: CPU time and allocations, warm and cold.
struct SourceBenchmark {
    /// A way to ask, so many times a round.
    private struct Way {
        var name: String
        var operations: Int
        var run: () -> Int
    }

    static let rules = "/usr/share/uap-core/regexes.yaml"
    private var random = SeededGenerator(seed: 20_261_127)

    /// Measures and prints.
    mutating func report(rounds: Int) throws {
        print("\nLook-ups in the sources of enrichment, nanoseconds of CPU for each")
        print(padded(""), " median  minimum  allocations     found")
        for way in try geoIP() + lookups() + (try userAgents()) {
            var times: [Double] = []
            var allocations = 0.0
            var found = 0
            for round in -2..<rounds {
                let allocated = tagstream_allocations()
                let start = cpuNanoseconds()
                found = way.run()
                let elapsed = cpuNanoseconds() - start
                guard round >= 0 else { continue }
                times.append(elapsed / Double(way.operations))
                allocations = Double(tagstream_allocations() - allocated) / Double(way.operations)
            }
            times.sort()
            print(
                padded(way.name),
                decimals(times[times.count / 2], 0),
                decimals(times[0], 0),
                "   ",
                decimals(allocations, 3),
                "  ",
                decimals(Double(found) / Double(way.operations), 2)
            )
        }
    }

    /// Texts one behind the other, as an event's bytes lie: asked in an order in which few are frequent and many are rare.
    private final class Texts {
        private let bytes: [UInt8]
        private let ranges: [Range<Int>]
        let order: [Int]

        init(_ texts: [String], count: Int, random: inout SeededGenerator) {
            var bytes: [UInt8] = []
            ranges = texts.map { text in
                let start = bytes.count
                bytes += Array(text.utf8)
                return start..<bytes.count
            }
            self.bytes = bytes
            // Zipf's law by its continuous form: the n-th text is asked for about 1/n as often as the first.
            let scale = log(Double(texts.count + 1))
            order = (0..<count).map { _ in
                let uniform = Double(random.next() >> 11) / Double(1 << 53)
                return min(texts.count - 1, Int(exp(uniform * scale)) - 1)
            }
        }

        func forEach(_ body: (UnsafeRawBufferPointer) -> Void) {
            bytes.withUnsafeBytes { bytes in
                for index in order { body(UnsafeRawBufferPointer(rebasing: bytes[ranges[index]])) }
            }
        }
    }

    // MARK: GeoIP

    private mutating func geoIP() throws -> [Way] {
        // So many addresses share a place that a lane remembers all of them, and so few that it does not.
        try geoIP(places: 4_000) + (try geoIP(places: 20_000))
    }

    private mutating func geoIP(places: Int) throws -> [Way] {
        var city = TestDatabase()
        var asn = TestDatabase()
        asn.type = "Bench-ASN"
        var addresses: [String] = []
        for index in 0..<places {
            let network = "\(1 + index % 9).\(16 + index / 2304).\(index / 9 % 256)"
            city.add(
                "\(network).0/24",
                TestDatabase.city("City \(index)", country: "Germany", code: "DE", latitude: 50.1234, longitude: 7.5)
            )
            if index % 4 == 0 {
                asn.add("\(network).0/24", .map([("autonomous_system_number", .uint32(UInt32(index)))]))
            }
            for _ in 0..<(20_000 / places) { addresses.append("\(network).\(random.below(256))") }
        }
        for index in stride(from: addresses.count - 1, to: 0, by: -1) {
            addresses.swapAt(index, random.below(index + 1))
        }
        let cityOnly = GeoIPTables(city: try open(city))
        let both = GeoIPTables(city: cityOnly?.city, asn: try open(asn))
        guard let cityOnly, let both else { return [] }
        let skewed = Texts(addresses, count: 100_000, random: &random)
        return [
            way("GeoIP: City, 20,000 addresses of \(places) places", skewed, cityOnly),
            way("GeoIP: City and ASN, the same", skewed, both),
            way("GeoIP: City, the same, looked up in the tree each time", skewed, cityOnly, addresses: 16),
        ]
    }

    private func open(_ database: TestDatabase) throws -> GeoIPDatabase {
        try database.bytes.withUnsafeBytes { try GeoIPDatabase($0) }
    }

    private func way(_ name: String, _ texts: Texts, _ tables: GeoIPTables, addresses: Int = 1 << 14) -> Way {
        let lane = Lane(addresses: addresses)
        return Way(name: name, operations: texts.order.count) {
            var found = 0
            texts.forEach { if lane.geoIP.find($0, in: tables) != nil { found += 1 } }
            return found
        }
    }

    /// Caches that live from round to round, as a lane's do.
    private final class Lane {
        var geoIP: GeoIPCache
        var agents = UserAgentCache()

        init(addresses: Int = 1 << 14) { geoIP = GeoIPCache(addresses: addresses) }
    }

    // MARK: Tables

    private mutating func lookups() throws -> [Way] {
        var builder = LookupTableBuilder()
        let keys = (0..<100_000).map { "organization-\($0)" }
        for (line, key) in keys.enumerated() {
            let members = [
                JSONTree.Member(key: "plan", value: .string("pro")),
                JSONTree.Member(key: "seats", value: .number(Int64(line))),
            ]
            builder.add(key: Array(key.utf8), members, line: line + 1)
        }
        let table = try builder.table()
        let texts = Texts(keys, count: 100_000, random: &random)
        return [
            Way(name: "lookup table: 100,000 keys by Zipf's law", operations: texts.order.count) {
                var found = 0
                texts.forEach { if !table.find($0).isEmpty { found += 1 } }
                return found
            }
        ]
    }

    // MARK: User agents

    private mutating func userAgents() throws -> [Way] {
        guard let bytes = FileManager.default.contents(atPath: Self.rules) else {
            print("no user agents: there is no \(Self.rules) (Debian's package uap-core)")
            return []
        }
        let rules = try bytes.withUnsafeBytes { try UserAgentRules($0) }
        let agents = Self.agents(3000, &random)
        let skewed = Texts(agents, count: 50_000, random: &random)
        let lane = Lane()
        return [
            Way(name: "user agents: 3,000 by Zipf's law, remembered", operations: skewed.order.count) {
                var found = 0
                skewed.forEach { if !lane.agents.find($0, by: rules).isEmpty { found += 1 } }
                return found
            },
            Way(name: "user agents: recognised and rendered anew each time", operations: agents.count) {
                var cache = UserAgentCache()
                var found = 0
                for agent in agents {
                    Array(agent.utf8).withUnsafeBytes { if !cache.find($0, by: rules).isEmpty { found += 1 } }
                }
                return found
            },
        ]
    }

    /// Different user agents of the usual kinds.
    private static func agents(_ count: Int, _ random: inout SeededGenerator) -> [String] {
        (0..<count).map { index in
            let major = 60 + index % 70
            let build = "\(major).0.\(1000 + index).\(random.below(200))"
            switch random.below(6) {
            case 0, 1:
                return
                    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/\(build) Safari/537.36"
            case 2:
                return
                    "Mozilla/5.0 (Linux; Android \(8 + index % 7); SM-G\(900 + index % 99)F) AppleWebKit/537.36 (KHTML, like Gecko) "
                    + "Chrome/\(build) Mobile Safari/537.36"
            case 3:
                return
                    "Mozilla/5.0 (iPhone; CPU iPhone OS \(12 + index % 6)_\(index % 8) like Mac OS X) AppleWebKit/605.1.15 "
                    + "(KHTML, like Gecko) Version/\(12 + index % 6).\(index % 8) Mobile/15E\(100 + index) Safari/604.1"
            case 4:
                return
                    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_\(index % 8); rv:\(major).0) Gecko/20100101 Firefox/\(major).0.\(index)"
            default:
                return "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html; \(index))"
            }
        }
    }
}
