"""Workers that are killed, stopped, suspended and doubled: the outputs stay whole."""

from __future__ import annotations

import random
import signal

import pytest

from checker import check
from feeds import CATALOGUE, stream
from waiting import until

SMALL = {"transaction": {"max_records": 60, "max_ms": 20}}


@pytest.fixture
def running(deployment):
    """A deployment with topics and a catalogue."""
    deployment.create_topics()
    deployment.apply(CATALOGUE)
    return deployment


@pytest.mark.parametrize("seed", [11, 29])
def test_killed_at_random_moments_and_restarted(running, static, seed):
    """kill -9 at seeded places of the work, until everything is done: nothing is lost, nothing is there twice."""
    chance = random.Random(seed)
    records = stream(3000, seed=seed)
    running.feed(records)
    places = sorted(chance.sample(range(0, 2900), 5))
    for place in places:
        worker = running.worker(static=static("member"), **SMALL)
        running.await_committed(place, worker=worker)
        worker.kill()
    running.run_to_end(static=static("member"), **SMALL)
    check(running, records)
