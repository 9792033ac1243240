"""One name for one thing: names that were given up are nowhere in code, help, docs or data.

`OLD` says for each what stands in its place and why. Old files of users may still hold them: what reads those is
edge_sale/legacy_names.py, with samples in tests/old_files; CHANGELOG.md tells what was renamed. All three are let be.
"""

import ast
import io
import re
import tokenize
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import pytest

ROOT = Path(__file__).parents[1]
ALLOWED = ("edge_sale/legacy_names.py", "tests/old_files/", "tests/test_names.py", "CHANGELOG.md")
DATA = ("edge_sale/config.example.toml", "models/*.toml", "models/pools/*.toml", "models/weights/*.toml")
DOCS = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "mkdocs.yml", "docs/**/*.md")

CODE = frozenset({"class", "function", "parameter", "attribute", "variable", "module", "key"})
"""Kinds of names in code. A key is a string that is one word: of a dict, of a setting, of an event in a trace."""

LIBRARIES = {"ast", "gguf", "math", "np", "os", "Path", "re", "shutil", "torch"}
"""What these offer is named by others: `np.floor`, `Path.home`."""

NAMED = "class function parameter attribute variable module"


@dataclass(frozen=True)
class Old:
    """Names that were given up. `words` match whole names in code, `text` is a pattern for prose, help and data."""

    words: tuple[str, ...]
    now: str
    why: str
    kinds: frozenset[str] = CODE
    within: tuple[str, ...] = ("",)  # prefixes of the files where the words are meant; elsewhere they are plain words
    but: tuple[str, ...] = ()  # prefixes of files where they have another, plain meaning
    text: str = ""


def old(words: str, now: str, why: str, kinds: str = "", text: str = "", **where: tuple[str, ...]) -> Old:
    return Old(tuple(words.split()), now, why, frozenset(kinds.split()) or CODE, text=text, **where)


CODE_OF_OURS = ("edge_sale/", "scripts/")

