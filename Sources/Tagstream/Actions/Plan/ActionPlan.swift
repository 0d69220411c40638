// The plan: which of a team's actions an event belongs to.
//
// The naive way evaluates every step of every action. With 10,000 actions that is 13,000 steps and 120 µs an event, although an
// event belongs to a handful. Sorting the steps by event name and evaluating shared conditions once halves that (68 µs), because
// everybody asks about the same few events: of 13,000 steps 1,700 still wait for a `$pageview`.
//
// But a step is a conjunction: it cannot match unless *every* one of its conditions holds, so it is enough to be told when *one*
// of them might, and best to be told about the one that rarely does. So each step is filed under exactly one access predicate, the
// most selective it has: a property's value (one probe for each compared property, not for each action), something that an
// element of the chain has (an id, an attribute, a tag with a class), four bytes that a URL or text has to contain, the event's
// name, or nothing. What many steps ask a text for (the site's own host) most texts contain, and counts for less: how often each
// gram is asked for is known when all steps are. An event is looked up under what it has, and a filter of one bit for each key
// stands before every probe, because most of what an event has leads nowhere.
//
// Steps of one event that are filed under one condition are a *file*: the condition is evaluated once for all of them. Within a
// file, steps with the same other conditions are one *entry*, whatever actions they come from: with 10,000 actions people ask the
// same few things again and again. A file under a gram also keeps one bit for each further gram that it asks for, so that a text
// which lacks one of them never gets to the condition.
//
// What is left is verified, condition by condition, by the evaluator that also serves the linear way and `explain`. Conditions
// with the same meaning are one condition, evaluated at most once per event; what came of it is remembered under the event's
// number, so that nothing has to be cleared. The index may therefore err in one direction only: keys are hashes, grams are parts,
// and a candidate too many costs nanoseconds. A step that is missing would be an error, and a test compares both ways.
//
// What it cannot do is file a pattern without a mandatory literal, a negation or a comparison: such steps wait for their event's
// name, and each of their distinct conditions is evaluated. Patterns among them are searched for together (`PatternSet`).
//
// Linking a plan only lays out what was compiled with the definitions (`FlatParts`). A change of a few of many actions does not even
// do that: the earlier plan is copied, the changed actions' places are taken out of its entries, and their steps are linked behind
// (`PlanChange`). What that leaves behind, conditions that nobody needs and conditions that are there twice, is bounded: once it is a
// sixteenth of the plan, the next change links everything anew.

/// A step as the matcher reads it.
struct FlatStep {
    /// Into the plan's ``ActionPlan/stepConditions``.
    var first: UInt32
    var count: UInt32
    /// The place of the action in the plan.
    var action: Int32
    /// The event name's index; -1 when the step takes any.
    var event: Int32
}

/// A team's actions, compiled: immutable, read by any number of lanes at once.
///
/// Sendable: the tables behind it are written before `init` returns and only read afterwards; they are freed with the last
/// reference, and a matcher holds one during each call. The patterns they point to are owned by ``definitions``.
public final class ActionPlan: @unchecked Sendable {
    /// The actions in the order of their ids, deleted ones left out; a match is a place in this list.
    public let definitions: [ActionDefinition]
    /// What all actions may cost together for one event, in the units of ``ActionCost``.
    public let cost: Int

    let tables: PlanTables
    let index: PlanIndex
    let steps: Frozen<FlatStep>
    /// The conditions of all steps, one step after the other; the event's name is not among them.
    let stepConditions: Frozen<Int32>
    /// The first step of each action, and one more at the end.
    let firstSteps: Frozen<Int32>
    /// The actions' ids, and their fragments of match records, one behind the other with where each ends.
    let ids: Frozen<Int64>
    let fragments: Frozen<UInt8>
    let fragmentEnds: Frozen<Int32>
    /// Owns what the tables point to; the patterns are the definitions'.
    private let sets: [PatternSet]
    /// Actions that are no more, to whose patterns conditions in the tables still point.
    private let retired: [ActionDefinition]
    /// How many steps were added to the plan, or taken from it, since all of it was linked.
    private let changedSteps: Int

