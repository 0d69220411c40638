"""Two who publish at the same time: one of them does, and the other is told."""

from __future__ import annotations

import json

import pytest

from confluent_kafka import Producer

import deployment as deployments
from feeds import CATALOGUE
from proxy import Proxy
from wire import Request

ADD_PARTITIONS_TO_TRANSACTION = 24


class Rival(Proxy):
    """Lets somebody else register as the one who publishes, just when the first one is about to write."""

    def __init__(self, cluster, transactional_id: str):
        self.cluster, self.transactional_id = cluster, transactional_id
        self.has_registered = False
        super().__init__("127.0.0.1", cluster.port)

    def judge(self, request: Request) -> bytes | None:
        if request.api == ADD_PARTITIONS_TO_TRANSACTION and not self.has_registered:
            self.has_registered = True
            rival = Producer({"bootstrap.servers": self.cluster.address, "transactional.id": self.transactional_id, "log_level": 0})
            rival.init_transactions(20)
        return super().judge(request)


@pytest.mark.own_broker(reason="a proxy has to stand before the broker")
def test_who_has_been_overtaken_publishes_nothing(cluster, tmp_path):
    """The versions that `apply` gives follow from what it has read: it must not write when somebody else may have written since."""
    deployment = deployments.Deployment(cluster, tmp_path)
    deployment.create_topics()
    with Rival(cluster, f"tagstream-apply-{deployment.catalogue}") as proxy:
        path = tmp_path / "definitions.json"
        path.write_text(json.dumps(CATALOGUE))
        overtaken = deployment.command("apply", "-f", path, "--brokers", proxy.address)
    assert proxy.has_registered
    assert overtaken.returncode == 3, overtaken.stderr
    assert b"somebody else has begun to publish meanwhile" in overtaken.stderr
    assert set(deployment.ends(deployment.catalogue).values()) <= {0, 1}, "nothing but the mark of an aborted transaction"
    deployment.apply(CATALOGUE)
    deployment.stop()
