"""The product keeps the schemas, and the schemas say what the product does."""

import json
import re

import pytest

import product
from contracts import ROOT, ContractViolation, schema, validate_stream, violations

TEAM = schema("catalogue_team")["examples"][0]
RAW = schema("raw_record")["examples"]
ACTIONS = schema("catalogue_action")["examples"]


def source(path: str) -> str:
    return (product.SOURCES / path).read_text(encoding="utf-8")


def quoted(text: str) -> list[str]:
    return re.findall(r'"([^"]*)"', text)


def body(text: str, opening: str) -> str:
    """The lines of a declaration, up to the brace that closes it at the same indentation."""
    indentation = re.search(rf"^( *).*{re.escape(opening)}", text, re.MULTILINE)
    assert indentation, f"there is no {opening!r}"
    start = indentation.start()
    return text[start : text.index(f"\n{indentation[1]}}}", start)]


def cases(text: str, opening: str) -> list[str]:
    """The raw values of a Swift enum of texts, in its order."""
    values = []
    for line in body(text, opening).splitlines():
        if not (match := re.match(r" +case (.+)$", line)):
            continue
        for case in match[1].split(","):
            name, _, raw = case.partition("=")
            values.append(raw.strip().strip('"') or name.strip())
    return values


def enum(contract: dict, *path: str) -> list[str]:
    """The values of an enum in a schema, without those that mean absent."""
    for key in path:
        contract = contract[key]
    return [value for value in contract["enum"] if value]


@pytest.fixture
def shop(tmp_path):
    """A definition file with one team, whose one action matches everything."""
    path = tmp_path / "actions.json"
    action = {"id": 1, "team_id": TEAM["id"], "name": "Everything", "steps": [{}]}
    path.write_text(json.dumps({"teams": [TEAM], "actions": [action]}))
    return path


# MARK: What it writes


def test_every_real_row_keeps_its_schema(row_lines):
    records = (product.EXAMPLES / "raw_events.jsonl").read_text(encoding="utf-8").splitlines()
    assert validate_stream(row_lines, "tagged_event") == len(records) == 88


def test_every_real_raw_record_keeps_its_schema():
    records = (product.EXAMPLES / "raw_events.jsonl").read_text(encoding="utf-8").splitlines()
    assert validate_stream(records, "raw_record", is_closed=False) == 88


def test_real_rows_show_what_the_schema_is_about(rows):
    assert {row["team_id"] for row in rows} >= {2, 3}
    assert any(len(row["actions"]) > 1 for row in rows) and any(row["actions"] == [] for row in rows)
    assert any(row["elements_chain"] for row in rows)
    assert all(row["actions"] == sorted(row["actions"]) for row in rows)


def test_a_spoilt_real_row_is_refused(rows):
    for field in schema("tagged_event")["required"]:
        with pytest.raises(ContractViolation, match=f"record 1: .*'{field}' is a required property"):
            validate_stream([rows[0], {name: value for name, value in rows[1].items() if name != field}], "tagged_event")


def test_raw_examples_come_out_tagged(shop, tmp_path):
    lines, dead = product.tag(shop, RAW, tmp_path)
    assert dead == []
    assert validate_stream(lines, "tagged_event") == len(RAW)
    rows = [json.loads(line) for line in lines]
    assert [row["event"] for row in rows] == ["$autocapture", "$pageview", "invoice paid", "$pageview"]
    assert [row["distinct_id"] for row in rows] == [record["distinct_id"] for record in RAW]
    assert [row["actions"] for row in rows] == [[1]] * 4
    assert [row.get("historical_migration") for row in rows] == [None, True, None, None]
    # The gateway's own correction, the event's time by now and sent_at, an offset from UTC, and a stored row's as it was.
    assert [row["timestamp"] for row in rows] == [
        "2025-09-01 10:00:01.310", "2023-09-15 09:15:02.328", "2025-09-01 10:00:00.000", "2025-09-01 10:00:01.310",
    ]  # fmt: skip
    assert rows[3]["uuid"] == RAW[3]["uuid"].lower()
    assert json.loads(rows[0]["person_properties"]) == {"plan": "pro"}


def test_rows_have_every_field_of_the_schema_in_its_order(shop, tmp_path):
    everything = RAW[3] | {"historical_migration": True} | {f"group{n}_properties": '{"n":1}' for n in range(5)}
    (line,), dead = product.tag(shop, [everything], tmp_path)
    assert dead == []
    # Nothing fails here; what does is in the unit tests.
    assert list(json.loads(line)) == [name for name in schema("tagged_event")["properties"] if name != "actions_failed"]
    (line,), _ = product.tag(shop, [RAW[2]], tmp_path)
    assert list(json.loads(line)) == schema("tagged_event")["required"]


