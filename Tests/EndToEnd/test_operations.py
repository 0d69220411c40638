"""A worker's HTTP: probes that tell the truth, metrics that are what was fed, clients that cannot do harm."""

from __future__ import annotations

import http.client
import json
import os
import pathlib
import re
import signal
import socket

import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet
from prometheus_client.parser import text_string_to_metric_families

from checker import read_topic
from deployment import REPOSITORY, Deployment, RunningWorker
from feeds import TOKEN, Fed, stable_uuid
from waiting import until

ANYWHERE = {"address": "127.0.0.1:0"}
CATALOGUE = {
    "teams": [{"id": 81, "api_token": TOKEN}],
    "actions": [{"id": 1, "team_id": 81, "name": "Signed up", "steps": [{"event": "signed_up"}]},
                {"id": 2, "team_id": 81, "name": "Anything", "steps": [{"event": None}]}],
}


def event(number: int, name: str = "x", uuid: str | None = None) -> Fed:
    body = {"uuid": uuid or stable_uuid(number), "token": TOKEN, "distinct_id": "u", "event": name, "ip": "81.2.69.160",
            "properties": {"number": number}}
    return Fed(json.dumps(body).encode())


class Operations:
    """A worker's server, asked anew each time."""

    def __init__(self, worker: RunningWorker):
        host, _, port = worker.await_log("operations are served")["http.address"].rpartition(":")
        self.place = (host, int(port))

    def get(self, path: str, method: str = "GET") -> tuple[int, dict, bytes]:
        connection = http.client.HTTPConnection(*self.place, timeout=10)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def probe(self, path: str) -> tuple[int, dict]:
        status, _, body = self.get(path)
        return status, json.loads(body)

    def await_ready(self) -> dict:
        return until(lambda: (found := self.probe("/readyz"))[0] == 200 and found[1], 30, "the worker to be ready")

    def metrics(self) -> dict[str, float]:
        """The samples by name and labels, such as `name{a="b"}`."""
        status, headers, body = self.get("/metrics")
        assert status == 200 and headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        found: dict[str, float] = {}
        for family in text_string_to_metric_families(body.decode()):
            assert family.documentation and family.type in ("counter", "gauge"), family
            for sample in family.samples:
                labels = ",".join(f'{name}="{value}"' for name, value in sorted(sample.labels.items()))
                series = f"{sample.name}{{{labels}}}" if labels else sample.name
                assert series not in found, f"{series} is there twice"
                found[series] = sample.value
        return found

    def await_metrics(self, expected: dict[str, float]) -> dict[str, float]:
        def look() -> dict[str, float]:
            found = self.metrics()
            return found if all(found.get(name) == value for name, value in expected.items()) else {}

        return until(look, 30, f"metrics to be {expected}")


def write_city(path: pathlib.Path, country: str) -> None:
    """A database of one network; replaced whole, as a deployment does."""
    writer = MMDBWriter(6, "Test-City", languages=["en"], ipv4_compatible=True, float_type="f64")
    writer.insert_network(IPSet(["81.2.69.0/24"]), {"country": {"iso_code": country, "names": {"en": country}}})
    part = path.with_suffix(".part")
    writer.to_db_file(str(part))
    os.rename(part, path)


