import ArgumentParser
import Foundation
import Tagstream

/// `tagstream geoip`: what the worker finds for addresses, and whether a database is good.
struct GeoIPCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "geoip",
        abstract: "Show what MaxMind databases tell of addresses; a database is checked as the worker does.",
        discussion: """
            Reads one IP address a line and writes one JSON object a line: "properties", what an event gets, "set" and "set_once", what \
            its person gets; all three are null for an address that is none, is not public, or is in no database.

              echo 81.2.69.142 | tagstream geoip --city GeoLite2-City.mmdb --asn GeoLite2-ASN.mmdb
              tagstream geoip --city new.mmdb /dev/null && mv new.mmdb GeoLite2-City.mmdb

            Exit codes: 0 done; 1 a database is refused; 2 wrong use.
            """
    )

    @Option(help: "A City or Enterprise database.")
    var city: String?

    @Option(help: "A Country database (or another City one), asked where the City database has nothing.")
    var country: String?

    @Option(help: "An ASN or ISP database.")
    var asn: String?

    @Argument(help: "A file of addresses, one a line; - for standard input.")
    var file = "-"

    func run() async throws {
        try await reportingFailures {
            let tables = GeoIPTables(
                city: try city.map { try Self.open($0, [.city]) },
                country: try country.map { try Self.open($0, [.country, .city]) },
                asn: try asn.map { try Self.open($0, [.asn]) }
            )
            guard let tables else { throw Failure(.usage, "there is no database, expected --city, --country or --asn") }
            var lines = try LineFile(file)
            var out = LineWriter(FileHandle.standardOutput)
            var cache = GeoIPCache()
            try lines.forEachLine(
                { _, line in
                    let found = cache.find(line, in: tables)
                    let parts = [
                        ("properties", found?.properties.jsonText), ("set", found?.set.jsonText),
                        ("set_once", found?.setOnce.jsonText),
                    ]
                    out.write("{" + parts.map { "\"\($0)\":\($1 ?? "null")" }.joined(separator: ",") + "}")
                },
                release: {}
            )
            out.flush()
        }
    }

    private static func open(_ path: String, _ kinds: [GeoIPDatabase.Kind]) throws -> GeoIPDatabase {
        guard let bytes = FileManager.default.contents(atPath: path) else {
            throw Failure(.usage, "cannot read the database \"\(path)\"")
        }
        do {
            let database = try bytes.withUnsafeBytes { bytes throws(MMDBFailure) in try GeoIPDatabase(bytes) }
            guard kinds.contains(database.kind) else {
                throw Failure(
                    .no,
                    "\(path) is a database of type \"\(database.databaseType)\", expected one for --\(kinds[0].rawValue)"
                )
            }
            return database
        } catch let failure as MMDBFailure {
            throw Failure(.no, "\(path) is refused: \(failure)")
        }
    }
}
