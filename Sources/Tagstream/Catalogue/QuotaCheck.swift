/// Whether teams can afford what is about to be published.
public enum QuotaCheck {
    /// The actions that would take their team beyond its quota, in the order in which they are to be published.
    ///
    /// What does not fit is passed over, and what follows may still fit: as the catalogue itself decides.
    ///
    /// - Parameters:
    ///   - actions: what is to be published, each with its team.
    ///   - teams: team entries that are published with them, and whose quota counts from then on.
    ///   - present: the catalogue before.
    public static func refusals(
        of actions: [(team: Int64, action: ActionDefinition)],
        with teams: [TeamDefinition],
        over present: Catalogue
    ) -> [(team: Int64, refusal: Refusal)] {
        let quotas = Dictionary(teams.map { ($0.id, $0.actionCostQuota) }, uniquingKeysWith: { $1 })
        var left: [Int64: Int] = [:]
        for team in Set(actions.map(\.team)) {
            left[team] = (quotas[team] ?? present.quota(ofTeam: team)) - present.cost(ofTeam: team)
        }
        // What is replaced or deleted makes room first: all of a call is published in one transaction.
        for (team, action) in actions { left[team]! += present.cost(ofAction: action.id, team: team) }
        var refusals: [(team: Int64, refusal: Refusal)] = []
        for (team, action) in actions where !action.isDeleted {
            let room = left[team]!
            if action.cost <= room {
                left[team] = room - action.cost
                continue
            }
            let quota = quotas[team] ?? present.quota(ofTeam: team)
            let refusal = Refusal(
                actionID: action.id,
                actionName: action.name,
                step: nil,
                field: "cost",
                reason: .quota,
                found: "\(action.cost) units",
                expected: "at most \(max(0, room)), which is what team \(team) has left of its quota of \(quota)",
                suggestion: "delete other actions, or raise settings.action_cost_quota of the team",
                teamID: team
            )
            refusals.append((team, refusal))
        }
        return refusals
    }

    /// Teams whose new quota is less than what their actions cost already.
    public static func problems(of teams: [TeamDefinition], over present: Catalogue) -> [CatalogueProblem] {
        teams.compactMap { team in
            let cost = present.cost(ofTeam: team.id)
            guard team.actionCostQuota < cost, team.actionCostQuota < present.quota(ofTeam: team.id) else { return nil }
            return CatalogueProblem(
                "team \(team.id): \"settings.action_cost_quota\" is \(team.actionCostQuota), expected at least \(cost), which is "
                    + "what its actions cost"
            )
        }
    }
}
