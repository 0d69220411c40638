"""Dead letters at a terminal: counted, shown, tried again; each becomes a row at most once, whatever happens in between."""

from __future__ import annotations

import base64
import datetime
import json
import os
import pty
import signal
import subprocess
import time

import pytest

from checker import read_topic
from deployment import binary, environment, tagstream
from feeds import CATALOGUE, OTHER_TOKEN, TEAMS, TOKEN, Fed
from waiting import until

#: A minute ago: brokers delete what is old by its timestamp.
BEGAN = int(time.time()) * 1000 - 60_000

ONE_TEAM = {"teams": TEAMS[:1], "actions": [action for action in CATALOGUE["actions"] if action["team_id"] == 71]}


def ping(number: int, token: str = OTHER_TOKEN, **more: object) -> Fed:
    """An event without a uuid, so that it is derived from the record's position."""
    event = {"event": "ping", "distinct_id": f"u{number}", "properties": {"number": number}} | more
    return Fed(json.dumps({"token": token, "distinct_id": f"u{number}", "data": json.dumps(event)}).encode(),
               key=f"k{number}".encode(), headers=[("token", token.encode()), ("note", None)],
               timestamp=BEGAN + number * 1000)


def instant(number: int) -> str:
    """The time of ping `number`, as ClickHouse and --since write it."""
    return datetime.datetime.fromtimestamp(BEGAN / 1000 + number, datetime.timezone.utc).strftime("%Y-%m-%d %H:%M:%S")


def replay(deployment, *arguments: object, code: int = 0, **more) -> list[dict]:
    """`dead-letters replay --json`: its lines, the account last."""
    done = deployment.command("dead-letters", "replay", "--json", *arguments, **more)
    assert done.returncode == code, done.stderr.decode()
    return [json.loads(line) for line in done.stdout.decode().splitlines()]


def rows(deployment) -> dict[str, dict]:
    """The tagged rows by the position of their record; each is there once."""
    found: dict[str, dict] = {}
    for read in read_topic(deployment.cluster.address, deployment.tagged):
        source = read.header("tagstream-source").decode()
        assert source not in found, f"{source} is there twice"
        found[source] = json.loads(read.value)
    return found


def places(deployment, records) -> set[str]:
    return {f"{deployment.raw}/{record.partition}/{record.offset}" for record in records}


def everything(deployment) -> list[int]:
    """The ends of all outputs, and what the replay's group has committed: what a dry run must leave alone."""
    return [deployment.ends(topic) for topic in (deployment.tagged, deployment.matches, deployment.dead_letters)]


@pytest.fixture
def refused(deployment):
    """A deployment that has dead-lettered twelve pings of a team it does not know, and one record that is no JSON."""
    deployment.create_topics()
    deployment.apply(ONE_TEAM)
    deployment.pings = [ping(number) for number in range(12)]
    deployment.broken = Fed(b'{"data":"{tru}"}', partition=1)
    deployment.good = ping(99, TOKEN)
    deployment.feed([*deployment.pings, deployment.broken, deployment.good])
    summary = deployment.run_to_end()
    assert summary["dead_letters"] == {"unknown_token": 12, "invalid_json": 1}
    return deployment


def test_letters_are_counted_and_listed(refused):
    """By reason, step and topic; one by one; bounded by reason, time and number."""
    done = refused.command("dead-letters", "list")
    assert done.returncode == 0, done.stderr.decode()
    table = done.stdout.decode().splitlines()
    assert table[0].split() == ["REASON", "STEP", "TOPIC", "LETTERS", "FIRST", "LAST"]
    assert table[1].split()[:4] == ["unknown_token", "tenant", refused.raw, "12"]
    assert table[2].split()[:4] == ["invalid_json", "decode", refused.raw, "1"]
    assert f"{instant(0)}.000  {instant(11)}.000" in table[1]

    def listed(*arguments):
        done = refused.command("dead-letters", "list", "--json", "--all", *arguments)
        assert done.returncode == 0, done.stderr.decode()
        return [json.loads(line) for line in done.stdout.decode().splitlines()]

    assert {line["source"] for line in listed("--reason", "unknown_token")} == places(refused, refused.pings)
    some = listed("--since", instant(3), "--until", instant(5))
    assert {line["source"] for line in some} == places(refused, refused.pings[3:5])
    assert len(listed("--max", "5")) == 5
    assert listed("--until", "1990-01-01") == []

    done = refused.command("dead-letters", "list", "--reason", "unknown_tokn")
    assert done.returncode == 2
    assert "expected one of" in done.stderr.decode() and "Hint: write unknown_token" in done.stderr.decode()


