/// The compiled actions of a team: immutable, shared by all lanes.
public final class ActionPlan: @unchecked Sendable {
    /// The actions in the order of their ids; a match is an index into them.
    public let definitions: [ActionDefinition]
    let tables: PlanTables
    /// The steps of all actions, one action after the other.
    let steps: Frozen<FlatStep>
    /// The conditions of all steps, one step after the other.
    let stepConditions: Frozen<Int32>
    /// The first step of each action, and one more at the end.
    let firstSteps: Frozen<Int32>

    /// A plan without actions.
    public convenience init() { self.init([]) }

    private var fragments: [[UInt8]] = []
    public func id(at place: Int32) -> Int64 { definitions[Int(place)].id }
    func fragment(at place: Int32) -> UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: nil, count: 0) }
    public static func compile(_ definitions: [ActionDefinition], reusing: ActionPlan?) -> ActionPlan { ActionPlan(definitions) }

    init(_ definitions: [ActionDefinition]) {
        let sorted = definitions.filter { !$0.isDeleted }.sorted { $0.id < $1.id }
        var builder = TableBuilder(capacity: sorted.count)
        var indices: [[UInt8]: Int32] = [:]
        var steps: [FlatStep] = []
        var stepConditions: [Int32] = []
        var firstSteps: [Int32] = []
        for (index, definition) in sorted.enumerated() {
            firstSteps.append(Int32(steps.count))
            for step in definition.steps {
                steps.append(FlatStep(first: UInt32(stepConditions.count), count: UInt32(step.conditions.count), action: Int32(index)))
                for place in step.conditions {
                    let condition = place.condition
                    if let found = indices[condition.identity] { stepConditions.append(found); continue }
                    let new = Int32(builder.conditions.count)
                    builder.append(condition)
                    indices[condition.identity] = new
                    stepConditions.append(new)
                }
            }
        }
        firstSteps.append(Int32(steps.count))
        self.definitions = sorted
        self.steps = Frozen(steps)
        self.stepConditions = Frozen(stepConditions)
        self.firstSteps = Frozen(firstSteps)
        tables = builder.freeze()
    }
}
struct FlatStep { var first: UInt32; var count: UInt32; var action: Int32 }
