"""What the documentation points to is there: files, commands, options, scripts and benches."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from benchmarks.__main__ import BENCHES, bench
from edge_sale.cli import cli

ROOT = Path(__file__).parents[2]
TOP = ("README.md", "CONTRIBUTING.md", "SECURITY.md")
PAGES = sorted([*(ROOT / name for name in TOP), *(ROOT / "docs").rglob("*.md")])
FOLDERS = (
    "edge_sale/",
    "tests/",
    "scripts/",
    "docs/",
    "models/",
    "./scripts/",
)  # paths in code begin with one of these
FENCE = re.compile(r"^ *(```+|~~~+)")
LINK = re.compile(r"\[[^\]]*\]\(\s*<?([^)\s>]+)>?[^)]*\)|^\s*\[[^\]]+\]:\s*<?(\S+?)>?\s*$")
CODE = re.compile(r"(`+)(.+?)\1")
OPERATORS = frozenset("|&;<>()")
PLACEHOLDER = re.compile(r"[^\w./~=-]|^\.\.\.$")


def split(text: str) -> tuple[list[str], list[str]]:
    """The lines outside of fenced code, and those inside, with lines that end in a backslash joined."""
    prose, code, fence = [], [], ""
    for line in text.splitlines():
        if found := FENCE.match(line):
            if not fence:
                fence = found[1]
            elif found[1].startswith(fence):
                fence = ""
            continue
        if fence and code and code[-1].endswith("\\"):
            code[-1] = code[-1][:-1] + line.strip()
        else:
            (code if fence else prose).append(line)
    return prose, code


def links(prose: list[str]) -> list[str]:
    """Targets of links, without what leads out of the repository or stays on the page, and without anchors."""
    bare = [CODE.sub("", line) for line in prose]
    targets = [one or two for line in bare for one, two in LINK.findall(line)]
    return [target.partition("#")[0] for target in targets if not re.match(r"[a-z]+:|#", target)]


def named_paths(prose: list[str]) -> list[str]:
    """Paths of the repository that stand in the text as code, without patterns and placeholders."""
    spans = [span for line in prose for _, span in CODE.findall(line)]
    words = [span.split()[0] for span in spans if span.startswith(FOLDERS)]
    return [word for word in words if not re.search(r"[*<>{}…]|[A-Z]{3,}\b(?!\.md)", word)]


def commands(page: Path) -> list[list[str]]:
    """Every call of edge-sale or of a script that the page shows, as words."""
    prose, code = split(page.read_text(encoding="utf-8"))
    spans = [span for line in prose for _, span in CODE.findall(line)]
    return [call for line in [*code, *spans] for call in calls(line)]


def calls(line: str) -> Iterator[list[str]]:
    """Calls in one line of shell; whatever cannot be read as shell is read as words."""
    reader = shlex.shlex(line.strip().removeprefix("$ "), posix=True, punctuation_chars=True)
    reader.whitespace_split = True
    try:
        words = list(reader)
    except ValueError:
        words = line.split()
    call: list[str] = []
    for word in [*words, ";"]:
        if set(word) <= OPERATORS:
            while call and re.match(r"[A-Z_]+=", call[0]):  # variables of this call
                call = call[1:]
            if call and (call[0].removeprefix(".venv/bin/") == "edge-sale" or call[0].startswith("./scripts/")):
                yield call
            call = []
        else:
            call.append(word)


def wrong(call: list[str]) -> str:
    """What is wrong with a call that a page shows; empty where nothing is."""
    program, *words = call
    if program.startswith("./scripts/"):
        name = program.removeprefix("./scripts/")
        if not (ROOT / "scripts" / name).is_file():
            return f"{program}: no such script"
        if name != "bench" or not words:
            return ""
        if words[0].islower() and words[0] not in BENCHES:
            return f"{program} {words[0]}: no such bench"
        unknown = [word for word in words if word.startswith("--") and word not in known_options([bench])]
        return f"{program} has no option {unknown[0]}" if unknown else ""
    command: click.Command = cli
    parents: list[click.Command] = []
    for word in words:
        if re.match(r"\[?--?[A-Za-z]", word):
            name = word.partition("=")[0].strip(".,:[]")
            if name not in known_options([command, *parents]) and not joined(name, command):
                return f"{command.name} has no option {name}"
        elif isinstance(command, click.Group) and not PLACEHOLDER.search(word) and not word.isupper():
            inner = command.get_command(click.Context(command), word)
            if inner is None:
                return f"{command.name} has no command {word}"
            parents, command = [*parents, command], inner
        elif isinstance(command, click.Group):
            return ""  # `edge-sale COMMAND --help`, `edge-sale models [...]`
    return ""


def known_options(chain: list[click.Command]) -> set[str]:
    found = {"-h", "--help"}
    for command in chain:
        for param in command.params:
            found |= {*param.opts, *param.secondary_opts}
    return found


def joined(name: str, command: click.Command) -> bool:
    """Whether these are short options written as one, such as -qf."""
    return bool(re.fullmatch(r"-[A-Za-z]+", name)) and {f"-{letter}" for letter in name[1:]} <= known_options([command])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_to_files(page: Path):
    """Every relative link, and every path of the repository in code, is that of a file or a folder."""
    prose, _ = split(page.read_text(encoding="utf-8"))
    missing = [target for target in links(prose) if not (page.parent / target).exists()]
    missing += [path for path in named_paths(prose) if not (ROOT / path.rstrip(",.:")).exists()]
    assert "\n".join(missing) == ""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_commands_exist(page: Path):
    """Every command that a page shows exists, with its options."""
    faults = [f"{' '.join(call)}: {fault}" for call in commands(page) if (fault := wrong(call))]
    assert "\n".join(faults) == ""


@pytest.mark.parametrize(
    "line, fault",
    [
        ("edge-sale run --jsn TASK", "run has no option --jsn"),
        ("git diff | edge-sale sell", "cli has no command sell"),
        ("$ edge-sale models serch qwen", "models has no command serch"),
        ("A=1 .venv/bin/edge-sale bench bottle", "bench has no command bottle"),
        ("./scripts/trian", "./scripts/trian: no such script"),
        ("./scripts/bench reserve --data DIR", "./scripts/bench reserve: no such bench"),
        ("./scripts/bench work --parts mbpp", "./scripts/bench has no option --parts"),
        ("edge-sale undo [--redo, --lst]", "undo has no option --lst"),
        ("edge-sale run -qf task.txt > answer.py && edge-sale show", ""),
        ("edge-sale run -q --check 'assert f(-1) == 1' \"Write f.\" | jq .answer", ""),
        ("edge-sale models show NAME --fit --context 16384", ""),
        ("edge-sale --offline doctor", ""),
        ("edge-sale COMMAND --help", ""),
        ("./scripts/bench NAME", ""),
    ],
)
def test_faults_are_found(line: str, fault: str):
    """The control: what does not exist is told, and what exists is not."""
    assert [found for call in calls(line) if (found := wrong(call))] == ([fault] if fault else [])


def test_dead_links_are_found():
    """The control: links, reference links and paths in code are read, and anchors and addresses are not."""
    text = (
        "[a](gone.md#x) [b](https://x.y) [c](#here) `edge_sale/gone.py`\n\n[d]: other.md\n```\n[e](in-code.md)\n```\n"
    )
    prose, code = split(text)
    assert (links(prose), named_paths(prose), code) == (
        ["gone.md", "other.md"],
        ["edge_sale/gone.py"],
        ["[e](in-code.md)"],
    )
