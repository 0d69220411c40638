/// What an event has where a condition looks, and what becomes of it before it is compared.
struct Finding {
    var found = ConditionExplanation.Found.notSet
    /// The kind of the value; missing for elements.
    var kind = Value.Kind.missing
    /// The texts that near misses are looked for in: the property's, or every element's.
    var texts: [[UInt8]] = []
    /// The same for links, where a condition looks at texts and links.
    var links: [[UInt8]] = []
    var tags: [[UInt8]] = []
    /// Ids and classes of all elements.
    var names: [[UInt8]] = []
    var compared: String?
    var conversion: String?
    /// Whether a text or a number could be read as a number.
    var isNumber = false
    /// Whether a list matches when one of its members does.
    var matchesMembers = false
    /// Whether an instant of the event is known.
    var hasTimestamp: Bool

    init(_ test: Condition.Test, _ flat: FlatCondition, _ tables: PlanTables, _ evaluator: inout Evaluator) {
        hasTimestamp = evaluator.event.timestamp != nil
        switch test {
        case .event:
            kind = evaluator.event.name.kind
            let name = Array(evaluator.eventName())
            guard kind == .string else { return }
            texts = [name]
            found = .value(kind: "text", text: Self.string(name))
        case .url: read(evaluator.subject(flat.slot, tables), &evaluator)
        case .property(let source, _, let comparison):
            let subject = evaluator.subject(flat.slot, tables)
            read(subject, &evaluator)
            matchesMembers = tables.slots[Int(flat.slot)].matchesMembers
            guard subject.pointee.kind.rawValue > Value.Kind.null.rawValue else { return }
            if case .metadata = source, kind != .string {
                conversion = "compared as text"
                kind = .string
            }
            convert(subject, comparison, &evaluator)
        case .element(let text, let href, _):
            readElements([], &evaluator)
            let ignoresCase = [text, href].contains {
                if case .like(_, ignoringCase: true)? = $0 { true } else { false }
            }
            if ignoresCase, !texts.isEmpty || !links.isEmpty { conversion = "lower-cased" }
        case .selector(let selector, _):
            readElements(selector.alternatives.flatMap { $0.compounds.flatMap(\.tests) }, &evaluator)
        case .elementTag: readElements([], &evaluator)
        case .elementFilter(let key, let comparison):
            readElements([], &evaluator)
            if key == .href { texts = links }
            if comparison.meaning == .icontains, !texts.isEmpty { conversion = "lower-cased" }
        }
    }

    // MARK: A value

    private mutating func read(_ subject: UnsafeMutablePointer<Subject>, _ evaluator: inout Evaluator) {
        kind = subject.pointee.kind
        switch kind {
        case .missing: found = .notSet
        case .null: found = .null
        default:
            // As written: numbers keep their author's digits.
            let written = kind == .number ? evaluator.bytes(subject.pointee.written) : evaluator.text(subject)
            let text = Array(written)
            texts = kind == .string ? [text] : [Array(evaluator.text(subject))]
            found = .value(kind: Self.name(of: kind), text: Self.string(text))
        }
    }

    static func name(of kind: Value.Kind) -> String {
        switch kind {
        case .string: "text"
        case .number: "number"
        case .true, .false: "boolean"
        case .array: "list"
        case .object: "object"
        case .missing, .null: ""
        }
    }

    private mutating func convert(
        _ subject: UnsafeMutablePointer<Subject>,
        _ comparison: Comparison,
        _ evaluator: inout Evaluator
    ) {
        switch comparison.meaning {
        case .isSet: break
        case .icontains:
            let text = Self.string(Array(evaluator.lowered(subject)))
            note(text, kind == .string ? "lower-cased" : "printed as text, lower-cased")
        case .regex:
            if kind != .string { note(Self.string(Array(evaluator.text(subject))), "printed as text") }
        case .exact:
            // A text is read as a number only beside a value that is one.
            let isBesideNumber = comparison.operands.contains { if case .number = $0 { true } else { false } }
            if kind == .number || kind == .string && isBesideNumber { readNumber(subject, &evaluator) }
        case .gt, .gte, .lt, .lte, .between:
            readNumber(subject, &evaluator)
            let isBesideText = comparison.operands.contains {
                if case .text(let text) = $0 { NumberText.parse(text) == nil } else { false }
            }
            if !isNumber, kind == .string, isBesideText { conversion = "compared as text, byte by byte" }
        case .dateExact, .dateBefore, .dateAfter:
            guard kind == .string else { return }
            let instant = Array(evaluator.text(subject)).withUnsafeBytes { DateText.parse($0) }
            if let instant {
                note(
                    Self.instant(instant.micros),
                    "read as a date, UTC" + Self.relativeDates(comparison, evaluator.event)
                )
            }
        case .semverEqual, .semverGreater, .semverGreaterOrEqual, .semverLess, .semverLessOrEqual, .semverRange,
            .semverUnequal:
            if kind == .string, Version.parse(evaluator.text(subject)) != nil { conversion = "read as a version" }
        }
    }

