"""A worker that its group has left behind: what the proxy before the small broker is for.

It is done with the proxy's check of generations and without it. Without it rows are there twice: that is how the check is seen to be
needed, and the test to see. On a given cluster the check is the cluster's and cannot be switched off; `test_real_cluster.py` has its tests.

That offsets are not told while a transaction has sent others is shown by `Tests/EndToEnd/test_generations.py` only: the small broker does
not always give each partition to one member when a rebalance ends without somebody, and here the group needs time to come to rest.
"""

from __future__ import annotations

import signal

import pytest

import deployment as deployments
from checker import Check, check
from feeds import CATALOGUE, stream
from generations import ILLEGAL_GENERATION, TXN_OFFSET_COMMIT
from keeper import coordinator  # noqa: F401: the fixture
from waiting import until

#: A rebalance waits for its members as long as the poll interval is, which cannot be shorter than the session; and whoever is stopped is
#: to end its transaction afterwards.
SETTINGS = {"kafka": deployments.MEMBERSHIP | {"max.poll.interval.ms": 6000},
            "transaction": {"max_records": 50, "max_ms": 20, "timeout_ms": 40_000}}
FIRST, SECOND = 900, 300

pytestmark = pytest.mark.own_broker(reason="the check that is switched off is the proxy's")


def stopped(deployment, api: int):
    """A worker that is stopped while its third request of a kind is on its way; who leads its group; what they were fed.

    The leader comes first and stays: without its leader the small broker's group never goes on.
    """
    deployment.create_topics()
    deployment.apply(CATALOGUE)
    leader = deployment.worker(slot=0, **SETTINGS)
    leader.await_log("assignment changed")
    deployment.coordinator.keep(api, f"{deployment.tag}-1-0", skipped=2)
    worker = deployment.worker(slot=1, **SETTINGS)
    worker.await_log("assignment changed")
    records = stream(FIRST)
    deployment.feed(records)
    until(deployment.coordinator.has_it.is_set, 30, "the worker to send its third request")
    worker.send(signal.SIGSTOP)
    return worker, leader, records


def released(deployment, worker) -> None:
    """The request goes on its way, and the worker works again: what it had in hand is settled when it takes partitions again."""
    deployment.coordinator.may_go.set()
    worker.send(signal.SIGCONT)
    # At first it had some, then none.
    worker.await_log("assignment changed", count=3)


def drained(workers) -> None:
    assert [worker.drain() for worker in workers] == [0] * len(workers), "\n".join(worker.stderr[-2000:] for worker in workers)


def finished(deployment, workers, records) -> None:
    """More is fed, all of the workers take part in it, and nothing is lost or twice."""
    more = stream(SECOND, first=FIRST)
    deployment.feed(more)
    deployment.await_committed(FIRST + SECOND, worker=workers[0])
    drained(workers)
    check(deployment, records + more)


def twice(deployment, records) -> list[str]:
    return [problem for problem in Check(deployment).run(records).problems if "twice" in problem]


def left_behind(deployment):
    """A worker whose group has gone on without it and has done all of its work before its offsets come to the broker."""
    worker, leader, records = stopped(deployment, TXN_OFFSET_COMMIT)
    guest = deployment.worker(slot=2, **SETTINGS)
    deployment.await_committed(FIRST, worker=guest)
    released(deployment, worker)
    return [worker, leader, guest], records


def test_offsets_of_a_stale_generation_are_refused(coordinated):
    """The worker aborts, joins again, and works on; nothing is lost, and nothing is there twice."""
    workers, records = left_behind(coordinated)
    assert coordinated.coordinator.coordination.refused[ILLEGAL_GENERATION] >= 1
    finished(coordinated, workers, records)
    assert workers[0].summary()["aborts"] >= 1, workers[0].summary()


def test_without_that_check_rows_are_there_twice(coordinated):
    """As it is with the small broker alone."""
    coordinated.coordinator.coordination.checks_generations = False
    workers, records = left_behind(coordinated)
    drained(workers)
    assert twice(coordinated, records)
    assert not coordinated.coordinator.coordination.refused
