/// A dead letter, read back from its topic: the original record as it was, and why it could not go on.
///
/// The opposite of ``DeadLetterEncoder``. Rare, so it owns its bytes.
public struct DeadLetter: Sendable, Equatable {
    /// A header of the original record.
    public struct Header: Sendable, Equatable {
        /// The header's name.
        public var name: [UInt8]
        /// The header's value; nil for null.
        public var value: [UInt8]?

        /// Makes one.
        public init(_ name: [UInt8], _ value: [UInt8]?) {
            self.name = name
            self.value = value
        }
    }

    /// A letter's place among those that one value was split over.
    public struct Part: Sendable, Equatable {
        /// From 1 to ``count``.
        public var number: Int
        /// How many there are.
        public var count: Int
    }

    /// The original key; nil for null, and where it was left out.
    public var key: [UInt8]?
    /// The original value, or one part of it; nil for a tombstone.
    public var value: [UInt8]?
    /// The original headers, without Tagstream's own.
    public var headers: [Header]
    /// `dlq_reason`.
    public var reason: String
    /// `dlq_detail`.
    public var detail: String
    /// `dlq_step`.
    public var step: String
    /// The topic that the record was read from.
    public var topic: String
    /// The partition that the record was read from.
    public var partition: Int32
    /// The record's offset there.
    public var offset: Int64
    /// The record's own Kafka timestamp in milliseconds since 1970; -1 where the broker kept none.
    public var timestamp: Int64
    /// The catalogue's position that was in force.
    public var epoch: Int64
    /// Which part of the value this is; nil for all of it.
    public var part: Part?
    /// What did not fit: `headers`, `key` or `key,headers`; nil when everything is there.
    public var leftOut: String?

    /// `topic/partition/offset` of the original record.
    public var source: String { "\(topic)/\(partition)/\(offset)" }

    /// Why another try cannot be made with what is here; nil where it can.
    ///
    /// A key that was left out does not matter: nothing is derived from it. Headers do: the token may be one.
    public var obstacle: String? {
        guard leftOut?.contains("headers") == true else { return nil }
        return "its headers were left out (dlq_left_out: \(leftOut ?? "")), and the token may be one of them"
    }

    /// Reads a record of the dead letters' topic.
    ///
    /// Of several headers of one name the last counts: Tagstream's own stand behind the record's.
    ///
    /// - Throws: ``DeadLetterProblem`` for a record that Tagstream has not written, or has written in another format.
    public init(key: [UInt8]?, value: [UInt8]?, headers all: [Header]) throws(DeadLetterProblem) {
        let notes = Notes(all)
        let version = try notes.number("dlq_version")
        guard version == DeadLetterEncoder.version else {
            throw DeadLetterProblem("dlq_version is \(version), expected \(DeadLetterEncoder.version)")
        }
        self.key = key
        self.value = value
        headers = all.filter { !DeadLetterEncoder.isOurs($0.name) }
        reason = try notes.text("dlq_reason")
        detail = try notes.text("dlq_detail")
        step = try notes.text("dlq_step")
        topic = try notes.text("dlq_topic")
        let partition = try notes.number("dlq_partition")
        guard let narrow = Int32(exactly: partition) else {
            throw DeadLetterProblem("dlq_partition is \(partition), expected a partition's number")
        }
        self.partition = narrow
        offset = try notes.number("dlq_offset")
        epoch = try notes.number("dlq_epoch")
        timestamp = try notes.timestamp("dlq_timestamp")
        part = try notes.part("dlq_part")
        leftOut = notes.value("dlq_left_out")
    }

    /// Puts the parts of one value together again; nil when some are missing or in another order.
    public static func joined(_ parts: [DeadLetter]) -> DeadLetter? {
        guard var whole = parts.first else { return nil }
        for (index, letter) in parts.enumerated() {
            guard letter.part == Part(number: index + 1, count: parts.count), letter.source == whole.source else {
                return nil
            }
        }
        whole.value = parts.flatMap { $0.value ?? [] }
        whole.part = nil
        return whole
    }
}

/// Why a record of the dead letters' topic is no dead letter: one sentence.
public struct DeadLetterProblem: Error, Sendable, Equatable, CustomStringConvertible {
    /// The sentence.
    public var description: String
    package init(_ description: String) { self.description = description }
}

/// Tagstream's own headers of a dead letter.
private struct Notes {
    private var texts: [String: String] = [:]

    init(_ headers: [DeadLetter.Header]) {
        for header in headers where DeadLetterEncoder.isOurs(header.name) {
            texts[String(decoding: header.name, as: UTF8.self)] = header.value.map {
                String(decoding: $0, as: UTF8.self)
            }
        }
    }

    func value(_ name: String) -> String? { texts[name] }

    func text(_ name: String) throws(DeadLetterProblem) -> String {
        guard let text = texts[name] else {
            throw DeadLetterProblem("there is no header \(name), expected those of a dead letter")
        }
        return text
    }

    func number(_ name: String) throws(DeadLetterProblem) -> Int64 {
        let text = try text(name)
        guard let number = Int64(text), number >= 0 else {
            throw DeadLetterProblem("\(name) is \"\(DeadLetterEncoder.bounded(text))\", expected a decimal number")
        }
        return number
    }

    /// 1970 stands for a timestamp that the broker did not keep, which is below zero for the pipeline.
    func timestamp(_ name: String) throws(DeadLetterProblem) -> Int64 {
        var text = try text(name)
        guard let micros = text.withUTF8({ Timestamp.parse(UnsafeRawBufferPointer($0)) }) else {
            throw DeadLetterProblem("\(name) is \"\(DeadLetterEncoder.bounded(text))\", expected a timestamp")
        }
        return micros <= 0 ? -1 : micros / 1000
    }

    func part(_ name: String) throws(DeadLetterProblem) -> DeadLetter.Part? {
        guard let text = texts[name] else { return nil }
        let numbers = text.split(separator: "/", omittingEmptySubsequences: false).map { Int($0) }
        guard numbers.count == 2, let number = numbers[0], let count = numbers[1], 1...max(1, count) ~= number else {
            throw DeadLetterProblem("\(name) is \"\(DeadLetterEncoder.bounded(text))\", expected a part such as 1/2")
        }
        return DeadLetter.Part(number: number, count: count)
    }
}
