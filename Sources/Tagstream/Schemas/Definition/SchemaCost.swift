/// What a schema may cost, in units that are known before its first event.
///
/// One unit is one rule asked of one value: about twenty nanoseconds on the machine of docs/performance.md. Every schema within a schema
/// counts one, and so does each of its rules; a schema that is referred to by `$ref` counts anew at every reference, because an event
/// may have to pay for it at each of them. By kind:
///
/// | keyword | units |
/// |---|---|
/// | a schema, a bound, a length, a count, a key of `properties` or `required`, a value of `enum` | 1 |
/// | `format` | 4 |
/// | `uniqueItems` | 10 |
/// | a pattern, also of `patternProperties` | 10, and one for each two instructions of its program |
///
/// Only the schema of its own name is evaluated for an event, so the time of an event is bounded by ``schemaLimit`` and by the steps
/// of ``SchemaEvaluator/steps``; the memory of a team is bounded by ``teamQuota``.
public enum SchemaCost {
    /// The most that one schema may cost.
    public static let schemaLimit = 20_000
    /// The default for what all schemas of a team may cost together.
    public static let teamQuota = 500_000
    /// How deep schemas may stand within one another, `$ref` followed.
    static let depth = 64

    static func of(_ pattern: Pattern) -> Int { 10 + pattern.size / 2 }

    /// A sum that stays where it is once it is too large: a few lines of `$ref` make more than a word holds.
    static func sum(_ one: Int, _ other: Int) -> Int { min(one + other, 1 << 50) }
}
