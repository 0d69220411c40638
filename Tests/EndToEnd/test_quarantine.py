"""An action that fails too often: quarantined by the worker, through the catalogue, until somebody publishes it again."""

from __future__ import annotations

import json
import random
import re

from checker import read_topic
from feeds import TEAMS, TOKEN, Fed
from waiting import until

#: Its automaton remembers where each of the last 300 "a" was: on a long text of "a" and "b" the search is given up.
EVIL = {"event": "ping", "properties": [{"key": "p", "operator": "regex", "value": "[ab]*a[ab]{300}c"}]}
CATALOGUE = {"teams": TEAMS, "actions": [
    {"id": 1, "team_id": 71, "name": "Every ping", "steps": [{"event": "ping"}]},
    {"id": 7, "team_id": 71, "name": "Evil", "steps": [EVIL]},
]}


def ping(number: int, text: str) -> Fed:
    body = {"event": "ping", "distinct_id": f"d{number}", "token": TOKEN, "properties": {"p": text, "number": number}}
    return Fed(json.dumps(body).encode())


def test_an_action_that_fails_is_quarantined_at_one_position(deployment):
    """Its failures are in the rows up to one epoch, and from then on nobody evaluates it, until it is published again."""
    deployment.create_topics()
    deployment.apply(CATALOGUE)
    noise = "".join(random.Random(7).choices("ab", k=50_000))
    deployment.feed([ping(number, noise) for number in range(12)])
    worker = deployment.worker()
    worker.await_log("an action could not be evaluated")
    worker.await_log("catalogue entry quarantined")
    deployment.feed([ping(number, noise) for number in range(12, 18)])

    def rows():
        found = [json.loads(read.value) for read in read_topic(deployment.cluster.address, deployment.tagged)]
        return sorted(found, key=lambda row: json.loads(row["properties"])["number"]) if len(found) == 18 else []

    found = until(rows, 60, "18 rows")
    assert all(row["actions"] == [1] for row in found)
    last_failing = max(row["actions_epoch"] for row in found if row.get("actions_failed") == [7])
    first_without = min(row["actions_epoch"] for row in found if "actions_failed" not in row)
    assert last_failing < first_without, "one position decides"
    assert all("actions_failed" not in row for row in found[12:])

    listed = {row["id"]: row for row in map(json.loads, deployment.command("get", "actions", "--json").stdout.splitlines())}
    assert listed[7]["state"] == "quarantined" and not listed[7]["in_force"]
    # How many it had seen by then depends on how they came; all of them failed.
    assert re.search(r"could not be evaluated for (1[0-2]) of \1 events", listed[7]["reasons"][0]), listed[7]
    assert listed[1]["state"] == "active"

    # Published again, it has another version and is in force.
    mended = CATALOGUE["actions"][1] | {"steps": [EVIL | {"properties": [{"key": "p", "operator": "regex", "value": "[ab]+"}]}]}
    done = json.loads(deployment.apply(mended, "--json").stdout.splitlines()[0])
    assert done == {"key": "action/71/7", "effect": "changed", "version": 2}
    listed = {row["id"]: row for row in map(json.loads, deployment.command("get", "actions", "--json").stdout.splitlines())}
    assert listed[7]["state"] == "active" and listed[7]["version"] == 2
    assert worker.drain() == 0


def test_a_quarantine_can_be_lifted(deployment):
    """`tagstream delete quarantine` puts the same version back into force; a quarantine that is not there is told."""
    deployment.create_topics()
    deployment.apply(CATALOGUE)
    missing = deployment.command("delete", "quarantine", "71/7")
    assert missing.returncode == 1 and "no quarantine/71/7" in missing.stderr.decode()
    noise = "".join(random.Random(8).choices("ab", k=50_000))
    deployment.feed([ping(number, noise) for number in range(10)])
    worker = deployment.worker()
    worker.await_log("catalogue entry quarantined")
    assert worker.drain() == 0
    done = deployment.command("delete", "quarantine", "71/7")
    assert done.returncode == 0, done.stderr
    listed = {row["id"]: row for row in map(json.loads, deployment.command("get", "actions", "--json").stdout.splitlines())}
    assert listed[7]["state"] == "active" and listed[7]["version"] == 1
