/// Lays a schema's nodes and rules into flat tables.
struct SchemaTableBuilder {
    private var nodes: [FlatSchema] = []
    private var values: [FlatSchemaValue] = []
    private var bounds: [FlatBound] = []
    private var numbers: [SchemaRange] = []
    private var texts: [FlatTextRule] = []
    private var objects: [FlatObjectRule] = []
    private var keys: [FlatSchemaKey] = []
    private var filters: [UInt64] = []
    private var names: [PoolRange] = []
    private var keyPatterns: [FlatKeyPattern] = []
    private var arrays: [FlatArrayRule] = []
    private var branches: [FlatBranches] = []
    private var children: [Int32] = []
    private var pool: [UInt8] = []
    private var patterns: [Pattern] = []

    /// How much of a keyword's value a message shows, in bytes.
    private static let shown = 200

    /// Adds a node; its index is the number of nodes before.
    mutating func append(_ node: FlatSchema) -> Int32 {
        nodes.append(node)
        return Int32(nodes.count - 1)
    }

    /// Adds a schema with all its rules.
    ///
    /// - Parameter cost: what is counted so far; the rules add theirs.
    mutating func append(_ reading: SchemaNodeReading, cost: inout Int) -> Int32 {
        var node = FlatSchema()
        if let types = reading.types {
            node.types = types.set
            node.expectedType = shown(types.expected)
        }
        if let list = reading.values {
            appendEnum(list, to: &node)
            cost = SchemaCost.sum(cost, list.count)
        }
        if let constant = reading.constant {
            node.constant = Int32(values.count)
            values.append(value(constant))
            cost += 1
        }
        if !reading.bounds.isEmpty {
            node.number = Int32(numbers.count)
            numbers.append(SchemaRange(first: Int32(bounds.count), count: Int32(reading.bounds.count)))
            for bound in reading.bounds {
                let decimal = Array(bound.text.utf8).withUnsafeBytes { Decimal($0) }
                bounds.append(FlatBound(keyword: bound.keyword, number: decimal, text: range(Array(bound.text.utf8))))
            }
        }
        appendText(reading, to: &node, &cost)
        appendObject(reading, to: &node, &cost)
        appendArray(reading, to: &node, &cost)
        appendBranches(reading, to: &node)
        return append(node)
    }

    // MARK: Values

    private mutating func appendEnum(_ list: [JSONTree], to node: inout FlatSchema) {
        node.hasEnum = true
        node.expectedValue = shown(JSONTree.array(list).jsonText)
        func length(_ text: String) -> Int { text.utf8.count }
        let texts = list.compactMap(\.text).map { Array($0.utf8) }
            .sorted { $0.count != $1.count ? $0.count < $1.count : $0.lexicographicallyPrecedes($1) }
        node.values.first = Int32(values.count)
        node.textCount = Int32(texts.count)
        for text in texts {
            values.append(FlatSchemaValue(kind: .string, text: range(text), number: Self.zero))
        }
        for other in list where other.text == nil { values.append(value(other)) }
        node.values.count = Int32(list.count)
    }

    private static var zero: Decimal { Decimal(UnsafeRawBufferPointer(start: nil, count: 0)) }

    private mutating func value(_ tree: JSONTree) -> FlatSchemaValue {
        var value = FlatSchemaValue(kind: .null, number: Self.zero)
        switch tree {
        case .null: break
        case .bool(let isTrue): value.kind = isTrue ? .true : .false
        case .number(_, let text):
            value.kind = .number
            value.text = range(Array(text.utf8))
            value.number = Array(text.utf8).withUnsafeBytes { Decimal($0) }
        case .string(let text):
            value.kind = .string
            value.text = range(Array(text.utf8))
        case .array, .object:
            if case .array = tree { value.kind = .array } else { value.kind = .object }
            var arena = ByteArena(capacity: 256)
            CanonicalText.put(tree, to: &arena)
            value.text = range(Array(arena.bytes(0, arena.count)))
        }
        value.expected = shown(tree.jsonText)
        return value
    }

