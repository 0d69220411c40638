"""Facts that stand in two places: the code's and the documents'."""

import json
import os
import re

import pytest
import yaml

from repository import ROOT, files, help_of, name, read, subcommands, targets

LINES = 400
# Files that may be longer, each with the reason.
LONGER: dict[str, str] = {}

# What a toolchain brings.
TOOLCHAIN = {"Foundation", "Glibc", "Musl", "Darwin", "Synchronization", "Dispatch", "Testing"}
INSIDE = set(targets())


# MARK: The rooms


@pytest.mark.parametrize("path", [name(path) for path in files("*.swift", "Sources")])
def test_a_source_file_has_one_noun(path):
    lines = read(path).count("\n")
    if path in LONGER:
        assert lines > LINES, f"{path} has {lines} lines: take it out of LONGER"
    else:
        assert lines <= LINES, f"{path} has {lines} lines, expected at most {LINES}: look for the second noun"


def test_longer_files_exist():
    assert all((ROOT / path).exists() for path in LONGER)


def imports(folder):
    pattern = re.compile(r"^(?:@\w+(?:\([^)]*\))? +)*(?:\w+ +)?import (?:(?:struct|class|enum|func|var) )?(\w+)", re.MULTILINE)
    return {module for path in files("*.swift", folder) for module in pattern.findall(path.read_text(encoding="utf-8"))}


@pytest.mark.parametrize("target", sorted(targets()))
def test_imports_are_declared(target):
    dependencies, folder = targets()[target]
    assert (ROOT / folder).is_dir()
    assert imports(folder) - TOOLCHAIN <= dependencies


def test_every_folder_of_sources_is_a_target():
    folders = {f"Sources/{path.name}" for path in (ROOT / "Sources").iterdir() if path.is_dir()}
    assert folders <= {folder for _, folder in targets().values()}


def test_c_libraries_have_one_reader_each():
    for library, reader in {"CLibrdkafka": "Kafka", "CMaxMindDB": "Tagstream", "CRE2": "Tagstream"}.items():
        assert {t for t, (_, folder) in targets().items() if library in imports(folder)} == {reader}


def test_the_pure_room_knows_no_effects():
    assert imports("Sources/Tagstream") <= {"CMaxMindDB", "CRE2", "Glibc", "Musl", "Darwin"}
    assert imports("Sources/Kafka") <= {"CLibrdkafka", "Dispatch", "Glibc", "Musl", "Darwin", "Synchronization"}


def test_the_architectures_table_is_what_package_swift_says():
    rows = re.findall(r"^\| `(\w+)` \|.*\| ([^|]*) \|$", read("docs/ARCHITECTURE.md"), re.MULTILINE)
    assert rows
    for target, may in rows:
        declared = targets()[target][0] & INSIDE
        if may == "all":
            assert {"Kafka", "Tagstream", "Worker"} <= declared
        else:
            assert set(re.findall(r"`(\w+)`", may)) == declared, target


# MARK: Dead letters


def cases(swift, enum):
    """The raw values of a Swift enum of texts."""
    body = re.search(rf"enum {enum}: String.*?\{{\n(.*?)\n\}}", swift, re.DOTALL)[1]
    values = []
    for line in re.findall(r"^ +case (.*)$", body, re.MULTILINE):
        for case in line.split(", "):
            identifier, _, raw = case.partition(" = ")
            values.append(raw.strip('"') or identifier)
    return values


def table(document, heading):
    """The first column of the table under a heading, without the marks of code; with the other columns."""
    section = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", read(document), re.MULTILINE | re.DOTALL)[1]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line.startswith("|")]
    return [(row[0].strip("`"), row[1:]) for row in rows[2:]]


def test_reasons_of_dead_letters_are_documented():
    reasons = cases(read("Sources/Tagstream/Decode/Rejection.swift"), "DeadLetterReason")
    assert reasons
    assert sorted(reason for reason, _ in table("docs/dead-letters.md", "Reasons")) == sorted(reasons)


def test_steps_of_dead_letters_are_documented():
    steps = cases(read("Sources/Tagstream/Decode/Rejection.swift"), "PipelineStep")
    assert {cells[0] for _, cells in table("docs/dead-letters.md", "Reasons")} == set(steps)
    row = re.search(r"^\| `dlq_step` \|.*$", read("docs/dead-letters.md"), re.MULTILINE)[0]
    assert re.findall(r"`(\w+)`", row)[1:] == steps


def test_reasons_of_ignored_records_are_documented():
    reasons = cases(read("Sources/Tagstream/Validate/ValidEvent.swift"), "IgnoredReason")
    assert reasons
    assert sorted(reason for reason, _ in table("docs/dead-letters.md", "Ignored records")) == sorted(reasons)


# MARK: Warnings


def test_types_of_warnings_are_documented_in_their_order():
    types = cases(read("Sources/Tagstream/Validate/WarningType.swift"), "WarningType")
    assert len(types) > 10
    assert [row for row, _ in table("docs/warnings.md", "Types")] == types
    schema = json.loads(read("schemas/ingestion_warning.schema.json"))
    assert schema["properties"]["type"]["enum"] == types


def test_the_outcomes_of_warnings_are_reasons():
    reasons = {
        "dead letter": cases(read("Sources/Tagstream/Decode/Rejection.swift"), "DeadLetterReason"),
        "ignored": cases(read("Sources/Tagstream/Validate/ValidEvent.swift"), "IgnoredReason"),
    }
    for kind, (outcome, *_) in table("docs/warnings.md", "Types"):
        found = re.fullmatch(r"tagged|(dead letter|ignored) `(\w+)`", outcome)
        assert found and (outcome == "tagged" or found[2] in reasons[found[1]]), kind


