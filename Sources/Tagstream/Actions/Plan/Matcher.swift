/// Finds the actions that an event belongs to: the index, and all the memory that one lane needs for it.
///
/// Allocates nothing once it has seen the largest plan and the largest event.
public struct Matcher: ~Copyable {
    var evaluator = Evaluator()
    /// One bit for each action of the plan: whether it has matched, and whether one of its steps failed.
    private var matched = Column<UInt64>(capacity: 256)
    private var failed = Column<UInt64>(capacity: 256)
    /// One bit for each word of those that is not zero.
    private var touched = Column<UInt64>(capacity: 16)
    private var hasFailed = false
    /// By file: the number of the last event that verified it.
    ///
    /// A file may stand under several keys, and a text may repeat a gram.
    var seen = Column<UInt32>(capacity: 1024)
    /// The keys of a text's grams that may lead somewhere.
    var found = Column<UInt64>(capacity: 64)
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
        if matched.count < plan.actionWords {
            matched.resize(to: plan.actionWords, filling: 0)
            failed.resize(to: plan.actionWords, filling: 0)
            touched.resize(to: (plan.actionWords &+ 63) >> 6, filling: 0)
        }
        if seen.count < plan.index.files.count { seen.resize(to: plan.index.files.count, filling: 0) }
        if restarts { for index in 0..<seen.count { seen[index] = 0 } }
    }

    /// Verifies the files of a posting, each once per event.
    ///
    /// - Parameter signature: the bits of all grams of the text that the key was found in; all bits for keys of other kinds.
    @inline(__always)
    mutating func verify(_ posting: Int32, _ signature: UInt64, _ scope: Int32, _ plan: ActionPlan) {
        guard posting >= 0 else { return }
        let found = plan.index.postings[Int(posting)]
        let filed = plan.index.filed.base + Int(found.first)
        for index in 0..<Int(found.count) where filed[index].signature & ~signature == 0 {
            let file = Int(filed[index].file)
            guard seen[file] != evaluator.epoch else { continue }
            seen[file] = evaluator.epoch
            verifyFile(plan.index.files[file], scope, plan)
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
        // All outcomes in one number: a failure is a bit of its own.
        var outcome = filing.rawValue
        for index in 0..<Int(entry.conditionCount) {
            let one = evaluator.remembered(conditions[index], plan.tables).rawValue
            if one == Outcome.isFalse.rawValue { return }
            outcome |= one
        }
        let actions = plan.index.actions.base + Int(entry.firstAction)
        if outcome == Outcome.isTrue.rawValue {
            for index in 0..<Int(entry.actionCount) {
                matched[touch(actions[index])] |= 1 << UInt64(actions[index] & 63)
            }
        } else {
            hasFailed = true
            for index in 0..<Int(entry.actionCount) {
                failed[touch(actions[index])] |= 1 << UInt64(actions[index] & 63)
            }
        }
    }

    /// The word of an action's bit, noted as touched.
    @inline(__always)
    private mutating func touch(_ action: Int32) -> Int {
        let word = Int(action) >> 6
        touched[word >> 6] |= 1 << UInt64(word & 63)
        return word
    }

    /// Reads the bits in the order of the actions and clears them.
    private mutating func collect(_ plan: ActionPlan, into result: inout MatchedActions) {
        result.removeAll()
        result.reserve(plan.definitions.count)
        for group in 0..<((plan.actionWords &+ 63) >> 6) {
            var words = touched[group]
            guard words != 0 else { continue }
            touched[group] = 0
            while words != 0 {
                collect(word: group &* 64 &+ words.trailingZeroBitCount, into: &result)
                words &= words &- 1
            }
        }
        hasFailed = false
    }

    @inline(__always)
    private mutating func collect(word: Int, into result: inout MatchedActions) {
        var bits = matched[word]
        if hasFailed { collectFailed(word, matched: bits, into: &result) }
        matched[word] = 0
        let first = Int32(truncatingIfNeeded: word &* 64)
        while bits != 0 {
            result.put(first &+ Int32(truncatingIfNeeded: bits.trailingZeroBitCount))
            bits &= bits &- 1
        }
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
