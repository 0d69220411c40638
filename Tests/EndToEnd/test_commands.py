"""The commands as somebody at a terminal meets them: what they print, what they refuse, how they exit."""

from __future__ import annotations

import concurrent.futures
import json
import signal
import subprocess
import time

import pytest

import broker
from checker import check, read_topic
from deployment import EXAMPLES, RunningWorker, tagstream
from feeds import CATALOGUE, TEAMS, Fed, stream


def lines(done: subprocess.CompletedProcess) -> list[dict]:
    """Standard output as JSON lines."""
    return [json.loads(line) for line in done.stdout.decode().splitlines()]


def entries(deployment) -> dict[str, dict | None]:
    """The catalogue as its topic holds it: the last value of every key."""
    return {read.key.decode(): None if read.value is None else json.loads(read.value)
            for read in read_topic(deployment.cluster.address, deployment.catalogue)}


# topics create


def test_topics_are_created_once(deployment):
    """The first call creates, the second finds everything there; the catalogue's topic has one partition and is compacted."""
    first = lines(deployment.create_topics("--json"))
    assert {line["topic"]: line["partitions"] for line in first} == {
        deployment.raw: 3, deployment.tagged: 3, deployment.matches: 3, deployment.dead_letters: 3, deployment.warnings: 3,
        deployment.changelog: 3,
        deployment.catalogue: 1}
    assert {line["state"] for line in first} == {"created"}
    for line in first:
        deployment.await_topic(line["topic"], line["partitions"])
    again = lines(deployment.create_topics("--json"))
    assert {line["state"] for line in again} == {"exists"}
    assert [line["topic"] for line in again] == [line["topic"] for line in first]


def test_another_number_of_partitions_is_pointed_out(deployment):
    """Topics that exist stay as they are, and the difference is told."""
    deployment.create_topics()
    deployment.await_topic(deployment.raw, 3)
    done = deployment.command("topics", "create", "--partitions", 5)
    assert done.returncode == 0
    assert done.stdout.decode().count("exists with 3 partitions, asked for 5") == 6
    assert len(deployment.admin.list_topics(timeout=10).topics[deployment.raw].partitions) == 3


def test_topics_json_tells_partitions_that_are_there(deployment):
    """With --json a topic's number of partitions is that of the topic, or the difference is told."""
    deployment.create_topics()
    deployment.await_topic(deployment.raw, 3)
    found = {line["topic"]: line for line in lines(deployment.command("topics", "create", "--partitions", 5, "--json"))}
    raw = found[deployment.raw]
    assert raw["partitions"] == 3 or "3 partitions" in raw["state"]


def test_a_catalogue_topic_with_several_partitions_is_refused(deployment):
    """Its offsets would order nothing: topics create, apply and run all say so and exit with 3."""
    deployment.create_topic(deployment.catalogue, 2)
    created = deployment.command("topics", "create", "--partitions", 3)
    assert created.returncode == 3
    assert "2 partitions, expected 1" in created.stderr.decode()
    applied = deployment.command("apply", "-f", EXAMPLES / "actions.yaml")
    assert applied.returncode == 3, applied.stderr
    assert "2 partitions, expected 1" in applied.stderr.decode()
    worker = deployment.worker()
    assert worker.wait(30) == 3, worker.stderr
    assert "2 partitions, expected 1" in worker.stderr


@pytest.mark.parametrize("partitions", ["0", "-3"])
def test_no_topic_without_partitions(deployment, partitions):
    done = deployment.command("topics", "create", f"--partitions={partitions}")
    assert done.returncode == 2
    assert "expected at least 1" in done.stderr.decode()


# apply


def test_apply_yaml_publishes_everything(deployment):
    """The examples: three teams, ten actions, all there for a consumer of the topic; again, and there is nothing to do."""
    deployment.create_topics()
    done = deployment.apply(EXAMPLES / "actions.yaml", "--json")
    assert [line["effect"] for line in lines(done)] == ["created"] * 13
    found = entries(deployment)
    assert sorted(found) == sorted([f"team/{number}" for number in (2, 3, 4)] + [f"action/2/{number}" for number in range(1, 10)]
                                   + ["action/3/10"])
    assert found["team/2"] == {"id": 2, "name": "Web app", "api_token": "phc_demo_web_project"}
    assert found["action/2/3"]["name"] == "Chose React Native"
    assert found["action/2/3"]["version"] == 1 and found["action/2/3"]["team_id"] == 2
    ends = deployment.ends(deployment.catalogue)
    again = deployment.apply(EXAMPLES / "actions.yaml", "--json")
    assert {line["effect"] for line in lines(again)} == {"unchanged"}
    assert deployment.ends(deployment.catalogue) == ends, "what has not changed is not written again"


