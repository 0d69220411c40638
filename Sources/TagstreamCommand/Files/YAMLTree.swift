import Tagstream
import Yams

extension JSONTree {
    /// Reads a YAML document as the tree that JSON would give.
    ///
    /// Anchors and aliases are refused: a few lines of them expand to gigabytes, and a definition needs none.
    ///
    /// - Throws: a ``Failure`` that names the line.
    static func parse(yaml text: String, path: String) throws -> JSONTree {
        let parser: Parser
        let node: Node?
        do {
            parser = try Parser(yaml: text)
            node = try parser.singleRoot()
        } catch {
            throw Failure(.usage, "cannot read \"\(path)\" as YAML: \(error)")
        }
        // A node holds its anchor weakly; the parser owns it.
        return try withExtendedLifetime(parser) { try node.map { try tree($0, path, levels: defaultDepth) } ?? .null }
    }

    private static func tree(_ node: Node, _ path: String, levels: Int) throws -> JSONTree {
        // As deep as JSON is read: what is published becomes JSON.
        if node.scalar == nil, levels == 0 {
            throw Failure(.usage, "\(place(node, path)): nested too deeply, expected at most \(defaultDepth) levels")
        }
        if node.anchor != nil {
            throw Failure(
                .usage,
                "\(place(node, path)): an anchor (&name), expected none: anchors and aliases are not accepted"
            )
        }
        switch node {
        case .scalar(let scalar): return self.scalar(scalar, node)
        case .sequence(let nodes): return .array(try nodes.map { try tree($0, path, levels: levels - 1) })
        case .mapping(let pairs):
            return .object(
                try pairs.map { key, value in
                    guard case .scalar(let name) = key else {
                        throw Failure(.usage, "\(place(key, path)): a key that is not a text")
                    }
                    return Member(key: name.string, value: try tree(value, path, levels: levels - 1))
                }
            )
        case .alias:
            throw Failure(
                .usage,
                "\(place(node, path)): an alias (*name), expected none: anchors and aliases are not accepted"
            )
        }
    }

    /// YAML's core schema: what is quoted is text, what looks like a number, a boolean or null is one.
    private static func scalar(_ scalar: Node.Scalar, _ node: Node) -> JSONTree {
        guard scalar.style == .plain || scalar.style == .any else { return .string(scalar.string) }
        switch scalar.string {
        case "null", "Null", "NULL", "~", "": return .null
        case "true", "True", "TRUE": return .bool(true)
        case "false", "False", "FALSE": return .bool(false)
        default: break
        }
        // A number is kept as written when JSON would write it so; 0x1F, 1_000 or .5 stay texts, as a reader of JSON would see them.
        if case .number(let value, let text)? = try? JSONTree(parsing: scalar.string) {
            return .number(value, text: text)
        }
        return .string(scalar.string)
    }

    private static func place(_ node: Node, _ path: String) -> String {
        node.mark.map { "\(path):\($0.line):\($0.column)" } ?? path
    }
}