def test_the_numbers_of_the_warnings_page_are_the_sources():
    source = read("Sources/Tagstream/Pipeline/WarningDesk.swift")
    slots = int(re.search(r"static let slots = (\d+)", source)[1])
    page = " ".join(read("docs/warnings.md").split())
    assert f"last {slots:,} keys" in page
    key = re.search(r"static let keyBytes = (\d+)", source)[1]
    assert f"of each the first {key} bytes" in page
    longest = re.search(r"static let longestText = (\d+)", read("Sources/Tagstream/Encode/WarningEncoder.swift"))[1]
    assert f"cut behind {longest} UTF-16" in read("docs/warnings.md")


def test_what_a_lane_remembers_for_enrichment_is_what_the_page_says():
    page = " ".join(read("docs/enrichments.md").split())

    def defaults(path):
        words = re.search(r"public init\((.*?)\)", read(path))[1]
        return {name: int(number) << int(shift) for name, number, shift in re.findall(r"(\w+): Int = (\d+) << (\d+)", words)}

    geoip = defaults("Sources/Tagstream/Enrich/GeoIP/GeoIPCache.swift")
    assert f"of {geoip['addresses']:,} addresses and {geoip['places']:,} places in at most {geoip['bytes'] >> 20} MB" in page
    agents = defaults("Sources/Tagstream/Enrich/UserAgent/UserAgentCache.swift")
    assert f"the last {agents['agents']:,} texts in at most {agents['bytes'] >> 20} MB" in page


# MARK: Settings and exit codes


def setting_keys():
    settings = [name(path) for path in files("Settings*.swift", "Sources/TagstreamCommand/Files")]
    keys = [key for path in settings for key in re.findall(r'(?:text|number)\(\s*"([\w.]+)"|name: "([\w.]+)"', read(path))]
    # Teams have these as well, so they are written down where teams are read.
    shared = re.findall(
        r'(?:onOff|flag|names|properties)\(\s*"([\w.]+)"|name: "([\w.]+)"', read("Sources/Tagstream/Enrich/EnrichmentSettings+Keys.swift")
    )
    own = {first or second for first, second in keys if not second.endswith(".")}
    return own | {"enrich." + (first or second) for first, second in shared}


def flat(tree, prefix=""):
    for key, value in tree.items():
        if isinstance(value, dict) and key != "kafka":
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key


def test_the_reference_shows_every_setting():
    text = re.sub(r"^( +)# (\w+: )", r"\1\2", read("Examples/tagstream.reference.yaml"), flags=re.MULTILINE)
    assert set(flat(yaml.safe_load(text))) == setting_keys() | {"kafka"}


def test_settings_named_in_documents_exist():
    groups = {key.split(".")[0] for key in setting_keys() if "." in key}
    for path in files("*.md"):
        for key in re.findall(rf"`((?:{'|'.join(sorted(groups))})\.\w[\w.]*)`", path.read_text(encoding="utf-8")):
            assert key in setting_keys(), f"{name(path)}: {key}"


def exit_codes(text):
    sentence = re.search(r"Exit codes: (.*?)\.(?:\s|$)", " ".join(text.split()))
    return {int(code) for code in re.findall(r"(?:^|; )(\d+) ", sentence[1])} if sentence else None


def test_help_names_every_exit_code():
    body = re.search(r"enum Code: Int32 \{(.*?)\}", read("Sources/TagstreamCommand/Files/Failure.swift"), re.DOTALL)[1]
    codes = {int(code) for code in re.findall(r"= (\d+)", body)}
    assert exit_codes(help_of()) == codes | {0}


def test_commands_name_their_exit_codes_out_of_these():
    commands = [(command,) for command in subcommands()]
    commands += [(*command, below) for command in commands for below in subcommands(*command)]
    for command in commands:
        codes = exit_codes(help_of(*command))
        assert codes is None or codes <= exit_codes(help_of()), command


def test_exit_codes_in_documents_exist():
    for path in files("*.md"):
        for code in re.findall(r"\bexits? with (?:code )?(\d+)\b", path.read_text(encoding="utf-8")):
            assert int(code) in exit_codes(help_of()), name(path)


# MARK: History


def test_every_decision_is_listed_once_and_in_order():
    decisions = sorted(path.name for path in (ROOT / "docs" / "decisions").glob("[0-9]*.md"))
    listed = re.findall(r"^- \[(\d{4})\]\(([^)]+)\)", read("docs/decisions/README.md"), re.MULTILINE)
    assert [path for _, path in listed] == decisions
    for number, path in listed:
        assert path.startswith(f"{number}-")
    assert [int(number) for number, _ in listed] == list(range(1, len(listed) + 1))


def test_the_changelog_has_what_is_to_come_and_the_version():
    headings = re.findall(r"^## (.*)$", read("CHANGELOG.md"), re.MULTILINE)
    assert headings[0] == "Unreleased"
    version = re.search(r'static let version = "([\d.]+)"', read("Sources/TagstreamCommand/Tagstream.swift"))[1]
    # The first release is not out: until it is, its number stands in the binary only.
    assert len(headings) == 1 or headings[1].startswith(version)


def test_scripts_can_be_executed():
    scripts = [ROOT / ".ci" / "run", *(path for path in (ROOT / "scripts").iterdir() if not path.suffix)]
    for path in scripts:
        assert os.access(path, os.X_OK), path.name
        assert path.read_text().startswith("#!/usr/bin/env "), path.name


def test_what_is_built_stays_out_of_git():
    ignored = read(".gitignore").splitlines()
    assert {".build/", ".build-*/", "Package.resolved", ".venv/"} <= set(ignored)
