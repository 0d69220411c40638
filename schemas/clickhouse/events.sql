-- Loads events_tagged into the table `events`. Run it in the database of your choice, with your brokers in place of localhost:9092:
--
--   clickhouse-client --database analytics --multiquery < schemas/clickhouse/events.sql
--
-- README.md beside this folder tells what the server needs to know first (isolation level, partitions of old events).

-- One row for every event. ClickHouse commits its offsets behind the insert, so after a crash it may read some records again; a replay
-- reads them again on purpose. Both give the same uuid, name, day and user, hence the same sorting key, and of rows with one
-- sorting key only the last catalogue's is kept. So does an SDK that sends an event twice. Until a merge has done that, FINAL does it
-- for a query (queries.sql).
CREATE TABLE IF NOT EXISTS events
(
    -- Dates of this range are kept as they are sent: a client's clock may say 1969 and an import 1998.
    timestamp DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    team_id Int64,
    -- A team has some hundred names. Should a client invent millions, LowCardinality falls back to plain texts part by part.
    event LowCardinality(String),
    distinct_id String CODEC(ZSTD(1)),
    uuid UUID,
    -- The document as it was sent: JSONExtract reads it. What is read all the time deserves a column of its own:
    --   ALTER TABLE events ADD COLUMN current_url String MATERIALIZED JSONExtractString(properties, '$current_url');
    properties String CODEC(ZSTD(3)),
    person_properties String CODEC(ZSTD(3)),
    group0_properties String CODEC(ZSTD(3)),
    group1_properties String CODEC(ZSTD(3)),
    group2_properties String CODEC(ZSTD(3)),
    group3_properties String CODEC(ZSTD(3)),
    group4_properties String CODEC(ZSTD(3)),
    elements_chain String CODEC(ZSTD(3)),
    -- A text, and empty for none: whoever wrote the record chose the id's form, and a Nullable column costs a second file.
    person_id String CODEC(ZSTD(1)),
    person_created_at Nullable(DateTime64(3, 'UTC')),
    -- Not an Enum: a mode that is added some day must not stop the load.
    person_mode LowCardinality(String),
    historical_migration Bool,
    created_at DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    captured_at Nullable(DateTime64(3, 'UTC')),
    actions Array(Int64) CODEC(ZSTD(1)),
    -- Whether these match is not known; nearly always empty.
    actions_failed Array(Int64) CODEC(ZSTD(1)),
    actions_epoch UInt64 CODEC(Delta, ZSTD(1)),
    -- Lets has(actions, 7) skip the granules that have none of it.
    INDEX actions_bloom actions TYPE bloom_filter(0.01) GRANULARITY 2
)
ENGINE = ReplacingMergeTree(actions_epoch)
-- A month is what gets dropped, moved and queried together; days would make too many parts of an import.
PARTITION BY toYYYYMM(timestamp)
-- Questions name a team, then a time, then an event. The user is hashed to keep the index small and users' rows together; the uuid makes
-- the key an event's own. Date32, because a Date before 1970 or behind 2149 would break the order that the index relies on.
ORDER BY (team_id, toDate32(timestamp), event, cityHash64(distinct_id), uuid);

-- The topic's reader, with the row's fields under their own names. Fields that it does not name are skipped, so a row may grow.
CREATE TABLE IF NOT EXISTS events_queue
(
    uuid UUID,
    event String,
    properties String,
    timestamp DateTime64(3, 'UTC'),
    team_id Int64,
    distinct_id String,
    elements_chain String,
    created_at DateTime64(3, 'UTC'),
    captured_at Nullable(DateTime64(3, 'UTC')),
    person_id Nullable(String),
    person_properties String,
    person_created_at Nullable(DateTime64(3, 'UTC')),
    person_mode String,
    historical_migration Bool,
    group0_properties String,
    group1_properties String,
    group2_properties String,
    group3_properties String,
    group4_properties String,
    actions Array(Int64),
    actions_failed Array(Int64),
    actions_epoch UInt64
)
ENGINE = Kafka
SETTINGS
    kafka_broker_list = 'localhost:9092',
    kafka_topic_list = 'events_tagged',
    kafka_group_name = 'clickhouse_events',
    kafka_format = 'JSONEachRow',
    -- One unreadable record must not stop a partition: it arrives with _error set, and events_unread keeps it.
    kafka_handle_error_mode = 'stream',
    -- The dates have one form. Guessing would read the year 0 as the current one.
    date_time_input_format = 'basic';

CREATE MATERIALIZED VIEW IF NOT EXISTS events_loader TO events AS
SELECT
    timestamp, team_id, event, distinct_id, uuid, properties, person_properties, group0_properties, group1_properties,
    group2_properties, group3_properties, group4_properties, elements_chain, ifNull(person_id, '') AS person_id,
    person_created_at, person_mode, historical_migration, created_at, captured_at, actions, actions_failed,
    actions_epoch
FROM events_queue
WHERE empty(_error);

-- What ClickHouse could not read, byte for byte: empty, unless something else writes to the topic or a table is older than its rows.
CREATE TABLE IF NOT EXISTS events_unread
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

CREATE MATERIALIZED VIEW IF NOT EXISTS events_unread_loader TO events_unread AS
SELECT _topic AS topic, _partition AS partition, _offset AS offset, _error AS error, _raw_message AS value
FROM events_queue
WHERE notEmpty(_error);
