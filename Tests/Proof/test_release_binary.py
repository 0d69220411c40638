"""The release binary has no failpoints and no planted bugs; the other one has, or this test could not fail."""

from __future__ import annotations

import pathlib
import re
import subprocess

import campaign
import deployment as deployments

SOURCES = deployments.REPOSITORY / "Sources"


def names() -> set[bytes]:
    """What only the build with failpoints may contain, read from its sources."""
    found = {b"TAGSTREAM_FAILPOINT", b"TAGSTREAM_PLANTED_BUG", b"TAGSTREAM_CRASH_ON", b"TAGSTREAM_STANDSTILL_SECONDS"}
    # As the compiler mangles types: the names of the files, which are empty there, are in the debug information of every build.
    found |= {b"14FailpointDoorsV", b"10SpoiltWorkV", b"10PlantedBugO", b"9FailpointO"}
    for path in ("Worker/Failpoint.swift", "Kafka/PlantedBug.swift"):
        # Names of fifteen bytes or fewer are immediate operands and not in one piece in a binary.
        found |= {name.encode() for name in re.findall(r'case \w+ = "(\w{16,})"', (SOURCES / path).read_text())}
    return found


def strings(path: pathlib.Path) -> bytes:
    return path.read_bytes()


def test_the_names_are_known():
    assert {b"random_transactional_id", b"position_instead_of_ledger", b"after_first_produce"} <= names()


def test_the_release_binary_contains_none():
    content = strings(deployments.binary())
    assert [name for name in names() if name in content] == []


def test_the_build_with_failpoints_contains_all():
    content = strings(campaign.failpoints_binary())
    assert [name for name in names() if name not in content] == []


def test_every_use_is_conditional():
    """No source names them outside `#if TAGSTREAM_FAILPOINTS`."""
    for path in SOURCES.rglob("*.swift"):
        # The conditions that are open, and whether each is ours.
        conditions: list[bool] = []
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if line.strip().startswith("#if"):
                conditions.append(line.strip() == "#if TAGSTREAM_FAILPOINTS")
            elif line.strip().startswith(("#else", "#elseif")):
                conditions[-1] = False
            elif line.strip() == "#endif":
                conditions.pop()
            elif re.search(r"\b(?:Failpoint|FailpointDoors|PlantedBug|SpoiltWork)\b", line):
                assert any(conditions), f"{path.name}:{number}: {line.strip()}"


def test_the_release_binary_ignores_the_variables(tmp_path):
    done = subprocess.run([deployments.binary(), "--version"], env={"TAGSTREAM_FAILPOINT": "nonsense", "TAGSTREAM_PLANTED_BUG": "nonsense"},
                          capture_output=True, timeout=30)
    assert done.returncode == 0, done.stderr
