"""Ends of transactions that are lost on their way, or whose answers are: nobody can tell the two apart, and nothing is guessed."""

from __future__ import annotations

import os
import time

import pytest

from campaign import Campaign
from proxy import Proxy


# One run in three stands still for a minute on the small broker, and it is not known yet whether that is its transaction that nobody ends or ours.
@pytest.mark.skipif(not os.environ.get("TAGSTREAM_TEST_LOST_ENDS"),
                    reason="needs TAGSTREAM_TEST_LOST_ENDS=1: one run in three stands still, the cause is being looked for")
@pytest.mark.own_broker(reason="the proxy stands in front of one broker whose port it knows")
def test_ends_of_transactions_are_lost(deployment):
    """Every fourth request to end a transaction, or its answer, in turn, is lost with its connection."""
    cluster = deployment.cluster
    proxy = Proxy("127.0.0.1", cluster.port, every=4)
    try:
        run = Campaign(deployment, "ends of transactions lost", 11, brokers=proxy.address).start()
        # How many transactions a burst becomes depends on the machine; how many of their ends are to be lost does not.
        deadline = time.monotonic() + 90
        while min(proxy.lost.values()) < 2 and time.monotonic() < deadline:
            run.feeder.burst(300)
            run.await_progress(run.monitor.look())
        # Nothing more is lost, so that what is left is worked off in the time that a campaign has for it.
        proxy.every = 1 << 30
        run.report.faults["end of transaction lost"] += proxy.lost["request"]
        run.report.faults["answer to it lost"] += proxy.lost["answer"]
        run.finish()
    finally:
        proxy.close()
    print(f"lost: {proxy.lost}, passed: {proxy.passed}")
    assert min(proxy.lost.values()) >= 2, proxy.passed
