import Testing

@testable import Tagstream

@Suite struct `Short texts` {
    /// Bytes that differ from their neighbours.
    private func pattern(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ 1) } }

    @Test func `are equal when all of their bytes are, whatever their length`() {
        for count in 0...70 {
            let one = pattern(count)
            one.withUnsafeBytes { first in
                var other = one
                other.withUnsafeBytes { #expect(areEqual(first, $0)) }
                for place in 0..<count {
                    other[place] ^= 0x80
                    other.withUnsafeBytes { #expect(!areEqual(first, $0), "\(count) bytes, \(place)") }
                    other[place] ^= 0x80
                }
                pattern(count + 1).withUnsafeBytes { #expect(!areEqual(first, $0)) }
            }
        }
        let nothing = UnsafeRawBufferPointer(start: nil, count: 0)
        [UInt8]().withUnsafeBytes {
            #expect(areEqual(nothing, $0) && areEqual($0, nothing) && areEqual(nothing, nothing))
        }
    }

    @Test func `are copied whole, one behind the other`() {
        var source = ByteArena(capacity: 64)
        source.append(pattern(400))
        var arena = ByteArena(capacity: 16)
        var expected: [UInt8] = []
        for count in 0...300 {
            arena.reserve(count)
            arena.putShort(source.base + 3, count)
            expected += pattern(400)[3..<(3 + count)]
        }
        #expect(arena.bytes(0, arena.count).elementsEqual(expected))
    }
}
