/// The rows of a compacted topic as far as it has been read: a key's last good value is its properties.
///
/// A record's key is the table's key, its value a JSON object of properties; a record without a value deletes the key.
public struct LookupRows: Sendable {
    /// Values as they were written, by key.
    private var rows: [[UInt8]: [UInt8]] = [:]
    /// Keys whose last record was not taken.
    private var refused: Set<[UInt8]> = []
    private let prefix: String

    /// Makes no rows.
    public init(prefix: String = "") { self.prefix = prefix }

    /// How many keys there are.
    public var count: Int { rows.count }

    /// How many keys have a last record that was not taken: they have what they had before.
    public var refusedCount: Int { refused.count }

    /// Applies a record; returns why it is not taken, or nil.
    public mutating func apply(key: [UInt8]?, value: [UInt8]?) -> String? {
        let problem = problem(of: key, value)
        let key = key ?? []
        guard problem == nil else {
            refused.insert(key)
            return problem
        }
        refused.remove(key)
        rows[key] = value
        return nil
    }

    private func problem(of key: [UInt8]?, _ value: [UInt8]?) -> String? {
        guard let key, (1...LookupTableBuilder.longestKey).contains(key.count) else {
            return "its key has \(key?.count ?? 0) bytes, expected 1 to \(LookupTableBuilder.longestKey)"
        }
        guard let value else { return nil }
        do {
            guard case .object(let members) = try JSONTree(parsing: value) else {
                return "its value is something else than a JSON object"
            }
            guard members.count <= LookupTableBuilder.mostMembers else {
                return "there are \(members.count) properties, the limit is \(LookupTableBuilder.mostMembers)"
            }
        } catch {
            return "its value is not JSON: \(error)"
        }
        return nil
    }

    /// Renders all rows; linear in what they hold.
    ///
    /// - Throws: ``LookupTableFailure`` when they are more than a table may hold.
    public func table() throws(LookupTableFailure) -> LookupTable {
        var builder = LookupTableBuilder(prefix: prefix)
        // In the order of the keys, so that the same rows give the same memory whatever order they came in.
        for key in rows.keys.sorted(by: { $0.lexicographicallyPrecedes($1) }) {
            guard let value = rows[key], case .object(let members)? = try? JSONTree(parsing: value) else { continue }
            builder.add(key: key, members, line: 0)
        }
        return try builder.table()
    }
}
