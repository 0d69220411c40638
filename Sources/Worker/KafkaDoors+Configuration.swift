public import Kafka
import Tagstream

extension KafkaDoors {
    /// What the doors need to know.
    public struct Configuration: Sendable {
        /// The cluster and what is passed through to librdkafka.
        public var client: ClientConfiguration
        /// The consumer's options.
        public var consumer: Consumer.Options
        /// The producer's options.
        public var producer: TransactionalProducer.Options
        /// The topics to read; with none the group is not joined, and only the back door is of use.
        public var inputs: [String]
        /// The topic of tagged rows.
        public var tagged: String
        /// The topic of matches.
        public var matches: String
        /// The topic of dead letters.
        public var deadLetters: String
        /// The topic of warnings.
        public var warnings: String
        /// The changelog of uuids; nil where duplicates are not looked for.
        public var changelog: String?
        /// Milliseconds that a call to the cluster is repeated for before its outcome counts as unknown.
        public var patience: Int64 = 60_000
        /// The same once the worker is to stop, counted from then: a broker that is gone must not keep a pod from ending.
        public var patienceWhenStopping: Int64 = 10_000

        /// Makes a configuration.
        public init(
            client: ClientConfiguration,
            consumer: Consumer.Options,
            producer: TransactionalProducer.Options,
            inputs: [String],
            tagged: String,
            matches: String,
            deadLetters: String,
            warnings: String
        ) {
            self.client = client
            self.consumer = consumer
            self.producer = producer
            self.inputs = inputs
            self.tagged = tagged
            self.matches = matches
            self.deadLetters = deadLetters
            self.warnings = warnings
        }

        /// Whether a transaction is aborted whatever may be on its way: a mistake, only ever made in the build with failpoints.
        var abortsInDoubt: Bool {
            #if TAGSTREAM_FAILPOINTS
            return PlantedBug.abortInDoubt.isPlanted
            #else
            return false
            #endif
        }

        func topic(of destination: Destination) -> String {
            switch destination {
            case .tagged: tagged
            case .matches: matches
            case .deadLetters: deadLetters
            case .warnings: warnings
            }
        }
    }
}
