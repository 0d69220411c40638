// From a JSON Schema to flat tables, in one walk over its tree.
//
// Each schema becomes a node; what refers to it holds the node's index. `$ref` leads only into `$defs` of the same document, each of
// which is compiled once, however often it is referred to. So compiling is linear in the document. What is not linear is what the
// references stand for: ten lines that each refer twice to the next are a thousand schemas to an event. That is counted, not
// expanded: a node's cost is its own plus that of everything below it, references included, and a schema that costs more than
// `SchemaCost.schemaLimit` is refused. A schema that comes back to itself would cost infinitely much and is refused, by whatever
// way it comes back: events that need recursion to be described (trees) are not what a tracking plan is about.
//
// Everything that a schema may say and that is not understood here is refused, annotations excepted. A keyword that is passed over
// in silence would be a rule that never holds.

/// Compiles one schema, and notes everything that is wrong with it on the way.
struct SchemaCompiler {
    /// A compiled schema on its way into the tables.
    struct Node {
        var index: Int32
        /// What one event may have to pay for it, everything below included.
        var cost: Int
        /// How many schemas stand within one another from here on.
        var height: Int
    }

    /// A schema of `$defs`.
    private enum Definition {
        case open(JSONTree)
        case inProgress
        case done(Node?)
    }

    var teamID: Int64?
    var event: String
    private(set) var refusals: [SchemaRefusal] = []
    var builder = SchemaTableBuilder()
    private var definitions: [[UInt8]: Definition] = [:]
    /// The names of the definitions that are being compiled, the outermost first.
    private var chain: [String] = []
    /// Whether what is compiled is a definition that no event comes to.
    private var isUnreached = false
    /// What the patterns so far cost: compiling stops where the schema is refused anyway.
    private var patternCost = 0

    init(teamID: Int64?, event: String) {
        self.teamID = teamID
        self.event = event
    }

