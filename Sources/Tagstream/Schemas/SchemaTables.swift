/// What a JSON value is to a schema: one bit each.
///
/// A number without a fraction is an integer too.
struct SchemaTypes: OptionSet, Sendable {
    let rawValue: UInt8

    static let null = SchemaTypes(rawValue: 1)
    static let boolean = SchemaTypes(rawValue: 2)
    static let integer = SchemaTypes(rawValue: 4)
    static let number = SchemaTypes(rawValue: 8)
    static let string = SchemaTypes(rawValue: 16)
    static let array = SchemaTypes(rawValue: 32)
    static let object = SchemaTypes(rawValue: 64)

    /// The types by the names that schemas call them by.
    static let names: [(name: String, type: SchemaTypes)] = [
        ("null", .null), ("boolean", .boolean), ("integer", .integer), ("number", .number), ("string", .string),
        ("array", .array), ("object", .object),
    ]
}

/// The keywords that a violation can name.
enum SchemaKeyword: UInt8, CaseIterable {
    case type, `enum`, const, minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf, minLength, maxLength,
        pattern, format, required, additionalProperties, minProperties, maxProperties, items, minItems, maxItems,
        uniqueItems, anyOf, oneOf, not, `false`, budget

    /// As schemas write it; `false` is a schema that takes nothing, `budget` is no keyword.
    var name: StaticString {
        switch self {
        case .type: "type"
        case .enum: "enum"
        case .const: "const"
        case .minimum: "minimum"
        case .maximum: "maximum"
        case .exclusiveMinimum: "exclusiveMinimum"
        case .exclusiveMaximum: "exclusiveMaximum"
        case .multipleOf: "multipleOf"
        case .minLength: "minLength"
        case .maxLength: "maxLength"
        case .pattern: "pattern"
        case .format: "format"
        case .required: "required"
        case .additionalProperties: "additionalProperties"
        case .minProperties: "minProperties"
        case .maxProperties: "maxProperties"
        case .items: "items"
        case .minItems: "minItems"
        case .maxItems: "maxItems"
        case .uniqueItems: "uniqueItems"
        case .anyOf: "anyOf"
        case .oneOf: "oneOf"
        case .not: "not"
        case .false: "false"
        case .budget: "budget"
        }
    }
}

/// A run of a schema's table.
struct SchemaRange {
    var first: Int32 = 0
    var count: Int32 = 0
}

/// One schema, or schema within a schema: what the evaluator reads first.
///
/// -1 stands for "says nothing of it".
struct FlatSchema {
    /// `false`: takes nothing.
    var isNever = false
    /// The types that are allowed; empty for any.
    var types: SchemaTypes = []
    /// Which of ``SchemaTables/values`` an `enum` lists; no value fits where there are none.
    var hasEnum = false
    var values = SchemaRange()
    /// How many of these are texts; they stand first, by length and bytes.
    var textCount: Int32 = 0
    var constant: Int32 = -1
    var number: Int32 = -1
    var text: Int32 = -1
    var object: Int32 = -1
    var array: Int32 = -1
    var branches: Int32 = -1
    var expectedType = PoolRange()
    var expectedValue = PoolRange()
}

/// A value of `enum` or `const`.
struct FlatSchemaValue {
    var kind: Value.Kind
    /// A text's bytes, a number as written, an object's or array's ``CanonicalText``.
    var text = PoolRange()
    var number: Decimal
    /// How messages name it: a `const`'s own text.
    var expected = PoolRange()
}

/// A bound of numbers.
struct FlatBound {
    var keyword: SchemaKeyword
    var number: Decimal
    var text: PoolRange
}

/// What a schema says of texts.
struct FlatTextRule {
    /// In code points; -1 for none.
    var minimum: Int32 = -1
    var maximum: Int32 = -1
    /// The address of a compiled pattern; zero for none.
    var pattern: UInt = 0
    var patternSize: Int32 = 0
    var format: TextFormat?
    var expectedMinimum = PoolRange()
    var expectedMaximum = PoolRange()
    var expectedPattern = PoolRange()
    var expectedFormat = PoolRange()
}

