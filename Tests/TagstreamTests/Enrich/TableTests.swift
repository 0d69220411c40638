import Foundation
import TestKit
import Testing

@testable import Tagstream

private let rules = """
    user_agent_parsers:
      - regex: '(Firefox)/(\\d+)\\.(\\d+)'
    os_parsers:
      - regex: '(Linux)'
    device_parsers:
      - regex: 'bot'
        regex_flag: 'i'
        device_replacement: 'Spider'
    """

private func tables() throws -> EnrichmentTables {
    var tables = EnrichmentTables()
    let city = try TestDatabase.sample.bytes.withUnsafeBytes { try GeoIPDatabase($0) }
    tables.geoIP = GeoIPTables(city: city)
    tables.userAgent = try Array(rules.utf8).withUnsafeBytes { try UserAgentRules($0) }
    let plans = "plan,seats:number,browser\npro,5,x\n7,1,\n"
    tables.lookups = [
        try Array(plans.utf8).withUnsafeBytes { try LookupTable.read($0, .csv, key: "plan", prefix: "$") }
    ]
    return tables
}

/// What becomes of both forms of an event under settings and the tables above.
private func both(
    _ settings: String,
    properties: String,
    _ fields: String = "",
    event: String = #""e""#,
    with some: EnrichmentTables? = nil
) throws -> [Outcome] {
    var settings = enrichmentSettings(settings, salt: "0123456789abcdef")
    if settings.looksUp { settings.lookups = [.init(table: "plans", property: "plan")] }
    let used = try some ?? tables()
    return [
        enriched(flat(fields, properties: properties, event: event), settings, tables: used),
        enriched(envelope(properties: properties, event: event, inner: fields), settings, tables: used),
    ]
}

@Suite struct `An address's place` {
    private static let on = #"{"geoip":{"enabled":true},"lookup":{"enabled":false}}"#

