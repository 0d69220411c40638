/// `$groups` → `$group_0` … `$group_4`: which group an event belongs to, at the number that the team has given the group's type.
enum GroupColumns {
    /// Finds the groups of an event.
    ///
    /// The fields of `$groups` are put onto the tape for it, so nothing that has to stay in one run may be half written.
    ///
    /// - Returns: the group of each column; missing where `$groups` does not name one.
    static func find(_ groups: Int32, _ rules: EventRules, on bench: inout Workbench) -> Columns? {
        guard groups >= 0, !rules.groupNames.isEmpty else { return nil }
        let object = bench.fields[Int(groups)].value
        guard object.kind == .object else { return nil }
        let first = bench.fields.count
        var scanner = Scanner<EscapedSpace>(
            bench.bytes.base,
            at: Int(object.offset),
            keysLeft: .max,
            keyBytes: .max
        )
        // The decoder has read this text before: it cannot fail, and if it did, there are no groups.
        do throws(ScanFailure) { try scanner.fields(onto: &bench.fields, depthLeft: 64) } catch { return nil }
        var columns = Columns()
        for index in first..<bench.fields.count {
            let key = bench.key(of: bench.fields[index])
            for (column, name) in rules.groupNames.enumerated() {
                guard let name, key.count == name.count, key.elementsEqual(name) else { continue }
                // Of two fields of one name the last counts.
                columns[column] = bench.fields[index].value
            }
        }
        return columns
    }

    /// The value of each column.
    struct Columns {
        private var values = (Value.missing, Value.missing, Value.missing, Value.missing, Value.missing)

        subscript(_ column: Int) -> Value {
            get {
                switch column {
                case 0: values.0
                case 1: values.1
                case 2: values.2
                case 3: values.3
                default: values.4
                }
            }
            set {
                switch column {
                case 0: values.0 = newValue
                case 1: values.1 = newValue
                case 2: values.2 = newValue
                case 3: values.3 = newValue
                default: values.4 = newValue
                }
            }
        }
    }

    static let names: [StaticString] = ["$group_0", "$group_1", "$group_2", "$group_3", "$group_4"]
}
