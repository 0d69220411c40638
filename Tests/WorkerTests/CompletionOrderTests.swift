import Kafka
import TestKit
import Testing

@testable import Worker

/// The promise behind every commit, for the three values that decide on it (``OffsetLedger``, ``Assignment``, ``TransactionState``):
/// whatever order deliveries complete in, whatever fails, and whoever takes the partitions away meanwhile, no offset is committed past
/// a record without an outcome, and no record has two.
///
/// The group does not help: it takes the offsets of whoever sends them, as some brokers do (docs/reliability.md, "What is not").
@Suite struct `Any order of completion` {
    @Test func `commits nothing past an unfinished record, and nothing twice`() {
        var sum = Deed()
        for seed in Seeds.run(4000) {
            var walk = Walk(seed: seed)
            if let problem = walk.run() {
                Issue.record(
                    "seed \(seed): \(problem); \(Seeds.replay(seed))\n\(walk.story.suffix(30).joined(separator: "\n"))"
                )
                return
            }
            sum.add(walk.deeds)
        }
        // A walk on which nothing happens proves nothing.
        guard Seeds.replayed == nil else { return }
        #expect(sum.commits > 10_000 && sum.aborts > 5000 && sum.recoveries > 2000, "\(sum)")
        #expect(sum.objections > 500 && sum.gaps > 100 && sum.tenures > 10_000, "\(sum)")
    }
}

/// How often something has happened.
private struct Deed: CustomStringConvertible {
    var commits = 0
    var aborts = 0
    var recoveries = 0
    var objections = 0
    var gaps = 0
    var tenures = 0

    mutating func add(_ other: Deed) {
        commits += other.commits
        aborts += other.aborts
        recoveries += other.recoveries
        objections += other.objections
        gaps += other.gaps
        tenures += other.tenures
    }

    var description: String {
        "\(commits) commits, \(aborts) aborts, \(recoveries) recoveries, \(objections) objections, \(gaps) gaps, \(tenures) tenures"
    }
}

private struct Problem: Error, CustomStringConvertible {
    var description: String
    init(_ description: String) { self.description = description }
}

/// A partition as the broker has it.
private struct Log {
    /// Some offsets are no records: control records, and what was compacted.
    var offsets: [Int64]
    /// How often each record has come to an outcome that is committed.
    var outcomes: [Int64: Int] = [:]
    var committed: Int64 = 0
    /// Whether the group has given it to the member under test; the member may not know that yet, or not any more.
    var isOurs = false
    /// The index of the record that the member's client reads next, and of the first one that it has read in this tenure.
    var position = 0
    var first = 0

    func index(of offset: Int64) -> Int { offsets.firstIndex { $0 >= offset } ?? offsets.count }
}

/// One seed's way: a member that reads, hands over, commits, and is disturbed; and the others, who take what it loses.
private struct Walk {
    private static let pollPatience: Int64 = 100
    private static let abortable = KafkaError(code: 22, while: "send the offsets", flag: .abort)
    private static let unknown = KafkaError(code: -1, while: "commit the transaction", flag: nil)

    private struct Record: Hashable {
        var log: Int
        var offset: Int64
    }

    var story: [String] = []
    var deeds = Deed()
    private var random: SeededGenerator
    private var logs: [Log]
    private var ledger = OffsetLedger()
    private var assignment = Assignment(pollPatience: Walk.pollPatience)
    private var transaction = TransactionState(limits: TransactionLimits(), attempts: .max)
    private var now: Int64 = 0
    private var generation: UInt8 = 0
    /// The open transaction's: all of its records, those without an acknowledgement, those with one; and whether one could not be delivered.
    private var handedOver: Set<Record> = []
    private var underWay: [Record] = []
    private var delivered: Set<Record> = []
    private var hasFailed = false
    /// Partitions whose way back was lost: only there may a record be missed.
    private var lostSeeks: Set<Int> = []
    /// Whether the next poll tells the member that it has lost everything.
    private var hasLost = false
    /// Nothing goes wrong any more.
    private var isCalm = false

    init(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        logs = (0..<(1 + random.below(3))).map { _ in
            var next = Int64(random.below(4))
            return Log(
                offsets: (0..<30).map { _ in
                    next += random.chance(20) ? Int64(2 + random.below(3)) : 1
                    return next
                }
            )
        }
        self.random = random
    }

    private func name(_ log: Int) -> TopicPartition { TopicPartition("t", Int32(log)) }
    private mutating func goesWrong(_ percent: Int) -> Bool { !isCalm && random.chance(percent) }

