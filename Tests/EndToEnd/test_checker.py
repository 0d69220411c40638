"""The checker finds what it is there to find: every fault that is made here is told."""

from __future__ import annotations

import copy
import json

import pytest

import checker
from checker import Check, Read
from feeds import Fed


class Address:
    address = "nowhere"


class Given:
    """What a deployment looks like to the checker."""

    cluster = Address()
    raw, tagged, matches, dead_letters = "raw", "tagged", "matches", "dead"


def good() -> dict[str, list[Read]]:
    """Two tagged records, one dead letter, one ignored."""
    raw = [Read("raw", 0, offset, b"k", b"value %d" % offset, [("h", None)], 1_000) for offset in range(4)]
    tagged, matches = [], []
    for offset in (0, 2):
        row = {"uuid": f"u{offset}", "event": "e", "properties": "{}", "person_properties": "{}", "timestamp": "t", "team_id": 1,
               "distinct_id": "d", "person_id": None, "actions": [1, 2], "actions_epoch": 5}
        headers = [("tagstream-source", b"raw/0/%d" % offset), ("team_id", b"1"), ("event", b"e")]
        tagged.append(Read("tagged", 0, len(tagged), row["uuid"].encode(), json.dumps(row).encode(), headers, 1))
        for action in (1, 2):
            match = {"team_id": 1, "action_id": action, "action_version": 1, "action_name": "a", "event_uuid": row["uuid"], "event": "e",
                     "distinct_id": "d", "person_id": None, "timestamp": "t", "origin": "live", "epoch": 5, "source": f"raw/0/{offset}"}
            matches.append(Read("matches", 0, len(matches), b"1:d", json.dumps(match).encode(), [], 1))
    added = {"dlq_reason": "invalid_json", "dlq_detail": "what was found", "dlq_step": "decode", "dlq_timestamp": "1970-01-01 00:00:01.000",
             "dlq_topic": "raw", "dlq_partition": "0", "dlq_offset": "1", "dlq_epoch": "5", "dlq_version": "1"}
    dead = [Read("dead", 0, 0, b"k", b"value 1", [("h", None)] + [(name, text.encode()) for name, text in added.items()], 1)]
    return {"raw": raw, "tagged": tagged, "matches": matches, "dead": dead}


def expected() -> list[Fed]:
    outcomes = ("tagged", "invalid_json", "tagged", "ignored")
    return [Fed(b"value %d" % offset, outcome=outcome, partition=0, offset=offset, actions=[1, 2] if outcome == "tagged" else None)
            for offset, outcome in enumerate(outcomes)]


def look(monkeypatch, topics: dict[str, list[Read]], fed: list[Fed] | None = None) -> list[str]:
    monkeypatch.setattr(checker, "read_topic", lambda address, topic: topics[topic])
    return Check(Given()).run(expected() if fed is None else fed).problems


def changed(read: Read, **fields: object) -> None:
    read.value = json.dumps(json.loads(read.value) | fields).encode()


def replaced(read: Read, name: str, value: bytes | None) -> None:
    read.headers = [(key, value if key == name else old) for key, old in read.headers]


def twice(topic: str, index: int):
    return lambda topics: topics[topic].append(copy.deepcopy(topics[topic][index]))


FAULTS = {
    "a row is lost": lambda topics: topics["tagged"].pop(0),
    "a row is there twice": twice("tagged", 1),
    "a match is lost": lambda topics: topics["matches"].pop(1),
    "a match is there twice": twice("matches", 3),
    "matches of one row are exchanged": lambda topics: topics["matches"].insert(0, topics["matches"].pop(1)),
    "rows are exchanged": lambda topics: topics["tagged"].reverse(),
    "a dead letter is lost": lambda topics: topics["dead"].clear(),
    "a dead letter is there twice": twice("dead", 0),
    "a byte of a dead letter differs": lambda topics: setattr(topics["dead"][0], "value", b"value 2"),
    "a dead letter's key is lost": lambda topics: setattr(topics["dead"][0], "key", None),
    "an original header is lost": lambda topics: topics["dead"][0].headers.pop(0),
    "a null header became empty": lambda topics: replaced(topics["dead"][0], "h", b""),
    "a reason is another": lambda topics: replaced(topics["dead"][0], "dlq_reason", b"invalid_utf8"),
    "a detail is empty": lambda topics: replaced(topics["dead"][0], "dlq_detail", b""),
    "a dead letter's time is another": lambda topics: replaced(topics["dead"][0], "dlq_timestamp", b"1970-01-01 00:00:02.000"),
    "a part is missing": lambda topics: topics["dead"][0].headers.append(("dlq_part", b"1/2")),
    "a row of a record that is a dead letter": lambda topics: replaced(topics["tagged"][0], "tagstream-source", b"raw/0/1"),
    "a row from nowhere": lambda topics: replaced(topics["tagged"][0], "tagstream-source", b"raw/0/9"),
    "a row in another partition": lambda topics: setattr(topics["tagged"][1], "partition", 1),
    "an action too many": lambda topics: changed(topics["tagged"][0], actions=[1, 2, 3]),
    "another epoch in a match": lambda topics: changed(topics["matches"][0], epoch=6),
    "an epoch that goes back": lambda topics: changed(topics["tagged"][1], actions_epoch=4),
    "another uuid in a match": lambda topics: changed(topics["matches"][0], event_uuid="u9"),
    "another key of a row": lambda topics: setattr(topics["tagged"][0], "key", b"u9"),
    "another key of a match": lambda topics: setattr(topics["matches"][0], "key", b"1:e"),
    "an ignored record became a row": lambda topics: replaced(topics["tagged"][1], "tagstream-source", b"raw/0/3"),
}


def test_nothing_is_found_where_nothing_is(monkeypatch):
    assert look(monkeypatch, good()) == []


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_is_found(monkeypatch, fault):
    topics = good()
    FAULTS[fault](topics)
    assert look(monkeypatch, topics) != []


def test_actions_that_were_not_expected(monkeypatch):
    fed = expected()
    fed[0].actions = [1]
    assert look(monkeypatch, good(), fed) != []
