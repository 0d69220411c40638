import Kafka
import TestKit
import Testing

@testable import Worker

@Suite struct `An offset ledger` {
    private let first = TopicPartition("events_raw", 0)
    private let second = TopicPartition("events_raw", 1)

    /// What may happen to a ledger of one partition, and what it has to say to it.
    enum Step: Sendable, CustomStringConvertible {
        case assign
        case revoke
        case read(Int64, OffsetLedger.Verdict)
        case commit
        case abort(seek: Int64?)
        case recover(committed: Int64?, seek: Int64?)
        case offset(Int64?)

        var description: String {
            switch self {
            case .assign: "assign"
            case .revoke: "revoke"
            case .read(let offset, let verdict): "read \(offset): \(verdict)"
            case .commit: "commit"
            case .abort(let seek): "abort, seek \(seek.map(String.init) ?? "-")"
            case .recover(let committed, let seek):
                "recover at \(committed.map(String.init) ?? "-"), seek \(seek.map(String.init) ?? "-")"
            case .offset(let offset): "offset \(offset.map(String.init) ?? "-")"
            }
        }
    }

    private static let ordinary: [[Step]] = [
        [.assign, .offset(nil)],
        [.assign, .read(5, .accept), .offset(6), .read(6, .accept), .offset(7)],
        // Offsets of control records and of compacted ones are missing: that is no gap.
        [.assign, .read(5, .accept), .read(9, .accept), .offset(10)],
        [.assign, .read(5, .accept), .commit, .offset(nil), .read(6, .accept), .offset(7)],
        // A record that returns unasked is skipped, before the commit and after it.
        [.assign, .read(5, .accept), .read(5, .skip), .offset(6)],
        [.assign, .read(5, .accept), .commit, .read(4, .skip), .read(5, .skip), .offset(nil)],
    ]

    private static let rewinds: [[Step]] = [
        [.assign, .abort(seek: nil)],
        [.assign, .read(5, .accept), .read(6, .accept), .abort(seek: 5), .offset(nil), .read(5, .accept), .offset(6)],
        [.assign, .read(5, .accept), .abort(seek: 5), .read(6, .gap(expected: 5))],
        // What was committed before the aborted transaction is not read again.
        [.assign, .read(5, .accept), .commit, .read(6, .accept), .abort(seek: 6), .read(5, .skip), .read(6, .accept)],
        // A partition without a record in the transaction goes to where it stands, and nothing in particular has to come.
        [.assign, .read(5, .accept), .commit, .abort(seek: 6), .read(5, .skip), .read(9, .accept), .offset(10)],
        // The second abort comes before the rewind was read: the expectation stands.
        [.assign, .read(5, .accept), .abort(seek: 5), .abort(seek: 5), .read(6, .gap(expected: 5))],
    ]

    private static let recoveries: [[Step]] = [
        // Committed after all: the next record may lie behind control records.
        [.assign, .read(5, .accept), .recover(committed: 6, seek: 6), .offset(nil), .read(8, .accept), .offset(9)],
        // Not committed.
        [.assign, .read(5, .accept), .recover(committed: 5, seek: 5), .read(6, .gap(expected: 5))],
        [.assign, .read(5, .accept), .recover(committed: 5, seek: 5), .read(5, .accept), .offset(6)],
        // Nothing was ever committed of the partition.
        [.assign, .read(5, .accept), .recover(committed: nil, seek: 5), .read(6, .gap(expected: 5))],
        // Nothing was read of it either: it begins at its committed offset by itself.
        [.assign, .recover(committed: 5, seek: nil), .read(5, .accept)],
        // Somebody else has gone further: this member is a zombie and goes on from there.
        [.assign, .read(5, .accept), .recover(committed: 9, seek: 9), .read(9, .accept)],
        // Two recoveries with nothing read between.
        [
            .assign, .read(5, .accept), .recover(committed: 5, seek: 5), .recover(committed: 5, seek: 5),
            .read(5, .accept),
        ],
    ]

    private static let tenures: [[Step]] = [
        [.read(5, .foreign), .offset(nil)],
        [.assign, .read(5, .accept), .revoke, .offset(nil), .read(6, .foreign)],
        // A partition that comes back is new: it may begin before what was read in the earlier tenure.
        [.assign, .read(5, .accept), .revoke, .assign, .read(3, .accept), .offset(4)],
        [.assign, .read(5, .accept), .abort(seek: 5), .revoke, .assign, .read(9, .accept)],
    ]

    /// Every bug became a row before it became a fix.
    private static let regression: [[Step]] = [
        // The committed offset was a control record's: the record that returns lies behind it, and nothing is missing.
        [.assign, .read(6, .accept), .recover(committed: 5, seek: 5), .read(6, .accept), .offset(7)],
        // ... and still a record that does not return is missed.
        [.assign, .read(6, .accept), .recover(committed: 5, seek: 5), .read(7, .gap(expected: 6))],
        // A recovery between a rewind and its first record forgot what was expected.
        [.assign, .read(5, .accept), .abort(seek: 5), .recover(committed: 5, seek: 5), .read(6, .gap(expected: 5))],
        // A seek that failed, in a group without commits, was not repeated by the recovery.
        [.assign, .read(5, .accept), .abort(seek: 5), .recover(committed: nil, seek: 5), .read(6, .gap(expected: 5))],
        // A quiet partition goes on where it stands, whatever lies there.
        [.assign, .read(5, .accept), .commit, .recover(committed: 6, seek: 6), .read(8, .accept)],
    ]

