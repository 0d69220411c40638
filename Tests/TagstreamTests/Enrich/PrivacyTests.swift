import Foundation
import Testing

@testable import Tagstream

@Suite struct `URLs` {
    /// (settings under urls, URL, what becomes of it).
    static let rows: [(String, String, String)] = [
        (#"{"redact_parameters":["email"]}"#, "https://e.com/a?email=a@b.de&x=1", "https://e.com/a?email=redacted&x=1"),
        (
            #"{"redact_parameters":["email"]}"#, "https://e.com/a?EMAIL=x&e%6Dail=y&email=&email",
            "https://e.com/a?EMAIL=redacted&e%6Dail=redacted&email=&email"
        ),
        (#"{"redact_parameters":["Email"]}"#, "/a?email=x", "/a?email=redacted"),
        (#"{"redact_parameters":["t"]}"#, "https://e.com/#t=x&u=y", "https://e.com/#t=redacted&u=y"),
        (#"{"redact_parameters":["t"]}"#, "https://e.com/?a#/p?t=x", "https://e.com/?a#/p?t=redacted"),
        (#"{"redact_parameters":["t"]}"#, "https://e.com/?t=a?b&t=c", "https://e.com/?t=redacted&t=redacted"),
        (#"{"redact_parameters":["t"]}"#, "https://e.com", "https://e.com"),
        (#"{"redact_emails":true}"#, "https://e.com/u/bob.smith+x@mail.example.com/a", "https://e.com/u/redacted/a"),
        (#"{"redact_emails":true}"#, "https://e.com/?q=bob%40example.com&x=1", "https://e.com/?q=redacted&x=1"),
        (#"{"redact_emails":true}"#, "https://bob@example.com/a@b", "https://bob@example.com/a@b"),
        (#"{"redact_emails":true}"#, "mailto:bob@example.com?cc=eve@example.com", "mailto:redacted?cc=redacted"),
        (#"{"redact_tokens":true}"#, "https://bob:pw@example.com/a", "https://redacted@example.com/a"),
        (
            #"{"redact_tokens":true}"#, "https://e.com/?Access_Token=x&page=2",
            "https://e.com/?Access_Token=redacted&page=2"
        ),
        (
            #"{"redact_tokens":true}"#, "https://e.com/v/eyJhbGciOi.eyJzdWIiOi.sig-nature/x",
            "https://e.com/v/redacted/x"
        ),
        (
            #"{"redact_tokens":true}"#, "https://e.com/r/0123456789abcdef0123456789abcdef/x",
            "https://e.com/r/redacted/x"
        ),
        (
            #"{"redact_tokens":true}"#, "https://e.com/r/0123456789abcdef0123456789abcde/x",
            "https://e.com/r/0123456789abcdef0123456789abcde/x"
        ),
        (
            #"{"redact_tokens":true}"#, "https://e.com/r/abcdefabcdefabcdefabcdefabcdefabcdef",
            "https://e.com/r/abcdefabcdefabcdefabcdefabcdefabcdef"
        ),
        (
            #"{"clean":[{"pattern":"[0-9]+","replacement":":id"}]}"#, "https://e1.com/o/12/34?x=56#78",
            "https://e1.com/o/:id/:id?x=56#78"
        ),
        (
            #"{"clean":[{"pattern":"^/o/[^/]+","replacement":"/o/:o"},{"pattern":"[0-9]+","replacement":":id"}]}"#,
            "/o/12/3", "/o/:o/:id"
        ),
        (#"{"clean":[{"pattern":"a|\\b","replacement":"x"}]}"#, "/ab a", "/xb x"),
        (#"{"clean":[{"pattern":"é","replacement":"\""}]}"#, "/é/é", "/\"/\""),
        (#"{"clean":[{"pattern":".+","replacement":"x"}]}"#, "$direct", "$direct"),
    ]

    @Test(arguments: rows)
    func `are redacted and cleaned`(settings: String, url: String, expected: String) {
        // JSON's own escapes change nothing.
        for written in [url, url.replacingOccurrences(of: "/", with: "\\/")] {
            for outcome in enrichedBoth(
                #"{"urls":\#(settings)}"#,
                properties: #"{"$current_url":"\#(written)","other":"\#(written)"}"#
            ) {
                #expect(outcome.properties["$current_url"] as? String == expected)
                #expect(outcome.properties["other"] as? String == url)
            }
        }
    }

    @Test func `are redacted wherever the event carries them, and actions see what is stored`() {
        let fields =
            #","$set":{"$current_url":"/?t=1"},"$set_once":{"$initial_referrer":"/?t=2"},"person_properties":{"$referrer":"/?t=3"}"#
        let outcome = enriched(
            flat(fields, properties: #"{"$current_url":"/?t=0","mine":"/?t=4"}"#),
            enrichmentSettings(
                #"{"urls":{"redact_parameters":["t"],"properties":["$current_url","$referrer","$initial_referrer","mine"]}}"#
            ),
            condition: #"{"key":"$current_url","value":"/?t=redacted"}"#
        )
        #expect(
            isEqual(
                outcome.person,
                ##"{"$current_url":"/?t=redacted","$initial_referrer":"/?t=redacted","$referrer":"/?t=redacted"}"##
            )
        )
        #expect(outcome.properties["mine"] as? String == "/?t=redacted")
        #expect((outcome.properties["$set"] as? [String: Any])?["$current_url"] as? String == "/?t=redacted")
        #expect(outcome.row["actions"] as? [Int] == [7, 8])
    }

    @Test(arguments: [
        ("(", "RE2"), ("x*", "empty"), ("(?:[a-z]{1,20}){1,20}", "instructions"), ("(?=x)", "RE2"),
    ])
    func `are not cleaned by a pattern that cannot be used`(pattern: String, reason: String) {
        let rule = EnrichmentSettings.CleaningRule(pattern: pattern, replacement: "")
        #expect(PathCleaner.problem(with: rule)?.contains(reason) == true)
    }

    @Test func `are cleaned in their first bytes only`() {
        let cleaner = PathCleaner([.init(pattern: "[0-9]", replacement: "n")])
        var out = ByteArena(capacity: 8)
        var other = ByteArena(capacity: 8)
        let path = String(repeating: "1", count: PathCleaner.longestPath + 1)
        Array(path.utf8).withUnsafeBytes { cleaner.clean($0, into: &out, with: &other) }
        let cleaned = String(decoding: out.bytes(0, out.count), as: UTF8.self)
        #expect(cleaned == String(repeating: "n", count: PathCleaner.longestPath) + "1")
    }
}

@Suite struct `A property` {
    @Test func `is dropped wherever the event carries it`() {
        let fields =
            #","ip":"192.0.2.7","$set":{"email":"a","x":1},"$set_once":{"email":"b"},"person_properties":{"email":"c","y":2}"#
        let outcome = enriched(
            flat(fields, properties: #"{"email":"d","z":3,"deep":{"email":"e"}}"#),
            enrichmentSettings(#"{"privacy":{"drop":["email","$ip"]}}"#)
        )
        #expect(isEqual(outcome.properties, #"{"z":3,"deep":{"email":"e"},"$set":{"x":1},"$set_once":{}}"#))
        #expect(isEqual(outcome.person, #"{"x":1,"y":2}"#) && outcome.row["actions"] as? [Int] == [7])
    }

    @Test func `is dropped from a stored row's person`() {
        let outcome = enriched(
            flat(#","person_properties":{"email":"c","y":2}"#),
            enrichmentSettings(#"{"privacy":{"drop":["email"]}}"#)
        )
        #expect(isEqual(outcome.person, #"{"y":2}"#))
    }

    /// (value, what is hashed behind the salt); nil where it stays.
    static let values: [(String, String?)] = [
        (#""bob""#, "bob"), (#""é\"\\\n""#, "é\"\\\n"), ("12.50", "12.50"), ("true", "true"), ("null", nil),
        (#"[1,"a"]"#, #"[1,"a"]"#), (#"{"a":"b\"c"}"#, #"{"a":"b\"c"}"#), (#""""#, ""),
    ]

    @Test(arguments: values)
    func `is hashed behind the salt`(value: String, text: String?) {
        for outcome in enrichedBoth(
            #"{"privacy":{"hash":["who"]}}"#,
            properties: #"{"who":\#(value),"$set":{"who":\#(value)}}"#,
            salt: "0123456789abcdef"
        ) {
            for object in [outcome.properties, outcome.properties["$set"] as? [String: Any] ?? [:], outcome.person] {
                if let text {
                    #expect(object["who"] as? String == sha256("0123456789abcdef" + text))
                } else {
                    #expect(object["who"] is NSNull)
                }
            }
        }
    }

    @Test func `is dropped instead of hashed without a salt`() {
        for outcome in enrichedBoth(#"{"privacy":{"hash":["who"]}}"#, properties: #"{"who":"bob","$set":{"who":"b"}}"#)
        {
            #expect(outcome.properties["who"] == nil && outcome.person["who"] == nil)
        }
    }

    private func sha256(_ text: String) -> String {
        var out = ByteArena(capacity: 64)
        Array(text.utf8).withUnsafeBytes { SHA256.append(hexOf: $0, to: &out) }
        return String(decoding: out.bytes(0, out.count), as: UTF8.self)
    }

    /// FIPS 180-4's examples, and lengths about a block's end (checked against Python's hashlib).
    @Test(arguments: [
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        ),
        (String(repeating: "a", count: 55), "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318"),
        (String(repeating: "a", count: 64), "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb"),
        (String(repeating: "a", count: 1000), "41edece42d63e8d9bf515a9ba6932e1c20cbc9f5a5d134645adb5db1b9737ea3"),
    ])
    func `has the digest of the standard`(text: String, digest: String) { #expect(sha256(text) == digest) }
}

@Suite struct `An address` {
    static let rows: [(String, String?)] = [
        ("203.0.113.77", "203.0.113.0"), ("10.0.0.1", "10.0.0.0"), ("2001:db8:1:2:3:4:5:6", "2001:db8:1::"),
        ("2001:DB8::1", "2001:db8::"), ("::1", "::"), ("::ffff:203.0.113.77", "::"), ("2001:0:1::9", "2001:0:1::"),
        ("203.0.113.077", nil), ("203.0.113.7, 10.0.0.1", nil), ("203.0.113.7:80", nil), ("unknown", nil),
        ("fe80::1%eth0", nil),
        ("203.0.113.77\\u0000", nil),
    ]

    @Test(arguments: rows)
    func `is shortened, or taken away where it is none`(text: String, expected: String?) {
        for outcome in enrichedBoth(#"{"privacy":{"ip":"truncate"}}"#, properties: #"{"$ip":"\#(text)"}"#)
            + enrichedBoth(#"{"privacy":{"ip":"truncate"}}"#, properties: "{}", #","ip":"\#(text)""#)
        {
            #expect(outcome.properties["$ip"] as? String == expected)
        }
    }

    @Test func `is removed behind matching`() {
        for outcome in enrichedBoth(#"{"privacy":{"ip":"remove"}}"#, properties: #"{"$ip":"203.0.113.7"}"#)
            + enrichedBoth(#"{"privacy":{"ip":"remove"}}"#, properties: "{}", #","ip":"203.0.113.7""#)
        {
            #expect(outcome.properties["$ip"] == nil && outcome.row["actions"] as? [Int] == [7, 8])
        }
    }
}

@Suite struct `Settings of enrichments` {
    private func resolved(_ deployment: String, _ team: String) throws -> EnrichmentSettings {
        try enrichmentSettings(deployment).with(team: try JSONTree(parsing: Array(team.utf8)))
    }

    @Test func `are a deployment's with the team's over them`() throws {
        let both = try resolved(
            #"{"campaign":{"enabled":true},"promotion":{"enabled":false}}"#,
            #"{"enrich":{"campaign":{"enabled":false},"promotion":{"enabled":true}}}"#
        )
        #expect(!both.on.contains(.campaign) && both.on.contains(.promotion))
    }

    @Test func `let a team take away more, and bring nothing back`() throws {
        let both = try resolved(
            #"{"privacy":{"ip":"truncate","drop":["a"],"hash":["b"]},"urls":{"redact_emails":true,"redact_parameters":["p"]}}"#,
            #"{"enrich":{"privacy":{"ip":"keep","drop":["c"],"hash":[]},"urls":{"redact_emails":false,"redact_parameters":["q"]}}}"#
        )
        #expect(both.address == .truncate && both.dropped == ["a", "c"] && both.hashed == ["b"])
        #expect(both.redactsEmails && both.redactedParameters == ["p", "q"])
        #expect(try resolved(#"{"privacy":{"ip":"truncate"}}"#, #"{"anonymize_ips":true}"#).address == .remove)
        let own = #"{"anonymize_ips":true,"enrich":{"privacy":{"ip":"keep"}}}"#
        #expect(try resolved(#"{"privacy":{"ip":"truncate"}}"#, own).address == .remove)
        #expect(try resolved(#"{"privacy":{"ip":"remove"}}"#, #"{"anonymize_ips":false}"#).address == .remove)
    }

    @Test(arguments: [
        #"{"enrich":5}"#, #"{"enrich":{"nothing":true}}"#, #"{"enrich":{"campaign":true}}"#,
        #"{"enrich":{"campaign":{"enabled":"yes"}}}"#, #"{"enrich":{"privacy":{"drop":"a"}}}"#,
        #"{"enrich":{"privacy":{"drop":[""]}}}"#, #"{"enrich":{"privacy":{"ip":"hide"}}}"#, #"{"anonymize_ips":1}"#,
        #"{"enrich":{"urls":{"clean":[{"pattern":"("}]}}}"#,
        #"{"enrich":{"urls":{"clean":[{"pattern":"(","replacement":"x"}]}}}"#,
        #"{"enrich":{"privacy":{"drop":["$set"]}}}"#,
    ])
    func `are refused with the team where one is wrong`(settings: String) {
        var catalogue = Catalogue()
        let value = #"{"id":1,"api_token":"phc_test","settings":\#(settings)}"#
        let change = catalogue.apply(key: Array("team/1".utf8), value: Array(value.utf8), at: 0)
        guard case .quarantined(let entry) = change else {
            Issue.record("\(settings) was taken")
            return
        }
        #expect(entry.reasons[0].contains("settings."))
    }

    @Test func `are one object for teams that set the same`() {
        var catalogue = Catalogue(enrichment: enrichmentSettings(#"{"promotion":{"enabled":true}}"#))
        for id in 1...3 {
            let own = id == 3 ? #","settings":{"enrich":{"campaign":{"enabled":true}}}"# : ""
            let value = #"{"id":\#(id),"api_token":"t\#(id)"\#(own)}"#
            catalogue.apply(key: Array("team/\(id)".utf8), value: Array(value.utf8), at: Int64(id))
        }
        let teams = catalogue.snapshot().teams
        #expect(teams[0].enrichments === teams[1].enrichments && teams[0].enrichments !== teams[2].enrichments)
        #expect(catalogue.snapshot().teams[2].enrichments === teams[2].enrichments)
    }

    @Test func `that are off leave every byte as it was`() {
        let record = envelope(#","ip":"192.0.2.1""#, properties: #"{"$browser":"B","$set":{"a":1}}"#)
        let rows = [EnrichmentSettings(), enrichmentSettings("{}")].map { enriched(record, $0).rowText }
        #expect(rows[0] != nil && rows[0] == rows[1] && rows[0]?.contains("initial") == false)
    }
}
