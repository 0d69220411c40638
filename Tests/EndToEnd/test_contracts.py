"""What a worker writes holds to the schemas that consumers are given."""

from __future__ import annotations

import importlib.util
import json
import os
import pathlib

import pytest

import malformed
from checker import check, read_topic
from deployment import EXAMPLES, REPOSITORY
from feeds import CATALOGUE, Fed, stream

#: Tests/Schemas/contracts.py of this repository, or of another one where TAGSTREAM_CONTRACTS names the file.
CONTRACTS = pathlib.Path(os.environ.get("TAGSTREAM_CONTRACTS", REPOSITORY / "Tests" / "Schemas" / "contracts.py"))


@pytest.fixture(scope="module")
def contracts():
    """The module that reads the schemas."""
    if not CONTRACTS.exists() or not (CONTRACTS.parents[2] / "schemas").is_dir():
        pytest.skip("this tree has no schemas/ or no Tests/Schemas/contracts.py: the contracts of the topics are not checked")
    specification = importlib.util.spec_from_file_location("tagstream_contracts", CONTRACTS)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_what_the_worker_writes_holds_to_the_schemas(deployment, contracts):
    """Rows, matches, warnings and dead-letter headers of the 88 real records, a stream and every kind of malformed record."""
    deployment.create_topics()
    deployment.apply(EXAMPLES / "actions.yaml")
    deployment.apply(CATALOGUE)
    real = [Fed(line, key=b"key") for line in (EXAMPLES / "raw_events.jsonl").read_bytes().splitlines()]
    deployment.feed(real + stream(200) + malformed.everything())
    deployment.run_to_end()
    outcome = check(deployment)
    assert contracts.validate_stream([read.value for read in outcome.tagged], "tagged_event", at_least=288) == len(outcome.tagged)
    assert contracts.validate_stream([read.value for read in outcome.matches], "action_match", at_least=100) == len(outcome.matches)
    # The headers that Tagstream adds stand behind the record's own.
    originals = {(read.partition, read.offset): len(read.headers) for read in outcome.inputs}
    added = [contracts.headers_object(part.headers[originals[place]:]) for place, parts in outcome.dead.items() for part in parts]
    assert contracts.validate_stream(added, "dead_letter_headers", at_least=200) == len(added)
    warnings = read_topic(deployment.cluster.address, deployment.warnings)
    assert contracts.validate_stream([read.value for read in warnings], "ingestion_warning") == len(warnings)
    assert all(read.key.decode() == str(json.loads(read.value)["team_id"]) for read in warnings)


def test_warnings_are_written_once_an_hour_and_in_the_transaction_of_their_events(deployment):
    """A hundred events with one fault warn once; the worker counts them all. What is not committed has not warned either."""
    deployment.create_topics()
    deployment.apply(CATALOGUE)
    records = stream(100)
    faulty = [Fed(record.value[:-1] + b',"ip":"1","ip":"2"}', key=record.key, partition=0) for record in records]
    deployment.feed(faulty)
    summary = deployment.run_to_end(transaction={"max_records": 7})
    assert summary["warnings"]["duplicate_keys"] == summary["tagged"] == 100
    warnings = [json.loads(read.value) for read in read_topic(deployment.cluster.address, deployment.warnings)]
    keys = {(warning["team_id"], warning["type"], json.loads(warning["details"])["event"]) for warning in warnings}
    assert len(warnings) == summary["warnings_written"] == len(keys) > 0
    assert all(json.loads(warning["details"])["source"].startswith(deployment.raw + "/0/") for warning in warnings)