def test_a_stored_row_is_a_raw_record_again(shop, rows, tmp_path):
    stored = [row | {"token": TEAM["api_token"]} for row in rows]
    assert validate_stream(stored, "raw_record", is_closed=False) == 88
    lines, dead = product.tag(shop, stored, tmp_path)
    assert dead == []
    assert validate_stream(lines, "tagged_event") == 88
    assert [json.loads(line)["uuid"] for line in lines] == [row["uuid"] for row in rows]


def test_derived_matches_keep_their_schema(matches, rows):
    assert validate_stream(matches, "action_match") == sum(len(row["actions"]) for row in rows)
    assert validate_stream(matches, "action_match", at_least=30)


def test_match_schema_has_the_fields_of_the_encoder_in_its_order():
    text = source("Encode/MatchEncoder.swift")
    fields = re.findall(r'\\"(\w+)\\":', body(text, "static func encode("))
    fragments = re.findall(r'\\"(\w+)\\":', body(text, "static func fragment("))
    assert fields[:1] + fragments + fields[1:] == list(schema("action_match")["properties"])
    assert set(cases_of_origin(text)) <= set(schema("action_match")["properties"]["origin"]["enum"])


def cases_of_origin(text: str) -> list[str]:
    names = re.findall(r"case \.(\w+): \"(\w+)\"", body(text, "enum Origin"))
    assert names, "the encoder's origins were not found"
    return [name for _, name in names]


# MARK: What it refuses


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (RAW[2] | {"event": ""}, "missing_event"),
        ({name: value for name, value in RAW[2].items() if name != "event"}, "missing_event"),
        (RAW[2] | {"distinct_id": " \t"}, "missing_distinct_id"),
        (RAW[2] | {"distinct_id": None}, "missing_distinct_id"),
        (RAW[2] | {"distinct_id": "x" * 401}, "distinct_id_too_long"),
        (RAW[2] | {"uuid": "0190f3c1"}, "invalid_uuid"),
        (RAW[2] | {"properties": ["a"]}, "invalid_field"),
        (RAW[2] | {"$set": ["plan"]}, "invalid_field"),
        (RAW[3] | {"person_properties": ["a"]}, "invalid_field"),
        (RAW[3] | {"group0_properties": ["a"]}, "invalid_field"),
        (RAW[0] | {"data": '{"event":'}, "invalid_json"),
        (RAW[0] | {"data": "[]"}, "invalid_json"),
        ([], "invalid_json"),
    ],
)
def test_what_the_schema_refuses_becomes_a_dead_letter(record, reason, shop, tmp_path):
    assert violations(record, "raw_record")
    lines, dead = product.tag(shop, [record], tmp_path)
    assert lines == []
    assert [letter["reason"] for letter in dead] == [reason]
    assert reason in enum(schema("dead_letter_headers"), "properties", "dlq_reason")
    assert dead[0]["step"] in enum(schema("dead_letter_headers"), "properties", "dlq_step")
    assert violations(dead[0]["detail"], schema("dead_letter_headers")["properties"]["dlq_detail"]) == []


def test_reasons_and_steps_are_those_of_the_code():
    text = source("Decode/Rejection.swift")
    contract = schema("dead_letter_headers")
    reasons = enum(contract, "properties", "dlq_reason")
    assert sorted(cases(text, "enum DeadLetterReason")) == sorted(reasons)
    assert cases(text, "enum PipelineStep") == enum(contract, "properties", "dlq_step")


def test_reasons_are_those_of_the_documentation():
    text = (ROOT / "docs" / "dead-letters.md").read_text(encoding="utf-8")
    reasons = text.split("## Reasons")[1].split("\n## ")[0]
    documented = re.findall(r"^\| `(\w+)` \|", reasons, re.MULTILINE)
    assert sorted(set(documented) - {"dlq_reason"}) == sorted(enum(schema("dead_letter_headers"), "properties", "dlq_reason"))


def test_headers_of_the_encoder_are_in_the_schema():
    names = set(re.findall(r'appendHeader\("(dlq_\w+)"', source("Encode/DeadLetterEncoder.swift")))
    contract = schema("dead_letter_headers")
    assert set(contract["required"]) <= names
    assert names <= set(contract["properties"])


# MARK: What it is told


def test_definitions_of_the_examples_keep_their_schemas(definitions):
    assert validate_stream(definitions["teams"], "catalogue_team", at_least=3) == 3
    assert validate_stream(definitions["actions"], "catalogue_action", at_least=10) == 10


