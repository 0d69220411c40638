"""A broker that dies under a worker: it waits or ends with its code, says so, and can be stopped."""

from __future__ import annotations

import signal

import pytest

import broker
import deployment as deployments
from checker import check
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
    """kill -9 of the broker in the middle of the work: within a minute the worker has said so, and SIGTERM ends it with 0 or 3."""
    mortal.feed(stream(4000))
    worker = mortal.worker(transaction={"max_records": 20, "max_ms": 20})
    mortal.await_committed(200, worker=worker)
    mortal.cluster.kill()
    until(lambda: not worker.is_running or any(line["level"] in ("warning", "error") for line in worker.logs()), 60,
          "the worker to say that the broker is gone")
    if worker.is_running:
        worker.send(signal.SIGTERM)
    code = worker.wait(100)
    assert code in (0, 3), (code, worker.stderr)
    if code == 3:
        assert "Hint" in worker.stderr.strip().splitlines()[-1]


@pytest.mark.own_broker(reason="the cluster is somebody else's, and this test kills its broker")
def test_an_idle_worker_survives_a_restart_of_the_broker(mortal):
    """A broker that goes and comes back with its data while nothing is in hand: the worker goes on, or ends with 3 and can be restarted."""
    first = stream(60)
    mortal.feed(first)
    worker = mortal.worker(static="member")
    mortal.await_committed(60, worker=worker)
    mortal.cluster.stop()
    until(lambda: not worker.is_running or any(line["level"] == "warning" for line in worker.logs()), 60, "a warning")
    mortal.cluster.start()
    mortal.await_topic(mortal.raw, 3)
    more = stream(60, first=60)
    mortal.feed(more)
    until(lambda: not worker.is_running or sum(mortal.committed().values()) >= 120, 60, "the worker to go on, or to end")
    if worker.is_running:
        assert worker.drain() == 0, worker.stderr
    else:
        assert worker.process.returncode == 3, worker.stderr
        mortal.run_to_end(static="member")
    check(mortal, first + more)
