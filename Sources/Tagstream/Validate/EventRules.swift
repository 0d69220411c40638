/// What a team asks of its events: settings of its catalogue entry (schemas/catalogue_team.schema.json).
public struct EventRules: Sendable, Equatable {
    /// Seconds; an event that happened longer before it was received is ignored.
    ///
    /// Zero for no limit.
    public var dropsOlderThanSeconds: Int64 = 0
    /// The names of the group types, each at the number of its column `$group_0` … `$group_4`; shorter where there are fewer.
    public var groupTypes: [String?] = [] {
        didSet { groupNames = groupTypes.map { $0.map { Array($0.utf8) } } }
    }
    /// The same as bytes.
    private(set) var groupNames: [[UInt8]?] = []

    /// How many group types a team may have: as many as a row has columns for.
    public static let mostGroupTypes = 5

    /// Rules that ask nothing.
    public init() {}

    /// Reads the rules out of a team's `settings`.
    ///
    /// - Throws: a ``CatalogueProblem`` that names the setting, what was found and what was expected.
    init(_ settings: JSONTree, team id: Int64) throws(CatalogueProblem) {
        if let age = settings["drop_events_older_than_seconds"], !age.isNull {
            guard let seconds = age.integer, 0...Self.longestAge ~= seconds else {
                throw CatalogueProblem(
                    "team \(id): \"settings.drop_events_older_than_seconds\" is \(age.jsonText), "
                        + "expected a whole number from 0 to \(Self.longestAge)"
                )
            }
            dropsOlderThanSeconds = seconds
        }
        if let types = settings["group_types"], !types.isNull {
            guard let names = Self.names(of: types) else {
                throw CatalogueProblem(
                    "team \(id): \"settings.group_types\" is \(types.jsonText), expected an object of at most "
                        + "\(Self.mostGroupTypes) names, each with a number of its own from 0 to \(Self.mostGroupTypes - 1)"
                )
            }
            groupTypes = names
            groupNames = names.map { $0.map { Array($0.utf8) } }
        }
    }

    /// A thousand years.
    private static let longestAge: Int64 = 31_557_600_000

    private static func names(of types: JSONTree) -> [String?]? {
        guard case .object(let members) = types else { return nil }
        var names: [String?] = []
        for member in members {
            guard let number = member.value.integer, 0..<Int64(mostGroupTypes) ~= number, !member.key.isEmpty,
                member.key.utf8.count <= 400, !names.contains(member.key)
            else { return nil }
            while names.count <= Int(number) { names.append(nil) }
            guard names[Int(number)] == nil else { return nil }
            names[Int(number)] = member.key
        }
        return names
    }
}
