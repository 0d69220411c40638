"""What a worker makes of a stream: rows, matches, keys, order, changes of the catalogue."""

from __future__ import annotations

import json
import threading

import pytest

from checker import check
from deployment import EXAMPLES, tagstream
from feeds import CATALOGUE, TOKEN, Fed, event, stream
from waiting import until


@pytest.fixture
def running(deployment):
    """A deployment with topics and a catalogue."""
    deployment.create_topics()
    deployment.apply(CATALOGUE)
    return deployment


def real_records() -> list[Fed]:
    """The 88 records that a real gateway wrote, with the actions that the offline command finds for them."""
    values = (EXAMPLES / "raw_events.jsonl").read_bytes().splitlines()
    done = tagstream("match", "--actions", EXAMPLES / "actions.yaml", "--events", EXAMPLES / "raw_events.jsonl", "--ids")
    assert done.returncode == 0
    ids = {}
    for line in done.stdout.decode().splitlines():
        number, _, found = line.partition(":")
        ids[int(number)] = [int(word) for word in found.split(",") if word]
    assert sorted(ids) == list(range(88))
    return [Fed(value, key=b"key", actions=ids[number], name=f"line {number + 1}") for number, value in enumerate(values)]


def test_real_records_match_as_offline(deployment):
    """The 88 real records through Kafka give what `tagstream match --ids` says, and every action matches something."""
    deployment.create_topics()
    deployment.apply(EXAMPLES / "actions.yaml")
    records = real_records()
    deployment.feed(records)
    summary = deployment.run_to_end()
    outcome = check(deployment, records)
    assert summary["records"] == summary["tagged"] == len(outcome.rows) == 88
    assert summary["matches"] == len(outcome.matches) == sum(len(record.actions) for record in records) > 40
    assert {number for row in outcome.rows.values() for number in row["actions"]} >= {1, 2, 3, 4, 6, 9}


def test_rows_are_those_of_the_offline_command(deployment, tmp_path):
    """Byte for byte, but for what Kafka adds: its timestamp as created_at, the epoch, and uuids made from positions."""
    deployment.create_topics()
    deployment.apply(EXAMPLES / "actions.yaml")
    records = real_records()
    deployment.feed(records)
    deployment.run_to_end()
    outcome = check(deployment, records)
    done = tagstream("match", "--actions", EXAMPLES / "actions.yaml", "--events", EXAMPLES / "raw_events.jsonl")
    offline = [json.loads(line) for line in done.stdout.splitlines()]
    for record, row in zip(records, offline, strict=True):
        online = outcome.rows[(record.partition, record.offset)]
        for name in online.keys() | row.keys():
            if name not in ("created_at", "actions_epoch"):
                assert online.get(name) == row.get(name), (record.name, name)


def test_a_stream_to_its_end(running):
    """A mixed stream: every outcome as expected, the summary adds up, a second run has nothing to do."""
    records = stream(2000, seed=2)
    running.feed(records)
    summary = running.run_to_end()
    check(running, records)
    wanted = {"tagged": 0, "ignored": 0}
    for record in records:
        wanted[record.outcome] = wanted.get(record.outcome, 0) + 1
    assert summary["records"] == 2000
    assert summary["tagged"] == wanted.pop("tagged")
    assert sum(summary["ignored"].values()) == wanted.pop("ignored")
    assert summary["dead_letters"] == wanted
    assert summary["aborts"] == summary["recoveries"] == 0
    assert running.run_to_end()["records"] == 0
    check(running, records)


def test_exit_at_end_of_nothing(running):
    """Empty partitions are at their end at once."""
    assert running.run_to_end(seconds=30)["records"] == 0


def test_exit_at_end_of_one_partition(running):
    """Partitions without a record do not keep a worker from its end."""
    records = [event(number) for number in range(5)]
    for record in records:
        record.partition = 1
    running.feed(records)
    assert running.run_to_end(seconds=30)["records"] == 5
    check(running, records)


def test_keys_and_headers(running):
    """Keys of all kinds reach the dead letters as they were; headers of tagged rows are Tagstream's own and cannot be forged."""
    keys = [None, b"", b"plain", bytes(range(256)), "ключ".encode(), b"k" * 5000]
    header_sets = [[], [("a", b"1")], [("a", b"1"), ("a", None), ("a", b"")], [("", b"nameless")], [("bin", bytes(range(256)))],
                   [("dlq_reason", b"earlier"), ("dlq_offset", b"7"), ("tagstream-source", b"elsewhere/0/0")],
                   [(f"h{number}", b"v" * 20) for number in range(200)]]
    records = []
    for key in keys:
        for headers in header_sets:
            good = event(len(records))
            good.key, good.headers = key, headers
            records.append(good)
            records.append(Fed(b"not json", key=key, headers=headers, outcome="invalid_json", name="broken"))
    running.feed(records)
    running.run_to_end()
    outcome = check(running, records)
    for read in outcome.tagged:
        assert [name for name, _ in read.headers].count("tagstream-source") == 1
        assert not any(name.startswith("dlq_") for name, _ in read.headers)


