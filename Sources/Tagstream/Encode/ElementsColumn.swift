/// The text of the `elements_chain` column for an event that carries its elements as a list (`$elements`), as older SDKs send them.
struct ElementsColumn: ~Copyable {
    private var table = ElementTable()
    private var arena = ByteArena(capacity: 1 << 12)

    /// How many entries of the last list were left out: they, or one of their fields, have the wrong type.
    private(set) var skipped = 0

    /// Appends the chain's text to the workbench, as the content of a JSON string.
    ///
    /// - Parameter elements: the list, in escaped space.
    mutating func append(_ elements: Value, on bench: inout Workbench) -> Value {
        table.removeAll()
        arena.removeAll()
        skipped = table.parse(array: elements, on: bench.bytes.base, epoch: 1, in: &arena)
        let text = table.writeChain(bench.bytes.base, to: &arena)
        return bench.appendString(text.bytes(bench.bytes.base, arena))
    }
}
