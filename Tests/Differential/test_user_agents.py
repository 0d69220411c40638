"""User agents are recognised as by PyPI's ua-parser, with the same rules: Debian's package uap-core, and on its own tests."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys

import pytest
import yaml
from ua_parser import Parser
from ua_parser.basic import Resolver
from ua_parser.loaders import load_yaml

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import fuzz  # noqa: E402

PLACE = pathlib.Path("/usr/share/uap-core")
RULES = PLACE / "regexes.yaml"
CORPORA = [
    "tests/test_ua.yaml",
    "tests/test_os.yaml",
    "tests/test_device.yaml",
    "test_resources/additional_os_tests.yaml",
    "test_resources/firefox_user_agent_strings.yaml",
    "test_resources/opera_mini_user_agent_strings.yaml",
    "test_resources/pgts_browser_list.yaml",
    "test_resources/podcasting_user_agent_strings.yaml",
]
LONGEST = 1024
# What of ours is compared with what of theirs.
FAMILIES = [("browser", "user_agent"), ("os", "os"), ("device", "device")]


def corpus(name):
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    cases = yaml.load((PLACE / name).read_bytes(), Loader=loader)["test_cases"]
    texts = dict.fromkeys(str(case["user_agent_string"]) for case in cases)
    return [text for text in texts if text.strip() and "\n" not in text and len(text.encode()) <= LONGEST]


@pytest.fixture(scope="module")
def texts():
    assert RULES.exists(), "no uap-core here: scripts/setup test"
    return list(dict.fromkeys(text for name in CORPORA for text in corpus(name)))


@pytest.fixture(scope="module")
def ours(texts):
    done = subprocess.run(
        [fuzz.binary(), "user-agent", "--rules", RULES], input="\n".join(texts).encode(), capture_output=True, check=True
    )
    lines = done.stdout.decode().splitlines()
    assert len(lines) == len(texts)
    return [json.loads(line) for line in lines]


@pytest.fixture(scope="module")
def theirs(texts):
    parser = Parser(Resolver(load_yaml(RULES)))
    return [parser.parse(text) for text in texts]


def test_the_corpus_is_as_large_as_it_should_be(texts):
    assert len(texts) > 15_000


@pytest.mark.parametrize("our_part, their_part", FAMILIES)
def test_families_are_equal(our_part, their_part, texts, ours, theirs):
    different = []
    for text, one, other in zip(texts, ours, theirs):
        found = getattr(other, their_part)
        expected = found.family if found else None
        # A family of no letters is none.
        if one[our_part]["family"] != (expected or None):
            different.append((text, one[our_part]["family"], expected))
    share = 1 - len(different) / len(texts)
    print(f"{our_part}: {share:.4%} of {len(texts)} families are equal")
    assert share >= 0.999, different[:20]


def test_versions_brands_and_models_are_equal(texts, ours, theirs):
    different = []
    for text, one, other in zip(texts, ours, theirs):
        expected = []
        for part in (other.user_agent, other.os):
            expected.append([part.major, part.minor, part.patch, part.patch_minor] if part else [None] * 4)
        expected.append([other.device.brand, other.device.model] if other.device else [None] * 2)
        found = [one["browser"]["version"], one["os"]["version"], [one["device"]["brand"], one["device"]["model"]]]
        if found != expected:
            different.append((text, found, expected))
    share = 1 - len(different) / len(texts)
    print(f"{share:.4%} of {len(texts)} have equal versions, brands and models")
    assert share >= 0.999, different[:20]


def test_properties_are_what_was_recognised(texts, ours):
    for text, one in zip(texts, ours):
        properties = one["properties"]
        assert properties.get("$browser") == one["browser"]["family"], text
        assert properties.get("$os") == one["os"]["family"], text
        assert properties.get("$device") == one["device"]["family"], text
        assert properties.get("$device_type") == one["device_type"], text
        assert properties["$is_bot"] == one["is_bot"] == (one["device"]["family"] == "Spider"), text


def test_robots_of_the_corpus_are_robots(texts, ours):
    bots = [text for text, one in zip(texts, ours) if one["is_bot"]]
    assert any("Googlebot" in text for text in bots)
    assert len(bots) > 300
