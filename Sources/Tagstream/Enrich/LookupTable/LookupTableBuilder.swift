/// Fills a ``LookupTable``, row after row; a bad row is a problem with its line, and a table with problems is none.
public struct LookupTableBuilder: ~Copyable {
    private var storage = LookupTable.Storage()
    private var lines: [Int32] = []
    private var problems: [LookupTableFailure.Problem] = []
    private var problemCount = 0
    /// What the name of every property begins with.
    private let prefix: String

    /// Longest key in bytes.
    public static let longestKey = 1024
    /// Most properties of one key.
    public static let mostMembers = 100
    /// Most keys, and most bytes of a table's members.
    public static let mostKeys = 20_000_000
    /// Most bytes of a table's members.
    public static let mostBytes = 2 << 30

    /// Makes an empty table's builder.
    public init(prefix: String = "") { self.prefix = prefix }

    /// Notes that a row is bad.
    public mutating func add(problem message: String, line: Int?) {
        problemCount += 1
        if problems.count < LookupTableFailure.mostProblems { problems.append(.init(line: line, message: message)) }
    }

    /// Adds a key with its properties: null ones are left out.
    ///
    /// - Parameter line: where it stands, counted from 1; a key that was there already is a problem of this line.
    public mutating func add(key: [UInt8], _ members: [JSONTree.Member], line: Int) {
        guard (1...Self.longestKey).contains(key.count) else {
            return add(problem: "the key has \(key.count) bytes, expected 1 to \(Self.longestKey)", line: line)
        }
        guard members.count <= Self.mostMembers else {
            return add(problem: "there are \(members.count) properties, the limit is \(Self.mostMembers)", line: line)
        }
        guard storage.rows.count < Self.mostKeys, storage.store.byteCount < Self.mostBytes else {
            return add(
                problem: "the table is full: the limits are \(Self.mostKeys) keys and \(Self.mostBytes) bytes",
                line: line
            )
        }
        let hash = key.withUnsafeBytes { contentHash($0) }
        if let other = key.withUnsafeBytes({ storage.find($0, hash: hash) }) {
            let text = String(decoding: key.prefix(80), as: UTF8.self)
            return add(problem: "the key \"\(text)\" stands in line \(lines[other]) already", line: line)
        }
        storage.store.open()
        for member in members { put(member) }
        let range = storage.store.close()
        key.withUnsafeBytes { storage.append($0, hash: hash, range) }
        lines.append(Int32(clamping: line))
    }

    private mutating func put(_ member: JSONTree.Member) {
        let name = Array((prefix + member.key).utf8)
        switch member.value {
        case .null: break
        case .string(var text): text.withUTF8 { storage.store.put(name, string: UnsafeRawBufferPointer($0)) }
        case .bool(let value): storage.store.put(name, json: Array("\(value)".utf8), kind: value ? .true : .false)
        case .number(_, let text): storage.store.put(name, json: Array(text.utf8), kind: .number)
        case .array: storage.store.put(name, json: Array(member.value.jsonText.utf8), kind: .array)
        case .object: storage.store.put(name, json: Array(member.value.jsonText.utf8), kind: .object)
        }
    }

    /// The table.
    ///
    /// - Throws: ``LookupTableFailure`` when a row was bad.
    public consuming func table() throws(LookupTableFailure) -> LookupTable {
        guard problemCount == 0 else { throw LookupTableFailure(problems: problems, count: problemCount) }
        return LookupTable(storage)
    }
}