def test_a_letter_is_shown(refused):
    """By its own place or by its record's; with the place of the mistake; --raw gives the bytes."""
    source = f"{refused.raw}/1/{refused.broken.offset}"
    done = refused.command("dead-letters", "show", source)
    assert done.returncode == 0, done.stderr.decode()
    lines = done.stdout.decode().splitlines()
    assert lines[-3:] == ["mistake    at byte 10", '  {"data":"{tru}"}', "  " + " " * 10 + "^"]
    shown = refused.command("dead-letters", "show", source, "--json")
    letter = json.loads(shown.stdout)
    assert base64.b64decode(letter["value_base64"]) == refused.broken.value
    again = refused.command("dead-letters", "show", letter["place"], "--raw")
    assert again.stdout == refused.broken.value
    none = refused.command("dead-letters", "show", f"{refused.raw}/2/999999")
    assert none.returncode == 1 and "no dead letter" in none.stderr.decode()
    wrong = refused.command("dead-letters", "show", "17")
    assert wrong.returncode == 2 and "expected TOPIC/PARTITION/OFFSET" in wrong.stderr.decode()


def test_a_dry_run_writes_nothing(refused):
    """It tells what would become of each letter, and leaves outputs and progress as they are."""
    before = everything(refused)
    lines = replay(refused, "--dry-run", code=1)
    assert {line["outcome"] for line in lines[:-1]} == {"unknown_token", "invalid_json"}
    refused.apply(CATALOGUE)
    lines = replay(refused, "--dry-run", code=1)
    assert len(lines) == 14
    assert {line["source"] for line in lines[:-1] if line["outcome"] == "tagged"} == places(refused, refused.pings)
    assert (lines[-1]["tagged"], lines[-1]["failed"], lines[-1]["matches"]) == (12, 1, 12)
    assert everything(refused) == before
    assert replay(refused, "--dry-run", code=1) == lines
    assert len(rows(refused)) == 1


def test_letters_become_rows_once_the_team_is_there(refused):
    """Exactly once, with the uuid that the record's position gives; what fails again is not written a second time."""
    dead = refused.ends(refused.dead_letters)
    assert replay(refused, code=1)[-1]["failed"] == 13
    assert len(rows(refused)) == 1, "nothing was accepted yet"
    refused.apply(CATALOGUE)
    account = replay(refused, code=1)[-1]
    assert (account["tagged"], account["matches"], account["failed"], account["complete"]) == (12, 12, 1, True)
    found = rows(refused)
    assert found.keys() == places(refused, [*refused.pings, refused.good])
    assert {row["team_id"] for source, row in found.items() if source in places(refused, refused.pings)} == {72}
    assert replay(refused, code=1)[-1] | {"letters": []} == account | {"tagged": 0, "matches": 0, "letters": []}
    assert replay(refused, "--reason", "unknown_token")[-1]["tagged"] == 0
    assert rows(refused) == found
    assert refused.ends(refused.dead_letters) == dead
    fresh = rows_of_another_worker(refused)
    for source in places(refused, refused.pings):
        assert fresh[source] == found[source]


def rows_of_another_worker(deployment) -> dict[str, dict]:
    """What a worker of another group makes of the input now: the rows that there would be had the team been there."""
    topic = f"{deployment.tag}-again"
    for kind in ("tagged", "matches", "dead", "warnings"):
        deployment.create_topic(f"{topic}-{kind}", 3)
    deployment.run_to_end(group=topic, application=topic, output={
        "tagged": f"{topic}-tagged", "matches": f"{topic}-matches", "dead_letters": f"{topic}-dead",
        "warnings": f"{topic}-warnings"})
    reads = read_topic(deployment.cluster.address, f"{topic}-tagged")
    return {read.header("tagstream-source").decode(): json.loads(read.value) for read in reads}


