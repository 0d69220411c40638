/// Finds the actions that an event belongs to: the index, and all the memory that one lane needs for it.
///
/// Allocates nothing once it has seen the largest plan and the largest event.
public struct Matcher: ~Copyable {
    var evaluator = Evaluator()
    /// One bit for each action of the plan: whether it has matched, and whether one of its steps failed.
    private var matched = Column<UInt64>(capacity: 256)
    private var failed = Column<UInt64>(capacity: 256)
    private var hasFailed = false
    /// By posting: the number of the last event that looked at it.
    ///
    /// A text that repeats one gram asks once.
    var seen = Column<UInt32>(capacity: 1024)
    /// How many steps were verified since the matcher was made.
    var candidates = 0

    /// Makes a matcher; one for each lane.
    public init() {}

    /// Finds an event's actions.
    ///
    /// - Parameters:
    ///   - event: an event that lies on the bench.
    ///   - result: is emptied first.
    public mutating func match(
        _ event: Event,
        on bench: borrowing Workbench,
        with plan: ActionPlan,
        into result: inout MatchedActions
    ) {
        begin(event, on: bench, with: plan)
        let name = evaluator.eventName()
        let scope = plan.index.index(of: name)
        lookUp(scope, plan)
        collect(plan, into: &result)
    }

    mutating func begin(_ event: Event, on bench: borrowing Workbench, with plan: ActionPlan) {
        let restarts = evaluator.begin(event, on: bench, plan.tables)
        let words = (plan.definitions.count &+ 63) >> 6
        if matched.count < words {
            matched.resize(to: words, filling: 0)
            failed.resize(to: words, filling: 0)
        }
        if seen.count < plan.index.postings.count { seen.resize(to: plan.index.postings.count, filling: 0) }
        if restarts { for index in 0..<seen.count { seen[index] = 0 } }
    }

    /// Verifies the steps of a posting, once per event.
    @inline(__always)
    mutating func verify(_ posting: Int32, _ scope: Int32, _ plan: ActionPlan) {
        guard posting >= 0, seen[Int(posting)] != evaluator.epoch else { return }
        seen[Int(posting)] = evaluator.epoch
        let found = plan.index.postings[Int(posting)]
        let steps = plan.index.steps.base + Int(found.first)
        for index in 0..<Int(found.count) { verifyStep(steps[index], scope, plan) }
    }

    @inline(__always)
    private mutating func verifyStep(_ step: Int32, _ scope: Int32, _ plan: ActionPlan) {
        let flat = plan.steps[Int(step)]
        guard flat.event == scope || flat.event < 0 else { return }
        let word = Int(flat.action) >> 6
        let bit: UInt64 = 1 << UInt64(flat.action & 63)
        guard matched[word] & bit == 0 else { return }
        candidates &+= 1
        let conditions = plan.stepConditions.base + Int(flat.first)
        var outcome = Outcome.isTrue
        for index in 0..<Int(flat.count) {
            let one = evaluator.remembered(conditions[index], plan.tables)
            if one == .isFalse { return }
            if one == .failed { outcome = .failed }
        }
        if outcome == .isTrue {
            matched[word] |= bit
        } else {
            failed[word] |= bit
            hasFailed = true
        }
    }

    /// Reads the bits in the order of the actions and clears them.
    private mutating func collect(_ plan: ActionPlan, into result: inout MatchedActions) {
        result.removeAll()
        let words = (plan.definitions.count &+ 63) >> 6
        for word in 0..<words {
            var bits = matched[word]
            if hasFailed { collectFailed(word, matched: bits, into: &result) }
            guard bits != 0 else { continue }
            matched[word] = 0
            while bits != 0 {
                result.append(Int32(truncatingIfNeeded: word &* 64 &+ bits.trailingZeroBitCount))
                bits &= bits &- 1
            }
        }
        hasFailed = false
    }

    @inline(never)
    private mutating func collectFailed(_ word: Int, matched: UInt64, into result: inout MatchedActions) {
        // A step that failed does not matter where another matched.
        var bits = failed[word] & ~matched
        failed[word] = 0
        while bits != 0 {
            result.appendFailed(Int32(truncatingIfNeeded: word &* 64 &+ bits.trailingZeroBitCount))
            bits &= bits &- 1
        }
    }
}
