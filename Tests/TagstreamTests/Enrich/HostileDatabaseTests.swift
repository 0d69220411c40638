import TestKit
import Testing

@testable import Tagstream

/// Files that are cut off, damaged or made to hurt: refused, or opened and then harmless.
///
/// Nothing here may crash, and nothing may hang.
@Suite struct `A hostile database` {
    private func open(_ bytes: [UInt8]) -> Result<GeoIPDatabase, MMDBFailure> {
        bytes.withUnsafeBytes { bytes in
            do throws(MMDBFailure) {
                return .success(try GeoIPDatabase(bytes))
            } catch {
                return .failure(error)
            }
        }
    }

    private func refusal(_ bytes: [UInt8]) -> String? {
        if case .failure(let failure) = open(bytes) { failure.description } else { nil }
    }

    /// Looks addresses up in what was opened: every answer must be whole JSON.
    private func exercise(_ database: GeoIPDatabase) {
        let tables = [GeoIPTables(city: database), GeoIPTables(country: database), GeoIPTables(asn: database)]
        for case let tables? in tables {
            var cache = GeoIPCache(addresses: 16, places: 8, bytes: 1 << 16)
            for address in ["81.2.69.142", "2a02:db80::1", "89.160.20.113", "8.8.8.8", "2001:4860::8888", "255.1.1.1"] {
                address.withBytes { text in
                    guard let found = cache.find(text, in: tables) else { return }
                    for members in [found.properties, found.set, found.setOnce] { #expect(members.object != nil) }
                }
            }
        }
    }

    @Test func `mmdb_truncated is refused at every length`() {
        let whole = TestDatabase.sample.bytes
        #expect(refusal(whole) == nil)
        for length in 0..<whole.count { #expect(refusal(Array(whole.prefix(length))) != nil, "\(length) bytes") }
        // A head that is missing is as bad as a tail.
        for length in 1..<whole.count {
            if case .success(let database) = open(Array(whole.dropFirst(length))) { exercise(database) }
        }
    }

    @Test func `mmdb_bitflip is refused or harmless, a thousand times`() {
        var random = SeededGenerator(seed: 20_261_127)
        let whole = TestDatabase.sample.bytes
        var refused = 0
        for _ in 0..<1000 {
            var damaged = whole
            for _ in 0...random.below(3) { damaged[random.below(damaged.count)] ^= 1 << UInt8(random.below(8)) }
            switch open(damaged) {
            case .success(let database): exercise(database)
            case .failure: refused += 1
            }
        }
        #expect(refused > 300, "of 1000 damaged files only \(refused) were refused")
    }

    @Test func `mmdb_noise is refused or harmless`() {
        var random = SeededGenerator(seed: 7)
        let sample = TestDatabase.sample
        let whole = sample.bytes
        for _ in 0..<500 {
            var damaged = whole
            let start = random.below(damaged.count)
            for offset in start..<min(damaged.count, start + 1 + random.below(40)) {
                damaged[offset] = UInt8(truncatingIfNeeded: random.next())
            }
            if case .success(let database) = open(damaged) { exercise(database) }
        }
    }

    @Test func `mmdb_pointer_loop is refused`() {
        // A record that points to itself, one that points to a pointer, and a map that holds itself.
        var own = TestDatabase()
        own.add("1.0.0.0/8", .pointer(0))
        #expect(refusal(own.bytes)?.contains("points to a pointer") == true)
        var pair = TestDatabase()
        pair.preamble = TestDatabaseValue.pointer(5).encoded + TestDatabaseValue.pointer(0).encoded
        pair.add("1.0.0.0/8", .map([("city", .pointer(0))]))
        #expect(refusal(pair.bytes)?.contains("points to a pointer") == true)
        var around = TestDatabase()
        around.add("1.0.0.0/8", .map([("city", .pointer(0))]))
        #expect(refusal(around.bytes)?.contains("nested deeper") == true)
    }

    @Test func `mmdb_fanout is refused, in a record and in the description`() {
        // Four levels of which each points to the one below sixteen times: 70,000 values in 330 bytes. More levels are too deep.
        var preamble = TestDatabaseValue.text("x").encoded
        var below = 0
        for _ in 0..<4 {
            let level = TestDatabaseValue.array(Array(repeating: .pointer(below), count: 16)).encoded
            below = preamble.count
            preamble += level
        }
        var record = TestDatabase()
        record.preamble = preamble
        record.add("1.0.0.0/8", .map([("city", .pointer(below))]))
        #expect(refusal(record.bytes)?.contains("more values than the budget") == true)

        // Within the description offsets count from its beginning, so the levels stand in the first member's map.
        var description = TestDatabase.sample
        var members = description.standardDescription
        var levels: [UInt8] = []
        // The description begins with its own head (1 byte) and the first key, "levels" (7 bytes), and the array's head (2 bytes).
        let base = 10
        below = base
        var items: [[UInt8]] = [TestDatabaseValue.text("x").encoded]
        levels += items[0]
        for _ in 0..<9 {
            let level = TestDatabaseValue.array(Array(repeating: .pointer(below), count: 16)).encoded
            below = base + levels.count
            levels += level
            items.append(level)
        }
        let array = TestDatabaseValue.head(11, items.count) + levels
        members.insert(("levels", .raw(array)), at: 0)
        description.description = members
        #expect(refusal(description.bytes)?.contains("more values than the budget") == true)
    }

    @Test func `is refused when records need more looks than its size allows`() {
        // Thousands of records share one large value.
        var database = TestDatabase()
        database.preamble = TestDatabaseValue.array(Array(repeating: .boolean(true), count: 4000)).encoded
        for index in 0..<3000 {
            database.add("10.\(index >> 8).\(index & 255).0/24", .map([("city", .pointer(0))]))
        }
        #expect(refusal(database.bytes)?.contains("more values than a file of") == true)
    }

    @Test func `is refused when it is too deep, too long or no map`() {
        var deep = TestDatabase()
        var value = TestDatabaseValue.text("x")
        for _ in 0..<5000 { value = .array([value]) }
        deep.add("1.0.0.0/8", value)
        #expect(refusal(deep.bytes)?.contains("nested deeper") == true)
        var long = TestDatabase()
        long.add("1.0.0.0/8", .map([("city", .text(String(repeating: "x", count: 300_000)))]))
        #expect(refusal(long.bytes)?.contains("more text than the budget") == true)
        var text = TestDatabase()
        text.add("1.0.0.0/8", .text("no map"))
        #expect(refusal(text.bytes)?.contains("not a map") == true)
        var key = TestDatabase()
        key.add(
            "1.0.0.0/8",
            .raw(TestDatabaseValue.head(7, 1) + TestDatabaseValue.boolean(true).encoded + [0x41, 0x41])
        )
        #expect(refusal(key.bytes)?.contains("key is not a text") == true)
        var latin = TestDatabase()
        latin.add("1.0.0.0/8", .map([("city", .raw([0x42, 0xE9, 0x65]))]))
        #expect(refusal(latin.bytes)?.contains("not UTF-8") == true)
    }

    @Test func `is refused for what its description says`() {
        func refusal(_ change: (inout TestDatabase) -> Void) -> String? {
            var database = TestDatabase.sample
            change(&database)
            return self.refusal(database.bytes)
        }
        func replacing(_ key: String, _ value: TestDatabaseValue) -> String? {
            refusal { database in
                database.description = database.standardDescription.map { $0.0 == key ? (key, value) : $0 }
            }
        }
        // 0x2492_4925 nodes of 7 bytes are 3 bytes in 32 bits.
        #expect(refusal { $0.toldNodes = 0x2492_4925 }?.contains("its search tree of") == true)
        #expect(refusal { $0.toldNodes = .max }?.contains("its search tree of") == true)
        #expect(refusal { $0.toldNodes = 0 }?.contains("node_count is 0") == true)
        #expect(refusal { $0.type = "Test-Anonymous-IP" }?.contains("database_type") == true)
        #expect(replacing("record_size", .uint16(26))?.contains("record_size is 26") == true)
        #expect(replacing("ip_version", .uint16(5))?.contains("ip_version is 5") == true)
        #expect(replacing("binary_format_major_version", .uint16(3))?.contains("major_version is 3") == true)
        #expect(replacing("build_epoch", .text("x"))?.contains("build_epoch") == true)
        #expect(replacing("node_count", .uint64(.max))?.contains("node_count is") == true)
        #expect(refusal { $0.description = [] }?.contains("binary_format_major_version") == true)
        var empty = TestDatabase()
        #expect(self.refusal(empty.bytes)?.contains("no record") == true)
        empty.add("1.0.0.0/8", .map([]))
        #expect(self.refusal(empty.bytes) == nil)
    }
}