    @Test(arguments: ordinary + rewinds + recoveries + tenures + regression)
    func `judges what is read and says what to commit`(steps: [Step]) {
        var ledger = OffsetLedger()
        for step in steps {
            switch step {
            case .assign: ledger.assign([first])
            case .revoke: ledger.revoke([first])
            case .read(let offset, let verdict): #expect(ledger.read(offset, of: first) == verdict, "\(steps)")
            case .commit: ledger.committed()
            case .abort(let seek): #expect(ledger.aborted()[first] == seek, "\(steps)")
            case .recover(let committed, let seek):
                let known = committed.map { [first: $0] } ?? [:]
                #expect(ledger.recovered(committed: known)[first] == seek, "\(steps)")
            case .offset(let offset): #expect(ledger.offsets[first] == offset, "\(steps)")
            }
        }
    }

    @Test func `commits only the partitions that a transaction has touched`() {
        var ledger = OffsetLedger()
        ledger.assign([first, second])
        #expect(ledger.read(1, of: first) == .accept)
        ledger.committed()
        #expect(ledger.read(7, of: second) == .accept)
        #expect(ledger.offsets == [second: 8])
        #expect(ledger.aborted() == [first: 2, second: 7])
        #expect(ledger.assigned == [first, second])
    }

    // MARK: Any sequence

    /// A partition as a broker has it: some offsets are no records, and a consumer may fail to go back.
    private struct Log {
        var offsets: [Int64]
        var committed: Int64?
        /// The index of the record that is read next.
        var position = 0
        /// The records of the open transaction.
        var open: [Int64] = []
        var isAssigned = false

        func index(of offset: Int64) -> Int { offsets.firstIndex { $0 >= offset } ?? offsets.count }
    }

    @Test func `never names an offset past an unfinished record, whatever happens`() {
        for seed in Seeds.run(2000) {
            if let problem = Self.walk(seed) {
                Issue.record("seed \(seed): \(problem); \(Seeds.replay(seed))")
                return
            }
        }
    }

    /// Walks a hundred random steps; returns what went wrong.
    private static func walk(_ seed: UInt64) -> String? {
        var random = SeededGenerator(seed: seed)
        var ledger = OffsetLedger()
        var logs: [Log] = (0..<(1 + random.below(3))).map { _ in
            var next: Int64 = Int64(random.below(5))
            return Log(
                offsets: (0..<40).map { _ in
                    next += random.chance(25) ? Int64(1 + random.below(3)) : 1
                    return next
                }
            )
        }
        /// Whether a rewind was lost on its way: then, and only then, a gap is the right verdict.
        var lostRewinds: Set<Int> = []

        func seek(_ positions: [TopicPartition: Int64]) {
            for (partition, offset) in positions.sorted(by: { $0.key < $1.key }) {
                let index = Int(partition.partition)
                if random.chance(3) {
                    lostRewinds.insert(index)
                } else {
                    logs[index].position = logs[index].index(of: offset)
                }
            }
        }

        for _ in 0..<100 {
            let index = random.below(logs.count)
            let partition = TopicPartition("t", Int32(index))
            switch random.below(100) {
            case 0..<60:
                guard logs[index].position < logs[index].offsets.count else { continue }
                let offset = logs[index].offsets[logs[index].position]
                logs[index].position += 1
                switch ledger.read(offset, of: partition) {
                case .accept:
                    if !logs[index].isAssigned { return "accepted \(offset) of \(partition), which is not assigned" }
                    logs[index].open.append(offset)
                case .foreign: if logs[index].isAssigned { return "\(partition) is assigned but was called foreign" }
                case .skip:
                    if offset >= logs[index].committed ?? 0, !logs[index].open.contains(offset) {
                        return "skipped \(offset) of \(partition), which is unfinished"
                    }
                case .gap:
                    if !lostRewinds.contains(index) {
                        return "called a gap before \(offset) of \(partition), where none is"
                    }
                    return nil
                }
            case 60..<75:
                for (partition, offset) in ledger.offsets { logs[Int(partition.partition)].committed = offset }
                ledger.committed()
                for index in logs.indices { logs[index].open = [] }
            case 75..<84:
                for index in logs.indices { logs[index].open = [] }
                seek(ledger.aborted())
            case 84..<92:
                // Nobody knows whether the commit was applied.
                if random.chance(50) {
                    for (partition, offset) in ledger.offsets { logs[Int(partition.partition)].committed = offset }
                }
                for index in logs.indices { logs[index].open = [] }
                var known: [TopicPartition: Int64] = [:]
                // One behind a committed record may be no record's offset: the gaps of the log see to that.
                for (index, log) in logs.enumerated() { known[TopicPartition("t", Int32(index))] = log.committed }
                seek(ledger.recovered(committed: known))
            case 92..<96:
                ledger.revoke([partition])
                logs[index].isAssigned = false
                logs[index].open = []
            default:
                guard !logs[index].isAssigned else { continue }
                ledger.assign([partition])
                logs[index].isAssigned = true
                logs[index].position = logs[index].index(of: logs[index].committed ?? 0)
                lostRewinds.remove(index)
            }
            for (partition, next) in ledger.offsets {
                let log = logs[Int(partition.partition)]
                let unfinished = log.offsets.filter { $0 >= log.committed ?? 0 && $0 < next && !log.open.contains($0) }
                if let lost = unfinished.first { return "would commit \(next) of \(partition), past \(lost)" }
                if next < log.committed ?? 0 {
                    return "would commit \(next) of \(partition), behind the committed offset"
                }
            }
        }
        return nil
    }
}