    mutating func run() -> String? {
        do {
            for _ in 0..<160 { try step() }
            isCalm = true
            try drain()
        } catch {
            return "\(error)"
        }
        return nil
    }

    private mutating func step() throws {
        now += Int64(random.below(4))
        switch random.below(100) {
        case 0..<50: try poll()
        case 50..<68: complete()
        case 68..<80: try finish()
        case 80..<84: try revoke()
        case 84..<88: expelled(isKnown: true)
        case 88..<90: expelled(isKnown: false)
        default: try others()
        }
    }

    /// Whatever is left is done by a member that nobody disturbs, and every record has had one outcome.
    private mutating func drain() throws {
        try revoke()
        for log in logs.indices { logs[log].isOurs = true }
        join()
        for _ in 0..<200 where logs.contains(where: { $0.position < $0.offsets.count }) { try poll() }
        try finish()
        for (number, log) in logs.enumerated() {
            if let left = log.offsets.first(where: { log.outcomes[$0] != 1 }) {
                throw Problem("record \(left) of \(name(number)) has \(log.outcomes[left] ?? 0) outcomes in the end")
            }
        }
    }

    // MARK: Reading

    private mutating func poll() throws {
        assignment.polls(at: now)
        if hasLost { return lost() }
        guard assignment.isHeld else { return join() }
        guard let partition = ledger.assigned.isEmpty ? nil : random.pick(ledger.assigned) else { return }
        let log = Int(partition.partition)
        // The client goes back by itself, as librdkafka does when it resumes what was not paused (#4636).
        if goesWrong(5) { logs[log].position = max(logs[log].first, logs[log].position - 1 - random.below(3)) }
        for _ in 0..<(1 + random.below(4)) where logs[log].position < logs[log].offsets.count {
            let record = Record(log: log, offset: logs[log].offsets[logs[log].position])
            logs[log].position += 1
            switch ledger.read(record.offset, of: partition) {
            case .accept:
                if transaction.phase == .ready { transaction.began(at: now, in: assignment.tenure) }
                handedOver.insert(record)
                underWay.append(record)
                story.append("read \(record.offset) of \(log)")
            case .skip:
                if record.offset >= logs[log].committed, !handedOver.contains(record) {
                    throw Problem("skipped \(record.offset) of \(partition), which has no outcome")
                }
            case .foreign: throw Problem("called \(record.offset) of \(partition) foreign, which is assigned")
            case .gap:
                guard lostSeeks.contains(log) else {
                    throw Problem("called a gap before \(record.offset) of \(partition), where none is")
                }
                // The lane ends; its successor begins with what is committed.
                deeds.gaps += 1
                story.append("gap before \(record.offset) of \(log)")
                return restart()
            }
        }
    }

    /// A delivery report, of any record that is under way.
    private mutating func complete() {
        guard !underWay.isEmpty else { return }
        let record = underWay.remove(at: random.below(underWay.count))
        if goesWrong(6) { hasFailed = true } else { delivered.insert(record) }
        story.append("\(record.offset) of \(record.log) is \(delivered.contains(record) ? "delivered" : "refused")")
    }

    // MARK: The transaction's end

    private mutating func finish() throws {
        guard let tenure = transaction.tenure else { return }
        while !underWay.isEmpty { complete() }
        if hasFailed {
            #expect(transaction.failed(Self.abortable) == .abort)
            return try abort()
        }
        guard assignment.objection(toTenure: tenure, at: GroupPlace([generation]), now: now) == nil else {
            deeds.objections += 1
            transaction.aborts()
            return try abort()
        }
        transaction.commits()
        let offsets = ledger.offsets
        switch goesWrong(25) ? random.below(3) : 3 {
        case 0:
            #expect(transaction.failed(Self.abortable) == .abort)
            try abort()
        case 1:
            #expect(transaction.failed(Self.unknown) == .recover)
            try recover()
        case 2:
            // It was applied, and nobody says so.
            try apply(offsets)
            #expect(transaction.failed(Self.unknown) == .recover)
            try recover()
        default:
            try apply(offsets)
            ledger.committed()
            transaction.committed(at: 0)
            forget()
        }
    }

