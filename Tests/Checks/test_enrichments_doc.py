"""docs/enrichments.md runs: every record becomes, under its settings, the row that the page shows."""

import json
import re
import subprocess

import pytest
import yaml

from repository import binary, read
from test_facts import setting_keys

DOCUMENT = "docs/enrichments.md"
LEAST = 20


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", read(DOCUMENT), re.MULTILINE | re.DOTALL)


EXAMPLES = [json.loads(line) for block in blocks("jsonl") for line in block.splitlines()]


def test_there_are_enough_examples():
    assert len(EXAMPLES) >= LEAST
    assert all(set(example) == {"settings", "record", "row"} for example in EXAMPLES)


def found(expected, actual, path=""):
    """What of an expected value is not there: objects by their members, of which null means none."""
    if isinstance(expected, dict) and isinstance(actual, dict):
        for name, value in expected.items():
            if value is None:
                if actual.get(name) is not None:
                    yield f"{path}{name} is {actual[name]!r}, expected none"
            else:
                yield from found(value, actual.get(name), f"{path}{name}.")
    elif expected != actual:
        yield f"{path} is {actual!r}, expected {expected!r}"


@pytest.mark.parametrize("example", EXAMPLES, ids=[f"{at}: {json.dumps(one['settings'])[:60]}" for at, one in enumerate(EXAMPLES)])
def test_a_record_becomes_what_is_shown(example, tmp_path):
    actions, config = tmp_path / "actions.yaml", tmp_path / "tagstream.json"
    actions.write_text(blocks("yaml")[0], encoding="utf-8")
    config.write_text(json.dumps({"enrich": example["settings"]}), encoding="utf-8")
    command = [binary(), "match", "--actions", actions, "--events", "-", "--config", config]
    # A text is the record as it is written, where that matters.
    record = example["record"] if isinstance(example["record"], str) else json.dumps(example["record"])
    run = subprocess.run(command, input=record + "\n", capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    row = json.loads(run.stdout)
    for column in ("properties", "person_properties"):
        row[column] = json.loads(row[column])
    assert not list(found(example["row"], row))


def test_the_settings_are_those_that_there_are():
    table = re.findall(r"^\| ((?:`enrich\.[\w.]+` )+)\| (\S+)", read(DOCUMENT), re.MULTILINE)
    rows = [(name, default) for names, default in table for name in re.findall(r"`([\w.]+)`", names)]
    assert {name for name, _ in rows} == {key for key in setting_keys() if key.startswith("enrich.")}
    reference = yaml.safe_load(read("Examples/tagstream.reference.yaml"))
    for name, default in rows:
        value = reference
        for part in name.split("."):
            value = value.get(part, "none") if isinstance(value, dict) else value
        shown = json.dumps(value) if isinstance(value, (bool, int, list)) else value
        assert default.strip("`") == shown or default.startswith("["), name


def test_the_order_is_the_sources():
    swift = read("Sources/Tagstream/Enrich/Enrichment.swift")
    names = re.findall(r'^        case \.\w+: "(\w+)"$', swift, re.MULTILINE)
    assert re.findall(r"^\| \d \| `(\w+)` \|", read(DOCUMENT), re.MULTILINE) == names


def test_the_lists_are_the_sources():
    page = read(DOCUMENT)
    names = re.findall(r'"([^"]+)"', read("Sources/Tagstream/Enrich/PropertyKey.swift").partition("names: [StaticString] = [")[2].partition("]")[0])
    promoted = names[:44]
    assert set(promoted[19:]) == set(re.search(r"^## Campaign\n\n`([^`]+)`", page, re.MULTILINE)[1].split())
    assert set(promoted[:19]) == set(re.search(r"these properties are copied to its person: `([^`]+)`", page)[1].split())
    secrets = re.findall(r'"([^"]+)"', read("Sources/Tagstream/Enrich/URLRedactor.swift").partition("secretParameters = [")[2].partition("]")[0])
    assert secrets == re.search(r"`redact_tokens` adds `([^`]+)`", page)[1].split()
    settings = read("Sources/Tagstream/Enrich/EnrichmentSettings.swift").partition("defaultURLProperties = [")[2].partition("]")[0]
    assert re.findall(r'"([^"]+)"', settings) == re.search(r"They are `([^`]+)`", page)[1].split()
    reference = yaml.safe_load(read("Examples/tagstream.reference.yaml"))
    assert reference["enrich"]["urls"]["properties"] == re.findall(r'"([^"]+)"', settings)


def shown(tmp_path, settings, record, *more):
    """What `tagstream enrich --json` says of a record."""
    actions, config = tmp_path / "actions.yaml", tmp_path / "tagstream.json"
    actions.write_text(blocks("yaml")[0], encoding="utf-8")
    config.write_text(json.dumps({"enrich": settings}), encoding="utf-8")
    command = [binary(), "enrich", "--config", config, "--catalogue", actions, "--event", "-", *more]
    return subprocess.run(command, input=record, capture_output=True, text=True, timeout=60)


def test_the_command_tells_which_enrichment_did_what(tmp_path):
    settings = {
        "campaign": {"enabled": True}, "geoip": {"enabled": True}, "promotion": {"enabled": True}, "privacy": {"ip": "remove", "drop": ["note"]},
    }
    record = {
        "token": "phc_shop", "distinct_id": "u", "event": "x", "ip": "203.0.113.7",
        "properties": {"$current_url": "https://e.example/?utm_source=newsletter", "note": "n", "$geoip_city_name": "Oz"},
    }
    run = shown(tmp_path, settings, json.dumps(record), "--json")
    assert run.returncode == 0, run.stderr
    report = json.loads(run.stdout)
    assert report["outcome"] == "tagged" and report["detail"] == "team 2"
    assert [step["step"] for step in report["steps"]] == ["bare", "geoip", "campaign", "privacy", "promotion"]
    assert report["steps"][0]["nanoseconds"] > 0 and report["steps"][0]["changes"] == []
    changes = {step["step"]: {change["field"]: change for change in step["changes"]} for step in report["steps"]}
    assert changes["geoip"] == {"properties.$geoip_city_name": {"field": "properties.$geoip_city_name", "before": "Oz"}}
    assert [step["data_missing"] for step in report["steps"]] == [False, True, False, False, False]
    assert changes["campaign"]["properties.utm_source"]["after"] == "newsletter" and changes["campaign"]["actions"]["after"] == [7]
    assert set(changes["privacy"]) == {"properties.$ip", "properties.note"}
    assert changes["promotion"]["properties.$set_once.$initial_utm_source"]["after"] == "newsletter"
    assert report["before"]["properties"]["note"] == "n" and "note" not in report["after"]["properties"]
    lines = shown(tmp_path, settings, json.dumps(record)).stdout.splitlines()
    assert lines[0] == "tagged, team 2"
    assert '      properties.utm_source = "newsletter"' in lines and '      properties.note taken away, was "n"' in lines
    assert "      its data is missing: the event goes on without it" in lines


def test_the_command_says_what_is_not_enriched(tmp_path):
    assert shown(tmp_path, {}, '{"token":"phc_nobody","event":"x"}').stdout.startswith("dead_letter, unknown_token")
    assert "no enrichment is on" in shown(tmp_path, {}, '{"token":"phc_shop","event":"x","distinct_id":"u"}').stdout
    broken = shown(tmp_path, {"privacy": {"hash": ["a"]}}, "{}")
    assert broken.returncode == 2 and "salt_file" in broken.stderr
