// How a window is written down (docs/deduplication.md, "The changelog").
//
// Keys are cut by their numbers into granules of 64. The changelog's record of granule g has the key g modulo so many granules as the
// window covers, and one more: compaction keeps one record for each, and a granule is replaced only when all its keys have left the
// window. A transaction writes the granules that it has touched, so the last one is written again until it is full: 1.8 KB at most
// for a transaction with one event, and 28 bytes an event for a large one.

extension DuplicateWindow {
    /// How many keys one record of the changelog holds.
    static let granule: Int64 = 64
    /// Bytes before the keys: version, size of a key, how many keys, the window's size, the first key's number.
    static let headerBytes = 16
    /// The version of the format.
    static let version: UInt8 = 1

    /// How many granules the changelog has for a window of this size.
    var granules: Int { Self.granules(of: size) }

    private static func granules(of size: Int) -> Int { (size + Int(granule) - 1) / Int(granule) + 1 }

    /// Calls `body` with every record that the open transaction has to write, in the order in which they have to be written.
    ///
    /// - Parameter body: gets the number in the record's key, and its value; nil is a tombstone.
    func forEachChange<Failure: Error>(
        _ body: (Int, UnsafeRawBufferPointer?) throws(Failure) -> Void
    ) throws(Failure) {
        if let most = loggedSizes?.most, unlogged != .max, most > size {
            for number in granules..<Self.granules(of: most) { try body(number, nil) }
        }
        let from = max(first, min(settled, unlogged))
        guard next > settled || unlogged != .max, next > from else { return }
        // On the stack: a granule is less than two kilobytes.
        let room = Self.headerBytes + Int(Self.granule) * DuplicateKey.size
        let outcome: Result<Void, Failure> = withUnsafeTemporaryAllocation(byteCount: room, alignment: 8) { value in
            guard let base = value.baseAddress else { return .success(()) }
            for granule in from / Self.granule...(next - 1) / Self.granule {
                let numbers =
                    max(oldest, granule * Self.granule)..<min(next, (granule + 1) * Self.granule)
                base.storeBytes(of: Self.version, as: UInt8.self)
                base.storeBytes(of: UInt8(DuplicateKey.size), toByteOffset: 1, as: UInt8.self)
                base.storeBytes(of: UInt16(numbers.count).littleEndian, toByteOffset: 2, as: UInt16.self)
                base.storeBytes(of: UInt32(self.size).littleEndian, toByteOffset: 4, as: UInt32.self)
                base.storeBytes(of: numbers.lowerBound.littleEndian, toByteOffset: 8, as: Int64.self)
                copy(numbers, to: base + Self.headerBytes)
                let bytes = UnsafeRawBufferPointer(
                    start: base,
                    count: Self.headerBytes + numbers.count * DuplicateKey.size
                )
                do throws(Failure) {
                    try body(Int(granule % Int64(granules)), bytes)
                } catch {
                    return .failure(error)
                }
            }
            return .success(())
        }
        try outcome.get()
    }

    /// Takes over a record of the changelog; they come in the order in which they were written.
    ///
    /// - Throws: ``ChangelogProblem`` for a record of another format.
    func restore(_ value: UnsafeRawBufferPointer) throws(ChangelogProblem) {
        guard let base = value.baseAddress, value.count >= Self.headerBytes else {
            throw ChangelogProblem("it has \(value.count) bytes, expected at least \(Self.headerBytes)")
        }
        let version = base.load(as: UInt8.self)
        let size = Int(base.load(fromByteOffset: 1, as: UInt8.self))
        guard version == Self.version, size == DuplicateKey.size else {
            throw ChangelogProblem(
                "its version is \(version) with keys of \(size) bytes, expected \(Self.version) with \(DuplicateKey.size)"
            )
        }
        let count = Int(UInt16(littleEndian: base.loadUnaligned(fromByteOffset: 2, as: UInt16.self)))
        let window = Int(UInt32(littleEndian: base.loadUnaligned(fromByteOffset: 4, as: UInt32.self)))
        let lowest = Int64(littleEndian: base.loadUnaligned(fromByteOffset: 8, as: Int64.self))
        guard value.count == Self.headerBytes + count * size, lowest >= 0, lowest < Int64.max - Int64(count),
            window <= DuplicateFilter.largest
        else {
            throw ChangelogProblem(
                "it has \(value.count) bytes, expected \(Self.headerBytes + count * size) for \(count) keys from \(lowest) on "
                    + "of a window of \(window)"
            )
        }
        // A window of another size begins with all of it, under new keys: what is left of the former one stands before it, but may
        // have higher numbers.
        if let last = loggedSizes?.last, last != window { restart(at: lowest) }
        loggedSizes = (window, max(window, loggedSizes?.most ?? 0))
        let end = lowest + Int64(count)
        // An older version of a granule that has been written again, or one of an earlier lap.
        guard end > next else { return }
        // What lies between was replaced since: it had left the window, and what is before it as well.
        if lowest > next { restart(at: lowest) }
        for number in next..<end {
            add(DuplicateKey(at: base + Self.headerBytes + Int(number - lowest) * size))
        }
        commit()
    }

    /// Everything has been restored: what was written for a window of another size is to be written again.
    func finishRestoring() {
        guard let last = loggedSizes?.last, last != size else { return }
        unlogged = first
    }
}

/// Why a record of the changelog cannot be taken over: the rest of a sentence that names the record.
package struct ChangelogProblem: Error, CustomStringConvertible {
    package var description: String
    init(_ description: String) { self.description = description }
}
