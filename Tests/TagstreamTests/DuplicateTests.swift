import TestKit
import Testing

@testable import Tagstream

/// A window as it is defined: the last so many keys, from the floor on.
private struct PlainWindow {
    var size: Int
    var keys: [UInt64] = []
    var settled = 0
    /// Keys before this number are forgotten: a window that was made larger cannot know them.
    var floor = 0

    func contains(_ key: UInt64) -> Bool { keys[max(floor, keys.count - size, 0)...].contains(key) }
}

private func key(_ number: UInt64) -> DuplicateKey {
    DuplicateKey(first: number, second: number &* 31, identity: 7, team: 1)
}

/// A changelog's records in their order, of which compaction keeps the last of each granule.
private struct Log {
    var records: [(granule: Int, value: [UInt8]?)] = []

    mutating func write(_ window: DuplicateWindow) {
        window.forEachChange { granule, value in records.append((granule, value.map { Array($0) })) }
    }

    mutating func compact() {
        var seen: Set<Int> = []
        records = records.reversed().filter { seen.insert($0.granule).inserted }.reversed()
        records.removeAll { $0.value == nil }
    }

    func restored(_ size: Int) throws -> DuplicateWindow {
        let window = DuplicateWindow(size: size, headroom: 100, seed: 3)
        for record in records { try record.value?.withUnsafeBytes { try window.restore($0) } }
        window.finishRestoring()
        return window
    }
}

@Suite struct `A window of uuids` {
    /// Additions, commits, aborts, restorations from a changelog that is compacted at times, and changes of the size: it always knows what
    /// the plainest window knows.
    @Test func `knows the last so many keys, whatever happens in between`() throws {
        for seed in Seeds.run(300) {
            var random = SeededGenerator(seed: seed)
            let size = random.pick([1, 2, 5, 63, 64, 65, 200, 1000])
            let variety = UInt64(random.pick([3, size, size * 2 + 1, 100_000]))
            let longest = random.pick([1, 5, 100, 500])
            var plain = PlainWindow(size: size)
            var window = DuplicateWindow(size: size, headroom: random.pick([1, 500]), seed: seed)
            var log = Log()
            for _ in 0..<(20 + random.below(60)) {
                for _ in 0..<random.below(longest + 1) {
                    let number = random.next() % variety
                    let isKnown = window.contains(key(number))
                    try #require(isKnown == plain.contains(number), "seed \(seed); \(Seeds.replay(seed))")
                    guard !isKnown else { continue }
                    window.add(key(number))
                    plain.keys.append(number)
                }
                try #require(window.next == Int64(plain.keys.count))
                if random.chance(25) {
                    window.takeBack()
                    plain.keys.removeLast(plain.keys.count - plain.settled)
                    continue
                }
                log.write(window)
                window.commit()
                plain.settled = plain.keys.count
                if random.chance(30) { log.compact() }
                if random.chance(20) {
                    window = try log.restored(plain.size)
                    try #require(window.next == Int64(plain.settled), "seed \(seed); \(Seeds.replay(seed))")
                }
                if random.chance(5) {
                    let known = min(plain.settled - plain.floor, plain.size)
                    plain.size = random.pick([1, 2, 5, 63, 64, 65, 200, 1000])
                    window = try log.restored(plain.size)
                    // A larger window knows at least what the smaller one knew.
                    plain.floor = Int(window.first)
                    try #require(plain.settled - plain.floor >= min(known, plain.size))
                }
            }
            log.compact()
            // What compaction leaves is bounded by the window.
            #expect(log.records.allSatisfy { $0.granule < (1000 + 63) / 64 + 1 })
        }
    }

    @Test
    func `writes what it has touched, and each granule under the number that it shares with those that have left`() {
        let window = DuplicateWindow(size: 100, headroom: 100, seed: 0)
        #expect(window.granules == 3)
        func changes() -> [[Int]] {
            var changes: [[Int]] = []
            window.forEachChange { granule, value in
                let count = ((value?.count ?? 0) - DuplicateWindow.headerBytes) / DuplicateKey.size
                changes.append([granule, count])
            }
            window.commit()
            return changes
        }
        func add(_ numbers: Range<UInt64>) { for number in numbers { window.add(key(number)) } }
        #expect(changes() == [])
        add(0..<1)
        #expect(changes() == [[0, 1]])
        add(1..<70)
        #expect(changes() == [[0, 64], [1, 6]])
        add(70..<130)
        #expect(changes() == [[1, 64], [2, 2]])
        add(130..<193)
        #expect(changes() == [[2, 64], [0, 1]])
        // Of a transaction that is larger than the window only what still counts is written.
        add(193..<1000)
        #expect(changes().map { $0[0] } == [14 % 3, 15 % 3])
    }

