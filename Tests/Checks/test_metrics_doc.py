"""docs/metrics.md tells of every metric, with its type and labels, and of none that there is not."""

import re

from repository import read
from test_facts import table

SOURCE = "Sources/Operations/Metric.swift"


def metrics():
    """Name and identifier of every metric."""
    found = re.findall(r'^    case (\w+) = "(\w+)"$', read(SOURCE), re.MULTILINE)
    assert len(found) > 30
    return found


def labels():
    """The labels of each identifier that has some."""
    body = re.search(r"var labels: \[String\] \{(.*?)\n    \}", read(SOURCE), re.DOTALL)[1]
    found = {}
    for cases, names in re.findall(r"case ([^:]+):\s*\[([^\]]*)\]", body):
        for case in re.findall(r"\.(\w+)", cases):
            found[case] = re.findall(r'"(\w+)"', names)
    return found


def rows():
    return {name: cells for name, cells in table("docs/metrics.md", "Metrics") if re.fullmatch(r"(tagstream|process)_\w+", name)}


def test_every_metric_is_documented_in_its_order():
    assert list(rows()) == [name for _, name in metrics()]


def test_types_and_labels_are_the_codes():
    for identifier, name in metrics():
        kind, cells, *_ = rows()[name]
        assert kind == ("counter" if name.endswith("_total") else "gauge"), name
        assert re.findall(r"`(\w+)`", cells) == labels().get(identifier, []), name


def test_names_follow_the_conventions():
    for _, name in metrics():
        assert name == "process_start_time_seconds" or name.startswith("tagstream_")
        assert "milli" not in name and not re.search(r"_(count|sum|bucket)$", name)


def test_metrics_named_in_documents_and_manifests_exist():
    names = {name for _, name in metrics()}
    for document in ("docs/metrics.md", "docs/enrichments.md", "deploy/README.md"):
        for name in re.findall(r"\b(tagstream_\w+_(?:total|bytes|seconds|ready|degraded|entries))\b", read(document)):
            assert name in names, f"{document}: {name}"


def test_the_limits_of_clients_are_the_servers():
    source = read("Sources/Operations/OperationsServer.swift")
    page = " ".join(read("docs/metrics.md").split())
    limit = {name: int(value.replace("_", "")) for name, value in re.findall(r"public var (\w+)(?:: Int64)? = ([\d_]+)", source)}
    assert f"There are {limit['connections']} connections at a time" in page
    assert f"after {limit['milliseconds'] // 1000} s it is closed" in page
    assert f"headers have {limit['headerBytes']:,} bytes" in page
