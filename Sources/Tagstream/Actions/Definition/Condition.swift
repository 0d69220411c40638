/// One condition of a step, checked and compiled: what a plan evaluates at most once per event, however many steps share it.
///
/// An immutable object, made when the definition is read, so that compiled patterns live as long as the definition and are shared
/// by every plan that contains it. Plans flatten it into ``PlanTables``.
final class Condition: Sendable {
    /// What is tested.
    let test: Test
    /// The same, flat.
    let parts: FlatParts
    /// What the index looks the condition up under; nil where it cannot.
    let access: AccessPredicate?
    /// The same bytes for two conditions that test the same.
    let identity: [UInt8]
    /// A hash of ``identity``.
    let hash: UInt64
    /// What one evaluation may cost, in units of about ten nanoseconds (see ``ActionCost``).
    let cost: Int

    /// What a condition tests.
    enum Test: Sendable {
        /// The event's name.
        case event([UInt8])
        /// `$current_url`, when it is a text that is not empty.
        case url(TextTest)
        /// One and the same element's text, link and tag.
        case element(text: TextTest?, href: TextTest?, tag: [UInt8]?)
        /// Whether some element satisfies one of the selectors; or none, when negated.
        case selector(Selector, isNegated: Bool)
        /// Whether some element has one of these tags; or none, when negated.
        case elementTag([[UInt8]], isNegated: Bool)
        /// A filter on the text or the link of any element.
        case elementFilter(ElementKey, Comparison)
        /// A filter on a property.
        case property(PropertySource, key: [UInt8], Comparison)
    }

    enum ElementKey: UInt8, Sendable { case text, href }

    init(_ test: Test) {
        self.test = test
        let shapes = PatternShapes(of: test)
        parts = FlatParts(test, shapes)
        access = AccessPredicate.of(test, place: parts.slot.map { AccessKey.place(of: $0) } ?? 0, shapes)
        var writer = IdentityWriter()
        writer.write(test)
        identity = writer.bytes
        hash = Self.hash(writer.bytes)
        cost = ActionCost.of(test)
    }

    /// FNV-1a.
    ///
    /// Equal hashes are followed by a comparison of the identities, so that nothing depends on it but speed.
    private static func hash(_ bytes: [UInt8]) -> UInt64 {
        bytes.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    }
}

/// The shapes of a condition's patterns: reading one takes as long as compiling it, and two ask for it.
struct PatternShapes {
    private var shapes: [[UInt8]: RegexShape] = [:]

    init(of test: Condition.Test) {
        switch test {
        case .url(let test): add(test)
        case .element(let text, let href, _):
            if let text { add(text) }
            if let href { add(href) }
        case .elementFilter(_, let comparison), .property(_, _, let comparison):
            guard comparison.meaning == .regex else { return }
            for case .pattern(_, let source) in comparison.operands { add(source) }
        case .event, .selector, .elementTag: break
        }
    }

    /// The shape of one of the condition's patterns.
    subscript(_ source: [UInt8]) -> RegexShape { shapes[source] ?? RegexShape(of: source) }

    private mutating func add(_ test: TextTest) {
        if case .regex(_, let source) = test { add(source) }
    }

    private mutating func add(_ source: [UInt8]) { shapes[source] = RegexShape(of: source) }
}

/// How a text is matched: the three modes of `url_matching`, `text_matching` and `href_matching`.
enum TextTest: Sendable {
    /// The same bytes.
    case exact([UInt8])
    /// A compiled ``LikePattern``; lower-cased when it ignores case.
    case like([UInt8], ignoringCase: Bool)
    /// A regular expression.
    case regex(Pattern, source: [UInt8])
}

/// Where a property filter looks.
enum PropertySource: Sendable, Equatable {
    /// The event's properties.
    case event
    /// The properties of the event's person.
    case person
    /// The properties of the event's group of a type, 0…4.
    case group(Int)
    /// What is known of the event itself.
    case metadata(Metadata)

    enum Metadata: UInt8, Sendable, CaseIterable {
        case event, uuid, distinctID, timestamp, group0, group1, group2, group3, group4

