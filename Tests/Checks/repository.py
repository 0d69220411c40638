"""The repository as the checks see it: its texts, its targets, its binary."""

import os
import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def files(pattern, under="."):
    """Files below a folder, without those that are built, installed or hidden."""
    found = []
    for path in sorted((ROOT / under).rglob(pattern)):
        parts = path.relative_to(ROOT).parts
        if not any(part.startswith(".") or part == "__pycache__" for part in parts):
            found.append(path)
    return found


def name(path):
    return str(path.relative_to(ROOT))


def read(path):
    return (ROOT / path).read_text(encoding="utf-8")


MARKDOWN = [name(path) for path in files("*.md")]


def binary():
    """The binary to test: TAGSTREAM_BINARY, or what was built here, the release first."""
    built = [str(ROOT / ".build" / kind / "tagstream") for kind in ("release", "debug")]
    named = os.environ.get("TAGSTREAM_BINARY")
    paths = [named] if named else built
    for path in paths:
        if os.access(path, os.X_OK):
            return path
    pytest.fail(f"no binary at {' or '.join(paths)}: make build, or set TAGSTREAM_BINARY")


@cache
def help_of(*command):
    """What `tagstream COMMAND --help` says, its lines joined to one."""
    run = subprocess.run([binary(), *command, "--help"], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    return run.stdout


def subcommands(*command):
    """The names of a command's subcommands."""
    listing = help_of(*command).partition("\nSUBCOMMANDS:\n")[2].partition("\n\n")[0]
    return set(re.findall(r"^  ([a-z][a-z-]*)", listing, re.MULTILINE))


def targets():
    """Package.swift's targets: name, dependencies, folder."""
    result = {}
    text = re.sub(r"//.*", "", read("Package.swift"))
    kinds = r"\.(systemLibrary|target|executableTarget|testTarget)\("
    for match in re.finditer(kinds, text):
        depth, end = 1, match.end()
        while depth:
            depth += {"(": 1, ")": -1}.get(text[end], 0)
            end += 1
        body = text[match.end() : end - 1]
        target = re.search(r'name: "(\w+)"', body)[1]
        folder = re.search(r'path: "([^"]+)"', body)
        listed = re.search(r"dependencies: \[(.*?)\](?=\s*(,|$))", body, re.DOTALL)
        listed = re.sub(r'package: "[^"]*"', "", listed[1]) if listed else ""
        default = ("Tests/" if match[1] == "testTarget" else "Sources/") + target
        result[target] = (set(re.findall(r'"(\w+)"', listed)), folder[1] if folder else default)
    return result
