import ArgumentParser
import Kafka

/// The flags of every command that talks to a cluster.
struct ClusterOptions: ParsableArguments {
    @Option(
        help: "The cluster: host:port, several separated by commas. Also TAGSTREAM_BROKERS, or the configuration file."
    )
    var brokers: String?

    @Option(
        help:
            "A configuration file, YAML or JSON; flags win over it. Examples/tagstream.reference.yaml shows every key."
    )
    var config: String?

    @Option(help: "One of librdkafka's properties, NAME=VALUE (security.protocol=ssl, …). Repeatable.")
    var kafka: [String] = []

    /// File, environment and these flags, in this order.
    func settings() throws -> Settings {
        var settings = Settings()
        if let config { try settings.read(config) }
        if let brokers { settings.brokers = brokers }
        try settings.addProperties(kafka)
        return settings
    }
}