    @Test func `is written anew once when its size has changed`() throws {
        let window = DuplicateWindow(size: 1000, headroom: 1000, seed: 0)
        var log = Log()
        for number in UInt64(0)..<640 { window.add(key(number)) }
        log.write(window)
        window.commit()
        let smaller = try log.restored(100)
        #expect(smaller.next == 640)
        #expect(!smaller.contains(key(539)) && smaller.contains(key(540)))
        log.write(smaller)
        let size = log.records.count
        #expect(log.records.contains { $0.value == nil })
        smaller.takeBack()
        // The transaction was aborted: it is written again.
        log.write(smaller)
        #expect(log.records.count > size)
        smaller.commit()
        let end = log.records.count
        log.write(smaller)
        #expect(log.records.count == end)
        log.compact()
        // Two granules under their new numbers, and one of long ago that the next lap replaces.
        #expect(log.records.count == 3)
        #expect(try log.restored(100).contains(key(540)))
        #expect(try log.restored(100).unlogged == .max)
    }

    @Test func `costs less than forty bytes a key`() {
        let window = DuplicateWindow(size: 100_000, headroom: 10_000, seed: 0)
        for number in UInt64(0)..<500_000 {
            window.add(key(number))
            if number % 10_000 == 0 { window.commit() }
        }
        #expect(window.bytes <= 110_000 * 40)
    }

    @Test func `refuses a record of the changelog that it does not know`() throws {
        let window = DuplicateWindow(size: 10, headroom: 10, seed: 0)
        window.add(key(1))
        var log = Log()
        log.write(window)
        let good = try #require(log.records.first?.value)
        for (change, expected) in [
            ({ $0.removeAll() }, "0 bytes"), ({ $0[0] = 2 }, "version is 2"), ({ $0[1] = 27 }, "27 bytes"),
            ({ $0[2] = 3 }, "for 3 keys"), ({ $0.removeLast() }, "43 bytes"), ({ $0[15] = 0x80 }, "from -"),
            ({ $0[7] = 0x7F }, "window of 213"),
        ] as [((inout [UInt8]) -> Void, String)] {
            var bytes = good
            change(&bytes)
            let problem = #expect(throws: ChangelogProblem.self) {
                try bytes.withUnsafeBytes { try DuplicateWindow(size: 10, headroom: 10, seed: 0).restore($0) }
            }
            #expect(problem?.description.contains(expected) == true, "\(problem?.description ?? "")")
        }
    }
}

@Suite struct `A key of an event` {
    private func made(_ uuid: String, _ id: String, team: Int64 = 1) -> DuplicateKey {
        let padded = Array((uuid + "        ").utf8)
        return padded.withUnsafeBytes { uuid in
            Array(id.utf8).withUnsafeBytes { DuplicateKey(uuid: uuid.baseAddress!, distinctID: $0, team: team) }
        }
    }

    @Test func `holds the bytes of the uuid`() {
        let key = made("00112233-4455-6677-8899-aabbccddeeff", "d")
        var bytes = [UInt8](repeating: 0, count: DuplicateKey.size)
        bytes.withUnsafeMutableBytes { key.store(to: $0.baseAddress!) }
        #expect(
            bytes.prefix(16) == [
                0, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xAA, 0xBB, 0xCC, 0xDD, 0xEE, 0xFF,
            ]
        )
        #expect(bytes.withUnsafeBytes { DuplicateKey(at: $0.baseAddress!) } == key)
    }

    /// The changelog keeps these: another function would forget everything that is in it.
    @Test(
        arguments: zip(
            ["", "d", "user_42", "12345678", "123456789", "a person of sixteen+", String(repeating: "x", count: 33)],
            identities
        )
    )
    func `has the identity that it has always had`(id: String, identity: UInt64) {
        #expect(made("00112233-4455-6677-8899-aabbccddeeff", id, team: 7).identity == identity)
    }

    private static let identities: [UInt64] = [
        0x34A5118C13895FE2,
        0x2A7769911B56715D,
        0xF34F2C8C8DA379F3,
        0x3D0639BF4F872939,
        0xE47DF360FAD467AA,
        0x8F65B345750D7F65,
        0x7D1F0D1BF5DA28C9,
    ]

    @Test func `differs by uuid, by person and by team`() {
        let uuid = "00112233-4455-6677-8899-aabbccddeeff"
        let keys = [
            made(uuid, "d"), made(uuid, "e"), made(uuid, "d", team: 2), made(uuid, "dd"), made(uuid, "d\0"),
            made(uuid, ""),
            made("00112233-4455-6677-8899-aabbccddeefe", "d"),
        ]
        for (index, key) in keys.enumerated() { #expect(!keys.dropFirst(index + 1).contains(key)) }
    }
}

