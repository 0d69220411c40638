"""A worker that its group has left behind, and one whose offsets are on their way: what the proxy before the small broker is for.

Every test is done with the check and without it. Without it rows are there twice: so the check is seen to be needed, and the test to see.
On a given cluster the check cannot be switched off, and there it is the cluster's.
"""

from __future__ import annotations

import signal

import pytest

import deployment as deployments
from checker import Check, check
from feeds import CATALOGUE, stream
from generations import ILLEGAL_GENERATION
from waiting import until

#: A rebalance waits so long for its members, and the shortest session of a real broker is as long.
KAFKA = deployments.MEMBERSHIP | {"max.poll.interval.ms": 6000}
SMALL = {"transaction": {"max_records": 50, "max_ms": 20}, "kafka": KAFKA}
FIRST, SECOND = 900, 300

pytestmark = pytest.mark.own_broker(reason="the check that is switched off is the proxy's")


def is_stopped(worker) -> bool:
    with open(f"/proc/{worker.process.pid}/stat", encoding="ascii") as stat:
        return stat.read().rsplit(")", 1)[1].split()[0] == "T"


def stopped_at(deployment, place: str):
    """A worker that has stopped itself there in its third transaction, with all of the partitions, and what it was fed."""
    deployment.create_topics()
    deployment.apply(CATALOGUE)
    records = stream(FIRST)
    deployment.feed(records)
    worker = deployment.worker(env={"TAGSTREAM_FAILPOINT": f"{place}:3:stop"}, **SMALL)
    until(lambda: is_stopped(worker), 30, f"the worker to stop itself at {place}")
    return worker, records


def left_behind(deployment):
    """A worker with records in hand whose group has gone on without it and has done all of its work; who did it; what was fed."""
    worker, records = stopped_at(deployment, "before_offsets")
    successor = deployment.worker(slot=1, **SMALL)
    deployment.await_committed(FIRST, worker=successor)
    worker.send(signal.SIGCONT)
    # What was in hand is settled before a lane takes partitions again.
    worker.await_log("assignment changed", count=2)
    return worker, successor, records


def test_a_stale_generation_is_refused(deployment):
    """The worker aborts, joins again, and works on; nothing is lost, and nothing is there twice."""
    worker, successor, records = left_behind(deployment)
    assert deployment.coordinator.coordination.refused[ILLEGAL_GENERATION] >= 1
    more = stream(SECOND, first=FIRST)
    deployment.feed(more)
    deployment.await_committed(FIRST + SECOND, worker=worker)
    assert (successor.drain(), worker.drain()) == (0, 0), worker.stderr + successor.stderr
    assert worker.summary()["aborts"] >= 1, worker.summary()
    check(deployment, records + more)


def test_without_the_check_its_rows_are_there_twice(deployment):
    """As the small broker has it."""
    deployment.coordinator.coordination.checks_generations = False
    worker, successor, records = left_behind(deployment)
    successor.drain(), worker.drain()
    problems = Check(deployment).run(records).problems
    assert any("twice" in problem for problem in problems), problems
