"""A worker's enrichments: settings of the deployment and of a team, and files that come and go while it runs."""

from __future__ import annotations

import json
import os

from checker import read_topic
from deployment import Deployment
from feeds import Fed, OTHER_TOKEN, TOKEN, stable_uuid

CATALOGUE = {
    "teams": [
        {"id": 71, "api_token": TOKEN, "settings": {"enrich": {"privacy": {"drop": ["secret"]}}}},
        {"id": 72, "api_token": OTHER_TOKEN, "settings": {"anonymize_ips": True, "enrich": {"promotion": {"enabled": False}}}},
    ],
    "actions": [{"id": 1, "team_id": 71, "name": "Large", "steps": [{"properties": [{"key": "plan_seats", "operator": "gt", "value": 3}]}]}],
}


def event(number: int, token: str = TOKEN) -> Fed:
    body = {"uuid": stable_uuid(number), "token": token, "distinct_id": "u", "event": "x", "ip": "203.0.113.77",
            "properties": {"number": number, "plan": "pro", "$browser": "Chrome", "secret": "s"}}
    return Fed(json.dumps(body).encode())


def rows(deployment: Deployment) -> dict[int, dict]:
    """The tagged rows by their number, with the columns that are JSON parsed."""
    found = {}
    for record in read_topic(deployment.cluster.address, deployment.tagged):
        row = json.loads(record.value)
        for column in ("properties", "person_properties"):
            row[column] = json.loads(row[column])
        found[row["properties"]["number"]] = row
    return found


def test_a_table_comes_into_force_while_the_worker_runs(deployment, tmp_path):
    plans = tmp_path / "plans.csv"
    deployment.create_topics()
    deployment.apply(CATALOGUE)
    worker = deployment.worker(enrich={
        "promotion": {"enabled": True}, "privacy": {"ip": "truncate"}, "refresh_seconds": 1,
        "lookup": {"tables": [{"name": "plans", "file": str(plans), "key": "plan", "property": "plan", "prefix": "plan_"}]},
    })
    assert worker.await_log("enrichment source is degraded")["reason"] == "missing"
    deployment.feed([event(1), event(2, OTHER_TOKEN)])
    deployment.await_committed(2, worker=worker)
    part = tmp_path / "plans.part"
    part.write_text("plan,seats:number\npro,5\n")
    os.rename(part, plans)
    worker.await_log("enrichment source is in force")
    deployment.feed([event(3)])
    deployment.await_committed(3, worker=worker)
    plans.write_text("plan,seats:number\npro,many\n")
    worker.await_log("enrichment source is degraded", count=2)
    deployment.feed([event(4)])
    deployment.await_committed(4, worker=worker)
    assert worker.drain() == 0
    found = rows(deployment)
    assert set(found) == {1, 2, 3, 4}
    assert "plan_seats" not in found[1]["properties"] and found[1]["actions"] == []
    for number in (3, 4):  # The bad file left the good table in force.
        assert found[number]["properties"]["plan_seats"] == 5 and found[number]["actions"] == [1]
    own, other = found[1], found[2]
    assert own["person_properties"] == {"$browser": "Chrome", "$initial_browser": "Chrome"} and "secret" not in own["properties"]
    assert own["properties"]["$ip"] == "203.0.113.0"
    assert other["person_properties"] == {} and "$ip" not in other["properties"] and other["properties"]["secret"] == "s"
    summary = worker.summary()
    assert summary["enrichment_outages"] == {"lookup": 2} and summary["dead_letters"] == {} and summary["tagged"] == 4
    assert worker.said("events went without an enrichment")


def test_a_compacted_topic_is_a_table(deployment):
    """Read to its end before the first record; a key's last record counts, and a record that is not good changes nothing."""
    table = f"{deployment.tag}-plans"
    deployment.create_topics()
    deployment.create_topic(table, 1, **{"cleanup.policy": "compact"})
    deployment.apply(CATALOGUE)
    producer = deployment.producer()
    for value in (b'{"seats": 3}', b'{"seats": 5}', b"[1]"):
        producer.produce(table, key=b"pro", value=value)
    assert producer.flush(20) == 0
    worker = deployment.worker(enrich={
        "lookup": {"tables": [{"name": "plans", "topic": table, "property": "plan", "prefix": "plan_"}]},
    })
    degraded = worker.await_log("enrichment source is degraded")
    assert degraded["reason"] == "corrupt" and f"{table}[0]@2" in degraded["detail"]
    deployment.feed([event(1)])
    deployment.await_committed(1, worker=worker)
    assert worker.drain() == 0
    assert rows(deployment)[1]["properties"]["plan_seats"] == 5
