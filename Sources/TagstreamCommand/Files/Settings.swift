import Foundation
import Kafka
import Tagstream
import Worker

/// A worker's settings, from the configuration file, the environment and flags: in this order, the later wins.
///
/// The file is YAML or JSON. Every key is in ``keys``, with its type and default; a key that is not is a mistake.
struct Settings {
    var brokers = ProcessInfo.processInfo.environment["TAGSTREAM_BROKERS"] ?? ""
    var properties: [String: String] = [:]
    var application = "tagstream"
    var group = "tagstream"
    var lanes = 1
    var slot = 0
    var inputs = ["events_raw"]
    var tagged = "events_tagged"
    var matches = "action_matches"
    var deadLetters = "events_dead_letter"
    var warnings = "ingestion_warnings"
    var changelog = "tagstream_dedup"
    var catalogueTopic = "tagstream_catalogue"
    var catalogueFile: String?
    var from: Consumer.Options.Reset?
    var instanceID: String?
    var memory = 512 << 20
    /// Nil: what the memory is good for.
    var transactionBytes: Int?
    var transactionTimeout = 15_000
    /// The folder of the crash journals; `auto` and `none` are no folders.
    var crashJournal = "auto"
    var lane = Lane<KafkaDoors>.Configuration()
    var enrichment = EnrichmentSettings()
    var saltFile: String?
    var enrichmentFiles = EnrichmentFiles()
    var http = HTTPSettings()

    /// One key of the configuration file.
    struct Key: Sendable {
        var name: String
        /// `type, default, range`, as the reference shows it.
        var meaning: String
        var set: @Sendable (inout Settings, JSONTree) throws -> Void
    }

    /// All keys.
    ///
    /// Besides these, `kafka.NAME` passes a property on to librdkafka.
    static let keys = workerKeys + httpKeys + enrichmentKeys

    /// The keys of everything but `enrich`.
    private static let workerKeys: [Key] = [
        text("brokers", "host:port, several separated by commas; required", \.brokers),
        text("application", "text, tagstream: first part of the transactional ids; one per deployment", \.application),
        text("group", "text, tagstream: the consumer group", \.group),
        number("lanes", "whole number, 1, 1…64: threads, each with a consumer and a producer", \.lanes, 1...64),
        number(
            "slot",
            "whole number, 0, 0…9999: this worker's ordinal; two workers with one slot fence each other",
            \.slot,
            0...9999
        ),
        Key(name: "input.topics", meaning: "list of texts, [events_raw]: the topics to read") { settings, value in
            guard case .array(let list) = value, !list.isEmpty, list.allSatisfy({ $0.text?.isEmpty == false }) else {
                throw Mistake(value, "a list of topic names")
            }
            settings.inputs = list.compactMap(\.text)
        },
        Key(
            name: "input.from",
            meaning: "earliest or latest, none: where to begin in a partition without a committed offset"
        ) {
            guard let from = $1.text.flatMap(Consumer.Options.Reset.init) else {
                throw Mistake($1, "earliest or latest")
            }
            $0.from = from
        },
        Key(
            name: "input.static_member",
            meaning: "text, none: group.instance.id of a static member; the lane's number is appended"
        ) {
            guard let text = $1.text, !text.isEmpty else { throw Mistake($1, "a text") }
            $0.instanceID = text
        },
        text("output.tagged", "text, events_tagged: topic of the tagged rows", \.tagged),
        text("output.matches", "text, action_matches: topic of the matches", \.matches),
        text("output.dead_letters", "text, events_dead_letter: topic of the dead letters", \.deadLetters),
        text("output.warnings", "text, ingestion_warnings: topic of the warnings to teams", \.warnings),
        number(
            "output.max_bytes",
            "bytes, 960000, 1000…100000000: a larger row becomes a dead letter",
            \.lane.limits.outputBytes,
            1000...100_000_000
        ),
        text("catalogue.topic", "text, tagstream_catalogue: where teams and actions come from", \.catalogueTopic),
        Key(name: "catalogue.file", meaning: "path, none: teams and actions from a file instead of the topic") {
            guard let text = $1.text, !text.isEmpty else { throw Mistake($1, "a path") }
            $0.catalogueFile = text
        },
        number(
            "transaction.max_records",
            "whole number, 10000, 1…1000000: records after which a transaction is committed",
            \.lane.transactionRecords,
            1...1_000_000
        ),
        Key(
            name: "transaction.max_bytes",
            meaning:
                "bytes, an eighth of a lane's memory_bytes and at most 16777216, 1024…1073741824: input and output after which a "
                + "transaction is committed"
        ) {
            $0.transactionBytes = try whole($1, 1024...1_073_741_824)
        },
        Key(
            name: "transaction.max_ms",
            meaning: "milliseconds, 250, 1…10000: time after which a transaction is committed"
        ) {
            $0.lane.transactionMilliseconds = Int64(try whole($1, 1...10_000))
        },
        number(
            "transaction.timeout_ms",
            "milliseconds, 15000, 1000…40000: after which the broker ends a transaction that nobody ends",
            \.transactionTimeout,
            1000...40_000
        ),
        number(
            "limits.value_bytes",
            "bytes, 1048576, 1…67108864: a larger record becomes a dead letter",
            \.lane.limits.valueBytes,
            1...67_108_864
        ),
        number("limits.depth", "levels, 64, 2…64: deeper nesting becomes a dead letter", \.lane.limits.depth, 2...64),
        number(
            "limits.keys",
            "whole number, 4096, 1…1000000: more keys become a dead letter",
            \.lane.limits.keys,
            1...1_000_000
        ),
        number(
            "limits.key_bytes",
            "bytes, 1024, 1…65535: a longer key becomes a dead letter",
            \.lane.limits.keyBytes,
            1...65_535
        ),
        number(
            "limits.headers",
            "whole number, 256, 0…10000: more Kafka headers become a dead letter",
            \.lane.limits.headers,
            0...10_000
        ),
        number(
            "limits.header_bytes",
            "bytes, 65536, 0…1048576: more of Kafka headers become a dead letter",
            \.lane.limits.headerBytes,
            0...1_048_576
        ),
        number(
            "limits.elements",
            "whole number, 512, 1…100000: of more elements the innermost are kept",
            \.lane.limits.elements,
            1...100_000
        ),
        Key(
            name: "ignored.tokens",
            meaning: "list of texts, []: projects' tokens whose records are ignored, whether or not a team has them"
        ) {
            guard case .array(let list) = $1, list.allSatisfy({ $0.text?.isEmpty == false }) else {
                throw Mistake($1, "a list of tokens")
            }
            $0.lane.droppedTokens = list.compactMap(\.text)
        },
        Key(name: "ignored.keep", meaning: "true or false, false: keep ignored records among the dead letters") {
            guard case .bool(let keeps) = $1 else { throw Mistake($1, "true or false") }
            $0.lane.keepsIgnored = keeps
        },
        text(
            "crash_journal",
            "path, auto or none, auto: folder in which lanes note what they work on, to find records that crash the process",
            \.crashJournal
        ),
        number(
            "dedup.window",
            "whole number, 0, 0…10000000: for how many events of its input partition a uuid is remembered; 0 looks for no duplicates",
            \.lane.duplicateWindow,
            0...DuplicateFilter.largest
        ),
        text("dedup.topic", "text, tagstream_dedup: the changelog of what is remembered", \.changelog),
        number(
            "memory_bytes",
            "bytes, 536870912, 16777216 for each lane…: what queues and batches may hold, all lanes together",
            \.memory,
            MemoryBudget.leastOfLane...1 << 40
        ),
    ]

