"""Records that crash the process, and processes that are killed while innocent records are in the pipeline."""

from __future__ import annotations

import json
import signal

import pytest

from checker import check
from feeds import CATALOGUE, TOKEN, Fed, stable_uuid, stream

POISON = "crash me if you can"
SMALL = {"transaction": {"max_records": 500, "max_ms": 50}}


def poison(number: int, outcome: str) -> Fed:
    """A record on which the build with failpoints crashes."""
    body = {"token": TOKEN, "event": "ping", "distinct_id": "d", "uuid": stable_uuid(number), "properties": {"text": POISON}}
    return Fed(json.dumps(body).encode(), outcome=outcome, name="poison")


def crash_until_it_ends(deployment, journal, env: dict[str, str], most: int, **more) -> int:
    """Starts a worker again and again, as a supervisor does, until it comes to the end; how often it crashed."""
    for crashes in range(most + 1):
        worker = deployment.worker("--exit-at-end", env=env, static="member", crash_journal=str(journal), **SMALL, **more)
        if worker.wait(60) == 0:
            return crashes
        assert worker.process.returncode < 0, worker.stderr[-2000:]
    raise AssertionError(f"the worker still crashes after {most} times")


@pytest.mark.parametrize(("way", "number"), [("trap", None), ("abort", signal.SIGABRT), ("segv", signal.SIGSEGV), ("overflow", signal.SIGSEGV)])
def test_crash_loop_same_offset(deployment, tmp_path, way, number):
    """A record crashes the process twice at the same offset; on the third try it is a dead letter of reason `crash`, and all others are
    tagged."""
    deployment.create_topics()
    deployment.apply(CATALOGUE)
    records = [*stream(1500), poison(5000, "crash"), *stream(1500, first=2000)]
    deployment.feed(records)
    env = {"TAGSTREAM_CRASH_ON": POISON, "TAGSTREAM_CRASH_BY": way}
    assert crash_until_it_ends(deployment, tmp_path / "journal", env, 3) == 2
    if number is not None:
        assert deployment.workers[0].process.returncode == -number
    check(deployment, records)


def test_two_such_records_in_one_batch(deployment, tmp_path):
    """Each is found for itself."""
    deployment.create_topics()
    deployment.apply(CATALOGUE)
    records = [*stream(30), poison(5000, "crash"), *stream(30, first=2000), poison(5001, "crash"), *stream(30, first=3000)]
    deployment.feed(records)
    env = {"TAGSTREAM_CRASH_ON": POISON}
    assert crash_until_it_ends(deployment, tmp_path / "journal", env, 5) <= 4
    check(deployment, records)


def test_a_record_that_takes_all_the_memory(deployment, tmp_path):
    """Without memory the kernel kills: no signal is seen, so it takes until the record was alone in the pipeline three times."""
    deployment.create_topics()
    deployment.apply(CATALOGUE)
    records = [*stream(200), poison(5000, "crash"), *stream(200, first=2000)]
    deployment.feed(records)
    env = {"TAGSTREAM_CRASH_ON": POISON, "TAGSTREAM_CRASH_BY": "kill"}
    assert crash_until_it_ends(deployment, tmp_path / "journal", env, 5) == 4
    check(deployment, records)


def test_without_a_journal_it_goes_on_for_ever(deployment, tmp_path):
    """What the journal is for: without one the same record crashes every worker."""
    deployment.create_topics()
    deployment.apply(CATALOGUE)
    deployment.feed([*stream(20), poison(5000, "crash")])
    for _ in range(4):
        worker = deployment.worker("--exit-at-end", env={"TAGSTREAM_CRASH_ON": POISON}, static="member", crash_journal="none", **SMALL)
        assert worker.wait(60) < 0


def test_killed_from_outside_no_record_is_marked(deployment, tmp_path):
    """kill -9 while records are in the pipeline, ten times with one journal: no innocent record becomes a dead letter."""
    deployment.create_topics()
    deployment.apply(CATALOGUE)
    records = stream(4000, seed=21)
    deployment.feed(records)
    journal = str(tmp_path / "journal")
    for visit in range(1, 11):
        worker = deployment.worker(env={"TAGSTREAM_FAILPOINT": f"in_pipeline:{visit}"}, static="member", crash_journal=journal, **SMALL)
        assert worker.wait(60) == -signal.SIGKILL, worker.stderr[-2000:]
    deployment.run_to_end(static="member", crash_journal=journal, **SMALL)
    check(deployment, records)


def test_a_folder_that_cannot_be_used_is_no_reason_to_stop(deployment, tmp_path):
    """Without a journal the worker says so and works."""
    deployment.create_topics()
    deployment.apply(CATALOGUE)
    records = stream(100)
    deployment.feed(records)
    (tmp_path / "file").write_text("no folder")
    worker = deployment.worker("--exit-at-end", static="member", crash_journal=str(tmp_path / "file"), **SMALL)
    assert worker.wait(60) == 0
    assert worker.said("there is no crash journal")
    check(deployment, records)
