public import Kafka
public import Tagstream

/// Another try of dead letters, each at most once for a group: rows, matches and the group's progress are one transaction.
///
/// Joins no group: what is committed is fenced by the transactional id alone, so a second replay of the same application ends the
/// first. The producer registers before progress is asked for, and with that everything an earlier replay left open has ended: what it
/// committed is known, and the rest is tried as if it had never been.
public struct DeadLetterReplay: ~Copyable {
    /// What a replay needs to know.
    public struct Configuration: Sendable {
        /// The deployment: cluster, topics, limits.
        public var worker: WorkerConfiguration
        /// Whose progress counts.
        public var group: String
        /// Which letters are tried.
        public var filter = DeadLetterFilter()
        /// The most letters to settle; nil for no bound.
        public var most: Int?
        /// Letters a second; nil for no bound.
        public var rate: Double?
        /// Whether to only say what would become of the letters.
        public var isDry = false

        /// Makes a configuration; the group is the application's own.
        public init(_ worker: WorkerConfiguration) {
            self.worker = worker
            group = Self.group(of: worker.application)
        }

        /// The group whose progress counts where nobody names another.
        public static func group(of application: String) -> String { "\(application)-dead-letters" }

        /// The transactional id: one for an application, so that two replays cannot work at once.
        var transactionalID: String { "\(worker.application)-dead-letters-replay" }
    }

    private let configuration: Configuration
    private let snapshot: Snapshot
    private let now: () -> Int64
    private let shouldStop: () -> Bool
    private let sleep: (Int64) -> Void
    private let onLetter: (FoundLetter, ReplayReport.Fate) -> Void
    private let onProgress: (ReplayReport) -> Void

    private var reader: DeadLetterReader
    private var doors: KafkaDoors
    private var retrial: Retrial
    private var report = ReplayReport()
    private var progress: [TopicPartition: ReplayProgress] = [:]
    private var pace: ReplayPace
    private var began: Int64?
    /// The sum of the offsets at which reading began.
    private var origin = 0

    /// Makes a replay that ``run()`` starts.
    ///
    /// - Parameters:
    ///   - snapshot: the catalogue under which letters are tried, all of them under the same.
    ///   - now: milliseconds of a clock that never goes back.
    ///   - sleep: waits for milliseconds.
    ///   - shouldStop: asked between transactions.
    ///   - onLetter: told of every letter that was tried, once it counts.
    ///   - onProgress: told how far things are, after every transaction.
    public init(
        _ configuration: Configuration,
        under snapshot: Snapshot,
        now: @escaping () -> Int64 = MonotonicClock.milliseconds,
        sleep: @escaping (Int64) -> Void,
        shouldStop: @escaping () -> Bool = { false },
        onLetter: @escaping (FoundLetter, ReplayReport.Fate) -> Void = { _, _ in },
        onProgress: @escaping (ReplayReport) -> Void = { _ in },
        notices: @escaping NoticeHandler = { _ in }
    ) throws {
        let worker = configuration.worker
        self.configuration = configuration
        self.snapshot = snapshot
        self.now = now
        self.sleep = sleep
        self.shouldStop = shouldStop
        self.onLetter = onLetter
        self.onProgress = onProgress
        retrial = Retrial(limits: worker.lane.limits, droppedTokens: worker.lane.droppedTokens)
        pace = ReplayPace(rate: configuration.rate)
        reader = try DeadLetterReader(
            worker.client,
            topic: worker.deadLetters,
            group: configuration.group,
            notices: notices
        )
        doors = KafkaDoors(
            KafkaDoors.Configuration(
                client: worker.client,
                consumer: Consumer.Options(group: configuration.group, queueBytes: 1 << 20),
                producer: TransactionalProducer.Options(
                    transactionalID: configuration.transactionalID,
                    transactionTimeout: worker.transactionTimeout
                ),
                inputs: [],
                tagged: worker.tagged,
                matches: worker.matches,
                deadLetters: worker.deadLetters,
                warnings: worker.warnings
            ),
            now: now,
            shouldStop: shouldStop,
            notices: notices
        )
    }

    /// Tries the letters, up to where the topic ended at the start; what an error cuts off is tried by the next replay.
    ///
    /// - Throws: a ``LaneFailure`` when another replay has taken over, or what Kafka says.
    public consuming func run() throws -> ReplayReport {
        do {
            let report = try replay()
            close()
            return report
        } catch {
            close()
            if let error = error as? KafkaError, error.isFenced { throw LaneFailure(replayFencedBy: error) }
            throw error
        }
    }