    /// Compiles a whole schema; nil where it is refused.
    mutating func compile(_ tree: JSONTree) -> CompiledSchema? {
        readDefinitions(of: tree)
        let root = node(tree, at: "", depth: 0)
        var cost = root?.cost ?? 0
        // What nothing refers to is checked too: it would be refused on the day when something does. Only that it comes back to
        // itself is nobody's trouble before that day, and documents that are shared bring such definitions along.
        isUnreached = true
        for (name, definition) in definitions.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
            guard case .open = definition else { continue }
            let text = String(decoding: name, as: UTF8.self)
            cost = SchemaCost.sum(cost, compileDefinition(name, text, depth: 0)?.cost ?? 0)
        }
        if cost > SchemaCost.schemaLimit {
            refuse(
                "",
                .budget,
                "\(cost >= 1 << 50 ? "more than 10^15" : "\(cost)") units",
                "at most \(SchemaCost.schemaLimit), every $ref counted where it is used",
                suggestion: "describe less, or refer to fewer schemas"
            )
        }
        guard refusals.isEmpty, let root else { return nil }
        return builder.freeze(root: root.index, cost: cost)
    }

    // MARK: Schemas

    /// Compiles a schema; nil where it is refused.
    ///
    /// - Parameters:
    ///   - pointer: its place in the document.
    ///   - depth: how many schemas it stands in, references followed.
    mutating func node(_ tree: JSONTree, at pointer: String, depth: Int) -> Node? {
        guard depth < SchemaCost.depth else {
            refuse(
                pointer,
                .depth,
                "\(depth + 1) schemas deep",
                "at most \(SchemaCost.depth) within one another, $ref followed"
            )
            return nil
        }
        switch tree {
        case .bool(let takesAll):
            var schema = FlatSchema()
            schema.isNever = !takesAll
            return Node(index: builder.append(schema), cost: 1, height: 1)
        case .object(let members):
            var reading = SchemaNodeReading(pointer: pointer, depth: depth)
            for member in members { read(member, of: tree, into: &reading) }
            return finish(reading)
        default:
            refuse(pointer, .shape, tree, "a schema: an object, true or false")
            return nil
        }
    }

    /// Compiles a schema below another one, and counts it there.
    mutating func child(_ tree: JSONTree, at pointer: String, _ reading: inout SchemaNodeReading) -> Int32 {
        // A schema that takes everything is nothing to evaluate.
        if tree == .bool(true) { return -1 }
        return add(node(tree, at: pointer, depth: reading.depth + 1), to: &reading)
    }

    private func add(_ node: Node?, to reading: inout SchemaNodeReading) -> Int32 {
        guard let node else { return -1 }
        reading.cost = SchemaCost.sum(reading.cost, node.cost)
        reading.height = max(reading.height, node.height + 1)
        return node.index
    }

    /// Compiles the schemas of a list; they stand one after the other in the tables.
    mutating func children(_ tree: JSONTree, at pointer: String, _ reading: inout SchemaNodeReading) -> [Int32]? {
        guard case .array(let list) = tree, !list.isEmpty else {
            refuse(pointer, .shape, tree, "a list of at least one schema")
            return nil
        }
        return list.enumerated().map { place, schema in
            add(node(schema, at: "\(pointer)/\(place)", depth: reading.depth + 1), to: &reading)
        }
    }

    private mutating func finish(_ reading: SchemaNodeReading) -> Node? {
        guard !reading.isRefused else { return nil }
        var cost = reading.cost
        let index = builder.append(reading, cost: &cost)
        return Node(index: index, cost: cost, height: reading.height)
    }

    // MARK: References

    private mutating func readDefinitions(of tree: JSONTree) {
        guard let group = tree["$defs"] else { return }
        guard case .object(let members) = group else {
            refuse("/$defs", .shape, group, "an object of schemas")
            return
        }
        for member in members { definitions[Array(member.key.utf8)] = .open(member.value) }
    }

    /// What a `$ref` refers to; -1 where it is refused.
    mutating func reference(_ tree: JSONTree, at pointer: String, _ reading: inout SchemaNodeReading) -> Int32 {
        let expected = "a schema of the same document: #/$defs/NAME"
        guard let text = tree.text else {
            refuse(pointer, .shape, tree, expected)
            return -1
        }
        guard text.utf8.first == 0x23 else {
            refuse(pointer, .refRemote, tree, expected, suggestion: "copy it into $defs; nothing is ever fetched")
            return -1
        }
        let fragment = text.dropFirst()
        if fragment.isEmpty {
            if isUnreached { return -1 }
            refuse(pointer, .refCycle, tree, "no way back: the schema would contain itself")
            return -1
        }
        guard fragment.hasPrefix("/$defs/"), let name = Self.name(in: String(fragment.dropFirst(7))) else {
            let suggestion = fragment.hasPrefix("/") ? "move it into $defs" : "use $defs instead of $anchor"
            refuse(pointer, .ref, tree, expected, suggestion: suggestion)
            return -1
        }
        let key = Array(name.utf8)
        guard let definition = definitions[key] else {
            let names = definitions.keys.map { String(decoding: $0, as: UTF8.self) }.sorted()
            refuse(
                pointer,
                .ref,
                tree,
                "a schema of $defs, which has \(names.isEmpty ? "none" : names.prefix(10).joined(separator: ", "))",
                suggestion: Similar.suggestion(for: name, among: names).map {
                    $0.replacing("write \"", with: "write \"#/$defs/")
                }
            )
            return -1
        }
        switch definition {
        case .open: return add(compileDefinition(key, name, depth: reading.depth + 1), to: &reading)
        case .done(let node):
            if let node, reading.depth + 1 + node.height > SchemaCost.depth {
                refuse(pointer, .depth, tree, "at most \(SchemaCost.depth) schemas within one another, $ref followed")
                return -1
            }
            return add(node, to: &reading)
        case .inProgress:
            if isUnreached { return -1 }
            let way = (chain.drop { !$0.hasBytes(of: name) } + [name]).joined(separator: " → ")
            refuse(pointer, .refCycle, tree, "no way back, and this is one: \(Printable.shortened(way, to: 200))")
            return -1
        }
    }

    private mutating func compileDefinition(_ key: [UInt8], _ name: String, depth: Int) -> Node? {
        guard case .open(let tree)? = definitions[key] else { return nil }
        definitions[key] = .inProgress
        chain.append(name)
        let compiled = node(tree, at: "/$defs/\(Self.escaped(name))", depth: depth)
        chain.removeLast()
        definitions[key] = .done(compiled)
        return compiled
    }

    /// The name that the last part of a pointer in a URI's fragment stands for; nil where it has more parts.
    private static func name(in part: String) -> String? {
        guard !part.isEmpty, !part.contains("/") else { return nil }
        var bytes: [UInt8] = []
        var rest = Array(part.utf8)[...]
        while let byte = rest.popFirst() {
            guard byte == 0x25 else {
                bytes.append(byte)
                continue
            }
            guard let high = rest.popFirst().flatMap(hexDigit), let low = rest.popFirst().flatMap(hexDigit) else {
                return nil
            }
            bytes.append(UInt8(high << 4 | low))
        }
        let decoded = String(decoding: bytes, as: UTF8.self)
        return decoded.replacing("~1", with: "/").replacing("~0", with: "~")
    }

    /// A name as a part of a JSON pointer.
    static func escaped(_ name: String) -> String { name.replacing("~", with: "~0").replacing("/", with: "~1") }

    // MARK: Patterns

    /// Compiles a pattern; nil where it is refused.
    mutating func pattern(_ text: String, at pointer: String) -> Pattern? {
        guard patternCost <= SchemaCost.schemaLimit else {
            refuse(
                pointer,
                .budget,
                .string(text),
                "patterns before it that cost at most \(SchemaCost.schemaLimit) units"
            )
            return nil
        }
        switch Pattern.compile(Array(text.utf8)) {
        case .success(let pattern):
            patternCost += SchemaCost.of(pattern)
            return pattern
        case .failure(let failure):
            var suggestion: String?
            if text.contains("(?=") || text.contains("(?!") || text.contains("(?<=") || text.contains("(?<!") {
                suggestion = "RE2 has no look-around: say it with allOf, anyOf and not"
            } else if text.contains("\\u") {
                suggestion = "write \\x{20AC} for \\u20AC"
            }
            refuse(pointer, .regex, .string(text), "a pattern of RE2 (\(failure.message))", suggestion: suggestion)
            return nil
        }
    }

    // MARK: Refusing

    mutating func refuse(
        _ pointer: String,
        _ reason: SchemaRefusal.Reason,
        _ found: JSONTree,
        _ expected: String,
        suggestion: String? = nil
    ) {
        refuse(pointer, reason, found.jsonText, expected, suggestion: suggestion)
    }

    mutating func refuse(
        _ pointer: String,
        _ reason: SchemaRefusal.Reason,
        _ found: String,
        _ expected: String,
        suggestion: String? = nil
    ) {
        guard refusals.count < SchemaRefusal.largestCount else {
            if refusals.last?.reason != .tooMany {
                refusals.append(refusal("", .tooMany, "more mistakes than these", "fewer", nil))
            }
            return
        }
        refusals.append(refusal(pointer, reason, found, expected, suggestion))
    }

    private func refusal(
        _ pointer: String,
        _ reason: SchemaRefusal.Reason,
        _ found: String,
        _ expected: String,
        _ suggestion: String?
    ) -> SchemaRefusal {
        SchemaRefusal(
            teamID: teamID,
            event: event,
            field: "schema",
            pointer: pointer,
            reason: reason,
            found: Printable.shortened(found, to: 1000),
            expected: expected,
            suggestion: suggestion
        )
    }
}
