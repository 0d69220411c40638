/// (interim) replaced when the Actions room is merged.
public final class ActionPlan: Sendable { public init() {}
 public static func compile(_ d: [ActionDefinition], reusing: ActionPlan?) -> ActionPlan { ActionPlan() }
 public func id(at: Int32) -> Int64 { 0 } }
struct Matcher: ~Copyable { mutating func match(_ event: Event, on bench: inout Workbench, with: ActionPlan, into: inout MatchedActions) {} }
struct MatchedActions: ~Copyable { var count: Int { 0 }; subscript(_ i: Int) -> Int32 { 0 } }