@Suite struct `A pipeline that looks for duplicates` {
    /// Feeds events, each given by uuid, distinct id and token, as one partition; tells what became of each.
    private func outcomes(_ events: [(uuid: String, id: String, token: String)], window: Int = 10) -> [String] {
        var pipeline = Pipeline(keepsIgnored: true, duplicates: DuplicateFilter(size: window, headroom: 100, seed: 9))
        var batch = RecordBatch()
        let topic = batch.index(ofTopic: "events_raw")
        pipeline.duplicates.begin(InputPartition(topic: topic, partition: 3))
        for (offset, event) in events.enumerated() {
            let text = #"{"event":"e","distinct_id":"\#(event.id)","token":"\#(event.token)","uuid":"\#(event.uuid)"}"#
            batch.append(
                topic: topic,
                partition: 3,
                offset: Int64(offset),
                timestamp: 0,
                key: nil,
                value: SampleValue.lasting(text)
            )
        }
        var out = OutputBatch(capacity: 1 << 10)
        pipeline.process(batch, under: testSnapshot, into: &out)
        var outcomes = [String](repeating: "nothing", count: events.count)
        for record in out.records where record.destination == .tagged || record.destination == .deadLetters {
            outcomes[Int(record.input)] = record.destination == .tagged ? "tagged" : "ignored"
        }
        #expect(out.counts.ignoredReasons.allSatisfy { $0.reason == "duplicate" })
        return outcomes
    }

    private let one = "0190f3c1-8a52-7cc1-9f3e-2b0f6a1d4e77"
    private let two = "0190f3c1-8a52-7cc1-9f3e-2b0f6a1d4e78"

    @Test func `ignores the second event of a uuid, however the uuid and the id are spelt`() {
        #expect(
            outcomes([
                (one, "u", "phc_test"), (one, "u", "phc_test"), (two, "u", "phc_test"),
                (one.uppercased(), "u", "phc_test"),
                (one, #"\u0075"#, "phc_test"),
            ]) == ["tagged", "ignored", "tagged", "ignored", "ignored"]
        )
    }

    @Test func `remembers as many as its window`() {
        let fill = (0..<2).map { ("0190f3c1-8a52-7cc1-9f3e-2b0f6a1d4e0\($0)", "u", "phc_test") }
        let events = [(one, "u", "phc_test")] + fill + [(one, "u", "phc_test")]
        #expect(outcomes(events, window: 3).last == "ignored")
        #expect(outcomes(events, window: 2).last == "tagged")
    }

    /// Dedup as a weapon: somebody sends a victim's uuid first, under an id of his own or for another team.
    @Test func `uuid_suppression: another one's uuid suppresses nothing`() {
        #expect(
            outcomes([
                (one, "attacker", "phc_test"), (one, "victim", "phc_other"), (one, "victim", "phc_test"),
                (one, "victim", "phc_test"),
            ]) == ["tagged", "tagged", "tagged", "ignored"]
        )
    }

    @Test func `finds none where it was given no window`() {
        #expect(outcomes([(one, "u", "phc_test"), (one, "u", "phc_test")], window: 0) == ["tagged", "tagged"])
    }

    @Test func `is not slowed down by uuids that follow one another`() {
        let attacked = DuplicateWindow(size: 4000, headroom: 1, seed: 0x1234_5678)
        // Uuids in a row, as somebody would send them who hopes for neighbours.
        for number in UInt64(0)..<4000 { attacked.add(key(number << 32)) }
        #expect(attacked.longestProbe < 64)
    }
}
