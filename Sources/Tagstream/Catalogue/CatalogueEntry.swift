/// A team as the catalogue's topic and definition files hold it: `{"id": 2, "name": "Web shop", "api_token": "phc_…"}`.
///
/// `settings.action_cost_quota` is what the team's actions may cost together (see ``ActionCost``), `settings.schema_cost_quota` the
/// same for its schemas (``SchemaCost``), `settings.schema_mode` is the mode of schemas that do not say theirs, `settings.enrich` and
/// `settings.anonymize_ips` are what is done to its events (``EnrichmentSettings``), and others are in ``EventRules``; settings that are
/// not known are kept.
public struct TeamDefinition: Sendable, Equatable {
    /// The team's id.
    public var id: Int64
    /// What people call it; may be empty.
    public var name: String
    /// The project's API token: events that carry it are this team's.
    public var token: String
    /// What all actions of the team may cost together for one event, in the units of ``ActionCost``.
    public var actionCostQuota: Int
    /// What the team asks of its events.
    public var rules: EventRules
    /// What all schemas of the team may cost together, in the units of ``SchemaCost``.
    public var schemaCostQuota: Int
    /// What happens to an event that does not fit a schema which does not say it.
    public var schemaMode: SchemaMode
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
        let settings = try Self.settings(of: tree, team: id)
        actionCostQuota = try Self.quota("action_cost_quota", in: settings, team: id) ?? ActionCost.teamQuota
        schemaCostQuota = try Self.quota("schema_cost_quota", in: settings, team: id) ?? SchemaCost.teamQuota
        schemaMode = try Self.schemaMode(in: settings, team: id)
        rules = try EventRules(settings, team: id)
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

    /// The team's settings; an empty object where there are none.
    private static func settings(of tree: JSONTree, team id: Int64) throws(CatalogueProblem) -> JSONTree {
        guard let settings = tree["settings"], !settings.isNull else { return .object([]) }
        guard case .object = settings else {
            throw CatalogueProblem("team \(id): \"settings\" is \(settings.kindName), expected an object")
        }
        return settings
    }

    private static func quota(_ name: String, in settings: JSONTree, team id: Int64) throws(CatalogueProblem) -> Int? {
        guard let quota = settings[name], !quota.isNull else { return nil }
        guard let number = quota.integer, 1...Int64(largestQuota) ~= number else {
            throw CatalogueProblem(
                "team \(id): \"settings.\(name)\" is \(quota.jsonText), expected a whole number from 1 to \(largestQuota)"
            )
        }
        return Int(number)
    }

    private static func schemaMode(in settings: JSONTree?, team id: Int64) throws(CatalogueProblem) -> SchemaMode {
        guard let mode = settings?["schema_mode"], !mode.isNull else { return .annotate }
        // YAML takes an unquoted `off` for false.
        if mode == .bool(false) { return .off }
        guard let read = mode.text.flatMap(SchemaMode.init(rawValue:)) else {
            throw CatalogueProblem(
                "team \(id): \"settings.schema_mode\" is \(mode.jsonText), expected off, annotate or reject"
            )
        }
        return read
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
    /// `quarantine/2/7`: a version of action 7 of team 2 that fails too often, see ``ActionStop``
    case quarantine(team: Int64, id: Int64)
    /// `schema/2/order completed`: the schema of team 2's events of this name, which may contain slashes
    case schema(team: Int64, event: EventName)

    /// Reads a record key; nil for any other text, also for another spelling of a number, such as `team/02`: the topic is compacted
    /// by the key's bytes, so one thing must not have two keys.
    public init?(_ text: String) {
        if text.utf8.starts(with: "schema/".utf8) {
            // By bytes: to characters, a slash and an accent behind it are one.
            let parts = text.utf8.split(separator: 0x2F, maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count == 3, let team = Int64(Substring(parts[1])), let event = EventName(String(parts[2]) ?? "")
            else {
                return nil
            }
            self = .schema(team: team, event: event)
            guard description.utf8.elementsEqual(text.utf8) else { return nil }
            return
        }
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        let numbers = parts.dropFirst().map { Int64($0) }
        switch (parts.first, numbers.count) {
        case ("team", 1):
            guard let id = numbers[0] else { return nil }
            self = .team(id)
        case ("action", 2):
            guard let team = numbers[0], let id = numbers[1] else { return nil }
            self = .action(team: team, id: id)
        case ("quarantine", 2):
            guard let team = numbers[0], let id = numbers[1] else { return nil }
            self = .quarantine(team: team, id: id)
        default: return nil
        }
        guard description.utf8.elementsEqual(text.utf8) else { return nil }
    }

    /// The record key.
    public var description: String {
        switch self {
        case .team(let id): "team/\(id)"
        case .action(let team, let id): "action/\(team)/\(id)"
        case .quarantine(let team, let id): "quarantine/\(team)/\(id)"
        case .schema(let team, let event): "schema/\(team)/\(event)"
        }
    }
}
