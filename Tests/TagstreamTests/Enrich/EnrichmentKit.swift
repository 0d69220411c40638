import Foundation
import Testing

@testable import Tagstream

/// Settings as a configuration file or a team writes them: the object under `enrich`.
func enrichmentSettings(_ json: String, salt: String = "") -> EnrichmentSettings {
    do {
        let tree = try JSONTree(parsing: Array(#"{"enrich":\#(json)}"#.utf8))
        var settings = try EnrichmentSettings().with(team: tree)
        settings.salt = Array(salt.utf8)
        return settings
    } catch {
        Issue.record("settings \(json): \(error)")
        return EnrichmentSettings()
    }
}

/// What becomes of a record of the test team under settings; its action 7 matches every event, 8 those that a condition names.
func enriched(
    _ record: OneRecord,
    _ settings: EnrichmentSettings,
    condition: String = #"{"key":"$ip","operator":"is_set"}"#,
    tables: EnrichmentTables = EnrichmentTables()
) -> Outcome {
    var catalogue = Catalogue(enrichment: settings)
    let entries = [
        ("team/1", #"{"id":1,"name":"Test","api_token":"phc_test"}"#),
        ("action/1/7", #"{"id":7,"name":"Every","steps":[{"event":null}]}"#),
        ("action/1/8", #"{"id":8,"name":"Some","steps":[{"properties":[\#(condition)]}]}"#),
    ]
    for (offset, entry) in entries.enumerated() {
        let change = catalogue.apply(key: Array(entry.0.utf8), value: Array(entry.1.utf8), at: Int64(offset))
        if case .quarantined(let entry) = change { Issue.record("\(entry)") }
    }
    let (counts, outcomes) = process([record], under: catalogue.snapshot().with(tables))
    return Outcome(counts: counts, records: outcomes[0])
}

/// The same in both forms that an event comes in: what is said of one is said of the other.
func enrichedBoth(
    _ settings: String,
    properties: String,
    _ fields: String = "",
    event: String = #""e""#,
    salt: String = "",
    condition: String = #"{"key":"$ip","operator":"is_set"}"#
) -> [Outcome] {
    let settings = enrichmentSettings(settings, salt: salt)
    return [
        enriched(flat(fields, properties: properties, event: event), settings, condition: condition),
        enriched(
            envelope(properties: properties, event: event, inner: fields),
            settings,
            condition: condition
        ),
    ]
}

/// Whether an object is the one that a text writes, whatever the order of its keys.
func isEqual(_ one: [String: Any], _ json: String) -> Bool {
    func sorted(_ object: [String: Any]) -> Data? {
        try? JSONSerialization.data(withJSONObject: object, options: [.sortedKeys])
    }
    return sorted(one) == sorted(Outcome.object(json))
}
