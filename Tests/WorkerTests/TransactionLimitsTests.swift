import Testing

@testable import Worker

@Suite struct `A transaction's limits` {
    private static func limits(halved times: Int = 0) -> TransactionLimits {
        var limits = TransactionLimits(records: 1000, bytes: 1 << 20, milliseconds: 250, timeout: 8000)
        for _ in 0..<times { limits.failed() }
        return limits
    }

    @Test func `are halved by each failure, down to a thousandth, and never to nothing`() {
        #expect(Self.limits().recordsNow == 1000)
        #expect(Self.limits(halved: 1).recordsNow == 500)
        #expect(Self.limits(halved: 3).bytesNow == 1 << 17)
        #expect(Self.limits(halved: 10).bytesNow == 1 << 10)
        #expect(Self.limits(halved: 50) == Self.limits(halved: 10))
        #expect(Self.limits(halved: 10).recordsNow == 1)
        var smallest = TransactionLimits(records: 1, bytes: 1)
        smallest.failed()
        #expect((smallest.recordsNow, smallest.bytesNow) == (1, 1))
    }

    /// Milliseconds from the first record to the commit of a full transaction, and how often limits that were halved twice are halved then.
    @Test(
        arguments: [
            (0, 1), (250, 1), (999, 1),
            // An eighth of 8,000, and a half behind the 250 that it may have waited for records.
            (1000, 2), (3000, 2), (4250, 2),
            (4251, 3), (8000, 3), (100_000, 3),
        ] as [(Int64, Int)]
    )
    func `follow how long a commit took`(elapsed: Int64, halvings: Int) {
        var limits = Self.limits(halved: 2)
        var notFull = limits
        limits.committed(after: elapsed, isFull: true)
        #expect(limits.halvings == halvings)
        // What is not full proves nothing of what is.
        notFull.committed(after: elapsed, isFull: false)
        #expect(notFull.halvings == max(2, halvings))
    }

    @Test func `do not shrink because transactions are meant to be long`() {
        var limits = TransactionLimits(milliseconds: 10_000, timeout: 15_000)
        limits.committed(after: 10_100, isFull: false)
        #expect(limits == TransactionLimits(milliseconds: 10_000, timeout: 15_000))
    }

    @Test func `are never more than what is configured`() {
        var limits = Self.limits(halved: 1)
        for _ in 0..<3 { limits.committed(after: 0, isFull: true) }
        #expect(limits == Self.limits())
    }

    /// A cluster that takes so many bytes a second, whatever the size: the size comes to rest, and from then on no transaction fails, however
    /// long one may wait for records.
    @Test(
        arguments: [1_000, 10_000, 60_000, 150_000, 400_000, 1_110_000, 10_000_000] as [Int64],
        [250, 4000, 6000, 10_000] as [Int64]
    )
    func `come to rest where the rate is constant`(rate: Int64, milliseconds: Int64) {
        var limits = TransactionLimits(records: 10_000, bytes: 16 << 20, milliseconds: milliseconds, timeout: 15_000)
        var failures: [Int] = []
        var sizes: [Int] = []
        for turn in 0..<60 {
            let elapsed = Int64(limits.bytesNow) * 1000 / rate
            if elapsed > limits.timeout {
                limits.failed()
                failures.append(turn)
            } else {
                limits.committed(after: elapsed, isFull: true)
            }
            sizes.append(limits.bytesNow)
        }
        // The least, sixteen kilobytes, takes at a thousand bytes a second longer than a transaction may last: that fails for ever.
        if rate > 1000 { #expect(failures == Array(0..<failures.count) && failures.count < 10) }
        #expect(Set(sizes.suffix(40)).count == 1, "\(rate) bytes a second: \(sizes)")
    }
}
