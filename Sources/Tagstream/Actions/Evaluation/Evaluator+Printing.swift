extension Evaluator {
    /// A subject's text as `icontains` and `regex` see it: text as it is, numbers as JavaScript prints them, lists and objects in
    /// HogQL's way (`['a', 1]`, `{'k': 'v'}`).
    mutating func printed(_ subject: Subject) -> TextRange {
        switch subject.kind {
        case .missing, .null: return .empty
        case .true, .false: return subject.written
        case .string:
            let start = arena.count
            arena.append(decoding: bytes(subject.written), marker: subject.flags.contains(.plain) ? 1 : 2)
            return TextRange(inArena: start, length: arena.count &- start)
        case .number:
            let written = bytes(subject.written)
            if NumberText.isPrintedForm(written) { return subject.written }
            let start = arena.count
            NumberText.append(NumberText.parse(written) ?? 0, to: &arena)
            return TextRange(inArena: start, length: arena.count &- start)
        case .array, .object:
            let start = arena.count
            let range = subject.written.bytes(bench, arena)
            let offset = range.baseAddress! - bench
            if subject.flags.contains(.plain) {
                var scanner = Scanner<PlainSpace>(bench, at: offset, keysLeft: .max, keyBytes: .max)
                printContainer(&scanner, end: offset &+ range.count)
            } else {
                var scanner = Scanner<EscapedSpace>(bench, at: offset, keysLeft: .max, keyBytes: .max)
                printContainer(&scanner, end: offset &+ range.count)
            }
            return TextRange(inArena: start, length: arena.count &- start)
        }
    }

    /// Walks over the tokens of a list or an object that the decoder has read before; no recursion, whatever its depth.
    private mutating func printContainer<Space>(_ scanner: inout Scanner<Space>, end: Int) {
        while scanner.position < end {
            scanner.skipBlanks()
            guard scanner.position < end else { return }
            let byte = scanner.byte
            switch byte {
            case 0x5B, 0x5D, 0x7B, 0x7D:
                arena.append([byte])
                scanner.position &+= 1
            case 0x2C:
                arena.append([0x2C, 0x20])
                scanner.position &+= 1
            case 0x3A:
                arena.append([0x3A, 0x20])
                scanner.position &+= 1
            default:
                guard let value = try? scanner.value(depthLeft: 0) else { return }
                let written = UnsafeRawBufferPointer(start: bench + Int(value.offset), count: Int(value.length))
                if value.kind == .string {
                    printQuoted(value)
                } else if value.kind == .number, !NumberText.isPrintedForm(written) {
                    NumberText.append(NumberText.parse(written) ?? 0, to: &arena)
                } else {
                    arena.append(written)
                }
            }
        }
    }

    private mutating func printQuoted(_ value: Value) {
        let start = arena.count
        arena.append(
            decoding: UnsafeRawBufferPointer(start: bench + Int(value.offset), count: Int(value.length)),
            marker: value.flags.contains(.plain) ? 1 : 2
        )
        let length = arena.count &- start
        // The decoded text stands where the quoted one will: it is written behind itself, then moved down.
        arena.reserve(2 &* length &+ 2)
        arena.put(0x27)
        for index in start..<(start &+ length) {
            switch arena.base.load(fromByteOffset: index, as: UInt8.self) {
            case 0x27: arena.put("\\'")
            case 0x5C: arena.put("\\\\")
            case 0x0A: arena.put("\\n")
            case let byte: arena.put(byte)
            }
        }
        arena.put(0x27)
        let quoted = arena.count &- start &- length
        (arena.base + start).copyMemory(from: arena.base + start + length, byteCount: quoted)
        arena.truncate(to: start &+ quoted)
    }
}
