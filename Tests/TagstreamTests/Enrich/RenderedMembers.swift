@testable import Tagstream

extension Members {
    /// The members as a JSON object by key, read from the text as it would stand in a row; nil where that is no JSON.
    var object: [String: JSONTree]? {
        let row = "{\"properties\":\"{" + String(decoding: text, as: UTF8.self) + "}\"}"
        guard case .object(let outer)? = try? JSONTree(parsing: row), let inner = outer.first?.value.text,
            case .object(let members)? = try? JSONTree(parsing: inner)
        else { return nil }
        return Dictionary(uniqueKeysWithValues: members.map { ($0.key, $0.value) })
    }

    /// The same members, read field by field on a workbench: what matching sees.
    func objectOnWorkbench() -> [String: JSONTree]? {
        var bench = Workbench()
        bench.bytes.append(Array("before".utf8))
        let section = bench.append(self)
        var found: [String: JSONTree] = [:]
        for index in Int(section.first)..<Int(section.first + section.count) {
            let field = bench.fields[index]
            let key = Array(bench.key(of: field))
            guard keyHash(of: key) == field.keyHash else { return nil }
            var scratch = ByteArena(capacity: 64)
            let text = String(decoding: bench.text(of: field.value, into: &scratch), as: UTF8.self)
            let value: JSONTree? =
                switch field.value.kind {
                case .string: .string(text)
                case .null, .true, .false, .number: try? JSONTree(parsing: text)
                default:
                    // Objects and arrays stand in escaped space: one layer of escapes is the row's.
                    (try? JSONTree(parsing: "\"\(text)\""))?.text.flatMap { try? JSONTree(parsing: $0) }
                }
            guard let value else { return nil }
            found[String(decoding: key, as: UTF8.self)] = value
        }
        return found
    }
}

extension String {
    /// Lends the bytes.
    func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        try Array(utf8).withUnsafeBytes(body)
    }
}
