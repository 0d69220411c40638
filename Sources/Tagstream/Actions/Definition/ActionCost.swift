/// What an action may cost, in units that are known before its first event.
///
/// One unit is one comparison of one value with one event, about ten nanoseconds on the machine of docs/performance.md. A step's
/// conditions add up, although one that is false ends the step: the cost is the bound, not the mean. A pattern counts by its
/// program, a selector by its compounds, each against a chain of ten elements.
public enum ActionCost {
    /// The most that one action may cost: 0.5 ms an event.
    public static let actionLimit = 50_000
    /// The default for what all actions of a team may cost together.
    public static let teamQuota = 5_000_000

    static func of(_ test: Condition.Test) -> Int {
        switch test {
        case .event: 1
        case .url(let test): of(test)
        case .element(let text, let href, let tag):
            10 * ((text.map(of) ?? 0) + (href.map(of) ?? 0) + (tag == nil ? 0 : 1))
        case .selector(let selector, _):
            10 * selector.alternatives.reduce(0) { $0 + $1.compounds.reduce(0) { $0 + 1 + $1.tests.count } }
        case .elementTag(let tags, _): 10 * tags.count
        case .elementFilter(_, let comparison): 10 * of(comparison)
        case .property(_, _, let comparison): of(comparison)
        }
    }

    private static func of(_ test: TextTest) -> Int {
        switch test {
        case .exact: 1
        case .like(let pattern, _): 2 + pattern.count / 64 + 8 * pattern.count(where: { $0 == LikePattern.one })
        case .regex(let pattern, _): of(pattern)
        }
    }

    private static func of(_ pattern: Pattern) -> Int { 10 + pattern.size / 8 }

    private static func of(_ comparison: Comparison) -> Int {
        comparison.operands.reduce(1) { sum, operand in
            switch operand {
            case .pattern(let pattern, _): sum + of(pattern)
            case .version, .versionRange: sum + 4
            case .relativeDate: sum + 2
            default: sum + 1
            }
        }
    }
}