def test_what_a_filter_passes_over_stays_open(refused):
    """By reason, by time and by number: what one replay leaves the next one finds, and nothing is there twice."""
    refused.apply(CATALOGUE)
    account = replay(refused, "--reason", "too_large_for_output")[-1]
    assert (account["tagged"], account["passed_over"]) == (0, 13)
    account = replay(refused, "--since", instant(8), "--until", instant(10))[-1]
    assert (account["tagged"], account["passed_over"]) == (2, 11)
    account = replay(refused, "--reason", "unknown_token", "--max", "3")[-1]
    assert (account["tagged"], account["complete"]) == (3, False)
    account = replay(refused, "--reason", "unknown_token")[-1]
    assert (account["tagged"], account["complete"]) == (7, True)
    assert places(refused, refused.pings) < rows(refused).keys()
    assert replay(refused, "--group", f"{refused.tag}-other", "--dry-run", code=1)[-1]["tagged"] == 12


def test_a_value_in_parts_is_put_together(deployment):
    """A value that was split over two letters becomes one row."""
    deployment.create_topics()
    deployment.apply(ONE_TEAM)
    large = ping(1, properties={"filler": "x" * 800_000})
    deployment.feed([ping(0), large, ping(2)])
    deployment.run_to_end()
    assert sum(1 for read in read_topic(deployment.cluster.address, deployment.dead_letters)) == 4
    source = f"{deployment.raw}/{large.partition}/{large.offset}"
    assert deployment.command("dead-letters", "show", source, "--raw").stdout == large.value
    shown = json.loads(deployment.command("dead-letters", "show", source, "--json").stdout)
    assert len(shown["places"]) == 2
    for place in shown["places"]:
        assert deployment.command("dead-letters", "show", place, "--raw").stdout == large.value
    deployment.apply(CATALOGUE)
    assert replay(deployment, code=0)[-1]["tagged"] == 3
    properties = json.loads(rows(deployment)[source]["properties"])
    assert properties["filler"] == "x" * 800_000


def start(deployment, name: str, *arguments: object) -> subprocess.Popen:
    """A replay in the background."""
    with open(deployment.folder / f"{name}.out", "wb") as out, open(deployment.folder / f"{name}.err", "wb") as err:
        return subprocess.Popen(
            [str(binary()), "dead-letters", "replay", "--json", "--config", str(deployment.config), *map(str, arguments)],
            stdout=out, stderr=err, stdin=subprocess.DEVNULL, env=environment(), start_new_session=True)


@pytest.fixture
def many(deployment):
    """Two hundred letters whose team has come since."""
    deployment.create_topics()
    deployment.apply(ONE_TEAM)
    deployment.pings = [ping(number) for number in range(200)]
    deployment.feed(deployment.pings)
    deployment.run_to_end()
    deployment.apply(CATALOGUE)
    return deployment


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_replay_that_is_cut_off_goes_on(many, number):
    """kill -9 (and SIGTERM) in the middle, several times: every letter is a row exactly once in the end."""
    done = 0
    for round in range(3):
        process = start(many, f"replay-{round}", "--rate", 20)

        def grown():
            assert process.poll() is None, (many.folder / f"replay-{round}.err").read_text()
            return len(read_topic(many.cluster.address, many.tagged)) > done

        until(grown, 30, "the replay to write rows")
        process.send_signal(number)
        code = process.wait(30)
        assert code == (-number if number == signal.SIGKILL else 0)
        if code == 0:
            account = json.loads((many.folder / f"replay-{round}.out").read_text().splitlines()[-1])
            assert not account["complete"], "it was stopped in the middle"
        done = len(rows(many))
    assert 0 < done < 200, "the replay was to be cut off in the middle"
    account = replay(many)[-1]
    found = rows(many)
    assert account["tagged"] == 200 - done and account["complete"]
    assert found.keys() == places(many, many.pings)
    matches = [json.loads(read.value)["source"] for read in read_topic(many.cluster.address, many.matches)]
    assert sorted(matches) == sorted(found)
    assert replay(many)[-1]["tagged"] == 0


