import Testing

@testable import Kafka

@Suite struct `A Kafka error` {
    @Test(
        arguments: [
            (Remedy.retry, Remedy.retry), (.abort, .abort), (.exit, .exit), (nil, .exit),
        ] as [(Remedy?, Remedy)]
    )
    func `is met by its flag, and without any by giving the client up`(flag: Remedy?, remedy: Remedy) {
        #expect(KafkaError(code: Code.requestTimedOut, while: "commit", flag: flag).remedy == remedy)
    }

    @Test func `that is fatal is fatal, and one that requires an abort is not repeated`() {
        var error = KafkaError(code: Code.requestTimedOut, while: "commit", flag: .retry)
        error.requiresAbort = true
        #expect(error.remedy == .abort)
        error.isFatal = true
        #expect(error.remedy == .exit)
    }

    /// What kind of error a code is, beside its remedy.
    enum Kind: Sendable { case fenced, full, large, unknownTopic, offsetLost, exists, timeout, none }

    @Test(arguments: [
        (Code.fenced, Kind.fenced), (Code.producerFenced, .fenced), (Code.invalidEpoch, .fenced),
        (Code.fencedInstance, .fenced), (Code.queueFull, .full), (Code.messageTooLarge, .large), (3, .unknownTopic),
        (-188, .unknownTopic), (-190, .unknownTopic), (-140, .offsetLost), (-168, .offsetLost), (1, .offsetLost),
        (36, .exists), (Code.timedOut, .timeout), (Code.requestTimedOut, .timeout), (Code.illegalGeneration, .none),
        (Code.invalidState, .none), (Code.topicForbidden, .none),
    ])
    func `is known by its code`(code: Int32, kind: Kind) {
        let error = KafkaError(code: code, while: "work", flag: nil)
        #expect(error.isFenced == (kind == .fenced))
        #expect(error.isQueueFull == (kind == .full))
        #expect(error.isTooLarge == (kind == .large))
        #expect(error.isUnknownTopic == (kind == .unknownTopic))
        #expect(error.isOffsetLost == (kind == .offsetLost))
        #expect(error.isTopicAlreadyThere == (kind == .exists))
        #expect(error.isTimeout == (kind == .timeout))
    }

    @Test func `says what was being done, why it failed, and its name`() {
        let error = KafkaError(code: Code.illegalGeneration, while: "send the offsets", flag: .abort)
        #expect(error.name == "ILLEGAL_GENERATION")
        #expect(
            error.description
                == "could not send the offsets: Broker: Specified group generation id is not valid (ILLEGAL_GENERATION)"
        )
    }
}

@Suite struct `A client's configuration` {
    @Test(arguments: ClientConfiguration.reserved.map(\.name))
    func `refuses what exactly-once depends on, and what runs code`(name: String) {
        let problem = #expect(throws: ConfigurationProblem.self) {
            _ = try ClientConfiguration(brokers: "b:1", properties: [name: "1"])
        }
        #expect(problem?.description.hasPrefix("the property \"\(name)\" cannot be set: ") == true)
    }

    @Test(arguments: [
        ("no.such.property", "1", "no.such.property"), ("linger.ms", "soon", "linger.ms"),
        ("fetch.wait.max.ms", "-1", "fetch.wait.max.ms"),
    ])
    func `refuses what librdkafka does not know`(name: String, value: String, part: String) {
        let problem = #expect(throws: ConfigurationProblem.self) {
            _ = try ClientConfiguration(brokers: "b:1", properties: [name: value])
        }
        #expect(problem?.description.contains(part) == true)
    }

    @Test func `refuses to have no brokers`() {
        #expect(throws: ConfigurationProblem.self) { _ = try ClientConfiguration(brokers: "") }
    }

    @Test(arguments: ["cooperative-sticky", "range,cooperative-sticky"])
    func `refuses assignors whose answers the consumer does not give`(strategy: String) {
        #expect(throws: ConfigurationProblem.self) {
            _ = try ClientConfiguration(brokers: "b:1", properties: ["partition.assignment.strategy": strategy])
        }
    }

    @Test func `passes the rest on, to whom it concerns`() throws {
        let properties = [
            "client.id": "x", "linger.ms": "7", "fetch.wait.max.ms": "20", "compression.type": "lz4",
            "partition.assignment.strategy": "roundrobin", "security.protocol": "plaintext",
        ]
        let configuration = try ClientConfiguration(brokers: "b:1", properties: properties)
        #expect(configuration.properties == properties)
        _ = try Consumer(configuration, Consumer.Options(group: "g", instanceID: "i"))
        _ = try TransactionalProducer(configuration, TransactionalProducer.Options(transactionalID: "p"))
        _ = try Admin(configuration)
    }

    @Test func `repeats no secret`() {
        let problem = #expect(throws: ConfigurationProblem.self) {
            let raw = try RawConfiguration()
            try raw.set("no.such.password", "hunter2")
        }
        #expect(problem?.description.contains("hunter2") == false)
    }

    @Test func `knows the version it runs with`() {
        #expect(!(LibrdkafkaVersion.linked < LibrdkafkaVersion.linked))
        #expect(LibrdkafkaVersion.linked.description.split(separator: ".").count == 3)
    }
}
