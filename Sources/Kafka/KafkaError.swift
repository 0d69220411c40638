internal import CLibrdkafka

/// What to do about an error: there is no fourth thing.
public enum Remedy: Sendable, Equatable {
    /// Call again with the same arguments.
    case retry
    /// Abort the transaction, go back to where it began, and do its work again.
    case abort
    /// The client is of no use any more: destroy it. What the open transaction came to is unknown.
    case exit
}

/// An error of librdkafka or of a broker, with what was being done and what to do about it.
public struct KafkaError: Error, Sendable, CustomStringConvertible {
    /// librdkafka's code (`rd_kafka_resp_err_t`): negative for errors of the client itself.
    public var code: Int32
    /// The code's name, such as `_TIMED_OUT` or `TOPIC_AUTHORIZATION_FAILED`.
    public var name: String
    /// What was being done.
    public var operation: String
    /// librdkafka's explanation.
    public var reason: String
    /// Whether the same call may succeed when it is repeated.
    public var isRetriable: Bool
    /// Whether the open transaction has to be aborted.
    public var requiresAbort: Bool
    /// Whether the client cannot go on at all.
    public var isFatal: Bool
    /// Whether it is ``inDoubt(while:)``.
    public private(set) var isInDoubt = false

    /// What to do: librdkafka's header demands exactly this order, and that an error without any flag counts as fatal
    /// (rdkafka.h, "Transactional producer API").
    public var remedy: Remedy {
        if isFatal { return .exit }
        if requiresAbort { return .abort }
        return isRetriable ? .retry : .exit
    }

    /// Whether another client has taken this one's place: the same transactional id is in use elsewhere.
    public var isFenced: Bool {
        code == RD_KAFKA_RESP_ERR__FENCED.rawValue || code == RD_KAFKA_RESP_ERR_PRODUCER_FENCED.rawValue
            || code == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH.rawValue
            || code == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID.rawValue
    }

    /// Whether the local queue of outgoing records is full: what was produced has to be delivered first.
    public var isQueueFull: Bool { code == RD_KAFKA_RESP_ERR__QUEUE_FULL.rawValue }

    /// Whether a record is larger than client or broker accept.
    public var isTooLarge: Bool { code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE.rawValue }

    /// Whether a topic or partition does not exist (yet).
    public var isUnknownTopic: Bool {
        code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART.rawValue || code == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC.rawValue
            || code == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION.rawValue
    }

    /// Whether a committed offset no longer exists, or none was ever committed, and `auto.offset.reset` is `error`.
    public var isOffsetLost: Bool {
        code == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET.rawValue || code == RD_KAFKA_RESP_ERR__NO_OFFSET.rawValue
            || code == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE.rawValue
    }

    /// Whether the topic exists already.
    public var isTopicAlreadyThere: Bool { code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS.rawValue }

    /// Whether the group does not know this member in its generation: it refuses whatever else the member sends in it, however late.
    public var isStaleMembership: Bool {
        code == RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION.rawValue || code == RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID.rawValue
            || code == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID.rawValue
    }

    /// Records or offsets of a transaction may be on their way: it cannot be ended by the producer that has sent them, and nothing has been
    /// asked for.
    public static func inDoubt(while operation: String) -> KafkaError {
        var error = KafkaError(RD_KAFKA_RESP_ERR__STATE, operation, reason: "what was sent has no answer")
        error.isInDoubt = true
        return error
    }

    /// The group knows this member by another name or generation than before, or not at all.
    public static func placeLost(while operation: String) -> KafkaError {
        var error = KafkaError(
            RD_KAFKA_RESP_ERR__STATE,
            operation,
            reason: "this member's place in the group has changed"
        )
        error.requiresAbort = true
        return error
    }

    /// A call of the client has not returned in its time: nobody knows what becomes of it, and the client cannot be used any more.
    static func stuck(while operation: String) -> KafkaError {
        var error = KafkaError(
            RD_KAFKA_RESP_ERR__TIMED_OUT,
            operation,
            reason: "librdkafka does not return from the call"
        )
        error.isRetriable = false
        return error
    }

