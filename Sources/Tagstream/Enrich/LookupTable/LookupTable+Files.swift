extension LookupTable {
    /// How a file is written.
    public enum Format: String, Sendable, CaseIterable {
        /// RFC 4180: a header with the properties' names, then a row for each key.
        ///
        /// Values are texts; a name with `:number`, `:boolean` or `:json` behind it says otherwise (`seats:number`). An empty field is no
        /// property.
        case csv
        /// A JSON object on each line.
        case jsonLines = "jsonl"
    }

    /// Reads a file into a table.
    ///
    /// - Parameters:
    ///   - bytes: the file.
    ///   - format: how it is written.
    ///   - key: the column or member that is the key; it is none of the properties.
    ///   - prefix: what the name of every property shall begin with.
    /// - Throws: ``LookupTableFailure`` with every line that is bad: then there is no table at all, rather than one with holes.
    public static func read(
        _ bytes: UnsafeRawBufferPointer,
        _ format: Format,
        key: String,
        prefix: String = ""
    ) throws(LookupTableFailure) -> LookupTable {
        var builder = LookupTableBuilder(prefix: prefix)
        if let start = bytes.baseAddress, !isUTF8(start.assumingMemoryBound(to: UInt8.self), bytes.count) {
            builder.add(problem: "the file is not UTF-8", line: nil)
            return try builder.table()
        }
        switch format {
        case .csv: readCSV(bytes, key: key, into: &builder)
        case .jsonLines: readLines(bytes, key: key, into: &builder)
        }
        return try builder.table()
    }

    private static func readLines(
        _ bytes: UnsafeRawBufferPointer,
        key: String,
        into builder: inout LookupTableBuilder
    ) {
        var number = 0
        for line in bytes.split(separator: 0x0A, omittingEmptySubsequences: false) {
            number += 1
            if line.allSatisfy({ $0 <= 0x20 }) { continue }
            do {
                guard case .object(var members) = try JSONTree(parsing: Array(line)) else {
                    builder.add(problem: "found something else than a JSON object", line: number)
                    continue
                }
                guard let index = members.firstIndex(where: { $0.key == key }) else {
                    builder.add(problem: "there is no member \"\(key)\"", line: number)
                    continue
                }
                switch members.remove(at: index).value {
                case .string(let text): builder.add(key: Array(text.utf8), members, line: number)
                case .number(_, let text): builder.add(key: Array(text.utf8), members, line: number)
                case let other:
                    builder.add(problem: "\"\(key)\" is \(other.kindName), expected a text or a number", line: number)
                }
            } catch {
                builder.add(problem: "not JSON: \(error)", line: number)
            }
        }
        if number == 0 || (number == 1 && bytes.isEmpty) { builder.add(problem: "the file is empty", line: nil) }
    }

    // MARK: CSV

    private enum ColumnKind: String {
        case text, number, boolean, json
    }

    private struct Column {
        var name: String
        var kind: ColumnKind

        init(_ header: String) {
            name = header
            kind = .text
            guard let colon = header.lastIndex(of: ":"),
                let kind = ColumnKind(rawValue: String(header[header.index(after: colon)...]))
            else { return }
            name = String(header[..<colon])
            self.kind = kind
        }

        /// A field's value, or why it is none.
        func value(_ field: String) -> Result<JSONTree, Mistake> {
            switch kind {
            case .text: return .success(.string(field))
            case .number:
                if isJSONNumber(field), let number = Double(field), number.isFinite {
                    return .success(.number(number, text: field))
                }
                return .failure(Mistake("\"\(name)\" is \"\(field.prefix(80))\", expected a number"))
            case .boolean:
                switch field {
                case "true": return .success(.bool(true))
                case "false": return .success(.bool(false))
                default: return .failure(Mistake("\"\(name)\" is \"\(field.prefix(80))\", expected true or false"))
                }
            case .json:
                do {
                    return .success(try JSONTree(parsing: field))
                } catch {
                    return .failure(Mistake("\"\(name)\" is not JSON: \(error)"))
                }
            }
        }

        private func isJSONNumber(_ field: String) -> Bool {
            Array(field.utf8).withUnsafeBytes { Tagstream.isJSONNumber($0) }
        }
    }

    private struct Mistake: Error {
        let message: String
        init(_ message: String) { self.message = message }
    }

    private static func readCSV(_ bytes: UnsafeRawBufferPointer, key: String, into builder: inout LookupTableBuilder) {
        var reader = CSVReader(bytes)
        var fields: [String] = []
        guard reader.next(&fields) == .row else {
            return builder.add(problem: "there is no header: the file is empty or its quotes do not end", line: 1)
        }
        let columns = fields.map { Column($0) }
        guard let keyColumn = columns.firstIndex(where: { $0.name == key }) else {
            let names = columns.map { "\"\($0.name)\"" }.joined(separator: ", ")
            return builder.add(problem: "the header has no column \"\(key)\", found \(names)", line: 1)
        }
        if Set(columns.map(\.name)).count != columns.count {
            builder.add(problem: "the header names a column twice", line: 1)
        }
        while true {
            let line = reader.line
            switch reader.next(&fields) {
            case .end: return
            case .openQuote:
                return builder.add(problem: "a quoted field that begins in this row does not end", line: line)
            case .strayQuote:
                builder.add(
                    problem: "found a quote within a field, expected it doubled and the field in quotes",
                    line: line
                )
                continue
            case .row: break
            }
            if fields == [""] { continue }
            guard fields.count == columns.count else {
                builder.add(problem: "found \(fields.count) fields, expected \(columns.count)", line: line)
                continue
            }
            var members: [JSONTree.Member] = []
            var mistake: Mistake?
            for (index, column) in columns.enumerated() where index != keyColumn && !fields[index].isEmpty {
                switch column.value(fields[index]) {
                case .success(let value): members.append(JSONTree.Member(key: column.name, value: value))
                case .failure(let found): mistake = mistake ?? found
                }
            }
            if let mistake {
                builder.add(problem: mistake.message, line: line)
            } else {
                builder.add(key: Array(fields[keyColumn].utf8), members, line: line)
            }
        }
    }
}

