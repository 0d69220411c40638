import Foundation
import Tagstream

extension Settings {
    /// The keys of `enrich`: those that teams may have too (``EnrichmentSettings/keys``), and the deployment's files.
    static let enrichmentKeys: [Key] =
        EnrichmentSettings.keys.map { key in
            Key(name: "enrich." + key.name, meaning: key.meaning) { settings, value in
                do {
                    try key.set(&settings.enrichment, value)
                } catch let mistake as SettingMistake {
                    throw Mistake(found: mistake.found, expected: mistake.expected)
                }
            }
        } + [
            Key(
                name: "enrich.privacy.salt_file",
                meaning: "path, none: what is hashed before a value; needed for enrich.privacy.hash"
            ) {
                guard let text = $1.text, !text.isEmpty else { throw Mistake($1, "a path") }
                $0.saltFile = text
            }
        ]

    /// The fewest and the most bytes of a salt.
    static let saltBytes = 16...4096

    /// What the deployment does to events, with what stands in files.
    func enrichments() throws -> EnrichmentSettings {
        var settings = enrichment
        if let saltFile { settings.salt = try Self.salt(saltFile) }
        guard settings.hashed.isEmpty || !settings.salt.isEmpty else {
            throw Failure(
                .usage,
                "enrich.privacy.hash names \(counted(settings.hashed.count, "property")), but there is no "
                    + "enrich.privacy.salt_file: without a salt a hash tells its value to whoever guesses it"
            )
        }
        return settings
    }

    /// Reads a salt; a newline at its end is none of it.
    private static func salt(_ path: String) throws -> [UInt8] {
        guard let data = try? Data(contentsOf: URL(fileURLWithPath: path)) else {
            throw Failure(.usage, "cannot read enrich.privacy.salt_file \"\(path)\": no such file, or not readable")
        }
        var salt = [UInt8](data.prefix(saltBytes.upperBound + 2))
        if salt.last == 0x0A { salt.removeLast() }
        if salt.last == 0x0D { salt.removeLast() }
        guard saltBytes.contains(salt.count) else {
            throw Failure(
                .usage,
                "enrich.privacy.salt_file \"\(path)\" has \(data.count) bytes, expected \(saltBytes.lowerBound) to "
                    + "\(saltBytes.upperBound)"
            )
        }
        return salt
    }
}

extension Settings.Mistake {
    init(found: String, expected: String) {
        self.found = found
        self.expected = expected
    }
}
