#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Looks a whole database over before libmaxminddb sees it: description, search tree, and every record that the tree leads to.
///
/// A file may be cut off, damaged, or made by somebody who wants the worker to crash or to hang (libmaxminddb's advisories about nesting
/// and about fans of pointers). What passes here stays as it is: libmaxminddb reads a sealed copy.
///
/// Linear in the file's size: each record has a budget, and all of them together one that grows with the data section. A City database
/// of 60 MB takes about a second, once for each file, away from the lanes.
struct MMDBCheck {
    /// What the database says of itself.
    let metadata: MMDBMetadata
    /// Where the search tree ends and the data section begins, and where that ends, in bytes.
    let treeBytes: Int
    let dataSection: UnsafeRawBufferPointer
    private let tree: UnsafeRawBufferPointer

    /// What a record may hold.
    ///
    /// Those of a City database have about 100 values and 1 KB of text.
    static let recordBudget = MMDBReader.Budget(values: 4096, bytes: 256 << 10)
    /// Where the description may begin, counted from the end (the format's specification).
    private static let farthestDescription = 128 << 10
    private static let separator = 16

    /// Checks everything.
    ///
    /// - Throws: ``MMDBFailure`` with what was found.
    init(_ file: UnsafeRawBufferPointer) throws(MMDBFailure) {
        guard file.count < Int(UInt32.max) else { throw MMDBFailure("it has \(file.count) bytes, the limit is 4 GiB") }
        let marker = try Self.markerOffset(in: file)
        metadata = try MMDBMetadata(UnsafeRawBufferPointer(rebasing: file[(marker + Self.marker.count)...]))
        treeBytes = metadata.nodeCount * metadata.nodeBytes
        guard treeBytes + Self.separator <= marker else {
            throw MMDBFailure(
                "its search tree of \(metadata.nodeCount) nodes would have \(treeBytes) bytes, but there are \(marker)"
            )
        }
        tree = UnsafeRawBufferPointer(rebasing: file[0..<treeBytes])
        dataSection = UnsafeRawBufferPointer(rebasing: file[(treeBytes + Self.separator)..<marker])
        guard file[treeBytes..<(treeBytes + Self.separator)].allSatisfy({ $0 == 0 }) else {
            throw MMDBFailure("16 zero bytes are missing behind its search tree", at: treeBytes)
        }
        try checkRecords()
    }

    /// What stands before the description.
    private static let marker: [UInt8] = [0xAB, 0xCD, 0xEF] + Array("MaxMind.com".utf8)

    /// Where the last marker is, which is the one that counts.
    private static func markerOffset(in file: UnsafeRawBufferPointer) throws(MMDBFailure) -> Int {
        let first = max(0, file.count - farthestDescription - marker.count)
        var offset = file.count - marker.count
        while offset >= first {
            if file[offset] == marker[0], file[offset..<(offset + marker.count)].elementsEqual(marker) { return offset }
            offset -= 1
        }
        throw MMDBFailure("there is no description of a MaxMind DB at its end")
    }

    // MARK: The search tree

    /// One of the two records of a node, of 24, 28 or 32 bits.
    private func record(_ node: Int, _ side: Int) -> Int {
        let start = node * metadata.nodeBytes
        func byte(_ offset: Int) -> Int { Int(tree[start + offset]) }
        switch metadata.recordBits {
        case 24:
            let at = side * 3
            return byte(at) << 16 | byte(at + 1) << 8 | byte(at + 2)
        case 28:
            // The middle byte has the upper four bits of both.
            return side == 0
                ? (byte(3) >> 4) << 24 | byte(0) << 16 | byte(1) << 8 | byte(2)
                : (byte(3) & 15) << 24 | byte(4) << 16 | byte(5) << 8 | byte(6)
        default:
            let at = side * 4
            return byte(at) << 24 | byte(at + 1) << 16 | byte(at + 2) << 8 | byte(at + 3)
        }
    }

