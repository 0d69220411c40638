/// Every metric that there is: the closed list that `docs/metrics.md` explains.
///
/// The names follow Prometheus' conventions: base units, `_total` for counters, labels out of closed sets or of the configuration.
enum Metric: String, CaseIterable {
    case buildInfo = "tagstream_build_info"
    case processStart = "process_start_time_seconds"
    case ready = "tagstream_ready"

    case readRecords = "tagstream_read_records_total"
    case readBytes = "tagstream_read_bytes_total"
    case skippedRecords = "tagstream_skipped_records_total"
    case transactions = "tagstream_transactions_total"
    case recoveries = "tagstream_transaction_recoveries_total"
    case rebalances = "tagstream_rebalances_total"
    case partitions = "tagstream_assigned_partitions"
    case laneReady = "tagstream_lane_ready"
    case laneTurn = "tagstream_lane_turn_age_seconds"
    case laneEpoch = "tagstream_lane_epoch"
    case transactionLimit = "tagstream_transaction_limit_records"

    case records = "tagstream_records_total"
    case rows = "tagstream_rows_total"
    case matches = "tagstream_matches_total"
    case deadLetters = "tagstream_dead_letters_total"
    case ignored = "tagstream_ignored_records_total"
    case duplicates = "tagstream_duplicate_records_total"
    case annotated = "tagstream_annotated_rows_total"
    case warnings = "tagstream_warnings_total"
    case warningsWritten = "tagstream_warnings_written_total"
    case actionFailures = "tagstream_action_failures_total"
    case duplicateKeys = "tagstream_duplicate_keys_total"
    case skippedElements = "tagstream_skipped_elements_total"
    case outages = "tagstream_enrichment_outages_total"

    case epoch = "tagstream_catalogue_epoch"
    case teams = "tagstream_catalogue_teams"
    case actions = "tagstream_catalogue_actions"
    case planBytes = "tagstream_catalogue_plan_bytes"
    case quarantined = "tagstream_catalogue_quarantined_entries"

    case sourceUp = "tagstream_enrichment_source_up"
    case sourceDegraded = "tagstream_enrichment_source_degraded"
    case sourceAge = "tagstream_enrichment_source_age_seconds"
    case sourceLoads = "tagstream_enrichment_source_loads_total"

    /// `counter` or `gauge`: a counter's name ends with `_total`.
    var kind: String { rawValue.hasSuffix("_total") ? "counter" : "gauge" }

    /// The names of its labels, in their order.
    var labels: [String] {
        switch self {
        case .buildInfo: ["version", "librdkafka"]
        case .readRecords, .readBytes, .skippedRecords, .recoveries, .rebalances, .partitions, .laneReady, .laneTurn,
            .laneEpoch, .transactionLimit:
            ["lane"]
        case .transactions: ["lane", "outcome"]
        case .deadLetters, .ignored: ["reason"]
        case .warnings: ["type"]
        case .outages: ["enrichment"]
        case .sourceUp, .sourceDegraded, .sourceAge, .sourceLoads: ["source"]
        default: []
        }
    }

    /// One sentence for `# HELP`.
    var help: String {
        switch self {
        case .buildInfo: "Always 1; its labels say what runs."
        case .processStart: "When the process started, in seconds since 1970."
        case .ready: "Whether /readyz answers 200."
        case .readRecords: "Records read, those read again after an abort counted again."
        case .readBytes: "Bytes of the values of records read."
        case .skippedRecords: "Records read a second time without a rewind, and skipped."
        case .transactions: "Transactions that ended, by how."
        case .recoveries: "Times the outcome of a transaction was unknown and the broker was asked."
        case .rebalances: "Times partitions were assigned, revoked or lost."
        case .partitions: "Partitions assigned at present."
        case .laneReady: "Whether the lane holds what its group gave it and has restored what that needs."
        case .laneTurn: "Seconds since the lane's loop last turned."
        case .laneEpoch: "The catalogue's epoch of the lane's last transaction."
        case .transactionLimit: "Records at which a transaction is closed; fewer while the cluster takes little."
        case .records: "Input records of committed transactions."
        case .rows: "Rows written to the topic of tagged rows."
        case .matches: "Records written to the topic of matches."
        case .deadLetters: "Records that became dead letters, by reason."
        case .ignored: "Records that were ignored, by reason."
        case .duplicates: "Records that were ignored because their uuid had been tagged before."
        case .annotated: "Rows that do not fit their schema and have $validation_errors."
        case .warnings: "Warnings that events gave cause for, by type, whether or not they were written."
        case .warningsWritten: "Records written to the topic of warnings."
        case .actionFailures: "Actions that could not be evaluated for an event."
        case .duplicateKeys: "Fields that a later field of the same object superseded."
        case .skippedElements: "Entries of $elements that were left out, because a type in them is wrong."
        case .outages: "Events that went without an enrichment because its data was missing."
        case .epoch: "The catalogue's epoch in force."
        case .teams: "Teams of the catalogue in force."
        case .actions: "Compiled actions of the catalogue in force."
        case .planBytes: "Bytes of the compiled actions."
        case .quarantined: "Entries of the catalogue that are quarantined."
        case .sourceUp: "Whether the source has data in force, be it the last good one."
        case .sourceDegraded: "Whether the source is missing, corrupt or stale."
        case .sourceAge: "Seconds since the data in force was last changed."
        case .sourceLoads: "Times data of the source was put into force."
        }
    }
}
