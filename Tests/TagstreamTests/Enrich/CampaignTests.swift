import Foundation
import Testing

@testable import Tagstream

@Suite struct `A campaign` {
    /// (query with its mark, what the properties gain).
    static let rows: [(String, String)] = [
        ("", "{}"),
        ("?", "{}"),
        ("?utm_source=news", #"{"utm_source":"news"}"#),
        ("?a=1&utm_source=news&b=2", #"{"utm_source":"news"}"#),
        ("?utm_source=first&utm_source=second", #"{"utm_source":"first"}"#),
        ("?utm_source=&utm_source=second", #"{"utm_source":"second"}"#),
        ("?utm_source", "{}"),
        ("?UTM_SOURCE=x", "{}"),
        ("?utm_campaign=spring%20sale+2025", #"{"utm_campaign":"spring sale 2025"}"#),
        ("?utm_term=caf%C3%A9", #"{"utm_term":"café"}"#),
        ("?utm_term=%F0%9F%98%80", #"{"utm_term":"😀"}"#),
        ("?utm_term=%ff%C3x", "{\"utm_term\":\"\u{FFFD}\u{FFFD}x\"}"),
        ("?utm_term=%E2%82", "{\"utm_term\":\"\u{FFFD}\"}"),
        ("?utm_term=%ED%A0%80", "{\"utm_term\":\"\u{FFFD}\u{FFFD}\u{FFFD}\"}"),
        ("?utm_term=100%", #"{"utm_term":"100%"}"#),
        ("?utm_term=%4", #"{"utm_term":"%4"}"#),
        ("?utm_term=%zz", #"{"utm_term":"%zz"}"#),
        ("?utm_term=%22%5C%0A%00", #"{"utm_term":"\"\\\n\u0000"}"#),
        ("?gclid=abc&fbclid=def&_kx=g", #"{"gclid":"abc","fbclid":"def","_kx":"g"}"#),
        ("?utm_source=x#utm_medium=y", #"{"utm_source":"x"}"#),
        ("#?utm_source=x", "{}"),
        ("?utm_source=a=b", #"{"utm_source":"a=b"}"#),
        ("?utm_source=a?b", #"{"utm_source":"a?b"}"#),
        ("?q=é&utm_source=x", #"{"utm_source":"x"}"#),
    ]

    @Test(arguments: rows)
    func `is read from the URL`(query: String, gained: String) {
        let url = "https://example.com/a" + query
        for outcome in enrichedBoth(#"{"campaign":{"enabled":true}}"#, properties: #"{"$current_url":"\#(url)"}"#) {
            var properties = outcome.properties
            properties["$current_url"] = nil
            #expect(isEqual(properties, gained))
        }
    }

    @Test func `is not taken where the event says it itself, and is where it says null`() {
        let properties =
            #"{"$current_url":"https://e.com/?utm_source=a&utm_medium=b&gclid=c","utm_source":"own","utm_medium":null}"#
        for outcome in enrichedBoth(#"{"campaign":{"enabled":true}}"#, properties: properties) {
            #expect(outcome.properties["utm_source"] as? String == "own")
            #expect(outcome.properties["utm_medium"] as? String == "b" && outcome.properties["gclid"] as? String == "c")
        }
    }

    @Test func `is bounded in parameters, in bytes of the query and of a value`() {
        func first(_ query: String) -> String? {
            let properties = #"{"$current_url":"https://e.com/?\#(query)"}"#
            return enrichedBoth(#"{"campaign":{"enabled":true}}"#, properties: properties)[0].properties["utm_source"]
                as? String
        }
        let many = String(repeating: "a=1&", count: Enricher.mostParameters - 1)
        #expect(first(many + "utm_source=x") == "x" && first("a=1&" + many + "utm_source=x") == nil)
        let long = String(repeating: "a", count: Enricher.longestQuery - 14)
        #expect(first(long + "=&utm_source=x") == "x" && first(long + "a=&utm_source=x") == nil)
        #expect(first("utm_source=x&" + long) == "x")
        let value = String(repeating: "é", count: Enricher.longestCampaignValue / 2)
        #expect(first("utm_source=" + value) == value && first("utm_source=" + value + "y") == value)
        #expect(first("utm_source=x" + value) == "x" + value.dropLast())
    }

    @Test func `is read from a URL with escapes`() {
        let properties = #"{"$current_url":"https:\/\/e.com\/?utm_source\u003da\"b\\c"}"#
        for outcome in enrichedBoth(#"{"campaign":{"enabled":true}}"#, properties: properties) {
            #expect(outcome.properties["utm_source"] as? String == #"a"b\c"#)
        }
    }

    @Test func `is seen by actions`() {
        let condition = #"{"key":"utm_source","value":"news"}"#
        for on in [true, false] {
            let outcomes = enrichedBoth(
                #"{"campaign":{"enabled":\#(on)}}"#,
                properties: #"{"$current_url":"https://e.com/?utm_source=news"}"#,
                condition: condition
            )
            for outcome in outcomes { #expect(outcome.row["actions"] as? [Int] == (on ? [7, 8] : [7])) }
        }
    }
}

@Suite struct `A referrer` {
    /// (referrer, what else the event has, the type, the name).
    static let rows: [(String, String, String?, String?)] = [
        ("$direct", "", "direct", nil),
        ("", "", "direct", nil),
        ("https://www.google.com/", "", "search", "Google"),
        ("https://www.google.co.uk/search?q=x", "", "search", "Google"),
        ("https://news.google.de", "", "search", "Google"),
        ("https://google.example.com/", "", "referral", nil),
        ("https://mail.google.com/mail/u/0", "", "email", "Gmail"),
        ("HTTPS://WWW.BING.COM/", "", "search", "Bing"),
        ("https://l.facebook.com:443/x", "", "social", "Facebook"),
        ("https://t.co/abc", "", "social", "X"),
        ("https://nott.co/abc", "", "referral", nil),
        ("https://news.ycombinator.com/item?id=1", "", "social", "Hacker News"),
        ("android-app://com.google.android.gm/", "", "email", "Gmail"),
        ("https://chatgpt.com/", "", "ai", "ChatGPT"),
        ("https://www.youtube.com/watch", "", "video", "YouTube"),
        ("https://googleads.g.doubleclick.net/", "", "paid", "Google Ads"),
        ("https://blog.example.org/a", "", "referral", nil),
        ("https://SHOP.example.org/a", #","$current_url":"https://shop.example.org:8443/b""#, "internal", nil),
        ("https://user:pw@www.google.com/", "", "search", "Google"),
        ("https://www.google.com/", #","gclid":"x""#, "paid", "Google"),
        ("https://www.google.com/", #","gclid":"""#, "search", "Google"),
        ("https://www.google.com/", #","gclid":null"#, "search", "Google"),
        ("https://www.facebook.com/", #","fbclid":"x""#, "social", "Facebook"),
        ("$direct", #","utm_medium":"CPC""#, "paid", nil),
        ("$direct", #","utm_medium":"paid-social""#, "paid", nil),
        ("$direct", #","utm_medium":"newsletter""#, "email", nil),
        ("$direct", #","utm_source":"newsletter""#, "email", nil),
        ("$direct", #","mc_cid":"x""#, "email", nil),
        ("$direct", #","utm_medium":"social""#, "social", nil),
        ("$direct", #","utm_medium":"organic""#, "search", nil),
        ("$direct", #","utm_medium":"podcast""#, "direct", nil),
        ("https://[2001:db8::1]:80/", "", "referral", nil),
        ("not a url", "", "direct", nil),
    ]

    @Test(arguments: rows)
    func `is of a kind`(referrer: String, more: String, type: String?, name: String?) {
        let properties = #"{"$referrer":"\#(referrer)"\#(more)}"#
        for outcome in enrichedBoth(#"{"referrer":{"enabled":true}}"#, properties: properties) {
            #expect(outcome.properties["$referrer_type"] as? String == type)
            #expect(outcome.properties["$referrer_name"] as? String == name)
        }
    }

    @Test func `brings the domain that the SDK left out`() {
        for (properties, domain) in [
            (#"{"$referrer":"https://WWW.Example.com:8080/a"}"#, "www.example.com:8080"),
            (#"{"$referrer":"$direct"}"#, "$direct"),
            (#"{"$referrer":"https://a.b/","$referring_domain":"own"}"#, "own"),
            (#"{"$referrer":"https://a.b/","$referring_domain":null}"#, "a.b"),
        ] {
            for outcome in enrichedBoth(#"{"referrer":{"enabled":true}}"#, properties: properties) {
                #expect(outcome.properties["$referring_domain"] as? String == domain)
            }
        }
    }

    @Test func `is not asked of an event that says nothing of pages, and cannot be forged`() {
        for (properties, type) in [(#"{"$referrer_type":"paid","$referrer_name":"x"}"#, nil), (#"{"a":1}"#, nil)]
            as [(String, String?)]
        {
            for outcome in enrichedBoth(#"{"referrer":{"enabled":true}}"#, properties: properties) {
                #expect(outcome.properties["$referrer_type"] as? String == type)
                #expect(outcome.properties["$referrer_name"] == nil)
            }
        }
    }

    @Test func `has a list in which every domain stands once`() {
        #expect(ReferrerTable.shared.count > 100)
        let domains = ReferrerDomains.list.split(separator: "\n").flatMap { $0.split(separator: " ").dropFirst(2) }
        #expect(Set(domains).count == domains.count)
    }
}
