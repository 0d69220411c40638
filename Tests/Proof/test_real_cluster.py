"""What only a real cluster shows: sessions that expire, transactions that time out, stale generations, brokers that come back.

Run with TAGSTREAM_TEST_BROKERS=host:port; the campaigns of the other files run there as well. TAGSTREAM_TEST_BROKER_RESTART is a shell
command that restarts a broker of the cluster and returns when it has; without it that one test is skipped.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time

import pytest

from campaign import PATIENCE, Campaign
from waiting import until

RESTART = os.environ.get("TAGSTREAM_TEST_BROKER_RESTART", "")

pytestmark = pytest.mark.real_cluster(reason="sessions expire, transactions time out and generations are checked only there")


def test_taken_over_after_a_kill(deployment):
    """kill -9 and no successor: after its session the others have the partitions, and every one of them moves."""
    run = Campaign(deployment, "takeover", 31, workers=3).start()
    for slot in run.slots[:2]:
        run.disturb(0.25)
        before, began = run.monitor.look(), time.monotonic()
        slot.worker.kill()
        slot.worker = None
        run.recovered("takeover", began, before)
    for slot in run.slots[:2]:
        run.launch(slot)
    run.await_progress(run.monitor.look())
    run.finish()


@pytest.mark.parametrize("strategy", ["range", "roundrobin"])
def test_a_storm_of_rebalances(deployment, strategy):
    """Every two seconds for two minutes a worker comes or goes; never is there none."""
    run = Campaign(deployment, f"rebalance storm, {strategy}", 32, workers=4)
    run.kafka["partition.assignment.strategy"] = strategy
    run.start()
    end = time.monotonic() + 120
    while time.monotonic() < end:
        slot = run.chance.choice(run.slots[1:])
        run.feeder.burst(300)
        if slot.worker is None:
            run.launch(slot)
            slot.worker.await_log("worker starts")
        elif run.chance.random() < 0.5:
            assert slot.worker.drain() == 0, slot.worker.stderr[-3000:]
            slot.worker = None
        else:
            slot.worker.kill()
            slot.worker = None
        run.report.faults["rebalance"] += 1
        time.sleep(2)
        run.check_workers()
    for slot in run.slots:
        if slot.worker is None:
            run.launch(slot)
    run.await_progress(run.monitor.look(), 60)
    run.finish()


@pytest.mark.skipif(not RESTART, reason="needs TAGSTREAM_TEST_BROKER_RESTART, a command that restarts a broker")
def test_a_broker_is_restarted(deployment):
    """A broker goes and comes back, three times, at full load."""
    # The coordinator ends transactions by their age, and the time that it was away counts.
    run = Campaign(deployment, "broker restart", 33, transaction={"max_records": 400, "max_ms": 50, "timeout_ms": 40_000}).start()
    for _ in range(3):
        run.disturb(0.25)
        before, began = run.monitor.look(), time.monotonic()
        subprocess.run(RESTART, shell=True, check=True, timeout=120)
        seconds = run.await_progress(before, 90) - began
        run.report.faults["broker restart"] += 1
        run.report.recoveries.append(seconds)
    run.finish()


def test_a_transaction_times_out(deployment):
    """A worker is stopped in an open transaction for longer than the broker's patience: the broker aborts it and fences the worker."""
    run = Campaign(deployment, "transaction timeout", 34, transaction={"max_records": 400, "max_ms": 50, "timeout_ms": 2000})
    # It is the transaction's time that is exceeded, not the session's.
    run.kafka = run.kafka | {"session.timeout.ms": 30_000}
    run.start()
    for number in range(3):
        slot = run.slots[number % 2]
        assert slot.worker.drain() == 0, slot.worker.stderr[-3000:]
        # Behind its offsets, so that the coordinator surely knows of the transaction.
        worker = run.launch(slot, "after_offsets:6:stop")
        run.feeder.burst(600)
        until(lambda: _is_stopped(worker), PATIENCE, "the worker to stop itself in a transaction")
        # What the transaction may take, and the ten seconds after which a coordinator looks again.
        time.sleep(13)
        before, began = run.monitor.look(), time.monotonic()
        worker.send(signal.SIGCONT)
        until(lambda: not worker.is_running, PATIENCE, "the worker to learn that it was fenced, and to end")
        assert worker.process.returncode == 4, worker.stderr[-3000:]
        run.fenced.add(worker.name)
        run.launch(slot)
        run.recovered("transaction timeout", began, before, counts=False)
    run.finish()


def test_a_stale_generation_commits_nothing(deployment):
    """A worker is stopped between its offsets and its commit until the group has gone on without it: it must not commit."""
    run = Campaign(deployment, "stale generation", 35, transaction={"max_records": 400, "max_ms": 50, "timeout_ms": 30_000}).start()
    for place in ("before_offsets", "after_offsets"):
        slot = run.slots[0]
        slot.worker.kill()
        worker = run.launch(slot, f"{place}:6:stop")
        until(lambda: _is_stopped(worker), PATIENCE, "the worker to stop itself before its commit")
        # Beyond the session of six seconds: the group gives its partitions to the other worker.
        time.sleep(10)
        before, began = run.monitor.look(), time.monotonic()
        worker.send(signal.SIGCONT)
        run.recovered(f"stale at {place}", began, before, counts=False)
    run.finish()


def _is_stopped(worker) -> bool:
    with open(f"/proc/{worker.process.pid}/stat", encoding="ascii") as stat:
        return stat.read().rsplit(")", 1)[1].split()[0] == "T"