def test_apply_json_and_versions(deployment):
    """JSON from a file and from standard input; a change of the steps is a new version, a change of the name is not."""
    deployment.create_topics()
    deployment.apply(CATALOGUE)
    renamed = {"id": 1, "team_id": 71, "name": "Renamed", "steps": [{"event": "ping"}]}
    done = deployment.command("apply", "-f", "-", "--json", input=json.dumps(renamed).encode())
    assert done.returncode == 0, done.stderr
    assert lines(done) == [{"key": "action/71/1", "effect": "changed", "version": 1}]
    widened = renamed | {"steps": [{"event": "ping"}, {"event": "pong"}]}
    assert lines(deployment.apply(widened, "--json")) == [{"key": "action/71/1", "effect": "changed", "version": 2}]
    assert lines(deployment.apply(widened, "--json")) == [{"key": "action/71/1", "effect": "unchanged", "version": 2}]
    assert entries(deployment)["action/71/1"]["version"] == 2
    removed = lines(deployment.apply({"id": 1, "team_id": 71, "name": "Gone", "deleted": True}, "--json"))
    assert removed[0]["effect"] == "deleted"
    assert entries(deployment)["action/71/1"] is None


def test_apply_dry_run_writes_nothing(deployment):
    deployment.create_topics()
    done = deployment.apply(CATALOGUE, "--dry-run")
    assert b"dry run" in done.stderr
    assert entries(deployment) == {}


def refused_catalogue() -> dict:
    """Two actions that cannot be evaluated, each for its own reasons, between two that can."""
    return {
        "teams": TEAMS,
        "actions": [
            {"id": 1, "team_id": 71, "name": "Good", "steps": [{"event": "ping"}]},
            {"id": 2, "team_id": 71, "name": "Back reference",
             "steps": [{"event": "$pageview", "url": "(a)\\1", "url_matching": "regex"}]},
            {"id": 3, "team_id": 71, "name": "Cohort", "steps": [{"properties": [{"type": "cohort", "key": "id", "value": 5}]}]},
            {"id": 4, "team_id": 71, "name": "Good as well", "steps": [{"event": "pong"}]},
        ],
    }


def test_apply_refuses_with_reasons(deployment, tmp_path):
    """Exit code 1, every mistake with its action, nothing published; with --partial the good ones."""
    deployment.create_topics()
    path = tmp_path / "refused.json"
    path.write_text(json.dumps(refused_catalogue()))
    done = deployment.command("apply", "-f", path)
    text = done.stderr.decode()
    assert done.returncode == 1, text
    refusals = [line for line in text.splitlines() if line.startswith("refused:")]
    assert len(refusals) >= 2
    assert any("Back reference" in line or "action 2" in line for line in refusals), refusals
    assert any("cohort" in line for line in refusals), refusals
    assert "nothing was published" in text
    assert entries(deployment) == {}
    partial = deployment.command("apply", "-f", path, "--partial")
    assert partial.returncode == 1
    assert set(entries(deployment)) == {"team/71", "team/72", "action/71/1", "action/71/4"}


def test_apply_for_a_team_that_nobody_knows(deployment):
    deployment.create_topics()
    orphan = json.dumps([{"id": 1, "team_id": 555, "name": "Orphan", "steps": [{"event": "ping"}]}])
    done = deployment.command("apply", "-f", "-", input=orphan.encode())
    assert done.returncode == 1
    assert "555" in done.stderr.decode()


@pytest.mark.parametrize(
    "text",
    ["", "{", "[1, 2", "just a word", "{\"nothing\": 1}", "{\"actions\": 5}", "42", "null", "\x00\x01", "teams: [", "- - -",
     "{\"teams\": [{\"id\": \"x\"}]}", "{\"teams\": [{\"id\": 1}]}"],
)
def test_apply_of_something_else(deployment, text):
    """Exit code 2 (or 1 where it is an action that is refused) and one sentence, never a crash."""
    done = deployment.command("apply", "-f", "-", input=text.encode())
    assert done.returncode in (1, 2), (done.returncode, done.stderr)
    assert done.stderr.strip()


