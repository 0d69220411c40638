/// (interim) replaced when the Actions room is merged.
public final class ActionPlan: Sendable { public init() {} }
