"""A broker that dies under a worker: it waits or ends with its code, and says so."""

from __future__ import annotations

import pytest

import broker
import deployment as deployments
from feeds import CATALOGUE, stream
from waiting import until


@pytest.fixture
def mortal(tmp_path):
    """A broker of this test's own, with a deployment on it."""
    own = broker.OwnBroker(tmp_path / "broker")
    made = deployments.Deployment(own, tmp_path)
    made.create_topics()
    made.apply(CATALOGUE)
    yield made
    made.stop()
    own.stop()


@pytest.mark.own_broker(reason="the cluster is somebody else's, and this test kills its broker")
def test_the_broker_is_killed(mortal):
    """kill -9 of the broker in the middle of the work: within a minute the worker has said so; it waits, or ends with 3."""
    mortal.feed(stream(12_000))
    worker = mortal.worker(transaction={"max_records": 4, "max_ms": 20})
    assert mortal.await_committed(200, worker=worker) < 12_000
    mortal.cluster.kill()
    until(lambda: not worker.is_running or any(line["level"] in ("warning", "error") for line in worker.logs()), 60,
          "the worker to say that the broker is gone")
    assert mortal.cluster.address in worker.stderr
    # It waits for the broker's return, or it has given up and says what to look at.
    assert worker.is_running or worker.process.returncode == 3, worker.stderr
    if not worker.is_running:
        assert "Hint" in worker.stderr.strip().splitlines()[-1]


@pytest.mark.own_broker(reason="the cluster is somebody else's, and this test kills its broker")
def test_a_worker_without_its_broker_can_be_stopped(mortal):
    """kill -9 of the broker, then SIGTERM: the worker ends by itself in bounded time, whatever was open."""
    mortal.feed(stream(12_000))
    worker = mortal.worker(transaction={"max_records": 4, "max_ms": 20})
    mortal.await_committed(200, worker=worker)
    mortal.cluster.kill()
    # Less than the minute after which a lane that stands still is given up: every call has come back by itself.
    assert worker.drain(seconds=50) in (0, 3), worker.stderr