def test_tokens_come_from_the_header_first(running):
    """The header's token wins over the envelope's; a header without a value is none."""
    ping = event(0)
    body = json.loads(ping.value)
    without = json.dumps({name: value for name, value in body.items() if name != "token"}).encode()
    records = [
        Fed(ping.value, headers=[("token", None)], outcome="tagged"),
        Fed(without, headers=[("token", TOKEN.encode())], outcome="tagged"),
        Fed(ping.value, headers=[("token", b"phc_nobody")], outcome="unknown_token"),
        Fed(without.replace(TOKEN.encode(), b""), headers=[], outcome="no_token"),
    ]
    running.feed(records)
    running.run_to_end()
    check(running, records)


def test_tombstones_and_empty_values(running):
    """A record without a value, or with an empty one, is a dead letter and stays distinguishable."""
    records = [Fed(None, key=b"gone", outcome="empty_value", name="tombstone"), Fed(b"", key=b"gone", outcome="empty_value", name="empty"),
               Fed(None, key=None, outcome="empty_value", name="nothing at all"), event(1)]
    running.feed(records)
    running.run_to_end()
    outcome = check(running, records)
    values = [outcome.dead[(record.partition, record.offset)][0].value for record in records[:3]]
    assert values[0] is None and values[2] is None and values[1] in (b"", None)


def test_ignored_records_are_kept_when_asked(running):
    """With ignored.keep they stand among the dead letters, with the reason in dlq_detail."""
    value = json.dumps({"token": TOKEN, "distinct_id": "somebody", "event": "$performance_event"}).encode()
    records = [Fed(value, outcome="ignored", name="kept")]
    running.feed(records)
    records[0].outcome = "ignored-but-kept"
    summary = running.run_to_end(ignored={"keep": True})
    assert summary["ignored"] == {"performance_event": 1}
    from checker import read_topic

    letters = read_topic(running.cluster.address, running.dead_letters)
    assert len(letters) == 1 and letters[0].value == value
    assert letters[0].header("dlq_reason") == b"ignored"
    assert b"performance_event" in letters[0].header("dlq_detail")


def test_a_catalogue_file(deployment, tmp_path):
    """--catalogue FILE needs no catalogue topic; the epoch is the same for every row."""
    for topic in (deployment.raw, deployment.tagged, deployment.matches, deployment.dead_letters, deployment.warnings):
        deployment.create_topic(topic, 3)
    path = tmp_path / "catalogue.json"
    path.write_text(json.dumps(CATALOGUE))
    records = stream(200, seed=4)
    deployment.feed(records)
    deployment.run_to_end("--catalogue", path)
    outcome = check(deployment, records)
    assert len({row["actions_epoch"] for row in outcome.rows.values()}) == 1


def test_a_catalogue_file_with_a_mistake(deployment, tmp_path):
    """Exit code 1 and the reason, before anything is read."""
    deployment.create_topics()
    path = tmp_path / "catalogue.json"
    path.write_text(json.dumps({"teams": CATALOGUE["teams"], "actions": [
        {"id": 1, "team_id": 71, "name": "Broken", "steps": [{"event": "$pageview", "url": "(", "url_matching": "regex"}]}]}))
    worker = deployment.worker("--catalogue", path)
    assert worker.wait(20) == 1, worker.stderr
    assert "refused" in worker.stderr


def test_several_input_topics(running):
    """Two inputs in one worker: nothing of either is lost."""
    second = running.tag + "-second"
    running.create_topic(second, 2)
    one, other = stream(60), stream(60, first=60)
    running.feed(one)
    for number, record in enumerate(other):
        record.partition = number % 2
    running.feed(other, topic=second)
    summary = running.run_to_end("--input", running.raw, "--input", second)
    assert summary["records"] == 120
    from checker import read_topic

    sources = [read.header("tagstream-source").decode() for read in read_topic(running.cluster.address, running.tagged)]
    assert len(sources) == len(set(sources)) == 120
    assert {source.rsplit("/", 2)[0] for source in sources} == {running.raw, second}


