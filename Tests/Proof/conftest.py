"""The proof uses the doors of Tests/EndToEnd (brokers, deployments, the checker) and adds faults, a campaign and its table."""

from __future__ import annotations

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "EndToEnd"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import broker  # noqa: E402
import deployment as deployments  # noqa: E402
import campaign  # noqa: E402
import generations  # noqa: E402
from markers import pytest_collection_modifyitems, pytest_configure, tell_untested  # noqa: E402, F401


def pytest_report_header():
    try:
        failpoints = campaign.failpoints_binary()
    except FileNotFoundError as failure:
        failpoints = failure
    return [f"tagstream: {deployments.binary()}", f"with failpoints: {failpoints}",
            f"cluster: {broker.GIVEN or 'a noida-db for every test (' + str(broker.noida_db()) + ')'}"]


def pytest_terminal_summary(terminalreporter):
    """The proof's table, and loudly what has not been tested."""
    if campaign.REPORTS:
        terminalreporter.section("the proof, in figures")
        for line in campaign.table(campaign.REPORTS):
            terminalreporter.write_line(line)
    tell_untested(terminalreporter)


@pytest.fixture
def cluster(tmp_path):
    """The given cluster, or a small broker of this test's own: what one campaign has written does not slow down the next."""
    if broker.GIVEN:
        yield broker.GivenCluster(broker.GIVEN)
        return
    own = broker.OwnBroker(tmp_path / "broker")
    yield own
    own.stop()


@pytest.fixture
def coordinator(cluster):
    """The proxy that gives the small broker Kafka's checks of offsets; none before a given cluster, which has them."""
    if not cluster.is_ours:
        yield None
        return
    with generations.Coordinator("127.0.0.1", cluster.port) as proxy:
        yield proxy


@pytest.fixture
def deployment(cluster, tmp_path):
    """Names of one's own on the cluster, with the executable that has failpoints."""
    made = campaign.deploy(cluster, None, tmp_path)
    yield made
    made.stop()


@pytest.fixture
def coordinated(cluster, coordinator, tmp_path):
    """The same behind the proxy, where there is one."""
    made = campaign.deploy(cluster, coordinator, tmp_path)
    yield made
    made.stop()
