import CRE2

// Patterns that no index can file: what an event's URL, say, is searched for by each of a hundred `^/[a-z]+/\d+$`.
//
// One by one they cost a search each, 200 ns, on every event of their name. RE2 can compile them into one automaton that reads the
// text once and tells which of them occur. Such an automaton has more states than its patterns together have, and where it outgrows
// its cache RE2 begins anew, again and again; so the sets are small, a set's search that fills the cache twice is given up, and
// then each pattern is asked by itself, which is also the only thing that the linear evaluator and `explain` ever do. Patterns with a
// mandatory literal need no set: the index rarely gets to them.

/// Patterns that are compared with one property, compiled together.
///
/// Sendable: the handle is set once here and only read afterwards, RE2 allows any number of threads to search at once, and the handle
/// is destroyed by the last plan that uses it.
final class PatternSet: @unchecked Sendable {
    let handle: OpaquePointer
    /// The patterns' own handles, in the order in which the set numbers them: what tells two sets apart while a plan has both.
    private let patterns: [OpaquePointer?]

    /// A set pays from so many patterns on.
    static let fewest = 4
    /// No set has more patterns, nor a program of more instructions, as far as those of its patterns tell.
    static let most = 128
    static let mostInstructions = 4000
    /// A pattern with a larger program stays alone: it would make the others' texts too long for the set as well.
    static let largestPattern = 250
    /// RE2's budget in bytes for the program and its automaton.
    ///
    /// Filling it takes about two milliseconds, which is what a text written against a set may cost.
    static let budget: Int64 = 2 << 20
    /// Pattern and text multiply to at most so many steps where a set is asked: RE2 never gives up a search of a single pattern
    /// within them (`kFreeSteps` in CRE2.cpp), so that with and without the set the outcome is the same.
    static let freeSteps = 250_000

    /// Compiles a set; nil where RE2 cannot.
    init?(_ patterns: [OpaquePointer?]) {
        guard let handle = tagstream_re2_set_create(patterns, patterns.count, Self.budget) else { return nil }
        self.handle = handle
        self.patterns = patterns
    }

    deinit { tagstream_re2_set_destroy(handle) }

    /// Whether the set is of just these patterns, which must be alive, as this set's have to be.
    func isOf(_ others: [OpaquePointer?]) -> Bool { patterns == others }
}

/// A set of patterns as the evaluator reads it.
struct FlatPatternSet {
    /// A ``PatternSet``'s, which the plan owns.
    var handle: OpaquePointer
    /// The property whose text is searched.
    var slot: Int32
    /// Whether the conditions are about the URL, of which only a text that is not empty counts.
    var isURL: Bool
    /// Longer texts, in bytes, are searched pattern by pattern.
    var longestText: Int
    /// The conditions in the order of the set's patterns, in ``PlanTables/setConditions``.
    var first: UInt32
    var count: UInt32
}

extension Evaluator {
    /// Evaluates all conditions of a set by one search, and remembers what came of each; false where that cannot be done.
    @inline(never)
    mutating func rememberSet(_ number: Int32, _ tables: PlanTables) -> Bool {
        let set = tables.sets[Int(number)]
        let conditions = tables.setConditions.base + Int(set.first)
        let subject = set.isURL ? subject(set.slot, tables) : textSubject(set.slot, tables)
        let kind = subject.pointee.kind
        let isThere =
            set.isURL ? kind == .string && subject.pointee.written.length > 0 : kind.rawValue > Value.Kind.null.rawValue
        var matching = 0
        if isThere {
            let text = text(subject)
            guard text.count <= set.longestText else { return false }
            if foundInSet.count < Int(set.count) { foundInSet.resize(to: Int(set.count), filling: 0) }
            matching = tagstream_re2_set_search(set.handle, text.baseAddress, text.count, foundInSet.base)
            guard matching >= 0 else { return false }
        }
        evaluated &+= 1
        for place in 0..<Int(set.count) { remember(conditions[place], isTrue: false, tables) }
        for place in 0..<matching { remember(conditions[Int(foundInSet[place])], isTrue: true, tables) }
        return true
    }