# Wrong use


@pytest.mark.parametrize(
    "words",
    [
        ["run", "--no-such-option"], ["apply"], ["apply", "-f"], ["topics", "create", "--partitions", "many"], ["no-such-command"],
        ["topics", "destroy"], ["match"], ["run", "--brokers", "127.0.0.1:1", "--lanes", "0"],
        ["run", "--brokers", "127.0.0.1:1", "--lanes", "65"], ["run", "--brokers", "127.0.0.1:1", "--slot", "-1"],
        ["run", "--brokers", "127.0.0.1:1", "--slot=-1"], ["run", "--brokers", "127.0.0.1:1", "--slot", "10000"],
        ["run", "--brokers", "127.0.0.1:1", "--from", "yesterday"], ["run", "--brokers", "127.0.0.1:1", "--log-level", "loud"],
        ["run"], ["run", "--brokers", "127.0.0.1:1", "--kafka", "enable.idempotence=false"],
        ["run", "--brokers", "127.0.0.1:1", "--kafka", "no.such.property=1"], ["run", "--brokers", "127.0.0.1:1", "--kafka", "nothing"],
        ["run", "--brokers", "127.0.0.1:1", "--kafka", "plugin.library.paths=x.so"], ["run", "--config", "no-such-file.yaml"],
        ["run", "--brokers", "127.0.0.1:1", "--catalogue", "no-such-file.yaml"], ["demo", "--count", "0"], ["demo", "--lanes", "99"],
        ["demo", "--events", "no-such-file.jsonl"], ["match", "--events", "no-such-file.jsonl"], ["actions", "test", "no-such-file.jsonl"],
    ],
    ids=" ".join,
)
def test_wrong_use_exits_with_2(words):
    """Before anything is asked of a cluster."""
    started = time.monotonic()
    done = tagstream(*words, timeout=30)
    assert done.returncode == 2, (done.returncode, done.stdout, done.stderr)
    assert done.stderr.strip(), "a sentence says what is wrong"
    assert time.monotonic() - started < 10


@pytest.mark.parametrize("words", [[], ["run"], ["apply"], ["topics"], ["topics", "create"], ["match"], ["demo"], ["actions", "test"]],
                         ids=lambda words: " ".join(words) or "tagstream")
def test_help_and_version(words):
    done = tagstream(*words, "--help")
    assert done.returncode == 0 and b"USAGE" in done.stdout
    assert tagstream("--version").stdout.strip()


def test_a_case_whose_event_cannot_be_read(tmp_path):
    """It differs from whatever was expected, says why, and the cases behind it are run all the same."""
    action = {"steps": [{"event": "x"}]}
    cases = [{"id": "broken", "action": action, "event": {"event": "x", "properties": []}, "expected": True},
             {"id": "good", "action": action, "event": {"event": "x"}, "expected": True}]
    path = tmp_path / "cases.jsonl"
    path.write_text("".join(json.dumps(case) + "\n" for case in cases))
    done = tagstream("actions", "test", path)
    assert done.returncode == 1
    assert b"broken: unreadable, expected true\n  the event cannot be read: " in done.stdout, done.stdout
    assert b"2 cases: 1 as expected, 1 different" in done.stderr, done.stderr
    told = [json.loads(line) for line in tagstream("actions", "test", "--json", path).stdout.splitlines()]
    assert told[0]["id"] == "broken" and "properties" in told[0]["unreadable"] and told[1] == {"id": "good", "matched": True}


def test_a_setting_that_is_none(tmp_path):
    path = tmp_path / "settings.yaml"
    path.write_text("brokers: 127.0.0.1:1\ntransaction: {max_recods: 5}\n")
    done = tagstream("run", "--config", path)
    assert done.returncode == 2
    assert "transaction.max_recods" in done.stderr.decode()


# Clusters that are not there