    /// Every record of the tree leads to a node, to nothing, or to a value that is whole and within its budget.
    private func checkRecords() throws(MMDBFailure) {
        let reader = MMDBReader(section: dataSection)
        var seen = [UInt64](repeating: 0, count: dataSection.count / 64 + 1)
        // Sixteen looks for each byte: real databases need one or two, for texts that records share by pointers.
        var left = 16 * dataSection.count + (1 << 20)
        var count = 0
        for node in 0..<metadata.nodeCount {
            for side in 0...1 {
                let target = record(node, side)
                if target <= metadata.nodeCount { continue }
                let offset = target - metadata.nodeCount - Self.separator
                guard offset >= 0, offset < dataSection.count else {
                    throw MMDBFailure("node \(node) of its search tree leads out of the data section")
                }
                if seen[offset >> 6] >> UInt64(offset & 63) & 1 == 1 { continue }
                seen[offset >> 6] |= 1 << UInt64(offset & 63)
                count += 1
                var budget = Self.recordBudget
                try reader.check(offset, &budget)
                left -= Self.recordBudget.values - budget.values
                guard left >= 0 else {
                    throw MMDBFailure("its records have more values than a file of \(dataSection.count) bytes can need")
                }
                guard try reader.resolved(offset).kind == MMDBReader.Kind.map else {
                    throw MMDBFailure("a record is not a map", at: offset)
                }
            }
        }
        guard count > 0 else { throw MMDBFailure("it has no record") }
    }

    /// The offset of an address's record in the data section, or nil: the same as libmaxminddb finds, which is compared at the start.
    func record(for address: InternetAddress) -> Int? {
        var bits = 128
        if address.isIPv4 { bits = metadata.ipVersion == 4 ? 32 : 128 } else if metadata.ipVersion == 4 { return nil }
        var node = 0
        for index in (0..<bits).reversed() where node < metadata.nodeCount {
            let word = index >= 64 ? address.high >> UInt64(index - 64) : address.low >> UInt64(index)
            node = record(node, Int(word & 1))
        }
        return node > metadata.nodeCount ? node - metadata.nodeCount - Self.separator : nil
    }
}

/// What a MaxMind DB says of itself.
struct MMDBMetadata {
    /// How many nodes the search tree has.
    let nodeCount: Int
    /// Bits of each of a node's two records: 24, 28 or 32.
    let recordBits: Int
    /// 4 or 6.
    let ipVersion: Int
    /// What it is about, such as `GeoLite2-City`.
    let databaseType: String
    /// When it was built, in seconds since 1970.
    let buildEpoch: UInt64

    /// Bytes of a node.
    var nodeBytes: Int { recordBits / 4 }

    /// Reads and checks a description.
    init(_ section: UnsafeRawBufferPointer) throws(MMDBFailure) {
        let reader = MMDBReader(section: section)
        var budget = MMDBReader.Budget(values: 1024, bytes: 64 << 10)
        try reader.check(0, &budget)
        func number(_ key: StaticString, _ allowed: ClosedRange<UInt64>) throws(MMDBFailure) -> UInt64 {
            guard let head = try reader.value(of: key, inMapAt: 0), let value = try reader.unsigned(head) else {
                throw MMDBFailure("its description has no number \"\(key)\"")
            }
            guard allowed.contains(value) else {
                throw MMDBFailure(
                    "its description says \(key) is \(value), expected \(allowed.lowerBound) to \(allowed.upperBound)"
                )
            }
            return value
        }
        _ = try number("binary_format_major_version", 2...2)
        nodeCount = Int(try number("node_count", 1...UInt64(UInt32.max)))
        recordBits = Int(try number("record_size", 24...32))
        ipVersion = Int(try number("ip_version", 4...6))
        buildEpoch = try number("build_epoch", 0...UInt64(Int64.max))
        guard [24, 28, 32].contains(recordBits) else {
            throw MMDBFailure("its description says record_size is \(recordBits), expected 24, 28 or 32")
        }
        guard ipVersion != 5 else { throw MMDBFailure("its description says ip_version is 5, expected 4 or 6") }
        guard let head = try reader.value(of: "database_type", inMapAt: 0), head.kind == MMDBReader.Kind.text else {
            throw MMDBFailure("its description has no text \"database_type\"")
        }
        databaseType = String(decoding: try reader.text(head), as: UTF8.self)
    }
}
