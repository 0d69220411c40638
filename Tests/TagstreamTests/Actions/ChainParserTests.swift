import TestKit
import Testing

@testable import Tagstream

@Suite("A chain of elements is read as a slow, obvious reader reads it")
struct ChainParserTests {
    /// What the elements of a chain come to, as plain values.
    struct Read: Equatable {
        var tag = "", head = "", text: String?, href: String?, id: String?
        var classes: [String]?
        var attributes: [String] = []
        var child = 0, ofType = 0
    }

    /// Reads byte by byte, by the grammar of docs/actions.md: no word at once, no key that is known beforehand.
    private struct SlowReader {
        let bytes: [UInt8]
        var position = 0

        init(_ bytes: [UInt8]) { self.bytes = bytes }

        private func string(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }
        private func has(_ offset: Int, _ letter: Unicode.Scalar) -> Bool {
            offset < bytes.count && bytes[offset] == UInt8(ascii: letter)
        }
        private func stop(_ first: Int, _ wanted: Unicode.Scalar) -> Int {
            var offset = first
            while offset < bytes.count, !has(offset, "\""), !has(offset, ";"), !has(offset, wanted) { offset += 1 }
            return offset
        }

        mutating func elements() -> [Read] {
            var elements: [Read] = []
            while position < bytes.count {
                elements.append(element())
                position += 1
            }
            return elements
        }

        private mutating func element() -> Read {
            var element = Read()
            let start = position
            var end = start
            repeat {
                end = stop(position, ":")
                position = end
                guard has(end, ":") else { break }
                position += 1
            } while bytes[start..<end].contains(UInt8(ascii: ".")) && !beginsAttributes(position)
            let dot = bytes[start..<end].firstIndex(of: UInt8(ascii: ".")) ?? end
            element.tag = string(start..<dot)
            if dot < end { element.head = string(dot + 1..<end) }
            while position < bytes.count, !has(position, ";") {
                guard attribute(&element) else {
                    skipRest()
                    break
                }
            }
            return element
        }

        private func beginsAttributes(_ offset: Int) -> Bool {
            if offset >= bytes.count || has(offset, ";") { return true }
            let equals = stop(offset, "=")
            guard equals > offset, has(equals, "="), has(equals + 1, "\"") else { return false }
            let key = string(offset..<equals)
            if key.utf8.count > 6, key.utf8.starts(with: "attr__".utf8) { return true }
            return key.unicodeScalars.allSatisfy { letter in
                letter.isASCII
                    && (letter.properties.isAlphabetic || letter.properties.numericType != nil
                        || "-_".unicodeScalars.contains(letter))
            }
        }

        private mutating func attribute(_ element: inout Read) -> Bool {
            let key = position
            let equals = stop(position, "=")
            guard equals > key, has(equals, "="), has(equals + 1, "\"") else { return false }
            var end = equals + 2
            while end < bytes.count, !(has(end, "\"") && (end == equals + 2 || !has(end - 1, "\\"))) { end += 1 }
            guard end < bytes.count else { return false }
            position = end + 1
            var value: [UInt8] = []
            for offset in equals + 2..<end where !(has(offset, "\\") && has(offset + 1, "\"") && offset + 1 < end) {
                value.append(bytes[offset])
            }
            assign(string(key..<equals), String(decoding: value, as: UTF8.self), &element)
            return true
        }

        private func assign(_ key: String, _ value: String, _ element: inout Read) {
            if key == "attr__class" {
                element.classes = value.utf8.split { $0 == 0x20 || 0x09...0x0D ~= $0 }.map {
                    String(decoding: $0, as: UTF8.self)
                }
            }
            if key.utf8.count > 6, key.utf8.starts(with: "attr__".utf8) {
                element.attributes.append("\(String(decoding: key.utf8.dropFirst(6), as: UTF8.self))=\(value)")
            }
            switch key {
            case "text": element.text = value
            case "href": element.href = value
            case "attr_id": element.id = value
            case "nth-child": element.child = Self.place(value)
            case "nth-of-type": element.ofType = Self.place(value)
            default: break
            }
        }

        private static func place(_ value: String) -> Int {
            1...9 ~= value.utf8.count && value.utf8.allSatisfy { 0x30...0x39 ~= $0 } ? Int(value) ?? 0 : 0
        }

        private mutating func skipRest() {
            while position < bytes.count, !has(position, ";") {
                let opens = has(position, "=") && has(position + 1, "\"")
                position += opens ? 2 : 1
                guard opens else { continue }
                while position < bytes.count, !has(position, "\"") || has(position - 1, "\\") { position += 1 }
                position = min(position + 1, bytes.count)
            }
        }
    }

