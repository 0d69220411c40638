"""The schemas themselves: valid, with examples that keep them and wrong ones that are refused."""

import copy
import json

import pytest
from jsonschema import Draft202012Validator

from contracts import FOLDER, NAMES, ContractViolation, headers_object, schema, validate_stream, violations

EXPECTED = [
    "action_match", "catalogue_action", "catalogue_quarantine", "catalogue_schema", "catalogue_team", "dead_letter_headers",
    "ingestion_warning", "raw_record", "tagged_event",
]  # fmt: skip
MISSING = object()

# schema, number of its example, field, what is put there, and where the violation must be
WRONG = [
    ("raw_record", 0, "data", '{"event":', "$.data"),
    ("raw_record", 0, "data", "[]", "$.data"),
    ("raw_record", 0, "data", '{"properties":{}}', "$.data"),
    ("raw_record", 0, "data", '{"event":""}', "$.data"),
    ("raw_record", 0, "data", '{"event":"a","properties":[]}', "$.data"),
    ("raw_record", 0, "data", '{"event":"a","properties":{"n":NaN}}', "$.data"),
    ("raw_record", 0, "distinct_id", MISSING, "$"),
    ("raw_record", 0, "uuid", "0190f3c1", "$.uuid"),
    ("raw_record", 2, "event", MISSING, "$"),
    ("raw_record", 2, "event", "", "$.event"),
    ("raw_record", 2, "distinct_id", " \t", "$.distinct_id"),
    ("raw_record", 2, "distinct_id", "x" * 401, "$.distinct_id"),
    ("raw_record", 2, "distinct_id", None, "$.distinct_id"),
    ("raw_record", 2, "properties", ["a"], "$.properties"),
    ("raw_record", 2, "$set", "plan", "$['$set']"),
    ("raw_record", 3, "properties", "[]", "$.properties"),
    ("raw_record", 3, "person_properties", "{", "$.person_properties"),
    ("raw_record", 3, "group0_properties", "[]", "$.group0_properties"),
    ("tagged_event", 0, "uuid", "0190F3C1-8A52-7CC1-9F3E-2B0F6A1D4E77", "$.uuid"),
    ("tagged_event", 0, "event", "", "$.event"),
    ("tagged_event", 0, "event", "x" * 201, "$.event"),
    ("tagged_event", 0, "properties", {}, "$.properties"),
    ("tagged_event", 0, "properties", "[]", "$.properties"),
    ("tagged_event", 0, "properties", '{"n":Infinity}', "$.properties"),
    ("tagged_event", 0, "timestamp", "2025-09-01T10:00:01.310Z", "$.timestamp"),
    ("tagged_event", 0, "timestamp", "2025-13-01 10:00:01.310", "$.timestamp"),
    ("tagged_event", 0, "captured_at", "2025-09-01 10:00:02", "$.captured_at"),
    ("tagged_event", 0, "distinct_id", " ", "$.distinct_id"),
    ("tagged_event", 0, "person_id", "", "$.person_id"),
    ("tagged_event", 0, "person_properties", "null", "$.person_properties"),
    ("tagged_event", 0, "person_mode", "none", "$.person_mode"),
    ("tagged_event", 0, "historical_migration", False, "$.historical_migration"),
    ("tagged_event", 0, "group4_properties", None, "$.group4_properties"),
    ("tagged_event", 0, "actions", [7, 7], "$.actions"),
    ("tagged_event", 0, "actions", ["7"], "$.actions[0]"),
    ("tagged_event", 0, "actions_epoch", -1, "$.actions_epoch"),
    ("tagged_event", 0, "team_id", 0, "$.team_id"),
    ("action_match", 0, "action_id", "7", "$.action_id"),
    ("action_match", 0, "action_name", None, "$.action_name"),
    ("action_match", 0, "origin", "replay", "$.origin"),
    ("action_match", 0, "source", "events_raw/3", "$.source"),
    ("action_match", 0, "source", "events raw/3/1", "$.source"),
    ("action_match", 0, "epoch", 1.5, "$.epoch"),
    ("dead_letter_headers", 0, "dlq_reason", "bad", "$.dlq_reason"),
    ("dead_letter_headers", 0, "dlq_detail", "x" * 301, "$.dlq_detail"),
    ("dead_letter_headers", 0, "dlq_step", "match", "$.dlq_step"),
    ("dead_letter_headers", 0, "dlq_offset", "-1", "$.dlq_offset"),
    ("dead_letter_headers", 0, "dlq_offset", 918273, "$.dlq_offset"),
    ("dead_letter_headers", 0, "dlq_version", "2", "$.dlq_version"),
    ("dead_letter_headers", 0, "dlq_part", "1", "$.dlq_part"),
    ("dead_letter_headers", 0, "dlq_left_out", "", "$.dlq_left_out"),
    ("dead_letter_headers", 0, "token", 7, "$.token"),
    ("ingestion_warning", 0, "type", "other", "$.type"),
    ("ingestion_warning", 0, "source", "plugin-server", "$.source"),
    ("ingestion_warning", 0, "details", {}, "$.details"),
    ("ingestion_warning", 0, "details", "[]", "$.details"),
    ("ingestion_warning", 0, "details", '{"event":"e"}', "$.details"),
    ("ingestion_warning", 0, "timestamp", "2025-09-01T10:00:02Z", "$.timestamp"),
    ("catalogue_team", 2, "settings", {"drop_events_older_than_seconds": -1}, "$.settings"),
    ("catalogue_team", 2, "settings", {"group_types": {"company": 5}}, "$.settings"),
    ("catalogue_team", 2, "settings", {"group_types": ["company"]}, "$.settings"),
    ("catalogue_team", 0, "id", 0, "$.id"),
    ("catalogue_team", 0, "id", "2", "$.id"),
    ("catalogue_team", 0, "api_token", "", "$.api_token"),
    ("catalogue_team", 0, "api_token", "x" * 201, "$.api_token"),
    ("catalogue_quarantine", 0, "failed", 9, "$.failed"),
    ("catalogue_quarantine", 0, "entry", -1, "$.entry"),
    ("catalogue_schema", 0, "event", "", "$.event"),
    ("catalogue_schema", 0, "event", "a\0b", "$.event"),
    ("catalogue_schema", 0, "mode", "warn", "$.mode"),
    ("catalogue_schema", 0, "schema", MISSING, "$"),
    ("catalogue_schema", 0, "schema", "{}", "$.schema"),
    ("catalogue_schema", 2, "deleted", False, "$"),
    ("catalogue_team", 1, "settings", {"schema_mode": "warn"}, "$.settings.schema_mode"),
    ("catalogue_action", 0, "id", "7", "$.id"),
    ("catalogue_action", 0, "steps", MISSING, "$"),
    ("catalogue_action", 0, "steps", [], "$"),
    ("catalogue_action", 1, "steps_json", "[]", "$.steps_json"),
    ("catalogue_action", 2, "deleted", False, "$"),
]


