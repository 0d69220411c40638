/// What `/metrics` answers: Prometheus' text format 0.0.4.
///
/// Pure: the same report gives the same text. Every metric is there from the first answer on, with every value that its label can take where
/// that is a closed set, so that a rate can be asked for before the first event of its kind.
public enum MetricsPage {
    /// The page's `Content-Type`.
    public static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    /// Renders a report; linear in its lanes, reasons and sources.
    public static func text(of report: WorkerReport) -> String {
        var text = ""
        for metric in Metric.allCases {
            text += "# HELP \(metric.rawValue) \(escapedHelp(metric.help))\n# TYPE \(metric.rawValue) \(metric.kind)\n"
            for sample in samples(of: metric, in: report) {
                text += metric.rawValue
                if !metric.labels.isEmpty {
                    let pairs = zip(metric.labels, sample.labels).map { "\($0)=\"\(escaped($1))\"" }
                    text += "{\(pairs.joined(separator: ","))}"
                }
                text += " \(sample.value)\n"
            }
        }
        return text
    }

    /// One line: the values of the labels, in the order of ``Metric/labels``, and the number.
    struct Sample: Equatable {
        var labels: [String] = []
        var value: String

        init(_ labels: [String] = [], _ value: some BinaryInteger) {
            self.labels = labels
            self.value = "\(value)"
        }

        init(_ labels: [String], seconds: Double) {
            self.labels = labels
            // Milliseconds are as good as the clock that is asked once a turn.
            value = "\((seconds * 1000).rounded() / 1000)"
        }
    }

    static func samples(of metric: Metric, in report: WorkerReport) -> [Sample] {
        func lanes(_ value: (WorkerReport.Lane) -> some BinaryInteger) -> [Sample] {
            report.lanes.map { Sample([String($0.number)], value($0)) }
        }
        func named(_ counts: [WorkerReport.Named]) -> [Sample] { counts.map { Sample([$0.name], $0.count) } }
        func sources(_ value: (WorkerReport.Source) -> Int) -> [Sample] {
            zip(sourceNames(report), report.sources).map { Sample([$0], value($1)) }
        }
        func catalogue(_ value: (WorkerReport.Catalogue) -> some BinaryInteger) -> [Sample] {
            report.catalogue.map { [Sample([], value($0))] } ?? []
        }
        func sum(_ counts: [WorkerReport.Named]) -> Int { counts.reduce(0) { $0 + $1.count } }

        return switch metric {
        case .buildInfo: [Sample([report.version, report.librdkafka], 1)]
        case .processStart: [Sample([], report.started)]
        case .ready: [Sample([], Health.readiness(of: report).isGood ? 1 : 0)]
        case .readRecords: lanes(\.read)
        case .readBytes: lanes(\.bytesRead)
        case .skippedRecords: lanes(\.skipped)
        case .transactions:
            report.lanes.flatMap {
                [
                    Sample([String($0.number), "committed"], $0.commits),
                    Sample([String($0.number), "aborted"], $0.aborts),
                ]
            }
        case .recoveries: lanes(\.recoveries)
        case .rebalances: lanes(\.rebalances)
        case .partitions: lanes(\.partitions)
        case .laneReady: lanes { $0.isJoined ? 1 : 0 }
        case .laneTurn:
            report.lanes.compactMap { lane in lane.secondsSinceTurn.map { Sample([String(lane.number)], seconds: $0) } }
        case .laneEpoch: lanes(\.epoch)
        case .transactionLimit: lanes(\.transactionLimit)
        case .records: [Sample([], report.rows + sum(report.deadLetters) + sum(report.ignored))]
        case .rows: [Sample([], report.rows)]
        case .matches: [Sample([], report.matches)]
        case .deadLetters: named(report.deadLetters)
        case .ignored: named(report.ignored)
        case .duplicates: [Sample([], sum(report.ignored.filter { $0.name == "duplicate" }))]
        case .annotated: [Sample([], report.annotated)]
        case .warnings: named(report.warnings)
        case .warningsWritten: [Sample([], report.warningsWritten)]
        case .actionFailures: [Sample([], report.actionFailures)]
        case .duplicateKeys: [Sample([], report.duplicateKeys)]
        case .skippedElements: [Sample([], report.skippedElements)]
        case .outages: named(report.outages)
        case .epoch: catalogue(\.epoch)
        case .teams: catalogue(\.teams)
        case .actions: catalogue(\.actions)
        case .planBytes: catalogue(\.planBytes)
        case .quarantined: catalogue(\.quarantined)
        case .sourceUp: sources { $0.isLoaded ? 1 : 0 }
        case .sourceDegraded: sources { $0.degraded == nil ? 0 : 1 }
        case .sourceAge:
            zip(sourceNames(report), report.sources).compactMap { name, source in
                source.changed.map { Sample([name], max(0, report.now - $0)) }
            }
        case .sourceLoads: sources(\.loads)
        }
    }

    /// The sources' names, cut behind 128 characters; the second of a name is told apart as `NAME#2`.
    ///
    /// A page with the same series twice would be refused whole.
    static func sourceNames(_ report: WorkerReport) -> [String] {
        var names: Set<String> = []
        return report.sources.map { source in
            let start = String(String.UnicodeScalarView(source.name.unicodeScalars.prefix(128)))
            var name = start
            var count = 1
            while !names.insert(name).inserted {
                count += 1
                name = "\(start)#\(count)"
            }
            return name
        }
    }

    /// A label's value: backslash, quote and line feed are escaped.
    static func escaped(_ value: String) -> String {
        var text = ""
        for character in value.unicodeScalars {
            switch character {
            case "\\": text += "\\\\"
            case "\"": text += "\\\""
            case "\n": text += "\\n"
            default: text.unicodeScalars.append(character)
            }
        }
        return text
    }

    private static func escapedHelp(_ help: String) -> String {
        help.split(separator: "\n", omittingEmptySubsequences: false).joined(separator: "\\n")
    }
}
