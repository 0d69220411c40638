/// What is read of one schema before it becomes a node.
struct SchemaNodeReading {
    let pointer: String
    let depth: Int
    var isRefused = false
    /// The schema itself; keywords add theirs.
    var cost = 1
    var height = 1

    var types: (set: SchemaTypes, expected: String)?
    var values: [JSONTree]?
    var constant: JSONTree?
    var bounds: [(keyword: SchemaKeyword, text: String)] = []
    var lengths: (minimum: Int32?, maximum: Int32?) = (nil, nil)
    var pattern: (text: String, pattern: Pattern)?
    var format: TextFormat?
    var properties: [(name: String, node: Int32)] = []
    var required: [String] = []
    var keyPatterns: [(pattern: Pattern, node: Int32)] = []
    var additional: Int32 = -1
    var counts: (minimum: Int32?, maximum: Int32?) = (nil, nil)
    var prefix: [Int32] = []
    var items: Int32 = -1
    var itemCounts: (minimum: Int32?, maximum: Int32?) = (nil, nil)
    var isUnique = false
    var all: [Int32] = []
    var any: [Int32]?
    var one: [Int32]?
    /// The schema that must not fit; `true` is one too, which nothing fails to fit.
    var not: Int32?

    init(pointer: String, depth: Int) {
        self.pointer = pointer
        self.depth = depth
    }
}

extension SchemaCompiler {
    /// Keywords that say something about a schema, or nothing: never about what fits.
    private static let annotations = [
        "title", "description", "$comment", "default", "examples", "deprecated", "readOnly", "writeOnly",
    ]

    private static let keywords =
        annotations + [
            "$schema", "$id", "$defs", "$ref", "type", "enum", "const", "minimum", "maximum", "exclusiveMinimum",
            "exclusiveMaximum", "multipleOf", "minLength", "maxLength", "pattern", "format", "properties", "required",
            "patternProperties", "additionalProperties", "minProperties", "maxProperties", "prefixItems", "items",
            "minItems", "maxItems", "uniqueItems", "allOf", "anyOf", "oneOf", "not",
        ]

    /// Keywords that exist, here or elsewhere, and what to write instead.
    private static let others: [String: String?] = [
        "$anchor": "refer to #/$defs/NAME", "$dynamicRef": nil, "$dynamicAnchor": nil, "$recursiveRef": nil,
        "$recursiveAnchor": nil, "$vocabulary": nil, "id": "leave it out",
        "definitions": "write \"$defs\"", "if": "write anyOf with not", "then": "write anyOf with not",
        "else": "write anyOf with not", "dependentRequired": "write anyOf with not and required",
        "dependentSchemas": "write anyOf with not and required", "dependencies": "write anyOf with not and required",
        "propertyNames": "write patternProperties with additionalProperties", "contains": nil, "minContains": nil,
        "maxContains": nil, "unevaluatedProperties": "write additionalProperties",
        "unevaluatedItems": "write items", "additionalItems": "write items, and prefixItems for the first ones",
        "contentEncoding": nil, "contentMediaType": nil, "contentSchema": nil,
        "nullable": "write a list of types with \"null\" in it", "discriminator": nil,
    ]

