/// What a change makes of a plan's actions: runs of them that stay as they are, and new ones between.
///
/// A plan that is linked whole is the change of one without actions.
struct PlanChange {
    /// The actions after the change, in the order of their ids.
    private(set) var definitions: [ActionDefinition] = []
    /// Those that are new or have changed, with their places.
    private(set) var added: [(place: Int, definition: ActionDefinition)] = []
    /// Those that are no more, and the earlier versions of those that have changed.
    private(set) var removed: [ActionDefinition] = []
    /// By place before the change: the place behind it; -1 for what is removed.
    private(set) var places: [Int32] = []
    private var runs: [Run] = []

    /// Neighbours that have stayed, as places before the change, or the next one that is new.
    private enum Run {
        case kept(Range<Int>)
        case new(ActionDefinition)
    }

    /// How many steps are added and removed.
    var steps: Int {
        added.reduce(0) { $0 + $1.definition.linkParts.count } + removed.reduce(0) { $0 + $1.linkParts.count }
    }

    /// All actions are new; in the order of their ids.
    init(_ definitions: [ActionDefinition]) {
        self.definitions = definitions
        added = definitions.enumerated().map { ($0, $1) }
        runs = definitions.map { .new($0) }
    }

    /// The change of a plan's actions.
    ///
    /// - Parameter changes: by id; nil, or a deleted one, for an action that is no more.
    init(_ changes: [Int64: ActionDefinition?], to earlier: [ActionDefinition]) {
        definitions.reserveCapacity(earlier.count + changes.count)
        places.reserveCapacity(earlier.count)
        var next = 0
        for (id, change) in changes.sorted(by: { $0.key < $1.key }) {
            let place = Self.place(of: id, in: earlier, from: next)
            keep(next..<place, of: earlier)
            next = place
            if place < earlier.count, earlier[place].id == id {
                removed.append(earlier[place])
                places.append(-1)
                next += 1
            }
            guard let action = change, !action.isDeleted else { continue }
            added.append((definitions.count, action))
            runs.append(.new(action))
            definitions.append(action)
        }
        keep(next..<earlier.count, of: earlier)
    }

    /// Actions in the order of their ids without those that are deleted; of two with one id the later counts.
    static func ordered(_ given: [ActionDefinition]) -> [ActionDefinition] {
        let definitions = given.filter { !$0.isDeleted }
        if zip(definitions, definitions.dropFirst()).allSatisfy({ $0.id < $1.id }) { return definitions }
        var latest: [Int64: ActionDefinition] = [:]
        for definition in definitions { latest[definition.id] = definition }
        return latest.values.sorted { $0.id < $1.id }
    }

    private mutating func keep(_ range: Range<Int>, of earlier: [ActionDefinition]) {
        guard !range.isEmpty else { return }
        let first = Int32(definitions.count)
        for offset in 0..<Int32(range.count) { places.append(first + offset) }
        definitions += earlier[range]
        runs.append(.kept(range))
    }

    /// The first place from `start` on whose id is not less.
    private static func place(of id: Int64, in definitions: [ActionDefinition], from start: Int) -> Int {
        var (low, high) = (start, definitions.count)
        while low < high {
            let middle = (low + high) / 2
            if definitions[middle].id < id { low = middle + 1 } else { high = middle }
        }
        return low
    }

    // MARK: What a plan knows by place

    /// The actions' ids.
    func ids(of base: ActionPlan?) -> [Int64] {
        var ids: [Int64] = []
        ids.reserveCapacity(definitions.count)
        for run in runs {
            switch run {
            case .kept(let range): if let base { ids += base.ids.elements[range] }
            case .new(let definition): ids.append(definition.id)
            }
        }
        return ids
    }

    /// What match records say of the actions, and where each one's ends.
    func fragments(of base: ActionPlan?) -> (bytes: [UInt8], ends: [Int32]) {
        var bytes: [UInt8] = []
        var ends: [Int32] = []
        bytes.reserveCapacity((base?.fragments.count ?? 0) + 64 * added.count)
        ends.reserveCapacity(definitions.count)
        for run in runs {
            switch run {
            case .kept(let range):
                guard let base else { continue }
                let first = range.lowerBound == 0 ? 0 : base.fragmentEnds[range.lowerBound - 1]
                let shift = Int32(bytes.count) - first
                bytes += base.fragments.elements[Int(first)..<Int(base.fragmentEnds[range.upperBound - 1])]
                for place in range { ends.append(base.fragmentEnds[place] + shift) }
            case .new(let definition):
                bytes += definition.matchFragment
                ends.append(Int32(bytes.count))
            }
        }
        return (bytes, ends)
    }

    /// The actions' steps, and the first of each; one more at the end.
    ///
    /// - Parameter new: the steps of ``added``, one action after the other.
    func steps(_ new: [FlatStep], behind base: ActionPlan?) -> (steps: [FlatStep], firsts: [Int32]) {
        var steps: [FlatStep] = []
        var firsts: [Int32] = []
        steps.reserveCapacity((base?.steps.count ?? 0) + new.count)
        firsts.reserveCapacity(definitions.count + 1)
        let firstCondition = UInt32(base?.stepConditions.count ?? 0)
        var next = 0
        for run in runs {
            switch run {
            case .kept(let range):
                guard let base else { continue }
                let (first, end) = (Int(base.firstSteps[range.lowerBound]), Int(base.firstSteps[range.upperBound]))
                let shift = Int32(steps.count - first)
                for place in range { firsts.append(base.firstSteps[place] + shift) }
                for var step in base.steps.elements[first..<end] {
                    step.action = places[Int(step.action)]
                    steps.append(step)
                }
            case .new(let definition):
                firsts.append(Int32(steps.count))
                for var step in new[next..<next + definition.linkParts.count] {
                    step.first += firstCondition
                    steps.append(step)
                }
                next += definition.linkParts.count
            }
        }
        firsts.append(Int32(steps.count))
        return (steps, firsts)
    }
}
