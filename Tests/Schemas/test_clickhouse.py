"""Real rows in the tables of schemas/clickhouse: every query's result is computed a second time, in Python, from the rows themselves."""

import json
from collections import Counter, defaultdict
from xml.etree import ElementTree

import pytest

import clickhouse
from contracts import FOLDER, schema

TEAM = 2
DAY = {"team_id": TEAM, "since": "2023-09-15 00:00:00", "until": "2023-09-16 00:00:00"}
QUERIES = clickhouse.queries()
QUEUES = {"events": "tagged_event", "matches": "action_match", "warnings": "ingestion_warning"}


@pytest.fixture(scope="module")
def loaded(row_lines, matches):
    """Everything loaded twice, as after a crash between an insert and the commit of its offsets."""
    warehouse = clickhouse.Warehouse()
    for _ in range(2):
        warehouse.load("events_queue", row_lines)
        warehouse.load("matches_queue", [json.dumps(match) for match in matches])
        warehouse.load("warnings_queue", [json.dumps(warning) for warning in schema("ingestion_warning")["examples"]])
    yield warehouse
    warehouse.close()


@pytest.fixture(scope="module")
def events(rows):
    """The rows without those whose event was sent twice: team, day, name, user and uuid are the key that falls together."""
    identity = ("team_id", "event", "distinct_id", "uuid")
    unique = {(row["timestamp"][:10], *(row[name] for name in identity)): row for row in rows}
    # Six of the real records were sent twice by their SDK; that makes them a better test.
    assert (len(rows), len(unique)) == (88, 82)
    return list(unique.values())


@pytest.fixture(scope="module")
def ours(events):
    """The rows that the queries are about."""
    chosen = [row for row in events if row["team_id"] == TEAM and row["timestamp"].startswith("2023-09-15 ")]
    assert 30 < len(chosen) < len(events)
    return chosen


@pytest.fixture(scope="module")
def our_matches(matches, ours):
    uuids = {row["uuid"] for row in ours}
    return [match for match in matches if match["team_id"] == TEAM and match["event_uuid"] in uuids]


# MARK: The files


@pytest.mark.parametrize("name", clickhouse.FILES)
def test_statements_are_what_the_readme_says(name, loaded):
    found = clickhouse.statements(name)
    assert [clickhouse.is_kafka(statement) for statement in found] == [False, True, False, False, False]
    assert "ReplacingMergeTree" in found[0]


@pytest.mark.parametrize(("table", "contract"), QUEUES.items())
def test_kafka_table_reads_fields_of_the_schema_only(table, contract, loaded):
    columns = loaded.ask(f"SELECT name FROM system.columns WHERE database = 'warehouse' AND table = '{table}_queue'")
    names = {column["name"] for column in columns if not column["name"].startswith("_")}
    fields = set(schema(contract)["properties"])
    assert names <= fields
    assert fields - names == ({"project_id"} if table == "events" else set())
    targets = loaded.ask(f"SELECT name FROM system.columns WHERE database = 'warehouse' AND table = '{table}'")
    assert {column["name"] for column in targets} == names


@pytest.mark.parametrize("name", clickhouse.FILES)
def test_kafka_engine_takes_the_settings(name, loaded):
    """The engine checks its settings before it does anything else; a wrong one shows that this test would see it."""
    (statement,) = [text for text in clickhouse.statements(name) if clickhouse.is_kafka(text)]
    assert clickhouse.settings(statement)["kafka_handle_error_mode"] == "stream"
    table = statement.replace("_queue", "_kafka")
    for wrong, complaint in [
        (table.replace("kafka_format", "kafka_form"), "UNKNOWN_SETTING"),
        (table.replace("'stream'", "'strem'"), "BAD_ARGUMENTS"),
    ]:
        with pytest.raises(Exception, match=complaint):
            loaded.run(wrong)
    try:
        loaded.run(table)
    except Exception as error:  # chdb is a ClickHouse without a server's background: the engine's start fails behind the check
        assert "Shutdown was called" in str(error)


