"""Fixtures: a cluster for every module, a deployment with names of its own for every test."""

from __future__ import annotations

import sys
import pathlib

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import broker  # noqa: E402
import deployment as deployments  # noqa: E402
from markers import pytest_collection_modifyitems, pytest_configure, tell_untested  # noqa: E402, F401


def pytest_report_header():
    return [f"tagstream: {deployments.binary()}",
            f"cluster: {broker.GIVEN or 'a noida-db for every module (' + str(broker.noida_db()) + ')'}"]


def pytest_terminal_summary(terminalreporter):
    tell_untested(terminalreporter)


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
