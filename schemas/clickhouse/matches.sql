-- Loads action_matches into the table `matches`. Run it like events.sql; neither needs the other, but queries.sql asks both.

-- One row for every (event, action, version of the action): that identifies a match for ever, so what is read twice falls together as in
-- `events`, and of two readings the later catalogue's counts.
CREATE TABLE IF NOT EXISTS matches
(
    team_id Int64,
    action_id Int64,
    timestamp DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    distinct_id String CODEC(ZSTD(1)),
    event_uuid UUID,
    action_version Int64,
    action_name LowCardinality(String),
    event LowCardinality(String),
    -- Empty for none, as in `events`.
    person_id String CODEC(ZSTD(1)),
    origin LowCardinality(String),
    epoch UInt64 CODEC(Delta, ZSTD(1)),
    -- topic/partition/offset of the raw record: neighbours differ in their last digits.
    source String CODEC(ZSTD(3))
)
ENGINE = ReplacingMergeTree(epoch)
PARTITION BY toYYYYMM(timestamp)
-- A cohort asks for one action within some days, and groups by user: in this order that is one short range, read in the users' order.
ORDER BY (team_id, action_id, toDate32(timestamp), distinct_id, event_uuid, action_version);

CREATE TABLE IF NOT EXISTS matches_queue
(
    team_id Int64,
    action_id Int64,
    action_version Int64,
    action_name String,
    event_uuid UUID,
    event String,
    distinct_id String,
    person_id Nullable(String),
    timestamp DateTime64(3, 'UTC'),
    origin String,
    epoch UInt64,
    source String
)
ENGINE = Kafka
SETTINGS
    kafka_broker_list = 'localhost:9092',
    kafka_topic_list = 'action_matches',
    kafka_group_name = 'clickhouse_matches',
    kafka_format = 'JSONEachRow',
    kafka_handle_error_mode = 'stream',
    date_time_input_format = 'basic';

CREATE MATERIALIZED VIEW IF NOT EXISTS matches_loader TO matches AS
SELECT
    team_id, action_id, timestamp, distinct_id, event_uuid, action_version, action_name, event, ifNull(person_id, '') AS person_id,
    origin, epoch, source
FROM matches_queue
WHERE empty(_error);

CREATE TABLE IF NOT EXISTS matches_unread
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

CREATE MATERIALIZED VIEW IF NOT EXISTS matches_unread_loader TO matches_unread AS
SELECT _topic AS topic, _partition AS partition, _offset AS offset, _error AS error, _raw_message AS value
FROM matches_queue
WHERE notEmpty(_error);
