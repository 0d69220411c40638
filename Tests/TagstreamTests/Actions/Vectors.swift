import Foundation

@testable import Tagstream

/// The open conformance cases, Tests/Vectors/open.jsonl, and those that a stranger's search for mistakes has added, found.jsonl:
/// `{"id", "group", "action", "event", "expected"}`, one a line.
enum Vectors {
    /// A case; the event is JSON text.
    struct Row: Sendable {
        var id: String
        var group: String
        var action: JSONTree
        var event: [UInt8]
        var expected: JSONTree

        /// The verdict of a way to match, written as `expected` is.
        func isAsExpected(_ ids: [Int64]?) -> Bool {
            switch expected {
            case .bool(let matched): ids.map { $0.isEmpty != matched } ?? false
            case .string("refused"): ids == nil
            default: false
            }
        }
    }

    /// A file beside this folder.
    static func path(_ name: String) -> URL {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("Vectors/\(name)")
    }

    /// All cases; every one has all its members.
    static func rows() throws -> [Row] { try rows(of: "open.jsonl") + rows(of: "found.jsonl") }

    private static func rows(of name: String) throws -> [Row] {
        let data = try Data(contentsOf: path(name))
        return try data.split(separator: 0x0A).map { line in
            let tree = try JSONTree(parsing: [UInt8](line))
            guard let id = tree["id"]?.text, let group = tree["group"]?.text, let action = tree["action"],
                let event = tree["event"], let expected = tree["expected"]
            else { throw IncompleteRow(text: String(decoding: line.prefix(200), as: UTF8.self)) }
            return Row(id: id, group: group, action: action, event: Array(event.jsonText.utf8), expected: expected)
        }
    }

    struct IncompleteRow: Error {
        var text: String
    }
}