def changed(example: dict, field: str, value: object) -> dict:
    record = copy.deepcopy(example)
    if value is MISSING:
        del record[field]
    else:
        record[field] = value
    return record


def test_every_contract_has_a_schema_and_stands_in_the_index():
    assert NAMES == EXPECTED
    index = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert [name for name in NAMES if f"]({name}.schema.json)" not in index] == []


@pytest.mark.parametrize("name", NAMES)
def test_schema_is_2020_12(name):
    contract = schema(name)
    Draft202012Validator.check_schema(contract)
    assert contract["$schema"] == Draft202012Validator.META_SCHEMA["$id"]
    assert contract["$id"] == f"urn:tagstream:schema:{name}:1"
    assert contract["title"] and contract["description"]


@pytest.mark.parametrize("name", NAMES)
def test_examples_keep_their_schema(name):
    examples = schema(name)["examples"]
    assert validate_stream(examples, name, at_least=2, is_closed=name not in ("catalogue_action", "catalogue_team")) >= 2


@pytest.mark.parametrize(("name", "number", "field", "value", "place"), WRONG)
def test_wrong_example_is_refused_where_it_is_wrong(name, number, field, value, place):
    found = violations(changed(schema(name)["examples"][number], field, value), name)
    assert found, f"{name} took {field} = {value!r}"
    assert any(violation.startswith(place) for violation in found), found


@pytest.mark.parametrize("name", NAMES)
def test_no_required_field_may_be_missing(name):
    contract = schema(name)
    for field in contract.get("required", []):
        assert violations(changed(contract["examples"][0], field, MISSING), name), field


@pytest.mark.parametrize("name", NAMES)
def test_every_field_has_a_type(name):
    contract = schema(name)
    properties = contract.get("properties") or contract["$defs"]["flat"]["properties"]
    example = contract["examples"][0 if "properties" in contract else 2]
    for field in properties:
        assert violations(changed(example, field, [[]]), name), f"{name} took a list of lists for {field}"


def test_a_field_that_is_not_published_is_found_and_does_not_break_readers():
    row = schema("tagged_event")["examples"][0] | {"surprise": 1}
    assert violations(row, "tagged_event") == []
    with pytest.raises(ContractViolation, match="surprise"):
        validate_stream([row], "tagged_event")


def test_a_stream_is_read_as_kafka_hands_it_out():
    match = schema("action_match")["examples"][0]
    assert validate_stream([match, json.dumps(match), json.dumps(match).encode()], "action_match") == 3
    for stream, complaint in [([], "0 records"), (["{"], "not JSON"), ([b"\xff"], "not JSON"), (["[]"], "object")]:
        with pytest.raises(ContractViolation, match=complaint):
            validate_stream(stream, "action_match")


def test_headers_become_one_object():
    twice = [("dlq_reason", b"no_token"), ("session_id", None), ("dlq_reason", b"ignored"), ("raw", b"\xff")]
    assert headers_object(twice) == {"dlq_reason": "ignored", "session_id": None, "raw": "\ufffd"}
    assert headers_object(None) == {}


def test_keys_of_the_catalogue():
    team, action, plan = (schema(name)["$defs"]["key"] for name in ("catalogue_team", "catalogue_action", "catalogue_schema"))
    assert violations("schema/2/order completed", plan) == [] == violations("schema/2/a/b", plan)
    for wrong in ("schema/2/", "schema/2", "schema/0/x", "schema/x/y", "action/2/7"):
        assert violations(wrong, plan), wrong
    assert violations("team/2", team) == [] == violations("action/2/7", action)
    quarantine = schema("catalogue_quarantine")["$defs"]["key"]
    assert violations("quarantine/2/7", quarantine) == []
    for wrong in ("team/", "team/0", "team/2/7", "action/2", "team/x", " team/2", "quarantine/2"):
        assert violations(wrong, team) and violations(wrong, action) and violations(wrong, quarantine), wrong
