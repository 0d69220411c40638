/// What has to be true of an event for a condition to be true, as far as the index can look it up.
enum AccessPredicate: Sendable {
    /// One of these keys has to be present.
    case keys([UInt64], rank: Int, needs: Need)
    /// All grams of one of these sets have to be present: the builder takes each set's rarest.
    case grams([[UInt32]], kind: AccessKey.Kind, place: UInt32)

    /// What has to be looked at when an event comes.
    enum Need: Sendable {
        /// The property that the condition compares.
        case equality
        /// Things of elements, as ``AccessPredicate/bit(_:)``.
        case elements(UInt16)
    }

    /// Lower is filed first: how rarely it is true of an event, as far as its kind tells.
    var rank: Int {
        switch self {
        case .keys(_, let rank, _): rank
        case .grams(_, let kind, _): kind == .gram || kind == .loweredGram ? 3 : 4
        }
    }

    /// The rank of grams that many steps ask for.
    static let commonGramRank = 5

    /// The access predicate of a condition; nil where it has none, as all negations have not.
    ///
    /// - Parameter place: stands for the property that is compared (``AccessKey/place(of:)``); zero for elements.
    static func of(_ test: Condition.Test, place slot: UInt32, _ shapes: PatternShapes) -> AccessPredicate? {
        switch test {
        case .event: return nil
        case .url(let test): return of(test, texts: .text, grams: .gram, slot, shapes)
        case .element(let text, let href, let tag): return element(text, href, tag, shapes)
        case .selector(let selector, let isNegated): return isNegated ? nil : of(selector)
        case .elementTag(let tags, let isNegated):
            guard !isNegated else { return nil }
            return .keys(
                tags.map { AccessKey.key(.tag, place: 0, AccessKey.hash($0)) },
                rank: 7,
                needs: .elements(bit(.tag))
            )
        case .elementFilter(let key, let comparison): return of(comparison, element: key, shapes)
        case .property(_, let key, let comparison): return of(comparison, key, slot, shapes)
        }
    }

    static func bit(_ kind: AccessKey.Kind) -> UInt16 {
        1 << UInt16(kind.rawValue - AccessKey.Kind.elementGram.rawValue)
    }

    // MARK: Texts

    private static func of(
        _ test: TextTest,
        texts: AccessKey.Kind,
        grams: AccessKey.Kind,
        _ slot: UInt32,
        _ shapes: PatternShapes
    ) -> AccessPredicate? {
        switch test {
        case .exact(let text):
            return .keys([AccessKey.key(texts, place: slot, AccessKey.hash(text))], rank: 0, needs: .equality)
        case .like(let pattern, let ignoringCase):
            let runs = pattern.split(whereSeparator: { $0 >= LikePattern.run }).map(Array.init)
            return Self.grams([runs], ignoringCase ? lowered(grams) : grams, slot)
        case .regex(_, let source):
            return shapes[source].required.flatMap { Self.grams($0.map { [$0] }, grams, slot) }
        }
    }

    private static func lowered(_ kind: AccessKey.Kind) -> AccessKey.Kind {
        kind == .gram ? .loweredGram : .loweredElementGram
    }

    /// For each alternative the grams of all its runs; nil where an alternative has none.
    private static func grams(_ alternatives: [[[UInt8]]], _ kind: AccessKey.Kind, _ place: UInt32) -> AccessPredicate?
    {
        var sets: [[UInt32]] = []
        for runs in alternatives {
            var set: [UInt32] = []
            for run in runs { append(gramsOf: run, to: &set) }
            if set.isEmpty { return nil }
            sets.append(set)
        }
        return sets.isEmpty ? nil : .grams(sets, kind: kind, place: place)
    }

    private static func append(gramsOf run: [UInt8], to set: inout [UInt32]) {
        guard run.count >= 4 else { return }
        var gram: UInt32 = 0
        for (index, byte) in run.enumerated() {
            gram = gram >> 8 | UInt32(byte) << 24
            if index >= 3 { set.append(gram) }
        }
    }

    private static func element(_ text: TextTest?, _ href: TextTest?, _ tag: [UInt8]?, _ shapes: PatternShapes)
        -> AccessPredicate?
    {
        var found: [AccessPredicate] = []
        for (test, kind) in [(text, AccessKey.Kind.elementText), (href, .href)] {
            guard let test else { continue }
            if case .exact(let value) = test {
                found.append(
                    .keys([AccessKey.key(kind, place: 0, AccessKey.hash(value))], rank: 1, needs: .elements(bit(kind)))
                )
            } else if let predicate = of(test, texts: kind, grams: .elementGram, 0, shapes) {
                found.append(predicate)
            }
        }
        if let tag {
            found.append(
                .keys([AccessKey.key(.tag, place: 0, AccessKey.hash(tag))], rank: 7, needs: .elements(bit(.tag)))
            )
        }
        return found.min { $0.rank < $1.rank }
    }

    // MARK: Filters

    private static let exceptions = Array("$exception_".utf8)
    private static let trueText = Array("true".utf8)
    private static let falseText = Array("false".utf8)

    private static func of(_ comparison: Comparison, _ key: [UInt8], _ slot: UInt32, _ shapes: PatternShapes)
        -> AccessPredicate?
    {
        guard !comparison.isNegated else { return nil }
        switch comparison.meaning {
        // Lists of exceptions match by their members, which are no values of the property.
        case .exact where !key.starts(with: exceptions):
            let keys = comparison.operands.flatMap { Self.keys(of: $0, slot) }
            return .keys(keys, rank: comparison.operands.count == 1 ? 0 : 2, needs: .equality)
        case .icontains: return contains(comparison, .loweredGram, slot)
        case .regex: return patterns(comparison, .gram, slot, shapes)
        default: return nil
        }
    }

