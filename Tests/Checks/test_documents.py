"""What the documents say exists: links, anchors, files, commands, flags, make's targets."""

import re
import subprocess

import pytest

from repository import MARKDOWN, ROOT, help_of, name, read, subcommands

FENCE = re.compile(r"^( *)(```|~~~).*?^\1\2 *$", re.MULTILINE | re.DOTALL)


def prose(text):
    return re.sub(r"`[^`\n]*`", "", FENCE.sub("", text))


def anchors(text):
    """The anchors of a document's headings, made as GitHub makes them."""
    found = {}
    for heading in re.findall(r"^#{1,6} +(.*?) *#*$", FENCE.sub("", text), re.MULTILINE):
        heading = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        slug = re.sub(r"[^\w\- ]", "", heading).replace(" ", "-")
        count = found.get(slug, 0)
        found[slug] = count + 1
        yield slug if count == 0 else f"{slug}-{count}"
    yield from re.findall(r'<a (?:id|name)="([^"]+)"', text)


@pytest.mark.parametrize("document", MARKDOWN)
def test_links_lead_somewhere(document):
    text = read(document)
    lost = []
    inline = re.findall(r"\]\(<?([^)\s>]+)>?(?: \"[^\"]*\")?\)", prose(text))
    references = re.findall(r"^\[[^\]]+\]: +(\S+)", prose(text), re.MULTILINE)
    for link in inline + references:
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (ROOT / document).parent / path if path else ROOT / document
        if not target.exists():
            lost.append(link)
        elif anchor and target.suffix == ".md" and anchor not in anchors(target.read_text(encoding="utf-8")):
            lost.append(link)
    assert not lost, "\n".join(lost)


@pytest.mark.parametrize("document", MARKDOWN)
def test_files_named_in_code_exist(document):
    """`Sources/…`, `docs/…`: a path from the root, or, in a folder's own README, from there."""
    folders = "Sources|Tests|Benchmarks|Examples|docs|schemas|deploy|scripts"
    lost = []
    for path in re.findall(rf"`((?:{folders})/[\w./+-]*)`", FENCE.sub("", read(document))):
        if not (ROOT / path).exists() and not ((ROOT / document).parent / path).exists():
            lost.append(path)
    assert not lost, "\n".join(lost)


def test_files_named_in_comments_of_the_sources_exist():
    lost = []
    for path in [*ROOT.glob("Sources/**/*.swift"), *ROOT.glob("Tests/**/*.swift"), ROOT / "Package.swift"]:
        for comment in re.findall(r"//.*", path.read_text(encoding="utf-8")):
            for named in re.findall(r"\b(?:docs|schemas|Examples|deploy)/[\w./-]+\.\w+", comment):
                if not (ROOT / named).exists():
                    lost.append(f"{name(path)}: {named}")
    assert not lost, "\n".join(lost)


def commands(text):
    """The calls of tagstream in shell blocks, as words; comments, pipes and redirections behind them are cut."""
    for block in re.findall(r"^ *```(?:sh|bash|console)\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL):
        for line in re.sub(r"\\\n", " ", block).splitlines():
            line = re.split(r"\s#\s|\s[|>&]", line)[0]
            for call in re.findall(r"(?:^|&& +|docker run .*?)tagstream(?::\S+)? +(\S.*)", line.strip()):
                yield call.split()


CALLS = [(document, words) for document in MARKDOWN for words in commands(read(document))]


@pytest.mark.parametrize("document, words", CALLS, ids=[f"{d}: {' '.join(w)}" for d, w in CALLS])
def test_commands_in_shell_blocks_exist(document, words):
    command = []
    while words and words[0] in subcommands(*command):
        command.append(words.pop(0))
    assert command or words[0] in {"--help", "--version"} or words[0].isupper(), f"no such command: {words[0]}"
    known = set(re.findall(r"(?<![\w-])(--?[a-z][a-z-]*)", help_of(*command)))
    flags = {word.split("=")[0] for word in words if re.match(r"--?[a-z]", word)}
    assert flags <= known


def test_every_target_of_make_that_a_document_names_exists():
    listed = set(re.findall(r"^([a-z-]+):", read("Makefile"), re.MULTILINE))
    for document in MARKDOWN:
        named = set(re.findall(r"(?:`|^)make ([a-z-]+)", read(document), re.MULTILINE))
        assert named <= listed, document


def test_make_help_lists_every_target_for_people():
    text = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    phony = re.findall(r"^\.PHONY: ([a-z-]+)$", read("Makefile"), re.MULTILINE)
    assert phony
    for target in phony:
        assert re.search(rf"^  {target} ", text, re.MULTILINE), target
