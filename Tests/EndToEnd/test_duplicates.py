"""Events that are sent twice: each uuid is tagged once, whatever is killed in between."""

from __future__ import annotations

import collections
import json
import random
import subprocess

import pytest

from checker import check, read_topic
from feeds import CATALOGUE, TOKEN, Fed, event

SMALL = {"transaction": {"max_records": 60, "max_ms": 20}}


@pytest.fixture
def running(deployment):
    """A deployment with topics and a catalogue."""
    deployment.create_topics()
    deployment.apply(CATALOGUE)
    return deployment


def dedup(deployment, window: int) -> dict:
    return {"dedup": {"topic": deployment.changelog, "window": window}}


def copy_of(original: Fed, name: str) -> Fed:
    """The same event once more, as a client that had no answer sends it."""
    return Fed(original.value, key=original.key, headers=list(original.headers), actions=original.actions, name=name,
               partition=original.partition)


def stream_with_duplicates(count: int, seed: int, partitions: int, window: int) -> list[Fed]:
    """Events of which about one in twenty is an earlier one of its partition again, near or beyond the window."""
    chance = random.Random(seed)
    records: list[Fed] = []
    by_partition: dict[int, list[Fed]] = collections.defaultdict(list)
    for number in range(count):
        partition = number % partitions
        earlier = by_partition[partition]
        if earlier and chance.random() < 0.05:
            back = min(len(earlier), chance.choice([1, 2, window // 2, window - 1, window, window * 2]))
            record = copy_of(earlier[-back], f"again {number}")
        else:
            record = event(number)
            record.partition = partition
        earlier.append(record)
        records.append(record)
    expect(records, window)
    return records


def expect(records: list[Fed], window: int) -> None:
    """Says which of the records are duplicates, by the plainest of rules: the last so many uuids that were tagged."""
    tagged: dict[int, list[tuple]] = collections.defaultdict(list)
    for record in records:
        body = json.loads(record.value)
        body = json.loads(body["data"]) if "data" in body else body
        identity = (body["uuid"], body["distinct_id"], json.loads(record.value)["token"])
        if identity in tagged[record.partition][-window:]:
            record.outcome, record.actions = "ignored", None
        else:
            tagged[record.partition].append(identity)


def let_pass(worker, seconds: float) -> None:
    """Lets a seeded moment pass; nothing depends on its length."""
    try:
        worker.process.wait(seconds)
    except subprocess.TimeoutExpired:
        pass


@pytest.mark.parametrize("seed", [7, 31])
def test_each_uuid_is_tagged_once_though_workers_are_killed(running, static, seed):
    """5 % duplicates, kill -9 at seeded places: what a worker knew is known to the next one, no more and no less."""
    window = 120
    chance = random.Random(seed)
    records = stream_with_duplicates(3000, seed, running.partitions, window)
    duplicates = sum(record.outcome == "ignored" for record in records)
    assert 60 < duplicates < 200 and any(record.name.startswith("again") and record.outcome == "tagged" for record in records)
    running.feed(records)
    settings = SMALL | dedup(running, window)
    for place in sorted([0, *chance.sample(range(1, 2600), 6)]):
        worker = running.worker(static=static("member"), **settings)
        running.await_committed(place, worker=worker)
        let_pass(worker, chance.uniform(0, 0.06))
        worker.kill()
    running.run_to_end(static=static("member"), **settings)
    check(running, records)


def test_each_uuid_is_tagged_once_when_partitions_move(running):
    """A second worker joins and the first one leaves: the second one knows what the first one has tagged."""
    first, again = [event(number) for number in range(600)], []
    for number, record in enumerate(first):
        record.partition = number % running.partitions
    settings = SMALL | dedup(running, 10_000)
    one = running.worker(slot=0, **settings)
    running.feed(first[:300])
    running.await_committed(300, worker=one)
    other = running.worker(slot=1, **settings)
    running.settle(one, other)
    running.feed(first[300:])
    running.await_committed(600)
    assert one.drain() == 0, one.stderr
    running.settle(other)
    again = [copy_of(record, f"again {record.name}") for record in first]
    for record in again:
        record.outcome, record.actions = "ignored", None
    running.feed(again)
    running.await_committed(1200, worker=other)
    assert other.drain() == 0, other.stderr
    check(running, first + again)
    assert one.summary()["ignored"].get("duplicate", 0) + other.summary()["ignored"]["duplicate"] == 600


def test_duplicates_are_kept_among_the_dead_letters_where_that_is_asked_for(running):
    """With ignored.keep a duplicate is a dead letter of reason `ignored`, byte for byte."""
    original = event(0)
    original.partition = 0
    again = copy_of(original, "again")
    again.outcome, again.actions = "ignored", None
    stranger = Fed(json.dumps(json.loads(original.value) | {"distinct_id": "attacker"}).encode(), partition=0)
    running.feed([original, again, stranger])
    summary = running.run_to_end(**dedup(running, 10), ignored={"keep": True})
    assert summary["ignored"] == {"duplicate": 1}
    assert summary["tagged"] == 2
    letters = read_topic(running.cluster.address, running.dead_letters)
    assert [(letter.value, letter.header("dlq_detail")) for letter in letters] == [(original.value, b"duplicate")]


def test_a_dead_letter_is_no_first_copy(running):
    """The row of the first copy is refused for its size: the next one is tagged, and only the third is a duplicate. A replay tries the
    first again, because somebody asks for it, and gives no row to a duplicate that was kept."""
    copy = event(0)
    copy.partition = 0
    body = json.loads(copy.value)
    # `$set` goes into two columns: the record fits, its row does not, its dead letter does.
    large = {"token": TOKEN, "event": "ping", "distinct_id": body["distinct_id"], "uuid": body["uuid"],
             "properties": {"$set": {"bio": "x" * 18_000}}}
    records = [Fed(json.dumps(large).encode(), partition=0), copy, copy_of(copy, "again")]
    running.feed(records)
    small = running.settings()["kafka"] | {"message.max.bytes": 24_000}
    summary = running.run_to_end(**dedup(running, 10), kafka=small, ignored={"keep": True})
    assert summary["dead_letters"] == {"too_large_for_output": 1}
    assert summary["tagged"] == 1 and summary["ignored"] == {"duplicate": 1}
    done = running.command("dead-letters", "replay", "--json")
    assert done.returncode == 0, done.stderr.decode()
    account = json.loads(done.stdout.splitlines()[-1])
    assert sorted((of["reason"], of["outcome"]) for of in account["letters"]) == [("ignored", "ignored"), ("too_large_for_output", "tagged")]
    sources = [read.header("tagstream-source").decode() for read in read_topic(running.cluster.address, running.tagged)]
    assert sorted(sources) == [f"{running.raw}/0/0", f"{running.raw}/0/1"]


def test_uuid_suppression(running):
    """Another one's uuid, sent first under an id of one's own, suppresses nothing."""
    victim = event(0)
    victim.partition = 0
    body = json.loads(victim.value)
    attack = Fed(json.dumps({"token": TOKEN, "event": "ping", "distinct_id": "attacker", "uuid": body["uuid"]}).encode(), partition=0)
    running.feed([attack, victim])
    assert running.run_to_end(**dedup(running, 10))["ignored"] == {}
    rows = [json.loads(read.value) for read in read_topic(running.cluster.address, running.tagged)]
    assert [row["uuid"] for row in rows] == [body["uuid"]] * 2
    assert [row["distinct_id"] for row in rows] == ["attacker", body["distinct_id"]]


def test_the_changelog_is_bounded_by_the_window(running):
    """However many events there were, its keys are those of the window's granules."""
    records = [event(number) for number in range(1500)]
    for record in records:
        record.partition = 0
    running.feed(records)
    running.run_to_end(**SMALL, **dedup(running, 200))
    keys = {read.key.decode() for read in read_topic(running.cluster.address, running.changelog)}
    assert keys == {f"{running.tag}/{running.raw}/0/{granule}" for granule in range(200 // 64 + 2)}
