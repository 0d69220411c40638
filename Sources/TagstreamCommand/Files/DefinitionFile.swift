import Foundation
import Tagstream

/// What a definition file says: teams, and actions with everything that is wrong or odd about them.
///
/// Accepted, in JSON or YAML: one action; a list of actions; an object with `teams` and `actions`; a PostHog export, which is an object
/// with `results`.
struct DefinitionFile {
    var teams: [TeamDefinition] = []
    /// The actions that may be published, with the team that each belongs to.
    var actions: [(team: Int64, action: ActionDefinition)] = []
    var refusals: [Refusal] = []
    var warnings: [ActionWarning] = []

    /// Whether the files say which team's events are which.
    var namesTeams: Bool { !teams.isEmpty }

    /// Reads files, one after the other, as if they were one.
    ///
    /// - Parameter defaultTeam: the team of actions that do not say theirs; nil makes that a mistake.
    /// - Throws: a ``Failure`` of code `usage` where a file cannot be read, is neither JSON nor YAML, or holds something else.
    init(_ paths: [String], defaultTeam: Int64?) throws {
        for path in paths {
            let tree = try Self.tree(path)
            try add(tree, path, defaultTeam)
        }
        try checkUnique()
    }

    /// Reads a file as JSON or YAML: by its name where that says it, by its first character otherwise.
    static func tree(_ path: String) throws -> JSONTree {
        let data: Data
        do {
            data =
                path == "-"
                ? FileHandle.standardInput.readDataToEndOfFile() : try Data(contentsOf: URL(fileURLWithPath: path))
        } catch {
            throw Failure(.usage, "cannot read \"\(path)\": no such file, or not readable")
        }
        let isYAML = path.hasSuffix(".yaml") || path.hasSuffix(".yml")
        let first = data.first { $0 > 0x20 }
        if !isYAML, path.hasSuffix(".json") || first == 0x7B || first == 0x5B {
            do {
                return try JSONTree(parsing: Array(data))
            } catch {
                throw Failure(.usage, "cannot read \"\(path)\" as JSON: \(error)")
            }
        }
        return try JSONTree.parse(yaml: String(decoding: data, as: UTF8.self), path: path)
    }

    private mutating func add(_ tree: JSONTree, _ path: String, _ defaultTeam: Int64?) throws {
        switch tree {
        case .array(let list):
            for (index, item) in list.enumerated() { try add(action: item, at: index + 1, path, defaultTeam) }
        case .object:
            if tree["steps"] != nil || tree["steps_json"] != nil || tree["deleted"] != nil {
                try add(action: tree, at: 1, path, defaultTeam)
                return
            }
            let groups = ["teams", "actions", "results"].compactMap { name in tree[name].map { (name, $0) } }
            guard !groups.isEmpty else {
                throw Failure(
                    .usage,
                    "\"\(path)\" holds an object without \"teams\", \"actions\", \"results\" or \"steps\", expected teams or actions"
                )
            }
            for (name, value) in groups { try add(group: name, value, path, defaultTeam) }
        default:
            throw Failure(.usage, "\"\(path)\" holds \(tree.kindName), expected teams or actions")
        }
    }

    private mutating func add(group name: String, _ value: JSONTree, _ path: String, _ defaultTeam: Int64?) throws {
        guard case .array(let list) = value else {
            throw Failure(.usage, "\"\(path)\": \"\(name)\" is \(value.kindName), expected a list")
        }
        for (index, item) in list.enumerated() {
            if name == "teams" {
                do {
                    teams.append(try TeamDefinition(item))
                } catch {
                    throw Failure(.usage, "\"\(path)\": teams[\(index)]: \(error)")
                }
            } else {
                try add(action: item, at: index + 1, path, defaultTeam)
            }
        }
    }

    private mutating func add(action tree: JSONTree, at place: Int, _ path: String, _ defaultTeam: Int64?) throws {
        // A file of one's own need not number its actions; what is published must.
        let reading = ActionDefinition.reading(tree, defaultID: defaultTeam == nil ? nil : Int64(place))
        refusals += reading.refusals
        warnings += reading.warnings
        guard let action = reading.definition else { return }
        guard let team = action.teamID ?? (teams.count == 1 ? teams[0].id : defaultTeam) else {
            throw Failure(
                .usage,
                "\"\(path)\": action \(action.id) \"\(action.name)\" has no \"team_id\", expected the id of its team (or use --team)"
            )
        }
        actions.append((team, action))
    }

    private func checkUnique() throws {
        var tokens: [String: Int64] = [:]
        for team in teams {
            if let other = tokens.updateValue(team.id, forKey: team.token), other != team.id {
                throw Failure(
                    .usage,
                    "teams \(other) and \(team.id) have the same \"api_token\", expected one team per token"
                )
            }
        }
        var seen: Set<CatalogueKey> = []
        for (team, action) in actions where !seen.insert(.action(team: team, id: action.id)).inserted {
            throw Failure(
                .usage,
                "action \(action.id) of team \(team) is defined twice, expected one definition of each id"
            )
        }
    }

    /// The definitions as a catalogue.
    ///
    /// Actions of a team that no file names are left out of it.
    func catalogue() -> Catalogue {
        var catalogue = Catalogue()
        for team in teams { catalogue.put(team) }
        for (team, action) in actions { catalogue.put(action, team: team) }
        return catalogue
    }

    /// Prints refusals and warnings, and says whether there were refusals.
    func report() -> Bool {
        for warning in warnings { printError("warning: \(warning)") }
        for refusal in refusals { printError("refused: \(refusal)") }
        return !refusals.isEmpty
    }
}
