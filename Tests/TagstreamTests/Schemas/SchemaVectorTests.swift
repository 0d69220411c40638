import Foundation
import Testing

@testable import Tagstream

@Suite struct `The meaning of schemas` {
    struct Case: Sendable {
        var id: String
        var schema: JSONTree
        var properties: JSONTree
        var valid: JSONTree
    }

    /// Tests/Vectors/schemas.jsonl: `{"id", "schema", "properties", "valid"}`, one a line.
    static func cases() throws -> [Case] {
        let data = try Data(contentsOf: Vectors.path("schemas.jsonl"))
        return try data.split(separator: 0x0A).map { line in
            let tree = try JSONTree(parsing: [UInt8](line))
            guard let id = tree["id"]?.text, let schema = tree["schema"], let properties = tree["properties"],
                let valid = tree["valid"]
            else { throw Vectors.IncompleteRow(text: String(decoding: line.prefix(200), as: UTF8.self)) }
            return Case(id: id, schema: schema, properties: properties, valid: valid)
        }
    }

    @Test func `is that of every case`() throws {
        var trial = SchemaTrial()
        let cases = try Self.cases()
        #expect(cases.count > 500)
        for one in cases {
            let definition = JSONTree.object([
                .init(key: "event", value: .string("e")), .init(key: "schema", value: one.schema),
            ])
            let reading = SchemaDefinition.reading(definition)
            guard let schema = reading.definition else {
                #expect(one.valid == .string("refused"), "\(one.id): \(reading.refusals.map(\.description))")
                continue
            }
            let violations = try Array(one.properties.jsonText.utf8).withUnsafeBytes {
                try trial.violations(of: $0, against: schema)
            }
            #expect(one.valid == .bool(violations.isEmpty), "\(one.id): \(violations)")
        }
    }