/// Reads rows by RFC 4180: fields between commas, quoted ones with commas, line ends and doubled quotes in them.
private struct CSVReader {
    enum Outcome {
        case row, end, openQuote, strayQuote
    }

    private let bytes: UnsafeRawBufferPointer
    private var position = 0
    /// The line of the next row, counted from 1.
    private(set) var line = 1

    init(_ bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
        // Some programs begin UTF-8 with a byte order mark.
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }
    }

    mutating func next(_ fields: inout [String]) -> Outcome {
        fields.removeAll(keepingCapacity: true)
        guard position < bytes.count else { return .end }
        var field: [UInt8] = []
        var isQuoted = false
        var isStray = false
        while true {
            guard position < bytes.count else {
                if isQuoted { return .openQuote }
                fields.append(String(decoding: field, as: UTF8.self))
                return isStray ? .strayQuote : .row
            }
            let byte = bytes[position]
            position += 1
            if byte == 0x0A { line += 1 }
            if isQuoted {
                if byte != 0x22 {
                    field.append(byte)
                } else if position < bytes.count, bytes[position] == 0x22 {
                    position += 1
                    field.append(0x22)
                } else {
                    isQuoted = false
                    // Behind a closing quote only a comma or the row's end may stand.
                    if position < bytes.count, ![0x2C, 0x0A, 0x0D].contains(bytes[position]) { isStray = true }
                }
                continue
            }
            switch byte {
            case 0x22 where field.isEmpty && !isStray: isQuoted = true
            case 0x22: isStray = true
            case 0x2C, 0x0A:
                if byte == 0x0A, field.last == 0x0D { field.removeLast() }
                fields.append(String(decoding: field, as: UTF8.self))
                field.removeAll(keepingCapacity: true)
                if byte == 0x0A { return isStray ? .strayQuote : .row }
            default: field.append(byte)
            }
        }
    }
}
