import ArgumentParser
import Foundation
import Kafka
import Tagstream
import Worker

/// `tagstream dead-letters`: what could not go on, and another try of it.
struct DeadLetters: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dead-letters",
        abstract: "List dead letters, show one of them, and give them another try.",
        discussion: """
            A record that cannot go on is kept byte for byte with a reason (docs/dead-letters.md). Look at what there is, mend the \
            cause, see what would become of the letters now, and replay them:

              export TAGSTREAM_BROKERS=localhost:9092
              tagstream dead-letters list
              tagstream dead-letters show events_dead_letter/0/17
              tagstream dead-letters replay --reason unknown_token --dry-run
              tagstream dead-letters replay --reason unknown_token
            """,
        subcommands: [List.self, Show.self, Replay.self]
    )

    /// Which letters are meant.
    struct Selection: ParsableArguments {
        @Option(help: "Only letters of this reason, such as unknown_token. Repeatable.")
        var reason: [String] = []

        @Option(help: "Only records from this time on, by their own Kafka timestamp, such as 2026-01-15T12:00:00Z.")
        var since: String?

        @Option(help: "Only records before this time, by their own Kafka timestamp.")
        var until: String?

        func filter() throws -> DeadLetterFilter {
            let known = DeadLetterReason.allCases.map(\.rawValue)
            var filter = DeadLetterFilter()
            for reason in reason {
                guard known.contains(reason) else {
                    let hint = Spelling.nearest(to: reason, among: known).map { ". Hint: write \($0)" } ?? ""
                    throw Failure(
                        .usage,
                        "--reason is \"\(reason)\", expected one of \(known.joined(separator: ", "))\(hint)"
                    )
                }
                filter.reasons.insert(reason)
            }
            filter.since = try Self.milliseconds("--since", since)
            filter.until = try Self.milliseconds("--until", until)
            if let first = filter.since, let last = filter.until, first >= last {
                throw Failure(
                    .usage,
                    "--until is \"\(until ?? "")\", expected a time behind --since (\"\(since ?? "")\")"
                )
            }
            return filter
        }

        private static func milliseconds(_ flag: String, _ text: String?) throws -> Int64? {
            guard var text else { return nil }
            guard let micros = text.withUTF8({ Timestamp.parse(UnsafeRawBufferPointer($0)) }) else {
                throw Failure(.usage, "\(flag) is \"\(text)\", expected a timestamp such as 2026-01-15T12:00:00Z")
            }
            return micros >= 0 ? micros / 1000 : (micros - 999) / 1000
        }
    }

    /// Checks a number of letters that was asked for.
    static func most(_ max: Int?) throws -> Int? {
        if let max, max < 1 { throw Failure(.usage, "--max is \(max), expected at least 1") }
        return max
    }

    /// Reads letters until `use` has enough or nothing is left.
    ///
    /// - Parameters:
    ///   - start: the offsets to begin at; nil for all there is.
    ///   - use: gets a letter, returns whether it wants more.
    static func read(
        _ settings: Settings,
        from start: [TopicPartition: Int64]? = nil,
        _ use: (FoundLetter) throws -> Bool
    ) throws {
        do {
            var reader = try DeadLetterReader(
                try settings.client(),
                topic: settings.deadLetters,
                group: DeadLetterReplay.Configuration.group(of: settings.application)
            )
            if let start, let partition = start.keys.first(where: { !reader.partitions.contains($0) }) {
                throw Failure(
                    .usage,
                    "there is no partition \(partition), expected 0 to \(reader.partitions.count - 1) of \"\(settings.deadLetters)\""
                )
            }
            try reader.begin(from: start ?? Dictionary(uniqueKeysWithValues: reader.partitions.map { ($0, 0) }))
            while !reader.isAtEnd {
                for found in try reader.read() where try !use(found) { return }
            }
            reader.close()
        } catch {
            throw Run.failure(of: error, brokers: settings.brokers)
        }
    }

    /// `tagstream dead-letters list`.
    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Count dead letters by reason, step and topic, or list each of them.",
            discussion: """
                Reads all that the topic holds, also what has been replayed: a letter goes when the topic's retention takes it.

                  tagstream dead-letters list --brokers localhost:9092
                  tagstream dead-letters list --config tagstream.yaml --all --since 2026-01-15

                With --json one object a line: {"reason":…,"step":…,"topic":…,"letters":…,"first":…,"last":…}, or with --all \
                {"place":…,"reason":…,"step":…,"detail":…,"source":…,"timestamp":…,"epoch":…,"bytes":…}; {"place":…,"problem":…} is a \
                record that is no dead letter.
                Exit codes: 0 listed; 2 wrong use; 3 Kafka cannot be used.
                """
        )

        @OptionGroup var cluster: ClusterOptions
        @OptionGroup var selection: Selection

        @Flag(help: "One line for every letter, in the order of each partition.")
        var all = false

        @Option(help: "The most letters to list or count.")
        var max: Int?

        @Flag(help: "Print one JSON object a line.")
        var json = false

        func run() async throws {
            try await reportingFailures {
                let filter = try selection.filter()
                let most = try DeadLetters.most(max) ?? .max
                let settings = try cluster.settings()
                var counts = DeadLetterCounts()
                var out = LineWriter(FileHandle.standardOutput)
                try DeadLetters.read(settings) { found in
                    guard found.letter.map(filter.passes) ?? filter.isEmpty else { return true }
                    counts.add(found)
                    if all { out.write(json ? DeadLetterText.json(found).jsonText : DeadLetterText.line(found)) }
                    return counts.letters < most
                }
                out.flush()
                guard !all else { return }
                if json {
                    for row in counts.rows { print(row.json.jsonText) }
                } else {
                    if counts.letters > 0 { Table.print(DeadLetterCounts.titles, counts.rows.map { ($0.cells, []) }) }
                    printError("\(counts.letters) dead letters on \"\(settings.deadLetters)\"")
                }
            }
        }
    }

    /// `tagstream dead-letters show`.
    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show one dead letter: its reason, its headers, and its bytes with the place of the mistake.",
            discussion: """
                The letter is named by its place on the dead letters' topic, or by the position that the record had on its own topic; \
                then all letters are searched. A value that was split is put together again.

                  tagstream dead-letters show events_dead_letter/0/17 --brokers localhost:9092
                  tagstream dead-letters show events_raw/3/918273 --raw > value.json

                What is no printable text is shown as \\xFF or \\u{1B}. With --json one object: what `list --all --json` prints, and \
                "places", "key", "headers" and "value" as texts and "value_base64".
                Exit codes: 0 shown; 1 there is no such dead letter; 2 wrong use; 3 Kafka cannot be used.
                """
        )

        @OptionGroup var cluster: ClusterOptions

        @Argument(help: "TOPIC/PARTITION/OFFSET of the letter or of the record that it was.")
        var position: String

        @Flag(help: "Write the value's bytes as they are, and nothing else.")
        var raw = false

        @Flag(help: "Print one JSON object.")
        var json = false

        func run() async throws {
            try await reportingFailures {
                guard case .record(let partition, let offset) = EventSource(position) else {
                    throw Failure(
                        .usage,
                        "\"\(position)\" is no position, expected TOPIC/PARTITION/OFFSET such as events_dead_letter/0/17"
                    )
                }
                let settings = try cluster.settings()
                let found = try find(FoundLetter.Place(partition, offset), settings)
                let letter: DeadLetter
                switch found.content {
                case .failure(let problem): throw Failure(.no, "\(position) cannot be shown: \(problem)")
                case .success(let content): letter = content
                }
                if raw {
                    FileHandle.standardOutput.write(Data(letter.value ?? []))
                } else if json {
                    print(DeadLetterText.fullJSON(found, letter).jsonText)
                } else {
                    for line in DeadLetterText.lines(found, letter) { print(line) }
                }
            }
        }

        private func find(_ place: FoundLetter.Place, _ settings: Settings) throws -> FoundLetter {
            var result: FoundLetter?
            guard place.partition.topic == settings.deadLetters else {
                try DeadLetters.read(settings) { found in
                    if found.letter?.source == place.description { result = found }
                    return result == nil
                }
                if let result { return result }
                throw Failure(
                    .no,
                    "no dead letter on \"\(settings.deadLetters)\" is of \(place): the record was accepted, or its letter is gone"
                )
            }
            // A later part of a value that was split stands alone there: then the first one is searched from the beginning.
            for start in [place.offset, 0] {
                var match: FoundLetter?
                try DeadLetters.read(settings, from: [place.partition: start]) { found in
                    if found.places.contains(place) { match = found }
                    let isBehind = start > 0 && found.places.allSatisfy { $0.offset > place.offset }
                    return match == nil && !isBehind
                }
                result = match ?? result
                if result == nil || match?.letter != nil { break }
            }
            if let result { return result }
            throw Failure(
                .no,
                "there is no record at \(place), expected a dead letter's place: tagstream dead-letters list --all tells them"
            )
        }
    }
}
