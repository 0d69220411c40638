import Foundation
import Logging
import Tagstream

/// Makes the logger of a command: human lines on standard error, or JSON lines for a log collector.
enum LoggerFactory {
    static func make(json: Bool, level name: String) throws -> Logger {
        guard let level = Logger.Level(rawValue: name) else {
            throw Failure(
                .usage,
                "--log-level is \"\(name)\", expected one of \(Logger.Level.allCases.map(\.rawValue).joined(separator: ", "))"
            )
        }
        var logger = Logger(label: "tagstream") { _ in
            json ? JSONLogHandler() as any LogHandler : StreamLogHandler.standardError(label: "tagstream")
        }
        logger.logLevel = level
        return logger
    }
}

/// One JSON object a line.
///
/// Text from outside is escaped by the writer, so that no event can forge a line.
private struct JSONLogHandler: LogHandler {
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.info

    private static let time = Date.ISO8601FormatStyle(includingFractionalSeconds: true)

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var members: [JSONTree.Member] = [
            .init(key: "timestamp", value: .string(Date().formatted(Self.time))),
            .init(key: "level", value: .string(event.level.rawValue)),
            .init(key: "message", value: .string("\(event.message)")),
        ]
        let all = self.metadata.merging(event.metadata ?? [:]) { $1 }
        for (key, value) in all.sorted(by: { $0.key < $1.key }) {
            members.append(.init(key: key, value: .string("\(value)")))
        }
        printError(JSONTree.object(members).jsonText)
    }
}