    // MARK: Rules

    private mutating func appendText(_ reading: SchemaNodeReading, to node: inout FlatSchema, _ cost: inout Int) {
        var rule = FlatTextRule()
        var isThere = false
        if let minimum = reading.lengths.minimum, minimum > 0 {
            rule.minimum = minimum
            rule.expectedMinimum = shown("\(minimum)")
            isThere = true
        }
        if let maximum = reading.lengths.maximum {
            rule.maximum = maximum
            rule.expectedMaximum = shown("\(maximum)")
            isThere = true
        }
        if isThere { cost += 1 }
        if let pattern = reading.pattern {
            rule.pattern = keep(pattern.pattern)
            rule.patternSize = Int32(pattern.pattern.size)
            rule.expectedPattern = shown(pattern.text)
            cost = SchemaCost.sum(cost, SchemaCost.of(pattern.pattern))
            isThere = true
        }
        if let format = reading.format {
            rule.format = format
            rule.expectedFormat = shown(format.name)
            isThere = true
        }
        guard isThere else { return }
        node.text = Int32(texts.count)
        texts.append(rule)
    }

    private mutating func appendObject(_ reading: SchemaNodeReading, to node: inout FlatSchema, _ cost: inout Int) {
        var rule = FlatObjectRule()
        rule.minimum = reading.counts.minimum ?? -1
        rule.maximum = reading.counts.maximum ?? -1
        rule.additional = reading.additional
        let isThere =
            !reading.properties.isEmpty || !reading.required.isEmpty || !reading.keyPatterns.isEmpty
            || rule.additional >= 0 || rule.minimum > 0 || rule.maximum >= 0
        guard isThere else { return }
        rule.expectedMinimum = shown("\(max(0, rule.minimum))")
        rule.expectedMaximum = shown("\(max(0, rule.maximum))")
        rule.expectedAdditional = shown("no property of this name")
        rule.expectedRequired = shown("a value")
        appendKeys(reading, to: &rule)
        rule.patterns = SchemaRange(first: Int32(keyPatterns.count), count: Int32(reading.keyPatterns.count))
        for (pattern, node) in reading.keyPatterns {
            keyPatterns.append(
                FlatKeyPattern(pattern: keep(pattern), patternSize: Int32(pattern.size), node: node)
            )
            cost = SchemaCost.sum(cost, SchemaCost.of(pattern))
        }
        cost = SchemaCost.sum(cost, reading.properties.count + reading.required.count + 1)
        node.object = Int32(objects.count)
        objects.append(rule)
    }

    private mutating func appendKeys(_ reading: SchemaNodeReading, to rule: inout FlatObjectRule) {
        var places: [[UInt8]: Int] = [:]
        var entries: [FlatSchemaKey] = []
        func place(_ name: String, _ range: (([UInt8]) -> PoolRange)) -> Int {
            let bytes = Array(name.utf8)
            if let found = places[bytes] { return found }
            places[bytes] = entries.count
            var key = FlatSchemaKey()
            key.hash = keyHash(of: bytes)
            key.name = range(bytes)
            key.isTaken = true
            entries.append(key)
            return entries.count - 1
        }
        for (name, node) in reading.properties {
            let index = place(name) { range($0) }
            entries[index].isProperty = true
            entries[index].node = node
        }
        rule.required = SchemaRange(first: Int32(names.count), count: Int32(reading.required.count))
        for name in reading.required {
            let index = place(name) { range($0) }
            entries[index].isRequired = true
            names.append(entries[index].name)
        }
        rule.filter = Int32(filters.count)
        filters += [UInt64](repeating: 0, count: 8)
        guard !entries.isEmpty else { return }
        let capacity = (entries.count * 2).nextPowerOfTwo
        var table = [FlatSchemaKey](repeating: FlatSchemaKey(), count: capacity)
        for entry in entries {
            filters[Int(rule.filter) + Int(entry.hash >> 6 & 7)] |= 1 << UInt64(entry.hash & 63)
            var slot = Int(entry.hash) & (capacity - 1)
            while table[slot].isTaken { slot = (slot + 1) & (capacity - 1) }
            table[slot] = entry
        }
        rule.keys = SchemaRange(first: Int32(keys.count), count: Int32(capacity))
        keys += table
    }

