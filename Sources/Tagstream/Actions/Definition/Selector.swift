/// A CSS selector of the subset that actions may use (docs/actions.md, "Selectors"), read from text.
struct Selector: Sendable {
    /// The parts between commas: one of them has to match.
    var alternatives: [Alternative]

    /// Compounds from the outermost ancestor to the element itself.
    struct Alternative: Sendable {
        var compounds: [Compound]
    }

    /// What one element has to satisfy, and how it stands to the compound before it.
    struct Compound: Sendable {
        /// Whether the compound before it has to match the parent rather than any ancestor.
        var isChild: Bool
        var tests: [Test]
    }

    /// One simple selector.
    enum Test: Sendable {
        case tag([UInt8])
        case id([UInt8])
        case className([UInt8])
        case attribute(Attribute, Match, [UInt8])
        case nthChild(Int)
        case nthOfType(Int)
    }

    /// Which attribute is compared.
    enum Attribute: Sendable, Equatable {
        case id, href, className
        /// Any other, by its lower-cased name.
        case named([UInt8])
    }

    /// How an attribute is compared.
    enum Match: UInt8, Sendable { case isPresent, equals, hasPrefix, hasSuffix, contains, hasWord }

    /// The most compounds that one selector may have in all.
    static let maximumCompounds = 32

    /// How many compounds there are in all alternatives.
    var compoundCount: Int { alternatives.reduce(0) { $0 + $1.compounds.count } }

    /// The selector in one spelling, however it was written.
    var canonical: String {
        alternatives.map { alternative in
            alternative.compounds.enumerated().map { index, compound in
                (index == 0 ? "" : compound.isChild ? ">" : " ") + compound.tests.map(Self.canonical).joined()
            }
            .joined()
        }
        .joined(separator: ",")
    }

    private static func canonical(_ test: Test) -> String {
        func quoted(_ text: [UInt8]) -> String { JSONTree.string(String(decoding: text, as: UTF8.self)).jsonText }
        switch test {
        case .tag(let name): return "<" + quoted(name)
        case .id(let id): return "#" + quoted(id)
        case .className(let name): return "." + quoted(name)
        case .attribute(let attribute, let match, let value):
            let name =
                switch attribute {
                case .id: "id"
                case .href: "href"
                case .className: "class"
                case .named(let name): quoted(name)
                }
            return "[\(name)\(match.rawValue)\(quoted(value))]"
        case .nthChild(let number): return ":c\(number)"
        case .nthOfType(let number): return ":t\(number)"
        }
    }
}
