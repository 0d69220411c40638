import Foundation
import Tagstream

/// Looking for duplicates in one partition's window: uuids that are all new, which is the dear case, in transactions of 1,000 that are
/// committed.
final class Duplicates {
    private static let partition = InputPartition(topic: 0, partition: 0)
    private static let events = 10_000
    /// Uuids as text, twice as many as the largest window remembers, so that each is new when it comes round again.
    private static let pool = 2_100_000
    nonisolated(unsafe) private static let texts: UnsafeMutableRawPointer = {
        let texts = UnsafeMutableRawPointer.allocate(byteCount: pool * 36 + 64, alignment: 8)
        let digits = Array("0123456789abcdef".utf8)
        var state: UInt64 = 1
        for number in 0..<pool {
            for index in 0..<36 {
                // A linear congruential generator (Knuth's MMIX): the same uuids in each run.
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                let isDash = index == 8 || index == 13 || index == 18 || index == 23
                let byte = isDash ? 0x2D : digits[Int(state >> 60)]
                texts.storeBytes(of: byte, toByteOffset: number * 36 + index, as: UInt8.self)
            }
        }
        return texts
    }()

    let name: String
    private let size: Int
    private var filter: DuplicateFilter
    private var next = 0
    private(set) var found = 0
    private let person = UnsafeRawBufferPointer(UnsafeMutableRawBufferPointer.allocate(byteCount: 36, alignment: 8))

    /// Makes a window that is full.
    init(size: Int) {
        self.size = size
        name = "a window of \(size) uuids"
        filter = DuplicateFilter(size: size, headroom: 1000, seed: 0x5EED)
        filter.begin(Self.partition)
        _ = Self.texts
        while next < size + 2000 { step(1000) }
    }

    private func step(_ count: Int) {
        for _ in 0..<count {
            let uuid = UnsafeRawPointer(Self.texts + next % Self.pool * 36)
            next += 1
            if filter.isDuplicate(uuid: uuid, distinctID: person, team: 2, in: Self.partition) {
                found += 1
            } else {
                filter.add()
            }
        }
        filter.commit()
    }

    func run() { for _ in 0..<(Self.events / 1000) { step(1000) } }

    var bytesOfUUID: Double { Double(filter.bytes) / Double(size) }

    /// Prints the table of windows.
    static func report(rounds: Int) {
        var windows: [Duplicates] = []
        var resident: [Double] = []
        _ = texts
        for size in [1000, 100_000, 1_000_000] {
            let before = residentBytes()
            windows.append(Duplicates(size: size))
            resident.append((residentBytes() - before) / Double(size))
        }
        let results = measure(
            windows.map { window in Variant(name: window.name, operations: events) { window.run() } },
            rounds: rounds
        )
        print("\nLooking for a uuid that is new, and remembering it: nanoseconds of CPU for each event")
        print(padded(""), " median  minimum  allocations  bytes/uuid  resident bytes/uuid")
        for (index, result) in results.enumerated() {
            precondition(windows[index].found == 0, "a new uuid was taken for a duplicate")
            print(
                padded(result.name),
                decimals(result.median, 0),
                decimals(result.minimum, 0),
                decimals(result.allocations, 4),
                "  ",
                decimals(windows[index].bytesOfUUID, 1),
                "   ",
                decimals(resident[index], 1)
            )
        }
    }

    /// What of this process is in memory.
    private static func residentBytes() -> Double {
        guard let text = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8),
            let pages = text.split(separator: " ").dropFirst().first.flatMap({ Double($0) })
        else { return 0 }
        return pages * 4096
    }
}
