extension ElementTable {
    /// Appends the elements as the text of a chain, in the form that PostHog's `elementsToString` gives it: classes sorted, then
    /// the attributes in the order of their names, quotes in values escaped.
    ///
    /// Only for events that carry `$elements` instead of a chain, when somebody asks for the text; it allocates.
    func writeChain(_ bench: UnsafeRawPointer, to arena: inout ByteArena) -> TextRange {
        var out: [UInt8] = []
        for index in 0..<elements.count {
            if index > 0 { out.append(0x3B) }
            write(elements[index], bench, arena, &out)
        }
        let start = arena.count
        arena.append(out)
        return TextRange(inArena: start, length: out.count)
    }

    private func write(
        _ element: Element,
        _ bench: UnsafeRawPointer,
        _ arena: borrowing ByteArena,
        _ out: inout [UInt8]
    ) {
        func text(_ range: TextRange) -> [UInt8] { Array(range.bytes(bench, arena)) }
        out += text(element.tag)
        var pairs: [(key: [UInt8], value: [UInt8])] = []
        func add(_ key: String, _ value: [UInt8]) { pairs.append((Array(key.utf8), value)) }
        if element.hasClassList {
            var names: [[UInt8]] = []
            for index in 0..<Int(element.classCount) { names.append(text(classes[Int(element.firstClass) + index])) }
            for name in names.sorted(by: { $0.lexicographicallyPrecedes($1) }) {
                out += [0x2E] + name.filter { $0 != 0x22 }
            }
            add("attr__class", Array(names.joined(separator: [0x20])))
        }
        if element.text.kind == .string, element.text.text.length > 0 { add("text", text(element.text.text)) }
        if element.href.kind == .string, element.href.text.length > 0 { add("href", text(element.href.text)) }
        if element.hasID { add("attr_id", text(element.id)) }
        if element.nthChild > 0 { add("nth-child", Array(String(element.nthChild).utf8)) }
        if element.nthOfType > 0 { add("nth-of-type", Array(String(element.nthOfType).utf8)) }
        for index in 0..<Int(element.attributeCount) {
            let attribute = attributes[Int(element.firstAttribute) + index]
            let name = text(attribute.name)
            if element.hasClassList, name == Array("class".utf8) { continue }
            pairs.append((Array("attr__".utf8) + name, text(attribute.value)))
        }
        out.append(0x3A)
        for pair in pairs.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
            out += pair.key + [0x3D, 0x22]
            for byte in pair.value { out += byte == 0x22 ? [0x5C, 0x22] : [byte] }
            out.append(0x22)
        }
    }
}
