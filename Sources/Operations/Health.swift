public import Foundation

/// What `/livez` and `/readyz` answer.
///
/// Pure: decided by the report alone.
public enum Health {
    /// An answer, and why it is not a good one.
    public struct Finding: Sendable, Equatable {
        /// What speaks against it, one sentence each; none where all is well.
        public var reasons: [String]
        /// Whether the answer is 200, and not 503.
        public var isGood: Bool { reasons.isEmpty }
    }

    /// Whether every lane's loop turns.
    ///
    /// A lane that has not begun or has ended cannot stand still: the worker ends with its lanes.
    public static func liveness(of report: WorkerReport) -> Finding {
        Finding(
            reasons: report.lanes.compactMap { lane in
                guard let seconds = lane.secondsSinceTurn, seconds > report.patienceSeconds else { return nil }
                let limit = Int(report.patienceSeconds)
                return "lane \(lane.number) has not turned for \(Int(seconds)) s, the limit is \(limit) s"
            }
        )
    }

    /// Whether the worker tags what its group gives it.
    ///
    /// Degraded enrichments say nothing against it: events are tagged without them.
    public static func readiness(of report: WorkerReport) -> Finding {
        var reasons: [String] = []
        if report.isDraining { reasons.append("the worker drains") }
        if report.catalogue == nil { reasons.append("the catalogue has not been read to its end") }
        for lane in report.lanes where !lane.isJoined {
            reasons.append("lane \(lane.number) has not joined its group, or restores what its partitions need")
        }
        return Finding(reasons: reasons + liveness(of: report).reasons)
    }

    /// The body of `/livez`, as JSON.
    public static func livenessBody(of report: WorkerReport) -> Data {
        let finding = liveness(of: report)
        return json(Liveness(live: finding.isGood, reasons: finding.reasons))
    }

    /// The body of `/readyz`, as JSON.
    public static func readinessBody(of report: WorkerReport) -> Data {
        let finding = readiness(of: report)
        let degraded = report.sources.compactMap { source in
            source.degraded.map {
                Readiness.Degraded(
                    name: source.name,
                    reason: $0.reason,
                    detail: $0.detail,
                    since: Date(timeIntervalSince1970: TimeInterval($0.since)).formatted(.iso8601),
                    lastGoodInForce: source.isLoaded
                )
            }
        }
        return json(Readiness(ready: finding.isGood, reasons: finding.reasons, degraded: degraded))
    }

    private struct Liveness: Encodable {
        var live: Bool
        var reasons: [String]
    }

    private struct Readiness: Encodable {
        struct Degraded: Encodable {
            var name: String
            var reason: String
            var detail: String
            var since: String
            var lastGoodInForce: Bool

            enum CodingKeys: String, CodingKey {
                case name, reason, detail, since
                case lastGoodInForce = "last_good_in_force"
            }
        }

        var ready: Bool
        var reasons: [String]
        var degraded: [Degraded]
    }

    private static func json(_ value: some Encodable) -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // Texts and truth values always encode; an empty body would only say less.
        return ((try? encoder.encode(value)) ?? Data()) + Data("\n".utf8)
    }
}
