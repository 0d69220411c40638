import CRE2

// Whether an event's properties fit a schema, decided where they lie.
//
// The naive way builds the object, and asks a tree of closures or classes. Here the scanner's fields are what is asked: properties where
// they lie on the workbench, the members of an object within them on the evaluator's own tape; the items of an array are found by the
// scanner again, and texts are decoded only where a rule has to see them. A nested object that no rule looks into is never looked into.
//
// The schema is a graph without cycles whose depth is bounded when it is published (`SchemaCompiler`), so the recursion here is
// bounded by the schema and not by the event. What an event can make of it is bounded by steps.

/// One place on the way from the properties to a value: a key, or an item's number.
struct SchemaPathStep {
    var keyOffset: UInt32
    var keyLength: UInt32
    var isEscaped: Bool
    /// The item's number; -1 for a key.
    var item: Int32
}

/// One rule that a value breaks.
struct SchemaViolation {
    var keyword: SchemaKeyword
    /// What the schema says, in its pool.
    var expected: PoolRange
    /// The value; missing for a property that is not there.
    var found: Value
    /// The way to it, in ``SchemaEvaluator/paths``.
    var path: PoolRange
}

/// Evaluates one schema over one event at a time.
///
/// Reused from event to event; allocates nothing once its memory has grown.
struct SchemaEvaluator: ~Copyable {
    /// The most violations that are told of one event.
    static let mostViolations = 10
    /// What an event may take: one step is a schema evaluated for a value, eight bytes passed over, or four instructions of a
    /// pattern for a byte.
    static let steps = 4_000_000
    /// A path is cut behind so many bytes.
    private static let longestPath = 200

    var tape = FieldTape(capacity: 256)
    var scratch = ByteArena(capacity: 1 << 10)
    var canonical = ByteArena(capacity: 1 << 8)
    var keyTexts = ByteArena(capacity: 1 << 8)
    var sortedKeys = Column<SortedKey>(capacity: 32)
    var uniqueItems = Column<UniqueItem>(capacity: 64)
    var uniqueTable = Column<Int32>(capacity: 128)
    private var index = FieldIndex()
    private var way = Column<SchemaPathStep>(capacity: 64)
    /// What was found, the first first; one more than ``mostViolations`` where there are more.
    private(set) var violations = Column<SchemaViolation>(capacity: SchemaEvaluator.mostViolations + 1)
    /// The ways of the violations, as text.
    private(set) var paths = ByteArena(capacity: 1 << 10)

    private var stepsLeft = 0
    private var refills = Pattern.refillsPerEvent
    private var wanted = 0
    /// How many combinations are being tried at this place: what fails in them is no violation of its own.
    var silence = 0
    /// The steps are used up, or a pattern's search was given up: whether the event is valid is not known.
    private(set) var isUndecided = false

    /// Whether the properties that were taken fit a schema; the violations say why not.
    ///
    /// An evaluation that cannot be ended is a violation of its own, of ``SchemaKeyword/budget``: it is never "valid".
    ///
    /// - Parameter wanted: how many violations are asked for; no more than one beyond that is looked for.
    mutating func evaluate(_ tables: SchemaTablesPointer, wanted: Int, on bench: borrowing Workbench) -> Bool {
        way.removeAll()
        violations.removeAll()
        paths.removeAll()
        stepsLeft = Self.steps
        refills = Pattern.refillsPerEvent
        silence = 0
        isUndecided = false
        self.wanted = wanted
        let isValid = check(tables.pointee.root, .properties, tables, on: bench)
        guard isUndecided else { return isValid }
        silence = 0
        way.removeAll()
        violations.removeAll()
        paths.removeAll()
        violate(.budget, PoolRange(), .missing, on: bench)
        return false
    }

    // MARK: One value

    /// Whether a value fits a schema; what it breaks is noted, unless a combination is being tried.
    mutating func check(_ node: Int32, _ value: Value, _ tables: SchemaTablesPointer, on bench: borrowing Workbench)
        -> Bool
    {
        guard take(steps: 1) else { return false }
        let schema = tables.pointee.nodes.base + Int(node)
        if schema.pointee.isNever { return violate(.false, PoolRange(), value, on: bench) }
        var isValid = true
        if !schema.pointee.types.isEmpty, !isOf(schema.pointee.types, value, on: bench) {
            isValid = violate(.type, schema.pointee.expectedType, value, on: bench)
            if isDone { return false }
        }
        if schema.pointee.hasEnum || schema.pointee.constant >= 0 {
            isValid = checkValues(schema, value, tables, on: bench) && isValid
            if !isValid, isDone { return false }
        }
        switch value.kind {
        case .number:
            if schema.pointee.number >= 0 {
                isValid =
                    checkNumber(tables.pointee.numbers[Int(schema.pointee.number)], value, tables, on: bench) && isValid
            }
        case .string:
            if schema.pointee.text >= 0 {
                isValid =
                    checkText(tables.pointee.texts.base + Int(schema.pointee.text), value, tables, on: bench) && isValid
            }
        case .object:
            if schema.pointee.object >= 0 {
                isValid =
                    checkObject(tables.pointee.objects.base + Int(schema.pointee.object), value, tables, on: bench)
                    && isValid
            }
        case .array:
            if schema.pointee.array >= 0 {
                isValid =
                    checkArray(tables.pointee.arrays.base + Int(schema.pointee.array), value, tables, on: bench)
                    && isValid
            }
        case .missing, .null, .true, .false: break
        }
        guard schema.pointee.branches >= 0, isValid || !isDone else { return isValid }
        return checkBranches(tables.pointee.branches.base + Int(schema.pointee.branches), value, tables, on: bench)
            && isValid
    }

