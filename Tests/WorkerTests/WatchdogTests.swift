import Testing

@testable import Worker

@Suite struct `A standstill` {
    /// What somebody sees who looks once a second, and at which look he says that the lane stands still.
    @Test(
        arguments: [
            ([], []),
            // One beat between two looks is enough.
            ([1, 2, 3, 4, 5, 6], []),
            ([5, 5, 5, 6, 6, 6, 7], []),
            // The third look without a beat behind the one that has seen the last.
            ([1, 2, 2, 2, 2], [4]),
            // It is said once, and again when the lane has lived meanwhile.
            ([1, 1, 1, 1, 1, 1, 2, 2, 2, 2], [3, 9]),
            // Before its beginning and behind its end a lane may be silent.
            ([nil, nil, nil, nil, nil], []),
            ([1, 1, 1, nil, nil, nil, nil], []),
            ([7, 7, nil, 7, 7, 7], []),
            ([7, 7, nil, 7, 7, 7, 7], [6]),
        ] as [([UInt64?], [Int])]
    )
    func `is so many looks without a beat`(counts: [UInt64?], found: [Int]) {
        var standstill = Standstill(limit: 3)
        #expect(counts.indices.filter { standstill.look(at: counts[$0]) } == found)
    }

    @Test func `is looked for from a lane's beginning to its end`() {
        let pulse = Pulse()
        #expect(pulse.count == nil)
        pulse.begin()
        #expect(pulse.count == 0)
        pulse.beat()
        #expect(pulse.count == 1)
        pulse.end()
        #expect(pulse.count == nil)
    }
}
