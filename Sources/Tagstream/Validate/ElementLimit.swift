/// Keeps the elements of an event within the limit: the innermost stay, because they are what was clicked.
///
/// A count of what separates elements settles nearly every event; only where that comes to more than the limit are elements
/// counted as the matcher counts them.
enum ElementLimit {
    /// Cuts a chain that has more elements than the limit.
    ///
    /// - Returns: the shorter chain; nil where it is short enough.
    static func cut(chain: Value, to limit: Int, on bench: inout Workbench) -> Value? {
        // An element may be empty, so that so many separators are what more elements need at least.
        guard chain.length >= limit, bench.written(chain).count(of: 0x3B) >= limit else { return nil }
        return cutLong(chain, to: limit, on: &bench)
    }

    @inline(never)
    private static func cutLong(_ chain: Value, to limit: Int, on bench: inout Workbench) -> Value? {
        var arena = ByteArena(capacity: 2 * Int(chain.length) + 64)
        if chain.flags.contains(.escaped) {
            arena.append(decoding: bench.written(chain), marker: chain.flags.contains(.plain) ? 1 : 2)
        } else {
            arena.append(bench.written(chain))
        }
        let length = arena.count
        guard let kept = ElementTable.length(ofFirst: limit, inChainOf: length, in: &arena) else { return nil }
        return bench.appendString(arena.bytes(0, kept))
    }

    /// Cuts a list of elements that has more members than the limit.
    ///
    /// - Returns: the shorter list; nil where it is short enough.
    static func cut(list: Value, to limit: Int, on bench: inout Workbench) -> Value? {
        // Of the shortest members, `1,`, so many do not fit.
        guard list.length > 2 * limit, list.kind == .array, !list.flags.contains(.plain) else { return nil }
        return cutLongList(list, to: limit, on: &bench)
    }

    @inline(never)
    private static func cutLongList(_ list: Value, to limit: Int, on bench: inout Workbench) -> Value? {
        var scanner = Scanner<EscapedSpace>(bench.bytes.base, at: Int(list.offset), keysLeft: .max, keyBytes: .max)
        scanner.position &+= 1
        scanner.skipBlanks()
        var members = 0
        var end = scanner.position
        // The decoder has read this text before: it cannot fail.
        do throws(ScanFailure) {
            while scanner.byte != 0x5D {
                if members == limit { return closed(Int(list.offset)..<end, on: &bench) }
                _ = try scanner.value(depthLeft: 64)
                members &+= 1
                end = scanner.position
                scanner.skipBlanks()
                if scanner.byte == 0x2C { scanner.position &+= 1 }
                scanner.skipBlanks()
            }
        } catch {}
        return nil
    }

    private static func closed(_ range: Range<Int>, on bench: inout Workbench) -> Value {
        bench.bytes.reserve(range.count + 1)
        let start = bench.bytes.count
        bench.bytes.put(bench.bytes.base + range.lowerBound, range.count)
        bench.bytes.put(0x5D)
        return Value(offset: UInt32(start), length: UInt32(range.count + 1), kind: .array, flags: [])
    }
}

extension UnsafeRawBufferPointer {
    /// How many bytes of this value there are: sixteen at a time, since most chains are long enough to be asked.
    fileprivate func count(of byte: UInt8) -> Int {
        let wanted = SIMD16<UInt8>(repeating: byte)
        var total = 0
        var index = 0
        while index &+ 16 <= count {
            var found = SIMD16<UInt8>.zero
            let end = Swift.min(count &- 16, index &+ 16 &* 254)
            while index <= end {
                let bytes = loadUnaligned(fromByteOffset: index, as: SIMD16<UInt8>.self)
                found.replace(with: found &+ 1, where: bytes .== wanted)
                index &+= 16
            }
            total &+= Int(SIMD16<UInt16>(truncatingIfNeeded: found).wrappedSum())
        }
        while index < count {
            if self[index] == byte { total &+= 1 }
            index &+= 1
        }
        return total
    }
}
