"""Fixtures: a cluster for every module, a deployment with names of its own for every test."""

from __future__ import annotations

import sys
import pathlib

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import broker  # noqa: E402
import deployment as deployments  # noqa: E402


def pytest_configure(config):
    config.addinivalue_line("markers", "own_broker: needs a broker that the test may kill; skipped on a given cluster")
    config.addinivalue_line("markers", "real_cluster: needs Apache Kafka; skipped on the small broker")


def pytest_collection_modifyitems(items):
    for item in items:
        if broker.GIVEN and (marker := item.get_closest_marker("own_broker")):
            item.add_marker(pytest.mark.skip(reason=f"TAGSTREAM_TEST_BROKERS is set: {marker.kwargs['reason']}"))
        if not broker.GIVEN and (marker := item.get_closest_marker("real_cluster")):
            item.add_marker(pytest.mark.skip(reason=f"needs TAGSTREAM_TEST_BROKERS: {marker.kwargs['reason']}"))


def pytest_report_header():
    return [f"tagstream: {deployments.binary()}",
            f"cluster: {broker.GIVEN or 'a noida-db for every module (' + str(broker.noida_db()) + ')'}"]


def pytest_terminal_summary(terminalreporter):
    """Says loudly what has not been tested."""
    skipped = terminalreporter.stats.get("skipped", [])
    if skipped:
        terminalreporter.section("NOT TESTED HERE", red=True, bold=True)
        for report in skipped:
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
            terminalreporter.write_line(f"{report.nodeid}: {reason}")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """The given cluster, or a fresh small broker."""
    if broker.GIVEN:
        yield broker.GivenCluster(broker.GIVEN)
        return
    own = broker.OwnBroker(tmp_path_factory.mktemp("broker"))
    yield own
    own.stop()


@pytest.fixture
def deployment(cluster, tmp_path):
    """Names of one's own on the cluster; workers that a test has left behind are ended."""
    made = deployments.Deployment(cluster, tmp_path)
    yield made
    made.stop()


@pytest.fixture
def static(cluster):
    """A name for a static member where the broker's sessions never expire, none on a real cluster.

    A worker that was killed there is taken over by its successor because both are the same member.
    """
    return (lambda name: name) if cluster.is_ours else (lambda name: None)
