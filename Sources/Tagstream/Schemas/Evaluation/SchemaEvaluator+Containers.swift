#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Where a walk over an array stands.
struct ItemWalk {
    var position: Int
    var isAtEnd: Bool
}

/// An item of an array whose items must differ: its canonical text and that text's hash.
struct UniqueItem {
    var offset: Int
    var length: Int
    var hash: UInt64
}

extension SchemaEvaluator {
    // MARK: Objects

    mutating func checkObject(
        _ rule: UnsafeMutablePointer<FlatObjectRule>,
        _ value: Value,
        _ tables: SchemaTablesPointer,
        on bench: borrowing Workbench
    ) -> Bool {
        guard take(steps: Int(value.length) >> 3) else { return false }
        let mark = tape.count
        defer { tape.truncate(to: mark) }
        let section = members(of: value, on: bench)
        guard take(steps: Int(section.count) >> 1) else { return false }
        let filter = tables.pointee.filters.base + Int(rule.pointee.filter)
        let takesOthers = rule.pointee.patterns.count == 0 && rule.pointee.additional < 0
        var isValid = true
        var count: Int32 = 0
        var requiredCount: Int32 = 0
        for place in Int(section.first)..<Int(section.first &+ section.count) {
            let field = tape[place]
            if field.doesNotCount { continue }
            count &+= 1
            var isKnown = false
            if filter[Int(field.keyHash >> 6 & 7)] >> UInt64(field.keyHash & 63) & 1 == 1,
                let key = find(field, rule, tables, on: bench)
            {
                if key.isRequired { requiredCount &+= 1 }
                isKnown = key.isProperty
                if key.node >= 0 {
                    isValid = check(key.node, at: field, tables, on: bench) && isValid
                    if !isValid, isDone { return false }
                }
            }
            if takesOthers { continue }
            isValid = checkOthers(field, isKnown: isKnown, rule, tables, on: bench) && isValid
            if !isValid, isDone { return false }
        }
        if requiredCount < rule.pointee.required.count {
            isValid = false
            if silence > 0 { return false }
            noteMissing(rule, section, tables, on: bench)
            if isDone { return false }
        }
        if count < rule.pointee.minimum {
            isValid = violate(.minProperties, rule.pointee.expectedMinimum, value, on: bench)
        }
        if rule.pointee.maximum >= 0, count > rule.pointee.maximum {
            isValid = violate(.maxProperties, rule.pointee.expectedMaximum, value, on: bench)
        }
        return isValid && !isUndecided
    }

    /// Checks a member's value.
    @inline(__always)
    private mutating func check(
        _ node: Int32,
        at field: Field,
        _ tables: SchemaTablesPointer,
        on bench: borrowing Workbench
    ) -> Bool {
        enter(field)
        let isValid = check(node, field.value, tables, on: bench)
        leave()
        return isValid
    }

    /// Checks a member by the patterns that find its key, and where none does and nobody names it, as an additional one.
    private mutating func checkOthers(
        _ field: Field,
        isKnown: Bool,
        _ rule: UnsafeMutablePointer<FlatObjectRule>,
        _ tables: SchemaTablesPointer,
        on bench: borrowing Workbench
    ) -> Bool {
        var isKnown = isKnown
        var isValid = true
        for place in 0..<Int(rule.pointee.patterns.count) {
            let pattern = tables.pointee.patterns[Int(rule.pointee.patterns.first) &+ place]
            scratch.removeAll()
            bench.append(keyOf: field, to: &scratch)
            let found = search(pattern.pattern, size: pattern.patternSize, scratch.bytes(0, scratch.count))
            if isUndecided { return false }
            guard found else { continue }
            isKnown = true
            // A schema that takes everything is none.
            guard pattern.node >= 0 else { continue }
            isValid = check(pattern.node, at: field, tables, on: bench) && isValid
            if !isValid, isDone { return false }
        }
        guard !isKnown, rule.pointee.additional >= 0 else { return isValid }
        if tables.pointee.nodes[Int(rule.pointee.additional)].isNever {
            enter(field)
            violate(.additionalProperties, rule.pointee.expectedAdditional, field.value, on: bench)
            leave()
            return false
        }
        return check(rule.pointee.additional, at: field, tables, on: bench) && isValid
    }

    /// What a rule says of a key; nil where it does not name it.
    @inline(__always)
    private mutating func find(
        _ field: Field,
        _ rule: UnsafeMutablePointer<FlatObjectRule>,
        _ tables: SchemaTablesPointer,
        on bench: borrowing Workbench
    ) -> FlatSchemaKey? {
        let keys = tables.pointee.keys.base + Int(rule.pointee.keys.first)
        let mask = Int(rule.pointee.keys.count) &- 1
        var slot = Int(field.keyHash) & mask
        while keys[slot].isTaken {
            if keys[slot].hash == field.keyHash, hasKey(field, tables.pointee.bytes(keys[slot].name), on: bench) {
                return keys[slot]
            }
            slot = (slot &+ 1) & mask
        }
        return nil
    }

    private mutating func hasKey(_ field: Field, _ name: UnsafeRawBufferPointer, on bench: borrowing Workbench) -> Bool
    {
        var written = bench.bytes.bytes(Int(field.keyOffset), Int(field.keyLength))
        if field.value.flags.contains(.keyEscaped) {
            scratch.removeAll()
            scratch.append(decoding: written, marker: 2)
            written = scratch.bytes(0, scratch.count)
        }
        return written.count == name.count
            && (name.count == 0 || memcmp(written.baseAddress!, name.baseAddress!, name.count) == 0)
    }

