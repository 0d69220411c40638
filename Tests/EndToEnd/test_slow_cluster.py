"""A cluster that takes little: a broker that holds a worker to a quota, or is slow without saying so.

What was read for the configured size of a transaction could not be written within a transaction's time, so every one of them would fail,
and each would be followed by another of that size, for ever. The worker finds a size that goes through, reads no more than it can write,
and goes back to the configured size when the cluster takes more.
"""

from __future__ import annotations

import pytest

import deployment as deployments
from checker import check
from feeds import CATALOGUE, stream
from quota import Quota
from test_operations import ANYWHERE, Operations
from test_soak import resident
from waiting import until

#: Bytes a second that are taken, and milliseconds after which a transaction has failed: a sixth of a transaction's two megabytes fits.
RATE, TIMEOUT = 90_000, 4000
RECORDS = 6000
LIMIT = 'tagstream_transaction_limit_records{lane="0"}'


@pytest.mark.own_broker(reason="a proxy has to stand before the broker")
@pytest.mark.parametrize("says_so", [True, False], ids=["quota", "slow"])
def test_a_cluster_that_takes_little(cluster, tmp_path, capsys, says_so):
    """Work goes on, no more is read than can be written, nothing is lost and nothing is there twice."""
    with Quota("127.0.0.1", cluster.port, RATE, says_so) as proxy:
        deployment = deployments.Deployment(cluster, tmp_path, brokers=proxy.address)
        deployment.create_topics()
        deployment.apply(CATALOGUE)
        records = stream(RECORDS, filler=3500)
        deployment.feed(records)
        worker = deployment.worker("--memory", "16m", http=ANYWHERE, transaction={"timeout_ms": TIMEOUT})
        try:
            operations = Operations(worker)
            usual = until(lambda: operations.metrics().get(LIMIT), 30, "the lane to have a limit")
            until(lambda: operations.metrics()[LIMIT] < usual, 60, "the transactions to become smaller")
            sizes: list[float] = []

            def works() -> bool:
                sizes.append(resident(worker))
                return sum(deployment.committed().values()) >= 300

            until(works, 120, "some of the records to be committed", every=0.25)
            found = operations.metrics()
            # It moves while a size is looked for, but what is done again and again leaves nothing behind.
            late = len(sizes) // 4
            assert max(sizes[-late:]) <= 1.25 * max(sizes[:-late]), sizes
            # Whatever was read again, most of it has not been read at all.
            assert found['tagstream_read_records_total{lane="0"}'] < RECORDS / 2
            proxy.rate = 1e9
            deployment.await_committed(RECORDS, seconds=120, worker=worker)
            # Only full transactions that take little time make it grow again: on a slow machine it takes more of them.
            for _ in range(20):
                if operations.metrics()[LIMIT] == usual:
                    break
                more = stream(600, first=len(records), filler=3500)
                deployment.feed(more)
                records += more
                deployment.await_committed(len(records), worker=worker)
            operations.await_metrics({LIMIT: usual})
            assert worker.drain(60) == 0, worker.stderr
        finally:
            proxy.rate = 1e9
            deployment.stop()
        check(deployment, records)
        given_up = (found['tagstream_transaction_recoveries_total{lane="0"}']
                    + found['tagstream_transactions_total{lane="0",outcome="aborted"}'])
        with capsys.disabled():
            print(f"\n{'quota' if says_so else 'slow'}: {RATE} bytes a second, {proxy.throttled['requests']} requests; "
                  f"{given_up:.0f} transactions had to be given up before a size was found; "
                  f"resident {min(sizes):.1f} to {max(sizes):.1f} MB")
