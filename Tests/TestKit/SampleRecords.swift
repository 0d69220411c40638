package import Tagstream

/// Values of input records that live as long as the process: a batch only lends them.
package enum SampleValue {
    // Immutable and never given back, so every thread may read them.

    /// An event that becomes a row.
    package nonisolated(unsafe) static let event = lasting(#"{"token":"t","event":"seen","distinct_id":"d"}"#)
    /// Events that differ in nothing but their uuids.
    package nonisolated(unsafe) static let numbered = (0..<16).map { number in
        lasting(
            #"{"token":"t","event":"seen","distinct_id":"d","uuid":"0190f3c1-8a52-7cc1-9f3e-2b0f6a1d4e"#
                + #"\#(String(number + 16, radix: 16))"}"#
        )
    }
    /// Not text: it becomes a dead letter.
    package nonisolated(unsafe) static let broken = lasting("\u{1}")

    /// Copies a text to memory that is never given back.
    package static func lasting(_ text: String) -> UnsafeRawBufferPointer {
        let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: text.utf8.count, alignment: 8)
        bytes.copyBytes(from: text.utf8)
        return UnsafeRawBufferPointer(bytes)
    }
}

/// Snapshots for tests that are not about matching.
package enum SampleSnapshot {
    private static let teams = {
        var catalogue = Catalogue()
        return catalogue.snapshot(onlyTeam: 1).teams
    }()

    /// One team without actions, to which every event belongs, at an epoch.
    package static func empty(epoch: Int64 = 1) -> Snapshot { Snapshot(epoch: epoch, teams: teams, onlyTeam: 0) }
}
