import Testing

@testable import Tagstream

@Suite struct `A schema is refused` {
    private func refusals(_ schema: String) throws -> [SchemaRefusal] {
        SchemaDefinition.reading(try JSONTree(parsing: #"{"event":"e","team_id":2,"schema":\#(schema)}"#)).refusals
    }

    private func places(_ schema: String) throws -> [String] {
        try refusals(schema).map { "\($0.reason.rawValue) \($0.pointer)" }
    }

    @Test func schema_ref_cycle() throws {
        let cycles = [
            ##"{"$ref":"#"}"##, ##"{"properties":{"a":{"items":{"$ref":"#"}}}}"##,
            ##"{"$defs":{"a":{"$ref":"#/$defs/a"}},"$ref":"#/$defs/a"}"##,
            ##"{"$defs":{"a":{"allOf":[{"$ref":"#/$defs/b"}]},"b":{"properties":{"x":{"$ref":"#/$defs/c"}}},"c":{"not":{"$ref":"#/$defs/a"}}},"$ref":"#/$defs/a"}"##,
            ##"{"$defs":{"a":{"additionalProperties":{"$ref":"#/$defs/%61"}}},"items":{"$ref":"#/$defs/a"}}"##,
        ]
        for cycle in cycles { #expect(try refusals(cycle).map(\.reason) == [.refCycle], "\(cycle)") }
        #expect(try refusals(cycles[3])[0].description.hasSuffix("and this is one: a → b → c → a"))
        #expect(try refusals(cycles[3])[0].pointer == "/$defs/c/not/$ref")
    }

    @Test func `not where only what nothing refers to comes back to itself`() throws {
        let tree =
            ##""tree":{"properties":{"left":{"$ref":"#/$defs/tree"},"right":{"$ref":"#/$defs/leaf"}}}"##
        let leaf = ##""leaf":{"anyOf":[{"type":"number"},{"$ref":"#/$defs/tree"}]}"##
        #expect(try refusals(##"{"$defs":{\##(tree),\##(leaf)},"properties":{"a":{"type":"string"}}}"##).isEmpty)
        #expect(try refusals(##"{"$defs":{\##(leaf),\##(tree)}}"##).isEmpty)
        // It is refused on the day when something does, by whatever way, and its other mistakes are refused before.
        #expect(
            try places(##"{"$defs":{\##(tree),\##(leaf)},"properties":{"a":{"$ref":"#/$defs/leaf"}}}"##)
                == ["ref_cycle /$defs/tree/properties/left/$ref", "ref_cycle /$defs/tree/properties/right/$ref"]
        )
        #expect(
            try places(##"{"$defs":{\##(tree),"leaf":{"minimum":"0","not":{"$ref":"#/$defs/tree"}}}}"##)
                == ["shape /$defs/leaf/minimum"]
        )
        #expect(try refusals(##"{"$defs":{"a":{"items":{"$ref":"#"}}},"required":["a"]}"##).isEmpty)
        #expect(
            try places(##"{"$defs":{"a":{"items":{"$ref":"#"}}},"items":{"$ref":"#/$defs/a"}}"##)
                == ["ref_cycle /$defs/a/items/$ref"]
        )
    }

    @Test func schema_ref_http() throws {
        for reference in [
            "http://example.com/schema.json", "https://example.com/#/$defs/a", "other.json", "file:///etc/passwd",
            "urn:x:y",
            "//example.com/a", "",
        ] {
            let found = try refusals(#"{"properties":{"a":{"$ref":"\#(reference)"}}}"#)
            #expect(found.map(\.reason) == [.refRemote])
            #expect(found.map(\.pointer) == ["/properties/a/$ref"])
            #expect(found[0].suggestion == "copy it into $defs; nothing is ever fetched")
        }
        // An `$id` is a name, and nothing is resolved against it.
        #expect(try refusals(#"{"$id":"https://example.com/s"}"#).isEmpty)
        #expect(try places(#"{"properties":{"a":{"$id":"https://example.com/s"}}}"#) == ["keyword /properties/a/$id"])
    }

    @Test func `where references stand for more than a schema may cost`() throws {
        // Thirty lines, a thousand million schemas.
        let laughs = (1...30).map {
            ##""d\##($0)":{"allOf":[{"$ref":"#/$defs/d\##($0 - 1)"},{"$ref":"#/$defs/d\##($0 - 1)"}]}"##
        }
        let schema = ##"{"$defs":{"d0":{"type":"string"},\##(laughs.joined(separator: ","))},"$ref":"#/$defs/d30"}"##
        #expect(try refusals(schema).map(\.reason) == [.budget])
        let few =
            ##"{"$defs":{"d0":{"type":"string"},\##(laughs.prefix(8).joined(separator: ","))},"$ref":"#/$defs/d8"}"##
        #expect(try refusals(few).isEmpty)
    }

    @Test func `where schemas stand too deep within one another, by themselves or by reference`() throws {
        func chain(_ count: Int) -> String {
            let links = (1..<count).map { ##""d\##($0)":{"allOf":[{"$ref":"#/$defs/d\##($0 - 1)"}]}"## }
            return ##"{"$defs":{"d0":{},\##(links.joined(separator: ","))},"$ref":"#/$defs/d\##(count - 1)"}"##
        }
        #expect(try refusals(chain(20)).isEmpty)
        #expect(try refusals(chain(50)).contains { $0.reason == .depth })
        #expect(try refusals(chain(15_000)).contains { $0.reason == .depth })
        func nested(_ count: Int) -> String {
            String(repeating: #"{"not":"#, count: count) + "{}" + String(repeating: "}", count: count)
        }
        #expect(try refusals(nested(60)).isEmpty)
    }

    @Test func `with every mistake at once, each with its place`() throws {
        let schema = #"""
            {"properties":{"price":{"type":"number","minimum":"0"},"plan":{"enum":[]},"a/b":{"pattern":"("}},
             "required":"price","if":{},"minLenght":1}
            """#
        let found = try refusals(schema)
        #expect(
            found.map(\.pointer) == [
                "/properties/price/minimum", "/properties/plan/enum", "/properties/a~1b/pattern", "/required", "/if",
                "/minLenght",
            ]
        )
        #expect(found.map(\.reason) == [.shape, .shape, .regex, .shape, .keyword, .keyword])
        #expect(
            found[0].description
                == #"schema of "e" of team 2: /properties/price/minimum is "0", expected a number. Hint: leave out the quotes"#
        )
        #expect(found[5].suggestion == #"write "minLength""#)
        #expect(found[0].json["pointer"] == .string("/properties/price/minimum"))
        #expect(found[0].json["team"] == .number(2))
        #expect(found[0].json["event"] == .string("e"))
    }

    @Test(arguments: [
        (#"{"type":"int"}"#, "value /type", #"write "integer""#),
        (#"{"type":"String"}"#, "value /type", #"write "string""#),
        (#"{"exclusiveMinimum":true}"#, "shape /exclusiveMinimum", "it is the bound itself since draft 6"),
        (
            #"{"properties":{"a":{"required":true}}}"#, "shape /properties/a/required",
            "write required beside properties, with the names of those that must be there"
        ),
        (#"{"items":[{}]}"#, "shape /items", #"write "prefixItems" for a list of schemas"#),
        (#"{"definitions":{}}"#, "keyword /definitions", #"write "$defs""#),
        (#"{"pattern":"a(?!b)"}"#, "regex /pattern", "RE2 has no look-around: say it with allOf, anyOf and not"),
        (#"{"pattern":"\\u20AC"}"#, "regex /pattern", #"write \x{20AC} for \u20AC"#),
        (#"{"format":"datetime"}"#, "format /format", #"write "date-time""#),
        (#"{"format":"ipv4"}"#, "format /format", "write a pattern"),
        (##"{"$ref":"#/properties/a"}"##, "ref /$ref", "move it into $defs"),
        (##"{"$ref":"#a"}"##, "ref /$ref", "use $defs instead of $anchor"),
        (##"{"$defs":{"plan":{}},"$ref":"#/$defs/plann"}"##, "ref /$ref", ##"write "#/$defs/plan""##),
        (#"{"multipleOf":1234567890123456789}"#, "value /multipleOf", nil),
        (#"{"maxLength":1e10}"#, "value /maxLength", nil),
        (
            #"{"$schema":"http://json-schema.org/draft-07/schema#"}"#, "dialect /$schema",
            "leave it out, or write the schema for 2020-12"
        ),
        (
            #"{"properties":{"a":{"$defs":{}}}}"#, "keyword /properties/a/$defs",
            "move it to the beginning of the schema"
        ),
        ("7", "shape ", nil), (#""x""#, "shape ", nil),
    ])
    func `with what its author may have meant`(schema: String, place: String, suggestion: String?) throws {
        #expect(try places(schema) == [place])
        #expect(try refusals(schema)[0].suggestion == suggestion)
    }

    @Test(arguments: [
        ("7", "shape "), (#"{"schema":{}}"#, "event event"), (#"{"event":"","schema":{}}"#, "event event"),
        (#"{"event":7,"schema":{}}"#, "shape event"), (#"{"event":"a\u0000","schema":{}}"#, "event event"),
        (#"{"event":"e"}"#, "shape schema"),
        (#"{"event":"e","schema":{},"mode":"Reject"}"#, "value mode"),
        (#"{"event":"e","schema":{},"mode":true}"#, "shape mode"),
        (#"{"event":"e","schema":{},"mod":"reject"}"#, "keyword mod"),
        (#"{"event":"e","schema":{},"team_id":"2"}"#, "shape team_id"),
        (#"{"event":"e","schema":{},"version":1.5}"#, "shape version"),
        (#"{"event":"e","schema":{},"deleted":"true"}"#, "shape deleted"),
    ])
    func `for what stands beside the schema, too`(definition: String, place: String) throws {
        let found = SchemaDefinition.reading(try JSONTree(parsing: definition)).refusals
        #expect(found.map { "\($0.reason.rawValue) \($0.field)" } == [place])
    }

    @Test func `and its message stays on one line, whatever it contains`() throws {
        let found = try refusals(#"{"type":"a\nb\u001b[31m","\u202e":1}"#)
        #expect(found.count == 2)
        for refusal in found {
            #expect(!refusal.description.contains { $0.isNewline || $0 == "\u{1b}" || $0 == "\u{202e}" })
        }
        let many = "{" + (0..<500).map { #""nonsense\#($0)":1"# }.joined(separator: ",") + "}"
        #expect(try refusals(many).count == SchemaRefusal.largestCount + 1)
        #expect(try refusals(many).last?.reason == .tooMany)
    }

    @Test func `but a deletion never is`() throws {
        let reading = SchemaDefinition.reading(
            try JSONTree(parsing: #"{"event":"e","deleted":true,"schema":7,"mode":3}"#)
        )
        #expect(reading.definition?.isDeleted == true)
    }
}
