/// A box for a value that cannot be copied, so that it can be absent and replaced: force-unwrapping an optional of such a value
/// consumes it (Swift 6.3).
final class Owned<Value: ~Copyable> {
    var value: Value
    init(_ value: consuming Value) { self.value = value }
}
