/// What a team publishes and pays for out of a quota: its actions, its schemas.
protocol Budgeted: Sendable {
    associatedtype ID: Hashable & Sendable
    /// What is unique within the team.
    var budgetID: ID { get }
    /// What people call it; may be empty.
    var label: String { get }
    var cost: Int { get }
    /// The definition as it was read.
    var source: JSONTree { get }
    /// Reads a definition that was usable once.
    static func usable(_ source: JSONTree) -> Self?
}

extension ActionDefinition: Budgeted {
    var budgetID: Int64 { id }
    var label: String { name }
    static func usable(_ source: JSONTree) -> ActionDefinition? { reading(source).definition }
}

extension SchemaDefinition: Budgeted {
    var budgetID: EventName { event }
    var label: String { event.description }
    static func usable(_ source: JSONTree) -> SchemaDefinition? { reading(source).definition }
}

/// Which of a team's actions, or schemas, are in force under its quota.
///
/// Their last usable entries, walked in the order of their offsets: what still fits is in force, what does not is *over*, and
/// its last version that was in force stays so if at least that fits. This depends on nothing but the entries and the quota, so
/// two workers at one position of the topic agree, whenever they started. Its price is that a team beyond its quota may see a later
/// action go when an earlier one changes; publishing never lets a team get there.
///
/// A team within its quota, which is every team that was published, is never walked.
struct TeamBudget<Definition: Budgeted>: Sendable {
    /// A last usable entry.
    struct Entry: Sendable {
        /// Its offset in the topic.
        var offset: Int64
        /// What it costs, in force or not.
        var cost: Int
        /// What people call it.
        var name: String
        /// The definition as it was read.
        ///
        /// All that is kept of an entry that is over: compiled patterns take memory, and beyond the quota nothing bounds how many
        /// there are.
        var source: JSONTree
        /// The definition while it is in force; nil while it is over.
        var definition: Definition?
        /// The version in force instead while this one is over; nil where there is none.
        var fallback: Definition?

        init(_ definition: Definition, at offset: Int64, after old: Entry?) {
            self.offset = offset
            self.definition = definition
            cost = definition.cost
            name = definition.label
            source = definition.source
            fallback = old?.inForce
        }

        var isOver: Bool { definition == nil }

        /// What counts for events.
        var inForce: Definition? { definition ?? fallback }
    }

    /// What all may cost together.
    private(set) var quota: Int
    /// The entries by id.
    private(set) var entries: [Definition.ID: Entry] = [:]

    /// Every entry in the order in which they came; those that were replaced since are passed over and now and then dropped.
    private var order: [(id: Definition.ID, place: Int)] = []
    private var places: [Definition.ID: Int] = [:]
    private var nextPlace = 0
    /// The cost of all entries, those that are over included.
    private var total = 0
    /// The cost of what is in force.
    private(set) var used = 0
    private var overCount = 0

    init(quota: Int) { self.quota = quota }

    /// Takes the next entry of an action or schema.
    ///
    /// - Returns: the ids for which something has changed, this one included.
    mutating func put(_ definition: Definition, at offset: Int64) -> [Definition.ID] {
        let id = definition.budgetID
        let old = entries[id]
        entries[id] = Entry(definition, at: offset, after: old)
        total += definition.cost - (old?.cost ?? 0)
        append(id)
        if let old {
            if old.isOver { overCount -= 1 }
            guard total > quota || overCount > 0 else {
                used = total
                entries[id]?.fallback = nil
                return [id]
            }
            return settle(including: id)
        }
        // Nothing before it changes, and it has no earlier version.
        if used + definition.cost <= quota {
            used += definition.cost
        } else {
            entries[id]?.definition = nil
            overCount += 1
        }
        return [id]
    }

    /// Forgets an entry.
    mutating func remove(_ id: Definition.ID) -> [Definition.ID] {
        guard let old = entries.removeValue(forKey: id) else { return [] }
        places[id] = nil
        total -= old.cost
        if old.isOver { overCount -= 1 }
        guard overCount > 0 || old.isOver else {
            used = total
            return [id]
        }
        return settle(including: id)
    }

    /// Changes the quota.
    mutating func setQuota(_ quota: Int) -> [Definition.ID] {
        guard quota != self.quota else { return [] }
        self.quota = quota
        return total > quota || overCount > 0 ? settle() : []
    }

    private mutating func append(_ id: Definition.ID) {
        places[id] = nextPlace
        order.append((id, nextPlace))
        nextPlace += 1
        if order.count > 2 * entries.count + 16 { order.removeAll { places[$0.id] != $0.place } }
    }

    /// Walks all entries.
    private mutating func settle(including changed: Definition.ID? = nil) -> [Definition.ID] {
        var ids = changed.map { [$0] } ?? []
        used = 0
        overCount = 0
        for (id, place) in order where places[id] == place {
            guard var entry = entries[id] else { continue }
            let before = (entry.isOver, entry.fallback == nil)
            if used + entry.cost > quota {
                entry.definition = nil
                overCount += 1
                if let fallback = entry.fallback, used + fallback.cost > quota { entry.fallback = nil }
            } else {
                // It was usable when it came, and reading depends on nothing but the definition.
                entry.definition = entry.definition ?? Definition.usable(entry.source)
                entry.fallback = nil
            }
            used += entry.inForce?.cost ?? 0
            if before != (entry.isOver, entry.fallback == nil), id != changed { ids.append(id) }
            entries[id] = entry
        }
        return ids
    }
}
