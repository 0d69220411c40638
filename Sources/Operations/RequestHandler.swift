import Foundation
import NIOCore
import NIOHTTP1

/// Answers the first request of a connection, and closes it.
///
/// A request's body is never waited for. A connection that has not come to its end in time is closed, whatever it waits for: bytes that
/// come one by one, an answer that nobody reads.
final class RequestHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let limits: OperationsServer.Limits
    private let report: @Sendable () -> WorkerReport
    private var deadline: Scheduled<Void>?
    private var isAnswered = false

    init(_ limits: OperationsServer.Limits, _ report: @escaping @Sendable () -> WorkerReport) {
        self.limits = limits
        self.report = report
    }

    func handlerAdded(context: ChannelHandlerContext) {
        let channel = context.channel
        deadline = context.eventLoop.scheduleTask(in: .milliseconds(limits.milliseconds)) {
            channel.close(promise: nil)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        deadline?.cancel()
        deadline = nil
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard case .head(let head) = unwrapInboundIn(data), !isAnswered else { return }
        isAnswered = true
        let answer = Answer(to: head.method.rawValue, head.uri, report)
        var headers: HTTPHeaders = [
            "content-type": answer.contentType, "content-length": "\(answer.body.count)", "connection": "close",
            "cache-control": "no-store",
        ]
        if answer.status == 405 { headers.add(name: "allow", value: "GET, HEAD") }
        context.write(
            wrapOutboundOut(
                .head(.init(version: .http1_1, status: .init(statusCode: answer.status), headers: headers))
            ),
            promise: nil
        )
        if head.method != .HEAD {
            context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: answer.body)))), promise: nil)
        }
        let channel = context.channel
        context.writeAndFlush(wrapOutboundOut(.end(nil))).whenComplete { _ in channel.close(promise: nil) }
    }

    /// Broken connections are the clients' business: they are closed, and nobody is told.
    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}

/// An answer to a request.
struct Answer {
    var status: Int
    var contentType: String
    var body: Data

    /// Answers a request; only the paths that there are ask for a report.
    init(to method: String, _ target: String, _ report: () -> WorkerReport) {
        guard method == "GET" || method == "HEAD" else {
            self.init(status: 405, Self.plain, "expected GET or HEAD\n")
            return
        }
        switch target.prefix(while: { $0 != "?" }) {
        case "/livez":
            let report = report()
            self.init(Health.liveness(of: report), Health.livenessBody(of: report))
        case "/readyz":
            let report = report()
            self.init(Health.readiness(of: report), Health.readinessBody(of: report))
        case "/metrics":
            self.init(status: 200, MetricsPage.contentType, MetricsPage.text(of: report()))
        default: self.init(status: 404, Self.plain, "expected /livez, /readyz or /metrics\n")
        }
    }

    private init(_ finding: Health.Finding, _ body: Data) {
        status = finding.isGood ? 200 : 503
        contentType = "application/json"
        self.body = body
    }

    private init(status: Int, _ contentType: String, _ text: String) {
        self.status = status
        self.contentType = contentType
        body = Data(text.utf8)
    }

    private static let plain = "text/plain; charset=utf-8"
}
