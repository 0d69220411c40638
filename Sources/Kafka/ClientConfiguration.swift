internal import CLibrdkafka

/// What a client of a cluster is configured with: the brokers, and any of librdkafka's properties by their own names.
///
/// Properties are passed on as they are, so that every option of every version of librdkafka can be used, except the closed list
/// ``reserved``: what would break exactly-once, and what would execute or load something.
public struct ClientConfiguration: Sendable {
    /// `host:port`, several of them separated by commas.
    public var brokers: String
    /// librdkafka's properties, by name.
    public private(set) var properties: [String: String]

    /// A property that may not be passed through, and why.
    public struct Reserved: Sendable {
        /// The property's name in librdkafka.
        public let name: String
        /// Why, and what to use instead.
        public let reason: String
    }

    /// The properties that may not be passed through.
    public static let reserved: [Reserved] = {
        let ours = "Tagstream sets it, because exactly-once depends on it"
        let executes = "it runs or loads code, or reads a file of the machine"
        return [
            Reserved(name: "enable.auto.commit", reason: ours), Reserved(name: "auto.commit.enable", reason: ours),
            Reserved(name: "enable.auto.offset.store", reason: ours), Reserved(name: "isolation.level", reason: ours),
            Reserved(name: "enable.idempotence", reason: ours), Reserved(name: "acks", reason: ours),
            Reserved(name: "request.required.acks", reason: ours),
            Reserved(name: "enable.gapless.guarantee", reason: ours),
            Reserved(name: "enable.partition.eof", reason: ours),
            Reserved(name: "auto.offset.reset", reason: "use --from earliest|latest"),
            Reserved(name: "transactional.id", reason: "it is made of the application's name, --slot and the lane"),
            Reserved(name: "group.id", reason: "use --group"),
            Reserved(
                name: "group.instance.id",
                reason: "use the setting input.static_member, to which each lane's number is appended"
            ),
            Reserved(name: "bootstrap.servers", reason: "use --brokers"),
            Reserved(name: "metadata.broker.list", reason: "use --brokers"),
            Reserved(name: "delivery.report.only.error", reason: ours), Reserved(name: "dr_cb", reason: ours),
            Reserved(name: "group.protocol", reason: "a lane gives all partitions back before it takes others"),
            Reserved(name: "queuing.strategy", reason: ours),
            Reserved(name: "queue.buffering.backpressure.threshold", reason: ours),
            Reserved(name: "max.in.flight", reason: ours),
            Reserved(name: "max.in.flight.requests.per.connection", reason: ours),
            Reserved(name: "plugin.library.paths", reason: executes),
            Reserved(name: "sasl.kerberos.kinit.cmd", reason: executes),
            Reserved(name: "ssl.engine.location", reason: executes), Reserved(name: "ssl.engine.id", reason: executes),
            Reserved(name: "ssl.providers", reason: executes),
            Reserved(name: "sasl.oauthbearer.token.endpoint.url", reason: executes),
            Reserved(name: "enable.sasl.oauthbearer.unsecure.jwt", reason: "it accepts tokens that nobody signed"),
            Reserved(name: "test.mock.num.brokers", reason: "use tagstream demo for an embedded cluster"),
        ]
    }()

    /// Checks and keeps properties.
    ///
    /// - Throws: ``ConfigurationProblem`` for a reserved property, one that the linked librdkafka does not have or a value it refuses,
    ///   and for combinations that are known to be broken in the linked version.
    public init(brokers: String, properties: [String: String] = [:]) throws(ConfigurationProblem) {
        self.brokers = brokers
        self.properties = properties
        for (name, value) in properties.sorted(by: { $0.key < $1.key }) { try Self.check(name, value) }
        guard !brokers.isEmpty else {
            throw ConfigurationProblem("no brokers are given, expected host:port, several of them separated by commas")
        }
    }

    private static func check(_ name: String, _ value: String) throws(ConfigurationProblem) {
        if let reserved = reserved.first(where: { $0.name == name }) {
            throw ConfigurationProblem("the property \"\(name)\" cannot be set: \(reserved.reason)")
        }
        if name == "partition.assignment.strategy", value.contains("cooperative") {
            throw ConfigurationProblem(
                "\"\(name)\" is \"\(value)\", but a lane gives all partitions back before it takes others; "
                    + "expected range or roundrobin"
            )
        }
        let probe = try RawConfiguration()
        try probe.set(name, value)
    }
}

/// A configuration that cannot be used: one sentence that names the property, what was found and what was expected.
public struct ConfigurationProblem: Error, Sendable, CustomStringConvertible {
    /// The sentence.
    public var description: String
    init(_ description: String) { self.description = description }
}

/// The version of the librdkafka that this process is linked to.
public struct LibrdkafkaVersion: Sendable, Comparable, CustomStringConvertible {
    private let number: Int32

    /// The linked one, asked of the library itself and not of the header this was compiled with.
    public static var linked: LibrdkafkaVersion { LibrdkafkaVersion(number: rd_kafka_version()) }

    /// By release.
    public static func < (one: LibrdkafkaVersion, other: LibrdkafkaVersion) -> Bool {
        one.number >> 8 < other.number >> 8
    }

    /// `2.0.2`.
    public var description: String { "\(number >> 24).\(number >> 16 & 0xFF).\(number >> 8 & 0xFF)" }
}

/// Owner of a C configuration until a client takes it over.
struct RawConfiguration: ~Copyable {
    private var handle: OpaquePointer?

    init() throws(ConfigurationProblem) {
        guard let handle = rd_kafka_conf_new() else {
            throw ConfigurationProblem("no memory for a client's configuration")
        }
        self.handle = handle
    }

    deinit { if let handle { rd_kafka_conf_destroy(handle) } }

    /// The C handle, still owned by this value.
    var pointer: OpaquePointer? { handle }

    func set(_ name: String, _ value: String) throws(ConfigurationProblem) {
        var message = [CChar](repeating: 0, count: 512)
        let result = rd_kafka_conf_set(handle, name, value, &message, message.count)
        guard result == RD_KAFKA_CONF_OK else {
            let text = message.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
            throw ConfigurationProblem("the property \"\(name)\" cannot be \"\(Self.hidden(name, value))\": \(text)")
        }
    }

    /// Gives the handle up to a client.
    mutating func take() -> OpaquePointer? {
        defer { handle = nil }
        return handle
    }

    /// A value as it may stand in a message: secrets are not repeated.
    private static func hidden(_ name: String, _ value: String) -> String {
        let isSecret = ["password", "secret", "jaas", "key.pem", "token"].contains { name.contains($0) }
        return isSecret ? "(hidden)" : value
    }
}