    /// Reads as the product does; what lies in the arena behind the chain must not matter.
    private func read(_ chain: [UInt8], behind: [UInt8]) -> [Read] {
        var arena = ByteArena(capacity: 16)
        var table = ElementTable()
        arena.append(chain + behind)
        arena.truncate(to: chain.count)
        table.parse(chainAt: 0, chain.count, epoch: 1, in: &arena)
        let base = UnsafeRawPointer(arena.base)
        func string(_ range: TextRange) -> String { String(decoding: range.bytes(base, arena), as: UTF8.self) }
        var elements: [Read] = []
        for index in 0..<table.elements.count {
            let element = table.elements[index]
            var read = Read(tag: string(element.tag), head: string(element.head))
            if element.text.kind == .string { read.text = string(element.text.text) }
            if element.href.kind == .string { read.href = string(element.href.text) }
            if element.hasID { read.id = string(element.id) }
            if element.hasClassList {
                read.classes = (0..<Int(element.classCount)).map { string(table.classes[Int(element.firstClass) + $0]) }
            }
            for number in 0..<Int(element.attributeCount) {
                let attribute = table.attributes[Int(element.firstAttribute) + number]
                read.attributes.append("\(string(attribute.name))=\(string(attribute.value))")
            }
            read.child = Int(element.nthChild)
            read.ofType = Int(element.nthOfType)
            elements.append(read)
        }
        return elements
    }

    /// What SDKs write and what they never would, in any order.
    private static let pieces = [
        "div", "button", ".nav", ".mt-4", ".py-2.5", ".sm:flex", ":", ":", ";", ";", "nth-child=\"", "nth-child=\"",
        "nth-of-type=\"",
        "nth-of-type=\"", "attr__class=\"", "attr__class=\"", "attr__id=\"", "attr__xlink:href=\"", "attr__=\"",
        "attr_id=\"", "text=\"",
        "href=\"", "other=\"", "3", "12", "123456789", "1234567890", "\"", "\"", "\"", "\"", "\\\"", "\\", "=", " ",
        "  ", "\t", "\u{B}",
        "div.nav:", "div.nav:", "nth-child=\"3\"", "nth-of-type=\"12\"", "attr__class=\"mt-4 grid\"",
        "attr__class=\" b\"",
        "\u{1}", "!", "mt-4 grid", "Sign up", "é", "nth-child", "nth-chil", "attr__clas", "x",
    ]

    private static let attributes = [
        "nth-child=\"3\"", "nth-of-type=\"12\"", "attr__class=\"mt-4 grid\"", "attr__class=\" b\"", "text=\"Sign up\"",
    ]

    /// A chain of nothing but pieces, or one as SDKs write it with a piece here and there.
    private func chain(_ random: inout SeededGenerator) -> String {
        let isProper = random.chance(50)
        var chain = ""
        for _ in 0..<(1 + random.below(24)) {
            if isProper, random.chance(20) { chain += ";div.nav:" }
            chain += isProper && random.chance(80) ? random.pick(Self.attributes) : random.pick(Self.pieces)
        }
        return isProper ? "div:" + chain : chain
    }

    @Test("random chains, broken ones among them, read the same")
    func random() {
        let seed: UInt64 = 20_261_128
        var random = SeededGenerator(seed: seed)
        var classes = 0, places = 0
        for number in 0..<40_000 {
            let chain = chain(&random)
            let bytes = Array(chain.utf8)
            var slow = SlowReader(bytes)
            let expected = slow.elements()
            let found = read(bytes, behind: Array("3\" nth-child=\"4\"attr__class=\"x\"".utf8))
            #expect(found == expected, "number \(number) of seed \(seed): \(chain)")
            classes += expected.count { $0.classes?.isEmpty == false }
            places += expected.count { $0.child > 0 || $0.ofType > 0 }
        }
        #expect(classes > 2000 && places > 2000, "what is read at once has hardly been there: \(classes), \(places)")
    }

    @Test("every beginning of a chain reads the same")
    func beginnings() {
        let chain = Array(
            #"a.btn.sm:x:attr__class="btn  sm:x"attr__href="/a;b"href="/a;b"nth-child="2"nth-of-type="10"text="say \"yes\"";body:nth-child="1""#
                .utf8
        )
        for length in 0...chain.count {
            let part = Array(chain.prefix(length))
            var slow = SlowReader(part)
            #expect(read(part, behind: Array(chain.dropFirst(length))) == slow.elements(), "\(length) bytes")
        }
    }
}
