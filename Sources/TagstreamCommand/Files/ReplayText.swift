import Foundation
import Tagstream
import Worker

/// What a replay says.
struct ReplayText {
    /// Whether nothing is written, so that everything only would be.
    var isDry: Bool

    /// What would become of one letter.
    func line(_ found: FoundLetter, _ fate: ReplayReport.Fate) -> String {
        let place = found.places.first?.description ?? ""
        let reason = found.letter.map { DeadLetterText.plain($0.reason) } ?? "unreadable"
        return "\(place)  \(reason) -> \(outcome(fate))"
    }

    private func outcome(_ fate: ReplayReport.Fate) -> String {
        switch fate {
        case .passedOver: "passed over"
        case .unreadable(let problem): "cannot be tried: \(DeadLetterText.plain(problem))"
        case .tried(.tagged(let team, let matches)): "tagged for team \(team), matches: \(matches)"
        case .tried(.ignored(let reason)): "ignored (\(reason))"
        case .tried(.failed(let reason, _, let detail)): "\(reason): \(DeadLetterText.plain(detail))"
        }
    }

    /// The same as an object.
    func json(_ found: FoundLetter, _ fate: ReplayReport.Fate) -> JSONTree {
        var members: [JSONTree.Member] = [
            .init(key: "place", value: .string(found.places.first?.description ?? "")),
            .init(key: "source", value: found.letter.map { .string($0.source) } ?? .null),
            .init(key: "reason", value: found.letter.map { .string($0.reason) } ?? .null),
        ]
        switch fate {
        case .passedOver: members.append(.init(key: "outcome", value: .string("passed_over")))
        case .unreadable(let problem):
            members.append(.init(key: "outcome", value: .string("unreadable")))
            members.append(.init(key: "detail", value: .string(problem)))
        case .tried(.tagged(let team, let matches)):
            members.append(.init(key: "outcome", value: .string("tagged")))
            members.append(.init(key: "team", value: .number(team)))
            members.append(.init(key: "matches", value: .number(Int64(matches))))
        case .tried(.ignored(let reason)):
            members.append(.init(key: "outcome", value: .string("ignored")))
            members.append(.init(key: "detail", value: .string(reason)))
        case .tried(.failed(let reason, _, let detail)):
            members.append(.init(key: "outcome", value: .string(reason)))
            members.append(.init(key: "detail", value: .string(detail)))
        }
        return .object(members)
    }

    // MARK: The account

    /// The account for a human.
    func lines(_ report: ReplayReport) -> [String] {
        var lines = sorted(report).map { line, count in
            "\(count)  \(line.reason.isEmpty ? "no dead letter" : DeadLetterText.plain(line.reason)) -> \(line.outcome)"
        }
        var sum = "\(report.tagged) tagged with \(report.matches) matches"
        if report.ignored > 0 { sum += ", \(report.ignored) ignored" }
        sum += ", \(report.failed) failed again"
        if report.unreadable > 0 { sum += ", \(report.unreadable) cannot be tried" }
        if report.passedOver > 0 { sum += ", \(report.passedOver) passed over by the filter" }
        lines.append((isDry ? "dry run, nothing was written: " : "") + sum)
        if report.seen == 0, report.isComplete { lines.append("there is no open dead letter for this group") }
        if !report.isComplete { lines.append("there is more: run the same again to go on") }
        if report.forgotten > 0 {
            lines.append(
                "\(report.forgotten) stretches of open letters are more than the group's offsets can note: this group will not look at "
                    + "them again. Hint: another --group with --reason does"
            )
        }
        return lines
    }

    /// The account as an object.
    func json(_ report: ReplayReport) -> JSONTree {
        let letters = sorted(report).map { line, count -> JSONTree in
            .object([
                .init(key: "reason", value: line.reason.isEmpty ? .null : .string(line.reason)),
                .init(key: "outcome", value: .string(line.outcome)),
                .init(key: "letters", value: .number(Int64(count))),
            ])
        }
        return .object([
            .init(key: "tagged", value: .number(Int64(report.tagged))),
            .init(key: "matches", value: .number(Int64(report.matches))),
            .init(key: "ignored", value: .number(Int64(report.ignored))),
            .init(key: "failed", value: .number(Int64(report.failed))),
            .init(key: "unreadable", value: .number(Int64(report.unreadable))),
            .init(key: "passed_over", value: .number(Int64(report.passedOver))),
            .init(key: "forgotten", value: .number(Int64(report.forgotten))),
            .init(key: "complete", value: .bool(report.isComplete)),
            .init(key: "dry_run", value: .bool(isDry)),
            .init(key: "letters", value: .array(letters)),
        ])
    }

    private func sorted(_ report: ReplayReport) -> [(ReplayReport.Line, Int)] {
        report.lines.sorted {
            $0.value != $1.value
                ? $0.value > $1.value : ($0.key.reason, $0.key.outcome) < ($1.key.reason, $1.key.outcome)
        }.map { ($0.key, $0.value) }
    }

    /// How far a replay is, in one line.
    func progress(_ report: ReplayReport, width: Int? = nil) -> String {
        let share = report.total > 0 ? min(1, Double(report.covered) / Double(report.total)) : 1
        let percent = "\(Int(share * 100)) %"
        let counts = "\(report.settled) accepted, \(report.failed) failed again, \(report.passedOver) passed over"
        guard let width else { return "\(percent): \(counts)" }
        let full = Int(share * Double(width))
        return "[" + String(repeating: "#", count: full) + String(repeating: ".", count: width - full)
            + "] \(percent)  \(counts)"
    }
}

/// Shows a replay's progress on standard error: a bar on a terminal, now and then a line elsewhere.
///
/// Used by the thread that replays.
final class ReplayView {
    private let text: ReplayText
    private let json: Bool
    private let isTerminal = isatty(2) == 1
    private var last = ContinuousClock.now
    private var hasBar = false

    init(text: ReplayText, json: Bool) {
        self.text = text
        self.json = json
    }

    /// Shows one letter of a dry run, on standard output.
    func show(_ found: FoundLetter, _ fate: ReplayReport.Fate) {
        clear()
        print(json ? text.json(found, fate).jsonText : text.line(found, fate))
    }

    /// Shows how far it is.
    func show(_ report: ReplayReport) {
        let now = ContinuousClock.now
        guard now - last > (isTerminal ? .milliseconds(100) : .seconds(5)) else { return }
        last = now
        if isTerminal {
            hasBar = true
            FileHandle.standardError.write(Data("\r\u{1B}[K\(text.progress(report, width: 30))".utf8))
        } else {
            printError(text.progress(report))
        }
    }

    /// Takes the bar away.
    func finish() { clear() }

    private func clear() {
        guard hasBar else { return }
        hasBar = false
        FileHandle.standardError.write(Data("\r\u{1B}[K".utf8))
    }
}
