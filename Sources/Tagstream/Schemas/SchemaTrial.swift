/// Asks of single sets of properties whether they fit a schema, without a team, an event or an output: the evaluator behind
/// `tagstream schemas test`.
///
/// The same decoder and evaluator as the worker's; the properties are taken as they are written, nothing is added.
public struct SchemaTrial: ~Copyable {
    /// One rule that properties break.
    public struct Violation: Sendable, Equatable {
        /// Where, as a JSON pointer (RFC 6901) into the properties.
        public var path: String
        /// Which keyword.
        public var keyword: String
        /// What the schema says there.
        public var expected: String
    }

    private var bench = Workbench()
    private var decoder = EventDecoder(limits: EventLimits())
    private var evaluator = SchemaEvaluator()

    /// Makes a trial with its own memory.
    public init() {}

    /// What of a schema properties break; nothing where they fit it.
    ///
    /// At most ``SchemaEvaluator/mostViolations`` are told.
    ///
    /// - Parameter properties: a JSON object.
    /// - Throws: ``EventUnreadable`` when the text is no JSON object that an event could have for its properties.
    public mutating func violations(
        of properties: UnsafeRawBufferPointer,
        against definition: SchemaDefinition
    ) throws(EventUnreadable) -> [Violation] {
        guard let schema = definition.schema else { return [] }
        var event = Array(#"{"event":"e","distinct_id":"d","properties":"#.utf8)
        event += properties
        event.append(0x7D)
        do throws(Rejection) {
            let decoded = try event.withUnsafeBufferPointer { bytes throws(Rejection) -> DecodedEvent in
                try decoder.decode(UnsafeRawBufferPointer(bytes), on: &bench)
            }
            evaluator.take(properties: decoded.event)
        } catch {
            throw EventUnreadable(reason: error.reason, detail: error.detail)
        }
        let tables = schema.tables
        if evaluator.evaluate(tables, wanted: SchemaEvaluator.mostViolations, on: bench) { return [] }
        return (0..<min(evaluator.violations.count, SchemaEvaluator.mostViolations)).map { index in
            let violation = evaluator.violations[index]
            let path = evaluator.paths.bytes(Int(violation.path.offset), Int(violation.path.length))
            return Violation(
                path: String(decoding: path, as: UTF8.self),
                keyword: "\(violation.keyword.name)",
                expected: String(decoding: tables.pointee.bytes(violation.expected), as: UTF8.self)
            )
        }
    }
}