def test_a_second_replay_takes_over(many):
    """Two replays at once: the first one is fenced and says so; no letter is written twice."""
    first = start(many, "first", "--rate", 10)
    until(lambda: rows(many), 30, "the replay to write rows")
    replay(many)
    assert first.wait(30) == 4, (many.folder / "first.err").read_text()
    assert "another replay of the same application" in (many.folder / "first.err").read_text()
    assert rows(many).keys() == places(many, many.pings)


def test_progress_is_a_bar_on_a_terminal(many):
    """A bar that goes away in the end; where nobody looks, no control characters."""
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [str(binary()), "dead-letters", "replay", "--config", str(many.config), "--rate", "150"],
        stdout=subprocess.PIPE, stderr=follower, stdin=subprocess.DEVNULL, env=environment())
    os.close(follower)
    shown = b""
    try:
        while piece := os.read(leader, 4096):
            shown += piece
    except OSError:
        pass  # Linux says EIO when the other side is gone.
    finally:
        os.close(leader)
    out = process.communicate(timeout=60)[0].decode()
    assert process.returncode == 0
    assert b"[###" in shown and b" accepted, 0 failed again" in shown
    assert shown.endswith(b"\r\x1b[K")
    assert out.splitlines() == ["200  unknown_token -> tagged", "200 tagged with 200 matches, 0 failed again"]
    again = many.command("dead-letters", "replay")
    assert again.stdout.decode().splitlines()[-1] == "there is no open dead letter for this group"
    assert again.stderr == b""


def test_more_open_stretches_than_offsets_can_note(deployment):
    """Accepted and failing letters in turn: the oldest open ones are given up, which is told, and no letter becomes a second row."""
    deployment.create_topics()
    deployment.apply(ONE_TEAM)
    records = [ping(number, OTHER_TOKEN if number % 2 else "phc_nobody") for number in range(6000)]
    for record in records:
        record.partition = 0
        record.timestamp = None
    deployment.feed(records)
    deployment.run_to_end()
    deployment.apply(CATALOGUE)
    account = replay(deployment, code=1)[-1]
    assert (account["tagged"], account["failed"], account["complete"]) == (3000, 3000, True)
    assert 0 < account["forgotten"] < 3000
    again = replay(deployment, code=1)[-1]
    assert again["tagged"] == 0 and again["forgotten"] == 0
    # Those that were given up are no more looked at; all others are.
    assert again["failed"] == 3000 - account["forgotten"]
    assert len(rows(deployment)) == 3000


def test_what_is_no_dead_letter_is_told_and_left(deployment):
    """Records that Tagstream has not written, and a topic that is not there."""
    deployment.create_topics()
    deployment.apply(CATALOGUE)
    deployment.feed([Fed(b"x", partition=0), Fed(b"y", headers=[("dlq_version", b"9")], partition=0)], topic=deployment.dead_letters)
    done = deployment.command("dead-letters", "list", "--all")
    assert done.returncode == 0
    assert "there is no header dlq_version, expected those of a dead letter" in done.stdout.decode()
    assert "dlq_version is 9, expected 1" in done.stdout.decode()
    shown = deployment.command("dead-letters", "show", f"{deployment.dead_letters}/0/1")
    assert shown.returncode == 1 and "dlq_version is 9, expected 1" in shown.stderr.decode()
    for _ in range(2):
        account = replay(deployment, code=1)[-1]
        assert (account["unreadable"], account["tagged"], account["complete"]) == (2, 0, True)
    lost = deployment.write_config("lost.json", output={"dead_letters": f"{deployment.tag}-lost"})
    for words in (["list"], ["replay"]):
        done = tagstream("dead-letters", *words, "--config", lost)
        assert done.returncode == 3 and f"{deployment.tag}-lost" in done.stderr.decode()
