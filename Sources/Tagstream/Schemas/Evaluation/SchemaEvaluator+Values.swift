#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

extension SchemaEvaluator {
    // MARK: enum and const

    /// Whether a value is the one, or one of those, that a schema names.
    mutating func checkValues(
        _ schema: UnsafeMutablePointer<FlatSchema>,
        _ value: Value,
        _ tables: SchemaTablesPointer,
        on bench: borrowing Workbench
    ) -> Bool {
        let isContainer = value.kind == .array || value.kind == .object
        if isContainer {
            canonical.removeAll()
            // The root has no text of its own to be compared by.
            guard writeCanonically(value, on: bench) else { return false }
        } else if value.kind == .string {
            scratch.removeAll()
        }
        let text =
            isContainer
            ? canonical.bytes(0, canonical.count)
            : value.kind == .string ? bench.text(of: value, into: &scratch) : bench.written(value)
        let number = value.kind == .number ? Decimal(text) : Decimal(UnsafeRawBufferPointer(start: nil, count: 0))
        var isValid = true
        if schema.pointee.hasEnum {
            isValid = isListed(schema, value.kind, text, number, tables)
            if !isValid { violate(.enum, schema.pointee.expectedValue, value, on: bench) }
        }
        if schema.pointee.constant >= 0, isValid || !isDone {
            let constant = tables.pointee.values.base + Int(schema.pointee.constant)
            guard equals(constant, value.kind, text, number, tables) else {
                return violate(.const, constant.pointee.expected, value, on: bench)
            }
        }
        return isValid
    }

    private mutating func isListed(
        _ schema: UnsafeMutablePointer<FlatSchema>,
        _ kind: Value.Kind,
        _ text: UnsafeRawBufferPointer,
        _ number: Decimal,
        _ tables: SchemaTablesPointer
    ) -> Bool {
        let values = tables.pointee.values.base + Int(schema.pointee.values.first)
        let count = Int(schema.pointee.values.count)
        let texts = Int(schema.pointee.textCount)
        if kind == .string { return isFound(text, values, texts, tables) }
        guard take(steps: (count &- texts) >> 2) else { return false }
        for place in texts..<count where equals(values + place, kind, text, number, tables) { return true }
        return false
    }

    /// Whether a text is among texts that are ordered by their length and bytes.
    private func isFound(
        _ text: UnsafeRawBufferPointer,
        _ values: UnsafeMutablePointer<FlatSchemaValue>,
        _ count: Int,
        _ tables: SchemaTablesPointer
    ) -> Bool {
        var low = 0
        var high = count
        while low < high {
            let middle = (low &+ high) >> 1
            let other = tables.pointee.bytes(values[middle].text)
            let order =
                other.count != text.count
                ? other.count &- text.count
                : text.count == 0 ? 0 : Int(memcmp(other.baseAddress!, text.baseAddress!, text.count))
            if order == 0 { return true }
            if order < 0 { low = middle &+ 1 } else { high = middle }
        }
        return false
    }

    private func equals(
        _ constant: UnsafeMutablePointer<FlatSchemaValue>,
        _ kind: Value.Kind,
        _ text: UnsafeRawBufferPointer,
        _ number: Decimal,
        _ tables: SchemaTablesPointer
    ) -> Bool {
        // A property that is not there is never asked about.
        guard constant.pointee.kind == kind else { return false }
        let other = tables.pointee.bytes(constant.pointee.text)
        switch kind {
        case .number: return Decimal.compare(number, text, constant.pointee.number, other) == 0
        case .string, .array, .object:
            return text.count == other.count
                && (text.count == 0 || memcmp(text.baseAddress!, other.baseAddress!, text.count) == 0)
        case .missing, .null, .true, .false: return true
        }
    }

    // MARK: Numbers

    mutating func checkNumber(
        _ rule: SchemaRange,
        _ value: Value,
        _ tables: SchemaTablesPointer,
        on bench: borrowing Workbench
    ) -> Bool {
        let text = bench.written(value)
        guard take(steps: text.count >> 3) else { return false }
        let number = Decimal(text)
        var isValid = true
        for place in 0..<Int(rule.count) {
            let bound = tables.pointee.bounds.base + Int(rule.first) + place
            let limit = tables.pointee.bytes(bound.pointee.text)
            let fits: Bool
            if bound.pointee.keyword == .multipleOf {
                fits = number.isMultiple(of: bound.pointee.number, text)
            } else {
                let order = Decimal.compare(number, text, bound.pointee.number, limit)
                switch bound.pointee.keyword {
                case .minimum: fits = order >= 0
                case .maximum: fits = order <= 0
                case .exclusiveMinimum: fits = order > 0
                default: fits = order < 0
                }
            }
            if fits { continue }
            isValid = violate(bound.pointee.keyword, bound.pointee.text, value, on: bench)
            if isDone { return false }
        }
        return isValid
    }

    // MARK: Texts

    mutating func checkText(
        _ rule: UnsafeMutablePointer<FlatTextRule>,
        _ value: Value,
        _ tables: SchemaTablesPointer,
        on bench: borrowing Workbench
    ) -> Bool {
        guard take(steps: Int(value.length) >> 3) else { return false }
        scratch.removeAll()
        let text = bench.text(of: value, into: &scratch)
        var breaks: (SchemaKeyword?, SchemaKeyword?, SchemaKeyword?) = (nil, nil, nil)
        // A text has no more code points than bytes, and no fewer than a quarter of them: most are never counted.
        let isSurelyInBounds =
            text.count >= 4 &* Int(rule.pointee.minimum)
            && (rule.pointee.maximum < 0 || text.count <= Int(rule.pointee.maximum))
        if !isSurelyInBounds {
            let length = codePoints(text)
            if length < Int(rule.pointee.minimum) { breaks.0 = .minLength }
            if rule.pointee.maximum >= 0, length > Int(rule.pointee.maximum) { breaks.0 = .maxLength }
        }
        // Nothing is noted before the last look at the text: noting uses the scratch that it may lie in.
        if breaks.0 == nil || silence == 0 {
            if rule.pointee.pattern != 0,
                !search(rule.pointee.pattern, size: rule.pointee.patternSize, text)
            {
                breaks.1 = .pattern
            }
            if let format = rule.pointee.format, !format.accepts(text) { breaks.2 = .format }
        }
        if breaks == (nil, nil, nil) { return true }
        if let keyword = breaks.0 {
            let expected = keyword == .minLength ? rule.pointee.expectedMinimum : rule.pointee.expectedMaximum
            violate(keyword, expected, value, on: bench)
        }
        if breaks.1 != nil { violate(.pattern, rule.pointee.expectedPattern, value, on: bench) }
        if breaks.2 != nil { violate(.format, rule.pointee.expectedFormat, value, on: bench) }
        return false
    }

    /// How many code points well-formed UTF-8 has.
    private func codePoints(_ text: UnsafeRawBufferPointer) -> Int {
        var count = 0
        for byte in text where byte & 0xC0 != 0x80 { count &+= 1 }
        return count
    }
}
