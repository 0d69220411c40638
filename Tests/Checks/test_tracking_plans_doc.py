"""docs/tracking-plans.md runs: its cases give the verdicts they promise, its tables name what there is; Examples/ keeps what it says."""

import json
import re
import subprocess

import pytest
import yaml

from repository import ROOT, binary, read

DOCUMENT = "docs/tracking-plans.md"
EXAMPLES = "Examples/schema_cases.jsonl"


def tagstream(*arguments, **options):
    return subprocess.run([binary(), *arguments], cwd=ROOT, capture_output=True, text=True, timeout=60, **options)


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", read(DOCUMENT), re.MULTILINE | re.DOTALL)


def table(heading):
    section = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", read(DOCUMENT), re.MULTILINE | re.DOTALL)[1]
    return [re.findall(r"`([^`]+)`", line.split("|")[1]) for line in section.splitlines() if line.startswith("| ")][1:]


def cases(text):
    return [json.loads(line) for line in text.splitlines()]


CASES = [case for block in blocks("jsonl") for case in cases(block)]


@pytest.fixture(scope="module")
def verdicts():
    run = tagstream("schemas", "test", "--json", "-", input="".join(json.dumps(case) + "\n" for case in CASES))
    assert run.returncode in {0, 1}, run.stderr
    return {answer["id"]: answer for answer in cases(run.stdout)}


def test_there_are_enough_cases_and_each_is_whole():
    assert len(CASES) >= 20
    assert len({case["id"] for case in CASES}) == len(CASES), "two cases of one id"
    assert all(list(case) == ["id", "schema", "properties", "valid"] for case in CASES)


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_a_case_is_as_expected(case, verdicts):
    answer = verdicts[case["id"]]
    assert ("refused" if "refused" in answer else answer["valid"]) == case["valid"], answer


def swift_cases(path, enum):
    body = re.search(rf"enum {enum}: \w+.*?\{{\n(.*?)\n    \}}|enum {enum}: \w+.*?\{{\n(.*?)\n\}}", read(path), re.DOTALL)
    found = []
    for line in re.findall(r"^ +case ([^:]*?)$", next(filter(None, body.groups())), re.MULTILINE):
        for case in line.split(", "):
            name, _, raw = case.partition(" = ")
            found.append(raw.strip('"') or name)
    return found


def test_reasons_are_documented():
    reasons = swift_cases("Sources/Tagstream/Schemas/Definition/SchemaRefusal.swift", "Reason")
    assert len(reasons) > 10
    assert [row[0] for row in table("What is refused")] == reasons


def test_modes_are_documented():
    modes = swift_cases("Sources/Tagstream/Schemas/Definition/SchemaDefinition.swift", "SchemaMode")
    section = read(DOCUMENT).split("## Modes")[1].split("**What is judged.**")[0]
    assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == modes == ["off", "annotate", "reject"]


def test_keywords_are_documented_and_no_others():
    source = read("Sources/Tagstream/Schemas/Definition/SchemaCompiler+Keywords.swift")
    lists = re.findall(r"private static let (?:annotations|keywords) =(.*?)\n\n", source, re.DOTALL)
    keywords = set(re.findall(r'"([$\w]+)"', "".join(lists)))
    section = read(DOCUMENT).split("## Keywords")[1].split("Everything else is refused")[0]
    documented = {name for line in section.splitlines() if line.startswith("| `") for name in re.findall(r"`([^`]+)`", line.split("|")[1])}
    assert documented - {"true", "{}", "false", "x-…"} == keywords


def test_numbers_of_the_limits_are_those_of_the_code():
    text = read(DOCUMENT)
    cost = read("Sources/Tagstream/Schemas/Definition/SchemaCost.swift")
    evaluator = read("Sources/Tagstream/Schemas/Evaluation/SchemaEvaluator.swift")
    for pattern, source in [(r"schemaLimit = ([\d_]+)", cost), (r"teamQuota = ([\d_]+)", cost), (r"static let steps = ([\d_]+)", evaluator)]:
        number = re.search(pattern, source)[1].replace("_", ",")
        assert number in text, pattern


# MARK: Examples


def test_cases_of_the_examples_are_as_expected():
    run = tagstream("schemas", "test", EXAMPLES)
    assert run.returncode == 0, run.stdout + run.stderr
    assert f"{len(cases(read(EXAMPLES)))} as expected, 0 different" in run.stderr


def test_schemas_of_the_examples_have_cases_of_both_kinds():
    schemas = yaml.safe_load(read("Examples/schemas.yaml"))["schemas"]
    for schema in schemas:
        mine = [case for case in cases(read(EXAMPLES)) if case["schema"] == schema["schema"]]
        assert {case["valid"] for case in mine} == {True, False}, schema["event"]


@pytest.mark.parametrize("place", range(len(cases(read(EXAMPLES)))))
def test_a_wrong_expectation_is_found(place):
    planted = cases(read(EXAMPLES))
    planted[place]["valid"] = planted[place]["valid"] is False
    run = tagstream("schemas", "test", "-", input="".join(json.dumps(case) + "\n" for case in planted))
    assert run.returncode == 1
    assert f"{len(planted) - 1} as expected, 1 different" in run.stderr
    assert planted[place]["id"] in run.stdout


def test_the_examples_can_be_published_and_do_what_they_say(tmp_path):
    assert tagstream("check", "Examples/schemas.yaml").returncode == 0
    run = tagstream("match", "--actions", "Examples/schemas.yaml", "--events", "Examples/raw_events.jsonl")
    assert run.returncode == 0, run.stderr
    pages = [row for row in cases(run.stdout) if row["event"] == "$pageview"]
    assert pages and "schema_validation_failed" not in run.stderr
    for row in cases(run.stdout):
        errors = json.loads(row["properties"]).get("$validation_errors")
        assert errors is None or row["event"] == "$pageview" and all(set(error) == {"path", "keyword", "expected"} for error in errors)


def test_a_case_that_cannot_be_read_is_wrong_use():
    assert tagstream("schemas", "test", "-", input='{"id": 1, "schema"\n').returncode == 2
    assert tagstream("schemas", "test", "-", input='{"id": 1, "schema": {}, "properties": [1]}\n').returncode == 2
