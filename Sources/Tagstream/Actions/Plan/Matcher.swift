/// Finds the actions that an event belongs to: the index, and all the memory that one lane needs for it.
///
/// Allocates nothing once it has seen the largest plan and the largest event.
public struct Matcher: ~Copyable {
    var evaluator = Evaluator()
    /// One bit for each action of the plan: whether it has matched, and whether one of its steps failed.
    private var matched = Column<UInt64>(capacity: 256)
    private var failed = Column<UInt64>(capacity: 256)
    private var hasFailed = false
    /// By file: the number of the last event that verified it.
    ///
    /// A file may stand under several keys, and a text may repeat a gram.
    var seen = Column<UInt32>(capacity: 1024)
    /// How many entries of the index were verified since the matcher was made.
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
        if seen.count < plan.index.files.count { seen.resize(to: plan.index.files.count, filling: 0) }
        if restarts { for index in 0..<seen.count { seen[index] = 0 } }
    }

    /// Verifies the files of a posting, each once per event.
    @inline(__always)
    mutating func verify(_ posting: Int32, _ scope: Int32, _ plan: ActionPlan) {
        guard posting >= 0 else { return }
        let found = plan.index.postings[Int(posting)]
        let filed = plan.index.filed.base + Int(found.first)
        for index in 0..<Int(found.count) where seen[Int(filed[index])] != evaluator.epoch {
            seen[Int(filed[index])] = evaluator.epoch
            verifyFile(plan.index.files[Int(filed[index])], scope, plan)
        }
    }

    @inline(__always)
    private mutating func verifyFile(_ file: PlanIndex.File, _ scope: Int32, _ plan: ActionPlan) {
        // Two event names may share a key.
        guard file.event == scope || file.event < 0 else { return }
        let filing = file.condition < 0 ? .isTrue : evaluator.remembered(file.condition, plan.tables)
        guard filing != .isFalse else { return }
        let entries = plan.index.entries.base + Int(file.first)
        for index in 0..<Int(file.count) { verifyEntry(entries[index], filing, plan) }
    }

    @inline(__always)
    private mutating func verifyEntry(_ entry: PlanIndex.Entry, _ filing: Outcome, _ plan: ActionPlan) {
        candidates &+= 1
        let conditions = plan.index.conditions.base + Int(entry.firstCondition)
        var outcome = filing
        for index in 0..<Int(entry.conditionCount) {
            let one = evaluator.remembered(conditions[index], plan.tables)
            if one == .isFalse { return }
            if one == .failed { outcome = .failed }
        }
        let actions = plan.index.actions.base + Int(entry.firstAction)
        if outcome == .isTrue {
            for index in 0..<Int(entry.actionCount) {
                matched[Int(actions[index]) >> 6] |= 1 << UInt64(actions[index] & 63)
            }
        } else {
            hasFailed = true
            for index in 0..<Int(entry.actionCount) {
                failed[Int(actions[index]) >> 6] |= 1 << UInt64(actions[index] & 63)
            }
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
