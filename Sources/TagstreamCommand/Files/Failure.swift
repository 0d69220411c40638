import ArgumentParser
import Foundation

/// A failure with a message for a human and one of the documented exit codes.
struct Failure: Error, CustomStringConvertible {
    /// The exit codes that `tagstream --help` documents.
    enum Code: Int32 {
        case no = 1
        case usage = 2
        case kafka = 3
        case fenced = 4
    }

    var code: Code
    var description: String

    init(_ code: Code, _ description: String) {
        self.code = code
        self.description = description
    }
}

/// Runs a command's body; prints a failure the way every command does and exits with its code.
func reportingFailures(_ body: () async throws -> Void) async throws {
    do {
        try await body()
    } catch let failure as Failure {
        printError("tagstream: \(failure)")
        throw ExitCode(failure.code.rawValue)
    }
}

/// `1 mistake`, `2 mistakes`.
func counted(_ count: Int, _ noun: String) -> String { "\(count) \(noun)\(count == 1 ? "" : "s")" }

/// Writes a line to standard error.
func printError(_ line: String) {
    FileHandle.standardError.write(Data((line + "\n").utf8))
}
