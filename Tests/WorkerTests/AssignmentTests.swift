import Kafka
import Testing

@testable import Worker

@Suite struct `An assignment` {
    private let here = GroupPlace([1])
    private let elsewhere = GroupPlace([2])

    @Test func `lets nothing be committed before partitions were taken, nor once they are given up`() {
        var assignment = Assignment(pollPatience: 1000)
        assignment.polls(at: 0)
        #expect(assignment.objection(toTenure: 0, at: here, now: 1) == .tenureEnded)
        assignment.taken(at: here)
        #expect(assignment.tenure == 1)
        #expect(assignment.objection(toTenure: 1, at: here, now: 1) == nil)
        assignment.givenUp()
        #expect(!assignment.isHeld)
        #expect(assignment.objection(toTenure: 1, at: here, now: 1) == .tenureEnded)
    }

    @Test func `is a new tenure each time: what was read in an earlier one is not committed in it`() {
        var assignment = Assignment(pollPatience: 1000)
        assignment.polls(at: 0)
        assignment.taken(at: here)
        assignment.givenUp()
        assignment.taken(at: here)
        #expect(assignment.objection(toTenure: 1, at: here, now: 1) == .tenureEnded)
        #expect(assignment.objection(toTenure: 2, at: here, now: 1) == nil)
    }

    @Test func `speaks against a commit when the group has gone on`() {
        var assignment = Assignment(pollPatience: 1000)
        assignment.polls(at: 0)
        assignment.taken(at: here)
        #expect(assignment.objection(toTenure: 1, at: elsewhere, now: 1) == .placeChanged)
    }

    private static let polls: [(Int64, Assignment.Objection?)] = [(999, nil), (1000, .polledLate), (.max, .polledLate)]

    @Test(arguments: polls)
    func `watches its polls itself`(row: (now: Int64, objection: Assignment.Objection?)) {
        var assignment = Assignment(pollPatience: 1000)
        assignment.polls(at: 0)
        assignment.taken(at: here)
        #expect(assignment.objection(toTenure: 1, at: here, now: row.now) == row.objection)
        assignment.polls(at: row.now)
        #expect(assignment.objection(toTenure: 1, at: here, now: row.now) == nil)
    }
}

@Suite struct `A revocation's budget` {
    @Test func `keeps a floor for the end of the transaction, however slow what came before was`() {
        let budget = RevocationBudget(RevocationBudget.Limits(), from: 1000)
        #expect(budget.beforeEnd(at: 1000) == 10_000)
        #expect(budget.forEnd(at: 1000) == 15_000)
        #expect(budget.beforeEnd(at: 9000) == 2000)
        #expect(budget.forEnd(at: 9000) == 7000)
        #expect(budget.beforeEnd(at: 20_000) == 0)
        #expect(budget.forEnd(at: 20_000) == 5000)
    }

    @Test(arguments: [(Int64(45_000), Int64(15_000), Int64(5000)), (6000, 2000, 666), (1, 3, 1)])
    func `is a third of the session`(session: Int64, total: Int64, floor: Int64) {
        let budget = RevocationBudget(RevocationBudget.Limits(sessionMilliseconds: session), from: 0)
        #expect(budget.forEnd(at: 0) == total)
        #expect(budget.beforeEnd(at: 0) == total - floor)
    }
}
