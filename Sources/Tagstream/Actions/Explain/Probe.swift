/// A condition that is a little different from one of an action's, evaluated beside it: what it says is a hint, never a verdict.
struct Probe {
    /// What to make of the answer.
    enum Use {
        /// Worth a note when the probe holds.
        case whenTrue(ConditionExplanation.Note)
        /// Worth a note when the probe does not.
        case whenFalse(ConditionExplanation.Note)
        /// Says whether one of several parts holds on some element.
        case part(Int)
    }

    var condition: Condition
    var use: Use

    init(_ test: Condition.Test, _ use: Use) {
        condition = Condition(test)
        self.use = use
    }

    /// The note that an answer is worth, if any.
    func note(_ answer: Outcome) -> ConditionExplanation.Note? {
        switch use {
        case .whenTrue(let note): answer == .isTrue ? note : nil
        case .whenFalse(let note): answer == .isFalse ? note : nil
        case .part: nil
        }
    }

    /// All probes for a condition, the likeliest first: of the notes of one kind the first is kept.
    static func all(for test: Condition.Test, _ wording: Wording) -> [Probe] {
        switch test {
        case .event: []
        case .url(let written):
            modes(of: written, wording.expected?.text ?? "", ignoringCase: false).map { mode, other in
                Probe(.url(other), .whenTrue(.init(.otherMode, "it would match with url_matching \(mode)")))
            }
        case .element(let text, let href, let tag): element(text, href, tag, wording)
        case .selector(let selector, isNegated: false): self.selector(selector)
        case .selector, .elementTag: []
        case .elementFilter(let key, let comparison):
            operators(of: comparison).map { name, other in
                Probe(.elementFilter(key, other), .whenTrue(.init(.otherMode, "it would match with \(name)")))
            }
        case .property(let source, let key, let comparison):
            places(of: key, in: source)
                + operators(of: comparison).map { name, other in
                    Probe(
                        .property(source, key: key, other),
                        .whenTrue(.init(.otherMode, "it would match with \(name)"))
                    )
                }
        }
    }

    // MARK: Other modes

    /// The same text in the other modes, and with the wildcard that people try first.
    private static func modes(of test: TextTest, _ written: String, ignoringCase: Bool) -> [(String, TextTest)] {
        let bytes = Array(written.utf8)
        func like(_ text: [UInt8]) -> TextTest {
            .like(LikePattern.compile(ignoringCase ? LowerCase.of(text) : text), ignoringCase: ignoringCase)
        }
        let contains = ("contains", like(bytes))
        var regex: [(String, TextTest)] = []
        if case .success(let pattern) = Pattern.compile(bytes) { regex = [("regex", .regex(pattern, source: bytes))] }
        switch test {
        case .exact: return [contains] + regex
        case .like:
            guard bytes.contains(0x2A) else { return regex }
            let wild = bytes.map { $0 == 0x2A ? 0x25 : $0 }
            return [("contains and % instead of *", like(wild))] + regex
        case .regex: return [contains]
        }
    }

    private static func operators(of comparison: Comparison) -> [(String, Comparison)] {
        guard !comparison.isNegated else { return [] }
        let texts: [[UInt8]] = comparison.operands.compactMap {
            switch $0 {
            case .text(let text): text
            case .pattern(_, let source): source
            default: nil
            }
        }
        .filter { !$0.isEmpty }
        guard !texts.isEmpty else { return [] }
        let contains = Comparison(meaning: .icontains, isNegated: false, operands: texts.map { .text($0) })
        switch comparison.meaning {
        case .exact, .regex: return [("icontains", contains)]
        case .icontains:
            let patterns = texts.compactMap { text -> Operand? in
                guard case .success(let pattern) = Pattern.compile(text) else { return nil }
                return .pattern(pattern, source: text)
            }
            return patterns.isEmpty
                ? [] : [("regex", Comparison(meaning: .regex, isNegated: false, operands: patterns))]
        default: return []
        }
    }

    // MARK: Other places

