"""`tagstream demo`: the whole pipeline on the embedded cluster, for somebody who has no Kafka."""

from __future__ import annotations

import json
import re

from deployment import EXAMPLES, tagstream
from feeds import CATALOGUE, event


def totals(text: str) -> dict[str, int]:
    """The table of outcomes: tagged, total, and the dead letters by reason."""
    found = {}
    for line in text.splitlines():
        if row := re.match(r"^   (tagged|total|ignored|dead letter) +(\d+) +(\S+)", line):
            found[row[3] if row[1] in ("ignored", "dead letter") else row[1]] = int(row[2])
    return found


def test_demo(tmp_path):
    """2,000 records: 88 real ones and a stream, a few of them broken; totals add up; runs from any folder."""
    done = tagstream("demo", "--count", 2000, cwd=tmp_path, timeout=100)
    text = done.stdout.decode()
    assert done.returncode == 0, done.stderr
    found = totals(text)
    assert found["total"] == 2000
    # Which records are broken follows from their numbers: 100, 300, 500 and 700 of every 997, behind the file's 88 lines.
    assert found["invalid_json"] + found.get("invalid_utf8", 0) == 4
    assert found["unknown_token"] <= 2 and found["missing_event"] == 2
    assert found["tagged"] == 2000 - sum(count for name, count in found.items() if name not in ("tagged", "total"))
    for topic in ("events_tagged", "action_matches", "events_dead_letter"):
        assert topic in text


def test_demo_of_the_real_records_alone():
    """With 88 records everything is tagged, and the matches by action are those of the offline command."""
    done = tagstream("demo", "--count", 88)
    text = done.stdout.decode()
    assert done.returncode == 0, done.stderr
    assert totals(text) == {"tagged": 88, "total": 88}
    offline = tagstream("match", "--actions", EXAMPLES / "actions.yaml", "--events", EXAMPLES / "raw_events.jsonl", "--ids").stdout.decode()
    wanted = {number: 0 for number in range(1, 11)}
    for line in offline.splitlines():
        for word in line.partition(":")[2].split(","):
            if word:
                wanted[int(word)] += 1
    section = text.split("6. Matches by action")[1].split("7. ")[0]
    shown = {int(row[1]): int(row[2]) for row in re.finditer(r"^   (\d+) +.*?  +(\d+) +▪*$", section, re.MULTILINE)}
    assert shown == wanted


def test_demo_of_ones_own(tmp_path):
    """--events and --actions of one's own."""
    events, actions = tmp_path / "events.jsonl", tmp_path / "actions.json"
    records = [event(number) for number in range(50)]
    events.write_bytes(b"\n".join(record.value for record in records) + b"\n")
    actions.write_text(json.dumps(CATALOGUE))
    done = tagstream("demo", "--events", events, "--actions", actions, "--count", 50)
    text = done.stdout.decode()
    assert done.returncode == 0, done.stderr
    assert totals(text) == {"tagged": 50, "total": 50}
    assert re.search(r"^   1 +Ping +%d " % sum(1 in record.actions for record in records), text, re.MULTILINE)
    assert re.search(r"^   4 +Ping of the others +%d " % sum(4 in record.actions for record in records), text, re.MULTILINE)


def test_demo_refuses_what_run_refuses(tmp_path):
    actions = tmp_path / "actions.json"
    actions.write_text(json.dumps({"teams": CATALOGUE["teams"], "actions": [
        {"id": 1, "team_id": 71, "name": "Broken", "steps": [{"event": "$pageview", "url": "(", "url_matching": "regex"}]}]}))
    done = tagstream("demo", "--actions", actions, "--count", 10)
    assert done.returncode == 1
    assert b"refused" in done.stderr
