import Foundation
import Tagstream
import TestKit

/// What each enrichment costs above an event's bare way: the same records through the same pipeline, with other settings.
struct Enriching {
    private let inputs: Inputs
    private let tables: EnrichmentTables
    private static let rules = "/usr/share/uap-core/regexes.yaml"

    /// Reads the records and makes the tables: uap-core's rules, and a City database of 5,696 networks.
    init(_ path: String, limit: Int = .max) throws {
        inputs = try Inputs(path, limit: limit)
        var tables = EnrichmentTables()
        tables.userAgent = try Data(contentsOf: URL(fileURLWithPath: Self.rules))
            .withUnsafeBytes { try UserAgentRules($0) }
        let city = try Self.database().bytes.withUnsafeBytes { try GeoIPDatabase($0) }
        tables.geoIP = GeoIPTables(city: city)
        self.tables = tables
    }

    /// Every /14 from 11.0.0.0 to 99.255.255.255, each with a city of its own: every address of the inputs is found.
    private static func database() -> TestDatabase {
        var database = TestDatabase()
        for number in 0..<(89 * 64) {
            let address = (11 << 24) + (number << 18)
            let text = "\(address >> 24).\(address >> 16 & 255).\(address >> 8 & 255).0"
            database.add(
                "\(text)/14",
                TestDatabase.city(
                    "City \(number)",
                    country: "Country \(number % 200)",
                    code: "X\(number % 10)",
                    latitude: Double(number % 180) - 89.5,
                    longitude: Double(number % 360) - 179.25
                )
            )
        }
        return database
    }

    private static let variants: [(name: String, settings: String)] = [
        ("geoip, on the event", #"{"geoip":{"enabled":true,"person":false}}"#),
        ("geoip, and for the person", #"{"geoip":{"enabled":true}}"#),
        ("user_agent", #"{"user_agent":{"enabled":true}}"#),
        ("campaign", #"{"campaign":{"enabled":true}}"#),
        ("campaign, referrer", #"{"campaign":{"enabled":true},"referrer":{"enabled":true}}"#),
        (
            "urls: redaction of parameters, e-mails, tokens",
            #"{"urls":{"redact_parameters":["q"],"redact_emails":true,"redact_tokens":true}}"#
        ),
        ("urls: cleaning by one pattern", #"{"urls":{"clean":[{"pattern":"item-[0-9]+","replacement":":item"}]}}"#),
        (
            "privacy: one property dropped, one hashed, $ip shortened",
            #"{"privacy":{"drop":["note"],"hash":["$device_id"],"ip":"truncate"}}"#
        ),
        ("promotion", #"{"promotion":{"enabled":true}}"#),
        (
            "geoip, user_agent, campaign, referrer, promotion",
            #"{"geoip":{"enabled":true},"user_agent":{"enabled":true},"campaign":{"enabled":true},"referrer":{"enabled":true},"promotion":{"enabled":true}}"#
        ),
        (
            "everything",
            #"""
            {"geoip":{"enabled":true},"user_agent":{"enabled":true},"campaign":{"enabled":true},"referrer":{"enabled":true},
             "promotion":{"enabled":true},"urls":{"redact_parameters":["q"],"redact_emails":true,"redact_tokens":true},
             "privacy":{"drop":["note"],"hash":["$device_id"],"ip":"truncate"}}
            """#
        ),
    ]

    private func snapshot(_ json: String) throws -> Snapshot {
        let tree = try JSONTree(parsing: Array(#"{"enrich":\#(json)}"#.utf8))
        var settings = try EnrichmentSettings().with(team: tree)
        settings.salt = Array("a salt of a benchmark".utf8)
        let team = Team(id: 2, token: "", plan: ActionPlan(), enrichments: Enrichments(settings))
        return Snapshot(epoch: 1, teams: [team], onlyTeam: 0, tables: tables)
    }

    /// The way of a row of the table: the bare one, then those of the variants.
    func way(_ row: Int) throws -> WholeWay {
        WholeWay(inputs, try snapshot(row == 0 ? "{}" : Self.variants[row - 1].settings))
    }

    /// Prints nanoseconds of CPU time above the bare way, and allocations.
    func report(rounds: Int) throws {
        let bare = try way(0)
        let ways = try Self.variants.indices.map { (Self.variants[$0].name, try way($0 + 1)) }
        let results = measure(
            [Variant(name: "bare: no enrichment, no action", inputs, bare.run)]
                + ways.map { Variant(name: $0.0, inputs, $0.1.run) },
            rounds: rounds
        )
        print("\nEnriching \(inputs.lines.count) raw records of \(inputs.meanBytes) bytes, nanoseconds of CPU for each")
        print(padded(""), " median  minimum  above the bare way  allocations  bytes/row")
        for (index, result) in results.enumerated() {
            let way = index == 0 ? bare : ways[index - 1].1
            precondition(way.counts.outages.total == 0 && way.counts.tagged == inputs.lines.count, "\(way.counts)")
            print(
                padded(result.name),
                decimals(result.median, 0),
                decimals(result.minimum, 0),
                "         ",
                decimals(result.minimum - results[0].minimum, 0),
                "    ",
                decimals(result.allocations, 3),
                "  ",
                decimals(Double(way.rowBytes / inputs.lines.count), 0)
            )
        }
    }
}
