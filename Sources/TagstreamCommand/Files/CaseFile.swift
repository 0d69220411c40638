import Foundation
import Tagstream

/// One line of a case file: `{"id": …, "action": {…}, "event": {…}, "expected": true|false|"refused"}`.
///
/// `action` and `event` stay ranges of the line, so that both are read by the product's own readers and not by this one.
struct CaseLine {
    enum Expected {
        case matched(Bool)
        case refused
    }

    var id: JSONTree
    var action: UnsafeRawBufferPointer
    var event: UnsafeRawBufferPointer
    var expected: Expected?

    /// Reads a line.
    ///
    /// - Throws: a ``Failure`` of code `usage` that names the line and what is missing.
    init(_ line: UnsafeRawBufferPointer, number: Int, path: String) throws {
        let line = try CaseMembers(
            line,
            at: "\(path):\(number)",
            expecting: "{\"id\": …, \"action\": {…}, \"event\": {…}, \"expected\": …}"
        )
        guard let action = line["action"], let event = line["event"] else {
            throw Failure(
                .usage,
                "\(line.place): no \"\(line["action"] == nil ? "action" : "event")\", expected an object"
            )
        }
        self.action = action
        self.event = event
        id = try line.tree("id") ?? .number(Int64(number))
        switch try line.tree("expected") {
        case nil, .null?: expected = nil
        case .bool(let matched)?: expected = .matched(matched)
        case .string("refused")?: expected = .refused
        case let other?:
            throw Failure(
                .usage,
                "\(line.place): \"expected\" is \(other.jsonText), expected true, false or \"refused\""
            )
        }
    }
}

/// The members of a line of a case file; what is a part of the product's input stays text.
struct CaseMembers {
    /// `PATH:LINE`.
    let place: String
    private let members: [(name: String, value: UnsafeRawBufferPointer)]

    /// Splits a line.
    ///
    /// - Throws: a ``Failure`` of code `usage` where it is no object.
    init(_ line: UnsafeRawBufferPointer, at place: String, expecting expected: String) throws {
        guard let members = TopLevelMembers(line)?.members else {
            throw Failure(.usage, "\(place): not a JSON object, expected \(expected)")
        }
        self.place = place
        self.members = members
    }

    /// A member's text; of two with one name the last counts.
    subscript(_ name: String) -> UnsafeRawBufferPointer? { members.last { $0.name == name }?.value }

    /// A member, read; nil where there is none.
    func tree(_ name: String) throws -> JSONTree? {
        do {
            return try self[name].map { try JSONTree(parsing: Array($0)) }
        } catch {
            throw Failure(.usage, "\(place): \"\(name)\": \(error)")
        }
    }
}

/// Splits a JSON object into the texts of its members by counting brackets; what the texts contain is checked by whoever reads them.
struct TopLevelMembers {
    var members: [(name: String, value: UnsafeRawBufferPointer)] = []

    init?(_ text: UnsafeRawBufferPointer) {
        var position = 0
        func skipBlanks() { while position < text.count, text[position] <= 0x20 { position += 1 } }
        func skipString() {
            position += 1
            while position < text.count, text[position] != 0x22 { position += text[position] == 0x5C ? 2 : 1 }
            position += 1
        }
        skipBlanks()
        guard position < text.count, text[position] == 0x7B else { return nil }
        position += 1
        while true {
            skipBlanks()
            guard position < text.count else { return nil }
            if text[position] == 0x7D { return }
            let keyStart = position
            guard text[position] == 0x22 else { return nil }
            skipString()
            guard position <= text.count else { return nil }
            let key = try? JSONTree(parsing: Array(text[keyStart..<position])).text
            skipBlanks()
            guard let key, position < text.count, text[position] == 0x3A else { return nil }
            position += 1
            skipBlanks()
            let start = position
            var depth = 0
            scan: while position < text.count {
                switch text[position] {
                case 0x22:
                    skipString()
                    continue scan
                case 0x7B, 0x5B: depth += 1
                case 0x7D, 0x5D:
                    if depth == 0 { break scan }
                    depth -= 1
                case 0x2C where depth == 0: break scan
                default: break
                }
                position += 1
            }
            guard position < text.count else { return nil }
            members.append((key, UnsafeRawBufferPointer(rebasing: text[start..<position])))
            if text[position] == 0x2C { position += 1 }
        }
    }
}
