import Foundation

/// The seeds of a run: from 1 on, as many as `TAGSTREAM_SIMULATION_SEEDS` says, or the one in `TAGSTREAM_SIMULATION_SEED`.
package enum Seeds {
    /// The one seed that is to be replayed, if any.
    package static var replayed: UInt64? {
        ProcessInfo.processInfo.environment["TAGSTREAM_SIMULATION_SEED"].flatMap { UInt64($0) }
    }

    /// The seeds to run, so many unless the environment says otherwise.
    package static func run(_ usual: UInt64) -> ClosedRange<UInt64> {
        if let replayed { return replayed...replayed }
        let wanted = ProcessInfo.processInfo.environment["TAGSTREAM_SIMULATION_SEEDS"].flatMap { UInt64($0) }
        return 1...max(1, wanted ?? usual)
    }

    /// How to run a seed again.
    package static func replay(_ seed: UInt64) -> String { "replay with TAGSTREAM_SIMULATION_SEED=\(seed)" }
}
