import Foundation
import Tagstream

/// Schemas for the generated records: every event's name has one, so that every event pays for one.
struct SchemaSet {
    /// Twenty rules that every generated record fits.
    static let twentyRules = #"""
        {"required":["$current_url","$session_id","$lib","plan","amount","product_id","screen_name"],
         "properties":{
          "$current_url":{"type":"string","format":"uri","maxLength":2000},
          "$session_id":{"type":"string","format":"uuid"},
          "$lib":{"enum":["web","node","ios","android"]},
          "$browser":{"enum":["Chrome","Firefox","Safari","Mobile Safari","Microsoft Edge"]},
          "$screen_width":{"type":"integer","minimum":1,"maximum":20000},
          "$viewport_height":{"type":"integer","minimum":1},
          "amount":{"type":"number","minimum":0,"multipleOf":0.01},
          "plan":{"enum":["free","scale","team","enterprise"]},
          "product_id":{"pattern":"^prod-[0-9]+$"},
          "button_id":{"minLength":5,"maxLength":40}}}
        """#

    /// The same, and three rules that none of them fits.
    static let withViolations = twentyRules.replacingOccurrences(
        of: #""required":["#,
        with: #""required":["order_id","#
    ).replacingOccurrences(of: #""minimum":0,"#, with: #""minimum":1000,"#)
        .replacingOccurrences(of: #""enum":["free","#, with: #""enum":["#)

    /// The names of the records' events.
    static func names(of inputs: Inputs) throws -> [String] {
        var names: Set<String> = []
        for line in inputs.lines {
            guard let data = try JSONTree(parsing: [UInt8](line))["data"]?.text,
                let name = try JSONTree(parsing: data)["event"]?.text
            else { preconditionFailure("an input is no envelope") }
            names.insert(name)
        }
        return names.sorted()
    }

    /// One tenant with a set of actions and a schema for each name.
    static func snapshot(_ actions: ActionSet, _ names: [String], _ schema: String) throws -> Snapshot {
        let tree = try JSONTree(parsing: schema)
        let definitions = names.map { name -> SchemaDefinition in
            let reading = SchemaDefinition.reading(
                .object([.init(key: "event", value: .string(name)), .init(key: "schema", value: tree)])
            )
            guard let definition = reading.definition else {
                preconditionFailure("\(reading.refusals.map(\.description))")
            }
            return definition
        }
        let plan = TrackingPlan(definitions, defaultMode: .annotate)
        return Snapshot(epoch: 1, teams: [Team(id: 2, token: "", plan: actions.plan, trackingPlan: plan)], onlyTeam: 0)
    }
}

extension Main {
    /// The whole way with ten actions: without a schema, with one that all events fit, and with one that none fits.
    static func schemaWays(_ inputs: Inputs, _ directory: String) throws -> [(name: String, way: WholeWay)] {
        let actions = try generated(directory, "10")
        let names = try SchemaSet.names(of: inputs)
        return [
            (name: "whole way, no schema", way: WholeWay(inputs, actions.snapshot)),
            (
                name: "20 rules, all of them hold",
                way: WholeWay(inputs, try SchemaSet.snapshot(actions, names, SchemaSet.twentyRules))
            ),
            (
                name: "20 rules, three of them do not, annotated",
                way: WholeWay(inputs, try SchemaSet.snapshot(actions, names, SchemaSet.withViolations))
            ),
        ]
    }

    /// What a schema of twenty rules adds to an event's whole way.
    static func schemas(_ directory: String) throws {
        let inputs = try Inputs("\(directory)/generated/envelopes.ndjson")
        let ways = try schemaWays(inputs, directory)
        let results = measure(ways.map { Variant(name: $0.name, inputs, $0.way.run) }, rounds: 15)
        print(
            "\nA schema for each event name, \(inputs.lines.count) raw records, nanoseconds of CPU for each"
        )
        print(padded(""), " median  minimum  above no schema  allocations  annotated")
        for (index, result) in results.enumerated() {
            let counts = ways[index].way.counts
            precondition(counts.tagged == inputs.lines.count, "inputs were not tagged")
            precondition(counts.annotated == (index == 2 ? inputs.lines.count : 0), "\(counts.annotated) are annotated")
            print(
                padded(result.name),
                decimals(result.median, 0),
                decimals(result.minimum, 0),
                "        ",
                decimals(result.minimum - results[0].minimum, 0),
                "   ",
                decimals(result.allocations, 3),
                "  ",
                counts.annotated
            )
        }
    }
}