        /// The name in a definition.
        var key: String {
            switch self {
            case .event: "event"
            case .uuid: "uuid"
            case .distinctID: "distinct_id"
            case .timestamp: "timestamp"
            case .group0: "$group_0"
            case .group1: "$group_1"
            case .group2: "$group_2"
            case .group3: "$group_3"
            case .group4: "$group_4"
            }
        }
    }

    /// A number that tells the sources apart.
    var code: UInt8 {
        switch self {
        case .event: 0
        case .person: 1
        case .group(let index): 2 + UInt8(index)
        case .metadata(let metadata): 16 + metadata.rawValue
        }
    }
}

/// An operator with the values it compares with: true when any value satisfies it, or none, when negated.
struct Comparison: Sendable {
    var meaning: Operator
    var isNegated: Bool
    var operands: [Operand]
}

/// A value of a filter, prepared for its operator.
enum Operand: Sendable {
    case text([UInt8])
    case number(Double, printed: [UInt8])
    case bool(Bool)
    case pattern(Pattern, source: [UInt8])
    /// Two numbers, both included.
    case range(Double, Double)
    /// Instants in microseconds from the first up to the second, which is not included; equal ends stand for the one instant.
    case date(Int64, Int64)
    /// So many units before the event.
    case relativeDate(Int64, DateText.Unit)
    case version([UInt8])
    /// Versions from the first up to the second, which is excluded together with its pre-releases.
    case versionRange([UInt8], [UInt8])
}

/// Writes what a condition tests as bytes that are equal for equal conditions.
private struct IdentityWriter {
    var bytes: [UInt8] = []

    /// Most conditions need fewer bytes than this.
    init() { bytes.reserveCapacity(64) }

    mutating func write(_ text: [UInt8]) {
        write(Int64(text.count))
        bytes += text
    }

    mutating func write(_ number: Int64) {
        var rest = UInt64(bitPattern: number)
        for _ in 0..<8 {
            bytes.append(UInt8(truncatingIfNeeded: rest))
            rest >>= 8
        }
    }

    mutating func write(_ number: Double) { write(Int64(bitPattern: number.bitPattern)) }

    mutating func write(_ test: Condition.Test) {
        switch test {
        case .event(let name):
            bytes.append(0)
            write(name)
        case .url(let test):
            bytes.append(1)
            write(test)
        case .element(let text, let href, let tag):
            bytes.append(2)
            for part in [text, href] {
                if let part { write(part) } else { bytes.append(255) }
            }
            if let tag { write(tag) }
        case .selector(let selector, let isNegated):
            bytes += [3, isNegated ? 1 : 0]
            write(Array(selector.canonical.utf8))
        case .elementTag(let tags, let isNegated):
            bytes += [4, isNegated ? 1 : 0]
            for tag in tags { write(tag) }
        case .elementFilter(let key, let comparison):
            bytes += [5, key.rawValue]
            write(comparison)
        case .property(let source, let key, let comparison):
            bytes += [6, source.code]
            write(key)
            write(comparison)
        }
    }

    private mutating func write(_ test: TextTest) {
        switch test {
        case .exact(let text):
            bytes.append(0)
            write(text)
        case .like(let pattern, let ignoringCase):
            bytes.append(ignoringCase ? 1 : 2)
            write(pattern)
        case .regex(_, let source):
            bytes.append(3)
            write(source)
        }
    }

    private mutating func write(_ comparison: Comparison) {
        bytes += [comparison.meaning.rawValue, comparison.isNegated ? 1 : 0]
        for operand in comparison.operands { write(operand) }
    }

    private mutating func write(_ operand: Operand) {
        switch operand {
        case .text(let text):
            bytes.append(0)
            write(text)
        case .number(let number, _):
            bytes.append(1)
            write(number)
        case .bool(let value): bytes += [2, value ? 1 : 0]
        case .pattern(_, let source):
            bytes.append(3)
            write(source)
        case .range(let low, let high):
            bytes.append(4)
            write(low)
            write(high)
        case .date(let from, let to):
            bytes.append(5)
            write(from)
            write(to)
        case .relativeDate(let count, let unit):
            bytes += [6, unit.rawValue]
            write(count)
        case .version(let text):
            bytes.append(7)
            write(text)
        case .versionRange(let low, let high):
            bytes.append(8)
            write(low)
            write(high)
        }
    }
}
