"""docs/actions.md runs: its cases give the verdicts they promise, and its commands print what it shows."""

import json
import re
import subprocess

import pytest

from repository import ROOT, binary, read

DOCUMENT = "docs/actions.md"
LEAST = 60


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", read(DOCUMENT), re.MULTILINE | re.DOTALL)


def cases():
    return [json.loads(line) for block in blocks("jsonl") for line in block.splitlines()]


CASES = cases()


@pytest.fixture(scope="module")
def verdicts():
    """The binary's answers to all cases, by id; one process for all of them."""
    lines = "".join(json.dumps(case) + "\n" for case in CASES)
    run = subprocess.run(
        [binary(), "actions", "test", "--json", "-"], input=lines, capture_output=True, text=True, timeout=60
    )
    assert run.returncode in {0, 1}, run.stderr
    return {answer["id"]: answer for answer in map(json.loads, run.stdout.splitlines())}


def test_there_are_enough_cases_and_each_is_whole():
    assert len(CASES) >= LEAST
    assert len({case["id"] for case in CASES}) == len(CASES), "two cases of one id"
    for case in CASES:
        assert list(case) == ["id", "action", "event", "expected"], case["id"]
        assert case["expected"] in (True, False, "refused"), case["id"]


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_a_case_is_as_expected(case, verdicts):
    answer = verdicts[case["id"]]
    assert ("refused" if "refused" in answer else answer["matched"]) == case["expected"], answer


def operators():
    return re.findall(r'OperatorName\(name: "(\w+)"', read("Sources/Tagstream/Actions/Definition/Operator.swift"))


def filters(case):
    return [one for step in case["action"].get("steps") or [] for one in step.get("properties") or []]


@pytest.mark.parametrize("name", operators())
def test_an_operator_has_a_case_that_matches_and_one_that_does_not(name):
    verdicts = {case["expected"] for case in CASES for one in filters(case) if one.get("operator") == name}
    assert {True, False} <= verdicts


def test_the_table_of_operators_has_each_of_them_once():
    table = read(DOCUMENT).partition("## Every operator\n")[2].partition("```")[0]
    first = [name for cell in re.findall(r"^\| ([^|]*) \|", table, re.MULTILINE) for name in re.findall(r"`(\w+)`", cell)]
    assert sorted(first) == sorted(operators())


def test_a_difference_from_posthog_has_a_row_for_each_reason():
    table = read(DOCUMENT).partition("## Where Tagstream differs from PostHog\n")[2]
    other = read("docs/publishing.md").partition("## PostHog's exports\n")[2]
    listed = re.findall(r"`(\w+)` \|$", table, re.MULTILINE)
    assert sorted(listed) == sorted(re.findall(r"^\| `(\w+)` \|", other, re.MULTILINE))


def test_limits_are_the_sources():
    source = read("Sources/Tagstream/Actions/Definition/ActionCost.swift")
    limits = re.findall(r"static let (?:actionLimit|teamQuota) = ([\d_]+)", source)
    assert len(limits) == 2
    for limit in limits:
        assert f"{limit.replace('_', ',')}" in read(DOCUMENT)


def consoles():
    """Commands and what they print: `$ ` begins a command, `> ` continues it, the rest is printed."""
    for block in blocks("console"):
        lines = block.splitlines()
        size = next((at for at, line in enumerate(lines) if not line.startswith(("$ ", "> "))), len(lines))
        yield "\n".join(line[2:] for line in lines[:size]), "".join(line + "\n" for line in lines[size:])


CONSOLES = list(consoles())


def printed(command):
    """What a command prints in the repository's root: first the messages, then the rest."""
    script = 'tagstream() { "$0" "$@"; }\n' + command
    run = subprocess.run(["bash", "-c", script, binary()], cwd=ROOT, capture_output=True, text=True, timeout=60)
    return run.stderr + run.stdout


@pytest.mark.parametrize("command, output", CONSOLES, ids=[command.splitlines()[0] for command, _ in CONSOLES])
def test_a_command_prints_what_is_shown(command, output):
    assert printed(command) == output


def test_commands_are_shown():
    assert len(CONSOLES) >= 4
