import Testing

@testable import Operations

@Suite struct `The page of metrics` {
    /// The lines of a metric's samples.
    private func lines(_ name: String, _ report: WorkerReport) -> [String] {
        MetricsPage.text(of: report).split(separator: "\n").map(String.init)
            .filter { $0.hasPrefix(name + " ") || $0.hasPrefix(name + "{") }
    }

    @Test(arguments: [
        (Metric.buildInfo, [#"tagstream_build_info{version="1.2.3",librdkafka="2.0.2"} 1"#]),
        (.processStart, ["process_start_time_seconds 1800000000"]),
        (.ready, ["tagstream_ready 1"]),
        (.readRecords, [#"tagstream_read_records_total{lane="0"} 7"#, #"tagstream_read_records_total{lane="1"} 0"#]),
        (.readBytes, [#"tagstream_read_bytes_total{lane="0"} 900"#, #"tagstream_read_bytes_total{lane="1"} 0"#]),
        (
            .skippedRecords,
            [#"tagstream_skipped_records_total{lane="0"} 2"#, #"tagstream_skipped_records_total{lane="1"} 0"#]
        ),
        (
            .transactions,
            [
                #"tagstream_transactions_total{lane="0",outcome="committed"} 5"#,
                #"tagstream_transactions_total{lane="0",outcome="aborted"} 3"#,
                #"tagstream_transactions_total{lane="1",outcome="committed"} 0"#,
                #"tagstream_transactions_total{lane="1",outcome="aborted"} 0"#,
            ]
        ),
        (
            .recoveries,
            [
                #"tagstream_transaction_recoveries_total{lane="0"} 1"#,
                #"tagstream_transaction_recoveries_total{lane="1"} 0"#,
            ]
        ),
        (.rebalances, [#"tagstream_rebalances_total{lane="0"} 4"#, #"tagstream_rebalances_total{lane="1"} 0"#]),
        (.partitions, [#"tagstream_assigned_partitions{lane="0"} 6"#, #"tagstream_assigned_partitions{lane="1"} 0"#]),
        (.laneReady, [#"tagstream_lane_ready{lane="0"} 1"#, #"tagstream_lane_ready{lane="1"} 1"#]),
        // A lane that does not run has no age.
        (.laneTurn, [#"tagstream_lane_turn_age_seconds{lane="0"} 0.02"#]),
        (.laneEpoch, [#"tagstream_lane_epoch{lane="0"} 11"#, #"tagstream_lane_epoch{lane="1"} 0"#]),
        (
            .transactionLimit,
            [
                #"tagstream_transaction_limit_records{lane="0"} 2500"#,
                #"tagstream_transaction_limit_records{lane="1"} 0"#,
            ]
        ),
        (.records, ["tagstream_records_total 106"]),
        (.rows, ["tagstream_rows_total 100"]),
        (.matches, ["tagstream_matches_total 120"]),
        (
            .deadLetters,
            [
                #"tagstream_dead_letters_total{reason="invalid_json"} 2"#,
                #"tagstream_dead_letters_total{reason="too_deep"} 0"#,
            ]
        ),
        (.ignored, [#"tagstream_ignored_records_total{reason="duplicate"} 4"#]),
        (.duplicates, ["tagstream_duplicate_records_total 4"]),
        (.annotated, ["tagstream_annotated_rows_total 8"]),
        (.warnings, [#"tagstream_warnings_total{type="duplicate_keys"} 9"#]),
        (.warningsWritten, ["tagstream_warnings_written_total 1"]),
        (.actionFailures, ["tagstream_action_failures_total 13"]),
        (.duplicateKeys, ["tagstream_duplicate_keys_total 14"]),
        (.skippedElements, ["tagstream_skipped_elements_total 20"]),
        (.outages, [#"tagstream_enrichment_outages_total{enrichment="geoip"} 15"#]),
        (.epoch, ["tagstream_catalogue_epoch 12"]),
        (.teams, ["tagstream_catalogue_teams 2"]),
        (.actions, ["tagstream_catalogue_actions 30"]),
        (.planBytes, ["tagstream_catalogue_plan_bytes 4096"]),
        (.quarantined, ["tagstream_catalogue_quarantined_entries 1"]),
        (
            .sourceUp,
            [
                #"tagstream_enrichment_source_up{source="geoip.city"} 1"#,
                #"tagstream_enrichment_source_up{source="lookup.plans"} 0"#,
            ]
        ),
        (
            .sourceDegraded,
            [
                #"tagstream_enrichment_source_degraded{source="geoip.city"} 0"#,
                #"tagstream_enrichment_source_degraded{source="lookup.plans"} 1"#,
            ]
        ),
        // What was never loaded has no age.
        (.sourceAge, [#"tagstream_enrichment_source_age_seconds{source="geoip.city"} 60"#]),
        (
            .sourceLoads,
            [
                #"tagstream_enrichment_source_loads_total{source="geoip.city"} 2"#,
                #"tagstream_enrichment_source_loads_total{source="lookup.plans"} 0"#,
            ]
        ),
    ])
    func `shows a worker's numbers`(_ metric: Metric, _ expected: [String]) {
        #expect(lines(metric.rawValue, Self.busy) == expected)
    }

    @Test func `has every metric's help and type once, before its samples`() {
        let text = MetricsPage.text(of: Self.busy)
        for metric in Metric.allCases {
            let head =
                "# HELP \(metric.rawValue) \(metric.help)\n# TYPE \(metric.rawValue) \(metric.kind)\n\(metric.rawValue)"
            #expect(text.split(separator: head, omittingEmptySubsequences: false).count == 2, "\(metric)")
        }
        #expect(text.hasSuffix("\n"))
    }

    @Test func `has as many values of labels as names`() {
        for metric in Metric.allCases {
            let samples = MetricsPage.samples(of: metric, in: Self.busy)
            #expect(!samples.isEmpty, "\(metric)")
            #expect(samples.allSatisfy { $0.labels.count == metric.labels.count }, "\(metric)")
        }
    }

    @Test(arguments: [
        (#"a"b"#, #"a\"b"#), (#"a\b"#, #"a\\b"#), ("a\nb", #"a\nb"#), ("größe", "größe"),
        (String(repeating: "x", count: 200), String(repeating: "x", count: 128)),
        (String(repeating: "\"", count: 200), String(repeating: #"\""#, count: 128)), ("", ""),
    ])
    func `escapes and bounds a label's value`(_ value: String, _ expected: String) {
        let source = WorkerReport.Source(name: value)
        #expect(
            lines("tagstream_enrichment_source_up", report { $0.sources = [source] })
                == ["tagstream_enrichment_source_up{source=\"\(expected)\"} 0"]
        )
    }

    @Test func `tells sources of one name apart`() {
        let long = String(repeating: "x", count: 128)
        let names = ["a", "a", "a#2", "a", long + "1", long + "2"].map { WorkerReport.Source(name: $0) }
        #expect(
            MetricsPage.sourceNames(report { $0.sources = names }) == ["a", "a#2", "a#2#2", "a#3", long, long + "#2"]
        )
    }

    @Test func `says nothing of a catalogue that is not there`() {
        let starting = report { $0.catalogue = nil }
        #expect(lines("tagstream_catalogue_epoch", starting).isEmpty)
        #expect(lines("tagstream_ready", starting) == ["tagstream_ready 0"])
    }

    @Test func `ages nothing below zero`() {
        var source = WorkerReport.Source(name: "s")
        source.changed = 1_900_000_000
        #expect(
            lines("tagstream_enrichment_source_age_seconds", report { $0.sources = [source] })
                == [#"tagstream_enrichment_source_age_seconds{source="s"} 0"#]
        )
    }

    private static let busy = report { report in
        report.lanes[0].read = 7
        report.lanes[0].bytesRead = 900
        report.lanes[0].skipped = 2
        report.lanes[0].commits = 5
        report.lanes[0].aborts = 3
        report.lanes[0].recoveries = 1
        report.lanes[0].rebalances = 4
        report.lanes[0].partitions = 6
        report.lanes[0].epoch = 11
        report.lanes[0].transactionLimit = 2500
        var idle = WorkerReport.Lane(number: 1)
        idle.isJoined = true
        report.lanes.append(idle)
        report.catalogue?.epoch = 12
        report.catalogue?.teams = 2
        report.catalogue?.actions = 30
        report.catalogue?.planBytes = 4096
        report.catalogue?.quarantined = 1
        report.rows = 100
        report.matches = 120
        report.annotated = 8
        report.warningsWritten = 1
        report.actionFailures = 13
        report.duplicateKeys = 14
        report.skippedElements = 20
        report.deadLetters = [.init("invalid_json", 2), .init("too_deep", 0)]
        report.ignored = [.init("duplicate", 4)]
        report.warnings = [.init("duplicate_keys", 9)]
        report.outages = [.init("geoip", 15)]
        var city = WorkerReport.Source(name: "geoip.city")
        city.isLoaded = true
        city.loads = 2
        city.changed = 1_800_000_040
        report.sources = [city, degradedSource("lookup.plans")]
    }
}