def test_no_broker_is_told_and_does_not_hang():
    """All three commands, and a name that cannot be resolved, at the same time because each has its patience: exit code 3 and the address."""
    nowhere = f"127.0.0.1:{broker.free_port()}"
    attempts = [(["topics", "create"], nowhere), (["apply", "-f", EXAMPLES / "actions.yaml"], nowhere), (["run", "--from", "earliest"], nowhere),
                (["topics", "create"], "no-such-host.invalid:9092")]
    with concurrent.futures.ThreadPoolExecutor(len(attempts)) as pool:
        done = list(pool.map(lambda attempt: tagstream(*attempt[0], "--brokers", attempt[1], timeout=45), attempts))
    for (words, address), result in zip(attempts, done, strict=True):
        assert result.returncode == 3, (words, result)
        last = result.stderr.decode().strip().splitlines()[-1]
        assert address in last and "Hint" in last, (words, last)


@pytest.mark.parametrize("catalogue", ["topic", "file"])
def test_sigterm_while_no_broker_answers(tmp_path, catalogue):
    """A worker that waits for its cluster can be stopped."""
    words = ["--brokers", f"127.0.0.1:{broker.free_port()}", "--from", "earliest", "--json"]
    if catalogue == "file":
        words += ["--catalogue", str(EXAMPLES / "actions.yaml")]
    worker = RunningWorker(words, tmp_path, "worker")
    try:
        worker.await_log("worker starts")
        worker.send(signal.SIGTERM)
        assert worker.wait(20) in (0, 3), worker.stderr
    finally:
        if worker.is_running:
            worker.kill()


def test_an_input_topic_that_does_not_exist(deployment):
    """The topic's name and what to do about it; exit code 3."""
    deployment.create_topics()
    deployment.apply(CATALOGUE)
    worker = deployment.worker("--input", "no-such-topic-" + deployment.tag)
    assert worker.wait(40) == 3, worker.stderr
    last = worker.stderr.strip().splitlines()[-1]
    assert "no-such-topic-" + deployment.tag in last
    assert "topics create" in last


@pytest.mark.parametrize("kind", ["tagged", "matches", "dead_letters", "warnings"])
def test_an_output_topic_that_does_not_exist(deployment, kind):
    deployment.create_topics()
    deployment.apply(CATALOGUE)
    deployment.feed(stream(5))
    missing = f"{deployment.tag}-nowhere"
    worker = deployment.worker(output=deployment.settings()["output"] | {kind: missing})
    assert worker.wait(40) == 3, worker.stderr
    last = worker.stderr.strip().splitlines()[-1]
    assert missing in last and "topics create" in last


def test_no_catalogue_topic(deployment):
    deployment.create_topic(deployment.raw, 3)
    worker = deployment.worker()
    assert worker.wait(40) == 3, worker.stderr
    assert deployment.catalogue in worker.stderr.strip().splitlines()[-1]
    done = deployment.command("apply", "-f", EXAMPLES / "actions.yaml")
    assert done.returncode == 3 and deployment.catalogue in done.stderr.decode()


def test_where_to_begin_must_be_said_once(deployment):
    """Without a committed offset and without --from: an error that says what to do. With a committed offset: no question."""
    deployment.create_topics()
    deployment.apply(CATALOGUE)
    records = stream(9)
    deployment.feed(records)
    silent = deployment.settings()["input"] | {}
    del silent["from"]
    worker = deployment.worker("--exit-at-end", input=silent)
    assert worker.wait(40) == 3, worker.stderr
    assert "--from" in worker.stderr.strip().splitlines()[-1]
    deployment.run_to_end("--from", "earliest", input=silent)
    more = stream(9, first=9)
    deployment.feed(more)
    deployment.run_to_end(input=silent)
    check(deployment, records + more)


# JSON


def test_json_output_is_json(deployment):
    """run, apply and topics create: every line of the output, and with run every line of the log."""
    assert lines(deployment.create_topics("--json"))
    assert lines(deployment.apply(CATALOGUE, "--json"))
    deployment.feed(stream(20, seed=1) + [Fed(b"{", outcome="invalid_json", headers=[("a\nb", b"c\n{\"level\":\"forged\"}")])])
    worker = deployment.worker("--exit-at-end")
    assert worker.wait() == 0
    assert set(worker.summary()) == {"records", "tagged", "matches", "annotated", "actions_failed", "dead_letters", "ignored", "enrichment_outages",
                                     "warnings", "warnings_written", "transactions", "aborts", "recoveries", "rebalances"}
    for line in worker.stderr.splitlines():
        assert {"timestamp", "level", "message"} <= set(json.loads(line)), line
