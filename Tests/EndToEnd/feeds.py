"""Input for the tests, with what must become of it."""

from __future__ import annotations

import dataclasses
import json
import random
import uuid


@dataclasses.dataclass
class Fed:
    """A record to write, and what is expected of it."""

    value: bytes | None
    key: bytes | None = None
    headers: list = dataclasses.field(default_factory=list)
    outcome: str | None = "tagged"
    actions: list[int] | None = None
    name: str = ""
    timestamp: int | None = None
    partition: int | None = None
    offset: int | None = None


TOKEN = "phc_end_to_end"
OTHER_TOKEN = "phc_end_to_end_other"

TEAMS = [{"id": 71, "name": "End to end", "api_token": TOKEN}, {"id": 72, "name": "Another", "api_token": OTHER_TOKEN}]

#: Simple enough that a test can say which events each of them takes.
CATALOGUE = {
    "teams": TEAMS,
    "actions": [
        {"id": 1, "team_id": 71, "name": "Ping", "steps": [{"event": "ping"}]},
        {"id": 2, "team_id": 71, "name": "Even", "steps": [{"properties": [{"key": "parity", "operator": "exact", "value": "even"}]}]},
        {"id": 3, "team_id": 71, "name": "Pricing",
         "steps": [{"event": "$pageview", "url": "/pricing", "url_matching": "contains"}]},
        {"id": 4, "team_id": 72, "name": "Ping of the others", "steps": [{"event": "ping"}]},
    ],
}


def stable_uuid(number: int) -> str:
    """A uuid that follows from a number."""
    return str(uuid.UUID(int=(0x018F << 112) | (7 << 76) | (2 << 62) | number))


def event(number: int, filler: int = 0) -> Fed:
    """Record `number` of a stream: an envelope or a flat event of one of two teams, with the actions that it belongs to."""
    kind = ("ping", "pong", "$pageview")[number % 3]
    parity = "even" if number % 2 == 0 else "odd"
    token = OTHER_TOKEN if number % 7 == 3 else TOKEN
    properties = {"number": number, "parity": parity, "word": "ünïcødé \"quoted\" 🙂", "filler": "x" * filler}
    actions = []
    if kind == "$pageview":
        path = "/pricing" if number % 4 < 2 else "/docs"
        properties["$current_url"] = f"https://example.com{path}?n={number}"
    if token == OTHER_TOKEN:
        actions = [4] if kind == "ping" else []
    else:
        actions += [1] if kind == "ping" else []
        actions += [2] if parity == "even" else []
        actions += [3] if kind == "$pageview" and number % 4 < 2 else []
    body = {"event": kind, "distinct_id": f"person {number % 50}", "uuid": stable_uuid(number), "properties": properties,
            "timestamp": "2025-09-01T10:00:00.000Z"}
    if number % 2:
        value = json.dumps(body | {"token": token}, ensure_ascii=number % 3 == 0)
    else:
        value = json.dumps({"uuid": body["uuid"], "distinct_id": body["distinct_id"], "ip": "203.0.113.7",
                            "data": json.dumps(body, ensure_ascii=number % 3 == 0), "now": "2025-09-01T10:00:02.513884Z",
                            "token": token})
    return Fed(value.encode(), key=f"{token}:person {number % 50}".encode(), headers=[("fed", str(number).encode()), ("empty", None)],
               actions=actions, name=f"event {number}")


def stream(count: int, first: int = 0, filler: int = 0, seed: int | None = None) -> list[Fed]:
    """A stream of events; with a seed about one in twenty is broken or ignored."""
    chance = random.Random(seed)
    records = []
    for number in range(first, first + count):
        record = event(number, filler)
        if seed is not None and chance.random() < 0.05:
            broken(record, chance.randrange(5))
        records.append(record)
    return records


def broken(record: Fed, kind: int) -> None:
    """Makes a record one that cannot go on, or one that is ignored."""
    record.actions = None
    if kind == 0:
        record.value, record.outcome = record.value[: len(record.value) // 2], "invalid_json"
        if b"\\u" not in record.value and not is_utf8(record.value):
            record.outcome = None
    elif kind == 1:
        record.value, record.outcome = None, "empty_value"
    elif kind == 2:
        record.value, record.outcome = record.value.replace(b"phc_", b"old_"), "unknown_token"
    elif kind == 3:
        record.value, record.outcome = json.dumps({"token": TOKEN, "distinct_id": "somebody"}).encode(), "missing_event"
    else:
        record.value = json.dumps({"token": TOKEN, "distinct_id": "somebody", "event": "$performance_event"}).encode()
        record.outcome = "ignored"


def is_utf8(value: bytes) -> bool:
    try:
        value.decode()
        return True
    except UnicodeDecodeError:
        return False