    private mutating func readNumber(_ subject: UnsafeMutablePointer<Subject>, _ evaluator: inout Evaluator) {
        guard let number = evaluator.number(subject) else { return }
        isNumber = true
        var printed = ByteArena(capacity: 64)
        NumberText.append(number, to: &printed)
        note(Self.string(Array(printed.bytes(0, printed.count))), "read as a number")
    }

    /// Notes a conversion; one that changes nothing is worth no word, unless it turns a text into something else.
    private mutating func note(_ text: String, _ how: String) {
        guard case .value(_, let found) = found else { return }
        let isSame = found.utf8.elementsEqual(text.utf8)
        if isSame, kind == .number || how == "lower-cased" { return }
        conversion = conversion.map { $0 + ", " + how } ?? how
        if !isSame { compared = text }
    }

    /// What the relative dates of a comparison are for this event.
    private static func relativeDates(_ comparison: Comparison, _ event: Event) -> String {
        guard let timestamp = event.timestamp else { return "" }
        return comparison.operands.map { operand in
            guard case .relativeDate(let count, let unit) = operand else { return "" }
            return ", the expected one is " + instant(DateText.before(timestamp &* 1000, count: count, unit: unit))
        }
        .joined()
    }

    static func instant(_ micros: Int64) -> String {
        let limit: Int64 = 253_402_300_799_999
        let milliseconds = min(max(Timestamp.milliseconds(micros), -62_167_219_200_000), limit)
        var out = ByteArena(capacity: 64)
        out.reserve(Timestamp.printedLength)
        Timestamp.write(milliseconds: milliseconds, into: &out)
        return string(Array(out.bytes(0, out.count)))
    }

    static func string(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

    // MARK: Elements

    /// - Parameter tests: what a selector asks for: attributes and places are only shown where somebody asks.
    private mutating func readElements(_ tests: [Selector.Test], _ evaluator: inout Evaluator) {
        evaluator.needElements()
        var described: [String] = []
        for index in 0..<evaluator.table.elements.count {
            let place = evaluator.table.elements.base + index
            let element = place.pointee
            func bytes(_ range: TextRange) -> [UInt8] { Array(evaluator.bytes(range)) }
            let tag = bytes(element.tag)
            tags.append(tag)
            var text = Self.string(tag)
            if element.hasID {
                names.append(bytes(element.id))
                text += "#" + Self.string(bytes(element.id))
            }
            if element.hasClassList {
                for number in 0..<Int(element.classCount) {
                    let name = bytes(evaluator.table.classes[Int(element.firstClass) + number])
                    names.append(name)
                    text += "." + Self.string(name)
                }
            } else if element.head.length > 0 {
                let head = bytes(element.head)
                names += head.split(separator: 0x2E).map(Array.init)
                text += "." + Self.string(head)
            }
            text += Self.details(of: element, askedFor: tests, evaluator)
            if element.text.kind == .string {
                let content = Array(evaluator.text(&place.pointee.text))
                texts.append(content)
                text += " " + JSONTree.string(Self.string(content)).jsonText
            }
            if element.href.kind == .string {
                let link = Array(evaluator.text(&place.pointee.href))
                links.append(link)
                text += " href=" + JSONTree.string(Self.string(link)).jsonText
            }
            described.append(text)
        }
        found = described.isEmpty ? .notSet : .elements(described)
    }

    private static func details(
        of element: ElementTable.Element,
        askedFor tests: [Selector.Test],
        _ evaluator: borrowing Evaluator
    ) -> String {
        var text = ""
        var shown: Set<[UInt8]> = []
        for test in tests {
            if case .attribute(.named(let name), _, _) = test, shown.insert(name).inserted {
                for place in (0..<Int(element.attributeCount)).reversed() {
                    let attribute = evaluator.table.attributes[Int(element.firstAttribute) + place]
                    guard Array(evaluator.bytes(attribute.name)) == name else { continue }
                    let value = JSONTree.string(string(Array(evaluator.bytes(attribute.value)))).jsonText
                    text += "[\(string(name))=\(value)]"
                    break
                }
            }
            if case .nthChild = test, element.nthChild > 0, shown.insert([1]).inserted {
                text += ":nth-child(\(element.nthChild))"
            }
            if case .nthOfType = test, element.nthOfType > 0, shown.insert([2]).inserted {
                text += ":nth-of-type(\(element.nthOfType))"
            }
        }
        return text
    }
}
