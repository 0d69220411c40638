import Foundation

/// A generator of which every number follows from a seed (SplitMix64): the same seed, the same run, on every machine.
package struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    /// Makes a generator.
    package init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 &+ 0xD1B5_4A32_D192_ED03 }

    /// The next number.
    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// A number from 0 up to, and without, the bound.
    package mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }

    /// True in so many of a hundred cases.
    package mutating func chance(_ percent: Int) -> Bool { below(100) < percent }

    /// One of several.
    package mutating func pick<Element>(_ elements: [Element]) -> Element { elements[below(elements.count)] }
}

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
