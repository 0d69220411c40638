"""Ends of transactions that are lost on their way, or whose answers are: nobody can tell the two apart, and nothing is guessed."""

from __future__ import annotations

import pytest

from campaign import Campaign
from proxy import Proxy


@pytest.mark.own_broker(reason="the proxy stands in front of one broker whose port it knows")
def test_ends_of_transactions_are_lost(deployment):
    """Every fourth request to end a transaction, or its answer, in turn, is lost with its connection."""
    cluster = deployment.cluster
    proxy = Proxy("127.0.0.1", cluster.port, every=4)
    try:
        run = Campaign(deployment, "ends of transactions lost", 11, brokers=proxy.address).start()
        for number in range(12):
            run.feeder.burst(1200)
            run.await_progress(run.monitor.look())
        run.report.faults["end of transaction lost"] += proxy.lost["request"]
        run.report.faults["answer to it lost"] += proxy.lost["answer"]
        run.finish()
    finally:
        proxy.close()
    print(f"lost: {proxy.lost}, passed: {proxy.passed}")
    assert min(proxy.lost.values()) > 0, proxy.passed