OLD = (
    old(
        "Reserve Reserves reserve reserves reserve_of",
        "Fallback, fallback; headroom for tokens kept free",
        "in auction theory a reserve (price) is the least acceptable bid",
        text=r"\breserves?\b(?![ _-]prices?)",
    ),
    old(
        "Floor floor Floors floored BelowFloor",
        "ReservePrice, reserve_price",
        "the field's word for the least acceptable bid",
        but=("tests/test_floors.py", "docs/architecture.md", "CONTRIBUTING.md"),  # the layers of imports
        text=r"\bfloors?\b",
    ),
    old("Away away abroad", "RemoteSetup, remote_setup", "says what it sets up", kinds=NAMED, text=r"\babroad\b"),
    old("Door door doors", "EgressGate, egress_gate", "the field's word for what guards the way out"),
    old(
        "Letter letter letters",
        "OutboundRequest, outbound",
        "it is a request",
        within=("edge_sale/remote", "tests/remote/"),
    ),
    old("errand errands Errand", "request_context", "what a request is made for", text=r"\berrands?\b"),
    old("Desk desk", "Scheduler, scheduler", "it schedules work on engines"),
    old(
        "Ask ask asks",
        "Request, request",
        "a noun made of a verb; as a verb, and as the policy `ask`, it stays",
        kinds="class parameter variable attribute",
        within=("edge_sale/llama/", "edge_sale/agents/", "edge_sale/auction/", "edge_sale/remote/"),
    ),
    old("hammer Hammer", "award", "the field's word for who gets the task", text=r"\bhammer\b"),
    old("pupil pupils", "refiner, refiners", "they refine their bids", text=r"\bpupils?\b"),
    old(
        "nobody", "no_bids, no_terminal", "says of what there is none", kinds="parameter variable", within=CODE_OF_OURS
    ),
    old("spare", "allow_below_reserve", "says what is allowed", within=CODE_OF_OURS),
    old(
        "carry carrier carriers Carrier CARRIERS",
        "extra_signals",
        "says what a bid carries",
        text=r"^\W*carry\s*=",
    ),
    old(
        "known Known",
        "prior_signals",
        "known of what",
        within=("edge_sale/auction/hold.py", "edge_sale/auction/market.py"),
    ),
    old("ways Ways WAYS Way", "work_strategies, WORK_STRATEGIES, WorkStrategy", "ways of what"),
    old("way", "strategy", "way of what", kinds="parameter variable", within=("edge_sale/agents/",)),
    old(
        "Site site",
        "Workspace, workspace",
        "the private copy that an agent works in",
        but=("tests/docs/",),  # the site of the docs
    ),
    old("sieve", "keep_passing", "says what is kept", text=r"\bsieves?\b"),
    old("heedless", "ignores_input", "says what is ignored", text=r"\bheedless\b"),
    old("lines", "edge_sale.text", "a module named for one of its results", kinds="module", within=CODE_OF_OURS),
    old("lines_of", "split_lines", "a verb for what is done"),
    old(
        "fit part incoming wire write make store residents probe",
        "memory_fit, partial, staging, http, card_writer, convert, installed, loaded_models, trial_load",
        "a module's name says what is in it",
        kinds="module",
        within=("edge_sale/catalog/", "edge_sale/download/"),
    ),
    old("Resident Residents residents", "Loadable, LoadedModels, loaded", "the field's word for models in memory"),
    old("gauge Gauge GAUGE", "load_probe, LoadProbe", "says what it probes", text=r"\bgauges?\b"),
    old(
        "about ABOUT",
        "build_info, BUILD_INFO",
        "about what",
        kinds="module class function",
        within=("edge_sale/llama/",),
    ),
    old(
        "codes journal verdicts",
        "binary_index, wal_check, feedback",
        "a module's name says what is in it",
        kinds="module",
        within=("edge_sale/memory/",),
    ),
    old("whose", "embedder_identity, owner", "a question is not a name"),
    old(
        "Journal journal journals",
        "UndoLog, undo_log",
        "a journal is SQLite's; this one takes changes back",
        within=("edge_sale/workspace/", "edge_sale/agents/", "edge_sale/cli/", "tests/workspace/", "tests/cli/"),
    ),
    old(
        "bottle Bottle",
        "bundled_eval, bundled",
        "the evaluation of the bundled models",
        but=("edge_sale/evaluation/bundled_tasks/inputs.py",),  # a word in tasks
        text=r"\bbench bottle\b|\bbottles?\b",
    ),
    old("family", "training", "a family of models is the field's", kinds="module", text=r"\bfamily\.json\b"),
    old(
        "home",
        "mixed_pool, mixed; local, run_locally",
        "a folder is the only home",
        kinds="module function parameter key",
        within=("edge_sale/auction/", "edge_sale/agents/", "edge_sale/memory/", "edge_sale/evaluation/"),
        but=("edge_sale/memory/costs.py",),  # `costs --json` prints a key of that name, which scripts of users read
        text=r"\bhome-1\b|--pool home\b|\bpool `?home\b|\bdone at home\b|\bat home\b",
    ),
    old(
        "contenders",
        "baselines",
        "the field's word; a contender is a row of a table, ours or a baseline",
        kinds="module",
    ),
    old(
        "strangers Strangers", "out_of_domain", "the field's word for tasks of another kind", text=r"\bstrangers\.py\b"
    ),
    old("likeness", "retrieval_eval", "says what it evaluates; a column of the memory keeps the word", kinds="module"),
    old("wording", "hashed_features, task_text", "two modules had the name", kinds="module", within=("edge_sale/",)),
    old(
        "engines tools library jury bench",
        "llama, workspace, documents, auction, evaluation",
        "folders were divided by our words for what they do",
        kinds="module",
        within=tuple(f"edge_sale/{name}/" for name in ("engines", "tools", "library", "jury", "bench")),
    ),
)

ONCE = {
    # name -> of the classes that shared it, which one may keep it
    "Refused": "the event: nobody does the task",
    "Row": "none or one",
    "Plan": "none or one",
    "Worker": "none or one",
    "Book": "none or one",
    "Bench": "none or one",
    "Comparison": "none or one",
    "Workspace": "where an agent works",
    "Result": "what came of a task",
}


