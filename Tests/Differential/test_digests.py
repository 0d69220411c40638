"""The benchmark's inputs give the matches that an evaluator of others found: Tests/Vectors/digests.json.

Each digest is the SHA-256 of `tagstream match --ids`: a line `INDEX:ID,ID` for every event. The inputs are those of `make bench`.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import pathlib
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import fuzz  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
DIGESTS = json.loads((ROOT / "Tests/Vectors/digests.json").read_text())["digests"]


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """A folder as Benchmarks/prepare fills it."""
    folder = tmp_path_factory.mktemp("inputs")
    subprocess.run([sys.executable, ROOT / "Benchmarks/prepare", folder], check=True, capture_output=True)
    return folder


@pytest.mark.parametrize("name", DIGESTS)
def test_matches_of_the_benchmarks_inputs(name, inputs, tmp_path):
    kind, actions, _ = name.split("/")
    events, folder = {
        "bench": (inputs / "events.jsonl", inputs),
        "gen": (inputs / "generated/envelopes.ndjson", inputs / "generated"),
    }[kind]
    wanted = DIGESTS[name]
    some = tmp_path / "events.jsonl"
    with events.open("rb") as lines:
        some.write_bytes(b"".join(itertools.islice(lines, wanted["events"])))
    done = subprocess.run(
        [fuzz.binary(), "match", "--actions", folder / f"{actions}.json", "--events", some, "--ids"], capture_output=True, check=True
    )
    lines = done.stdout.splitlines()
    assert len(lines) == wanted["events"]
    assert sum(len([word for word in line.partition(b":")[2].split(b",") if word]) for line in lines) == wanted["matches"]
    assert hashlib.sha256(done.stdout).hexdigest() == wanted["sha256"]
