#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// A tenant: whose events a token marks, and which actions tag them.
public struct Team: Sendable {
    /// The team's id, as PostHog numbers it.
    public let id: Int64
    /// The project's API token, the only thing that tells whose an event is.
    public let token: String
    /// The team's actions, compiled.
    public let plan: ActionPlan
    /// What the team asks of its events.
    public let rules: EventRules
    /// The schemas of the team's events, compiled.
    public let trackingPlan: TrackingPlan
    /// What is done to the team's events before they are matched, compiled.
    public let enrichments: Enrichments

    /// Makes a team.
    public init(
        id: Int64,
        token: String,
        plan: ActionPlan,
        rules: EventRules = EventRules(),
        trackingPlan: TrackingPlan = .empty,
        enrichments: Enrichments = .none
    ) {
        self.id = id
        self.token = token
        self.plan = plan
        self.rules = rules
        self.trackingPlan = trackingPlan
        self.enrichments = enrichments
    }
}

/// The catalogue at one position: every team and its compiled actions, immutable.
///
/// A transaction takes one snapshot at the door and keeps it to the end, so that a change of the catalogue never falls between
/// two events of one transaction. Built away from the lanes; a lane only reads a reference.
public final class Snapshot: Sendable {
    /// The position in the catalogue's topic that this snapshot stands for: the offset behind the last entry it contains.
    public let epoch: Int64
    /// The teams; ``team(for:)`` gives an index into them.
    public let teams: [Team]
    /// Set where there is but one tenant and tokens do not matter: an offline match of one file against another.
    public let onlyTeam: Int?
    /// The data that enrichments look things up in.
    public let tables: EnrichmentTables
    private let tokens: TokenTable

    /// Makes a snapshot of teams whose tokens differ from one another; of two equal tokens the first counts.
    public init(
        epoch: Int64,
        teams: [Team],
        onlyTeam: Int? = nil,
        tables: EnrichmentTables = EnrichmentTables()
    ) {
        self.epoch = epoch
        self.teams = teams
        self.onlyTeam = onlyTeam
        self.tables = tables
        tokens = TokenTable(teams.map { Array($0.token.utf8) })
    }

    /// How many bytes the teams' plans take, definitions and patterns not counted.
    public var planBytes: Int { teams.reduce(0) { $0 + $1.plan.byteCount } }

    private init(_ other: Snapshot, tables: EnrichmentTables) {
        epoch = other.epoch
        teams = other.teams
        onlyTeam = other.onlyTeam
        tokens = other.tokens
        self.tables = tables
    }

    /// The same catalogue with other tables: plans are shared, nothing is compiled.
    public func with(_ tables: EnrichmentTables) -> Snapshot { Snapshot(self, tables: tables) }

    /// The same catalogue with only some of each team's enrichments: what `tagstream enrich` compares.
    public func limited(to some: EnrichmentSet) -> Snapshot {
        let limited = teams.map { team in
            Team(
                id: team.id,
                token: team.token,
                plan: team.plan,
                rules: team.rules,
                trackingPlan: team.trackingPlan,
                enrichments: Enrichments(team.enrichments.settings.limited(to: some))
            )
        }
        return Snapshot(epoch: epoch, teams: limited, onlyTeam: onlyTeam, tables: tables)
    }

    /// The index of the team with this token, or nil.
    ///
    /// One probe; allocates nothing.
    @inline(__always)
    func team(for token: UnsafeRawBufferPointer) -> Int? { tokens.find(token) }
}

/// Tokens by hash.
///
/// Open addressing at most half full; only the catalogue fills it, so nobody can make its probes long.
private struct TokenTable: Sendable {
    private var slots: [Int32]
    private var tokens: [[UInt8]]
    private let mask: Int

    init(_ tokens: [[UInt8]]) {
        let capacity = max(8, tokens.count * 2).nextPowerOfTwo
        mask = capacity - 1
        slots = Array(repeating: -1, count: capacity)
        self.tokens = tokens
        for (index, token) in tokens.enumerated() {
            let isTaken = token.withUnsafeBytes { find($0) != nil }
            if isTaken { continue }
            var slot = Int(keyHash(of: token)) & mask
            while slots[slot] >= 0 { slot = (slot + 1) & mask }
            slots[slot] = Int32(index)
        }
    }

    func find(_ token: UnsafeRawBufferPointer) -> Int? {
        guard let start = token.baseAddress, token.count > 0, token.count <= Self.longest else { return nil }
        // The hash reads up to eight bytes; a token that comes from a header has no padding behind it.
        return withUnsafeTemporaryAllocation(byteCount: Self.longest + 8, alignment: 8) { padded in
            memcpy(padded.baseAddress!, start, token.count)
            var slot = Int(keyHash(UnsafeRawPointer(padded.baseAddress!), token.count)) & mask
            while slots[slot] >= 0 {
                let candidate = tokens[Int(slots[slot])]
                if candidate.count == token.count,
                    candidate.withUnsafeBytes({ memcmp($0.baseAddress!, start, token.count) == 0 })
                {
                    return Int(slots[slot])
                }
                slot = (slot &+ 1) & mask
            }
            return nil
        }
    }

    /// PostHog's tokens have at most 64 characters; longer ones of other makers are accepted up to this.
    private static let longest = 200
}