def test_metrics_are_what_was_fed(deployment: Deployment):
    deployment.create_topics()
    deployment.apply(CATALOGUE)
    worker = deployment.worker(lanes=2, http=ANYWHERE, dedup={"topic": deployment.changelog, "window": 1000})
    operations = Operations(worker)
    assert operations.probe("/livez") == (200, {"live": True, "reasons": []})
    assert operations.await_ready() == {"ready": True, "reasons": [], "degraded": []}
    before = operations.metrics()
    assert before["tagstream_records_total"] == 0 and before['tagstream_dead_letters_total{reason="invalid_json"}'] == 0
    records = [event(number, "signed_up" if number % 4 == 0 else "x") for number in range(40)]
    records += [Fed(b"no json") for _ in range(3)] + [Fed(b'{"token":"nobody","event":"x","distinct_id":"u"}')]
    for at, record in enumerate(records):
        record.partition = at % deployment.partitions
    again = event(0, "signed_up")
    again.partition = records[0].partition
    records.append(again)
    deployment.feed(records)
    found = operations.await_metrics({
        "tagstream_records_total": 45, "tagstream_rows_total": 40, "tagstream_matches_total": 50,
        'tagstream_dead_letters_total{reason="invalid_json"}': 3,
        'tagstream_dead_letters_total{reason="unknown_token"}': 1,
        'tagstream_ignored_records_total{reason="duplicate"}': 1, "tagstream_duplicate_records_total": 1,
        "tagstream_catalogue_teams": 1, "tagstream_catalogue_actions": 2, "tagstream_catalogue_quarantined_entries": 0,
        "tagstream_ready": 1, "tagstream_enrichment_outages_total{enrichment=\"geoip\"}": 0,
    })

    def lanes(metric: str, *labels: str) -> float:
        series = [",".join([f'lane="{lane}"', *labels]) for lane in (0, 1)]
        return sum(found[metric + "{" + one + "}"] for one in series)

    assert lanes("tagstream_read_records_total") == 45
    assert lanes("tagstream_read_bytes_total") == sum(len(record.value) for record in records)
    assert lanes("tagstream_assigned_partitions") == deployment.partitions
    assert lanes("tagstream_lane_ready") == 2
    assert lanes("tagstream_transactions_total", 'outcome="committed"') >= 1
    assert lanes("tagstream_transactions_total", 'outcome="aborted"') == 0
    assert all(0 <= found[f'tagstream_lane_turn_age_seconds{{lane="{lane}"}}'] < 30 for lane in (0, 1))
    assert found["tagstream_catalogue_plan_bytes"] > 0 and found["tagstream_catalogue_epoch"] > 0
    deployment.apply(CATALOGUE | {"actions": CATALOGUE["actions"] + [{"id": 3, "team_id": 81, "name": "New", "steps": [{"event": "y"}]}]})
    later = operations.await_metrics({"tagstream_catalogue_actions": 3})
    assert later["tagstream_catalogue_epoch"] > found["tagstream_catalogue_epoch"]
    assert len(read_topic(deployment.cluster.address, deployment.tagged)) == 40
    assert worker.drain() == 0
    with pytest.raises(ConnectionRefusedError):
        operations.get("/livez")
    summary = worker.summary()
    assert summary["records"] == 45 and summary["matches"] == 50 and summary["dead_letters"] == {"invalid_json": 3, "unknown_token": 1}


def test_a_degraded_enrichment_is_told_and_stops_nothing(deployment: Deployment, tmp_path):
    city, plans = tmp_path / "city.mmdb", tmp_path / "plans.csv"
    write_city(city, "GB")
    deployment.create_topics()
    deployment.apply(CATALOGUE)
    worker = deployment.worker(http=ANYWHERE, enrich={
        "refresh_seconds": 1, "stale_after_days": 2, "geoip": {"enabled": True, "city": str(city)},
        "lookup": {"tables": [{"name": "plans", "file": str(plans), "key": "plan", "property": "number"}]},
    })
    operations = Operations(worker)
    gauge = 'tagstream_enrichment_source_degraded{source="%s"}'

    def degraded(name: str, reason: str) -> dict:
        def look() -> dict:
            status, body = operations.probe("/readyz")
            assert status == 200 and body["ready"] is True
            return next((one for one in body["degraded"] if (one["name"], one["reason"]) == (name, reason)), {})

        return until(look, 30, f"{name} to be {reason}")

    def country(number: int) -> str | None:
        deployment.feed([event(number)])
        deployment.await_committed(number, worker=worker)
        rows = [json.loads(record.value) for record in read_topic(deployment.cluster.address, deployment.tagged)]
        properties = [json.loads(row["properties"]) for row in rows]
        return next(one for one in properties if one["number"] == number).get("$geoip_country_code")

    # A table that was never there: nothing is in force.
    assert [one["name"] for one in operations.await_ready()["degraded"]] == ["lookup.plans"]
    missing = degraded("lookup.plans", "missing")
    assert missing["last_good_in_force"] is False and str(plans) in missing["detail"] and missing["since"].endswith("Z")
    found = operations.metrics()
    assert found[gauge % "lookup.plans"] == 1 and found[gauge % "geoip.city"] == 0
    assert found['tagstream_enrichment_source_up{source="lookup.plans"}'] == 0
    assert found['tagstream_enrichment_source_up{source="geoip.city"}'] == 1
    assert found['tagstream_enrichment_source_age_seconds{source="geoip.city"}'] >= 0
    assert country(1) == "GB"

    # A broken file: the last good one stays in force.
    part = city.with_suffix(".part")
    part.write_bytes(b"no database")
    os.rename(part, city)
    corrupt = degraded("geoip.city", "corrupt")
    assert corrupt["last_good_in_force"] is True
    assert operations.metrics()[gauge % "geoip.city"] == 1
    assert country(2) == "GB"

    # No file: the same, and since the first time that something was wrong.
    city.unlink()
    assert degraded("geoip.city", "missing")["since"] == corrupt["since"]
    assert country(3) == "GB"
    found = operations.await_metrics({'tagstream_enrichment_outages_total{enrichment="lookup"}': 3, "tagstream_rows_total": 3})
    assert found['tagstream_enrichment_outages_total{enrichment="geoip"}'] == 0

    # A good one ends it.
    write_city(city, "FR")
    operations.await_metrics({gauge % "geoip.city": 0, 'tagstream_enrichment_source_loads_total{source="geoip.city"}': 2})
    assert [one["name"] for one in operations.probe("/readyz")[1]["degraded"]] == ["lookup.plans"]
    assert country(4) == "FR"

    # One that nobody has replaced for too long is in force as well.
    long_ago = city.stat().st_mtime - 10 * 86_400
    os.utime(city, (long_ago, long_ago))
    stale = degraded("geoip.city", "stale")
    assert stale["last_good_in_force"] is True and "10 days ago, the limit is 2" in stale["detail"]
    assert country(5) == "FR"
    write_city(city, "GB")
    operations.await_metrics({gauge % "geoip.city": 0})
    assert country(6) == "GB"
    assert operations.metrics()["tagstream_dead_letters_total{reason=\"invalid_json\"}"] == 0
    assert worker.drain() == 0
    assert worker.summary()["dead_letters"] == {}