    /// Where else a property of this name, or nearly, may be.
    private static func places(of key: [UInt8], in source: PropertySource) -> [Probe] {
        let isSet = Comparison(meaning: .isSet, isNegated: false, operands: [])
        func probe(_ source: PropertySource, _ key: [UInt8], _ text: String) -> Probe {
            Probe(.property(source, key: key, isSet), .whenTrue(.init(.otherPlace, text)))
        }
        var probes: [Probe] = []
        let dollar: UInt8 = 0x24
        var spellings: [[UInt8]] = [LowerCase.of(key)]
        spellings.append(key.first == dollar ? Array(key.dropFirst()) : [dollar] + key)
        for spelling in spellings where spelling != key && !spelling.isEmpty {
            let name = JSONTree.string(String(decoding: spelling, as: UTF8.self)).jsonText
            probes.append(probe(source, spelling, "there is a \(name)"))
        }
        switch source {
        case .event: probes.append(probe(.person, key, "the person has it: the filter's type would be person"))
        case .person: probes.append(probe(.event, key, "the event itself has it: the filter's type would be event"))
        case .group: probes.append(probe(.event, key, "the event itself has it: the filter's type would be event"))
        case .metadata: probes = []
        }
        return probes
    }

    // MARK: Elements

    private static func element(_ text: TextTest?, _ href: TextTest?, _ tag: [UInt8]?, _ wording: Wording) -> [Probe] {
        var probes: [Probe] = []
        for (place, part) in wording.parts.enumerated() {
            let test: Condition.Test =
                switch part.field {
                case "text": .element(text: text, href: nil, tag: nil)
                case "href": .element(text: nil, href: href, tag: nil)
                default: .element(text: nil, href: nil, tag: tag)
                }
            probes.append(Probe(test, .part(place)))
        }
        func written(_ field: String) -> String {
            wording.parts.first { $0.field == field }?.expected.text ?? wording.expected?.text ?? ""
        }
        func note(_ field: String, _ mode: String) -> Use {
            .whenTrue(.init(.otherMode, "it would match with \(field)_matching \(mode)"))
        }
        if let text {
            for (mode, other) in modes(of: text, written("text"), ignoringCase: true) {
                probes.append(Probe(.element(text: other, href: href, tag: tag), note("text", mode)))
            }
        }
        if let href {
            for (mode, other) in modes(of: href, written("href"), ignoringCase: true) {
                probes.append(Probe(.element(text: text, href: other, tag: tag), note("href", mode)))
            }
        }
        return probes
    }

    private static func selector(_ selector: Selector) -> [Probe] {
        var probes: [Probe] = []
        if selector.alternatives.contains(where: { $0.compounds.contains(where: \.isChild) }) {
            var loose = selector
            for place in loose.alternatives.indices {
                for index in loose.alternatives[place].compounds.indices {
                    loose.alternatives[place].compounds[index].isChild = false
                }
            }
            probes.append(
                Probe(
                    .selector(loose, isNegated: false),
                    .whenTrue(
                        .init(
                            .notParent,
                            "it would match with a blank instead of >: an ancestor is as wanted, the direct parent is not"
                        )
                    )
                )
            )
        }
        let compounds = selector.alternatives.flatMap(\.compounds)
        // What no element has at all comes first: it says more than that no element has everything.
        for test in compounds.flatMap(\.tests) where compounds.count > 1 || compounds[0].tests.count > 1 {
            probes.append(missing([test], "no element is \(SelectorText.of([test]))"))
        }
        for compound in compounds where compound.tests.count > 1 {
            probes.append(missing(compound.tests, "no one element is all of \(SelectorText.of(compound.tests))"))
        }
        return probes
    }

    private static func missing(_ tests: [Selector.Test], _ text: String) -> Probe {
        let compound = Selector.Compound(isChild: false, tests: tests)
        return Probe(
            .selector(Selector(alternatives: [.init(compounds: [compound])]), isNegated: false),
            .whenFalse(.init(.missingPart, text))
        )
    }
}

/// Writes parts of a selector for a reader.
enum SelectorText {
    static func of(_ tests: [Selector.Test]) -> String { tests.isEmpty ? "*" : tests.map(of).joined() }

    private static func of(_ test: Selector.Test) -> String {
        func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
        switch test {
        case .tag(let name): return text(name)
        case .id(let id): return "#" + text(id)
        case .className(let name): return "." + text(name)
        case .nthChild(let number): return ":nth-child(\(number))"
        case .nthOfType(let number): return ":nth-of-type(\(number))"
        case .attribute(let attribute, let match, let value):
            let name =
                switch attribute {
                case .id: "id"
                case .href: "href"
                case .className: "class"
                case .named(let name): text(name)
                }
            guard match != .isPresent else { return "[\(name)]" }
            return "[\(name)\(sign(of: match))\(JSONTree.string(text(value)).jsonText)]"
        }
    }

    private static func sign(of match: Selector.Match) -> String {
        switch match {
        case .isPresent: ""
        case .equals: "="
        case .hasPrefix: "^="
        case .hasSuffix: "$="
        case .contains: "*="
        case .hasWord: "~="
        }
    }
}