    private mutating func noteMissing(
        _ rule: UnsafeMutablePointer<FlatObjectRule>,
        _ section: Section,
        _ tables: SchemaTablesPointer,
        on bench: borrowing Workbench
    ) {
        for place in 0..<Int(rule.pointee.required.count) {
            let name = tables.pointee.bytes(tables.pointee.names[Int(rule.pointee.required.first) &+ place])
            guard take(steps: Int(section.count) >> 2) else { return }
            let hash = keyHash(name.baseAddress!, name.count)
            var isThere = false
            for member in Int(section.first)..<Int(section.first &+ section.count) {
                let field = tape[member]
                if field.keyHash == hash, !field.doesNotCount, hasKey(field, name, on: bench) {
                    isThere = true
                    break
                }
            }
            if isThere { continue }
            violate(.required, rule.pointee.expectedRequired, .missing, missing: name, on: bench)
            if isDone { return }
        }
    }

    // MARK: Arrays

    /// Begins a walk over an array's items.
    func items(of array: Value, on bench: borrowing Workbench) -> ItemWalk {
        var scanner = Scanner<EscapedSpace>(
            bench.bytes.base,
            at: Int(array.offset) &+ 1,
            keysLeft: .max,
            keyBytes: .max
        )
        scanner.skipBlanks()
        return ItemWalk(position: scanner.position, isAtEnd: scanner.byte == 0x5D)
    }

    /// The next item; nil behind the last.
    mutating func next(of walk: inout ItemWalk, on bench: borrowing Workbench) -> Value? {
        guard !walk.isAtEnd, !isUndecided else { return nil }
        var scanner = Scanner<EscapedSpace>(bench.bytes.base, at: walk.position, keysLeft: .max, keyBytes: .max)
        do {
            let value = try scanner.value(depthLeft: 64)
            scanner.skipBlanks()
            walk.isAtEnd = scanner.byte != 0x2C
            scanner.position &+= 1
            scanner.skipBlanks()
            walk.position = scanner.position
            return value
        } catch {
            giveUp()
            return nil
        }
    }

    mutating func checkArray(
        _ rule: UnsafeMutablePointer<FlatArrayRule>,
        _ value: Value,
        _ tables: SchemaTablesPointer,
        on bench: borrowing Workbench
    ) -> Bool {
        guard take(steps: 1 &+ Int(value.length) >> 3) else { return false }
        var isValid = true
        var count = 0
        var walk = items(of: value, on: bench)
        while let item = next(of: &walk, on: bench) {
            let place = count
            count &+= 1
            let isPrefix = place < Int(rule.pointee.prefix.count)
            let node = isPrefix ? tables.pointee.children[Int(rule.pointee.prefix.first) &+ place] : rule.pointee.items
            guard node >= 0 else { continue }
            enter(item: place)
            if !isPrefix, tables.pointee.nodes[Int(node)].isNever {
                isValid = violate(.items, rule.pointee.expectedItems, item, on: bench)
            } else {
                isValid = check(node, item, tables, on: bench) && isValid
            }
            leave()
            if !isValid, isDone { return false }
        }
        if isUndecided { return false }
        if count < Int(rule.pointee.minimum) {
            isValid = violate(.minItems, rule.pointee.expectedMinimum, value, on: bench)
        }
        if rule.pointee.maximum >= 0, count > Int(rule.pointee.maximum) {
            isValid = violate(.maxItems, rule.pointee.expectedMaximum, value, on: bench)
        }
        if rule.pointee.isUnique, isValid || !isDone, !hasUniqueItems(value, count, on: bench) {
            isValid = violate(.uniqueItems, rule.pointee.expectedUnique, value, on: bench)
        }
        return isValid && !isUndecided
    }

    /// Whether no two items are equal: a table of their canonical texts, bounded by the event's steps.
    private mutating func hasUniqueItems(_ array: Value, _ count: Int, on bench: borrowing Workbench) -> Bool {
        guard count > 1 else { return true }
        guard take(steps: 2 &* count) else { return false }
        canonical.removeAll()
        uniqueItems.removeAll()
        uniqueTable.removeAll()
        let capacity = (2 * count).nextPowerOfTwo
        uniqueTable.resize(to: capacity, filling: -1)
        var walk = items(of: array, on: bench)
        while let item = next(of: &walk, on: bench) {
            let start = canonical.count
            guard writeCanonically(item, on: bench) else { return false }
            let length = canonical.count &- start
            let text = canonical.bytes(start, length)
            let hash = Self.hash(of: text)
            var slot = Int(truncatingIfNeeded: hash) & (capacity &- 1)
            while uniqueTable[slot] >= 0 {
                let other = uniqueItems[Int(uniqueTable[slot])]
                guard take(steps: 1) else { return false }
                if other.hash == hash, other.length == length {
                    guard take(steps: length >> 3) else { return false }
                    if memcmp(canonical.base + other.offset, text.baseAddress!, length) == 0 { return false }
                }
                slot = (slot &+ 1) & (capacity &- 1)
            }
            uniqueTable[slot] = Int32(truncatingIfNeeded: uniqueItems.count)
            uniqueItems.append(UniqueItem(offset: start, length: length, hash: hash))
        }
        return !isUndecided
    }

    /// FNV-1a; who makes texts collide makes probes long, and they are paid for in steps.
    private static func hash(of text: UnsafeRawBufferPointer) -> UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in text { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
        return hash ^ hash >> 29
    }
}