def test_files_may_be_run_again(loaded):
    loaded.make()
    assert loaded.ask("SELECT count() > 0 AS kept FROM events")[0]["kept"]


def test_server_file_names_the_isolation_level():
    level = ElementTree.parse(FOLDER / "clickhouse" / "kafka.xml").getroot().find("kafka/isolation_level")
    assert level is not None and level.text == "read_committed"


# MARK: Loading


def test_every_event_is_there_once(loaded, events, rows, matches):
    teams = "WHERE team_id IN (2, 3, 4)"
    (count,) = loaded.ask(f"SELECT count() AS n, uniqExact(uuid) AS ids FROM events FINAL {teams}")
    assert count == {"n": len(events), "ids": len(events)}
    assert loaded.ask(f"SELECT count() AS n FROM matches FINAL {teams}") == [{"n": len(matches)}]
    # Not because the views lost something: without FINAL, both loads may still be there.
    (stored,) = loaded.ask(f"SELECT count() AS n FROM events {teams}")
    assert len(events) <= stored["n"] <= 2 * len(rows)
    assert loaded.ask("SELECT count() AS n FROM events_unread") == [{"n": 0}]


def test_a_row_comes_back_as_it_was(loaded, rows):
    stored = {row["uuid"]: row for row in loaded.ask("SELECT * FROM events FINAL WHERE team_id IN (2, 3, 4)")}
    for row in rows:
        back = stored[row["uuid"]]
        expected = {name: row.get(name, "") for name in back}
        expected["person_id"] = row["person_id"] or ""
        expected["historical_migration"] = row.get("historical_migration", False)
        expected["actions_failed"] = row.get("actions_failed", [])
        assert back == expected


def test_a_match_comes_back_as_it_was(loaded, matches):
    identity = ("event_uuid", "action_id", "action_version")
    sql = "SELECT * FROM matches FINAL WHERE team_id IN (2, 3, 4)"
    stored = {tuple(row[name] for name in identity): row for row in loaded.ask(sql)}
    assert len(stored) == len(matches)
    for match in matches:
        assert stored[tuple(match[name] for name in identity)] == match | {"person_id": match["person_id"] or ""}


def test_a_warning_comes_back_as_it_was(loaded):
    stored = loaded.ask("SELECT * FROM warnings FINAL ORDER BY team_id")
    assert stored == schema("ingestion_warning")["examples"]


# MARK: Queries


def test_every_query_is_tested():
    source = globals()
    assert [name for name in QUERIES if f"test_query_{name}" not in source] == []
    assert len(QUERIES) == 9


def test_query_events_per_action(loaded, ours):
    events, users = Counter(), defaultdict(set)
    for row in ours:
        for action in row["actions"]:
            events[action] += 1
            users[action].add(row["distinct_id"])
    expected = [{"action_id": a, "events": events[a], "users": len(users[a])} for a in sorted(events)]
    assert len(expected) >= 5
    assert loaded.ask(QUERIES["events_per_action"], **DAY) == expected


def test_query_events_without_action(loaded, ours):
    events = Counter(row["event"] for row in ours if not row["actions"])
    expected = [{"event": name, "events": n} for name, n in sorted(events.items(), key=lambda item: (-item[1], item[0]))]
    assert expected
    assert loaded.ask(QUERIES["events_without_action"], **DAY) == expected


def test_query_urls_of_action(loaded, ours):
    for action in (2, 3, 4):
        urls = Counter(json.loads(row["properties"])["$current_url"] for row in ours if action in row["actions"])
        expected = [{"url": url, "events": n} for url, n in sorted(urls.items(), key=lambda item: (-item[1], item[0]))]
        assert expected
        assert loaded.ask(QUERIES["urls_of_action"], **DAY, action_id=action) == expected