    /// What the broker does, and what must never happen to it.
    private mutating func apply(_ offsets: [TopicPartition: Int64]) throws {
        deeds.commits += 1
        story.append("commit \(offsets.map { "\($0.key.partition): \($0.value)" }.sorted().joined(separator: ", "))")
        for record in delivered where offsets[name(record.log)] ?? 0 <= record.offset {
            throw Problem(
                "the outcome of \(record.offset) of \(name(record.log)) would be committed without its offset"
            )
        }
        for record in delivered { try ends(record) }
        for (partition, next) in offsets {
            let log = Int(partition.partition)
            if let unfinished = logs[log].offsets.first(where: { $0 < next && logs[log].outcomes[$0] == nil }) {
                throw Problem("\(next) of \(partition) was committed, past \(unfinished), which has no outcome")
            }
            if next < logs[log].committed {
                throw Problem("\(next) of \(partition) was committed behind \(logs[log].committed)")
            }
            logs[log].committed = next
        }
    }

    private mutating func ends(_ record: Record) throws {
        logs[record.log].outcomes[record.offset, default: 0] += 1
        if logs[record.log].outcomes[record.offset] != 1 {
            throw Problem("record \(record.offset) of \(name(record.log)) has two outcomes")
        }
    }

    private mutating func abort() throws {
        if goesWrong(10) {
            #expect(transaction.abortFailed(Self.unknown) == .recover)
            return try recover()
        }
        deeds.aborts += 1
        story.append("abort")
        transaction.aborted()
        forget()
        seek(ledger.aborted())
    }

    private mutating func recover() throws {
        deeds.recoveries += 1
        story.append("recover")
        forget()
        var committed: [TopicPartition: Int64] = [:]
        for partition in ledger.assigned {
            let offset = logs[Int(partition.partition)].committed
            if offset > 0 { committed[partition] = offset }
        }
        seek(ledger.recovered(committed: committed))
        transaction.recovered()
    }

    private mutating func seek(_ positions: [TopicPartition: Int64]) {
        for (partition, offset) in positions.sorted(by: { $0.key < $1.key }) {
            let log = Int(partition.partition)
            if goesWrong(4) { lostSeeks.insert(log) } else { logs[log].position = logs[log].index(of: offset) }
        }
    }

    private mutating func forget() {
        (handedOver, underWay, delivered, hasFailed) = ([], [], [], false)
    }

    // MARK: The group

    /// The group gives the member some partitions, at a new generation.
    private mutating func join() {
        generation &+= 1
        deeds.tenures += 1
        for log in logs.indices where !isCalm { logs[log].isOurs = random.chance(70) }
        let ours = logs.indices.filter { logs[$0].isOurs }
        story.append("assigned \(ours)")
        ledger.assign(ours.map { name($0) })
        assignment.taken(at: GroupPlace([generation]))
        for log in ours {
            logs[log].position = logs[log].index(of: logs[log].committed)
            logs[log].first = logs[log].position
            lostSeeks.remove(log)
        }
    }

    /// The group asks for the partitions, and waits for the commit.
    private mutating func revoke() throws {
        guard assignment.isHeld else { return }
        if hasLost { return lost() }
        try finish()
        giveUp()
    }

    /// The group has given them away and says so.
    private mutating func lost() {
        if transaction.isOpen {
            transaction.aborts()
            transaction.aborted()
            forget()
        }
        giveUp()
    }

    private mutating func giveUp() {
        story.append("given up")
        ledger.revoke(ledger.assigned)
        assignment.givenUp()
        hasLost = false
        for log in logs.indices { logs[log].isOurs = false }
    }

    /// The group gives them away without a word: the client knows of another generation, or the member has not polled for too long and the
    /// client knows nothing at all.
    private mutating func expelled(isKnown: Bool) {
        guard assignment.isHeld, logs.contains(where: \.isOurs) else { return }
        story.append(isKnown ? "expelled" : "slept")
        if isKnown { generation &+= 1 } else { now += Self.pollPatience }
        hasLost = true
        for log in logs.indices { logs[log].isOurs = false }
    }

    private mutating func restart() {
        ledger = OffsetLedger()
        assignment = Assignment(pollPatience: Self.pollPatience)
        transaction = TransactionState(limits: TransactionLimits(), attempts: .max)
        forget()
        giveUp()
    }

    /// Somebody else works on what is not ours, from where it is committed.
    private mutating func others() throws {
        for log in logs.indices where !logs[log].isOurs && random.chance(50) {
            let first = logs[log].index(of: logs[log].committed)
            for offset in logs[log].offsets[first...].prefix(random.below(4)) {
                try ends(Record(log: log, offset: offset))
                logs[log].committed = offset + 1
                story.append("somebody else does \(offset) of \(log)")
            }
        }
    }
}
