import Foundation
import Tagstream

/// A set of actions as the catalogue would hold it.
struct ActionSet {
    let name: String
    let definitions: [ActionDefinition]
    let plan: ActionPlan

    /// Compiles definitions.
    init(_ name: String, _ trees: [JSONTree]) {
        self.name = name
        definitions = trees.enumerated().map { number, tree in
            let reading = ActionDefinition.reading(tree, defaultID: Int64(number + 1))
            guard let definition = reading.definition else {
                preconditionFailure("\(name): \(reading.refusals.map(\.description).joined(separator: "; "))")
            }
            return definition
        }
        plan = ActionPlan.compile(definitions)
    }

    /// Reads a file that holds a list of actions.
    static func trees(_ path: String) throws -> [JSONTree] {
        guard case .array(let trees) = try JSONTree(parsing: [UInt8](Data(contentsOf: URL(fileURLWithPath: path))))
        else {
            preconditionFailure("\(path): expected a list of actions")
        }
        return trees
    }

    /// One tenant with these actions, whatever an event's token is.
    var snapshot: Snapshot {
        Snapshot(epoch: 1, teams: [Team(id: 2, token: "", plan: plan)], onlyTeam: 0)
    }

    /// Steps that no index can file under anything but the name of their event.
    ///
    /// They have negations, comparisons and texts of three letters, on
    /// the four events that occur most often. Each step has two of 4 × 75 conditions, as many people ask the same few things.
    static func unindexable(steps: Int) -> ActionSet {
        let events = ["$pageview", "$autocapture", "signed up", "order completed"]
        let keys = ["$browser", "$os", "$device_type", "$screen_width", "$lib_version"]
        func filter(_ number: Int) -> JSONTree {
            let key = keys[number % keys.count]
            let value = number / keys.count % 5
            let (meaning, operand): (String, JSONTree) =
                switch number / (keys.count * 5) % 3 {
                case 0: ("is_not", .string(["Chrome", "Safari", "Linux", "Desktop", "1.260.1"][value]))
                case 1: ("icontains", .string(["a", "ro", "ari", "x", "1.2"][value]))
                default: ("gt", .number(Int64([300, 1000, 1279, 1600, 2000][value])))
                }
            return .object([
                .init(key: "key", value: .string(key)), .init(key: "type", value: .string("event")),
                .init(key: "operator", value: .string(meaning)), .init(key: "value", value: operand),
            ])
        }
        let trees = (0..<steps).map { number -> JSONTree in
            let step = JSONTree.object([
                .init(key: "event", value: .string(events[number % 4])),
                .init(key: "properties", value: .array([filter(number / 4), filter(number * 7 / 4 + 31)])),
            ])
            return .object([
                .init(key: "id", value: .number(Int64(number + 1))), .init(key: "steps", value: .array([step])),
            ])
        }
        return ActionSet("nothing indexable, \(steps) steps", trees)
    }

    /// Patterns on the URL in which no four letters have to occur: the index files none of them.
    static func patterns(_ count: Int) -> ActionSet {
        let trees = (0..<count).map { number -> JSONTree in
            let letters = String(UnicodeScalar(UInt8(0x61 + number % 26)))
            let pattern = "^[a-z]+://[^/]+/\(letters)[a-z]+/[a-z]+-\\d{1,\(number / 26 % 9 + 1)}(/\(number))?$"
            let step = JSONTree.object([
                .init(key: "event", value: .string("$pageview")), .init(key: "url", value: .string(pattern)),
                .init(key: "url_matching", value: .string("regex")),
            ])
            return .object([
                .init(key: "id", value: .number(Int64(number + 1))), .init(key: "steps", value: .array([step])),
            ])
        }
        return ActionSet("patterns without a literal, \(count)", trees)
    }
}

/// Matching alone, on events in the stored form: decode, normalise, match; nothing is written.
final class MatchOnly {
    private var trial = Trial()
    private let inputs: Inputs
    private let plan: ActionPlan
    private(set) var matches = 0

    init(_ inputs: Inputs, _ plan: ActionPlan) {
        self.inputs = inputs
        self.plan = plan
    }

    func run() {
        matches = 0
        for line in inputs.lines {
            do {
                matches += try trial.count(line, with: plan)
            } catch {
                preconditionFailure("an input is no event: \(error.detail)")
            }
        }
    }
}
