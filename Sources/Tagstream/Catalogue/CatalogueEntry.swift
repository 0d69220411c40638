/// A team as the catalogue's topic and definition files hold it: `{"id": 2, "name": "Web shop", "api_token": "phc_…"}`.
///
/// `settings.action_cost_quota` is what the team's actions may cost together (see ``ActionCost``), `settings.enrich` and
/// `settings.anonymize_ips` are what is done to its events (see ``EnrichmentSettings``); other settings are kept.
public struct TeamDefinition: Sendable, Equatable {
    /// The team's id.
    public var id: Int64
    /// What people call it; may be empty.
    public var name: String
    /// The project's API token: events that carry it are this team's.
    public var token: String
    /// What all actions of the team may cost together for one event, in the units of ``ActionCost``.
    public var actionCostQuota: Int
    /// The definition as it was read, with every key that its author wrote.
    public var source: JSONTree

    /// Reads a team.
    ///
    /// - Throws: a ``CatalogueProblem`` that names the field, what was found and what was expected.
    public init(_ tree: JSONTree) throws(CatalogueProblem) {
        guard case .object = tree else {
            throw CatalogueProblem("a team is \(tree.kindName), expected an object with \"id\" and \"api_token\"")
        }
        guard let id = tree["id"]?.integer, id > 0 else {
            throw CatalogueProblem(
                "a team's \"id\" is \(tree["id"]?.jsonText ?? "missing"), expected a positive whole number"
            )
        }
        guard let token = tree["api_token"]?.text, !token.isEmpty, token.utf8.count <= 200 else {
            throw CatalogueProblem(
                "team \(id): \"api_token\" is \(tree["api_token"]?.jsonText ?? "missing"), expected a text of 1 to 200 bytes"
            )
        }
        self.id = id
        self.token = token
        actionCostQuota = try Self.quota(of: tree, team: id)
        do {
            _ = try EnrichmentSettings().with(team: tree["settings"])
        } catch {
            throw CatalogueProblem(
                "team \(id): \"settings.\(error.name)\" is \(error.found), expected \(error.expected)"
            )
        }
        name = tree["name"]?.text ?? ""
        source = tree
    }

    /// The largest quota that a team may be given.
    public static let largestQuota = 1_000_000_000

    private static func quota(of tree: JSONTree, team id: Int64) throws(CatalogueProblem) -> Int {
        guard let settings = tree["settings"], !settings.isNull else { return ActionCost.teamQuota }
        guard case .object = settings else {
            throw CatalogueProblem("team \(id): \"settings\" is \(settings.kindName), expected an object")
        }
        guard let quota = settings["action_cost_quota"], !quota.isNull else { return ActionCost.teamQuota }
        guard let number = quota.integer, 1...Int64(largestQuota) ~= number else {
            throw CatalogueProblem(
                "team \(id): \"settings.action_cost_quota\" is \(quota.jsonText), expected a whole number from 1 to \(largestQuota)"
            )
        }
        return Int(number)
    }
}

/// Why an entry of the catalogue cannot be used.
public struct CatalogueProblem: Error, Sendable, Equatable, CustomStringConvertible {
    /// One sentence for a human.
    public var description: String
    /// Makes a problem.
    public init(_ description: String) { self.description = description }
}

/// What an entry of the catalogue's topic is about: its record key.
public enum CatalogueKey: Sendable, Hashable, CustomStringConvertible {
    /// `team/2`
    case team(Int64)
    /// `action/2/7`: action 7 of team 2
    case action(team: Int64, id: Int64)

    /// Reads a record key; nil for any other text, also for another spelling of a number, such as `team/02`: the topic is compacted
    /// by the key's bytes, so one thing must not have two keys.
    public init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        let numbers = parts.dropFirst().map { Int64($0) }
        switch (parts.first, numbers.count) {
        case ("team", 1):
            guard let id = numbers[0] else { return nil }
            self = .team(id)
        case ("action", 2):
            guard let team = numbers[0], let id = numbers[1] else { return nil }
            self = .action(team: team, id: id)
        default: return nil
        }
        guard description.utf8.elementsEqual(text.utf8) else { return nil }
    }

    /// The record key.
    public var description: String {
        switch self {
        case .team(let id): "team/\(id)"
        case .action(let team, let id): "action/\(team)/\(id)"
        }
    }
}
