import Kafka
import Tagstream
import TestKit
import Testing

@testable import Worker

@Suite struct `A replay's progress` {
    /// Notes letters; a minus stands before one that stays open.
    private func noted(_ letters: [Int64], in progress: ReplayProgress = ReplayProgress()) -> ReplayProgress {
        var progress = progress
        for letter in letters { progress.note(abs(letter), isSettled: letter >= 0) }
        return progress
    }

    private static let sequences: [(letters: [Int64], next: Int64, open: [Range<Int64>])] = [
        ([0, 1, 2], 3, []), ([1, -2, -3, 4], 5, [2..<4]),
        // Offsets 2 and 5 belong to no letter: what lies around them is one stretch.
        ([-1, -3, -4, -6, 7], 8, [1..<7]), ([-1, 3, -4], 5, [1..<2, 4..<5]), ([5, -9], 10, [9..<10]),
    ]

    @Test(arguments: sequences)
    func `is what was looked at and what of it is open`(letters: [Int64], next: Int64, open: [Range<Int64>]) {
        let progress = noted(letters)
        #expect(progress == ReplayProgress(next: next, open: open))
        #expect(progress.first == open.first?.lowerBound ?? next)
        for letter in letters { #expect(progress.isSettled(abs(letter)) == (letter >= 0)) }
        #expect(!progress.isSettled(next))
    }

    @Test func `forgets what is settled later, with the gaps around it`() {
        let first = noted([-1, -3, -5, -7, 8])
        #expect(first.open == [1..<8])
        // Where a letter was settled, nothing of the gap before it stays open.
        let second = noted([-1, 3, 5, -7], in: ReplayProgress(first.committed))
        #expect(second.open == [1..<2, 7..<8])
        #expect(second.next == 9)
        #expect(noted([1, 7], in: ReplayProgress(second.committed)) == ReplayProgress(next: 9, open: []))
    }

    @Test func `moves behind what ends a transaction`() {
        var progress = noted([0, 1])
        progress.reached(3)
        #expect(progress == ReplayProgress(next: 3, open: []))
        progress = noted([0, -1])
        progress.reached(3)
        #expect(progress == ReplayProgress(next: 3, open: [1..<3]))
        progress = ReplayProgress(progress.committed)
        progress.note(1, isSettled: true)
        progress.reached(3)
        #expect(progress == ReplayProgress(next: 3, open: []))
    }

    @Test(arguments: [
        "", "epoch=5", "open=", "open=1,", "open=x!", "open=1.0", "open=-1", "open=zzzzzzzzzzzzzzzzzz", "open=9.2",
        "open=1.2.3",
        "open=a", "open=5,5",
    ])
    func `takes nothing from metadata that it has not written`(metadata: String) {
        #expect(ReplayProgress(CommittedOffset(10, metadata: metadata)) == ReplayProgress(next: 10, open: []))
    }

    @Test func `gives up the oldest stretches when they do not fit`() {
        var progress = noted((0..<20_000).map { $0 % 2 == 0 ? -$0 - 1 : $0 + 1 })
        let before = progress
        let given = progress.fit()
        #expect(given > 0 && given < 10_000)
        #expect(progress.committed.metadata.utf8.count <= ReplayProgress.metadataBytes)
        #expect(progress.open == Array(before.open.dropFirst(given)))
        #expect(ReplayProgress(progress.committed) == progress)
        #expect(progress.fit() == 0)
    }

    /// Sessions that settle some letters, leave others, and are cut off anywhere: what was settled is settled for ever, what was not
    /// is looked at again.
    @Test func `never loses or repeats a letter`() {
        for seed in 1...300 as ClosedRange<UInt64> {
            var random = SeededGenerator(seed: seed)
            var letters: [Int64] = []
            var end: Int64 = 0
            for _ in 0..<40 {
                end += Int64(1 + random.below(3))
                letters.append(end - 1)
            }
            var settled: Set<Int64> = []
            var committed: CommittedOffset?
            for _ in 0..<6 {
                var progress = committed.map { ReplayProgress($0) } ?? ReplayProgress()
                let stop = random.chance(50) ? random.below(41) : 41
                var seen = 0
                for letter in letters where letter >= progress.first && !progress.isSettled(letter) {
                    seen += 1
                    if seen > stop { break }
                    #expect(!settled.contains(letter), "letter \(letter) came twice, seed \(seed)")
                    let isSettled = random.chance(40)
                    if isSettled { settled.insert(letter) }
                    progress.note(letter, isSettled: isSettled)
                }
                if seen <= stop { progress.reached(end) }
                committed = progress.committed
                for letter in letters {
                    #expect(progress.isSettled(letter) == settled.contains(letter), "letter \(letter), seed \(seed)")
                }
            }
        }
    }
}

@Suite struct `A replay's pace` {
    @Test func `has a quarter of a second's letters in a transaction`() {
        #expect(ReplayPace(rate: nil).letters(atMost: 1000) == 1000)
        #expect(ReplayPace(rate: 0.5).letters(atMost: 1000) == 1)
        #expect(ReplayPace(rate: 40).letters(atMost: 1000) == 10)
        #expect(ReplayPace(rate: 1_000_000).letters(atMost: 1000) == 1000)
    }

    @Test func `waits until the next letter's time`() {
        #expect(ReplayPace(rate: nil).wait(after: 100, elapsed: 0) == 0)
        let pace = ReplayPace(rate: 10)
        #expect(pace.wait(after: 0, elapsed: 0) == 0)
        #expect(pace.wait(after: 5, elapsed: 200) == 300)
        #expect(pace.wait(after: 5, elapsed: 700) == 0)
        #expect(ReplayPace(rate: 0.5).wait(after: 1, elapsed: 0) == 2000)
    }
}
