/// Finds the actions that an event belongs to: the index, and all the memory that one lane needs for it.
///
/// Allocates nothing once it has seen the largest plan and the largest event.
public struct Matcher: ~Copyable {
    var evaluator = Evaluator()
    /// One bit for each action of the plan: whether it has matched, and whether one of its steps failed.
    private var matched = Column<UInt64>(capacity: 256)
    private var failed = Column<UInt64>(capacity: 256)
    /// One bit for each ``group`` of their words in which something may be set; the groups behind the 64th begin with the first bit again.
    private var touched: UInt64 = 0
    /// So many words are looked through together: a bit for each single word takes longer to keep than zeros take to skip.
    private static let group = 64
    private var hasFailed = false
    /// By file: the number of the last event that verified it.
    ///
    /// A file may stand under several keys, and a text may repeat a gram.
    var seen = Column<UInt32>(capacity: 1024)
    /// The hashes of a text's grams that may lead somewhere.
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
            // Whole fours of words: they are collected so.
            let words = (plan.actionWords &+ 3) & ~3
            matched.resize(to: words, filling: 0)
            failed.resize(to: words, filling: 0)
        }
        if seen.count < plan.index.files.count { seen.resize(to: plan.index.files.count, filling: 0) }
        if restarts { for index in 0..<seen.count { seen[index] = 0 } }
    }

    /// Verifies the files of a posting, each once per event.
    ///
    /// Not inlined: keys are looked for in a dozen places, and a copy of all this in each would not fit into the instructions' cache.
    ///
    /// - Parameter signature: the bits of all grams of the text that the key was found in; all bits for keys of other kinds.
    @inline(never)
    mutating func verify(_ posting: Int32, _ signature: UInt64, _ scope: Int32, _ plan: ActionPlan) {
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
        candidates &+= Int(file.count)
        let entries = plan.index.entries.base + Int(file.first)
        for index in 0..<Int(file.count) { verifyEntry(entries + index, filing, plan) }
    }

    @inline(__always)
    private mutating func verifyEntry(
        _ entry: UnsafeMutablePointer<PlanIndex.Entry>,
        _ filing: Outcome,
        _ plan: ActionPlan
    ) {
        // All outcomes in one number: a failure is a bit of its own.
        var outcome = filing.rawValue
        if entry.pointee.condition >= 0 {
            let one = evaluator.remembered(entry.pointee.condition, plan.tables).rawValue
            if one == Outcome.isFalse.rawValue { return }
            outcome |= one
            let more = plan.index.conditions.base + Int(entry.pointee.firstMore)
            for index in 0..<Int(entry.pointee.moreCount) {
                let one = evaluator.remembered(more[index], plan.tables).rawValue
                if one == Outcome.isFalse.rawValue { return }
                outcome |= one
            }
        }
        let actions = plan.index.actions.base + Int(entry.pointee.firstAction)
        let count = Int(entry.pointee.actionCount)
        if outcome == Outcome.isTrue.rawValue {
            for index in 0..<count { Self.note(actions[index], in: matched, &touched) }
        } else {
            hasFailed = true
            for index in 0..<count { Self.note(actions[index], in: failed, &touched) }
        }
    }

    /// Sets an action's bit.
    @inline(__always)
    private static func note(_ action: Int32, in bits: borrowing Column<UInt64>, _ touched: inout UInt64) {
        bits[Int(action) >> 6] |= 1 &<< UInt64(truncatingIfNeeded: action & 63)
        touched |= 1 &<< UInt64(truncatingIfNeeded: action >> 12)
    }

    /// Reads the bits in the order of the actions and clears them.
    private mutating func collect(_ plan: ActionPlan, into result: inout MatchedActions) {
        result.removeAll()
        result.reserve(plan.definitions.count)
        while touched != 0 {
            var first = touched.trailingZeroBitCount &* Self.group
            touched &= touched &- 1
            while first < matched.count {
                collect(group: first, into: &result)
                first &+= 64 &* Self.group
            }
        }
        hasFailed = false
    }

    /// Four words at a time: either nearly all of them hold something, or nearly none does.
    private mutating func collect(group: Int, into result: inout MatchedActions) {
        var first = group
        while first < min(group &+ Self.group, matched.count) {
            let words = matched.base + first
            if words[0] | words[1] | words[2] | words[3] != 0 || hasFailed {
                for word in first..<(first &+ 4) { collect(word: word, into: &result) }
            }
            first &+= 4
        }
    }

    @inline(__always)
    private mutating func collect(word: Int, into result: inout MatchedActions) {
        let bits = matched[word]
        if hasFailed { collectFailed(word, matched: bits, into: &result) }
        matched[word] = 0
        result.put(bitsOf: bits, from: Int32(truncatingIfNeeded: word &* 64))
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
