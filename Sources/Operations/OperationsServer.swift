import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// An HTTP server for probes and scrapers, on one thread of its own.
///
/// Nothing that a client does reaches a lane: a report is made of copies. Every connection gets one answer and is closed; how many there
/// are, how long one lasts and what its headers take is bounded by ``Limits``. What is not bounded is how many requests come one after the
/// other: they cost this thread's time.
public final class OperationsServer: Sendable {
    /// What clients may take.
    public struct Limits: Sendable {
        /// Connections at a time; more are closed unanswered.
        public var connections = 64
        /// Milliseconds from a connection's begin to its end, answered or not.
        public var milliseconds: Int64 = 10_000
        /// Bytes of a request's headers.
        public var headerBytes = 16_384
        /// The documented limits.
        public init() {}
    }

    /// An address that cannot be listened at.
    public struct Failure: Error, CustomStringConvertible {
        /// One sentence.
        public var description: String
    }

    private let group: MultiThreadedEventLoopGroup
    private let channel: any Channel
    /// Where the server listens, with the port that the system chose if it was asked to.
    public let address: String

    /// Listens, and answers from now on.
    ///
    /// - Parameter report: makes a report; called on the server's thread, once for each request.
    /// - Throws: a ``Failure`` where the address cannot be listened at.
    public init(
        _ address: ListenAddress,
        limits: Limits = Limits(),
        report: @escaping @Sendable () -> WorkerReport
    ) async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let open = OpenConnections(limit: limits.connections)
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 64)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.maxMessagesPerRead, value: 1)
            .childChannelInitializer { channel in
                guard open.enter() else { return channel.eventLoop.makeFailedFuture(TooMany()) }
                channel.closeFuture.whenComplete { _ in open.leave() }
                var decoding = NIOHTTPDecoderLimitConfiguration()
                decoding.maxHeaderFieldSize = limits.headerBytes
                decoding.maxHeaderListSize = limits.headerBytes
                return channel.pipeline.configureHTTPServerPipeline(
                    withPipeliningAssistance: false,
                    withErrorHandling: true,
                    withDecoderLimitConfiguration: decoding
                ).flatMapThrowing {
                    try channel.pipeline.syncOperations.addHandler(RequestHandler(limits, report))
                }
            }
        do {
            channel = try await bootstrap.bind(host: address.host, port: address.port).get()
        } catch {
            try? await group.shutdownGracefully()
            throw Failure(description: "nobody can listen at \(address): \(error)")
        }
        self.group = group
        self.address = channel.localAddress.map(Self.text) ?? address.description
    }

    private static func text(_ address: SocketAddress) -> String {
        guard let host = address.ipAddress, let port = address.port else { return "\(address)" }
        return host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }

    /// Answers no more: the port is free and all connections are closed when it returns.
    public func stop() async {
        try? await channel.close()
        try? await group.shutdownGracefully()
    }
}

/// There are as many connections as there may be; one more is closed.
private struct TooMany: Error {}

/// How many connections are open.
private final class OpenConnections: Sendable {
    private let count = Atomic<Int>(0)
    private let limit: Int

    init(limit: Int) { self.limit = limit }

    /// Counts one more; false where there are as many as there may be.
    func enter() -> Bool {
        if count.wrappingAdd(1, ordering: .relaxed).newValue <= limit { return true }
        leave()
        return false
    }

    func leave() { count.wrappingSubtract(1, ordering: .relaxed) }
}