    @inline(__always)
    private func isOf(_ types: SchemaTypes, _ value: Value, on bench: borrowing Workbench) -> Bool {
        switch value.kind {
        case .missing, .null: types.contains(.null)
        case .true, .false: types.contains(.boolean)
        case .string: types.contains(.string)
        case .array: types.contains(.array)
        case .object: types.contains(.object)
        case .number: types.contains(.number) || types.contains(.integer) && Decimal.isWhole(bench.written(value))
        }
    }

    // MARK: Combinations

    private mutating func checkBranches(
        _ branches: UnsafeMutablePointer<FlatBranches>,
        _ value: Value,
        _ tables: SchemaTablesPointer,
        on bench: borrowing Workbench
    ) -> Bool {
        var isValid = true
        for place in 0..<Int(branches.pointee.all.count) {
            let child = tables.pointee.children[Int(branches.pointee.all.first) &+ place]
            isValid = check(child, value, tables, on: bench) && isValid
            if !isValid, isDone { return false }
        }
        if branches.pointee.hasAny, fitting(branches.pointee.any, enough: 1, value, tables, on: bench) == 0 {
            isValid = violate(.anyOf, branches.pointee.expectedAny, value, on: bench)
            if isDone { return false }
        }
        if branches.pointee.hasOne, fitting(branches.pointee.one, enough: 2, value, tables, on: bench) != 1 {
            isValid = violate(.oneOf, branches.pointee.expectedOne, value, on: bench)
            if isDone { return false }
        }
        if branches.pointee.not >= 0 {
            silence &+= 1
            let fits = check(branches.pointee.not, value, tables, on: bench)
            silence &-= 1
            if fits { isValid = violate(.not, branches.pointee.expectedNot, value, on: bench) }
        }
        return isValid && !isUndecided
    }

    /// How many of some schemas a value fits; counting ends at `enough`.
    private mutating func fitting(
        _ range: SchemaRange,
        enough: Int,
        _ value: Value,
        _ tables: SchemaTablesPointer,
        on bench: borrowing Workbench
    ) -> Int {
        silence &+= 1
        defer { silence &-= 1 }
        var count = 0
        for place in 0..<Int(range.count) {
            if check(tables.pointee.children[Int(range.first) &+ place], value, tables, on: bench) { count &+= 1 }
            if count == enough || isUndecided { break }
        }
        return count
    }

    // MARK: Steps

    /// Takes some of the event's steps; false, and the event undecided, when there are no more.
    @inline(__always)
    mutating func take(steps: Int) -> Bool {
        stepsLeft &-= steps
        if stepsLeft < 0 { isUndecided = true }
        return !isUndecided
    }

    /// Whether a pattern occurs in a text.
    ///
    /// A search that is short enough for RE2's slowest engine is never given up, and pays for that engine; a longer one is given up
    /// before it gets there (Sources/CRE2), and pays for its bytes.
    mutating func search(_ pattern: UInt, size: Int32, _ text: UnsafeRawBufferPointer) -> Bool {
        let product = Int(size) &* text.count
        guard take(steps: 8 &+ (product <= 250_000 ? product >> 2 : text.count)) else { return false }
        let found = tagstream_re2_search(OpaquePointer(bitPattern: pattern), text.baseAddress, text.count, &refills)
        if found < 0 { isUndecided = true }
        return found == 1
    }

    /// Gives the evaluation up: what was scanned once cannot be scanned again, which would be a bug of ours.
    mutating func giveUp() { isUndecided = true }

    // MARK: Members of objects

    /// The members of an object as a section of the evaluator's tape, superseded ones flagged; whoever asks takes them off again.
    mutating func members(of value: Value, on bench: borrowing Workbench) -> Section {
        let first = tape.count
        if value.isProperties { return copyOfProperties(on: bench) }
        var scanner = Scanner<EscapedSpace>(
            bench.bytes.base,
            at: Int(value.offset),
            keysLeft: .max,
            keyBytes: .max
        )
        do {
            try scanner.fields(onto: &tape, depthLeft: 64)
        } catch {
            giveUp()
            tape.truncate(to: first)
        }
        let section = Section(
            first: Int32(truncatingIfNeeded: first),
            count: Int32(truncatingIfNeeded: tape.count &- first)
        )
        guard section.count > 0 else { return section }
        var unused = SpecialProperties()
        _ = index.mark(section, of: &tape, bytes: bench.bytes, scratch: &scratch, special: &unused)
        return section
    }

