/// How fast letters are tried: so many a second, or as fast as they come.
struct ReplayPace: Equatable {
    /// Letters a second; nil for no bound.
    var rate: Double?

    /// How many letters go into one transaction: a quarter of a second's worth, so that the stream stays even.
    func letters(atMost most: Int) -> Int {
        guard let rate else { return most }
        return max(1, min(most, Int(rate / 4)))
    }

    /// How long to wait before the next letter.
    ///
    /// - Parameters:
    ///   - tried: how many letters were tried so far.
    ///   - elapsed: the milliseconds since the first.
    func wait(after tried: Int, elapsed: Int64) -> Int64 {
        guard let rate else { return 0 }
        return max(0, Int64((Double(tried) * 1000 / rate).rounded(.up)) - elapsed)
    }
}