/// What a schema says of objects.
struct FlatObjectRule {
    /// Where its part of ``SchemaTables/filters`` begins: one bit for each value of a hash's lowest nine bits that a key takes.
    ///
    /// Most fields of most events end there.
    var filter: Int32 = 0
    /// The table of keys, a power of two.
    var keys = SchemaRange()
    /// The keys that must be there: which of ``SchemaTables/names``.
    var required = SchemaRange()
    var patterns = SchemaRange()
    /// The schema of properties that are neither named nor found by a pattern; -1 for any.
    var additional: Int32 = -1
    var minimum: Int32 = -1
    var maximum: Int32 = -1
    var expectedMinimum = PoolRange()
    var expectedMaximum = PoolRange()
    var expectedAdditional = PoolRange()
    var expectedRequired = PoolRange()
}

/// A key of an object rule's table.
struct FlatSchemaKey {
    var hash: UInt32 = 0
    /// The schema of its value: -1 where the key is only required.
    var node: Int32 = -1
    var name = PoolRange()
    var isTaken = false
    var isProperty = false
    var isRequired = false
}

/// A pattern of `patternProperties`.
struct FlatKeyPattern {
    var pattern: UInt
    var patternSize: Int32
    var node: Int32
}

/// What a schema says of arrays.
struct FlatArrayRule {
    /// The schemas of the first items: which of ``SchemaTables/children``.
    var prefix = SchemaRange()
    /// The schema of the items behind them; -1 for any.
    var items: Int32 = -1
    var minimum: Int32 = -1
    var maximum: Int32 = -1
    var isUnique = false
    var expectedMinimum = PoolRange()
    var expectedMaximum = PoolRange()
    var expectedUnique = PoolRange()
    var expectedItems = PoolRange()
}

/// The schemas that a schema is combined of: which of ``SchemaTables/children``.
struct FlatBranches {
    /// `allOf` and `$ref`.
    var all = SchemaRange()
    var any = SchemaRange()
    var one = SchemaRange()
    var not: Int32 = -1
    var hasAny = false
    var hasOne = false
    var expectedAny = PoolRange()
    var expectedOne = PoolRange()
    var expectedNot = PoolRange()
}

/// A schema's tables as they are handed around: one word instead of thirty.
typealias SchemaTablesPointer = UnsafePointer<SchemaTables>

/// Everything the evaluator reads of one event's schema, flat.
///
/// Lives as long as its ``CompiledSchema``; the evaluator borrows a copy of the pointers during one call.
struct SchemaTables {
    let nodes: Frozen<FlatSchema>
    let values: Frozen<FlatSchemaValue>
    let bounds: Frozen<FlatBound>
    /// The bounds of a number rule.
    let numbers: Frozen<SchemaRange>
    let texts: Frozen<FlatTextRule>
    let objects: Frozen<FlatObjectRule>
    let keys: Frozen<FlatSchemaKey>
    /// Eight words for each object rule.
    let filters: Frozen<UInt64>
    let names: Frozen<PoolRange>
    let patterns: Frozen<FlatKeyPattern>
    let arrays: Frozen<FlatArrayRule>
    let branches: Frozen<FlatBranches>
    let children: Frozen<Int32>
    let pool: Frozen<UInt8>
    let root: Int32

    @inline(__always)
    func bytes(_ range: PoolRange) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: UnsafeRawPointer(pool.base) + Int(range.offset), count: Int(range.length))
    }

    func deallocate() {
        nodes.deallocate()
        values.deallocate()
        bounds.deallocate()
        numbers.deallocate()
        texts.deallocate()
        objects.deallocate()
        keys.deallocate()
        filters.deallocate()
        names.deallocate()
        patterns.deallocate()
        arrays.deallocate()
        branches.deallocate()
        children.deallocate()
        pool.deallocate()
    }
}

/// A schema, compiled: immutable, read by any number of lanes at once.
///
/// Sendable: the tables are written before `init` returns and only read afterwards; they are freed with the last reference, and
/// whoever evaluates holds one. The patterns that they point to are owned here.
final class CompiledSchema: @unchecked Sendable {
    let tables: SchemaTablesPointer
    /// What one event may have to pay, in the units of ``SchemaCost``.
    let cost: Int
    private let patterns: [Pattern]

    init(_ tables: SchemaTables, patterns: [Pattern], cost: Int) {
        let kept = UnsafeMutablePointer<SchemaTables>.allocate(capacity: 1)
        kept.initialize(to: tables)
        self.tables = SchemaTablesPointer(kept)
        self.patterns = patterns
        self.cost = cost
    }

    deinit {
        tables.pointee.deallocate()
        tables.deallocate()
    }
}