    @Test func `is on the event and, with nulls, in both objects of its person`() throws {
        for outcome in try both(Self.on, properties: #"{"$ip":"81.2.69.142"}"#)
            + both(Self.on, properties: "{}", #","ip":"81.2.69.142""#)
        {
            #expect(outcome.properties["$geoip_city_name"] as? String == "Bonn")
            #expect(outcome.properties["$geoip_subdivision_2_name"] as? String == #"Cologne "Region""#)
            #expect(outcome.properties["$geoip_subdivision_3_name"] == nil)
            let set = try #require(outcome.properties["$set"] as? [String: Any])
            let once = try #require(outcome.properties["$set_once"] as? [String: Any])
            #expect(set.count == 17 && once.count == 17 && outcome.person.count == 34)
            #expect(set["$geoip_city_name"] as? String == "Bonn" && set["$geoip_subdivision_3_name"] is NSNull)
            #expect(
                once["$initial_geoip_latitude"] as? Double == 50.7358
                    && once["$initial_geoip_subdivision_3_code"] is NSNull
            )
        }
    }

    @Test(arguments: [
        #"{"$ip":"127.0.0.1"}"#, #"{"$ip":"192.168.1.5"}"#, #"{"$ip":"8.8.8.8"}"#, #"{"$ip":"unknown"}"#, #"{"$ip":5}"#,
        #"{"$ip":"81.2.69.142","$geoip_disable":true}"#, #"{"$ip":"81.2.69.142","$geoip_disable":"no"}"#,
        #"{"$ip":"81.2.69.142","$geoip_disable":1}"#, #"{"$ip":"81.2.69.142","$geoip_disable":[]}"#, "{}",
    ])
    func `is not known`(properties: String) throws {
        for outcome in try both(Self.on, properties: properties) {
            #expect(isEqual(outcome.properties, properties) && outcome.counts.outages.total == 0)
        }
    }

    @Test(arguments: ["false", "null", "0", "0.0e5", #""""#])
    func `is looked up unless that is disabled`(disable: String) throws {
        for outcome in try both(Self.on, properties: #"{"$ip":"81.2.69.142","$geoip_disable":\#(disable)}"#) {
            #expect(outcome.properties["$geoip_city_name"] as? String == "Bonn")
        }
    }

    @Test func `cannot be forged`() throws {
        let forged = #""$geoip_city_name":"Oz","$geoip_asn":1,"$initial_geoip_city_name":"Oz""#
        let fields = #","$set":{\#(forged)},"$set_once":{\#(forged)},"person_properties":{\#(forged),"x":1}"#
        for address in ["81.2.69.142", "8.8.8.8"] {
            let outcome = enriched(
                flat(fields, properties: #"{"$ip":"\#(address)",\#(forged)}"#),
                enrichmentSettings(Self.on),
                tables: try tables()
            )
            #expect(outcome.properties["$geoip_asn"] == nil && outcome.person["$geoip_asn"] == nil)
            let isKnown = address != "8.8.8.8"
            #expect(outcome.properties["$geoip_city_name"] as? String == (isKnown ? "Bonn" : nil))
            #expect(outcome.person["$initial_geoip_city_name"] as? String == (isKnown ? "Bonn" : nil))
            #expect(outcome.person["x"] as? Int == 1)
        }
    }

    @Test func `is not written for who has no person`() throws {
        for outcome in try both(Self.on, properties: #"{"$ip":"81.2.69.142","$process_person_profile":false}"#)
            + both(Self.on, properties: #"{"$ip":"81.2.69.142"}"#, event: #""$groupidentify""#)
            + both(
                #"{"geoip":{"enabled":true,"person":false},"lookup":{"enabled":false}}"#,
                properties: #"{"$ip":"81.2.69.142"}"#
            )
        {
            #expect(outcome.properties["$geoip_country_code"] as? String == "DE")
            #expect(outcome.properties["$set"] == nil && outcome.person.isEmpty)
        }
    }

    @Test func `is dropped and hashed where the settings say so, for the person too`() throws {
        let settings =
            #"{"geoip":{"enabled":true},"lookup":{"enabled":false},"privacy":{"drop":["$geoip_latitude"],"hash":["$geoip_city_name","$geoip_longitude"],"ip":"remove"}}"#
        for outcome in try both(settings, properties: #"{"$ip":"81.2.69.142"}"#) {
            let set = try #require(outcome.properties["$set"] as? [String: Any])
            let once = try #require(outcome.properties["$set_once"] as? [String: Any])
            #expect(outcome.properties["$geoip_latitude"] == nil && set["$geoip_latitude"] == nil)
            #expect(once["$initial_geoip_latitude"] == nil && outcome.properties["$ip"] == nil)
            for key in ["city_name", "longitude"] {
                let digest = try #require(outcome.properties["$geoip_" + key] as? String)
                #expect(digest.count == 64 && set["$geoip_" + key] as? String == digest)
                #expect(once["$initial_geoip_" + key] as? String == digest)
                #expect(outcome.person["$geoip_" + key] as? String == digest)
            }
            #expect(set.count == 16 && set["$geoip_country_name"] as? String == "Germany")
        }
    }
}

@Suite struct `A user agent` {
    private static let on = #"{"user_agent":{"enabled":true},"lookup":{"enabled":false}}"#
    private static let firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:125.0) Gecko/20100101 Firefox/125.0"

    @Test(arguments: ["$useragent", "$user-agent", "$user_agent", "$raw_user_agent"])
    func `is read and, where it was left for that, taken away`(key: String) throws {
        for outcome in try both(Self.on, properties: #"{"\#(key)":"\#(Self.firefox)","$browser":null}"#) {
            #expect(outcome.properties["$browser"] as? String == "Firefox")
            #expect(outcome.properties["$browser_version"] as? String == "125.0")
            #expect(
                outcome.properties["$os"] as? String == "Linux"
                    && outcome.properties["$device_type"] as? String == "Desktop"
            )
            #expect(outcome.properties["$is_bot"] as? Bool == false)
            #expect((outcome.properties[key] != nil) == (key == "$raw_user_agent"))
        }
    }

    @Test func `leaves what the SDK knows, unless it may override that`() throws {
        let properties = #"{"$user_agent":"\#(Self.firefox) bot","$browser":"Own","$is_bot":false}"#
        for outcome in try both(Self.on, properties: properties) {
            #expect(isEqual(outcome.properties, #"{"$browser":"Own","$is_bot":true}"#))
        }
        let override = #"{"user_agent":{"enabled":true,"override":true},"lookup":{"enabled":false}}"#
        for outcome in try both(override, properties: properties) {
            #expect(outcome.properties["$browser"] as? String == "Firefox")
            #expect(
                outcome.properties["$device"] as? String == "Spider" && outcome.properties["$is_bot"] as? Bool == true
            )
        }
    }

    @Test func `is promoted with what it says`() throws {
        let settings = #"{"user_agent":{"enabled":true},"promotion":{"enabled":true},"lookup":{"enabled":false}}"#
        for outcome in try both(settings, properties: #"{"$user_agent":"\#(Self.firefox)"}"#) {
            #expect(
                outcome.person["$initial_browser"] as? String == "Firefox"
                    && outcome.person["$os"] as? String == "Linux"
            )
        }
    }

    @Test func `cannot forge that it is no bot`() throws {
        for outcome in try both(Self.on, properties: #"{"$is_bot":false,"a":1}"#) {
            #expect(isEqual(outcome.properties, #"{"a":1}"#))
        }
    }
}

@Suite struct `A lookup` {
    @Test func `adds a row's properties in the place of those of the same name`() throws {
        for (properties, expected) in [
            (#"{"plan":"pro"}"#, #"{"plan":"pro","$seats":5,"$browser":"x"}"#),
            (
                #"{"plan":"pro","$seats":9,"$browser":"own","$\u0073eats":8}"#,
                #"{"plan":"pro","$seats":5,"$browser":"x"}"#
            ),
            (#"{"plan":7}"#, #"{"plan":7,"$seats":1}"#), (#"{"plan":"free"}"#, #"{"plan":"free"}"#),
            (#"{"plan":true}"#, #"{"plan":true}"#), (#"{"a":1}"#, #"{"a":1}"#),
        ] {
            for outcome in try both("{}", properties: properties) { #expect(isEqual(outcome.properties, expected)) }
        }
    }
}

@Suite struct `Without their data` {
    @Test func `enrichments tag every event, count those that needed it, and let nobody forge`() throws {
        let settings = #"{"geoip":{"enabled":true},"user_agent":{"enabled":true}}"#
        let properties =
            #"{"$ip":"81.2.69.142","$user_agent":"x","plan":"pro","$geoip_city_name":"Oz","$is_bot":false}"#
        for outcome in try both(settings, properties: properties, with: EnrichmentTables()) {
            #expect(isEqual(outcome.properties, #"{"$ip":"81.2.69.142","$user_agent":"x","plan":"pro"}"#))
            #expect(outcome.counts.tagged == 1)
            #expect(outcome.counts.outages.byName.map(\.enrichment) == ["geoip", "user_agent", "lookup"])
            #expect(outcome.counts.outages.total == 3)
        }
        for outcome in try both(settings, properties: #"{"a":1}"#, with: EnrichmentTables()) {
            #expect(outcome.counts.outages.total == 0)
        }
    }
}