    /// A plan without actions.
    public convenience init() { self.init(PlanChange([]), on: nil) }

    /// Compiles actions; of two with one id the later counts.
    ///
    /// - Complexity: about 1.5 µs for each step. The definitions bring their conditions compiled.
    public static func compile(_ definitions: [ActionDefinition]) -> ActionPlan {
        ActionPlan(PlanChange(PlanChange.ordered(definitions)), on: nil)
    }

    /// The plan after a change of its actions.
    ///
    /// - Complexity: a copy of the plan's memory, 2 µs for each action that changes, and now and then that of
    ///   ``compile(_:)``.
    ///
    /// - Parameter changes: by id: the action as it is now; nil for one that is no more.
    public func changing(_ changes: [Int64: ActionDefinition?]) -> ActionPlan {
        changing(changes, leaving: steps.count < Self.patched ? 0 : steps.count / 16)
    }

    /// From so many steps on a plan is patched, and remembers for that how often grams are asked for; smaller ones are linked in less
    /// than two milliseconds, and there may be thousands of them.
    static let patched = 1024

    /// - Parameter most: so many steps may have changed before everything is linked anew.
    func changing(_ changes: [Int64: ActionDefinition?], leaving most: Int) -> ActionPlan {
        let change = PlanChange(changes, to: definitions)
        let changed = changedSteps + change.steps
        if changed <= most { return ActionPlan(change, on: self) }
        return ActionPlan(PlanChange(change.definitions), on: nil, reusing: sets)
    }

    /// Links the new actions of a change.
    ///
    /// - Parameters:
    ///   - base: the plan that is changed; nil for one without actions.
    ///   - known: sets of patterns, to be used again where they are the same.
    private init(_ change: PlanChange, on base: ActionPlan?, reusing known: [PatternSet] = []) {
        var linker = PlanLinker(stepCount: change.steps, on: base)
        for (place, definition) in change.added { linker.append(definition.linkParts, of: Int32(place)) }
        linker.link(reusing: known)
        sets = (base?.sets ?? []) + linker.sets
        tables = linker.builder.freeze()
        index = linker.index.freeze(moving: change.places)
        let steps = change.steps(linker.steps, behind: base)
        self.steps = Frozen(steps.steps)
        firstSteps = Frozen(steps.firsts)
        stepConditions = Frozen(base?.stepConditions, appending: linker.stepConditions)
        let fragments = change.fragments(of: base)
        self.fragments = Frozen(fragments.bytes)
        fragmentEnds = Frozen(fragments.ends)
        ids = Frozen(change.ids(of: base))
        definitions = change.definitions
        retired = (base?.retired ?? []) + change.removed
        changedSteps = base.map { $0.changedSteps + change.steps } ?? 0
        cost =
            (base?.cost ?? 0) + change.added.reduce(0) { $0 + $1.definition.cost }
            - change.removed.reduce(0) { $0 + $1.cost }
    }

    deinit {
        tables.deallocate()
        index.deallocate()
        steps.deallocate()
        stepConditions.deallocate()
        firstSteps.deallocate()
        ids.deallocate()
        fragments.deallocate()
        fragmentEnds.deallocate()
    }

    /// How many bytes the plan takes, the definitions and their patterns not counted.
    public var byteCount: Int {
        tables.byteCount + index.byteCount + steps.bytes + stepConditions.bytes + firstSteps.bytes + ids.bytes
            + fragments.bytes + fragmentEnds.bytes
    }

    /// How many words of 64 bits have one bit for each action.
    @inline(__always)
    var actionWords: Int { (ids.count &+ 63) >> 6 }

    /// The id of the action at a place.
    @inline(__always)
    func id(at place: Int32) -> Int64 { ids[Int(place)] }

    /// What match records say of the action at a place.
    @inline(__always)
    func matchFragment(at place: Int32) -> UnsafeRawBufferPointer {
        let start = place == 0 ? 0 : Int(fragmentEnds[Int(place) &- 1])
        return UnsafeRawBufferPointer(
            start: UnsafeRawPointer(fragments.base) + start,
            count: Int(fragmentEnds[Int(place)]) &- start
        )
    }
}