    /// Reads one keyword.
    mutating func read(_ member: JSONTree.Member, of tree: JSONTree, into reading: inout SchemaNodeReading) {
        let before = refusals.count
        defer { if refusals.count > before { reading.isRefused = true } }
        let value = member.value
        let place = "\(reading.pointer)/\(Self.escaped(member.key))"
        switch member.key {
        case "type": readType(value, place, &reading)
        case "enum":
            guard case .array(let list) = value, !list.isEmpty else {
                return refuse(place, .shape, value, "a list of at least one value")
            }
            reading.values = list
        case "const": reading.constant = value
        case "minimum": readBound(.minimum, value, place, &reading)
        case "maximum": readBound(.maximum, value, place, &reading)
        case "exclusiveMinimum": readBound(.exclusiveMinimum, value, place, &reading)
        case "exclusiveMaximum": readBound(.exclusiveMaximum, value, place, &reading)
        case "multipleOf": readBound(.multipleOf, value, place, &reading)
        case "minLength": reading.lengths.minimum = count(value, place)
        case "maxLength": reading.lengths.maximum = count(value, place)
        case "minProperties": reading.counts.minimum = count(value, place)
        case "maxProperties": reading.counts.maximum = count(value, place)
        case "minItems": reading.itemCounts.minimum = count(value, place)
        case "maxItems": reading.itemCounts.maximum = count(value, place)
        case "pattern":
            guard let text = value.text else { return refuse(place, .shape, value, "a pattern as text") }
            reading.pattern = pattern(text, at: place).map { (text, $0) }
        case "format": readFormat(value, place, &reading)
        case "properties":
            guard let members = schemas(value, place) else { return }
            reading.properties = members.map { member in
                (member.key, child(member.value, at: "\(place)/\(Self.escaped(member.key))", &reading))
            }
        case "patternProperties":
            guard let members = schemas(value, place) else { return }
            for member in members {
                let place = "\(place)/\(Self.escaped(member.key))"
                let node = child(member.value, at: place, &reading)
                if let pattern = pattern(member.key, at: place) { reading.keyPatterns.append((pattern, node)) }
            }
        case "additionalProperties": reading.additional = child(value, at: place, &reading)
        case "required": readRequired(value, place, &reading)
        case "prefixItems": reading.prefix = children(value, at: place, &reading) ?? []
        case "items":
            if case .array = value {
                return refuse(
                    place,
                    .shape,
                    value,
                    "one schema",
                    suggestion: "write \"prefixItems\" for a list of schemas"
                )
            }
            reading.items = child(value, at: place, &reading)
        case "uniqueItems":
            guard case .bool(let isUnique) = value else { return refuse(place, .shape, value, "true or false") }
            reading.isUnique = isUnique
        case "allOf": reading.all += children(value, at: place, &reading) ?? []
        case "anyOf": reading.any = children(value, at: place, &reading)
        case "oneOf": reading.one = children(value, at: place, &reading)
        case "not":
            let before = refusals.count
            let node = node(value, at: place, depth: reading.depth + 1)
            guard refusals.count == before, let node else { return }
            reading.not = node.index
            reading.cost = SchemaCost.sum(reading.cost, node.cost)
            reading.height = max(reading.height, node.height + 1)
        case "$ref": reading.all.append(reference(value, at: place, &reading))
        case "$schema", "$id", "$defs": readDocumentKeyword(member, place, reading)
        default: readUnknown(member, place)
        }
    }

    // MARK: Keywords

    private mutating func readType(_ value: JSONTree, _ place: String, _ reading: inout SchemaNodeReading) {
        var names: [String] = []
        switch value {
        case .string(let name): names = [name]
        case .array(let list) where !list.isEmpty && list.allSatisfy({ $0.text != nil }):
            names = list.compactMap(\.text)
        default: return refuse(place, .shape, value, "the name of a type, or a list of names")
        }
        var types: SchemaTypes = []
        for name in names {
            guard let type = SchemaTypes.names.first(where: { $0.name == name })?.type else {
                let known = SchemaTypes.names.map(\.name)
                let others = [
                    "int": "integer", "long": "integer", "float": "number", "double": "number", "bool": "boolean",
                    "str": "string", "text": "string", "list": "array", "dict": "object", "map": "object",
                    "none": "null",
                ]
                refuse(
                    place,
                    .value,
                    .string(name),
                    known.joined(separator: ", "),
                    suggestion: others[name.lowercased()].map { "write \"\($0)\"" }
                        ?? Similar.suggestion(for: name, among: known)
                )
                continue
            }
            types.insert(type)
        }
        reading.types = (types, names.joined(separator: " or "))
    }

