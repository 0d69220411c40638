import Testing

@testable import Tagstream

@Suite struct `A lookup table` {
    private func read(_ text: String, _ format: LookupTable.Format, prefix: String = "") -> Result<
        LookupTable, LookupTableFailure
    > {
        text.withBytes { bytes in
            do throws(LookupTableFailure) {
                return .success(try LookupTable.read(bytes, format, key: "id", prefix: prefix))
            } catch {
                return .failure(error)
            }
        }
    }

    private func problems(_ text: String, _ format: LookupTable.Format) -> [String] {
        guard case .failure(let failure) = read(text, format) else { return [] }
        return failure.description.split(separator: "\n").map(String.init)
    }

    @Test func `gives the properties of a key of a CSV file`() throws {
        let text = """
            \u{FEFF}id,plan,seats:number,active:boolean,tags:json,note\r
            acme,pro,25,true,"[1,{""a"":null}]","He said ""yes"",
            twice"\r
            7,,,false,,
            "a""b",free,,,,x\\y

            """
        let table = try read(text, .csv).get()
        #expect(table.count == 3)
        let acme = "acme".withBytes { table.find($0) }
        let expected: [String: JSONTree] = [
            "plan": .string("pro"), "seats": .number(25), "active": .bool(true),
            "tags": try JSONTree(parsing: "[1,{\"a\":null}]"), "note": .string("He said \"yes\",\ntwice"),
        ]
        #expect(acme.object == expected)
        #expect(acme.objectOnWorkbench() == expected)
        #expect("7".withBytes { table.find($0).object } == ["active": .bool(false)])
        #expect("a\"b".withBytes { table.find($0).object } == ["plan": .string("free"), "note": .string("x\\y")])
        #expect("acm".withBytes { table.find($0).isEmpty })
        #expect("".withBytes { table.find($0).isEmpty })
    }

    @Test func `gives the properties of a key of a file of JSON lines`() throws {
        let text = """
            {"id":"acme","plan":"pro","seats":2.50,"nested":{"a":["b\\u0001"]},"gone":null}

            {"id":17,"plan\\n":"x"}
            """
        let table = try read(text, .jsonLines, prefix: "org_").get()
        #expect(table.count == 2)
        let acme = "acme".withBytes { table.find($0) }
        let expected: [String: JSONTree] = [
            "org_plan": .string("pro"), "org_seats": .number(2.5, text: "2.50"),
            "org_nested": try JSONTree(parsing: "{\"a\":[\"b\\u0001\"]}"),
        ]
        #expect(acme.object == expected)
        #expect(acme.objectOnWorkbench() == expected)
        let other = "17".withBytes { table.find($0) }
        #expect(other.object == ["org_plan\n": .string("x")])
        #expect(other.objectOnWorkbench() == ["org_plan\n": .string("x")])
    }

    @Test func `tells every bad line of a CSV file by its number`() {
        let text = """
            id,seats:number
            a,1
            b
            c,x
            a,2
            d,"1
            2"
            ,4
            e,"5"6
            f,7,8
            """
        #expect(
            problems(text, .csv)
                == [
                    "line 3: found 1 fields, expected 2", "line 4: \"seats\" is \"x\", expected a number",
                    "line 5: the key \"a\" stands in line 2 already",
                    "line 6: \"seats\" is \"1\n2\", expected a number",
                    "line 8: the key has 0 bytes, expected 1 to 1024",
                    "line 9: found a quote within a field, expected it doubled and the field in quotes",
                    "line 10: found 3 fields, expected 2",
                ].flatMap { $0.split(separator: "\n").map(String.init) }
        )
        #expect(problems("id,a\nx,\"y\n", .csv) == ["line 2: a quoted field that begins in this row does not end"])
        #expect(problems("key,a\nx,y\n", .csv) == ["line 1: the header has no column \"id\", found \"key\", \"a\""])
        #expect(problems("id,a,a\nx,y,z\n", .csv) == ["line 1: the header names a column twice"])
        #expect(problems("", .csv) == ["line 1: there is no header: the file is empty or its quotes do not end"])
    }

    @Test func `tells every bad line of JSON by its number, and counts what is too much`() {
        let text = "{\"id\":\"a\"}\n[]\n{\"a\":1}\n{\"id\":true}\n{\"id\":\"a\"}\n{\"id\":\"b\",}\n"
        let found = problems(text, .jsonLines)
        #expect(found.count == 5)
        #expect(found.first == "line 2: found something else than a JSON object")
        #expect(found.dropFirst().first == "line 3: there is no member \"id\"")
        #expect(found.dropFirst(2).first == "line 4: \"id\" is a boolean, expected a text or a number")
        #expect(found.dropFirst(3).first == "line 5: the key \"a\" stands in line 1 already")
        #expect(found.last?.hasPrefix("line 6: not JSON: ") == true)
        let many = problems(String(repeating: "[]\n", count: 50), .jsonLines)
        #expect(many.count == LookupTableFailure.mostProblems + 1)
        #expect(many.last == "and 30 more")
        #expect(problems("", .jsonLines) == ["the file is empty"])
    }

    @Test func `refuses what is not UTF-8`() {
        let bytes: [UInt8] = Array("id,a\nx,".utf8) + [0xFF, 0x0A]
        #expect(throws: LookupTableFailure.self) {
            try bytes.withUnsafeBytes { bytes throws(LookupTableFailure) in
                try LookupTable.read(bytes, .csv, key: "id")
            }
        }
    }

    @Test func `keeps to its limits`() {
        let long = String(repeating: "k", count: LookupTableBuilder.longestKey)
        #expect(problems("id,a\n\(long),1\n", .csv).isEmpty)
        #expect(problems("id,a\n\(long)k,1\n", .csv) == ["line 2: the key has 1025 bytes, expected 1 to 1024"])
        func wide(_ count: Int) -> String {
            "id," + (0..<count).map { "c\($0)" }.joined(separator: ",") + "\nx,"
                + (0..<count).map { _ in "1" }.joined(separator: ",")
        }
        #expect(problems(wide(LookupTableBuilder.mostMembers), .csv).isEmpty)
        #expect(problems(wide(101), .csv) == ["line 2: there are 101 properties, the limit is 100"])
    }

    @Test func `finds each of many keys`() throws {
        let text = "id,n:number\n" + (0..<20_000).map { "key-\($0)-with-the-same-end,\($0)" }.joined(separator: "\n")
        let table = try read(text, .csv).get()
        for index in stride(from: 0, to: 20_000, by: 7) {
            let found = "key-\(index)-with-the-same-end".withBytes { table.find($0).object }
            #expect(found == ["n": .number(Int64(index))])
        }
        #expect("key-20000-with-the-same-end".withBytes { table.find($0).isEmpty })
    }
}
