import Kafka
import Testing

@Suite(.timeLimit(.minutes(5))) struct `A member of a group` {
    private static func partitions(_ numbers: [Int32]) -> [TopicPartition] { numbers.map { TopicPartition("t", $0) } }

    @Test func `gets all partitions, gives them back when another joins, and shares them with it`() throws {
        let harness = try Harness(topics: ["t": 4], properties: ["session.timeout.ms": "6000"])
        var one = try harness.consumer()
        try one.subscribe(["t"])
        #expect(try one.rebalance() == .assigned(Self.partitions([0, 1, 2, 3])))
        try one.assign([TopicPartition("t", 0): nil, TopicPartition("t", 1): nil])
        #expect(try one.committed(Self.partitions([0]), timeout: 10_000) == [TopicPartition("t", 0): nil])

        var other = try harness.consumer()
        try other.subscribe(["t"])
        var seen: [Rebalance] = []
        // What each has at present: a slow machine needs more than one rebalance, which comes only to who has answered the last.
        var (ofOne, ofOther): ([TopicPartition], [TopicPartition]) = ([], [])
        for _ in 0..<1000 where ofOne.count != 2 || ofOther.count != 2 {
            if let rebalance = try one.glance() {
                seen.append(rebalance)
                ofOne = try Self.answer(rebalance, of: &one)
            }
            if let rebalance = try other.glance() { ofOther = try Self.answer(rebalance, of: &other) }
        }
        #expect(seen.first == .revoked(Self.partitions([0, 1, 2, 3])))
        #expect((ofOne + ofOther).sorted() == Self.partitions([0, 1, 2, 3]))
        #expect(ofOne.count == 2)
        one.close()
        other.close()
    }

    /// Takes what is assigned and gives back everything else; returns what the member has then.
    private static func answer(_ rebalance: Rebalance, of member: inout Consumer) throws -> [TopicPartition] {
        guard case .assigned(let partitions) = rebalance else {
            try member.unassign()
            return []
        }
        try member.assign(Dictionary(uniqueKeysWithValues: partitions.map { ($0, nil) }))
        return partitions
    }

    @Test func `can wait before it takes an assignment, and poll meanwhile`() throws {
        let harness = try Harness()
        try harness.fill(["a"])
        var consumer = try harness.consumer()
        try consumer.subscribe(["t"])
        #expect(try consumer.rebalance() == .assigned(Self.partitions([0])))
        for _ in 0..<5 { #expect(try consumer.glance() == nil) }
        try consumer.assign([TopicPartition("t", 0): nil])
        #expect(try consumer.read(1).map(\.text) == ["a"])
        consumer.close()
    }

    @Test(arguments: [false, true])
    func `can leave without having answered`(closes: Bool) throws {
        let harness = try Harness()
        var consumer = try harness.consumer()
        try consumer.subscribe(["t"])
        #expect(try consumer.rebalance() == .assigned(Self.partitions([0])))
        if closes { consumer.close() }
    }

    @Test func `can go without closing`() throws {
        let harness = try Harness()
        var consumer = try harness.consumer()
        try consumer.subscribe(["t"])
        _ = try consumer.rebalance()
        try consumer.assign([TopicPartition("t", 0): nil])
        _ = try consumer.glance()
    }

    @Test func `can close before it has joined`() throws {
        let harness = try Harness()
        let consumer = try harness.consumer()
        try consumer.subscribe(["t"])
        consumer.close()
    }
}