def test_an_action_applied_while_running(running):
    """A change reaches the worker without a restart: earlier events have the old actions, later ones the new; epochs never go back."""
    worker = running.worker(transaction={"max_records": 50, "max_ms": 20})
    before = stream(90)
    running.feed(before)
    running.await_committed(90, worker=worker)
    running.apply({"id": 9, "team_id": 71, "name": "Pong", "steps": [{"event": "pong"}]})
    worker.await_log("catalogue changed")
    after = stream(90, first=90)
    for record in after:
        if is_pong_of_team_71(record):
            record.actions = sorted(record.actions + [9])
    running.feed(after)
    running.await_committed(180, worker=worker)
    running.apply({"id": 9, "team_id": 71, "name": "Pong", "deleted": True})
    worker.await_log("catalogue changed", count=2)
    last = stream(90, first=180)
    running.feed(last)
    running.await_committed(270, worker=worker)
    assert worker.drain() == 0, worker.stderr
    outcome = check(running, before + after + last)
    assert len({row["actions_epoch"] for row in outcome.rows.values()}) == 3
    assert any(9 in row["actions"] for row in outcome.rows.values())


def is_pong_of_team_71(record: Fed) -> bool:
    number = int(record.name.split()[1])
    return number % 3 == 1 and number % 7 != 3


def test_changes_under_load(running):
    """Actions come and go while the stream flows: whatever is in force, a row and its matches agree, and epochs never go back."""
    records: list[Fed] = []
    stop = threading.Event()

    def keep_feeding() -> None:
        producer = running.producer()
        while not stop.is_set():
            some = stream(60, first=len(records))
            for record in some:
                record.actions = None
            running.feed(some, producer)
            records.extend(some)
            stop.wait(0.02)

    worker = running.worker(lanes=2, transaction={"max_records": 50, "max_ms": 20})
    # What is applied before is in the first snapshot, and no change.
    worker.await_log("catalogue read")
    feeder = threading.Thread(target=keep_feeding)
    feeder.start()
    try:
        for round in range(4):
            running.apply({"id": 9, "team_id": 71, "name": f"Pong {round}", "steps": [{"event": "pong"}] * (round + 1)})
            worker.await_log("catalogue changed", count=2 * round + 1)
            running.await_committed(sum(running.committed().values()) + 60, worker=worker)
            running.apply({"id": 9, "team_id": 71, "name": "Pong", "deleted": True})
            worker.await_log("catalogue changed", count=2 * round + 2)
            running.await_committed(sum(running.committed().values()) + 60, worker=worker)
    finally:
        stop.set()
        feeder.join()
    assert worker.drain() == 0, worker.stderr
    running.run_to_end()
    outcome = check(running, records)
    assert len({row["actions_epoch"] for row in outcome.rows.values()}) >= 6


def test_a_team_applied_while_running(running):
    """Events of a token that nobody knows are dead letters; once its team is there, they are tagged."""
    worker = running.worker()
    token = "phc_" + running.tag
    early, late = [Fed(event(number).value.replace(TOKEN.encode(), token.encode()), outcome="unknown_token", name="early")
                   for number in (0, 1, 2)], []
    running.feed(early)
    running.await_committed(3, worker=worker)
    running.apply({"teams": [{"id": 99, "name": "Late", "api_token": token}]})
    worker.await_log("catalogue changed")
    late = [Fed(record.value, outcome="tagged", actions=[], name="late") for record in early]
    running.feed(late)
    running.await_committed(6, worker=worker)
    assert worker.drain() == 0
    outcome = check(running, early + late)
    assert {row["team_id"] for row in outcome.rows.values()} == {99}


def test_the_same_input_gives_the_same_bytes(running):
    """A second deployment of other names over the same input: rows differ in nothing but the epoch's position."""
    records = stream(300, seed=9)
    running.feed(records)
    running.run_to_end()
    first = {(read.partition, read.offset): (read.key, read.value, read.headers) for read in check(running, records).tagged}
    running.tagged, running.matches, running.dead_letters = (name + "-2" for name in (running.tagged, running.matches, running.dead_letters))
    for topic in (running.tagged, running.matches, running.dead_letters):
        running.create_topic(topic, 3)
    running.run_to_end("--group", running.tag + "-2", transaction={"max_records": 7})
    outcome = check(running, records)
    keyed = {read.header("tagstream-source"): (read.key, read.value, read.headers) for read in outcome.tagged}
    assert keyed == {dict(headers)["tagstream-source"]: (key, value, headers) for key, value, headers in first.values()}
