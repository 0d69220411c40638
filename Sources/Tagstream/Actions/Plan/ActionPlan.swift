/// (interim) replaced when the Actions room is merged.
public final class ActionPlan: Sendable { public init() {}
 func id(at: Int32) -> Int64 { 0 }
 func fragment(at: Int32) -> UnsafeRawBufferPointer { .init(start: nil, count: 0) } }
struct Matcher: ~Copyable { mutating func match(_ event: Event, on bench: inout Workbench, with: ActionPlan, into: inout MatchedActions) {} }
struct MatchedActions: ~Copyable { var count: Int { 0 }; subscript(_ i: Int) -> Int32 { 0 } }
