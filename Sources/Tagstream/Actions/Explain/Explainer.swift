/// Evaluates every condition of one action, and says of each what was expected and what was found.
///
/// The conditions are the definition's own, compiled when it was read, linked into tables as a plan links them and put to the
/// same ``Evaluator``. Near misses are found in the same way: a *probe* is a condition that is a little different (another
/// matching mode, a blank for a `>`), compiled and evaluated beside the real ones. So there is no second meaning here, only texts.
///
/// Holds its tables, and the conditions that own the patterns in them. Not for the hot path: it allocates as it likes.
struct Explainer: ~Copyable {
    private let action: ActionDefinition
    private let steps: [[Entry]]
    private let tables: PlanTables

    /// A condition with its index in the tables, its wording and its probes.
    struct Entry {
        var condition: Condition
        var index: Int32
        var wording: Wording
        var probes: [(probe: Probe, index: Int32)]
    }

    /// Compiles an action for being explained.
    init(_ action: ActionDefinition) {
        var builder = TableBuilder(capacity: 64)
        func append(_ condition: Condition) -> Int32 {
            builder.append(condition.parts)
            return Int32(builder.conditions.count - 1)
        }
        let written = Wording.steps(of: action)
        var steps: [[Entry]] = []
        for (number, step) in action.steps.enumerated() {
            var entries: [Entry] = []
            for place in step.conditions {
                let wording = Wording(of: place, in: number < written.count ? written[number] : .null)
                let index = append(place.condition)
                let probes = Probe.all(for: place.condition.test, wording).map { ($0, append($0.condition)) }
                entries.append(
                    Entry(condition: place.condition, index: index, wording: wording, probes: probes)
                )
            }
            steps.append(entries)
        }
        self.action = action
        self.steps = steps
        tables = builder.freeze()
    }

    deinit { tables.deallocate() }

    /// Explains the action for an event that lies on the bench.
    func explain(_ event: Event, on bench: borrowing Workbench, with evaluator: inout Evaluator) -> Explanation {
        _ = evaluator.begin(event, on: bench, tables)
        var outcome = Outcome.isFalse
        var explained: [StepExplanation] = []
        for step in steps {
            var all = Outcome.isTrue
            var conditions: [ConditionExplanation] = []
            for entry in step {
                let (condition, one) = explain(entry, with: &evaluator)
                all = all.and(one)
                conditions.append(condition)
            }
            outcome = outcome.or(all)
            explained.append(StepExplanation(verdict: Verdict(all), conditions: conditions))
        }
        return Explanation(
            id: action.id,
            name: action.name,
            isDeleted: action.isDeleted,
            verdict: Verdict(outcome),
            steps: explained
        )
    }

    private func explain(_ entry: Entry, with evaluator: inout Evaluator) -> (ConditionExplanation, Outcome) {
        let finding = Finding(entry.condition.test, tables.conditions[Int(entry.index)], tables, &evaluator)
        let outcome = evaluator.evaluate(entry.index, tables)
        var probed: [Outcome] = []
        // The worker tries none of these: they are not at the expense of the conditions behind.
        let refills = evaluator.refills
        for (_, index) in entry.probes { probed.append(evaluator.evaluate(index, tables)) }
        evaluator.refills = refills
        var parts = entry.wording.parts
        for ((probe, _), found) in zip(entry.probes, probed) {
            if case .part(let place) = probe.use { parts[place].verdict = Verdict(found) }
        }
        var notes = NearMiss.notes(for: entry.condition.test, entry.wording, finding, outcome)
        // Where there are no elements, which of them is missing says nothing.
        if outcome == .isFalse, !notes.contains(where: { $0.kind == .noElements }) {
            for ((probe, _), found) in zip(entry.probes, probed) {
                if let note = probe.note(found), !notes.contains(where: { $0.kind == note.kind }) { notes.append(note) }
            }
            if parts.count > 1, parts.allSatisfy({ $0.verdict == .yes }) {
                notes.append(
                    .init(
                        .otherElement,
                        "each of these holds, but on different elements: one element has to have them all"
                    )
                )
            }
        }
        let condition = ConditionExplanation(
            field: entry.wording.field,
            subject: entry.wording.subject,
            operatorName: entry.wording.operatorName,
            expected: entry.wording.expected,
            found: finding.found,
            compared: finding.compared,
            conversion: finding.conversion,
            verdict: Verdict(outcome),
            parts: parts,
            notes: notes
        )
        return (condition, outcome)
    }
}
