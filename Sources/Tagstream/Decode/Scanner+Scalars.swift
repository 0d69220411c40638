extension Scanner {
    /// Reads a number and checks RFC 8259's grammar; what follows it is checked by whoever reads on.
    @inline(__always)
    mutating func number() throws(ScanFailure) {
        var offset = position
        let start = offset
        if base[offset] == 0x2D { offset &+= 1 }
        if base[offset] == 0x30 {
            offset &+= 1
        } else {
            guard isDigit(base[offset]) else { throw unexpected(at: offset, 1) }
            repeat { offset &+= 1 } while isDigit(base[offset])
        }
        if base[offset] == 0x2E {
            offset &+= 1
            guard isDigit(base[offset]) else { throw unexpected(at: offset, 1) }
            repeat { offset &+= 1 } while isDigit(base[offset])
        }
        var exponent = 0
        if base[offset] | 0x20 == 0x65 {
            offset &+= 1
            if base[offset] == 0x2B || base[offset] == 0x2D { offset &+= 1 }
            guard isDigit(base[offset]) else { throw unexpected(at: offset, 1) }
            repeat {
                exponent = min(exponent &* 10 &+ Int(base[offset] &- 0x30), 100_000)
                offset &+= 1
            } while isDigit(base[offset])
        }
        // Only such a number can overflow a double (308 digits before the point); the rewriter decides exactly.
        if exponent &+ (offset &- start) > 300 { try checkRange(start, offset) }
        position = offset
    }

    @inline(never)
    func checkRange(_ start: Int, _ end: Int) throws(ScanFailure) {
        guard end &- start <= EventLimits.numberBytes else { throw ScanFailure(kind: .number, offset: start) }
        guard isFiniteNumber(UnsafeRawBufferPointer(start: base + start, count: end - start)) else {
            throw ScanFailure(kind: .rewrite, offset: start)
        }
    }

    @inline(__always)
    mutating func literal() throws(ScanFailure) -> Value.Kind {
        let word = load32(position)
        if word == 0x6C6C_756E {  // null
            position &+= 4
            return .null
        }
        if word == 0x6575_7274 {  // true
            position &+= 4
            return .true
        }
        if word == 0x736C_6166, base[position &+ 4] == 0x65 {  // fals-e
            position &+= 5
            return .false
        }
        throw unexpected(at: position, 5)
    }
}
