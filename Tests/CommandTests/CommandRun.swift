import ArgumentParser
import Foundation
import Tagstream

@testable import TagstreamCommand

/// Runs commands as a shell would, in this process.
enum CommandRun {
    /// The exit code of a command.
    static func run(_ arguments: [String]) async -> Int32 {
        do {
            var command = try TagstreamCommand.parseAsRoot(arguments)
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
            return 0
        } catch let code as ExitCode {
            return code.rawValue
        } catch {
            return TagstreamCommand.exitCode(for: error) == .validationFailure ? 2 : -1
        }
    }

    /// Lends a file of this content.
    static func withPath(_ text: String, _ body: (String) async throws -> Void) async throws {
        let path = NSTemporaryDirectory() + UUID().uuidString + ".json"
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(atPath: path) }
        try await body(path)
    }

    /// What the catalogue's topic says now.
    static func catalogue(_ brokers: String) throws -> Catalogue {
        var settings = Settings()
        settings.brokers = brokers
        return try settings.presentCatalogue()
    }
}