    private mutating func appendArray(_ reading: SchemaNodeReading, to node: inout FlatSchema, _ cost: inout Int) {
        var rule = FlatArrayRule()
        rule.minimum = reading.itemCounts.minimum ?? -1
        rule.maximum = reading.itemCounts.maximum ?? -1
        rule.items = reading.items
        rule.isUnique = reading.isUnique
        rule.prefix = range(ofChildren: reading.prefix)
        let isThere =
            rule.prefix.count > 0 || rule.items >= 0 || rule.minimum > 0 || rule.maximum >= 0 || rule.isUnique
        guard isThere else { return }
        rule.expectedMinimum = shown("\(max(0, rule.minimum))")
        rule.expectedMaximum = shown("\(max(0, rule.maximum))")
        rule.expectedUnique = shown("items that differ")
        rule.expectedItems = shown("no item here")
        cost = SchemaCost.sum(cost, rule.isUnique ? 11 : 1)
        node.array = Int32(arrays.count)
        arrays.append(rule)
    }

    private mutating func appendBranches(_ reading: SchemaNodeReading, to node: inout FlatSchema) {
        guard !reading.all.isEmpty || reading.any != nil || reading.one != nil || reading.not != nil else { return }
        var rule = FlatBranches()
        rule.all = range(ofChildren: reading.all)
        if let any = reading.any {
            rule.hasAny = true
            rule.any = range(ofChildren: any)
            rule.expectedAny = shown("at least one of \(any.count) schemas")
        }
        if let one = reading.one {
            rule.hasOne = true
            rule.one = range(ofChildren: one)
            rule.expectedOne = shown("exactly one of \(one.count) schemas")
        }
        if let not = reading.not {
            rule.not = not
            rule.expectedNot = shown("anything that does not fit the schema")
        }
        node.branches = Int32(branches.count)
        branches.append(rule)
    }

    private mutating func range(ofChildren nodes: [Int32]) -> SchemaRange {
        let first = Int32(children.count)
        children += nodes
        return SchemaRange(first: first, count: Int32(nodes.count))
    }

    private mutating func keep(_ pattern: Pattern) -> UInt {
        patterns.append(pattern)
        return UInt(bitPattern: pattern.handle)
    }

    // MARK: The pool

    private mutating func range(_ bytes: [UInt8]) -> PoolRange {
        let start = pool.count
        pool += bytes
        return PoolRange(offset: UInt32(start), length: UInt32(bytes.count))
    }

    private mutating func shown(_ text: String) -> PoolRange {
        range(Array(Printable.shortened(text, to: Self.shown).utf8))
    }

    /// The tables, in memory of their own.
    mutating func freeze(root: Int32, cost: Int) -> CompiledSchema {
        // Hashing may read a word past the end.
        pool += [UInt8](repeating: 0, count: 16)
        return CompiledSchema(
            SchemaTables(
                nodes: Frozen(nodes),
                values: Frozen(values),
                bounds: Frozen(bounds),
                numbers: Frozen(numbers),
                texts: Frozen(texts),
                objects: Frozen(objects),
                keys: Frozen(keys),
                filters: Frozen(filters),
                names: Frozen(names),
                patterns: Frozen(keyPatterns),
                arrays: Frozen(arrays),
                branches: Frozen(branches),
                children: Frozen(children),
                pool: Frozen(pool),
                root: root
            ),
            patterns: patterns,
            cost: cost
        )
    }
}