    @inline(__always)
    private mutating func remember(_ condition: Int32, isTrue: Bool, _ tables: PlanTables) {
        remember(condition, Outcome(isTrue != tables.conditions.base[Int(condition)].isNegated))
    }
}

/// Puts the patterns that no index files into sets, by the property that they are compared with.
struct PatternSetBuilder {
    private(set) var sets: [PatternSet] = []
    private(set) var flat: [FlatPatternSet] = []
    private(set) var conditions: [Int32] = []
    /// Where the numbers of what is new begin.
    private let firstCondition: Int
    private let firstSet: Int
    private let firstMember: Int

    /// What one set is about.
    private struct Group: Hashable {
        var slot: Int32
        var isURL: Bool
    }

    private struct Member {
        var condition: Int32
        var pattern: OpaquePointer?
        var size: Int
    }

    /// Finds the sets, and marks the conditions that belong to one.
    ///
    /// - Parameters:
    ///   - candidates: the conditions that have no access predicate, new ones of a plan.
    ///   - base: the tables that the new conditions and operands come behind.
    ///   - known: sets of an earlier plan, which are not compiled again; their patterns have to be alive.
    init(
        _ candidates: [Int32],
        of conditions: inout [FlatCondition],
        _ operands: [FlatOperand],
        on base: PlanTables? = nil,
        reusing known: [PatternSet]
    ) {
        firstCondition = base?.conditions.count ?? 0
        firstSet = base?.sets.count ?? 0
        firstMember = base?.setConditions.count ?? 0
        let firstOperand = base?.operands.count ?? 0
        var groups: [Group: [Member]] = [:]
        for number in candidates {
            let condition = conditions[Int(number) - firstCondition]
            let isPattern = condition.kind == .url || condition.kind == .property && condition.meaning == .regex
            guard isPattern, condition.count == 1 else { continue }
            let operand = operands[Int(condition.first) - firstOperand]
            guard operand.kind == .pattern else { continue }
            let pattern = OpaquePointer(bitPattern: UInt(operand.first))
            let size = Int(tagstream_re2_size(pattern))
            guard size <= PatternSet.largestPattern else { continue }
            groups[Group(slot: condition.slot, isURL: condition.kind == .url), default: []].append(
                Member(condition: number, pattern: pattern, size: size)
            )
        }
        for (group, members) in groups.sorted(by: { $0.value[0].condition < $1.value[0].condition }) {
            var rest = members[...]
            while rest.count >= PatternSet.fewest {
                var count = 0
                var instructions = 0
                for member in rest.prefix(PatternSet.most) {
                    instructions += member.size
                    if instructions > PatternSet.mostInstructions { break }
                    count += 1
                }
                append(Array(rest.prefix(count)), of: group, to: &conditions, reusing: known)
                rest = rest.dropFirst(count)
            }
        }
    }

    private mutating func append(
        _ members: [Member],
        of group: Group,
        to all: inout [FlatCondition],
        reusing known: [PatternSet]
    ) {
        let patterns = members.map(\.pattern)
        guard let set = known.first(where: { $0.isOf(patterns) }) ?? PatternSet(patterns) else { return }
        let largest = members.map(\.size).max() ?? 1
        for member in members {
            all[Int(member.condition) - firstCondition].set = Int32(firstSet + flat.count)
        }
        sets.append(set)
        flat.append(
            FlatPatternSet(
                handle: set.handle,
                slot: group.slot,
                isURL: group.isURL,
                longestText: PatternSet.freeSteps / max(1, largest),
                first: UInt32(firstMember + conditions.count),
                count: UInt32(members.count)
            )
        )
        conditions += members.map(\.condition)
    }
}