def test_query_widest_viewport(loaded, ours):
    widths = defaultdict(list)
    for row in ours:
        if (width := json.loads(row["properties"]).get("$viewport_width")) is not None:
            widths[row["event"]].append(width)
    expected = [{"event": name, "width": max(widths[name])} for name in sorted(widths)]
    assert expected
    assert loaded.ask(QUERIES["widest_viewport"], **DAY) == expected


def test_query_matches_per_user(loaded, our_matches):
    for action, at_least in [(2, 1), (2, 2), (4, 1), (9, 1), (9, 10_000)]:
        times = defaultdict(list)
        for match in our_matches:
            if match["action_id"] == action:
                times[match["distinct_id"]].append(match["timestamp"])
        expected = [
            {"distinct_id": user, "times": len(when), "first": min(when), "last": max(when)}
            for user, when in sorted(times.items(), key=lambda item: (-len(item[1]), item[0]))
            if len(when) >= at_least
        ]
        assert bool(expected) is (at_least < 10_000)
        assert loaded.ask(QUERIES["matches_per_user"], **DAY, action_id=action, at_least=at_least) == expected


@pytest.fixture(scope="module")
def planted(loaded, our_matches):
    """Three users of team 76, because team 2's real day has only one: who, what, how often."""
    done = [("ann", 2, 3), ("bob", 2, 1), ("bob", 3, 1), ("cleo", 3, 2)]
    lines = []
    for user, action, times in done:
        for _ in range(times):
            uuid = f"00000000-0000-4000-8000-{len(lines):012}"
            match = our_matches[0] | {"team_id": 76, "distinct_id": user, "action_id": action, "event_uuid": uuid}
            lines.append(json.dumps(match))
    # The same match under a second version of its action: one event all the same.
    lines.append(json.dumps(json.loads(lines[0]) | {"action_version": 2}))
    loaded.load("matches_queue", lines)
    return DAY | {"team_id": 76}


def test_query_matches_per_user_ranks_users(loaded, planted):
    def ranking(**parameters):
        answer = loaded.ask(QUERIES["matches_per_user"], **planted, **parameters)
        return [(row["distinct_id"], row["times"]) for row in answer]

    assert ranking(action_id=2, at_least=1) == [("ann", 3), ("bob", 1)]
    assert ranking(action_id=2, at_least=2) == [("ann", 3)]
    assert ranking(action_id=3, at_least=1) == [("cleo", 2), ("bob", 1)]


@pytest.mark.parametrize(("one", "other", "users"), [(2, 3, ["ann"]), (3, 2, ["cleo"]), (2, 4, ["ann", "bob"]), (4, 2, [])])
def test_query_did_one_not_the_other(one, other, users, loaded, planted):
    answer = loaded.ask(QUERIES["did_one_not_the_other"], **planted, action_id=one, other_action_id=other)
    assert [row["distinct_id"] for row in answer] == users


def test_query_matches_per_version(loaded, our_matches):
    counts = Counter((match["action_id"], match["action_version"], match["action_name"]) for match in our_matches)
    expected = [
        {"action_id": action, "action_version": version, "name": name, "matches": counts[action, version, name]}
        for action, version, name in sorted(counts)
    ]
    assert loaded.ask(QUERIES["matches_per_version"], **DAY) == expected


def test_query_disagreements(loaded, our_matches):
    assert loaded.ask(QUERIES["disagreements"], **DAY) == []
    lost = our_matches[0] | {"team_id": 75}
    loaded.load("matches_queue", [json.dumps(lost)])
    expected = [{"uuid": lost["event_uuid"], "action_id": lost["action_id"], "rows": 0, "matches": 1}]
    assert loaded.ask(QUERIES["disagreements"], **DAY | {"team_id": 75}) == expected


