"""Workers that are killed, stopped, suspended and doubled: the outputs stay whole."""

from __future__ import annotations

import random
import signal
import subprocess
import threading

import pytest

from checker import check, read_topic
from feeds import CATALOGUE, stream
from waiting import until

SMALL = {"transaction": {"max_records": 60, "max_ms": 20}}


@pytest.fixture
def running(deployment):
    """A deployment with topics and a catalogue."""
    deployment.create_topics()
    deployment.apply(CATALOGUE)
    return deployment


def let_pass(worker, seconds: float) -> None:
    """Lets a seeded moment pass, so that the kill falls anywhere within a transaction; nothing depends on its length."""
    try:
        worker.process.wait(seconds)
    except subprocess.TimeoutExpired:
        pass


@pytest.mark.parametrize("seed", [11, 29, 47])
def test_killed_at_random_moments_and_restarted(running, static, seed):
    """kill -9 at seeded places of the work, until everything is done: nothing is lost, nothing is there twice."""
    chance = random.Random(seed)
    records = stream(3000, seed=seed)
    running.feed(records)
    for place in sorted([0, *chance.sample(range(1, 2600), 6)]):
        worker = running.worker(static=static("member"), **SMALL)
        running.await_committed(place, worker=worker)
        let_pass(worker, chance.uniform(0, 0.06))
        worker.kill()
    running.run_to_end(static=static("member"), **SMALL)
    check(running, records)


def test_killed_while_it_starts(running, static):
    """kill -9 at any moment of joining the group, reading the catalogue and registering the transactional id."""
    chance = random.Random(5)
    records = stream(300, seed=5)
    running.feed(records)
    for _ in range(8):
        worker = running.worker(static=static("member"), **SMALL)
        let_pass(worker, chance.uniform(0.01, 1.2))
        worker.kill()
    running.run_to_end(static=static("member"), **SMALL)
    check(running, records)


def test_an_aborted_transaction_was_really_there(running, static):
    """The kills of this module hit open transactions: readers that ask for uncommitted records see what was aborted."""
    records = stream(4000)
    running.feed(records)
    # Transactions that stay open for long are cut by the first kill after the first row is on its way.
    open_long = {"transaction": {"max_records": 100_000, "max_ms": 10_000}}
    worker = running.worker(static=static("member"), **open_long)
    until(lambda: read_topic(running.cluster.address, running.tagged, committed_only=False), 30, "uncommitted rows", every=0.1)
    assert running.committed() == {}
    worker.kill()
    assert read_topic(running.cluster.address, running.tagged) == []
    running.run_to_end(static=static("member"), **SMALL)
    outcome = check(running, records)
    assert len(outcome.rows) == 4000
    assert len(read_topic(running.cluster.address, running.tagged, committed_only=False)) > 4000


def test_sigterm_commits_what_is_in_hand(running):
    """SIGTERM in the middle: exit code 0, a summary, nothing half done; the next worker goes on behind it."""
    records = stream(3000, seed=3)
    running.feed(records)
    worker = running.worker(transaction={"max_records": 5, "max_ms": 20})
    running.await_committed(200, worker=worker)
    assert worker.drain() == 0, worker.stderr
    first = worker.summary()
    # Kafka answers that a transaction is committed before its offsets can be read.
    until(lambda: first["records"] == sum(running.committed().values()), 20, f"{first['records']} records to be committed")
    assert 200 <= first["records"] < 3000, "the worker was asked to stop in the middle"
    assert first["aborts"] == 0
    second = running.run_to_end()
    assert first["records"] + second["records"] == 3000
    check(running, records)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_while_idle(running, number):
    """A worker that waits for records stops at once and cleanly."""
    records = stream(10)
    running.feed(records)
    worker = running.worker()
    running.await_committed(10, worker=worker)
    worker.send(number)
    assert worker.wait(15) == 0, worker.stderr
    check(running, records)


def test_suspended_and_continued(running):
    """SIGSTOP and SIGCONT, several times: the worker goes on where it was."""
    records = stream(3000, seed=7)
    running.feed(records)
    worker = running.worker("--exit-at-end", **SMALL)
    for place in (100, 900, 1800):
        running.await_committed(place)
        worker.send(signal.SIGSTOP)
        # Suspended for as long as it takes somebody else to read everything that is committed.
        read_topic(running.cluster.address, running.tagged)
        worker.send(signal.SIGCONT)
    assert worker.wait(60) == 0, worker.stderr
    check(running, records)


def test_two_workers_with_one_slot(running):
    """The later worker takes the slot; the earlier one ends with 4 and a sentence about --slot, and nothing is done twice."""
    records = []
    stop = threading.Event()

    def keep_feeding() -> None:
        producer = running.producer()
        while not stop.is_set():
            some = stream(60, first=len(records))
            running.feed(some, producer)
            records.extend(some)
            stop.wait(0.05)

    feeder = threading.Thread(target=keep_feeding)
    feeder.start()
    try:
        one = running.worker(slot=3, **SMALL)
        running.await_committed(100, worker=one)
        other = running.worker(slot=3, **SMALL)
        loser = until(lambda: next((worker for worker in (one, other) if not worker.is_running), None), 60, "one of them to end")
        winner = other if loser is one else one
        assert loser.process.returncode == 4, loser.stderr
        assert "--slot" in loser.stderr.splitlines()[-1]
        before = sum(running.committed().values())
        running.await_committed(before + 100, worker=winner)
    finally:
        stop.set()
        feeder.join()
    assert winner.drain() == 0, winner.stderr
    running.run_to_end(slot=3)
    check(running, records)


def test_two_workers_with_two_lanes_each(running, static):
    """Four lanes share six partitions, one worker is killed and comes back, the other goes on: one outcome each."""
    running.partitions = 6
    wide = running.tag + "-wide"
    running.create_topic(wide, 6)
    running.raw = wide
    config = running.write_config("tagstream.json")
    assert config.exists()
    records = stream(3000, seed=13)
    workers = [running.worker(slot=slot, lanes=2, static=static(f"member-{slot}"), **SMALL) for slot in (0, 1)]
    # A worker that finds its partitions after the other has read everything has no share in the outcome.
    running.settle(*workers)
    running.feed(records[:1500])
    running.await_committed(300)
    workers[0].kill()
    again = running.worker(slot=0, lanes=2, static=static("member-0"), **SMALL)
    running.settle(again, workers[1])
    running.feed(records[1500:])
    running.await_committed(3000)
    assert again.drain() == 0, again.stderr
    assert workers[1].drain() == 0, workers[1].stderr
    check(running, records)
    shares = [worker.summary()["records"] for worker in (again, workers[1])]
    assert all(share > 0 for share in shares), f"both workers have had partitions: {shares}"