    @Test func `has a case for every keyword of the subset`() throws {
        let text = try String(contentsOf: Vectors.path("schemas.jsonl"), encoding: .utf8)
        for keyword in SchemaKeyword.allCases where keyword != .false && keyword != .budget {
            #expect(text.contains("\"\(keyword.name)\":"), "\(keyword)")
        }
        for format in TextFormat.allCases { #expect(text.contains("\"format\": \"\(format.name)\"")) }
    }
}

@Suite struct `A violation` {
    private func violations(_ schema: String, _ properties: String) throws -> [String] {
        var trial = SchemaTrial()
        let definition = SchemaDefinition.made(#"{"event":"e","schema":\#(schema)}"#)
        return try Array(properties.utf8).withUnsafeBytes { try trial.violations(of: $0, against: definition) }
            .map { "\($0.path) \($0.keyword) \($0.expected)" }
    }

    @Test(arguments: [
        (#"{"type":"object","required":["plan","a/b"]}"#, "{}", ["/plan required a value", "/a~1b required a value"]),
        (#"{"properties":{"a":{"type":["string","null"]}}}"#, #"{"a":1}"#, ["/a type string or null"]),
        (#"{"properties":{"a":{"enum":["x","y"]}}}"#, #"{"a":"z"}"#, [#"/a enum ["x","y"]"#]),
        (#"{"properties":{"a":{"const":{"b":1}}}}"#, #"{"a":{"b":2}}"#, [#"/a const {"b":1}"#]),
        (#"{"properties":{"a":{"minimum":2,"multipleOf":2}}}"#, #"{"a":1}"#, ["/a minimum 2", "/a multipleOf 2"]),
        (#"{"properties":{"a":{"exclusiveMaximum":2.50}}}"#, #"{"a":2.5}"#, ["/a exclusiveMaximum 2.50"]),
        (
            #"{"properties":{"a":{"minLength":3,"pattern":"^x","format":"uuid"}}}"#, #"{"a":"\u0061b"}"#,
            ["/a minLength 3", "/a pattern ^x", "/a format uuid"]
        ),
        (
            #"{"properties":{"l":{"items":{"properties":{"p":{"minimum":0}}}}}}"#,
            #"{"l":[{"p":1},{"p":-1},{"p":-2}]}"#,
            ["/l/1/p minimum 0", "/l/2/p minimum 0"]
        ),
        (#"{"properties":{"l":{"prefixItems":[{}],"items":false}}}"#, #"{"l":[1,2]}"#, ["/l/1 items no item here"]),
        (
            #"{"properties":{"l":{"maxItems":1,"uniqueItems":true}}}"#, #"{"l":[1,1.0]}"#,
            ["/l maxItems 1", "/l uniqueItems items that differ"]
        ),
        (
            #"{"additionalProperties":false}"#, #"{"t\u0069~":1}"#,
            ["/ti~0 additionalProperties no property of this name"]
        ),
        (#"{"minProperties":2}"#, #"{"a":1}"#, [" minProperties 2"]),
        (#"{"maxProperties":0}"#, #"{"a":1,"a":2}"#, [" maxProperties 0"]),
        (
            #"{"properties":{"a":{"anyOf":[{"minimum":1},{"maximum":-1}]}}}"#, #"{"a":0}"#,
            ["/a anyOf at least one of 2 schemas"]
        ),
        (#"{"properties":{"a":{"oneOf":[true,true]}}}"#, #"{"a":0}"#, ["/a oneOf exactly one of 2 schemas"]),
        (#"{"properties":{"a":{"not":{}}}}"#, #"{"a":0}"#, ["/a not anything that does not fit the schema"]),
        (
            #"{"properties":{"a":{"allOf":[{"minimum":1},{"maximum":-1}]}}}"#, #"{"a":0}"#,
            ["/a minimum 1", "/a maximum -1"]
        ),
        (##"{"$defs":{"x":{"type":"null"}},"properties":{"a":{"$ref":"#/$defs/x"}}}"##, #"{"a":0}"#, ["/a type null"]),
        ("false", "{}", [" false "]),
    ])
    func `names the place, the keyword and what was expected`(schema: String, properties: String, expected: [String])
        throws
    {
        #expect(try violations(schema, properties) == expected)
    }

    @Test func `is told at most ten times, and its path is cut at a character`() throws {
        let properties = "{" + (0..<50).map { #""k\#($0)":1"# }.joined(separator: ",") + "}"
        #expect(try violations(#"{"additionalProperties":false}"#, properties).count == 10)
        let long = String(repeating: "ä", count: 300)
        let path = try violations(#"{"additionalProperties":false}"#, #"{"\#(long)":1}"#)
        #expect(path == ["/" + String(repeating: "ä", count: 99) + "… additionalProperties no property of this name"])
    }

    @Test func `is what cannot be decided within its steps, too, whatever the schema says`() throws {
        // A million patterns' steps: every text is searched by the slowest engine's price.
        let texts =
            "[" + (0..<4000).map { "\"\($0)\(String(repeating: "x", count: 200))\"" }.joined(separator: ",") + "]"
        let pattern = String(repeating: "(a|b)?", count: 100)
        for schema in [#"{"items":{"pattern":"\#(pattern)$"}}"#, #"{"not":{"items":{"pattern":"\#(pattern)$"}}}"#] {
            let found = try violations(#"{"properties":{"l":\#(schema)}}"#, #"{"l":\#(texts)}"#)
            #expect(found == [" budget "])
        }
    }
}

@Suite struct `A decimal` {
    static let numbers = [
        "-1e30", "-9007199254740993", "-9007199254740992.5", "-2.0", "-1.999999999999999999999", "-1", "-1e-400", "0",
        "1e-400", "1e-7",
        "0.1", "0.1234567890123456789012345", "0.1234567890123456789012346", "1", "1.5", "2", "10", "99.5", "100",
        "9007199254740992",
        "9007199254740993", "12345678901234567890", "12345678901234567891", "123456789012345678901", "1e30",
        "1.0000000000000000000001e30",
    ]

    private func compare(_ one: String, _ other: String) -> Int {
        Array(one.utf8).withUnsafeBytes { one in
            Array(other.utf8).withUnsafeBytes { other in Decimal.compare(Decimal(one), one, Decimal(other), other) }
        }
    }

    @Test func `is in the order of what is written, to the last digit`() {
        for (left, one) in Self.numbers.enumerated() {
            for (right, other) in Self.numbers.enumerated() {
                #expect(compare(one, other).signum() == (left - right).signum(), "\(one) and \(other)")
            }
        }
    }

    @Test(arguments: [
        ["0", "-0", "0.000", "0e5", "-0.0e-3"], ["1", "1.0", "1e0", "10e-1", "0.1e1", "1000E-3"],
        ["-1200", "-1.2e3", "-12e+2"],
        ["12345678901234567890123", "12345678901234567890123.0", "1234567890123456789012.3e1"],
    ])
    func `is one number in every spelling`(spellings: [String]) {
        for one in spellings {
            for other in spellings {
                #expect(compare(one, other) == 0, "\(one) and \(other)")
                var first = ByteArena(capacity: 8)
                var second = ByteArena(capacity: 8)
                Array(one.utf8).withUnsafeBytes { CanonicalText.put(number: $0, to: &first) }
                Array(other.utf8).withUnsafeBytes { CanonicalText.put(number: $0, to: &second) }
                #expect(Array(first.bytes(0, first.count)) == Array(second.bytes(0, second.count)))
            }
        }
    }
}
