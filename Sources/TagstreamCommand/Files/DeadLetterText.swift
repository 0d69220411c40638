import Foundation
import Tagstream
import Worker

/// Dead letters as text and as JSON.
///
/// Their bytes come from anywhere, so nothing that a terminal would obey is printed as it is.
enum DeadLetterText {
    /// The most bytes of a value that are shown.
    static let shownBytes = 4000

    /// One line for a list: place, reason, step, where from, when, detail.
    static func line(_ found: FoundLetter) -> String {
        let place = found.places.map(\.description).joined(separator: "+")
        switch found.content {
        case .failure(let problem): return "\(place)  no dead letter: \(readable(Array(problem.description.utf8)))"
        case .success(let letter):
            return [
                place, plain(letter.reason), plain(letter.step), plain(letter.source), time(letter.timestamp),
                plain(letter.detail),
            ].joined(separator: "  ")
        }
    }

    /// The same as an object.
    static func json(_ found: FoundLetter) -> JSONTree {
        let place = JSONTree.Member(key: "place", value: .string(found.places.first?.description ?? ""))
        switch found.content {
        case .failure(let problem): return .object([place, .init(key: "problem", value: .string(problem.description))])
        case .success(let letter):
            return .object([
                place,
                .init(key: "reason", value: .string(letter.reason)),
                .init(key: "step", value: .string(letter.step)),
                .init(key: "detail", value: .string(letter.detail)),
                .init(key: "source", value: .string(letter.source)),
                .init(key: "timestamp", value: letter.timestamp < 0 ? .null : .string(time(letter.timestamp))),
                .init(key: "epoch", value: .number(letter.epoch)),
                .init(key: "bytes", value: .number(Int64(letter.value?.count ?? 0))),
            ])
        }
    }

    /// A whole letter as an object.
    static func fullJSON(_ found: FoundLetter, _ letter: DeadLetter) -> JSONTree {
        guard case .object(let members) = json(found) else { return json(found) }
        func text(_ bytes: [UInt8]?) -> JSONTree { bytes.map { .string(String(decoding: $0, as: UTF8.self)) } ?? .null }
        let headers = letter.headers.map { header -> JSONTree in
            .object([.init(key: "name", value: text(header.name)), .init(key: "value", value: text(header.value))])
        }
        return .object(
            members + [
                .init(key: "places", value: .array(found.places.map { .string($0.description) })),
                .init(key: "left_out", value: letter.leftOut.map { .string($0) } ?? .null),
                .init(key: "key", value: text(letter.key)),
                .init(key: "headers", value: .array(headers)),
                .init(key: "value", value: text(letter.value)),
                .init(
                    key: "value_base64",
                    value: letter.value.map { .string(Data($0).base64EncodedString()) } ?? .null
                ),
            ]
        )
    }

    /// A whole letter for a human.
    static func lines(_ found: FoundLetter, _ letter: DeadLetter) -> [String] {
        var lines = [
            "reason     \(plain(letter.reason))",
            "step       \(plain(letter.step))",
            "detail     \(plain(letter.detail))",
            "source     \(plain(letter.source))",
            "place      \(found.places.map(\.description).joined(separator: ", "))",
            "timestamp  \(time(letter.timestamp))",
            "epoch      \(letter.epoch)",
        ]
        if let leftOut = letter.leftOut { lines.append("left out   \(plain(leftOut))") }
        lines.append("key        " + (letter.key.map { shortened($0, 200) } ?? "(null)"))
        for header in letter.headers {
            lines.append(
                "header     \(shortened(header.name, 200)) = \(header.value.map { shortened($0, 200) } ?? "(null)")"
            )
        }
        guard let value = letter.value else { return lines + ["value      (null)"] }
        lines.append("value      \(value.count) bytes")
        lines.append("  " + readable(Array(value.prefix(shownBytes))))
        if value.count > shownBytes {
            lines.append("  … \(value.count - shownBytes) bytes more: --raw writes all of them")
        }
        if let mistake = mistake(in: letter) {
            lines += ["mistake    at byte \(mistake)"] + excerpt(of: value, at: mistake)
        }
        return lines
    }

