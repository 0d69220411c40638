"""Static members: a worker that restarts within its session takes its partitions back, and nobody else is disturbed."""

from __future__ import annotations

import signal

import pytest

from checker import check
from feeds import CATALOGUE, stream

SMALL = {"transaction": {"max_records": 60, "max_ms": 20}}


@pytest.fixture
def running(deployment):
    """A deployment of four partitions, so that two workers have two each."""
    deployment.partitions = 4
    deployment.create_topics()
    deployment.apply(CATALOGUE)
    return deployment


def feed_everywhere(deployment, records) -> None:
    """Writes records to all partitions in turn and waits until all of them are committed."""
    before = sum(deployment.committed().values())
    deployment.feed(records)
    deployment.await_committed(before + len(records))


def rebalances(worker) -> int:
    return len(worker.said("assignment changed"))


def restart_in_a_group(running, names, end):
    """Two workers, of which the second one is ended and started again: how often the first heard of it, and the second's third life."""
    records = stream(400, seed=21)
    one = running.worker(slot=0, static=names[0], **SMALL)
    running.settle(one)
    other = running.worker(slot=1, static=names[1], **SMALL)
    running.settle(one, other)
    feed_everywhere(running, records[:200])
    before = rebalances(one)
    end(other)
    again = running.worker(slot=1, static=names[1], **SMALL)
    running.settle(one, again)
    assert one.partitions == again.partitions == 2
    feed_everywhere(running, records[200:])
    disturbed = rebalances(one) - before
    assert one.drain() == 0, one.stderr
    assert again.drain() == 0, again.stderr
    check(running, records)
    return disturbed, again


def stopped(worker) -> None:
    assert worker.drain() == 0, worker.stderr


def killed(worker) -> None:
    worker.kill()


@pytest.mark.parametrize("end", [stopped, killed])
def test_a_restart_disturbs_nobody_else(running, end):
    """However it ended: the survivor hears of no rebalance, and the one that is back works on its own partitions."""
    disturbed, again = restart_in_a_group(running, ("a", "b"), end)
    assert disturbed == 0
    assert rebalances(again) == 1
    assert again.summary()["records"] == 100, "two of four partitions"


def test_dynamic_members_are_disturbed(running):
    """What static membership spares: without it the same restart takes the survivor's partitions from it, and more than once."""
    disturbed, _ = restart_in_a_group(running, (None, None), stopped)
    assert disturbed >= 2


def test_two_workers_with_one_name(running):
    """The later one takes the member over; the earlier one ends with 4, and nothing is done twice."""
    records = stream(300, seed=22)
    one = running.worker(slot=0, static="same", **SMALL)
    feed_everywhere(running, records[:100])
    other = running.worker(slot=1, static="same", **SMALL)
    assert one.wait(60) == 4, one.stderr
    running.feed(records[100:])
    running.await_committed(300)
    assert other.drain() == 0, other.stderr
    check(running, records)


def test_the_flag_names_the_member(running):
    """--static-member wins over the file, and an empty one is refused."""
    records = stream(100, seed=23)
    first = running.worker("--static-member", "pod-0", slot=0, static="shared", **SMALL)
    feed_everywhere(running, records)
    first.send(signal.SIGKILL)
    first.wait()
    # Sessions of killed members may not expire here: only the same member can go on.
    more = stream(100, first=100, seed=24)
    again = running.worker("--static-member", "pod-0", slot=0, static="shared", **SMALL)
    feed_everywhere(running, more)
    assert again.drain() == 0
    check(running, records + more)
    refused = running.worker("--static-member", "")
    assert refused.wait(30) == 2 and "--static-member is empty" in refused.stderr
