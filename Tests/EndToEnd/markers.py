"""What a test may need of its cluster, and what is said of the tests that have not found it; hooks of pytest for two suites."""

from __future__ import annotations

import pytest

import broker


def pytest_configure(config):
    config.addinivalue_line("markers", "own_broker: needs a broker that the test may kill; skipped on a given cluster")
    config.addinivalue_line("markers", "real_cluster: needs Apache Kafka; skipped on the small broker")


def pytest_collection_modifyitems(items):
    for item in items:
        if broker.GIVEN and (marker := item.get_closest_marker("own_broker")):
            item.add_marker(pytest.mark.skip(reason=f"TAGSTREAM_TEST_BROKERS is set: {marker.kwargs['reason']}"))
        if not broker.GIVEN and (marker := item.get_closest_marker("real_cluster")):
            item.add_marker(pytest.mark.skip(reason=f"needs TAGSTREAM_TEST_BROKERS: {marker.kwargs['reason']}"))


def tell_untested(terminalreporter) -> None:
    """Says loudly what has not been tested."""
    skipped = terminalreporter.stats.get("skipped", [])
    if skipped:
        terminalreporter.section("NOT TESTED HERE", red=True, bold=True)
        for report in skipped:
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
            terminalreporter.write_line(f"{report.nodeid}: {reason}")
