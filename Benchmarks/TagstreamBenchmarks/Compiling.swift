import Tagstream

/// What a change of the catalogue costs: everything, and one action of it.
struct Compiling {
    private let keys: [[UInt8]]
    private let values: [[UInt8]]
    private let trees: [JSONTree]
    private let changed: [UInt8]

    /// Prepares the catalogue's records of a list of actions of team 2.
    init(_ trees: [JSONTree]) {
        self.trees = trees
        keys = trees.indices.map { Array("action/2/\($0 + 1)".utf8) }
        values = trees.map { Array($0.jsonText.utf8) }
        let step = JSONTree.object([.init(key: "event", value: .string("a new event of one action"))])
        changed = Array(
            JSONTree.object([
                .init(key: "id", value: .number(Int64(trees.count / 2))), .init(key: "steps", value: .array([step])),
            ])
            .jsonText.utf8
        )
    }

    private func catalogue() -> Catalogue {
        var catalogue = Catalogue()
        catalogue.apply(key: Array("team/2".utf8), value: Array(#"{"id":2,"api_token":"phc_bench"}"#.utf8), at: 0)
        for index in keys.indices { catalogue.apply(key: keys[index], value: values[index], at: Int64(index + 1)) }
        return catalogue
    }

    /// Prints milliseconds of CPU time (median of `rounds`) and bytes.
    func report(rounds: Int) {
        let definitions = trees.enumerated().compactMap {
            ActionDefinition.reading($1, defaultID: Int64($0 + 1)).definition
        }
        var held: ActionPlan?
        func milliseconds(_ work: () -> Void) -> Double {
            let times = (0..<rounds).map { _ in
                let start = cpuNanoseconds()
                work()
                return (cpuNanoseconds() - start) / 1e6
            }
            return times.sorted()[rounds / 2]
        }
        let reading = milliseconds {
            for (number, tree) in trees.enumerated() {
                _ = ActionDefinition.reading(tree, defaultID: Int64(number + 1))
            }
        }
        let linking = milliseconds { held = ActionPlan.compile(definitions) }
        var whole = catalogue()
        _ = whole.snapshot()
        let key = keys[trees.count / 2 - 1]
        let original = values[trees.count / 2 - 1]
        var isChanged = false
        // So many that some of them link everything anew.
        let changes = (0..<1000)
            .map { _ in
                let start = cpuNanoseconds()
                whole.apply(key: key, value: isChanged ? original : changed, at: whole.epoch)
                isChanged.toggle()
                _ = whole.snapshot()
                return (cpuNanoseconds() - start) / 1e6
            }
            .sorted()
        let rows = [
            ("read and compile the definitions of \(trees.count) actions", reading, "ms"),
            ("link the plan of \(trees.count) compiled actions", linking, "ms"),
            ("change one of \(trees.count) actions, to the next snapshot: median", changes[changes.count / 2], "ms"),
            ("the same: mean of 1,000 changes", changes.reduce(0, +) / Double(changes.count), "ms"),
            ("the same: the slowest, which links everything anew", changes[changes.count - 1], "ms"),
            ("memory of the plan", Double(held!.byteCount) / 1e6, "MB"),
        ]
        for (name, value, unit) in rows { print(padded(name), decimals(value, 2), unit) }
    }
}
