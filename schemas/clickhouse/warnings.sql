-- Loads ingestion_warnings into the table `warnings`. Run it like events.sql; it needs neither of the others.

-- One row for every warning: a team's page asks for the latest of each type. What is read twice falls together, because the details name
-- the record that the warning is about.
CREATE TABLE IF NOT EXISTS warnings
(
    team_id Int64,
    type LowCardinality(String),
    source LowCardinality(String),
    -- JSON: which event, and what the type adds (docs/warnings.md).
    details String CODEC(ZSTD(3)),
    timestamp DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1))
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(timestamp)
ORDER BY (team_id, type, timestamp, details);

CREATE TABLE IF NOT EXISTS warnings_queue
(
    team_id Int64,
    type String,
    source String,
    details String,
    timestamp DateTime64(3, 'UTC')
)
ENGINE = Kafka
SETTINGS
    kafka_broker_list = 'localhost:9092',
    kafka_topic_list = 'ingestion_warnings',
    kafka_group_name = 'clickhouse_warnings',
    kafka_format = 'JSONEachRow',
    kafka_handle_error_mode = 'stream',
    date_time_input_format = 'basic';

CREATE MATERIALIZED VIEW IF NOT EXISTS warnings_loader TO warnings AS
SELECT team_id, type, source, details, timestamp
FROM warnings_queue
WHERE empty(_error);

CREATE TABLE IF NOT EXISTS warnings_unread
(
    topic LowCardinality(String),
    partition UInt64,
    offset UInt64,
    error String,
    value String CODEC(ZSTD(3)),
    read_at DateTime DEFAULT now()
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(read_at)
ORDER BY (topic, partition, offset)
TTL read_at + INTERVAL 90 DAY;

CREATE MATERIALIZED VIEW IF NOT EXISTS warnings_unread_loader TO warnings_unread AS
SELECT _topic AS topic, _partition AS partition, _offset AS offset, _error AS error, _raw_message AS value
FROM warnings_queue
WHERE notEmpty(_error);
