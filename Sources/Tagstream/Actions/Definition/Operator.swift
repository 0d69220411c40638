/// How a property filter compares, without its negation: `is_not` is `exact`, negated.
enum Operator: UInt8, Sendable {
    case exact, icontains, regex, gt, gte, lt, lte, between, isSet
    case dateExact, dateBefore, dateAfter
    case semverEqual, semverGreater, semverGreaterOrEqual, semverLess, semverLessOrEqual, semverRange
    /// Not the negation of ``semverEqual``: a value that is no version fails both.
    case semverUnequal
}

/// An operator's name in a definition, and what it means.
struct OperatorName {
    var name: StaticString
    var meaning: Operator
    var isNegated: Bool = false

    /// How a range of versions is written for this operator; nil for all others.
    var range: VersionRange?

    enum VersionRange { case tilde, caret, wildcard }

    static let all: [OperatorName] = [
        OperatorName(name: "exact", meaning: .exact),
        OperatorName(name: "is_not", meaning: .exact, isNegated: true),
        OperatorName(name: "in", meaning: .exact),
        OperatorName(name: "not_in", meaning: .exact, isNegated: true),
        OperatorName(name: "is_cleaned_path_exact", meaning: .exact),
        OperatorName(name: "icontains", meaning: .icontains),
        OperatorName(name: "not_icontains", meaning: .icontains, isNegated: true),
        OperatorName(name: "icontains_multi", meaning: .icontains),
        OperatorName(name: "not_icontains_multi", meaning: .icontains, isNegated: true),
        OperatorName(name: "regex", meaning: .regex),
        OperatorName(name: "not_regex", meaning: .regex, isNegated: true),
        OperatorName(name: "gt", meaning: .gt),
        OperatorName(name: "gte", meaning: .gte),
        OperatorName(name: "lt", meaning: .lt),
        OperatorName(name: "lte", meaning: .lte),
        OperatorName(name: "min", meaning: .gte),
        OperatorName(name: "max", meaning: .lte),
        OperatorName(name: "between", meaning: .between),
        OperatorName(name: "not_between", meaning: .between, isNegated: true),
        OperatorName(name: "is_set", meaning: .isSet),
        OperatorName(name: "is_not_set", meaning: .isSet, isNegated: true),
        OperatorName(name: "is_date_exact", meaning: .dateExact),
        OperatorName(name: "is_date_before", meaning: .dateBefore),
        OperatorName(name: "is_date_after", meaning: .dateAfter),
        OperatorName(name: "semver_eq", meaning: .semverEqual),
        OperatorName(name: "semver_neq", meaning: .semverUnequal),
        OperatorName(name: "semver_gt", meaning: .semverGreater),
        OperatorName(name: "semver_gte", meaning: .semverGreaterOrEqual),
        OperatorName(name: "semver_lt", meaning: .semverLess),
        OperatorName(name: "semver_lte", meaning: .semverLessOrEqual),
        OperatorName(name: "semver_tilde", meaning: .semverRange, range: .tilde),
        OperatorName(name: "semver_caret", meaning: .semverRange, range: .caret),
        OperatorName(name: "semver_wildcard", meaning: .semverRange, range: .wildcard),
    ]

    private static let byName: [String: OperatorName] = Dictionary(
        uniqueKeysWithValues: all.map { ($0.name.description, $0) }
    )

    /// The operator of a name, in exactly this case.
    static func named(_ name: String) -> OperatorName? {
        // Dictionary keys compare as characters; two spellings of one character must not be one name.
        name.utf8.allSatisfy { $0 < 0x80 } ? byName[name] : nil
    }

    /// What other languages and interfaces call the operators.
    private static let habits: [(names: [String], operator: String)] = [
        (["is", "eq", "equal", "equals", "=", "==", "==="], "exact"),
        (["isnt", "isn't", "not", "ne", "neq", "not_equal", "not_equals", "!=", "!==", "<>"], "is_not"),
        (["includes", "substring"], "icontains"),
        (["match", "matches", "matches_regex", "~"], "regex"),
        ([">"], "gt"), ([">=", "ge"], "gte"), (["<"], "lt"), (["<=", "le"], "lte"),
        (["set", "exists"], "is_set"), (["not_set", "not_exists"], "is_not_set"),
        (["before"], "is_date_before"), (["after"], "is_date_after"),
    ]

    /// The name of the operator that an author may have meant by a name that is none.
    static func meant(_ name: String) -> String? {
        let lowered = LowerCase.of(Array(name.utf8))
        return habits.first { $0.names.contains { Array($0.utf8) == lowered } }?.operator
            ?? Spelling.nearest(to: name, among: all.map(\.name.description))
    }
}

/// Finding what an author may have meant.
public enum Spelling {
    /// The candidate that differs only in case, or else by at most two letters; nil where none is that near.
    public static func nearest(to word: String, among candidates: [String]) -> String? {
        let lowered = LowerCase.of(Array(word.utf8))
        if let same = candidates.first(where: { Array($0.utf8) == lowered }) { return same }
        guard lowered.count <= 40 else { return nil }
        let near = candidates.map { ($0, distance(lowered, Array($0.utf8))) }.min { $0.1 < $1.1 }
        return near.flatMap { $0.1 <= 2 && $0.1 < $0.0.utf8.count / 2 + 1 ? $0.0 : nil }
    }

    /// How many letters have to be added, dropped or changed (Levenshtein).
    private static func distance(_ one: [UInt8], _ other: [UInt8]) -> Int {
        var row = Array(0...other.count)
        for (index, letter) in one.enumerated() {
            var diagonal = row[0]
            row[0] = index + 1
            for (place, counterpart) in other.enumerated() {
                let replaced = diagonal + (letter == counterpart ? 0 : 1)
                diagonal = row[place + 1]
                row[place + 1] = min(replaced, row[place] + 1, row[place + 1] + 1)
            }
        }
        return row[other.count]
    }
}
