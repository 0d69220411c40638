import Testing

@testable import Kafka

@Suite(.timeLimit(.minutes(5))) struct `A record` {
    /// What is written, and has to be read.
    struct Row: Sendable {
        var key: [UInt8]?
        var value: [UInt8]?
        var headers: [(String, [UInt8]?)] = []
        var timestamp: Int64?
    }

    private static let rows = [
        Row(key: nil, value: Array("a value".utf8)),
        Row(key: [], value: []),
        Row(key: Array("k".utf8), value: nil),
        Row(key: nil, value: nil),
        Row(key: [0, 255], value: [0, 1, 0]),
        Row(key: nil, value: [1], headers: [("absent", nil), ("empty", []), ("bytes", [0, 200])]),
        Row(key: nil, value: [2], headers: [("same", [1]), ("other", [2]), ("same", [3])], timestamp: 0),
        Row(key: nil, value: [3], timestamp: 1_234_567_890_123),
        Row(key: nil, value: [4], headers: (0..<200).map { ("h\($0)", [UInt8($0)]) }),
    ]

    @Test func `comes back as it was written`() throws {
        let harness = try Harness()
        var producer = try harness.producer()
        try producer.initTransactions(timeout: 10_000)
        let topic = try producer.topic("t")
        try producer.begin()
        for (label, row) in Self.rows.enumerated() { try Self.write(row, to: topic, of: &producer, label: label) }
        try producer.commit(timeout: 10_000)
        let delivered = producer.delivered
        #expect(delivered == Self.rows.count)

        let reader = try harness.reader()
        var batch = MessageBatch()
        var silence = 0
        while batch.count < Self.rows.count, silence < 100 {
            let before = batch.count
            _ = try reader.poll(into: &batch, records: 100, bytes: 1 << 20, timeout: 100)
            silence = batch.count == before ? silence + 1 : 0
        }
        let count = batch.count
        try #require(count == Self.rows.count)
        for (index, row) in Self.rows.enumerated() {
            let record = batch[index]
            #expect(record.topic == "t")
            #expect(record.topicIdentity == batch[0].topicIdentity)
            #expect(record.offset == Int64(index))
            #expect(record.key.map(Array.init) == row.key, "key \(index)")
            #expect(record.value.map(Array.init) == row.value, "value \(index)")
            var headers: [(String, [UInt8]?)] = []
            record.forEachHeader { headers.append((String(decoding: $0, as: UTF8.self), $1.map(Array.init))) }
            #expect(headers.map(\.0) == row.headers.map(\.0))
            #expect(headers.map(\.1) == row.headers.map(\.1))
            // Without one the time of the call counts, and librdkafka takes 0 for that.
            if let timestamp = row.timestamp, timestamp > 0 {
                #expect(record.timestamp == timestamp)
            } else {
                #expect(record.timestamp > 1_600_000_000_000)
            }
        }
        batch.removeAll()
        let isEmpty = batch.isEmpty
        #expect(isEmpty)
    }

    private static func write(
        _ row: Row,
        to topic: TransactionalProducer.Topic,
        of producer: inout TransactionalProducer,
        label: Int
    ) throws {
        // C strings and values that live until the record has been handed over.
        let names = row.headers.map { Array($0.0.utf8CString) }
        let values = row.headers.map { $0.1 ?? [] }
        var headers: [TransactionalProducer.Header] = []
        for (index, header) in row.headers.enumerated() {
            let name = UnsafeMutableBufferPointer<CChar>.allocate(capacity: names[index].count)
            _ = name.initialize(from: names[index])
            let value = UnsafeMutableRawBufferPointer.allocate(byteCount: values[index].count, alignment: 1)
            value.copyBytes(from: values[index])
            headers.append(
                TransactionalProducer.Header(
                    name: name.baseAddress!,
                    value: header.1 == nil ? nil : UnsafeRawBufferPointer(value)
                )
            )
        }
        defer {
            for header in headers {
                header.name.deallocate()
                header.value?.deallocate()
            }
        }
        let key = row.key ?? []
        let value = row.value ?? []
        try key.withUnsafeBytes { key in
            try value.withUnsafeBytes { value in
                try producer.produce(
                    to: topic,
                    partition: 0,
                    key: row.key == nil ? nil : key,
                    value: row.value == nil ? nil : value,
                    headers: headers,
                    timestamp: row.timestamp,
                    label: label
                )
            }
        }
    }

    @Test func `comes in batches of so many records, or so many bytes, at most`() throws {
        let harness = try Harness()
        try harness.fill((0..<20).map { "value \($0) of ten" })
        var reader = try harness.reader()
        #expect(try reader.read(3).map(\.offset) == [0, 1, 2])
        var batch = MessageBatch()
        _ = try reader.poll(into: &batch, records: 100, bytes: 40, timeout: 5000)
        #expect(batch.copies.count == 3)
        batch.removeAll()
        _ = try reader.poll(into: &batch, records: 0, bytes: 40, timeout: 5000)
        #expect(batch.copies == [])
        #expect(try reader.read(14).map(\.offset) == Array(6..<20))
    }

    @Test func `is followed by the partition's end`() throws {
        let harness = try Harness()
        try harness.fill(["a", "b"])
        let reader = try harness.reader()
        var batch = MessageBatch()
        for _ in 0..<100 where batch.ends.isEmpty {
            _ = try reader.poll(into: &batch, records: 10, bytes: 1 << 20, timeout: 100)
        }
        let ends = batch.ends
        #expect(ends.map(\.partition) == [TopicPartition("t", 0)])
        #expect(ends.map(\.offset) == [2])
        #expect(batch.copies.map(\.text) == ["a", "b"])
        #expect(try reader.watermarks(of: TopicPartition("t", 0), timeout: 5000) == (0, 2))
    }

    @Test func `is read again after going back`() throws {
        let harness = try Harness(topics: ["t": 2])
        for partition: Int32 in [0, 1] { try harness.fill((0..<10).map { "\($0)" }, partition: partition) }
        var reader = try harness.reader(partitions: 2)
        #expect(try reader.read(20).count == 20)
        try reader.seek([TopicPartition("t", 0): 4, TopicPartition("t", 1): 8])
        let again = try reader.read(8)
        #expect(again.filter { $0.partition == 0 }.map(\.offset) == Array(4..<10))
        #expect(again.filter { $0.partition == 1 }.map(\.offset) == [8, 9])
        try reader.seek([:])
        #expect(throws: KafkaError.self) { try reader.seek([TopicPartition("elsewhere", 0): 0]) }
    }

    @Test func `waits while its partition is paused, and is not read twice for a resume that was none`() throws {
        let harness = try Harness()
        try harness.fill(["a"])
        let partition = TopicPartition("t", 0)
        var reader = try harness.reader()
        #expect(try reader.read(1).map(\.text) == ["a"])
        try reader.resume([partition])
        try harness.fill(["b"])
        #expect(try reader.read(1).map(\.text) == ["b"])
        try reader.pause([partition])
        try harness.fill(["c"])
        var batch = MessageBatch()
        _ = try reader.poll(into: &batch, records: 1, bytes: 1, timeout: 300)
        #expect(batch.copies == [])
        try reader.resume([partition])
        #expect(try reader.read(1).map(\.text) == ["c"])
    }

    @Test func `belongs to one cluster of two in a process`() throws {
        let one = try Harness()
        let other = try Harness()
        #expect(one.cluster.bootstrapServers != other.cluster.bootstrapServers)
        try one.fill(["one"])
        try other.fill(["other"])
        var reader = try one.reader()
        var second = try other.reader()
        #expect(try reader.read(1).map(\.text) == ["one"])
        #expect(try second.read(1).map(\.text) == ["other"])
    }

    @Test func `is refused at once when it is too large, and when the queue is full`() throws {
        let harness = try Harness()
        var producer = try harness.producer(queueBytes: 1 << 20)
        try producer.initTransactions(timeout: 10_000)
        let topic = try producer.topic("t")
        try producer.begin()
        let error = #expect(throws: KafkaError.self) {
            try producer.produce(String(repeating: "x", count: 2_000_000), to: topic)
        }
        #expect(error?.isTooLarge == true)
        harness.cluster.setDown(true)
        let half = String(repeating: "x", count: 500_000)
        let full = #expect(throws: KafkaError.self) { for _ in 0..<10 { try producer.produce(half, to: topic) } }
        #expect(full?.isQueueFull == true)
        harness.cluster.setDown(false)
        producer.settle(2)
        try producer.commit(timeout: 30_000)
    }
}