@pytest.mark.own_broker(reason="the cluster is somebody else's, and this test suspends its broker")
def test_a_worker_is_not_ready_before_it_has_joined_nor_while_it_drains(deployment: Deployment):
    deployment.create_topics()
    deployment.apply(CATALOGUE)
    deployment.cluster.suspend()
    worker = deployment.worker(http=ANYWHERE)
    operations = Operations(worker)
    status, body = operations.probe("/readyz")
    assert status == 503 and body["ready"] is False
    assert "the catalogue has not been read to its end" in body["reasons"]
    assert any(reason.startswith("lane 0 has not joined") for reason in body["reasons"])
    assert operations.probe("/livez") == (200, {"live": True, "reasons": []})
    assert operations.metrics()["tagstream_ready"] == 0
    assert not any(name.startswith("tagstream_catalogue_") for name in operations.metrics())
    deployment.cluster.resume()
    operations.await_ready()
    deployment.feed([event(1)])
    deployment.await_committed(1, worker=worker)
    # The group cannot be left without the broker, so the draining can be seen.
    deployment.cluster.suspend()
    worker.send(signal.SIGTERM)

    def drains() -> bool:
        try:
            return operations.probe("/readyz") == (503, {"degraded": [], "ready": False, "reasons": ["the worker drains"]})
        except ConnectionRefusedError:
            return True

    until(drains, 30, "the worker to say that it drains")
    deployment.cluster.resume()
    assert worker.wait(90) in (0, 3), worker.stderr


@pytest.mark.own_broker(reason="the cluster is somebody else's, and this test suspends its broker")
def test_a_lane_that_does_not_turn_is_not_alive(deployment: Deployment):
    """A commit that nobody answers takes longer than this group's patience."""
    deployment.create_topics()
    deployment.apply(CATALOGUE)
    patience = {"session.timeout.ms": 6000, "heartbeat.interval.ms": 1000, "max.poll.interval.ms": 6000}
    worker = deployment.worker(http=ANYWHERE, transaction={"max_ms": 8000}, kafka=patience)
    operations = Operations(worker)
    operations.await_ready()
    deployment.feed([event(1)])
    operations.await_metrics({'tagstream_read_records_total{lane="0"}': 1, "tagstream_records_total": 0})
    deployment.cluster.suspend()
    status, body = until(lambda: (found := operations.probe("/livez"))[0] == 503 and found, 60, "the lane to stand still")
    still = r"lane 0 has not turned for \d+ s, the limit is 6 s"
    assert body["live"] is False and re.fullmatch(still, body["reasons"][0])
    status, body = operations.probe("/readyz")
    assert status == 503 and re.fullmatch(still, body["reasons"][0])
    assert operations.metrics()['tagstream_lane_turn_age_seconds{lane="0"}'] > 6
    deployment.cluster.resume()


def test_a_port_that_is_taken_ends_the_start(deployment: Deployment):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        worker = deployment.worker(http={"address": place})
        assert worker.wait(30) == 2
        last = worker.stderr.strip().splitlines()[-1]
        assert last.startswith(f"tagstream: nobody can listen at {place}: ") and "in use" in last and "Hint: " in last
        assert not worker.said("worker starts")


