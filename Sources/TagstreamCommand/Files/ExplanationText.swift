import Foundation
import Tagstream

/// An explanation as lines for a person who knows the product and not this program.
struct ExplanationText {
    /// ✓ and ✗ instead of words.
    var usesSymbols: Bool

    /// The most elements that are listed, and the most bytes of one value.
    private static let elementLimit = 8
    private static let valueLimit = 240

    /// Symbols on a terminal that says it shows UTF-8; words everywhere else.
    static func forStandardOutput() -> ExplanationText {
        let environment = ProcessInfo.processInfo.environment
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].compactMap { environment[$0] }.first { !$0.isEmpty } ?? ""
        let name = locale.lowercased()
        return ExplanationText(usesSymbols: isatty(1) == 1 && (name.contains("utf-8") || name.contains("utf8")))
    }

    /// The lines, without a newline at their ends.
    func lines(_ explanation: Explanation, caveat: String? = nil) -> [String] {
        let name = explanation.name.isEmpty ? "" : " \(JSONTree.string(explanation.name).jsonText)"
        var lines = ["\(mark(explanation.verdict)) action \(explanation.id)\(name) \(summary(explanation))"]
        if let caveat { lines.append("    note: \(caveat)") }
        for (number, step) in explanation.steps.enumerated() {
            let isEmpty = step.conditions.isEmpty
            lines.append(
                "  \(mark(step.verdict)) step \(number + 1)\(isEmpty ? ": no conditions, so every event of the team matches" : "")"
            )
            for condition in step.conditions { add(condition, to: &lines) }
        }
        return lines.map(Self.printable)
    }

    private func summary(_ explanation: Explanation) -> String {
        if explanation.isDeleted { return "is deleted: it matches nothing" }
        switch explanation.verdict {
        case .yes: return "matches"
        case .no: return "does not match"
        case .error: return "could not be evaluated"
        }
    }

    private func mark(_ verdict: Verdict) -> String {
        switch verdict {
        case .yes: usesSymbols ? "✓" : "yes"
        case .no: usesSymbols ? "✗" : "no "
        case .error: usesSymbols ? "!" : "err"
        }
    }

    private func add(_ condition: ConditionExplanation, to lines: inout [String]) {
        let indent = "      " + (usesSymbols ? "  " : "    ")
        if condition.parts.isEmpty {
            let phrase = Self.phrase(condition.operatorName, condition.expected)
            lines.append("    \(mark(condition.verdict)) \(condition.subject) \(phrase)")
        } else {
            lines.append("    \(mark(condition.verdict)) one element has all of this:")
            for part in condition.parts {
                lines.append(
                    "\(indent)\(mark(part.verdict)) \(part.field) \(Self.phrase(part.operatorName, part.expected))"
                )
            }
        }
        if !saysNothing(condition) { lines += found(condition).map { indent + $0 } }
        for note in condition.notes { lines.append("\(indent)note: \(note.text)") }
    }

    /// Whether what was found is just what was expected.
    private func saysNothing(_ condition: ConditionExplanation) -> Bool {
        if condition.operatorName == "is_not_set", condition.found == .notSet { return true }
        guard condition.verdict == .yes, case .value(_, let text) = condition.found else { return false }
        return condition.expected?.text?.utf8.elementsEqual(text.utf8) == true
    }

    private func found(_ condition: ConditionExplanation) -> [String] {
        switch condition.found {
        case .notSet:
            // A note says it better.
            return condition.notes.contains { $0.kind == .notSet || $0.kind == .noElements } ? [] : ["found: not set"]
        case .null: return ["found: null"]
        case .value(let kind, let text):
            let value = kind == "text" ? JSONTree.string(text).jsonText : text
            var line = "found: \(Self.shortened(value))" + (kind == "text" ? "" : ", a \(kind)")
            if let conversion = condition.conversion {
                line += "; \(conversion)" + (condition.compared.map { ": \(Self.shortened($0))" } ?? "")
            }
            return [line]
        case .elements(let elements):
            var lines: [String] = []
            for (number, element) in elements.prefix(Self.elementLimit).enumerated() {
                lines.append((number == 0 ? "found: " : "    in ") + Self.shortened(element))
            }
            if elements.count > Self.elementLimit {
                lines.append("    in … \(elements.count - Self.elementLimit) more")
            }
            if let conversion = condition.conversion { lines.append("compared: \(conversion)") }
            return lines
        }
    }

    private static func phrase(_ operatorName: String, _ expected: JSONTree?) -> String {
        let words = phrases[operatorName] ?? operatorName.replacingOccurrences(of: "_", with: " ")
        guard let expected else { return words }
        let joint = operatorName.contains("between") ? " and " : " or "
        guard case .array(let values) = expected else { return "\(words) \(shortened(expected.jsonText))" }
        return "\(words) \(shortened(values.map(\.jsonText).joined(separator: joint)))"
    }

    private static let phrases = [
        "exact": "is", "is_not": "is not", "in": "is one of", "not_in": "is none of", "is_cleaned_path_exact": "is",
        "icontains": "contains, in any case,", "not_icontains": "does not contain, in any case,",
        "icontains_multi": "contains, in any case,", "not_icontains_multi": "does not contain, in any case,",
        "regex": "matches the pattern", "not_regex": "does not match the pattern", "selector": "matches the selector",
        "gt": "is greater than", "gte": "is at least", "lt": "is less than", "lte": "is at most",
        "min": "is at least", "max": "is at most", "between": "is between", "not_between": "is not between",
        "is_date_exact": "is the date", "is_date_before": "is a date before", "is_date_after": "is a date after",
        "semver_eq": "is the version", "semver_neq": "is a version other than",
        "semver_gt": "is a version after", "semver_gte": "is a version from", "semver_lt": "is a version before",
        "semver_lte": "is a version up to", "semver_tilde": "is a version in ~", "semver_caret": "is a version in ^",
        "semver_wildcard": "is a version in",
    ]

    private static func shortened(_ text: String) -> String {
        guard text.utf8.count > valueLimit else { return text }
        return String(text.unicodeScalars.prefix(valueLimit)) + "… (\(text.utf8.count) bytes)"
    }

    /// An event's text must not steer the terminal that shows it.
    private static func printable(_ line: String) -> String {
        guard line.unicodeScalars.contains(where: isControl) else { return line }
        var out = ""
        for scalar in line.unicodeScalars {
            if isControl(scalar) {
                out += "\\u{\(String(scalar.value, radix: 16))}"
            } else {
                out.unicodeScalars.append(scalar)
            }
        }
        return out
    }

    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        scalar.properties.generalCategory == .control || scalar.properties.isBidiControl
    }
}
