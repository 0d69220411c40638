"""A worker under load for a while, whose broker is stopped for a fifth of it: its memory stays flat, and nothing is lost.

The small broker cannot really be stopped: it answers that it has committed a transaction which it aborted when it was stopped, and forgets
transactional ids. So all connections are ended and refused by a proxy, as a broker that is stopped does; or the broker is suspended, keeps
its connections, and says nothing.

Half a minute, or as long as TAGSTREAM_TEST_SOAK_MINUTES says: `make soak MINUTES=10`.
"""

from __future__ import annotations

import os
import pathlib
import statistics
import threading
import time

import pytest

from checker import check
from feeds import CATALOGUE, stream
from proxy import Proxy

MINUTES = float(os.environ.get("TAGSTREAM_TEST_SOAK_MINUTES", "0.5"))
RATE = 100


def resident(worker) -> float:
    """A process's resident memory in MB."""
    for line in pathlib.Path(f"/proc/{worker.process.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise AssertionError(f"{worker.name} is gone:\n{worker.stderr[-2000:]}")


@pytest.mark.own_broker(reason="it stops the broker")
@pytest.mark.parametrize("way", ["stopped", "suspended"])
def test_memory_is_flat_while_the_broker_is_away(deployment, capsys, way):
    """Load throughout; memory is measured from a fifth of the time on, when everything has been used once."""
    deployment.create_topics()
    deployment.apply(CATALOGUE)
    seconds = MINUTES * 60
    records = []
    proxy = Proxy("127.0.0.1", deployment.cluster.port)
    stop = threading.Event()

    def keep_feeding() -> None:
        # Nobody can write to a broker that is stopped.
        producer = deployment.producer(**{"bootstrap.servers": proxy.address})
        while not stop.is_set():
            some = stream(RATE // 5, first=len(records), filler=300)
            deployment.feed(some, producer, seconds=seconds)
            records.extend(some)
            stop.wait(0.2)

    leave, come_back = {"stopped": (proxy.leave, proxy.come_back),
                        "suspended": (deployment.cluster.suspend, deployment.cluster.resume)}[way]
    # What a group's coordinator would do to a member that it has not heard of is not this test's matter.
    patient = {"brokers": proxy.address, "kafka": {"session.timeout.ms": 300_000, "heartbeat.interval.ms": 1000}}
    worker = deployment.worker("--memory", "32m", dedup={"topic": deployment.changelog, "window": 1000}, **patient)
    worker.await_log("assignment changed")
    feeder = threading.Thread(target=keep_feeding)
    feeder.start()
    began = time.monotonic()
    samples: list[tuple[float, float]] = []
    is_away = False
    try:
        while (now := time.monotonic() - began) < seconds:
            wants = seconds * 0.4 <= now < seconds * 0.6
            if wants != is_away:
                (leave if wants else come_back)()
                is_away = wants
            samples.append((now, resident(worker)))
            stop.wait(0.25)
    finally:
        if is_away:
            come_back()
        stop.set()
        feeder.join()
    deployment.await_committed(len(records), seconds=120, worker=worker)
    assert worker.drain(60) == 0, worker.stderr
    proxy.close()
    check(deployment, records)
    measured = [size for now, size in samples if now >= seconds * 0.2]
    middle = statistics.median(measured)
    with capsys.disabled():
        summary = worker.summary()
        print(f"\nsoak: {seconds:.0f} s, the broker was {way} for {seconds * 0.2:.0f} s; {len(records)} records, "
              f"{summary['transactions']} transactions, {summary['aborts']} aborted, {summary['recoveries']} recovered; "
              f"resident {min(measured):.1f}, {middle:.1f}, {max(measured):.1f} MB (least, median, most)")
    assert 0.9 * middle <= min(measured) and max(measured) <= 1.1 * middle