    private mutating func close() {
        if !configuration.isDry { doors.close() }
    }

    private mutating func replay() throws -> ReplayReport {
        if !configuration.isDry { try doors.open() }
        let committed = try reader.committed()
        for partition in reader.partitions {
            progress[partition] = committed[partition].map { ReplayProgress($0) } ?? ReplayProgress()
        }
        try reader.begin(from: progress.mapValues(\.first))
        origin = progress.values.reduce(0) { $0 + Int($1.position) }
        report.total = reader.partitions.reduce(0) { sum, partition in
            sum + max(0, Int((reader.ends[partition] ?? 0) - (progress[partition]?.first ?? 0)))
        }
        while !shouldStop(), !hasEnough, !report.isComplete {
            let letters = try gather()
            let isWhole = try settle(letters)
            // What was read but not tried is still to come: only the group's next replay looks at it.
            report.isComplete = isWhole && reader.isAtEnd
            onProgress(report)
        }
        if report.isComplete { try finish() }
        return report
    }

    private var hasEnough: Bool { configuration.most.map { report.settled >= $0 } ?? false }

    /// Reads what goes into the next transaction.
    private mutating func gather() throws -> [FoundLetter] {
        let limit = pace.letters(atMost: min(1000, configuration.worker.lane.transactionRecords))
        var letters: [FoundLetter] = []
        var wanted = 0
        var bytes = 0
        let progress = progress
        while !shouldStop() {
            let found = try reader.read { progress[$0.partition]?.isSettled($0.offset) != true }
            letters += found
            wanted += found.count { isWanted($0) }
            bytes += found.reduce(0) { $0 + $1.size }
            if reader.isAtEnd { break }
            // A letter's parts are settled together.
            if reader.isWithinLetter { continue }
            if wanted >= limit || letters.count >= 10_000 || bytes >= configuration.worker.lane.transactionBytes {
                break
            }
        }
        return letters
    }

    private func isWanted(_ found: FoundLetter) -> Bool {
        guard let letter = found.letter else { return false }
        return configuration.filter.passes(letter)
    }

    // MARK: Settling

    /// Tries letters in transactions of the pace's size; returns whether each has had its turn.
    private mutating func settle(_ letters: [FoundLetter]) throws -> Bool {
        let limit = pace.letters(atMost: 1000)
        var rest = letters[...]
        while !rest.isEmpty, !shouldStop(), !hasEnough {
            var wanted = 0
            let end = rest.firstIndex { found in
                if isWanted(found) { wanted += 1 }
                return wanted > limit
            }
            let some = rest[..<(end ?? rest.endIndex)]
            rest = rest[some.endIndex...]
            wait()
            if shouldStop() { return false }
            guard try settleTogether(Array(some), before: Array(rest)) else { return false }
            if !rest.isEmpty { onProgress(report) }
        }
        return rest.isEmpty
    }

    private mutating func wait() {
        let start = began ?? now()
        began = start
        while !shouldStop() {
            let milliseconds = pace.wait(after: report.tried, elapsed: now() - start)
            guard milliseconds > 0 else { return }
            sleep(min(milliseconds, 200))
        }
    }

    /// Tries letters in one transaction; returns whether each has had its turn.
    ///
    /// - Parameter rest: letters that were read as well and whose turn has not come.
    private mutating func settleTogether(_ letters: [FoundLetter], before rest: [FoundLetter]) throws -> Bool {
        var tooLarge: Set<Int> = []
        var attempts = 0
        while true {
            do throws(KafkaError) {
                let (fates, forgotten) = try attempt(letters, before: rest, tooLarge)
                report.forgotten += forgotten
                report.covered = progress.values.reduce(0) { $0 + Int($1.position) } - origin
                for (found, fate) in zip(letters, fates) {
                    report.add(fate, of: found)
                    if fate != .passedOver { onLetter(found, fate) }
                }
                return fates.count == letters.count
            } catch {
                if error.isFenced { throw error }
                let known = doors.failedRecord
                var isInDoubt = false
                do throws(KafkaError) { try doors.abort() } catch let second {
                    // What became of the transaction is unknown: the next replay's producer settles that before it asks.
                    guard second.isInDoubt else { throw second.isFenced ? second : known?.error ?? error }
                    isInDoubt = true
                }
                retrial.forgetWarnings()
                // The transaction may have failed before its delivery reports were served; the abort has served them.
                let culprit = known ?? doors.failedRecord
                // Nobody has asked for a commit, so nothing of it is there once a new producer has ended it.
                if isInDoubt { _ = try doors.recover([]) }
                if let culprit, culprit.error.isTooLarge, tooLarge.insert(culprit.label).inserted { continue }
                attempts += 1
                // Aborted for certain, so the same letters may be tried again.
                guard attempts < 10 else { throw culprit?.error ?? error }
            }
        }
    }