    /// A value that a key does not take.
    struct Mistake: Error {
        var found: String
        var expected: String

        init(_ value: JSONTree, _ expected: String) {
            found = value.jsonText
            self.expected = expected
        }
    }

    // MARK: Reading

    /// Reads a file over the present values.
    ///
    /// - Throws: a ``Failure`` of code `usage` for the first mistake.
    mutating func read(_ path: String) throws {
        if let first = try readAll(path).first { throw Failure(.usage, first) }
    }

    /// Reads a file over the present values, past what is wrong in it.
    ///
    /// - Returns: all mistakes.
    /// - Throws: a ``Failure`` of code `usage` when the file cannot be read at all.
    mutating func readAll(_ path: String) throws -> [String] {
        let tree = try DefinitionFile.tree(path)
        guard case .object = tree else {
            throw Failure(.usage, "\"\(path)\" holds \(tree.kindName), expected an object of settings")
        }
        var mistakes: [String] = []
        try read(tree, prefix: "", path, noting: &mistakes)
        return mistakes
    }

    private mutating func read(
        _ tree: JSONTree,
        prefix: String,
        _ path: String,
        noting mistakes: inout [String]
    ) throws {
        guard case .object(let members) = tree else { return }
        for member in members {
            let name = prefix + member.key
            if name == "kafka" {
                readProperties(member.value, path, noting: &mistakes)
            } else if let key = Self.keys.first(where: { $0.name == name }) {
                do {
                    try key.set(&self, member.value)
                } catch let mistake as Mistake {
                    mistakes.append(
                        "\"\(path)\": \(name) is \(mistake.found), expected \(mistake.expected) (\(key.meaning))"
                    )
                }
            } else if Self.keys.contains(where: { $0.name.hasPrefix(name + ".") }), case .object = member.value {
                try read(member.value, prefix: name + ".", path, noting: &mistakes)
            } else {
                let known = Self.keys.map(\.name)
                let hint = Self.nearest(to: name, among: known).map { ". Hint: write \($0)" } ?? ""
                mistakes.append(
                    "\"\(path)\": \(name) is no setting, expected one of \(known.joined(separator: ", ")), or kafka\(hint)"
                )
            }
        }
    }

