import Foundation
import Tagstream

/// What tells one version of a file from another without reading it.
public struct FileSignature: Sendable, Equatable {
    /// In bytes.
    public var size: Int64
    /// When it was last changed, in nanoseconds since 1970.
    public var changed: Int64
    /// Which file it is: another one after a rename over the old.
    public var node: UInt64

    /// Makes one.
    public init(size: Int64, changed: Int64, node: UInt64) {
        self.size = size
        self.changed = changed
        self.node = node
    }
}

/// Why a file could not be read.
public enum FileFailure: Error, Sendable, Equatable {
    /// There is none, or it may not be read.
    case missing(String)
    /// It was written while it was read: another look will tell.
    case changing
    /// It is larger than the limit.
    case tooLarge(size: Int64, limit: Int64)
}

/// Files as a watcher sees them; tests give others.
public struct FileAccess: Sendable {
    /// The signature of the file at a path; nil where there is none.
    public var signature: @Sendable (String) -> FileSignature?
    /// A private copy of a file's bytes, at most so many.
    public var read: @Sendable (String, Int64) throws -> [UInt8]

    /// Makes one of its parts.
    public init(
        signature: @escaping @Sendable (String) -> FileSignature?,
        read: @escaping @Sendable (String, Int64) throws -> [UInt8]
    ) {
        self.signature = signature
        self.read = read
    }

    /// The file system.
    ///
    /// Reading copies: a file that another process truncates while it is mapped would end this one. Blocks.
    public static let system = FileAccess(signature: { signature(of: $0) }, read: { try copy(of: $0, limit: $1) })

    private static func signature(of path: String) -> FileSignature? {
        var found = stat()
        return stat(path, &found) == 0 ? FileSignature(found) : nil
    }

    private static func copy(of path: String, limit: Int64) throws -> [UInt8] {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw FileFailure.missing(String(cString: strerror(errno))) }
        defer { close(file) }
        var before = stat()
        guard fstat(file, &before) == 0 else { throw FileFailure.missing(String(cString: strerror(errno))) }
        guard before.st_mode & S_IFMT == S_IFREG else { throw FileFailure.missing("it is not a regular file") }
        guard Int64(before.st_size) <= limit else {
            throw FileFailure.tooLarge(size: Int64(before.st_size), limit: limit)
        }
        let size = Int(before.st_size)
        var failure: FileFailure?
        let bytes = [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
            while count < size, let start = buffer.baseAddress {
                let length = Foundation.read(file, start + count, size - count)
                if length < 0, errno == EINTR { continue }
                if length < 0 { failure = .missing(String(cString: strerror(errno))) }
                guard length > 0 else { break }
                count += length
            }
        }
        if let failure { throw failure }
        var after = stat()
        guard bytes.count == size, fstat(file, &after) == 0, FileSignature(after) == FileSignature(before) else {
            throw FileFailure.changing
        }
        return bytes
    }
}

extension FileSignature {
    fileprivate init(_ found: stat) {
        let time = found.st_mtim
        self.init(
            size: Int64(found.st_size),
            changed: Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec),
            node: UInt64(found.st_ino)
        )
    }
}