    /// The byte that a letter's detail names, where it is one of its value.
    static func mistake(in letter: DeadLetter) -> Int? {
        guard let found = letter.detail.firstMatch(of: #/at byte ([0-9]{1,9}) of ([0-9]{1,9})/#),
            let place = Int(found.1), let count = Int(found.2), count == letter.value?.count, place <= count
        else { return nil }
        return place
    }

    /// The neighbourhood of a byte, and a mark under it.
    static func excerpt(of value: [UInt8], at place: Int) -> [String] {
        var start = max(0, place - 60)
        var end = min(value.count, place + 40)
        // Not in the middle of a character.
        while start > 0, start > place - 64, value[start] & 0xC0 == 0x80 { start -= 1 }
        while end < value.count, end < place + 44, value[end] & 0xC0 == 0x80 { end += 1 }
        let before = (start > 0 ? "…" : "") + readable(Array(value[start..<place]))
        let after = readable(Array(value[place..<end])) + (end < value.count ? "…" : "")
        return ["  \(before)\(after)", "  " + String(repeating: " ", count: before.count) + "^"]
    }

    /// Bytes as a line of text: what is not UTF-8 as `\xFF`, what is not printable as `\u{1B}`.
    static func readable(_ bytes: [UInt8]) -> String {
        var text = ""
        var rest = bytes[...]
        while !rest.isEmpty {
            guard let scalar = scalar(rest) else {
                let byte = String(rest.removeFirst(), radix: 16, uppercase: true)
                text += byte.count == 1 ? "\\x0\(byte)" : "\\x\(byte)"
                continue
            }
            rest = rest.dropFirst(UTF8.width(scalar))
            switch scalar {
            case "\n": text += "\\n"
            case "\r": text += "\\r"
            case "\t": text += "\\t"
            default:
                switch scalar.properties.generalCategory {
                case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned:
                    text += "\\u{\(String(scalar.value, radix: 16, uppercase: true))}"
                default: text.unicodeScalars.append(scalar)
                }
            }
        }
        return text
    }

    /// The scalar that begins here, if there is one.
    private static func scalar(_ bytes: ArraySlice<UInt8>) -> Unicode.Scalar? {
        var decoder = UTF8()
        var iterator = bytes.prefix(4).makeIterator()
        guard case .scalarValue(let scalar) = decoder.decode(&iterator) else { return nil }
        return scalar
    }

    static func plain(_ text: String) -> String { readable(Array(text.utf8)) }

    private static func shortened(_ bytes: [UInt8], _ most: Int) -> String {
        readable(Array(bytes.prefix(most))) + (bytes.count > most ? "… (\(bytes.count) bytes)" : "")
    }

    static func time(_ milliseconds: Int64) -> String {
        milliseconds < 0 ? "-" : Timestamp.text(milliseconds: milliseconds)
    }
}

/// Dead letters by reason, step and topic.
struct DeadLetterCounts {
    /// Letters of one kind.
    struct Row {
        var reason: String
        var step: String
        var topic: String
        var letters = 0
        var first = Int64.max
        var last = Int64.min

        var cells: [String] {
            [
                DeadLetterText.plain(reason), DeadLetterText.plain(step), DeadLetterText.plain(topic), String(letters),
                first == .max ? "-" : DeadLetterText.time(first), last == .min ? "-" : DeadLetterText.time(last),
            ]
        }

        var json: JSONTree {
            .object([
                .init(key: "reason", value: .string(reason)),
                .init(key: "step", value: .string(step)),
                .init(key: "topic", value: .string(topic)),
                .init(key: "letters", value: .number(Int64(letters))),
                .init(key: "first", value: first == .max ? .null : .string(DeadLetterText.time(first))),
                .init(key: "last", value: last == .min ? .null : .string(DeadLetterText.time(last))),
            ])
        }
    }

    static let titles = ["REASON", "STEP", "TOPIC", "LETTERS", "FIRST", "LAST"]

    private struct Kind: Hashable {
        var reason: String
        var step: String
        var topic: String
    }

    private var kinds: [Kind: Row] = [:]
    private(set) var letters = 0

    mutating func add(_ found: FoundLetter) {
        letters += 1
        let letter = found.letter
        let kind = Kind(
            reason: letter?.reason ?? "(no dead letter)",
            step: letter?.step ?? "-",
            topic: letter?.topic ?? "-"
        )
        var row = kinds[kind] ?? Row(reason: kind.reason, step: kind.step, topic: kind.topic)
        row.letters += 1
        if let time = letter?.timestamp, time >= 0 {
            row.first = min(row.first, time)
            row.last = max(row.last, time)
        }
        kinds[kind] = row
    }

    /// The most frequent first.
    var rows: [Row] {
        kinds.values.sorted {
            $0.letters != $1.letters
                ? $0.letters > $1.letters : ($0.reason, $0.step, $0.topic) < ($1.reason, $1.step, $1.topic)
        }
    }
}
