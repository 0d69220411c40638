/// How a source of enrichment is: the value that readiness, metrics and logs tell of it.
public enum SourceHealth: Sendable, Equatable {
    /// Why a source is not as it should be.
    public enum Reason: String, Sendable {
        /// There is no file, or it cannot be read.
        case missing
        /// The file is not what it should be: cut off, damaged, bad lines, another checksum.
        case corrupt
        /// The file has not been replaced for too long.
        case stale
    }

    /// Nobody has looked yet.
    case waiting
    /// What is in force is what the file says.
    case current
    /// Something is wrong; what was read well before stays in force, if there is any.
    case degraded(Reason, detail: String)

    /// Whether something is wrong.
    public var isDegraded: Bool { if case .degraded = self { true } else { false } }
}

/// What a worker tells about one source.
public struct SourceStatus: Sendable {
    /// The source's name, as the settings have it.
    public var name: String
    /// How it is.
    public var health: SourceHealth
    /// Whether there is anything in force; where not, its enrichment does nothing.
    public var isLoaded: Bool
    /// When the file in force was last changed, in seconds since 1970; nil where there is none.
    public var changed: Int64?
    /// How often a file was put into force.
    public var loads: Int
}