def files(*patterns: str) -> list[str]:
    found = {path.relative_to(ROOT).as_posix() for pattern in patterns for path in ROOT.glob(pattern) if path.is_file()}
    return sorted(name for name in found if not name.startswith(ALLOWED))


def python() -> list[str]:
    return files("edge_sale/**/*.py", "scripts/**/*.py", "tests/**/*.py")


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def names(source: str, path: str) -> Iterator[tuple[str, str, int]]:
    """(kind, name, line) of each name in a file, with the names of the file and of its folders."""
    for part in Path(path).with_suffix("").parts:
        yield "module", part, 0
    for node in ast.walk(ast.parse(source)):
        line = getattr(node, "lineno", 0)
        if isinstance(node, ast.ClassDef):
            yield "class", node.name, line
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield "function", node.name, line
        elif isinstance(node, ast.arg | ast.keyword) and node.arg:
            yield "parameter", node.arg, line
        elif isinstance(node, ast.Attribute):
            if not (isinstance(node.value, ast.Name) and node.value.id in LIBRARIES):
                yield "attribute", node.attr, line
        elif isinstance(node, ast.Name):
            yield "variable", node.id, line
        elif isinstance(node, ast.alias):
            for name in (node.name.rpartition(".")[2], node.asname):
                if name:
                    yield "variable", name, line
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.isidentifier():
            yield "key", node.value, line


