internal import CLibrdkafka

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// What librdkafka says about a client: its log lines and the errors of its connections.
public struct ClientNotice: Sendable {
    /// syslog's levels: 3 error, 4 warning, 5 notice, 6 info, 7 debug.
    public var level: Int
    /// librdkafka's facility, such as `FAIL`, or the name of an error's code.
    public var facility: String
    /// The text.
    public var message: String
}

/// Called with notices, on threads of librdkafka: it must not block and must not call a client.
public typealias NoticeHandler = @Sendable (ClientNotice) -> Void

/// What the C callbacks of a client reach through its opaque pointer.
///
/// Lifetime: ``ClientHandle`` holds it and releases it after `rd_kafka_destroy` has returned; until then a callback may run, after that
/// none can. Threads: `notices` is immutable; everything else is touched only by the thread that polls the client, because librdkafka
/// serves rebalances and delivery reports from within the calls of that thread.
final class CallbackState: @unchecked Sendable {
    let notices: NoticeHandler
    /// The rebalance that the last poll came upon and that the owner has not taken yet.
    var rebalance: Rebalance?
    /// During close nobody takes rebalances any more: the callback gives the partitions back itself.
    var isClosing = false
    /// The first failed delivery since the transaction began.
    var failedDelivery: FailedDelivery?
    /// Records that were delivered since the transaction began.
    var delivered = 0
    /// Whether a record was given up since the transaction began of which nobody knows whether the broker has it, or will.
    var isInDoubt = false

    init(notices: @escaping NoticeHandler) { self.notices = notices }
}

/// Owner of a client's C handle: destroys it when neither a ``Client`` nor a call that has not returned needs it any more.
final class ClientHandle: @unchecked Sendable {
    let pointer: OpaquePointer
    let state: CallbackState

    init(_ pointer: OpaquePointer, _ state: CallbackState) {
        self.pointer = pointer
        self.state = state
    }

    deinit {
        // Waits for the client's threads; after it no callback can run, so `state` may go.
        rd_kafka_destroy(pointer)
    }
}

/// A client, used by one thread.
struct Client: ~Copyable {
    let owner: ClientHandle
    let handle: OpaquePointer
    let state: CallbackState

    /// Makes a client; the configuration is used up, whether that succeeds or not.
    init(
        _ kind: rd_kafka_type_t,
        _ configuration: consuming RawConfiguration,
        _ state: CallbackState,
        _ operation: String
    ) throws(KafkaError) {
        let raw = configuration.take()
        rd_kafka_conf_set_opaque(raw, Unmanaged.passUnretained(state).toOpaque())
        rd_kafka_conf_set_log_cb(raw) { handle, level, facility, text in
            // rd_kafka_opaque is null while the client is being made: those lines have no owner yet.
            guard let opaque = rd_kafka_opaque(handle) else { return }
            let state = Unmanaged<CallbackState>.fromOpaque(opaque).takeUnretainedValue()
            state.notices(
                ClientNotice(
                    level: Int(level),
                    facility: facility.map { String(cString: $0) } ?? "",
                    message: text.map { String(cString: $0) } ?? ""
                )
            )
        }
        rd_kafka_conf_set_error_cb(raw) { _, code, reason, opaque in
            guard let opaque else { return }
            let state = Unmanaged<CallbackState>.fromOpaque(opaque).takeUnretainedValue()
            let name = String(cString: rd_kafka_err2name(rd_kafka_resp_err_t(code)))
            state.notices(ClientNotice(level: 4, facility: name, message: reason.map { String(cString: $0) } ?? ""))
        }
        var message = [CChar](repeating: 0, count: 512)
        guard let handle = rd_kafka_new(kind, raw, &message, message.count) else {
            rd_kafka_conf_destroy(raw)  // rd_kafka_new takes it over only when it succeeds
            let text = message.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
            throw KafkaError(rd_kafka_last_error(), operation, reason: text)
        }
        owner = ClientHandle(handle, state)
        self.handle = handle
        self.state = state
    }
}
