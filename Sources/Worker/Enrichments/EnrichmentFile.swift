import Synchronization
import Tagstream

/// A file that a source of enrichment is made of, and the last good thing that was made of it.
///
/// ``look(now:)`` compares the file's signature, and its checksum's, with those of the last look. A new one is copied, checked against the
/// checksum in `PATH.sha256` if there is such a file, made into a value (which tests itself), and put into force by exchanging one
/// reference. Whatever goes wrong leaves the old value in force and says so in ``status``: a bad file never stops the worker and is
/// not tried again until it is another one.
///
/// `value` may be read by any thread; `look` belongs to one thread at a time.
public final class EnrichmentFile<Value: Sendable>: Sendable {
    /// The source's name, for logs and metrics.
    public let name: String
    /// Where the file is.
    public let path: String
    private let limits: EnrichmentFileLimits
    private let access: FileAccess
    private let make: @Sendable (UnsafeRawBufferPointer) throws -> Value
    private let content = Mutex(Content())

    private struct Content {
        var value: Value?
        var status: (health: SourceHealth, changed: Int64?, loads: Int) = (.waiting, nil, 0)
        /// What the last look found, good or bad.
        var seen: Signatures?
    }

    /// What a file and its checksum look like.
    private struct Signatures: Equatable {
        var file: FileSignature
        var checksum: FileSignature?
    }

    /// Makes a source that has looked at nothing yet.
    ///
    /// - Parameter make: makes a value of a file's bytes, and throws, with a message for the operator, where they are not good.
    public init(
        name: String,
        path: String,
        limits: EnrichmentFileLimits = EnrichmentFileLimits(),
        access: FileAccess = .system,
        make: @escaping @Sendable (UnsafeRawBufferPointer) throws -> Value
    ) {
        self.name = name
        self.path = path
        self.limits = limits
        self.access = access
        self.make = make
    }

    /// The value in force; nil while there has been no good one.
    public var value: Value? { content.withLock { $0.value } }

    /// How the source is.
    public var status: SourceStatus {
        content.withLock { content in
            SourceStatus(
                name: name,
                health: content.status.health,
                isLoaded: content.value != nil,
                changed: content.status.changed,
                loads: content.status.loads
            )
        }
    }

    /// Looks whether the file is another one, and loads it if so; returns how the source was and is.
    ///
    /// Blocks while it reads and makes the value: about a second for a City database.
    ///
    /// - Parameter now: seconds since 1970, to tell whether the file is too old.
    public func look(now: Int64) -> SourceLook {
        let (before, seen) = content.withLock { ($0.status.health, $0.seen) }
        guard let file = access.signature(path) else {
            return settle(before, .degraded(.missing, detail: "there is no file at \"\(path)\""), seen: nil)
        }
        let found = Signatures(file: file, checksum: access.signature(checksumPath))
        if found == seen { return age(before, now: now) }
        let health: SourceHealth
        do {
            let bytes = try access.read(path, limits.bytes)
            try compareChecksum(of: bytes)
            let value = try bytes.withUnsafeBytes { try make($0) }
            content.withLock { content in
                content.value = value
                content.status.changed = file.changed / 1_000_000_000
                content.status.loads += 1
            }
            health = .current
        } catch FileFailure.changing {
            // Half a file says nothing; the next look finds it whole, or still changing.
            return SourceLook(before: before, after: before)
        } catch FileFailure.missing(let detail) {
            return settle(before, .degraded(.missing, detail: "\"\(path)\" cannot be read: \(detail)"), seen: nil)
        } catch FileFailure.tooLarge(let size, let limit) {
            health = .degraded(.corrupt, detail: "\"\(path)\" has \(size) bytes, the limit is \(limit)")
        } catch {
            health = .degraded(.corrupt, detail: "\"\(path)\" is refused: \(error)")
        }
        _ = settle(before, health, seen: found)
        var look = age(before, now: now)
        look.isNew = health == .current
        return look
    }

    private var checksumPath: String { path + ".sha256" }

    /// A file beside the file, as `sha256sum` writes it: 64 hexadecimal digits, then whatever it likes.
    private func compareChecksum(of bytes: [UInt8]) throws {
        guard access.signature(checksumPath) != nil else { return }
        let line = try access.read(checksumPath, 4096)
        let expected = line.prefix { !($0 == 0x20 || $0 == 0x0A || $0 == 0x0D || $0 == 0x09) }
        guard expected.count == 64 else {
            throw ChecksumFailure(description: "\"\(checksumPath)\" does not begin with 64 hexadecimal digits")
        }
        let actual = ContentDigest.sha256(bytes)
        let wanted = String(decoding: expected, as: UTF8.self).lowercased()
        guard actual == wanted else {
            throw ChecksumFailure(description: "its SHA-256 is \(actual), \"\(checksumPath)\" expects \(wanted)")
        }
    }

    private struct ChecksumFailure: Error, CustomStringConvertible {
        var description: String
    }

    /// A file that was good may have become too old, and one that was too old is good when it was replaced.
    private func age(_ before: SourceHealth, now: Int64) -> SourceLook {
        content.withLock { content in
            switch content.status.health {
            case .current, .degraded(.stale, _):
                if let limit = limits.age, let changed = content.status.changed, now - changed > limit {
                    let days = (now - changed) / 86_400
                    content.status.health = .degraded(
                        .stale,
                        detail: "\"\(path)\" was last changed \(days) days ago, the limit is \(limit / 86_400)"
                    )
                } else {
                    content.status.health = .current
                }
            case .waiting, .degraded: break
            }
            return SourceLook(before: before, after: content.status.health)
        }
    }

    private func settle(
        _ before: SourceHealth,
        _ health: SourceHealth,
        seen: Signatures?
    ) -> SourceLook {
        content.withLock { content in
            content.status.health = health
            content.seen = seen
        }
        return SourceLook(before: before, after: health)
    }
}

/// What came of a look at a source.
public struct SourceLook: Sendable, Equatable {
    /// How the source was before.
    public var before: SourceHealth
    /// How it is now.
    public var after: SourceHealth
    /// Whether something new was put into force.
    public var isNew = false
}

/// What a source's file may be.
public struct EnrichmentFileLimits: Sendable {
    /// Most bytes.
    public var bytes: Int64 = 1 << 30
    /// After how many seconds without a new file the source counts as stale; nil for never.
    public var age: Int64?

    /// Makes limits.
    public init(bytes: Int64 = 1 << 30, age: Int64? = nil) {
        self.bytes = bytes
        self.age = age
    }
}
