"""Examples/cases.jsonl, and the workflow that Examples/README.md offers to run it."""

import json
import re
import shlex
import subprocess

import pytest
import yaml

from repository import ROOT, binary, read

CASES = [json.loads(line) for line in read("Examples/cases.jsonl").splitlines()]
ACTIONS = {action["id"]: action for action in yaml.safe_load(read("Examples/actions.yaml"))["actions"]}


def tagstream(*arguments, **options):
    return subprocess.run(
        [binary(), *arguments], cwd=ROOT, capture_output=True, text=True, timeout=60, **options
    )


def test_cases_are_as_expected():
    run = tagstream("actions", "test", "Examples/cases.jsonl")
    assert run.returncode == 0, run.stdout + run.stderr
    assert f"{len(CASES)} as expected, 0 different" in run.stderr


def test_ids_are_sentences_of_their_own():
    ids = [case["id"] for case in CASES]
    assert len(set(ids)) == len(ids)
    assert all(len(one.split()) > 3 for one in ids)


@pytest.mark.parametrize("id", ACTIONS)
def test_an_action_of_the_examples_has_a_case_that_matches_and_one_that_does_not(id):
    mine = [case for case in CASES if case["action"].get("id") == id]
    assert {case["expected"] for case in mine} == {True, False}
    for case in mine:
        assert case["action"]["name"] == ACTIONS[id]["name"]
        assert case["action"]["steps"] == ACTIONS[id]["steps"], "actions.yaml has changed: copy the action again"


@pytest.mark.parametrize("place", range(len(CASES)), ids=[case["id"] for case in CASES])
def test_a_wrong_expectation_is_found(place):
    planted = [dict(case) for case in CASES]
    # Of a case that is refused, both verdicts are wrong.
    planted[place]["expected"] = planted[place]["expected"] is False
    run = tagstream("actions", "test", "-", input="".join(json.dumps(case) + "\n" for case in planted))
    assert run.returncode == 1
    assert f"{len(CASES) - 1} as expected, 1 different" in run.stderr
    assert planted[place]["id"] in run.stdout


def test_a_case_that_cannot_be_read_is_wrong_use():
    assert tagstream("actions", "test", "-", input='{"id": 1, "action"\n').returncode == 2


def workflow():
    return yaml.safe_load(re.search(r"^```yaml\n(.*?)^```$", read("Examples/README.md"), re.MULTILINE | re.DOTALL)[1])


def test_the_workflow_runs_with_the_examples():
    """Its commands, with the binary for the image and Examples/ for the folder that is mounted."""
    commands = [step["run"] for step in workflow()["jobs"]["actions"]["steps"] if "run" in step]
    assert len(commands) == 2
    for command in commands:
        docker, _, inside = command.partition(' "$IMAGE" ')
        assert docker == 'docker run --rm -v "$PWD/analytics:/analytics:ro"'
        run = tagstream(*(word.replace("/analytics/", "Examples/") for word in shlex.split(inside)))
        assert run.returncode == 0, run.stderr