def test_filters_of_the_schema_are_those_of_the_code():
    reader = source("Actions/Definition/ActionReader+Filters.swift")
    operators = re.findall(r'OperatorName\(name: "(\w+)"', source("Actions/Definition/Operator.swift"))
    definitions = schema("catalogue_action")["$defs"]
    assert operators == enum(definitions, "filter", "properties", "operator")
    assert sorted(cases(reader, "enum FilterKind")) == sorted(enum(definitions, "filter", "properties", "type"))
    known = re.search(r"stepKeys = \[(.*?)\]", source("Actions/Definition/ActionReader.swift"), re.DOTALL)
    assert known and sorted(quoted(known[1])) == sorted(definitions["step"]["properties"])


def step(**fields: object) -> dict:
    return {"id": 1, "team_id": 2, "steps": [fields]}


def filtered(**fields: object) -> dict:
    return step(properties=[fields])


GOOD = [
    *ACTIONS,
    step(),
    step(event="", url=None, properties=""),
    step(event="$pageview", selector=""),
    step(url="/pricing$", url_matching="regex"),
    filtered(key="a", value=1),
    filtered(key="a", value=True, type=""),
    filtered(key="a", operator="is_set"),
    filtered(key="a", operator="is_not_set", value=None),
    filtered(key="a", operator="between", value=[1, "2"]),
    filtered(key="a", operator="regex", value=["^a", "b$"]),
    filtered(key="timestamp", type="event_metadata", operator="is_date_after", value="2025-09-01"),
    filtered(key="text", type="element", value="Buy"),
    filtered(key="seats", type="group", group_type_index=4, operator="gte", value=2),
    {"id": 1, "deleted": True, "steps": []},
]
BAD = [
    {"id": 1},
    {"id": "1", "steps": [{}]},
    {"id": 1, "team_id": "2", "steps": [{}]},
    {"id": 1, "version": 1.5, "steps": [{}]},
    {"id": 1, "name": 7, "steps": [{}]},
    {"id": 1, "deleted": "yes", "steps": [{}]},
    {"id": 1, "steps": []},
    {"id": 1, "steps": {}},
    {"id": 1, "steps": ["$pageview"]},
    {"id": 1, "steps_json": "[{"},
    {"id": 1, "steps_json": '[{"event":7}]'},
    step(event=7),
    step(url="/", url_matching="prefix"),
    step(event="$pageview", tag_name="a"),
    step(properties={}),
    filtered(value=1),
    filtered(key="", value=1),
    filtered(key="a", operator="equals", value=1),
    filtered(key="a", type="cohort", value=1),
    filtered(key="a"),
    filtered(key="a", value=[]),
    filtered(key="a", value={"b": 1}),
    filtered(key="a", value=[None]),
    filtered(key="a", operator="between", value=[1, 2, 3]),
    filtered(key="a", operator="regex", value=1),
    filtered(key="a", type="group", value=1),
    filtered(key="a", type="group", group_type_index=5, value=1),
    filtered(key="ip", type="event_metadata", value=1),
    filtered(key="colour", type="element", value="red"),
]


def apply(definition: dict, tmp_path) -> int:
    """The exit code of the binary that is given one action."""
    path = tmp_path / "action.json"
    path.write_text(json.dumps({"actions": [{"team_id": 2} | definition]}))
    return product.run("match", "--actions", path, "--events", "-").returncode


@pytest.mark.parametrize("definition", GOOD, ids=json.dumps)
def test_schema_and_product_both_take_an_action(definition, tmp_path):
    assert violations(definition, "catalogue_action") == []
    assert apply(definition, tmp_path) == 0


@pytest.mark.parametrize("definition", BAD, ids=json.dumps)
def test_schema_and_product_both_refuse_an_action(definition, tmp_path):
    assert violations(definition, "catalogue_action")
    assert apply(definition, tmp_path) in (1, 2)


@pytest.mark.parametrize(
    ("change", "is_good"),
    [({}, True), ({"name": None}, True), ({"id": 0}, False), ({"id": "2"}, False), ({"api_token": ""}, False),
     ({"api_token": 7}, False), ({"api_token": "x" * 201}, False)],
)  # fmt: skip
def test_schema_and_product_agree_on_a_team(change, is_good, tmp_path):
    team = TEAM | change
    assert (violations(team, "catalogue_team") == []) is is_good
    path = tmp_path / "actions.json"
    path.write_text(json.dumps({"teams": [team], "actions": []}))
    result = product.run("match", "--actions", path, "--events", "-")
    assert (result.returncode == 0) is is_good, result.stderr


# MARK: Without a binary


def test_a_missing_binary_is_said_clearly(monkeypatch, tmp_path):
    monkeypatch.setenv("TAGSTREAM_BINARY", str(tmp_path / "nothing"))
    with pytest.raises(FileNotFoundError, match="no binary to test at .*nothing: run `swift build`"):
        product.binary()
