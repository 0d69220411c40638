"""A lane that is caught in a call which does not return: the worker says so and ends, and another one does the work."""

from __future__ import annotations

import signal
import time

import pytest

from checker import check
from feeds import CATALOGUE, stream

SMALL = {"transaction": {"max_records": 50, "max_ms": 20}}
#: Seconds without a sign of life; the product has a minute.
LIMIT = 2
STANDSTILL = "a lane stands still: a call to librdkafka does not return, and only the end of the process ends it"


@pytest.mark.parametrize("place", ["after_produce", "before_rewind", "in_close"])
def test_a_call_that_does_not_return(deployment, place):
    """Wherever it hangs, with a transaction open or without, the process ends with 3, and its successor loses and doubles nothing."""
    deployment.create_topics()
    deployment.apply(CATALOGUE)
    records = stream(900)
    deployment.feed(records)
    before = "before_offsets:3:abortable," if place == "before_rewind" else ""
    count = 3 if place == "after_produce" else 1
    env = {"TAGSTREAM_FAILPOINT": f"{before}{place}:{count}:hang", "TAGSTREAM_STANDSTILL_SECONDS": str(LIMIT)}
    worker = deployment.worker("--exit-at-end", env=env, static="member", **SMALL)
    assert worker.wait(30) == 3, worker.stderr
    assert [line["lane"] for line in worker.said(STANDSTILL)] == ["0"]
    deployment.run_to_end(static="member", **SMALL)
    check(deployment, records)


def test_a_process_that_was_stopped_is_not_taken_for_one(deployment):
    """While nobody can work nobody looks either."""
    deployment.create_topics()
    deployment.apply(CATALOGUE)
    first, second = stream(300), stream(300, first=300)
    deployment.feed(first)
    worker = deployment.worker(env={"TAGSTREAM_STANDSTILL_SECONDS": str(LIMIT)}, **SMALL)
    deployment.await_committed(300, worker=worker)
    worker.send(signal.SIGSTOP)
    # That time passes is the fault.
    time.sleep(2 * LIMIT)
    worker.send(signal.SIGCONT)
    deployment.feed(second)
    deployment.await_committed(600, worker=worker)
    assert worker.drain() == 0, worker.stderr
    assert not worker.said(STANDSTILL)
    check(deployment, first + second)
