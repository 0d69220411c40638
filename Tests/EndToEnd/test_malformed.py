"""What cannot go on stands among the dead letters, byte for byte, and nothing else is held up by it."""

from __future__ import annotations

import random

import pytest
from confluent_kafka import KafkaException

import malformed
from checker import check
from feeds import CATALOGUE, TOKEN, Fed, stream


def test_every_kind_of_malformed_record(deployment):
    """More than two hundred kinds among good events: each with its reason, the original's bytes, key and headers."""
    deployment.create_topics()
    deployment.apply(CATALOGUE)
    kinds = malformed.everything()
    assert len({record.name for record in kinds}) == len(kinds) >= 200
    good = stream(300)
    records = kinds + good
    random.Random(1).shuffle(records)
    deployment.feed(records)
    summary = deployment.run_to_end(transaction={"max_records": 100})
    outcome = check(deployment, records)
    assert summary["tagged"] == len(good)
    assert sum(summary["dead_letters"].values()) == len(outcome.dead) == len(kinds)
    assert {reason for reason in summary["dead_letters"]} >= {
        "empty_value", "invalid_json", "invalid_utf8", "invalid_field", "limit_depth", "limit_keys", "limit_key_length", "limit_headers",
        "no_token", "unknown_token", "missing_event", "missing_distinct_id", "distinct_id_too_long", "invalid_uuid"}


def test_what_stands_just_inside_the_limits(deployment):
    """The largest of everything that is still an event."""
    deployment.create_topics()
    deployment.apply(CATALOGUE)
    records = [
        malformed.fed("400 units", "tagged", malformed.flat(distinct_id="x" * 400)),
        malformed.fed("200 emoji", "tagged", malformed.flat(distinct_id="🙂" * 200)),
        malformed.fed("key of 1024", "tagged", malformed.flat(properties={"k" * 1024: 1})),
        malformed.fed("4000 keys", "tagged", malformed.flat(properties={f"k{number}": 1 for number in range(4000)})),
        malformed.fed("60 levels", "tagged", malformed.FLAT.replace("EXTRA", ',"b":' + "[" * 60 + "]" * 60)),
        malformed.fed("256 headers", "tagged", malformed.flat(), headers=[("h", b"1")] * 256),
        malformed.fed("upper case uuid", "tagged", malformed.flat(uuid="018A981F-4B35-7C66-825E-8B0EEAE65714")),
        malformed.fed("a lone surrogate", "tagged", malformed.FLAT.replace("EXTRA", ',"b":"\\ud800"')),
        malformed.fed("a huge number", "tagged", malformed.FLAT.replace("EXTRA", ',"b":1e999')),
        malformed.fed("keys twice", "tagged", malformed.FLAT.replace("EXTRA", ',"a":2,"a":3')),
        malformed.fed("null sections", "tagged",
                      '{"token":"%s","event":"ping","distinct_id":"d","properties":null,"$set":null,"$set_once":null}' % TOKEN),
    ]
    deployment.feed(records)
    deployment.run_to_end()
    check(deployment, records)


def test_rows_that_are_too_large(deployment):
    """A row beyond output.max_bytes is a dead letter; its value is split where one record cannot carry it."""
    deployment.create_topics()
    deployment.apply(CATALOGUE)
    large = stream(3, filler=965_000)
    for record in large:
        record.outcome, record.actions = "too_large_for_output", None
    records = stream(6, first=10) + large + stream(6, first=20)
    deployment.feed(records)
    deployment.run_to_end()
    outcome = check(deployment, records)
    assert [len(outcome.dead[(record.partition, record.offset)]) for record in large] == [2, 2, 2]


def test_rows_that_the_broker_refuses(deployment):
    """An output topic that takes less than Tagstream thinks: the row becomes a dead letter, its neighbours are tagged, once."""
    for topic, config in ((deployment.tagged, {"max.message.bytes": "60000"}), (deployment.raw, {}), (deployment.matches, {}),
                          (deployment.dead_letters, {})):
        deployment.create_topic(topic, 3, **config)
    deployment.create_topics()
    deployment.apply(CATALOGUE)
    large = stream(2, filler=100_000)
    for record in large:
        record.outcome, record.actions = "too_large_for_output", None
    records = stream(30, first=10) + large + stream(30, first=50)
    deployment.feed(records)
    # Few records a batch, so that only the large one is beyond the topic's limit.
    settings = deployment.settings()
    deployment.run_to_end(kafka=settings["kafka"] | {"batch.size": 20_000}, seconds=90)
    check(deployment, records)


@pytest.mark.parametrize("size", [1_048_577, 2_500_000])
def test_values_beyond_the_limit(deployment, size):
    """A value of more than 1 MiB is kept in parts, in order, each with its number."""
    deployment.create_topic(deployment.raw, 3, **{"max.message.bytes": "8000000"})
    deployment.create_topics()
    deployment.apply(CATALOGUE)
    value = b'{"token":"' + TOKEN.encode() + b'","event":"ping","distinct_id":"d","properties":{"a":"' + bytes(97 + number % 26 for number in range(size))
    value = value[: size - 3] + b'"}}'
    record = Fed(value, key=b"large", headers=[("a", b"1")], outcome="limit_size", name=f"{size} bytes")
    records = stream(5) + [record] + stream(5, first=5)
    try:
        deployment.feed(records)
    except (AssertionError, KafkaException) as refused:
        pytest.skip(f"the broker takes no record of {size} bytes whatever the topic says: {refused}")
    deployment.run_to_end()
    outcome = check(deployment, records)
    assert len(outcome.dead[(record.partition, record.offset)]) == -(-size // 700_000)


def test_a_replayed_dead_letter(deployment):
    """A dead letter that is put in again and fails again has the headers of the second time only: earlier ones could be forged."""
    deployment.create_topics()
    deployment.apply(CATALOGUE)
    first = Fed(b"{", key=b"k", headers=[("mine", b"1")], outcome="invalid_json", name="first time")
    deployment.feed([first])
    deployment.run_to_end()
    letter = check(deployment, [first]).dead[(first.partition, first.offset)][0]
    second = Fed(letter.value, key=letter.key, headers=letter.headers, outcome="invalid_json", name="second time")
    deployment.feed([second])
    deployment.run_to_end()
    outcome = check(deployment, [first, second])
    names = [name for name, _ in outcome.dead[(second.partition, second.offset)][0].headers]
    assert names.count("dlq_reason") == 1 and names[0] == "mine"
