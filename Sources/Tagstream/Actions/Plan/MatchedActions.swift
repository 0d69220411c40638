/// The actions that an event belongs to, as places in the plan, ascending.
///
/// Reused from event to event.
public struct MatchedActions: ~Copyable {
    private var matched = Column<Int32>(capacity: 256)
    private var failed = Column<Int32>(capacity: 16)

    /// Makes an empty list.
    public init() {}

    /// How many actions matched.
    @inline(__always)
    public var count: Int { matched.count }

    /// A matching action, as a place in the plan's definitions.
    @inline(__always)
    public subscript(_ index: Int) -> Int32 { matched[index] }

    /// How many actions could not be evaluated.
    ///
    /// Nearly always none; see ``failed(_:)``.
    @inline(__always)
    public var failedCount: Int { failed.count }

    /// An action of which it is not known whether it matches, because evaluating it failed.
    ///
    /// A pattern's search was given up, memory is exhausted, or there is a bug.
    @inline(__always)
    public func failed(_ index: Int) -> Int32 { failed[index] }

    @inline(__always)
    mutating func removeAll() {
        matched.removeAll()
        failed.removeAll()
    }

    @inline(__always)
    mutating func append(_ place: Int32) { matched.append(place) }

    /// Makes room for so many places, and for what ``put(bitsOf:from:)`` may write behind them.
    @inline(__always)
    mutating func reserve(_ count: Int) { matched.reserve(count &+ 2) }

    /// Adds the places of a word's bits, for which room must have been made.
    @inline(__always)
    mutating func put(bitsOf word: UInt64, from first: Int32) { matched.put(bitsOf: word, from: first) }

    mutating func appendFailed(_ place: Int32) { failed.append(place) }
}
