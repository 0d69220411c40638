import TestKit
import Testing

@testable import Tagstream

@Suite("Texts are searched, compared and lowered many bytes at a time")
struct TextSearchTests {
    private static let seed: UInt64 = 20_261_127

    /// A text of few different letters, so that parts of it repeat.
    private func text(_ length: Int, of letters: [UInt8], _ random: inout SeededGenerator) -> [UInt8] {
        (0..<length).map { _ in letters[Int.random(in: 0..<letters.count, using: &random)] }
    }

    private func firstPlace(of needle: [UInt8], in text: [UInt8]) -> Int? {
        guard needle.count <= text.count else { return nil }
        return (0...(text.count - needle.count)).first { Array(text[$0..<$0 + needle.count]) == needle }
    }

    @Test("the first place of a text in another, wherever it is")
    func search() {
        var random = SeededGenerator(seed: Self.seed)
        var found = 0
        for _ in 0..<4000 {
            let letters = Array("abcd".utf8.prefix(Int.random(in: 1...4, using: &random)))
            let text = text(Int.random(in: 0...90, using: &random), of: letters, &random)
            let needle = self.text(Int.random(in: 1...12, using: &random), of: letters, &random)
            let end = text.withUnsafeBytes { text in needle.withUnsafeBytes { TextSearch.end(of: $0, in: text) } }
            let expected = firstPlace(of: needle, in: text).map { $0 + needle.count }
            #expect(end == expected, "\(needle) in \(text)")
            found += expected == nil ? 0 : 1
        }
        #expect(found > 400 && found < 3600)
    }

    @Test("equality of short and long texts, whatever stands behind them")
    func equality() {
        for length in 0...40 {
            let text = (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ 1) }
            let one = text + Array(repeating: 0xAA, count: 16)
            for changed in -1..<length {
                var other = text + Array(repeating: 0x55, count: 16)
                if changed >= 0 { other[changed] ^= 0x80 }
                let isSame = one.withUnsafeBytes { one in
                    other.withUnsafeBytes { other in
                        TextSearch.equalPadded(
                            UnsafeRawBufferPointer(rebasing: one[..<length]),
                            UnsafeRawBufferPointer(rebasing: other[..<length])
                        )
                    }
                }
                #expect(isSame == (changed < 0), "\(length) bytes, of which number \(changed) differs")
            }
        }
    }

    @Test("every byte of ASCII in lower case, at every place of a word")
    func lowerCase() {
        for byte in 0..<UInt8(128) {
            for place in 0..<17 {
                var text = Array(repeating: UInt8(ascii: "Z"), count: 17)
                text[place] = byte
                let expected = text.map { 0x41...0x5A ~= $0 ? $0 + 0x20 : $0 }
                var arena = ByteArena(capacity: 8)
                text.withUnsafeBytes { LowerCase.append($0, to: &arena) }
                #expect(Array(arena.bytes(0, arena.count)) == expected)
            }
        }
    }
}
