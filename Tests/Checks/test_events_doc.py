"""docs/events.md runs: every record becomes the row, the dead letter or the ignored event that the page shows."""

import json
import re
import subprocess

import pytest
import yaml

from repository import binary, read

DOCUMENT = "docs/events.md"
LEAST = 30
OUTCOMES = {"row", "dead_letter", "ignored"}


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", read(DOCUMENT), re.MULTILINE | re.DOTALL)


EXAMPLES = [json.loads(line) for block in blocks("jsonl") for line in block.splitlines()]


def record(example):
    """The record's value: a text stands for itself, so that it can hold what json.dumps would not write."""
    value = example["record"]
    return value if isinstance(value, str) else json.dumps(value)


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    """Runs one record through `tagstream match`, as the only one of its file."""
    folder = tmp_path_factory.mktemp("events")
    actions, letters = folder / "actions.yaml", folder / "letters.jsonl"
    actions.write_text(blocks("yaml")[0], encoding="utf-8")

    def run(example):
        letters.unlink(missing_ok=True)
        command = [binary(), "match", "--actions", actions, "--events", "-", "--dead-letters", letters]
        result = subprocess.run(command, input=record(example) + "\n", capture_output=True, text=True, timeout=60)
        assert result.returncode == 0, result.stderr
        found = [("row", json.loads(line)) for line in result.stdout.splitlines()]
        found += [("dead_letter", json.loads(line)) for line in letters.read_text(encoding="utf-8").splitlines()]
        found += [("ignored", reason) for reason in re.findall(r"1 ignored \(1 (\w+)\)", result.stderr)]
        assert len(found) == 1, f"not one outcome: {found} {result.stderr}"
        return found[0]

    return run


def as_shown(expected, text):
    """A column that holds JSON as text, parsed where the page shows it parsed."""
    return json.loads(text) if isinstance(expected, dict) else text


def test_there_are_enough_examples_of_every_outcome():
    assert len(EXAMPLES) >= LEAST
    for example in EXAMPLES:
        assert len(example) == 2 and "record" in example and len(OUTCOMES & set(example)) == 1, example
    assert OUTCOMES == {kind for example in EXAMPLES for kind in example} - {"record"}


@pytest.mark.parametrize("example", EXAMPLES, ids=[f"{at}: {record(one)[:60]}" for at, one in enumerate(EXAMPLES)])
def test_a_record_becomes_what_is_shown(example, outcome):
    kind, found = outcome(example)
    assert kind in example, found
    expected = example[kind]
    if kind == "row":
        assert set(expected) <= set(found)
        assert {name: as_shown(value, found[name]) for name, value in expected.items()} == expected
    else:
        assert (found["reason"] if kind == "dead_letter" else found) == expected


def columns(heading):
    """The names in the first column of the table below a heading; a row may have several, or a range of groups."""
    table = read(DOCUMENT).partition(f"## {heading}\n")[2].partition("\n## ")[0]
    for cell in re.findall(r"^\| (`[^|]*) \|", table, re.MULTILINE):
        first, *rest = re.findall(r"`(\w+)`", cell)
        yield from [f"group{index}_properties" for index in range(5)] if "…" in cell else [first, *rest]


@pytest.mark.parametrize("heading, schema", [("The tagged row", "tagged_event"), ("The match record", "action_match")])
def test_the_tables_are_the_schemas(heading, schema):
    properties = json.loads(read(f"schemas/{schema}.schema.json"))["properties"]
    assert sorted(columns(heading)) == sorted(properties)


def test_limits_are_the_sources():
    source = read("Sources/Tagstream/Decode/ScanFailure.swift")
    limits = dict(re.findall(r"public var (\w+) = (1 << 20|[\d_]+)", source))
    assert len(limits) == 10
    table = read(DOCUMENT).partition("## Limits\n")[2].partition("\n\nWhoever")[0]
    for name, limit in limits.items():
        number = 1 << 20 if "<<" in limit else int(limit)
        assert f"| {number:,}" in table, name


@pytest.mark.parametrize("reason", sorted({one["dead_letter"] for one in EXAMPLES if "dead_letter" in one}))
def test_a_reason_is_one_of_the_other_page(reason):
    assert f"| `{reason}` |" in read("docs/dead-letters.md")
