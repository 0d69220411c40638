/// Asks of an event whether it fits the schema that its team published for events of its name (docs/tracking-plans.md).
///
/// The schema sees the properties as they will be stored: what was added is there, what was taken away is not. One room a lane.
struct SchemaRoom: ~Copyable {
    private var evaluator = SchemaEvaluator()
    private var text = ByteArena(capacity: 1 << 10)

    /// The property that tells what is wrong with an event.
    private static let property: StaticString = "$validation_errors"
    /// Most bytes of its value before the escapes of the row.
    private static let longestAnnotation = 4096
    private let propertyHash = keyHash(of: Array("$validation_errors".utf8))

    /// Checks an event; one that does not fit gets `$validation_errors`, which matching then sees.
    ///
    /// Allocates nothing once warm, but for what a dead letter says.
    ///
    /// - Throws: a ``Rejection`` of reason `schema_validation_failed` where the schema's mode is `reject`.
    @inline(__always)
    mutating func check(
        _ event: inout ValidEvent,
        with plan: TrackingPlan,
        on bench: inout Workbench
    ) throws(Rejection) {
        if !plan.isEmpty { try checkTracked(&event, with: plan, on: &bench) }
    }

    @inline(never)
    private mutating func checkTracked(
        _ event: inout ValidEvent,
        with plan: TrackingPlan,
        on bench: inout Workbench
    ) throws(Rejection) {
        text.removeAll()
        guard let schema = plan.find(bench.text(of: event.decoded.event.name, into: &text)) else { return }
        if schema.pointee.mode == .annotate { removeForged(&event.decoded, on: bench) }
        evaluator.take(properties: event.decoded.event)
        let wanted = schema.pointee.mode == .annotate ? SchemaEvaluator.mostViolations : 0
        if evaluator.evaluate(schema.pointee.tables, wanted: wanted, on: bench) { return }
        guard schema.pointee.mode == .annotate else {
            throw Rejection(.schemaValidationFailed, in: .validate, detail(schema.pointee, on: bench))
        }
        annotate(&event, schema.pointee.tables, on: &bench)
    }

    /// Takes away what the client says under the name: only this room tells what is wrong.
    private mutating func removeForged(_ decoded: inout DecodedEvent, on bench: borrowing Workbench) {
        removeForged(in: decoded.event.properties, &decoded.hasRemovedProperties, on: bench)
        removeForged(in: decoded.event.addedProperties, &decoded.hasRemovedProperties, on: bench)
    }

    private mutating func removeForged(in section: Section, _ hasRemoved: inout Bool, on bench: borrowing Workbench) {
        let hash = propertyHash
        let fields = bench.fields.base
        for index in Int(section.first)..<Int(section.first &+ section.count) where fields[index].keyHash == hash {
            text.removeAll()
            bench.append(keyOf: bench.fields[index], to: &text)
            guard equals(text.bytes(0, text.count), Self.property) else { continue }
            bench.fields[index].value.flags.formUnion([.removed, .superseded])
            hasRemoved = true
        }
    }

    // MARK: Annotating

    private mutating func annotate(_ event: inout ValidEvent, _ tables: SchemaTablesPointer, on bench: inout Workbench)
    {
        text.removeAll()
        text.append([0x5B])
        for index in 0..<evaluator.violations.count {
            let start = text.count
            if index > 0 { text.append([0x2C]) }
            if index < SchemaEvaluator.mostViolations { put(evaluator.violations[index], tables) }
            if index == SchemaEvaluator.mostViolations || text.count > Self.longestAnnotation {
                text.truncate(to: start)
                if index > 0 { text.append([0x2C]) }
                putMore()
                break
            }
        }
        text.append([0x5D])
        bench.moveLast(&event.decoded.event.addedProperties)
        bench.addProperty(Self.property, json: text.bytes(0, text.count), kind: .array)
        event.decoded.event.addedProperties.count &+= 1
        event.isAnnotated = true
    }

    private mutating func put(_ violation: SchemaViolation, _ tables: SchemaTablesPointer) {
        text.reserve(64)
        text.put("{\"path\":\"")
        text.append(escaping: evaluator.paths.bytes(Int(violation.path.offset), Int(violation.path.length)))
        text.reserve(64)
        text.put("\",\"keyword\":\"")
        text.put(violation.keyword.name)
        text.put("\",\"expected\":\"")
        if violation.keyword == .budget {
            text.put(Self.budgetExpected)
        } else if violation.keyword == .false {
            text.put("nothing")
        } else {
            text.append(escaping: tables.pointee.bytes(violation.expected))
        }
        text.reserve(8)
        text.put("\"}")
    }

    private mutating func putMore() {
        text.reserve(96)
        text.put("{\"path\":\"\",\"keyword\":\"more\",\"expected\":\"further violations are not listed\"}")
    }

    private static let budgetExpected: StaticString = "less to evaluate"

    // MARK: Rejecting

    /// One sentence about the first violation: `/items/0/price is -1, expected minimum 0 (schema version 3)`.
    private func detail(_ schema: FlatTrackedEvent, on bench: borrowing Workbench) -> String {
        guard evaluator.violations.count > 0 else { return "the event does not fit its schema" }
        let violation = evaluator.violations[0]
        let path = String(
            decoding: evaluator.paths.bytes(Int(violation.path.offset), Int(violation.path.length)),
            as: UTF8.self
        )
        let expected = String(decoding: schema.tables.pointee.bytes(violation.expected), as: UTF8.self)
        let place = path.isEmpty ? "the properties object" : path
        let sentence: String
        switch violation.keyword {
        case .budget: sentence = "the evaluation took more than its steps, expected less to evaluate"
        case .required: sentence = "\(place) is missing, expected a value (required)"
        case .false: sentence = "\(place) is \(found(violation.found, on: bench)), expected nothing"
        default:
            let keyword = "\(violation.keyword.name)"
            sentence =
                "\(place) is \(found(violation.found, on: bench)), expected \(keyword) \(Printable.shortened(expected, to: 80))"
        }
        return Printable.text("\(sentence) (schema version \(schema.version))")
    }

    /// A value's JSON text, or how it begins.
    private func found(_ value: Value, on bench: borrowing Workbench) -> String {
        if value.isProperties { return "an object" }
        if value.kind == .missing { return "missing" }
        var plain = ByteArena(capacity: 256)
        let length = min(Int(value.length), 400)
        plain.append(peeling: bench.bytes.bytes(Int(value.offset), length))
        let text = Printable.shortened(String(decoding: plain.bytes(0, plain.count), as: UTF8.self), to: 100)
        return value.kind == .string ? "\"\(text)\"" : text
    }
}

extension Workbench {
    /// Moves a section to the tape's end, where it can grow; nothing is done where it stands there already.
    mutating func moveLast(_ section: inout Section) {
        let end = Int(section.first &+ section.count)
        guard end != fields.count else { return }
        let first = fields.count
        for index in Int(section.first)..<end { fields.append(fields[index]) }
        section.first = Int32(truncatingIfNeeded: first)
    }

    /// Appends a property whose value is JSON text of its own.
    mutating func addProperty(_ name: StaticString, json: UnsafeRawBufferPointer, kind: Value.Kind) {
        bytes.reserve(6 * json.count + name.utf8CodeUnitCount + 16)
        let key = openProperty(name)
        let start = bytes.count
        bytes.append(escaping: json)
        append(key, name, Value(offset: UInt32(start), length: UInt32(bytes.count - start), kind: kind, flags: []))
    }
}
