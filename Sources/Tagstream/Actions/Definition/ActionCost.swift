/// What an action may cost, in units that are known before its first event.
///
/// One unit is one comparison of one value with one event: about ten nanoseconds on the machine of docs/performance.md. A step counts
/// one, and its conditions add up, although one that is false ends the step: the cost is the bound of what an event may have to pay
/// for the action, not the mean. By kind:
///
/// | condition | units |
/// |---|---|
/// | event, URL `exact` | 1 |
/// | URL `contains` | 2, one more for each 64 bytes, eight more for each `_` |
/// | property filter | 1, and for each value: 1; a relative date 2; a version 4; a pattern as below |
/// | pattern | 10, and one for each two instructions of its program |
/// | text, href, tag_name, selector, element filter | ten times as much, as if a chain had ten elements; a selector counts its compounds and their tests |
///
/// Memory follows the cost: a pattern's program takes about 40 bytes an instruction (measured), so an action holds at most 4 MB of
/// programs, and a team with the default quota 400 MB. Patterns that no index files are compiled once more, up to 128 together, with
/// at most 2 MiB for each such set (``PatternSet``). Typical actions cost 20 units.
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

    static func of(_ pattern: Pattern) -> Int { 10 + pattern.size / 2 }

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
