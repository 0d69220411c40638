public import Kafka
public import Tagstream

/// What a worker needs to know.
///
/// Only the executable fills it from flags, a file and the environment.
public struct WorkerConfiguration: Sendable {
    /// Where teams and actions come from.
    public enum CatalogueSource: Sendable {
        /// The compacted topic, read to its end before the first record and followed from then on.
        case topic(String)
        /// One snapshot for ever, from a file.
        case fixed(Snapshot)
    }

    /// The cluster and what is passed through to librdkafka.
    public var client: ClientConfiguration
    /// The first part of transactional ids.
    ///
    /// One per deployment: whoever shares it can fence the others.
    public var application = "tagstream"
    /// This worker's place among the workers of the deployment: a StatefulSet's ordinal.
    ///
    /// Two workers with one slot fence each other.
    public var slot = 0
    /// The consumer group.
    public var group = "tagstream"
    /// How many lanes (threads) this worker has.
    public var lanes = 1
    /// The topics to read.
    public var inputs = ["events_raw"]
    /// The topic of tagged rows.
    public var tagged = "events_tagged"
    /// The topic of matches.
    public var matches = "action_matches"
    /// The topic of dead letters.
    public var deadLetters = "events_dead_letter"
    /// The topic of warnings.
    public var warnings = "ingestion_warnings"
    /// The changelog of uuids, of use where ``LaneConfiguration/duplicateWindow`` is not 0.
    public var changelog = "tagstream_dedup"
    /// Where teams and actions come from.
    public var catalogue = CatalogueSource.topic("tagstream_catalogue")
    /// Where to begin in partitions without a committed offset; nil makes that an error.
    public var reset: Consumer.Options.Reset?
    /// `group.instance.id` of static members, the lane's number is appended; nil for dynamic ones.
    public var instanceID: String?
    /// What queues and batches may hold, in bytes, all lanes together.
    public var memoryBytes = 512 << 20
    /// After how many milliseconds the broker ends a transaction that nobody ends.
    public var transactionTimeout = 15_000
    /// What is done to the events of all teams before they are matched.
    ///
    /// For a catalogue that is a topic: a fixed one has it already.
    public var enrichment = EnrichmentSettings()
    /// The files that enrichments look things up in.
    public var enrichmentFiles = EnrichmentFiles()
    /// The folder in which lanes note what is in their pipelines, to find records that crash the process; nil for none.
    public var journalFolder: String?
    /// After how many seconds without a sign of life a lane stands still, which ends the process.
    ///
    /// Longer than any call to the cluster may take, and shorter than a group's patience with a member that does not poll.
    public var standstillSeconds = 60
    /// Every lane's own settings.
    public var lane = Lane<KafkaDoors>.Configuration()

    /// Makes a configuration with the documented defaults.
    public init(client: ClientConfiguration) { self.client = client }

    /// A lane's part of the memory.
    public var budget: MemoryBudget { MemoryBudget(bytes: memoryBytes, lanes: lanes) }
    /// The id under which a lane writes: stable, so that the successor of a worker that was killed ends what that one left open.
    func transactionalID(lane index: Int) -> String {
        #if TAGSTREAM_FAILPOINTS
        if PlantedBug.randomTransactionalID.isPlanted { return "\(application)-\(UInt64.random(in: 0 ... .max))" }
        #endif
        return "\(application)-\(slot)-\(index)"
    }

    /// The name of a lane's journal: no other lane of this machine has it, whatever the deployment.
    func journalName(lane index: Int) -> String {
        let deployment = CrashHistory.hash("\(client.brokers)\n\(application)\n\(group)".utf8)
        return "\(String(deployment, radix: 16))-\(slot)-\(index).journal"
    }

    /// A lane's settings, with what librdkafka's own have to say to them.
    var laneConfiguration: LaneConfiguration {
        var lane = lane
        lane.transactionTimeout = Int64(transactionTimeout)
        // What a worker that is gone has left open ends with its time, once the broker has looked: every ten seconds.
        lane.epochPatience = max(lane.epochPatience, lane.transactionTimeout + 15_000)
        if let text = client.properties["max.poll.interval.ms"], let limit = Int64(text) { lane.pollPatience = limit }
        if let text = client.properties["session.timeout.ms"], let session = Int64(text) {
            lane.revocation = RevocationBudget.Limits(sessionMilliseconds: session)
        }
        return lane
    }

    func doors(lane index: Int) -> KafkaDoors.Configuration {
        let budget = budget
        var doors = KafkaDoors.Configuration(
            client: client,
            consumer: Consumer.Options(
                group: group,
                reset: reset,
                queueBytes: budget.prefetchBytes,
                queueRecords: budget.prefetchRecords,
                instanceID: instanceID.map { "\($0)-\(index)" }
            ),
            producer: TransactionalProducer.Options(
                transactionalID: transactionalID(lane: index),
                transactionTimeout: transactionTimeout,
                queueBytes: budget.producerBytes,
                queueRecords: budget.producerRecords
            ),
            inputs: inputs,
            tagged: tagged,
            matches: matches,
            deadLetters: deadLetters,
            warnings: warnings
        )
        if lane.duplicateWindow > 0 { doors.changelog = changelog }
        return doors
    }
}