    /// One attempt: returns what became of each letter, and how many open stretches were given up for it.
    ///
    /// Letters behind the last one that is wanted have no fate.
    private mutating func attempt(
        _ letters: [FoundLetter],
        before rest: [FoundLetter],
        _ tooLarge: Set<Int>
    ) throws(KafkaError) -> (fates: [ReplayReport.Fate], forgotten: Int) {
        var fates: [ReplayReport.Fate] = []
        var left = configuration.most.map { $0 - report.settled } ?? .max
        if !configuration.isDry { try doors.begin() }
        for (index, found) in letters.enumerated() {
            guard left > 0 else { break }
            let fate = try fate(of: found, at: index, isTooLarge: tooLarge.contains(index))
            if fate.isSettled { left -= 1 }
            fates.append(fate)
        }
        var next = progress
        let untried = letters.dropFirst(fates.count) + rest
        let forgotten = Self.note(Array(zip(letters, fates)), untried: Array(untried), in: &next)
        guard !configuration.isDry else {
            progress = next
            return (fates, forgotten)
        }
        if let failed = doors.failedRecord { throw failed.error }
        try doors.commit(next.filter { progress[$0.key] != $0.value }.mapValues(\.committed))
        progress = next
        return (fates, forgotten)
    }

    private mutating func fate(
        of found: FoundLetter,
        at index: Int,
        isTooLarge: Bool
    ) throws(KafkaError) -> ReplayReport.Fate {
        let letter: DeadLetter
        switch found.content {
        case .failure(let problem):
            return configuration.filter.isEmpty ? .unreadable(problem.description) : .passedOver
        case .success(let content): letter = content
        }
        guard configuration.filter.passes(letter) else { return .passedOver }
        if let obstacle = letter.obstacle { return .unreadable(obstacle) }
        let isDry = configuration.isDry
        let verdict = try retrial.tryAgain(letter, isTooLarge: isTooLarge, under: snapshot) {
            (out, batch) throws(KafkaError) in
            if !isDry, !out.records.isEmpty { try doors.produce(out, of: batch, firstLabel: index) }
        }
        return .tried(verdict)
    }

    /// Notes what became of letters; returns how many open stretches did not fit any more.
    ///
    /// A letter whose turn has not come stays open where one behind it in its partition was noted.
    static func note(
        _ noted: [(FoundLetter, ReplayReport.Fate)],
        untried: [FoundLetter],
        in progress: inout [TopicPartition: ReplayProgress]
    ) -> Int {
        var settled: [TopicPartition: [Int64: Bool]] = [:]
        for (found, fate) in noted {
            for place in found.places { settled[place.partition, default: [:]][place.offset] = fate.isSettled }
        }
        for place in untried.flatMap(\.places) {
            guard let last = settled[place.partition]?.keys.max(), place.offset < last else { continue }
            settled[place.partition]?[place.offset] = false
        }
        var forgotten = 0
        for (partition, letters) in settled {
            for (offset, isSettled) in letters.sorted(by: { $0.key < $1.key }) {
                progress[partition]?.note(offset, isSettled: isSettled)
            }
            forgotten += progress[partition]?.fit() ?? 0
        }
        return forgotten
    }

    /// Moves the group's offsets behind the records that end transactions, so that nothing seems to be left.
    private mutating func finish() throws {
        guard !configuration.isDry else { return }
        var next = progress
        for (partition, end) in reader.ends { next[partition]?.reached(end) }
        let moved = next.filter { progress[$0.key] != $0.value && $0.value.next > 0 }
        guard !moved.isEmpty else { return }
        try doors.begin()
        try doors.commit(moved.mapValues(\.committed))
        progress = next
    }
}
