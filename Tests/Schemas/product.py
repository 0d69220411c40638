"""Running the binary, and what its rows say of the records that it does not print."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess

from contracts import ROOT

EXAMPLES = ROOT / "Examples"
SOURCES = ROOT / "Sources" / "Tagstream"


def binary() -> str:
    """The binary to test: TAGSTREAM_BINARY, else a release build, else a debug build."""
    given = os.environ.get("TAGSTREAM_BINARY")
    places = [pathlib.Path(given)] if given else [ROOT / ".build" / kind / "tagstream" for kind in ("release", "debug")]
    for place in places:
        if place.is_file() and os.access(place, os.X_OK):
            return str(place.resolve())
    looked = " and ".join(str(place) for place in places)
    raise FileNotFoundError(f"no binary to test at {looked}: run `swift build`, or set TAGSTREAM_BINARY")


def run(*arguments: object, events: str = "") -> subprocess.CompletedProcess[str]:
    """Runs the binary to its end."""
    command = [binary(), *map(str, arguments)]
    return subprocess.run(command, input=events, capture_output=True, encoding="utf-8", timeout=60, check=False)


def tag(actions: pathlib.Path, records: list[object], folder: pathlib.Path) -> tuple[list[str], list[dict]]:
    """Sends records through `match`; returns the rows as text, and the dead letters."""
    letters = folder / "dead_letters.jsonl"
    lines = "".join(json.dumps(record) + "\n" for record in records)
    result = run("match", "--actions", actions, "--events", "-", "--dead-letters", letters, events=lines)
    assert result.returncode == 0, result.stderr
    dead = [json.loads(line) for line in letters.read_text(encoding="utf-8").splitlines()] if letters.exists() else []
    return result.stdout.splitlines(), dead


def match_rows(rows: list[dict], actions: list[dict], topic: str = "events_raw") -> list[dict]:
    """The records of action_matches that belong to tagged rows, written as MatchEncoder writes them.

    `match` prints rows and no match records. A row has all that its matches have except for the actions' names and
    versions, which the definitions know, and the position, which is the row's own line here.
    """
    known = {(action["team_id"], action["id"]): action for action in actions}
    return [
        {
            "team_id": row["team_id"],
            "action_id": number,
            "action_version": known[row["team_id"], number].get("version", 1),
            "action_name": known[row["team_id"], number].get("name", ""),
            "event_uuid": row["uuid"],
            "event": row["event"],
            "distinct_id": row["distinct_id"],
            "person_id": row["person_id"],
            "timestamp": row["timestamp"],
            "origin": "live",
            "epoch": row["actions_epoch"],
            "source": f"{topic}/0/{line}",
        }
        for line, row in enumerate(rows)
        for number in row["actions"]
    ]
