/// Reads one schema's definition, and notes everything that is wrong with it on the way.
struct SchemaReader {
    private var teamID: Int64?
    private var event = ""
    private var refusals: [SchemaRefusal] = []

    private static let fields = ["team_id", "event", "mode", "version", "deleted", "schema", "name", "description"]

    mutating func read(_ tree: JSONTree) -> SchemaReading {
        guard case .object(let members) = tree else {
            refuse("", .shape, tree, "an object with \"event\" and \"schema\"")
            return SchemaReading(definition: nil, refusals: refusals)
        }
        teamID = tree["team_id"]?.integer
        event = tree["event"]?.text ?? ""
        let isDeleted = tree["deleted"] == .bool(true)
        let length = tree.jsonLength
        guard isDeleted || length <= SchemaDefinition.maximumLength else {
            refuse(
                "",
                .size,
                .string("\(length) bytes long"),
                "a definition of at most \(SchemaDefinition.maximumLength) bytes, which fits into a record of the catalogue's topic"
            )
            return SchemaReading(definition: nil, refusals: refusals)
        }
        let name = eventName(of: tree)
        requireInteger("team_id", of: tree)
        // A deletion is never refused for what else it says.
        if isDeleted {
            guard refusals.isEmpty, let name else { return SchemaReading(definition: nil, refusals: refusals) }
            return SchemaReading(definition: definition(name, tree, mode: nil, nil), refusals: [])
        }
        requireInteger("version", of: tree)
        for member in members where !Self.fields.contains(member.key) {
            refuse(
                Printable.shortened(member.key, to: 60),
                .keyword,
                member.value,
                "nothing: a definition has \(Self.fields.joined(separator: ", "))",
                suggestion: Similar.suggestion(for: member.key, among: Self.fields)
            )
        }
        if let deleted = tree["deleted"], !deleted.isNull, deleted != .bool(false) {
            refuse("deleted", .shape, deleted, "true or false")
        }
        let mode = mode(of: tree)
        let schema = schema(of: tree)
        guard refusals.isEmpty, let name, let schema else {
            return SchemaReading(definition: nil, refusals: refusals)
        }
        return SchemaReading(definition: definition(name, tree, mode: mode, schema), refusals: [])
    }

    private func definition(_ name: EventName, _ tree: JSONTree, mode: SchemaMode?, _ schema: CompiledSchema?)
        -> SchemaDefinition
    {
        SchemaDefinition(
            event: name,
            teamID: teamID,
            mode: mode,
            isDeleted: schema == nil,
            version: tree["version"]?.integer ?? 1,
            source: Self.spelt(mode, in: tree),
            schema: schema
        )
    }

    /// The definition with its mode as text: what YAML has made `false` of was written `off`.
    private static func spelt(_ mode: SchemaMode?, in tree: JSONTree) -> JSONTree {
        guard mode == .off, case .object(var members) = tree else { return tree }
        for place in members.indices where members[place].key == "mode" {
            members[place].value = .string(SchemaMode.off.rawValue)
        }
        return .object(members)
    }

    private mutating func eventName(of tree: JSONTree) -> EventName? {
        guard let text = tree["event"]?.text else {
            refuse("event", tree["event"] == nil ? .event : .shape, tree["event"], "the name of an event")
            return nil
        }
        guard let name = EventName(text) else {
            refuse(
                "event",
                .event,
                tree["event"],
                "the name of an event: 1 to \(EventName.maximumLength) bytes without NUL"
            )
            return nil
        }
        return name
    }

    private mutating func mode(of tree: JSONTree) -> SchemaMode? {
        guard let mode = tree["mode"], !mode.isNull else { return nil }
        let names = SchemaMode.allCases.map(\.rawValue)
        if case .bool(false) = mode {
            // YAML 1.1 takes an unquoted `off` for false.
            return .off
        }
        guard let text = mode.text, let read = SchemaMode(rawValue: text) else {
            refuse(
                "mode",
                mode.text == nil ? .shape : .value,
                mode,
                "off, annotate or reject",
                suggestion: mode.text.flatMap { Similar.suggestion(for: $0, among: names) }
            )
            return nil
        }
        return read
    }

    private mutating func schema(of tree: JSONTree) -> CompiledSchema? {
        guard let schema = tree["schema"] else {
            refuse("schema", .shape, nil, "a JSON Schema")
            return nil
        }
        var compiler = SchemaCompiler(teamID: teamID, event: event)
        let compiled = compiler.compile(schema)
        refusals += compiler.refusals
        return compiled
    }

    private mutating func requireInteger(_ field: String, of tree: JSONTree) {
        guard let value = tree[field], !value.isNull, value.integer == nil else { return }
        refuse(field, .shape, value, "a whole number")
    }

    private mutating func refuse(
        _ field: String,
        _ reason: SchemaRefusal.Reason,
        _ found: JSONTree?,
        _ expected: String,
        suggestion: String? = nil
    ) {
        refusals.append(
            SchemaRefusal(
                teamID: teamID,
                event: event,
                field: field,
                reason: reason,
                found: found?.jsonText ?? "",
                expected: expected,
                suggestion: suggestion
            )
        )
    }
}

/// What somebody may have meant who wrote a word that means nothing.
enum Similar {
    /// `write "minLength"`, for the nearest word that is at most two letters away, or that differs in case only.
    static func suggestion(for word: String, among words: [String]) -> String? {
        let given = Array(word.lowercased().utf8)
        guard given.count <= 40 else { return nil }
        let near = words.map { (word: $0, distance: distance(given, Array($0.lowercased().utf8))) }
            .min { $0.distance < $1.distance }
        guard let near, near.distance <= 2, near.distance < given.count else { return nil }
        return "write \"\(near.word)\""
    }

    /// Levenshtein's distance.
    private static func distance(_ one: [UInt8], _ other: [UInt8]) -> Int {
        var row = Array(0...other.count)
        for (place, byte) in one.enumerated() {
            var diagonal = row[0]
            row[0] = place + 1
            for column in other.indices {
                let above = row[column + 1]
                row[column + 1] = min(above + 1, row[column] + 1, diagonal + (byte == other[column] ? 0 : 1))
                diagonal = above
            }
        }
        return row[other.count]
    }
}
