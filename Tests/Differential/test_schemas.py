"""The binary and PyPI `jsonschema` agree about schemas: `pytest Tests/Differential`.

Environment: TAGSTREAM_BINARY (default: the release build, else the debug build), TAGSTREAM_FUZZ_SEED (default: a new one every
time, printed), TAGSTREAM_SCHEMA_COUNT (default 20000 pairs).
"""

import json
import os
import pathlib
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import fuzz  # noqa: E402
import schema_fuzz  # noqa: E402
import schema_model  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
VECTORS = ROOT / "Tests" / "Vectors" / "schemas.jsonl"
SEED = int(os.environ.get("TAGSTREAM_FUZZ_SEED", time.time_ns() % 1_000_000))
COUNT = int(os.environ.get("TAGSTREAM_SCHEMA_COUNT", 20_000))


def verdicts(lines):
    """The binary's answers by id."""
    run = subprocess.run(
        [fuzz.binary(), "schemas", "test", "--json", "-"], input="\n".join(lines) + "\n", capture_output=True, text=True, timeout=600
    )
    assert run.returncode in (0, 1), run.stderr
    return {answer["id"]: answer for answer in map(json.loads, run.stdout.splitlines())}


def cases():
    return [(json.loads(line)["id"], line) for line in VECTORS.read_text(encoding="utf-8").splitlines()]


def test_the_vectors_are_what_the_model_says():
    wrong = []
    for name, line in cases():
        case = schema_model.loads(line)
        if case["valid"] == "refused":
            continue
        validator = schema_model.Validator(schema_model.for_python(case["schema"]), format_checker=schema_model.FORMATS)
        if validator.is_valid(case["properties"]) != case["valid"]:
            wrong.append(name)
    assert not wrong


def test_the_vectors_are_what_the_binary_says():
    run = subprocess.run([fuzz.binary(), "schemas", "test", str(VECTORS)], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stdout + run.stderr
    assert f"{len(cases())} as expected, 0 different" in run.stderr


def pair(number, schema, candidates):
    """Every other time, properties that fit, where there are such: most that are made at random do not."""
    for properties in candidates:
        expected = schema_model.is_valid(schema, properties)
        if expected or number % 2:
            break
    return schema, properties, expected


def test_generated_pairs_get_the_same_verdicts():
    print(f"seed {SEED}")
    schemas = schema_fuzz.Schemas(SEED)
    pairs = [pair(number, *schemas.case()) for number in range(COUNT)]
    answers = verdicts(f'{{"id":{number},"schema":{schema},"properties":{properties}}}' for number, (schema, properties, _) in enumerate(pairs))
    assert len(answers) == COUNT
    differences = []
    valid = sum(expected for _, _, expected in pairs)
    for number, (schema, properties, expected) in enumerate(pairs):
        answer = answers[number]
        if answer.get("valid") != expected:
            differences.append(f"seed {SEED}, pair {number}: {answer}, expected {expected}\n  {schema}\n  {properties}")
    print(f"{COUNT} pairs, {valid} valid")
    assert not differences, f"{len(differences)} differ\n" + "\n".join(differences[:3])
    # A run in which nearly everything is invalid would say little.
    assert 0.2 * COUNT < valid < 0.8 * COUNT
