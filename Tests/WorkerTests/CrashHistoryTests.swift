import Foundation
import Kafka
import Tagstream
import TestKit
import Testing

@testable import Worker

private typealias Stretch = CrashHistory.Stretch
private typealias Place = CrashHistory.Place

private func place(_ offset: Int64, partition: Int32 = 0) -> Place {
    Place(topic: 7, partition: partition, offset: offset)
}
private func stretch(_ first: Int64, _ last: Int64, partition: Int32 = 0) -> Stretch {
    Stretch(topic: 7, partition: partition, first: first, last: last)
}

@Suite struct `A history of crashes` {
    @Test func `convicts a record that crashed the process in a batch and then alone`() {
        var history = CrashHistory()
        history.ended(with: [stretch(10, 19), stretch(5, 5, partition: 1)], hasCrashed: true)
        for offset: Int64 in 10...19 {
            #expect(history.suspects(place(offset)))
            #expect(!history.convicts(place(offset)))
        }
        #expect(history.suspects(place(5, partition: 1)))
        #expect(!history.suspects(place(20)))
        #expect(!history.suspects(place(5)))
        history.ended(with: [stretch(13, 13)], hasCrashed: true)
        #expect(history.convicts(place(13)))
        #expect(!history.convicts(place(12)))
    }

    @Test func `convicts a record that came alone both times`() {
        var history = CrashHistory()
        history.ended(with: [stretch(3, 3)], hasCrashed: true)
        #expect(history.suspects(place(3)))
        #expect(!history.convicts(place(3)))
        history.ended(with: [stretch(3, 3)], hasCrashed: true)
        #expect(history.convicts(place(3)))
    }

    @Test func `marks nothing when the process ended outside the pipeline`() {
        var history = CrashHistory()
        history.ended(with: [], hasCrashed: true)
        #expect(history.isEmpty)
    }

    @Test func `convicts nobody for being there when the process was killed from outside, twice`() {
        var history = CrashHistory()
        history.ended(with: [stretch(10, 19)], hasCrashed: false)
        #expect(history.suspects(place(13)))
        for _ in 0..<2 {
            history.ended(with: [stretch(13, 13)], hasCrashed: false)
            #expect(!history.convicts(place(13)))
        }
        // Three times alone in the pipeline is no accident: so it goes without memory, for which there is no signal.
        history.ended(with: [stretch(13, 13)], hasCrashed: false)
        #expect(history.convicts(place(13)))
    }

    @Test func `forgets what was committed, and what is somebody else's`() {
        var history = CrashHistory()
        history.ended(with: [stretch(10, 19), stretch(5, 9, partition: 1)], hasCrashed: true)
        history.ended(with: [stretch(13, 13)], hasCrashed: true)
        history.committed(topic: 7, partition: 0, next: 13)
        #expect(history.convicts(place(13)))
        history.committed(topic: 8, partition: 0, next: 100)
        #expect(history.convicts(place(13)))
        history.committed(topic: 7, partition: 0, next: 20)
        #expect(!history.suspects(place(13)))
        #expect(!history.isEmpty)
        history.keep([CrashHistory.Home(topic: 7, partition: 0)])
        #expect(history.isEmpty)
    }
}

@Suite struct `A crash journal` {
    private let folder = FileManager.default.temporaryDirectory.appending(path: "journal-\(UUID().uuidString)").path

    /// A batch of so many events of each of two partitions.
    private func batch(_ count: Int) -> RecordBatch {
        var batch = RecordBatch()
        let topic = batch.index(ofTopic: "events_raw")
        for partition: Int32 in 0..<2 {
            for offset in 0..<count {
                batch.append(
                    topic: topic,
                    partition: partition,
                    offset: Int64(offset),
                    timestamp: 0,
                    key: nil,
                    value: nil
                )
            }
        }
        return batch
    }

    private func at(_ offset: Int64, _ partition: Int32) -> CrashHistory.Place {
        Place(topic: CrashHistory.hash("events_raw".utf8), partition: partition, offset: offset)
    }