def test_query_unread(loaded):
    assert loaded.ask(QUERIES["unread"]) == []
    for queue, topic in [("events_queue", "events_tagged"), ("matches_queue", "action_matches")]:
        broken = {"_topic": topic, "_partition": 1, "_offset": 7, "_error": "cannot parse", "_raw_message": "{"}
        loaded.load(queue, [json.dumps(broken)])
    try:
        assert loaded.ask(QUERIES["unread"]) == [
            {"topic": "action_matches", "records": 1, "example": "cannot parse"},
            {"topic": "events_tagged", "records": 1, "example": "cannot parse"},
        ]
        kept = loaded.ask("SELECT topic, partition, offset, error, value FROM events_unread")
        assert kept == [{"topic": "events_tagged", "partition": 1, "offset": 7, "error": "cannot parse", "value": "{"}]
        assert loaded.ask("SELECT count() AS n FROM events WHERE team_id = 0") == [{"n": 0}]
    finally:
        loaded.run("TRUNCATE TABLE events_unread")
        loaded.run("TRUNCATE TABLE matches_unread")


# MARK: Edges


def test_a_replay_under_a_later_catalogue_wins(loaded, rows):
    row = rows[0] | {"team_id": 71}
    loaded.load("events_queue", [json.dumps(row | {"actions": [5], "actions_epoch": 9})])
    loaded.load("events_queue", [json.dumps(row | {"actions": [4], "actions_epoch": 3})])
    assert loaded.ask("SELECT actions FROM events FINAL WHERE team_id = 71") == [{"actions": [5]}]


def test_rows_of_any_year_are_found_again(loaded, rows):
    times = ["1969-12-31 23:59:59.999", "1970-01-01 00:00:00.000", "2149-06-07 00:00:00.000", "2299-12-31 00:00:00.000"]
    lines = [json.dumps(rows[0] | {"team_id": 72, "timestamp": time}) for time in times]
    lines.append(json.dumps(rows[0] | {"team_id": 72, "timestamp": "0000-01-01 00:00:00.000"}))
    loaded.load("events_queue", lines)
    found = loaded.ask("SELECT timestamp FROM events FINAL WHERE team_id = 72 ORDER BY timestamp")
    assert [row["timestamp"] for row in found[:1] + found[-3:]] == [times[0], times[1], times[2], times[3]]
    for time in times:
        sql = f"SELECT count() > 0 AS found FROM events FINAL WHERE team_id = 72 AND timestamp = '{time}'"
        assert loaded.ask(sql)[0]["found"], time
    # The year 0 is no date of ClickHouse's; it must not become one of today's.
    recent = "SELECT count() AS n FROM events WHERE team_id = 72 AND timestamp BETWEEN '2000-01-01' AND '2100-01-01'"
    assert loaded.ask(recent) == [{"n": 0}]


def test_an_import_over_many_years_needs_the_profile_of_the_readme(loaded, rows):
    months = [f"{year}-{month:02}-01 00:00:00.000" for year in range(2010, 2020) for month in range(1, 13)]
    lines = [json.dumps(rows[0] | {"team_id": 73, "timestamp": month}) for month in months]
    with pytest.raises(Exception, match="TOO_MANY_PARTS|Too many partitions"):
        loaded.load("events_queue", lines)
    loaded.load("events_queue", lines, throw_on_max_partitions_per_insert_block=0)
    assert loaded.ask("SELECT count() AS n FROM events FINAL WHERE team_id = 73") == [{"n": len(months)}]
    assert "throw_on_max_partitions_per_insert_block" in (FOLDER / "README.md").read_text(encoding="utf-8")


def test_a_row_may_grow(loaded, rows):
    loaded.load("events_queue", [json.dumps(rows[0] | {"team_id": 74, "surprise": {"a": [1]}, "person_mode": "new"})])
    assert loaded.ask("SELECT person_mode FROM events FINAL WHERE team_id = 74") == [{"person_mode": "new"}]


def test_action_index_is_used(loaded):
    plan = loaded.ask("EXPLAIN indexes = 1 SELECT count() FROM events WHERE has(actions, 7)")
    assert any("actions_bloom" in line["explain"] for line in plan)