    private static func of(_ comparison: Comparison, element: Condition.ElementKey, _ shapes: PatternShapes)
        -> AccessPredicate?
    {
        guard !comparison.isNegated else { return nil }
        let kind: AccessKey.Kind = element == .text ? .elementText : .href
        switch comparison.meaning {
        case .exact:
            var keys: [UInt64] = []
            for operand in comparison.operands {
                // A number equals many texts; a boolean just one.
                guard case .text(let text) = operand else { return nil }
                keys.append(AccessKey.key(kind, place: 0, AccessKey.hash(text)))
            }
            return .keys(keys, rank: 1, needs: .elements(bit(kind)))
        case .icontains: return contains(comparison, .loweredElementGram, 0)
        case .regex: return patterns(comparison, .elementGram, 0, shapes)
        default: return nil
        }
    }

    private static func contains(_ comparison: Comparison, _ kind: AccessKey.Kind, _ place: UInt32) -> AccessPredicate?
    {
        let alternatives = comparison.operands.map { operand -> [[UInt8]] in
            switch operand {
            case .text(let text): [LowerCase.of(text)]
            case .number(_, let printed): [printed]
            case .bool(let value): [value ? trueText : falseText]
            default: []
            }
        }
        return grams(alternatives, kind, place)
    }

    private static func patterns(
        _ comparison: Comparison,
        _ kind: AccessKey.Kind,
        _ place: UInt32,
        _ shapes: PatternShapes
    ) -> AccessPredicate? {
        var alternatives: [[[UInt8]]] = []
        for operand in comparison.operands {
            guard case .pattern(_, let source) = operand, let required = shapes[source].required else {
                return nil
            }
            alternatives += required.map { [$0] }
        }
        return grams(alternatives, kind, place)
    }

    /// Everything that a property may be when it equals a value (docs/actions.md, `exact`), as hashes.
    private static func keys(of operand: Operand, _ slot: UInt32) -> [UInt64] {
        func key(_ kind: AccessKey.Kind, _ hash: UInt64) -> UInt64 { AccessKey.key(kind, place: slot, hash) }
        switch operand {
        case .text(let text):
            var keys = [key(.text, AccessKey.hash(text))]
            if let number = NumberText.parse(text) { keys.append(key(.numberAsText, AccessKey.hash(number))) }
            let lowered = LowerCase.of(text)
            if lowered == trueText { keys.append(key(.bool, 1)) }
            if lowered == falseText { keys.append(key(.bool, 0)) }
            return keys
        case .number(let number, _):
            return [key(.number, AccessKey.hash(number))]
                + (number == 0 || number == 1 ? [key(.bool, UInt64(number))] : [])
        case .bool(let value):
            return [
                key(.bool, value ? 1 : 0), key(.text, AccessKey.hash(value ? trueText : falseText)),
                key(.number, AccessKey.hash(value ? 1 : 0)),
            ]
        default: return []
        }
    }

    // MARK: Selectors

    /// One key for each alternative: any test of any of its compounds has to hold for some element.
    private static func of(_ selector: Selector) -> AccessPredicate? {
        var keys: [UInt64] = []
        var needs: UInt16 = 0
        var worst = 0
        for alternative in selector.alternatives {
            let atoms = alternative.compounds.flatMap { $0.tests.compactMap(atom) + tagClasses(of: $0.tests) }
            guard let best = atoms.min(by: { $0.rank < $1.rank }) else { return nil }
            keys.append(best.key)
            needs |= bit(best.kind)
            worst = max(worst, best.rank)
        }
        return .keys(keys, rank: worst, needs: .elements(needs))
    }

    /// A tag with a class is far rarer than either.
    private static func tagClasses(of tests: [Selector.Test]) -> [(key: UInt64, kind: AccessKey.Kind, rank: Int)] {
        guard let tag = tests.lazy.compactMap({ if case .tag(let name) = $0 { name } else { nil } }).first else {
            return []
        }
        return tests.compactMap { test in
            guard case .className(let name) = test else { return nil }
            let hash = AccessKey.hash(
                tag: AccessKey.hash(tag),
                className: AccessKey.hash(Array(name.prefix { $0 != 0x2E }))
            )
            return (AccessKey.key(.tagClass, place: 0, hash), .tagClass, 4)
        }
    }

    private static func atom(_ test: Selector.Test) -> (key: UInt64, kind: AccessKey.Kind, rank: Int)? {
        func atom(_ kind: AccessKey.Kind, _ hash: UInt64, _ rank: Int) -> (key: UInt64, kind: AccessKey.Kind, rank: Int)
        {
            (AccessKey.key(kind, place: 0, hash), kind, rank)
        }
        switch test {
        case .tag(let name): return atom(.tag, AccessKey.hash(name), 7)
        case .id(let id): return atom(.id, AccessKey.hash(id), 1)
        case .className(let name): return atom(.className, AccessKey.hash(Array(name.prefix { $0 != 0x2E })), 5)
        case .attribute(.id, .equals, let value): return atom(.id, AccessKey.hash(value), 1)
        case .attribute(.href, .equals, let value): return atom(.href, AccessKey.hash(value), 1)
        case .attribute(.named(let name), .equals, let value):
            return atom(.attribute, AccessKey.hash(name) &+ AccessKey.hash(value) &* 3, 1)
        case .attribute(.named(let name), _, _): return atom(.attributeName, AccessKey.hash(name), 6)
        case .attribute, .nthChild, .nthOfType: return nil
        }
    }
}
