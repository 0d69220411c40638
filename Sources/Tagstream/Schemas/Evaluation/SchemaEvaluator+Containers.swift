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
        var tally = Tally()
        var isValid: Bool
        if value.isProperties {
            isValid = checkMembers(properties, areProperties: true, rule, &tally, tables, on: bench)
            if isValid || !isDone {
                isValid =
                    checkMembers(addedProperties, areProperties: true, rule, &tally, tables, on: bench) && isValid
            }
        } else {
            tally.members = members(of: value, on: bench)
            isValid = checkMembers(tally.members, areProperties: false, rule, &tally, tables, on: bench)
        }
        if !isValid, isDone { return false }
        if tally.requiredCount < rule.pointee.required.count {
            isValid = false
            if silence > 0 { return false }
            noteMissing(rule, value.isProperties ? nil : tally.members, tables, on: bench)
            if isDone { return false }
        }
        if tally.count < rule.pointee.minimum {
            isValid = violate(.minProperties, rule.pointee.expectedMinimum, value, on: bench)
        }
        if rule.pointee.maximum >= 0, tally.count > rule.pointee.maximum {
            isValid = violate(.maxProperties, rule.pointee.expectedMaximum, value, on: bench)
        }
        return isValid && !isUndecided
    }

    /// What is counted of an object's members.
    private struct Tally {
        var count: Int32 = 0
        var requiredCount: Int32 = 0
        var members = Section.empty
    }

    /// Checks the members of a section, which lies on the workbench where they are properties and else on the evaluator's tape.
    ///
    /// Most members end at the filter: a field is looked at only where the schema may name it, unless it says something of all.
    private mutating func checkMembers(
        _ section: Section,
        areProperties: Bool,
        _ rule: UnsafeMutablePointer<FlatObjectRule>,
        _ tally: inout Tally,
        _ tables: SchemaTablesPointer,
        on bench: borrowing Workbench
    ) -> Bool {
        guard take(steps: Int(section.count) >> 1) else { return false }
        let filter = tables.pointee.filters.base + Int(rule.pointee.filter)
        // Where others are taken and nobody counts, a member that is not named is nothing to look at.
        let passesOthers =
            rule.pointee.patterns.count == 0 && rule.pointee.additional < 0 && rule.pointee.minimum < 0
            && rule.pointee.maximum < 0
        var isValid = true
        var first = Int(section.first)
        let end = first &+ Int(section.count)
        while first < end {
            // First the filter for 64 members, without a branch that an event could make the processor guess wrongly.
            let count = min(64, end &- first)
            var named: UInt64 = 0
            let fields = (areProperties ? bench.fields.base : tape.base) + first
            for place in 0..<count {
                let hash = fields[place].keyHash
                named |= (filter[Int(hash >> 6 & 7)] &>> UInt64(hash & 63) & 1) &<< UInt64(place)
            }
            var left = passesOthers ? named : UInt64.max &>> UInt64(64 &- count)
            while left != 0 {
                let place = left.trailingZeroBitCount
                left &= left &- 1
                // The tape moves where it has to grow for an object within.
                let field = ((areProperties ? bench.fields.base : tape.base) + first + place).pointee
                if field.doesNotCount { continue }
                tally.count &+= 1
                let mayBeNamed = named &>> UInt64(place) & 1 == 1
                isValid = checkMember(field, mayBeNamed: mayBeNamed, rule, &tally, tables, on: bench) && isValid
                if !isValid, isDone { return false }
            }
            first &+= count
        }
        return isValid
    }

    private mutating func checkMember(
        _ field: Field,
        mayBeNamed: Bool,
        _ rule: UnsafeMutablePointer<FlatObjectRule>,
        _ tally: inout Tally,
        _ tables: SchemaTablesPointer,
        on bench: borrowing Workbench
    ) -> Bool {
        var isKnown = false
        var isValid = true
        if mayBeNamed, let key = find(field, rule, tables, on: bench) {
            if key.pointee.isRequired { tally.requiredCount &+= 1 }
            isKnown = key.pointee.isProperty
            if key.pointee.node >= 0 {
                isValid = check(key.pointee.node, at: field, tables, on: bench)
                if !isValid, isDone { return false }
            }
        }
        if rule.pointee.patterns.count == 0, rule.pointee.additional < 0 { return isValid }
        return checkOthers(field, isKnown: isKnown, rule, tables, on: bench) && isValid
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
    ) -> UnsafeMutablePointer<FlatSchemaKey>? {
        let keys = tables.pointee.keys.base + Int(rule.pointee.keys.first)
        let mask = Int(rule.pointee.keys.count) &- 1
        var slot = Int(field.keyHash) & mask
        while keys[slot].isTaken {
            if keys[slot].hash == field.keyHash, hasKey(field, tables.pointee.bytes(keys[slot].name), on: bench) {
                return keys + slot
            }
            slot = (slot &+ 1) & mask
        }
        return nil
    }

    @inline(__always)
    private mutating func hasKey(_ field: Field, _ name: UnsafeRawBufferPointer, on bench: borrowing Workbench) -> Bool
    {
        let written = bench.bytes.bytes(Int(field.keyOffset), Int(field.keyLength))
        if field.value.flags.contains(.keyEscaped) { return hasEscapedKey(written, name) }
        return areEqual(written, name)
    }

    @inline(never)
    private mutating func hasEscapedKey(_ written: UnsafeRawBufferPointer, _ name: UnsafeRawBufferPointer) -> Bool {
        scratch.removeAll()
        scratch.append(decoding: written, marker: 2)
        return areEqual(scratch.bytes(0, scratch.count), name)
    }

    /// Notes every required member that is not there.
    ///
    /// - Parameter members: a section of the evaluator's tape; nil for the properties.
    private mutating func noteMissing(
        _ rule: UnsafeMutablePointer<FlatObjectRule>,
        _ members: Section?,
        _ tables: SchemaTablesPointer,
        on bench: borrowing Workbench
    ) {
        let first = members ?? properties
        let second = members == nil ? addedProperties : .empty
        for place in 0..<Int(rule.pointee.required.count) {
            let name = tables.pointee.bytes(tables.pointee.names[Int(rule.pointee.required.first) &+ place])
            guard take(steps: Int(first.count &+ second.count) >> 2) else { return }
            let hash = keyHash(name.baseAddress!, name.count)
            let areProperties = members == nil
            if has(name, hash, in: first, areProperties: areProperties, on: bench)
                || has(name, hash, in: second, areProperties: areProperties, on: bench)
            {
                continue
            }
            violate(.required, rule.pointee.expectedRequired, .missing, missing: name, on: bench)
            if isDone { return }
        }
    }

    private mutating func has(
        _ name: UnsafeRawBufferPointer,
        _ hash: UInt32,
        in section: Section,
        areProperties: Bool,
        on bench: borrowing Workbench
    ) -> Bool {
        let fields = areProperties ? bench.fields.base : tape.base
        for member in Int(section.first)..<Int(section.first &+ section.count) where fields[member].keyHash == hash {
            if !fields[member].doesNotCount, hasKey(fields[member], name, on: bench) { return true }
        }
        return false
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
