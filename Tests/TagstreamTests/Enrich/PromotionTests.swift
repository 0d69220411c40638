import Foundation
import Testing

@testable import Tagstream

@Suite struct `Promotion` {
    static let on = #"{"promotion":{"enabled":true}}"#

    /// (properties, `$set`, `$set_once`); `-` where there is none.
    static let rows: [(String, String, String)] = [
        (#"{"a":1}"#, "-", "-"),
        (#"{"$browser":"Chrome"}"#, #"{"$browser":"Chrome"}"#, #"{"$initial_browser":"Chrome"}"#),
        (
            #"{"utm_source":null,"_kx":[1,{"a":"b"}],"$screen_height":9.5}"#,
            #"{"utm_source":null,"_kx":[1,{"a":"b"}],"$screen_height":9.5}"#,
            #"{"$initial_utm_source":null,"$initial__kx":[1,{"a":"b"}],"$initial_screen_height":9.5}"#
        ),
        (
            #"{"$os":"iOS","$set":{"$os":"own","x":1},"$set_once":{"$initial_os":"first"}}"#,
            #"{"$os":"own","x":1}"#, #"{"$initial_os":"first"}"#
        ),
        (
            #"{"$os":"iOS","$set":{"x":1}}"#, #"{"$os":"iOS","x":1}"#, #"{"$initial_os":"iOS"}"#
        ),
        (#"{"$os":"iOS","$set":5}"#, #"{"$os":"iOS"}"#, #"{"$initial_os":"iOS"}"#),
        (#"{"$os_name":"iOS"}"#, #"{"$os":"iOS"}"#, #"{"$initial_os":"iOS"}"#),
        (#"{"$os_name":"x","$os":"iOS"}"#, #"{"$os":"iOS"}"#, #"{"$initial_os":"iOS"}"#),
        (#"{"$os_name":"x","$os":null}"#, #"{"$os":"x"}"#, #"{"$initial_os":"x"}"#),
        (
            #"{"$os_name":"x","$set":{"$os":"own","$os_name":"y"}}"#, #"{"$os":"own"}"#, #"{"$initial_os":"x"}"#
        ),
        (
            #"{"$browser":"B","$set":{"$os_name":"y"}}"#, #"{"$browser":"B","$os":"y"}"#,
            #"{"$initial_browser":"B"}"#
        ),
        (#"{"a":1,"$set":{"$os_name":"y"}}"#, #"{"$os_name":"y"}"#, "-"),
        (#"{"$browser":1,"$browser":"B"}"#, #"{"$browser":"B"}"#, #"{"$initial_browser":"B"}"#),
        (
            #"{"$\u0062rowser":"B\"\\\n"}"#, #"{"$browser":"B\"\\\n"}"#, #"{"$initial_browser":"B\"\\\n"}"#
        ),
        (#"{"$set":{"a":1,"a":2},"$os":"x"}"#, #"{"a":2,"$os":"x"}"#, #"{"$initial_os":"x"}"#),
    ]

    /// `$set` and `$set_once` beside `$browser` and `$screen_width`, and how often the person has each of some names.
    static let sharedNames: [(String, String, [String: Int])] = [
        (#"{"x":1}"#, #"{"y":1}"#, ["x": 1, "y": 1, "$browser": 1, "$initial_browser": 1, "$initial_screen_width": 1]),
        (#"{"x":1}"#, #"{"x":2}"#, ["x": 1, "$browser": 1, "$initial_browser": 1]),
        (#"{"$initial_browser":"own"}"#, "{}", ["$browser": 1, "$initial_browser": 1]),
        ("{}", #"{"$browser":"own"}"#, ["$browser": 1, "$initial_browser": 1]),
        (#"{"$initial_screen_width":1}"#, #"{"$browser":"own"}"#, ["$browser": 1, "$initial_screen_width": 1]),
        (#"{"$init\u0069al_browser":"own"}"#, "{}", ["$browser": 1, "$initial_browser": 0]),
    ]

    @Test(arguments: sharedNames)
    func `gives the person each name once`(set: String, once: String, expected: [String: Int]) {
        let properties = #"{"$browser":"B","$screen_width":9,"$set":\#(set),"$set_once":\#(once)}"#
        for outcome in enrichedBoth(Self.on, properties: properties) {
            let text = outcome.row["person_properties"] as? String ?? ""
            for (name, count) in expected {
                #expect(text.components(separatedBy: #""\#(name)":"#).count - 1 == count, "\(name) in \(text)")
            }
        }
    }

    @Test(arguments: rows)
    func `copies to the person what it does not have`(properties: String, set: String, once: String) {
        for outcome in enrichedBoth(Self.on, properties: properties) {
            for (key, expected) in [("$set", set), ("$set_once", once)] {
                let found = outcome.properties[key] as? [String: Any]
                if expected == "-" { #expect(found == nil) } else { #expect(isEqual(found ?? [:], expected)) }
            }
            var person = once == "-" ? [:] : Outcome.object(once)
            if set != "-" { person.merge(Outcome.object(set)) { $1 } }
            #expect(
                isEqual(
                    outcome.person,
                    String(decoding: try! JSONSerialization.data(withJSONObject: person), as: UTF8.self)
                )
            )
        }
    }

    @Test func `knows every key of the list`() {
        let names = PropertyKey.names.prefix(PropertyKey.promotedCount).map(\.description)
        #expect(
            PropertyKey.names.count == PropertyKey.allCases.count
                && Set(PropertyKey.names.map(\.description)).count == PropertyKey.names.count
        )
        let properties = "{" + names.map { #""\#($0)":"v""# }.joined(separator: ",") + "}"
        for outcome in enrichedBoth(Self.on, properties: properties) {
            let set = outcome.properties["$set"] as? [String: Any] ?? [:]
            let once = outcome.properties["$set_once"] as? [String: Any] ?? [:]
            #expect(set.count == names.count - 1 && set["$os_name"] == nil)
            #expect(once.count == names.count - 1 && once["$initial_os_name"] == nil)
            for name in names where name != "$os_name" {
                #expect(set[name] as? String == "v" && once[PropertyKey.initialName(of: name)] as? String == "v")
            }
            #expect(outcome.person.count == 2 * (names.count - 1))
        }
    }

    @Test func `merges with what stands beside the properties, and over what the person has`() {
        let fields =
            #","$set":{"$browser":"own","b":1},"$set_once":{"c":1},"person_properties":{"$os":"old","$initial_os":"old","d":1}"#
        let outcome = enriched(
            flat(fields, properties: #"{"$browser":"B","$os":"new"}"#),
            enrichmentSettings(Self.on)
        )
        #expect(isEqual(outcome.properties["$set"] as? [String: Any] ?? [:], #"{"$browser":"own","b":1,"$os":"new"}"#))
        #expect(
            isEqual(
                outcome.person,
                #"{"$browser":"own","b":1,"$os":"new","$initial_os":"old","$initial_browser":"B","c":1,"d":1}"#
            )
        )
    }

    @Test(arguments: [
        (#""$snapshot""#, "{\"$os\":\"x\"}"), (#""$groupidentify""#, "{\"$os\":\"x\"}"),
        (#""e""#, #"{"$os":"x","$process_person_profile":false}"#),
    ])
    func `leaves alone what has no person`(event: String, properties: String) {
        for outcome in enrichedBoth(Self.on, properties: properties, event: event) {
            #expect(outcome.properties["$set"] == nil && outcome.properties["$set_once"] == nil)
            #expect(outcome.person.isEmpty)
        }
    }

    @Test func `is seen by actions as the person's`() {
        let condition = #"{"type":"person","key":"$initial_browser","value":"Chrome"}"#
        for on in [true, false] {
            let outcomes = enrichedBoth(
                #"{"promotion":{"enabled":\#(on)}}"#,
                properties: #"{"$browser":"Chrome"}"#,
                condition: condition
            )
            for outcome in outcomes { #expect(outcome.row["actions"] as? [Int] == (on ? [7, 8] : [7])) }
        }
    }

    @Test func `takes over what the enrichments before it found`() {
        let settings = #"{"campaign":{"enabled":true},"promotion":{"enabled":true},"privacy":{"drop":["$browser"]}}"#
        let properties = #"{"$current_url":"https://e.com/?utm_source=a%22b","$browser":"B","$os":"x"}"#
        for outcome in enrichedBoth(settings, properties: properties) {
            let set = outcome.properties["$set"] as? [String: Any] ?? [:]
            #expect(set["utm_source"] as? String == #"a"b"# && set["$browser"] == nil && set["$os"] as? String == "x")
            #expect(outcome.person["$initial_utm_source"] as? String == #"a"b"#)
        }
    }
}
