"""Requests of a transaction that come after its end: they must not become a part of the next one.

The producer's epoch is the same from one transaction to the next, so the broker takes whatever comes, whenever it comes: records that were
aborted are committed with the next transaction, or offsets are whose records were not (KIP-890; until its second version, which librdkafka
does not have, only the client can prevent it). So a transaction whose requests are not all answered is not aborted but left to a new
producer, which has another epoch. With the mistake planted the output is broken: that is how the test is seen to be able to fail.
"""

from __future__ import annotations

import threading

import pytest

import deployment as deployments
from checker import Check, check
from feeds import CATALOGUE, stream
from generations import INIT_PRODUCER_ID, INVALID_PRODUCER_EPOCH, TXN_OFFSET_COMMIT
from keeper import Keeper
from proxy import END_TRANSACTION
from quota import PRODUCE
from waiting import until
from wire import Reader, Request

#: What was sent on a connection that ends is sent again on the next one, which takes longer here than a lane waits before it aborts.
SETTINGS = {"transaction": {"max_records": 50, "max_ms": 20, "timeout_ms": 30_000},
            "kafka": deployments.MEMBERSHIP | {"reconnect.backoff.ms": 10_000, "reconnect.backoff.max.ms": 10_000}}
FIRST, SECOND = 300, 300

pytestmark = pytest.mark.own_broker(reason="a proxy has to stand before the broker")


class Late(Keeper):
    """The kept request comes to the broker behind the end of its transaction, and before any record of the next one does."""

    def __init__(self, host: str, port: int):
        self.has_ended, self.has_come = threading.Event(), threading.Event()
        #: What the broker has answered to rows that were kept.
        self.error: int | None = None
        super().__init__(host, port)

    def notice(self, request: Request, answer: bytes) -> None:
        if request is self.kept:
            if request.api == PRODUCE:
                # One topic's one partition: their counts, names, and the error (ProduceResponse.json, behind the correlation id).
                reader = Reader(answer, 4)
                _, _, _, _, self.error = reader.int32(), reader.string(), reader.int32(), reader.int32(), reader.int16()
            self.has_come.set()
        if request.api in (END_TRANSACTION, INIT_PRODUCER_ID) and self.has_it.is_set():
            self.has_ended.set()
        super().notice(request, answer)

    def judge(self, request: Request) -> bytes | None:
        if request.api == PRODUCE and self.has_ended.is_set() and request is not self.kept:
            self.has_come.wait(30)
        refusal = super().judge(request)
        if refusal is not None and request is self.kept:
            # Offsets of an epoch that is over the proxy refuses in the broker's place.
            self.has_come.set()
        return refusal


@pytest.fixture
def coordinator(cluster):
    with Late("127.0.0.1", cluster.port) as proxy:
        yield proxy
        for event in (proxy.may_go, proxy.has_come):
            event.set()


def kept(deployment, api: int, also: str = "", settings: dict | None = None, **env: str):
    """A worker whose first request of a kind is kept on its way, and what it was fed."""
    deployment.partitions = 1
    deployment.create_topics()
    deployment.apply(CATALOGUE)
    deployment.coordinator.keep(api, f"{deployment.tag}-0-0", skipped=0, also=also)
    records = stream(FIRST)
    deployment.feed(records)
    worker = deployment.worker(env=env, **(settings or SETTINGS))
    until(deployment.coordinator.has_it.is_set, 30, "the request that is kept")
    return worker, records


def failed(deployment, **env: str):
    """Rows are on their way when their connection ends; then the transaction fails."""
    gate = deployment.folder / "gate"
    env |= {"TAGSTREAM_FAILPOINT": "after_produce:1:wait,before_offsets:1:abortable", "TAGSTREAM_FAILPOINT_GATE": str(gate)}
    worker, records = kept(deployment, PRODUCE, deployment.tagged, **env)
    deployment.coordinator.link.hang_up()
    until(lambda: deployment.coordinator.link.is_closed, 30, "the worker to notice")
    gate.touch()
    return worker, records


def released(deployment, worker, records, seconds: float = 60):
    """The request comes once its transaction has ended, and the worker works on."""
    until(deployment.coordinator.has_ended.is_set, 60, "the transaction to end")
    deployment.coordinator.may_go.set()
    more = stream(SECOND, first=FIRST)
    deployment.feed(more)
    deployment.await_committed(FIRST + SECOND, seconds, worker)
    assert worker.drain() == 0, worker.stderr
    return records + more


def test_records_come_late(coordinated):
    """A new producer ends the transaction, and the broker refuses the rows."""
    worker, records = failed(coordinated)
    records = released(coordinated, worker, records)
    check(coordinated, records)
    assert coordinated.coordinator.error == INVALID_PRODUCER_EPOCH
    assert worker.summary()["recoveries"] == 1 and worker.summary()["aborts"] == 0, worker.summary()


def test_offsets_come_late(coordinated):
    """The group's coordinator does not answer: nobody knows when it will have the offsets, so a new producer is needed as well."""
    impatient = SETTINGS | {"transaction": SETTINGS["transaction"] | {"timeout_ms": 6000}}
    worker, records = kept(coordinated, TXN_OFFSET_COMMIT, settings=impatient)
    records = released(coordinated, worker, records)
    check(coordinated, records)
    assert worker.summary()["recoveries"] == 1 and worker.summary()["aborts"] == 0, worker.summary()


def test_without_that_the_output_is_broken(coordinated):
    """The same with an abort at once, as librdkafka alone does it: the rows are taken. They become visible with the next transaction, or what
    follows no longer fits, and rows are lost or the worker comes no further: it depends on what the small broker makes of the sequence."""
    worker, records = failed(coordinated, TAGSTREAM_PLANTED_BUG="abort_in_doubt")
    with pytest.raises((AssertionError, TimeoutError), match="twice|no tagged row|is lost|committed records"):
        check(coordinated, released(coordinated, worker, records, seconds=30))
    assert coordinated.coordinator.error == 0, "the rows were taken"