    /// The setting whose last word this is, whatever group it was written in.
    private static func nearest(to name: String, among known: [String]) -> String? {
        Spelling.nearest(to: name, among: known)
            ?? known.first { $0.split(separator: ".").last == name.split(separator: ".").last }
    }

    private mutating func readProperties(_ tree: JSONTree, _ path: String, noting mistakes: inout [String]) {
        guard case .object(let members) = tree else {
            mistakes.append("\"\(path)\": kafka is \(tree.kindName), expected an object of librdkafka's properties")
            return
        }
        for member in members {
            switch member.value {
            case .string(let text): properties[member.key] = text
            case .number(_, let text): properties[member.key] = text
            case .bool(let value): properties[member.key] = value ? "true" : "false"
            default:
                mistakes.append(
                    "\"\(path)\": kafka.\(member.key) is \(member.value.kindName), expected a text, number or boolean"
                )
            }
        }
    }

    /// Takes over `NAME=VALUE` texts of `--kafka`.
    mutating func addProperties(_ texts: [String]) throws {
        for text in texts {
            guard let equals = text.firstIndex(of: "="), equals > text.startIndex else {
                throw Failure(.usage, "--kafka is \"\(text)\", expected NAME=VALUE with one of librdkafka's properties")
            }
            properties[String(text[..<equals])] = String(text[text.index(after: equals)...])
        }
    }

    // MARK: Use

    /// The cluster's part, checked by librdkafka itself.
    func client() throws -> ClientConfiguration {
        do {
            return try ClientConfiguration(brokers: brokers, properties: properties)
        } catch let problem {
            throw Failure(
                .usage,
                brokers.isEmpty
                    ? "no brokers: use --brokers host:port, TAGSTREAM_BROKERS or the configuration file" : "\(problem)"
            )
        }
    }

    /// Everything, as the worker takes it.
    func worker() throws -> WorkerConfiguration {
        var worker = WorkerConfiguration(client: try client())
        worker.application = application
        worker.group = group
        worker.lanes = lanes
        worker.slot = slot
        worker.inputs = inputs
        worker.tagged = tagged
        worker.matches = matches
        worker.deadLetters = deadLetters
        worker.warnings = warnings
        worker.reset = from
        worker.instanceID = instanceID
        worker.changelog = changelog
        worker.memoryBytes = memory
        guard memory >= lanes * MemoryBudget.leastOfLane else {
            throw Failure(
                .usage,
                "memory_bytes is \(memory), expected at least \(lanes * MemoryBudget.leastOfLane) for \(lanes) lanes"
            )
        }
        worker.transactionTimeout = transactionTimeout
        worker.journalFolder = journalFolder
        worker.lane = lane
        worker.enrichment = try enrichments()
        worker.enrichmentFiles = enrichmentFiles
        worker.lane.apply(worker.budget)
        if let transactionBytes { worker.lane.transactionBytes = transactionBytes }
        if let catalogueFile {
            let definitions = try DefinitionFile([catalogueFile], defaultTeam: nil)
            if definitions.report() { throw Failure(.no, "\"\(catalogueFile)\" has actions that cannot be evaluated") }
            guard definitions.namesTeams else {
                throw Failure(
                    .usage,
                    "\"\(catalogueFile)\" has no \"teams\", expected at least one with \"id\" and \"api_token\""
                )
            }
            var catalogue = definitions.catalogue(enrichment: try enrichments())
            worker.catalogue = .fixed(catalogue.snapshot())
        } else {
            worker.catalogue = .topic(catalogueTopic)
        }
        return worker
    }

    /// Where the crash journals are; nil for nowhere.
    private var journalFolder: String? {
        switch crashJournal {
        case "none": nil
        case "auto": FileManager.default.temporaryDirectory.appending(path: "tagstream-\(getuid())").path
        default: crashJournal
        }
    }

    // MARK: Kinds of keys

    private static func text(
        _ name: String,
        _ meaning: String,
        _ path: any WritableKeyPath<Settings, String> & Sendable
    ) -> Key {
        Key(name: name, meaning: meaning) { settings, value in
            guard let text = value.text, !text.isEmpty else { throw Mistake(value, "a text") }
            settings[keyPath: path] = text
        }
    }

    private static func number(
        _ name: String,
        _ meaning: String,
        _ path: any WritableKeyPath<Settings, Int> & Sendable,
        _ range: ClosedRange<Int>
    ) -> Key {
        Key(name: name, meaning: meaning) { settings, value in settings[keyPath: path] = try whole(value, range) }
    }

    private static func whole(_ value: JSONTree, _ range: ClosedRange<Int>) throws -> Int {
        guard let number = value.integer, range.contains(Int(number)) else {
            throw Mistake(value, "a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return Int(number)
    }
}