    @Test func `tells the next process what was in the pipeline, and only that`() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        do {
            let journal = try CrashJournal(folder: folder, name: "a")
            #expect(!journal.isSuspicious)
            journal.begins(0..<200, of: batch(100))
            journal.ends()
        }
        do {
            let journal = try CrashJournal(folder: folder, name: "a")
            #expect(!journal.isSuspicious)
            journal.begins(90..<110, of: batch(100))
            journal.signalAddress.storeBytes(of: 11, as: UInt32.self)
        }
        do {
            let journal = try CrashJournal(folder: folder, name: "a")
            #expect(journal.history.suspects(at(90, 0)))
            #expect(journal.history.suspects(at(9, 1)))
            #expect(!journal.history.suspects(at(89, 0)))
            #expect(!journal.history.suspects(at(10, 1)))
            journal.begins(93..<94, of: batch(100))
            journal.signalAddress.storeBytes(of: 11, as: UInt32.self)
        }
        do {
            let journal = try CrashJournal(folder: folder, name: "a")
            #expect(journal.history.convicts(at(93, 0)))
            journal.committed([("events_raw", 0, 94), ("events_raw", 1, 10)])
            #expect(journal.history.suspects(at(95, 0)))
        }
        do {
            let journal = try CrashJournal(folder: folder, name: "a")
            #expect(!journal.history.convicts(at(93, 0)))
            #expect(journal.history.suspects(at(95, 0)))
            journal.committed([("events_raw", 0, 100)])
            #expect(!journal.isSuspicious)
        }
        #expect(try !CrashJournal(folder: folder, name: "a").isSuspicious)
    }

    @Test func `is held by one process, in a folder that nobody else can write`() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let journal = try CrashJournal(folder: folder, name: "a")
        let held = #expect(throws: CrashJournal.Unavailable.self) { try CrashJournal(folder: folder, name: "a") }
        #expect(held?.description.contains("held by another process") == true)
        #expect(!journal.isSuspicious)
        chmod(folder, 0o777)
        let open = #expect(throws: CrashJournal.Unavailable.self) { try CrashJournal(folder: folder, name: "b") }
        #expect(open?.description.contains("can be written by others") == true)
        #expect(throws: CrashJournal.Unavailable.self) { try CrashJournal(folder: "/proc/nowhere", name: "a") }
    }

    @Test func `leaves no file when there is nothing to tell`() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        do { _ = try CrashJournal(folder: folder, name: "a") }
        #expect(!FileManager.default.fileExists(atPath: folder + "/a"))
    }

    @Test func `believes nothing in a file that cannot be`() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        var random = SeededGenerator(seed: 20)
        for _ in 0..<50 {
            do {
                // With something in the pipeline, so that the file stays.
                let journal = try CrashJournal(folder: folder, name: "a")
                journal.begins(0..<1, of: batch(1))
            }
            let file = try #require(FileHandle(forUpdatingAtPath: folder + "/a"))
            try file.seek(toOffset: 8)
            try file.write(contentsOf: Data((0..<12_000).map { _ in UInt8(random.below(256)) }))
            try file.close()
            let journal = try CrashJournal(folder: folder, name: "a")
            journal.begins(0..<20, of: batch(10))
            journal.ends()
            journal.committed([("events_raw", 0, 5)])
        }
    }

    @Test func `has suspects processed alone, and what is convicted become a dead letter`() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        for _ in 0..<2 {
            let journal = try CrashJournal(folder: folder, name: "a")
            journal.begins(journal.isSuspicious ? 3..<4 : 0..<10, of: batch(10))
            journal.signalAddress.storeBytes(of: 11, as: UInt32.self)
        }
        let script = DoorsScript([.rebalance(.assigned([TopicPartition("events_raw", 0)])), .read(0, 12), .wait(250)])
        let board = StatisticsBoard()
        var lane = Lane(
            LaneConfiguration(),
            doors: RecordingDoors(script),
            journal: try CrashJournal(folder: folder, name: "a"),
            snapshots: SnapshotBoard(SampleSnapshot.empty()),
            board: board,
            now: { script.now },
            shouldStop: { script.shouldStop }
        )
        try lane.run()
        #expect(
            script.effects == [
                .open, .assign([0]), .begin, .produce(11), .deadLetter(1), .offsets([0: 12]), .commit, .close,
            ]
        )
        #expect(board.current.committed.deadLetterReasons.map(\.reason) == ["crash"])
        _ = consume lane
        #expect(try !CrashJournal(folder: folder, name: "a").isSuspicious)
    }
}
