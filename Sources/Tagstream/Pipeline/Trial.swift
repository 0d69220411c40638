/// Asks of single events which actions they belong to, without a tenant, a position or an output: the evaluator behind
/// `tagstream actions test`, `explain` and previews.
///
/// The same decoder, normaliser and matcher as the worker's, in the same order; only the rules that would dead-letter an event
/// (no distinct id, no token) do not apply, because an example in a test file need not be complete.
public struct Trial: ~Copyable {
    private var bench = Workbench()
    private var decoder: EventDecoder
    private let validator: EventValidator
    private var enricher = Enricher()
    private let enrichments: Enrichments
    private let tables: EnrichmentTables
    var matcher = Matcher()
    private var matched = MatchedActions()
    /// What the team asks of its events: matching sees its groups.
    public var rules = EventRules()
    /// Its own, because a matcher remembers what its evaluator numbers.
    private var explaining = Evaluator()

    /// Makes a trial with its own memory.
    ///
    /// - Parameter enrichments: what is done to an event before it is matched.
    public init(
        limits: EventLimits = EventLimits(),
        enrichments: Enrichments = .none,
        tables: EnrichmentTables = EnrichmentTables()
    ) {
        self.enrichments = enrichments
        self.tables = tables
        decoder = EventDecoder(limits: limits)
        validator = EventValidator(limits: limits)
    }

    /// The ids of the actions that an event belongs to, ascending.
    ///
    /// - Parameters:
    ///   - text: one event in any form that the worker reads.
    ///   - now: milliseconds since 1970 that count as "now" for an event that does not say it; negative for none.
    /// - Throws: ``EventUnreadable`` when the text is no event at all.
    public mutating func match(
        _ text: UnsafeRawBufferPointer,
        with plan: ActionPlan,
        now: Int64 = -1
    ) throws(EventUnreadable) -> [Int64] {
        try count(text, with: plan, now: now)
        return matchedIDs(plan)
    }

    /// How many actions an event belongs to.
    ///
    /// The same work as ``match(_:with:now:)`` without a list of the result: allocates nothing once warm.
    @discardableResult
    public mutating func count(
        _ text: UnsafeRawBufferPointer,
        with plan: ActionPlan,
        now: Int64 = -1
    ) throws(EventUnreadable) -> Int {
        let event = try prepare(text, now: now)
        matcher.match(event, on: bench, with: plan, into: &matched)
        return matched.count
    }

    /// How many actions could not be evaluated for the event that was matched last.
    public var failedCount: Int { matched.failedCount }

    /// The same by the linear evaluator, which the index has to agree with.
    mutating func matchLinearly(
        _ text: UnsafeRawBufferPointer,
        with plan: ActionPlan,
        now: Int64 = -1
    ) throws(EventUnreadable) -> [Int64] {
        let event = try prepare(text, now: now)
        matcher.matchLinearly(event, on: bench, with: plan, into: &matched)
        return matchedIDs(plan)
    }

    /// Why each of some actions matches an event, or why not: every condition of every step.
    ///
    /// One explanation for each action, in their order; the verdicts are those of ``match(_:with:now:)``. It compiles the actions
    /// anew and allocates for every word it says.
    ///
    /// - Throws: ``EventUnreadable`` when the text is no event at all.
    public mutating func explain(
        _ text: UnsafeRawBufferPointer,
        _ actions: [ActionDefinition],
        now: Int64 = -1
    ) throws(EventUnreadable) -> [Explanation] {
        let event = try prepare(text, now: now)
        var explanations: [Explanation] = []
        for action in actions {
            let explainer = Explainer(action)
            explanations.append(explainer.explain(event, on: bench, with: &explaining))
        }
        return explanations
    }

    /// The same by one explainer that was made before: an action that is compiled once explains many events.
    mutating func explain(
        _ text: UnsafeRawBufferPointer,
        by explainer: borrowing Explainer,
        now: Int64 = -1
    ) throws(EventUnreadable) -> Explanation {
        let event = try prepare(text, now: now)
        return explainer.explain(event, on: bench, with: &explaining)
    }

    /// Decodes, normalises and enriches an event as the worker does; it lies on the bench until the next.
    mutating func prepare(_ text: UnsafeRawBufferPointer, now: Int64) throws(EventUnreadable) -> Event {
        let decoded: DecodedEvent
        do {
            decoded = try decoder.decode(text, on: &bench)
        } catch {
            throw EventUnreadable(reason: error.reason, detail: error.detail)
        }
        var valid = validator.prepare(decoded, at: now, under: rules, on: &bench)
        if !enrichments.active.isEmpty {
            var outages = EnrichmentOutages()
            enricher.enrich(&valid, with: enrichments, from: tables, on: &bench, counting: &outages)
        }
        return valid.decoded.event
    }

    private func matchedIDs(_ plan: ActionPlan) -> [Int64] {
        (0..<matched.count).map { plan.id(at: matched[$0]) }
    }
}

/// A text that is no event, with the reason a worker would have dead-lettered it for.
public struct EventUnreadable: Error, Sendable {
    /// The dead letter's reason.
    public var reason: DeadLetterReason
    /// What was found and where.
    public var detail: String
}
