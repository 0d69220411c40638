import Tagstream

/// What a worker does about actions that could not be evaluated: says so, and takes those out of force that fail too often.
///
/// Decides only; the catalogue's thread asks it between two polls and carries out what it says. Several workers may write the
/// quarantine of one action: it is one key, and says the same.
struct FailingActions {
    /// Milliseconds between two reports of one action, and between two tries to quarantine it.
    static let interval: Int64 = 60_000

    /// What is due now.
    struct Due {
        /// Actions of which something has to be said, in the order of their teams and ids.
        var reports: [(action: ActionVersion, failures: ActionFailures)] = []
        /// Entries to be written to the catalogue.
        var stops: [ActionStop] = []
    }

    private var reported: [ActionVersion: (failed: Int, at: Int64)] = [:]
    private var tried: [ActionVersion: Int64] = [:]

    /// What is due, after what the lanes have counted.
    ///
    /// - Parameters:
    ///   - catalogue: what was read of the catalogue's topic; nil where actions come from a file, which nobody can change.
    ///   - now: milliseconds of a clock that never goes back.
    mutating func due(
        _ failures: [ActionVersion: ActionFailures],
        in catalogue: Catalogue?,
        at now: Int64
    ) -> Due {
        var due = Due()
        for (action, counted) in failures.sorted(by: { ($0.key.team, $0.key.id) < ($1.key.team, $1.key.id) }) {
            if reported[action].map({ counted.failed > $0.failed && now - $0.at >= Self.interval }) ?? true {
                reported[action] = (counted.failed, now)
                due.reports.append((action, counted))
            }
            guard counted.areTooMany, tried[action].map({ now - $0 >= Self.interval }) ?? true,
                let entry = catalogue?.entry(ofAction: action.id, team: action.team, version: action.version)
            else { continue }
            tried[action] = now
            due.stops.append(
                ActionStop(
                    team: action.team,
                    id: action.id,
                    version: action.version,
                    entry: entry,
                    failures: counted
                )
            )
        }
        reported = reported.filter { failures[$0.key] != nil }
        tried = tried.filter { failures[$0.key] != nil }
        return due
    }
}
