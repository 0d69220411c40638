"""Faults at full load: kills at random moments and at named places, drains, suspensions, zombies."""

from __future__ import annotations

import time

import pytest

from campaign import PATIENCE, Campaign
from waiting import until

#: Named places that every lane comes to by itself, in the order of a lane's life.
PLACES = ["before_init", "in_init", "after_init", "after_assign", "after_begin", "after_first_produce", "after_produce", "before_offsets",
          "after_offsets", "in_commit", "after_commit"]
#: Places behind an error, and the error that leads there.
BEHIND_ERRORS = {
    "before_abort": "before_offsets:{count}:abortable",
    "after_abort": "after_offsets:{count}:abortable",
    "before_rewind": "before_offsets:{count}:abortable",
    "after_rewind": "after_produce:{count}:abortable",
    # The outcome is unknown, and it was applied; and it was not.
    "in_recover": "after_commit:{count}:unknown",
    "after_recover": "after_offsets:{count}:unknown",
}
#: The first time, early, and in the middle.
COUNTS = [1, 3, 11]


@pytest.mark.parametrize("seed", [1, 2])
def test_killed_at_random_moments(deployment, seed):
    """kill -9 of either worker, ten times, wherever it stands."""
    run = Campaign(deployment, "kill -9 at random moments", seed).start()
    for _ in range(10):
        run.kill(run.chance.choice(run.slots))
    run.finish()


def test_killed_while_the_catalogue_changes(deployment):
    """The same while actions are published: no epoch goes back, whoever takes a partition over."""
    run = Campaign(deployment, "kill -9, catalogue changes", 3).start()
    for number in range(10):
        run.kill(run.chance.choice(run.slots))
        if number % 2:
            run.change_catalogue()
            run.await_progress(run.monitor.look())
    # A run that nothing happens to would have the changes elsewhere.
    run.finish(reference=False)


def test_killed_at_named_places(deployment):
    """kill -9 at every named place three times: at the first visit, at the third and at the eleventh."""
    run = Campaign(deployment, "kill -9 at named places", 4).start()
    # A lane opens its doors and is assigned once in its life; with two lanes these places are visited twice.
    once = {"before_init", "in_init", "after_init", "after_assign"}
    for place in PLACES:
        for number, count in enumerate(COUNTS):
            run.fail(run.slots[number % 2], f"{place}:{(1, 2, 1)[number] if place in once else count}")
    run.finish()


def test_killed_behind_errors(deployment):
    """Calls fail, and kill -9 while the lane aborts, goes back, or asks what has become of a commit."""
    run = Campaign(deployment, "kill -9 behind errors", 5).start()
    for place, error in BEHIND_ERRORS.items():
        for number, count in enumerate(COUNTS):
            run.fail(run.slots[number % 2], f"{error.format(count=count)},{place}")
    run.finish()


def test_errors_in_every_call(deployment):
    """Calls fail and ask for an abort, or leave the outcome unknown whether it was applied or not: the worker goes on by itself."""
    run = Campaign(deployment, "errors injected", 6).start()
    for call in ("after_begin", "after_first_produce", "after_produce", "before_offsets", "after_offsets", "after_commit"):
        for number, action in enumerate(("abortable", "unknown")):
            # An applied commit that is called abortable is a lie that no broker tells.
            if (call, action) != ("after_commit", "abortable"):
                run.inject(run.slots[number], f"{call}:2:{action},{call}:5:{action},{call}:6:{action}")
    run.finish()


def test_killed_while_partitions_are_revoked(deployment):
    """kill -9 within a revocation; a third worker that comes and goes brings it about."""
    run = Campaign(deployment, "kill -9 in revocations", 7).start()
    for place in ("in_revoke", "before_unassign", "after_unassign"):
        slot = run.slots[0]
        slot.worker.kill()
        worker = run.launch(slot, place)
        # A guest that comes while the worker still joins takes nothing from it.
        until(lambda: not worker.is_running or len(worker.said("assignment changed")) >= run.lanes, PATIENCE, "the worker to have partitions")
        # A dynamic member: it leaves the group when it is stopped, so its coming and its going are two rebalances.
        guest = deployment.worker(slot=9, lanes=1, config=run.guest())
        until(lambda: not worker.is_running, PATIENCE, f"the worker to come to {place}")
        before = run.monitor.look()
        run.launch(slot)
        run.recovered(f"at {place}", time.monotonic(), before, counts=False)
        # The small broker never ends a rebalance that a member leaves while it is under way: first everybody has to have worked.
        for _ in range(3):
            run.await_progress(run.monitor.look())
            time.sleep(0.5)
        assert guest.drain() == 0, guest.stderr[-3000:]
        run.await_progress(run.monitor.look())
    run.finish()


def test_drained(deployment):
    """SIGTERM at full load, five times: what is in hand is committed and the worker ends."""
    run = Campaign(deployment, "SIGTERM", 8).start()
    for number in range(5):
        run.drain(run.slots[number % 2])
    report = run.finish()
    assert max(report.drains) < 2 * 5, report.drains


def test_suspended_beyond_a_transactions_time(coordinated):
    """SIGSTOP for longer than a transaction may last, then SIGCONT; and zombies, whose slots have been taken meanwhile."""
    run = Campaign(coordinated, "SIGSTOP and zombies", 9, **{"transaction": {"max_records": 400, "max_ms": 50, "timeout_ms": 1000}}).start()
    for number in range(5):
        run.suspend(run.slots[number % 2], 1.5)
    for number in range(3):
        run.replace(run.slots[number % 2], suspended=True)
    run.finish()


def test_suspended_beyond_its_poll_interval(deployment):
    """SIGSTOP for longer than `max.poll.interval.ms` and than its session: it aborts what is open and joins again, or it is fenced and
    ends; either way nothing is lost and nothing is there twice.

    One lane on the small broker: where several come back at once, it may give partitions to two of them (README.md).
    """
    alone = deployment.cluster.is_ours
    run = Campaign(deployment, "poll interval exceeded", 13, workers=1 if alone else 2, lanes=1 if alone else 2)
    run.kafka["max.poll.interval.ms"] = 6000
    run.start()
    run.suspend(run.slots[0], 8)
    run.finish()


def test_one_slot_twice(coordinated):
    """Two workers with one slot: the first is fenced, says so and ends with 4; the second goes on."""
    run = Campaign(coordinated, "one slot twice", 10).start()
    for number in range(3):
        run.replace(run.slots[number % 2], suspended=False)
    run.finish()