    /// The properties side by side, for the few rules that compare them as a whole.
    private mutating func copyOfProperties(on bench: borrowing Workbench) -> Section {
        let first = tape.count
        tape.append(bench.fields.base + Int(properties.first), Int(properties.count))
        tape.append(bench.fields.base + Int(addedProperties.first), Int(addedProperties.count))
        return Section(
            first: Int32(truncatingIfNeeded: first),
            count: Int32(truncatingIfNeeded: tape.count &- first)
        )
    }

    /// The properties that will be stored: two sections of the workbench, where they stay.
    private(set) var properties = Section.empty
    private(set) var addedProperties = Section.empty

    /// Begins an event.
    mutating func take(properties event: Event) {
        tape.removeAll()
        properties = event.properties
        addedProperties = event.addedProperties
    }

    // MARK: Violations

    /// Whether nothing more has to be found out about this event, or about the combination that is being tried.
    @inline(__always)
    var isDone: Bool { silence > 0 || isUndecided || violations.count > wanted }

    @inline(__always)
    mutating func enter(_ field: Field) {
        way.append(
            SchemaPathStep(
                keyOffset: field.keyOffset,
                keyLength: field.keyLength,
                isEscaped: field.value.flags.contains(.keyEscaped),
                item: -1
            )
        )
    }

    @inline(__always)
    mutating func enter(item: Int) {
        way.append(
            SchemaPathStep(keyOffset: 0, keyLength: 0, isEscaped: false, item: Int32(truncatingIfNeeded: item))
        )
    }

    @inline(__always)
    mutating func leave() { way.truncate(to: way.count &- 1) }

    /// Notes a violation at the place where the evaluation is; returns false, as what it is a violation of does.
    @inline(never)
    @discardableResult
    mutating func violate(
        _ keyword: SchemaKeyword,
        _ expected: PoolRange,
        _ found: Value,
        missing name: UnsafeRawBufferPointer? = nil,
        on bench: borrowing Workbench
    ) -> Bool {
        guard silence == 0, violations.count <= wanted else { return false }
        let start = paths.count
        for place in 0..<way.count where paths.count &- start <= Self.longestPath {
            let step = way[place]
            paths.reserve(24)
            paths.put(0x2F)
            if step.item >= 0 {
                paths.put(decimal: Int64(step.item))
                continue
            }
            scratch.removeAll()
            let written = bench.bytes.bytes(Int(step.keyOffset), Int(step.keyLength))
            if step.isEscaped { scratch.append(decoding: written, marker: 2) } else { scratch.append(written) }
            paths.append(pointerPart: scratch.bytes(0, scratch.count))
        }
        if let name {
            paths.append([0x2F])
            paths.append(pointerPart: name)
        }
        cutPath(from: start)
        violations.append(
            SchemaViolation(
                keyword: keyword,
                expected: expected,
                found: found,
                path: PoolRange(
                    offset: UInt32(truncatingIfNeeded: start),
                    length: UInt32(truncatingIfNeeded: paths.count &- start)
                )
            )
        )
        return false
    }

    /// Cuts a path that is too long, at the beginning of a character.
    private mutating func cutPath(from start: Int) {
        guard paths.count &- start > Self.longestPath else { return }
        var end = start &+ Self.longestPath
        while end > start, paths.base.load(fromByteOffset: end, as: UInt8.self) & 0xC0 == 0x80 { end &-= 1 }
        paths.truncate(to: end)
        paths.append([0xE2, 0x80, 0xA6])
    }
}

extension Field {
    /// Whether the field is none of its object's members: taken away, or there is a later one of its name.
    @inline(__always)
    var doesNotCount: Bool { !value.flags.isDisjoint(with: [.removed, .superseded]) }
}

extension Value {
    /// What stands for all properties together, which lie in two sections of the workbench.
    static var properties: Value { Value(offset: .max, length: 0, kind: .object, flags: []) }

    @inline(__always)
    var isProperties: Bool { offset == .max }
}

extension Workbench {
    /// Appends the decoded text of a key of escaped space.
    borrowing func append(keyOf field: Field, to out: inout ByteArena) {
        let written = bytes.bytes(Int(field.keyOffset), Int(field.keyLength))
        if field.value.flags.contains(.keyEscaped) {
            out.append(decoding: written, marker: 2)
        } else {
            out.append(written)
        }
    }
}

extension ByteArena {
    /// Appends a part of a JSON pointer: `~` and `/` are written as `~0` and `~1` (RFC 6901).
    mutating func append(pointerPart text: UnsafeRawBufferPointer) {
        reserve(2 * text.count)
        for byte in text {
            switch byte {
            case 0x7E: put("~0")
            case 0x2F: put("~1")
            default: put(byte)
            }
        }
    }
}