def prose(source: str) -> Iterator[tuple[str, int]]:
    """(text, line) of every comment and docstring."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[0] if node.body else None
            if (
                isinstance(body, ast.Expr)
                and isinstance(body.value, ast.Constant)
                and isinstance(body.value.value, str)
            ):
                yield body.value.value, body.lineno
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.string, token.start[0]


def meant(entry: Old, path: str) -> bool:
    return path.startswith(entry.within) and not (entry.but and path.startswith(entry.but))


def in_code(source: str, path: str) -> list[str]:
    """Old names that a Python file gives or uses, a line each. Keys of tests are data: they are let be."""
    found = []
    entries = [entry for entry in OLD if meant(entry, path)]
    for kind, name, line in names(source, path):
        if kind == "key" and path.startswith("tests/"):
            continue
        for entry in entries:
            if name in entry.words and kind in entry.kinds:
                found.append(f"{path}:{line}: {kind} {name}; now: {entry.now}")
    return sorted(set(found))


def in_text(text: str, path: str, first: int = 1) -> list[str]:
    """Old names in prose, help or data, a line each."""
    found = []
    for entry in OLD:
        if entry.text and not (entry.but and path.startswith(entry.but)):
            for match in re.finditer(entry.text, text, re.MULTILINE | re.IGNORECASE):
                line = first + text.count("\n", 0, match.start())
                found.append(f"{path}:{line}: {match[0].strip()!r}; now: {entry.now}")
    return found


def helps(command: click.Command, words: str) -> Iterator[tuple[str, str]]:
    """(words, help) of a command and of all below it."""
    context = click.Context(command, info_name=words)
    yield words, command.get_help(context)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None, name
            yield from helps(below, f"{words} {name}")


def test_every_entry_says_what_and_why():
    """An old name has a new one and a reason; no entry is there twice."""
    assert [entry for entry in OLD if not (entry.words and entry.now and entry.why)] == []
    words = Counter((word, entry.within, kind) for entry in OLD for word in entry.words for kind in entry.kinds)
    assert [word for word, times in words.items() if times > 1] == []
    assert [entry.words for entry in OLD if not entry.kinds <= CODE] == []


@pytest.mark.parametrize("path", python())
def test_code_uses_no_old_name(path):
    """Classes, functions, parameters, attributes, variables, modules and keys have the names of the field."""
    assert in_code(read(path), path) == []


@pytest.mark.parametrize("path", [path for path in python() if not path.startswith("tests/")])
def test_comments_and_docstrings_use_no_old_name(path):
    """What is written about the code has the names of the field, too."""
    assert [hit for text, line in prose(read(path)) for hit in in_text(text, path, line)] == []


def test_help_uses_no_old_name():
    """The help of each command and of each of its options."""
    from edge_sale.cli import cli

    found = dict(helps(cli, "edge-sale"))
    assert len(found) > 40
    assert [hit for words, text in found.items() for hit in in_text(text, words)] == []


@pytest.mark.parametrize("path", files(*DOCS, *DATA))
def test_docs_and_data_use_no_old_name(path):
    """README, docs, cards, pools and the example config, with their keys."""
    assert in_text(read(path), path) == []


@pytest.mark.parametrize("name", ONCE)
def test_a_class_name_means_one_thing(name):
    """Names that several classes once shared are defined at most once."""
    at = [
        path
        for path in python()
        if not path.startswith("tests/")
        for kind, n, _ in names(read(path), path)
        if (kind, n) == ("class", name)
    ]
    assert at[1:] == []


@pytest.mark.parametrize(
    "path, source",
    [
        ("edge_sale/auction/hold.py", "class Reserve: ..."),
        ("edge_sale/auction/hold.py", "def f(floor): ..."),
        ("edge_sale/auction/hold.py", "f(spare=True)"),
        ("edge_sale/auction/hold.py", "x.hammer()"),
        ("edge_sale/auction/hold.py", "for pupil in y: ..."),
        ("edge_sale/auction/hold.py", "known = {}"),
        ("edge_sale/auction/market.py", "def home(): ..."),
        ("edge_sale/abroad.py", ""),
        ("edge_sale/engines/llama.py", ""),
        ("edge_sale/settings.py", "{'carry': []}"),
        ("edge_sale/settings.py", "from edge_sale.agents import ways"),
        ("edge_sale/settings.py", "from edge_sale.agents import work_strategies as ways"),
        ("edge_sale/remote/egress.py", "letter: int = 0"),
        ("edge_sale/memory/codes.py", ""),
        ("tests/workspace/kit.py", "def journal(): ..."),
    ],
)
def test_an_old_name_in_code_is_caught(path, source):
    """The control: each kind of name is found in a sample that has it."""
    assert len(in_code(source, path)) == 1


@pytest.mark.parametrize(
    "path, source",
    [
        ("edge_sale/auction/hold.py", "reserve_price = np.floor(3)"),
        ("edge_sale/settings.py", "known = Path.home()"),
        ("edge_sale/documents/html.py", "letter, lines, way = 1, 2, 3"),
        ("edge_sale/sqlite/wal_check.py", "journal = b''"),
        ("tests/agents/test_x.py", "{'carry': 1, 'reserve': 2}"),
        ("edge_sale/settings.py", "'we carry on'"),
    ],
)
def test_a_plain_word_in_code_passes(path, source):
    """The other control: plain words are free where they mean what they say."""
    assert in_code(source, path) == []


@pytest.mark.parametrize(
    "text",
    [
        "A remote model as a reserve:",
        "Below the floor nobody bids.",
        "edge-sale bench bottle",
        'carry = ["draft"]',
        "# carry = []",
        "weights = 'home-1'",
        "The pupils refine.",
    ],
)
def test_an_old_name_in_text_is_caught(text):
    """The control for prose, help and data."""
    assert len(in_text(text, "docs/x.md")) == 1


@pytest.mark.parametrize(
    "text", ["its reserve price", "reserve_price = 0.5", "Path.home", "EDGE_SALE_HOME", "carry on"]
)
def test_plain_text_passes(text):
    """The other control for prose."""
    assert in_text(text, "docs/x.md") == []


def test_a_class_defined_twice_is_seen():
    """The control for homonyms: the table of names tells classes apart from what only uses them."""
    sample = "class Row: ...\nx = Row()\ndef f():\n    class Row: ..."
    assert [name for kind, name, _ in names(sample, "a.py") if kind == "class"] == ["Row", "Row"]