@pytest.mark.parametrize("text", ["9090", "", "host:99999", "::1:9090"])
def test_an_address_that_is_none_is_wrong_use(deployment: Deployment, text: str):
    assert deployment.worker(http={"address": text}).wait(30) == 2
    assert deployment.worker("--http", text).wait(30) == 2
    assert all("expected host:port such as 0.0.0.0:9090" in worker.stderr for worker in deployment.workers)


def received(client: socket.socket) -> bytes:
    """What comes until the other side closes."""
    parts = []
    try:
        while part := client.recv(65_536):
            parts.append(part)
    except (ConnectionResetError, BrokenPipeError):
        pass
    return b"".join(parts)


def test_clients_cannot_do_harm(deployment: Deployment):
    deployment.create_topics()
    deployment.apply(CATALOGUE)
    worker = deployment.worker(http=ANYWHERE)
    operations = Operations(worker)
    operations.await_ready()
    assert operations.get("/metrics", "POST")[0] == 405 and operations.get("/metrics", "POST")[1]["allow"] == "GET, HEAD"
    assert operations.get("/nothing")[0] == 404
    status, headers, body = operations.get("/metrics", "HEAD")
    assert (status, body) == (200, b"") and int(headers["content-length"]) > 1000
    # What is no request, is too large, or goes on for ever, is refused or closed.
    for sent in (b"\x00\x01\x02\r\n\r\n", b"GET /livez HTTP/1.1\r\nx: " + b"a" * 100_000, b"GET /" + b"a" * 3_000_000,
                 b"GET /livez HTTP/1.1\r\n" + b"".join(b"x%d: y\r\n" % at for at in range(100_000))):
        with socket.create_connection(operations.place, timeout=20) as client:
            try:
                client.sendall(sent)
            except (ConnectionResetError, BrokenPipeError):
                pass
            answer = received(client)
            assert answer == b"" or answer.startswith(b"HTTP/1.1 400 "), answer[:100]
    # One answer a connection, however many requests it brings.
    with socket.create_connection(operations.place, timeout=20) as client:
        client.sendall(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n" * 50)
        assert received(client).count(b"HTTP/1.1 ") == 1
    # More connections than there may be are closed unanswered, silent ones after ten seconds.
    idle = [socket.create_connection(operations.place, timeout=30) for _ in range(64)]
    until(lambda: not received_of_one_more(operations), 10, "one more connection to be closed")
    deployment.feed([event(1)])
    deployment.await_committed(1, worker=worker)
    idle[0].sendall(b"GET /livez HT")
    assert all(received(client) == b"" for client in idle)
    for client in idle:
        client.close()
    assert operations.metrics()["tagstream_rows_total"] == 1
    assert operations.probe("/livez")[0] == 200
    assert worker.drain() == 0 and not [line for line in worker.logs() if line["level"] == "error"]


def received_of_one_more(operations: Operations) -> bytes:
    with socket.create_connection(operations.place, timeout=5) as client:
        try:
            client.sendall(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n")
        except (ConnectionResetError, BrokenPipeError):
            pass
        return received(client)


def test_nothing_listens_that_nobody_asked_for(deployment: Deployment):
    deployment.create_topics()
    deployment.apply(CATALOGUE)
    worker = deployment.worker()
    worker.await_log("assignment changed")
    assert not worker.said("operations are served")
    listening = []
    inodes = {os.readlink(path) for path in pathlib.Path(f"/proc/{worker.process.pid}/fd").iterdir()}
    for table in ("tcp", "tcp6"):
        for line in pathlib.Path(f"/proc/{worker.process.pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in inodes:
                listening.append(fields[1])
    assert listening == []
    assert worker.drain() == 0


def test_the_examples_of_the_page_are_answered(deployment: Deployment):
    """docs/metrics.md's readiness has the members that there are."""
    page = (REPOSITORY / "docs" / "metrics.md").read_text()
    shown = json.loads(page.split("```json\n")[1].split("\n")[0])
    deployment.create_topics()
    deployment.apply(CATALOGUE)
    worker = deployment.worker(http=ANYWHERE, enrich={"geoip": {"enabled": True, "city": "city.mmdb"}})
    found = Operations(worker).await_ready()
    assert found["degraded"][0] | {"since": ""} == shown["degraded"][0] | {"since": ""} and found.keys() == shown.keys()
    assert worker.drain() == 0
