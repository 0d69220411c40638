"""Ends of transactions that are lost on their way, or whose answers are or lie: nobody can tell them apart, and nothing is guessed."""

from __future__ import annotations

import time

import pytest

from campaign import Campaign

#: How many ends have to be disturbed in each of the three ways.
DISTURBED = 3


@pytest.mark.own_broker(reason="a proxy has to stand before the broker")
def test_ends_of_transactions_are_lost(coordinated):
    """Of every four requests to end a transaction one is lost, or its answer is, or is false, in turn."""
    proxy = coordinated.coordinator
    proxy.every = 4
    run = Campaign(coordinated, "ends of transactions lost", 11).start()
    # How many transactions a burst becomes depends on the machine; how many of their ends are to be disturbed does not.
    deadline = time.monotonic() + 90
    while min(proxy.disturbed.values()) < DISTURBED and time.monotonic() < deadline:
        run.feeder.burst(300)
        run.await_progress(run.monitor.look())
    # Nothing more is disturbed, so that what is left is worked off in the time that a campaign has for it.
    proxy.every = 0
    for fate, kind in (("request", "end of transaction lost"), ("answer", "answer to it lost"), ("lie", "answer to it false")):
        run.report.faults[kind] += proxy.disturbed[fate]
    run.finish()
    recoveries = sum(slot.worker.summary()["recoveries"] for slot in run.slots)
    print(f"disturbed: {proxy.disturbed}, passed: {proxy.passed}, recovered with a new producer: {recoveries}")
    assert min(proxy.disturbed.values()) >= DISTURBED, proxy.passed
    # What is lost librdkafka asks for again by itself; of what is false it cannot know whether it was done, and neither can the lane.
    assert recoveries >= proxy.disturbed["lie"], proxy.disturbed
