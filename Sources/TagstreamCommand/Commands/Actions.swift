import ArgumentParser
import Foundation
import Tagstream

/// `tagstream actions`: what one does with actions before they are published.
struct Actions: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Test actions before they are published.",
        subcommands: [Test.self]
    )

    /// `tagstream actions test FILE`: cases of an action, an event and what is expected.
    struct Test: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Evaluate cases of an action and an event, and compare with what is expected.",
            discussion: """
                Reads JSON lines {"id": …, "action": {…}, "event": {…}, "expected": true | false | "refused"}; "expected" may be \
                missing, then the verdict is only printed. Each case is decided by the worker's own decoder and matcher.

                  tagstream actions test Examples/cases.jsonl
                  tagstream actions test --json cases.jsonl > verdicts.jsonl

                With --json one line for every case: {"id":…,"matched":true} or {"id":…,"refused":["…"],"reasons":[{…}]}, \
                where each reason names action, step, field, what was found and what is expected. An event that cannot be read is \
                {"id":…,"unreadable":"…"}, which no expectation agrees with.
                Exit codes: 0 as expected; 1 a verdict differs; 2 a line is no case.
                """
        )

        @Argument(help: "A file of cases, one JSON object a line; - for standard input.")
        var file: String

        @Flag(help: "Print one JSON object for every case.")
        var json = false

        @Option(help: "What counts as now for events that do not say it: a timestamp.")
        var now: String?

        func run() async throws {
            try await reportingFailures {
                var lines = try LineFile(file)
                let session = CaseSession(path: file, printsJSON: json, now: try milliseconds())
                try lines.forEachLine({ number, line in try session.run(line, number: number) }, release: {})
                session.finish()
                if session.differing > 0 { throw ExitCode(Failure.Code.no.rawValue) }
            }
        }

        private func milliseconds() throws -> Int64 {
            guard let now else { return -1 }
            var text = now
            guard let micros = text.withUTF8({ Timestamp.parse(UnsafeRawBufferPointer($0)) }) else {
                throw Failure(.usage, "--now is \"\(now)\", expected a timestamp such as 2026-01-15T12:00:00Z")
            }
            return micros / 1000
        }
    }
}

/// A run of `actions test`: evaluates, compares, counts.
private final class CaseSession {
    let path: String
    let printsJSON: Bool
    let now: Int64
    private var trial = Trial()
    private var out = LineWriter(FileHandle.standardOutput)
    private(set) var differing = 0
    private var count = 0
    private var unchecked = 0

    init(path: String, printsJSON: Bool, now: Int64) {
        self.path = path
        self.printsJSON = printsJSON
        self.now = now
    }

    func run(_ line: UnsafeRawBufferPointer, number: Int) throws {
        let example = try CaseLine(line, number: number, path: path)
        let tree: JSONTree
        do {
            tree = try JSONTree(parsing: Array(example.action))
        } catch {
            throw Failure(.usage, "\(path):\(number): \"action\" is not JSON: \(error)")
        }
        count += 1
        let reading = ActionDefinition.reading(tree, defaultID: 1)
        guard let action = reading.definition else {
            let reasons = reading.refusals.map(\.description)
            let messages = JSONTree.array(reasons.map { .string($0) }).jsonText
            let details = JSONTree.array(reading.refusals.map(\.json)).jsonText
            report(example, "refused", "\"refused\":\(messages),\"reasons\":\(details)", reasons)
            return
        }
        let plan = ActionPlan.compile(action.isDeleted ? [] : [action])
        let matched: Bool
        do throws(EventUnreadable) {
            matched = try !trial.match(example.event, with: plan, now: now).isEmpty
        } catch {
            // One case that is none says nothing of the others.
            let reason = "the event cannot be read: \(error.detail)"
            report(example, "unreadable", "\"unreadable\":\(JSONTree.string(error.detail).jsonText)", [reason])
            return
        }
        guard trial.failedCount == 0 else {
            // Neither a match nor none: a pattern's search was given up.
            let reason = "the action could not be evaluated for this event within its budget"
            report(example, "failed", "\"failed\":[\(JSONTree.string(reason).jsonText)]", [reason])
            return
        }
        report(example, matched ? "true" : "false", "\"matched\":\(matched)", [])
    }

    func finish() {
        out.flush()
        var text = "\(counted(count, "case")): \(count - differing - unchecked) as expected, \(differing) different"
        if unchecked > 0 { text += ", \(unchecked) without an expectation" }
        printError(text)
    }

    private func report(_ example: CaseLine, _ verdict: String, _ json: String, _ reasons: [String]) {
        let expected: String? =
            switch example.expected {
            case nil: nil
            case .refused?: "refused"
            case .matched(let matched)?: matched ? "true" : "false"
            }
        let differs = expected != nil && expected != verdict
        if expected == nil { unchecked += 1 }
        if differs { differing += 1 }
        if printsJSON {
            out.write("{\"id\":\(example.id.jsonText),\(json)}")
        } else if differs || expected == nil {
            out.write(
                "\(example.id.text ?? example.id.jsonText): \(verdict)\(differs ? ", expected \(expected!)" : "")"
            )
            for reason in reasons { out.write("  \(reason)") }
        }
    }
}
