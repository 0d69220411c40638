"""Ends of transactions that are lost on their way, or whose answers are: nobody can tell the two apart, and nothing is guessed."""

from __future__ import annotations

import time

import pytest

from campaign import Campaign
from proxy import Proxy


@pytest.mark.own_broker(reason="the proxy stands in front of one broker whose port it knows")
def test_ends_of_transactions_are_lost(deployment):
    """One in four requests to end a transaction, or its answer, is lost with its connection, until there were five of each."""
    cluster = deployment.cluster
    proxy = Proxy("127.0.0.1", cluster.port, seed=11, share=0.25)
    try:
        run = Campaign(deployment, "ends of transactions lost", 11, brokers=proxy.address).start()
        # How many transactions a burst becomes depends on the machine; how many are to be lost does not.
        deadline = time.monotonic() + 180
        while min(proxy.lost.values()) < 5 and time.monotonic() < deadline:
            run.feeder.burst(1200)
            run.await_progress(run.monitor.look())
        run.report.faults["end of transaction lost"] += proxy.lost["request"]
        run.report.faults["answer to it lost"] += proxy.lost["answer"]
        run.finish()
    finally:
        proxy.close()
    print(f"lost: {proxy.lost}, passed: {proxy.passed}")
    assert min(proxy.lost.values()) >= 5
