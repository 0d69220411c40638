import Dispatch

/// A clock that never goes back.
public enum MonotonicClock {
    /// Milliseconds since some fixed point.
    @Sendable
    public static func milliseconds() -> Int64 {
        Int64(DispatchTime.now().uptimeNanoseconds / 1_000_000)
    }
}