    private mutating func readBound(
        _ keyword: SchemaKeyword,
        _ value: JSONTree,
        _ place: String,
        _ reading: inout SchemaNodeReading
    ) {
        guard case .number(let number, let text) = value else {
            var suggestion: String?
            if case .bool = value { suggestion = "it is the bound itself since draft 6" }
            if let text = value.text, NumberText.parse(Array(text.utf8)) != nil { suggestion = "leave out the quotes" }
            return refuse(place, .shape, value, "a number", suggestion: suggestion)
        }
        if keyword == .multipleOf {
            let decimal = Array(text.utf8).withUnsafeBytes { Decimal($0) }
            guard number > 0, decimal.count <= Decimal.divisorDigits else {
                return refuse(
                    place,
                    .value,
                    value,
                    "a number above zero of at most \(Decimal.divisorDigits) digits that count"
                )
            }
        }
        reading.bounds.append((keyword, text))
        reading.cost += 1
    }

    /// A length or a number of things.
    private mutating func count(_ value: JSONTree, _ place: String) -> Int32? {
        guard case .number(let number, _) = value else {
            refuse(place, .shape, value, "a whole number")
            return nil
        }
        guard number >= 0, number <= Double(Int32.max), number.rounded() == number else {
            refuse(place, .value, value, "a whole number from 0 to \(Int32.max)")
            return nil
        }
        return Int32(number)
    }

    private mutating func readFormat(_ value: JSONTree, _ place: String, _ reading: inout SchemaNodeReading) {
        guard let name = value.text else { return refuse(place, .shape, value, "the name of a format") }
        let names = TextFormat.allCases.map(\.name)
        guard let format = TextFormat.allCases.first(where: { $0.name == name }) else {
            return refuse(
                place,
                .format,
                value,
                "one that is checked: \(names.joined(separator: ", "))",
                suggestion: Similar.suggestion(for: name, among: names) ?? "write a pattern"
            )
        }
        reading.format = format
        reading.cost += 4
    }

    private mutating func schemas(_ value: JSONTree, _ place: String) -> [JSONTree.Member]? {
        guard case .object(let members) = value else {
            refuse(place, .shape, value, "an object of schemas")
            return nil
        }
        return members
    }

    private mutating func readRequired(_ value: JSONTree, _ place: String, _ reading: inout SchemaNodeReading) {
        guard case .array(let list) = value, list.allSatisfy({ $0.text != nil }) else {
            var suggestion: String?
            if case .bool = value {
                suggestion = "write required beside properties, with the names of those that must be there"
            }
            return refuse(place, .shape, value, "a list of names", suggestion: suggestion)
        }
        var seen: Set<[UInt8]> = []
        for name in list.compactMap(\.text) where seen.insert(Array(name.utf8)).inserted {
            reading.required.append(name)
        }
    }

    // MARK: The rest

    private mutating func readDocumentKeyword(_ member: JSONTree.Member, _ place: String, _ reading: SchemaNodeReading)
    {
        guard reading.pointer.isEmpty else {
            let suggestion = member.key == "$defs" ? "move it to the beginning of the schema" : "leave it out"
            return refuse(
                place,
                .keyword,
                member.value,
                "\(member.key) only at the beginning of the schema",
                suggestion: suggestion
            )
        }
        switch member.key {
        case "$schema":
            let dialect = "https://json-schema.org/draft/2020-12/schema"
            let text = member.value.text ?? ""
            guard text == dialect || text == dialect + "#" else {
                return refuse(
                    place,
                    .dialect,
                    member.value,
                    dialect,
                    suggestion: "leave it out, or write the schema for 2020-12"
                )
            }
        case "$id":
            if member.value.text == nil { refuse(place, .shape, member.value, "a text") }
        default: break
        }
    }

    private mutating func readUnknown(_ member: JSONTree.Member, _ place: String) {
        if Self.annotations.contains(member.key) || member.key.hasPrefix("x-") { return }
        if let hint = Self.others[member.key] {
            return refuse(place, .keyword, member.value, "a keyword of the subset that is evaluated", suggestion: hint)
        }
        refuse(
            place,
            .keyword,
            member.value,
            "a keyword of the subset that is evaluated, or one of your own that begins with x-",
            suggestion: Similar.suggestion(for: member.key, among: Self.keywords)
        )
    }
}