    /// Whether time ran out.
    public var isTimeout: Bool {
        code == RD_KAFKA_RESP_ERR__TIMED_OUT.rawValue || code == RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT.rawValue
    }

    /// One sentence: what was being done, and what librdkafka says.
    public var description: String { "could not \(operation): \(reason) (\(name))" }
}

extension KafkaError {
    /// An error that is only a code; calls that return one say nothing of transactions, so it counts as fatal unless it is one of those
    /// that pass by themselves.
    init(_ code: rd_kafka_resp_err_t, _ operation: String, reason: String? = nil) {
        self.code = code.rawValue
        name = String(cString: rd_kafka_err2name(code))
        self.operation = operation
        self.reason = reason ?? String(cString: rd_kafka_err2str(code))
        isRetriable = Self.passing.contains(code.rawValue)
        requiresAbort = false
        isFatal = code == RD_KAFKA_RESP_ERR__FATAL
    }

    /// The error because of which a client cannot go on, of which its calls only say that there is one.
    init(fatalOf client: OpaquePointer, _ operation: String) {
        var message = [CChar](repeating: 0, count: 512)
        let code = rd_kafka_fatal_error(client, &message, message.count)
        let reason = message.withUnsafeBufferPointer { $0.baseAddress.map { String(cString: $0) } }
        self.init(code == RD_KAFKA_RESP_ERR_NO_ERROR ? RD_KAFKA_RESP_ERR__FATAL : code, operation, reason: reason)
        isRetriable = false
        isFatal = true
    }

    /// Whether another member of the group has taken this one's name.
    public var isNameTaken: Bool { code == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID.rawValue }

    /// An error as librdkafka would report it, made without it: for tests of whoever has to meet one.
    ///
    /// - Parameter flag: what librdkafka would say of it; nil for none of its three flags.
    package init(code: Int32, while operation: String, flag: Remedy?) {
        self.init(rd_kafka_resp_err_t(code), operation)
        isRetriable = flag == .retry
        requiresAbort = flag == .abort
        isFatal = flag == .exit
    }

    private static let passing: Set<Int32> = [
        RD_KAFKA_RESP_ERR__TIMED_OUT.rawValue, RD_KAFKA_RESP_ERR__TRANSPORT.rawValue,
        RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN.rawValue,
        RD_KAFKA_RESP_ERR__QUEUE_FULL.rawValue, RD_KAFKA_RESP_ERR__WAIT_COORD.rawValue,
        RD_KAFKA_RESP_ERR__WAIT_CACHE.rawValue,
        RD_KAFKA_RESP_ERR__RESOLVE.rawValue, RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS.rawValue,
        RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE.rawValue, RD_KAFKA_RESP_ERR_NOT_COORDINATOR.rawValue,
        RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE.rawValue, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION.rawValue,
        RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT.rawValue, RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT.rawValue,
        RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION.rawValue,
    ]

    /// Takes over an error object and destroys it.
    init(consuming error: OpaquePointer, _ operation: String) {
        code = rd_kafka_error_code(error).rawValue
        name = String(cString: rd_kafka_error_name(error))
        self.operation = operation
        reason = String(cString: rd_kafka_error_string(error))
        isRetriable = rd_kafka_error_is_retriable(error) != 0
        requiresAbort = rd_kafka_error_txn_requires_abort(error) != 0
        isFatal = rd_kafka_error_is_fatal(error) != 0
        rd_kafka_error_destroy(error)
    }

    /// Throws what an error object says, if there is one.
    static func check(_ error: OpaquePointer?, _ operation: @autoclosure () -> String) throws(KafkaError) {
        if let error { throw KafkaError(consuming: error, operation()) }
    }

    /// Throws unless the code says that all is well.
    static func check(_ code: rd_kafka_resp_err_t, _ operation: @autoclosure () -> String) throws(KafkaError) {
        if code != RD_KAFKA_RESP_ERR_NO_ERROR { throw KafkaError(code, operation()) }
    }
}
