import json

import pytest
import yaml

import product


@pytest.fixture(scope="session")
def definitions() -> dict:
    """The teams and actions of the examples."""
    return yaml.safe_load((product.EXAMPLES / "actions.yaml").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def row_lines() -> list[str]:
    """The rows that the binary makes of the real records, as text."""
    result = product.run(
        "match", "--actions", product.EXAMPLES / "actions.yaml", "--events", product.EXAMPLES / "raw_events.jsonl"
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.splitlines()


@pytest.fixture(scope="session")
def rows(row_lines) -> list[dict]:
    return [json.loads(line) for line in row_lines]


@pytest.fixture(scope="session")
def matches(rows, definitions) -> list[dict]:
    return product.match_rows(rows, definitions["actions"])
