@testable import Operations

/// A report of a worker with one lane that is at work, changed as a test wants it.
func report(_ change: (inout WorkerReport) -> Void = { _ in }) -> WorkerReport {
    var report = WorkerReport(now: 1_800_000_100, started: 1_800_000_000, version: "1.2.3", librdkafka: "2.0.2")
    report.catalogue = .init()
    var lane = WorkerReport.Lane(number: 0)
    lane.isJoined = true
    lane.secondsSinceTurn = 0.02
    report.lanes = [lane]
    change(&report)
    return report
}

/// A source that is degraded.
func degradedSource(_ name: String, isLoaded: Bool = false) -> WorkerReport.Source {
    var source = WorkerReport.Source(name: name)
    source.isLoaded = isLoaded
    source.degraded = .init(reason: "missing", detail: "there is no file at \"x\"", since: 1_800_000_040)
    return source
}
