"""The house stands: imports go down or along a floor, and the outside is touched where it should be."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "edge_sale"

# The floor of each module or package right below edge_sale; README's map shows the same.
FLOORS = {
    "__init__": 0,
    "types": 0,
    "errors": 0,
    "events": 0,
    "lines": 0,
    "prompts": 1,
    "settings": 1,
    "ledger": 1,
    "project": 1,
    "remotes": 1,
    "egress": 1,
    "sessions": 1,
    "engines": 2,
    "memory": 2,
    "catalog": 2,
    "tools": 2,
    "sandbox": 2,
    "library": 2,
    "jury": 3,
    "scoring": 3,
    "auction": 4,
    "agents": 4,
    "market": 5,
    "escalation": 5,
    "abroad": 6,
    "assemble": 6,
    "learning": 6,
    "__main__": 7,
    "cli": 7,
    "server": 7,
    "bench": 7,
}

PURE = {0, 1, 3, 4, 5}  # floors that need nothing but Python and numpy
NETWORK = {
    "socket",
    "http",
    "httpx",
    "httpx2",
    "requests",
    "urllib3",
    "urllib.request",
    "openai",
    "huggingface_hub",
    "aiohttp",
    "ftplib",
    "smtplib",
    "websockets",
}
DATABASE = {"sqlite3", "apsw", "sqlite_vec"}
WEIGHTS = {"llama_cpp", "gguf"}
MAY_SEND = {"engines/remote.py", "catalog/wire.py"}
MAY_READ_ENVIRON = {"settings.py"}
MAY_LISTEN = ("server/",)  # a loopback server needs sockets, and sends nothing of its own accord


def modules() -> list[str]:
    return sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))


def top(path: str) -> str:
    """The module or package right below edge_sale that a file belongs to."""
    return path.split("/")[0].removesuffix(".py")


def imports(source: str, path: str) -> Iterator[str]:
    """Every module that a file imports, wherever in it, but for what only type checkers read."""
    waiting: list[ast.AST] = [ast.parse(source)]
    here = ["edge_sale", *path.split("/")[:-1]]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = here[: len(here) + 1 - node.level] if node.level else []
            name = ".".join([*base, *filter(None, [node.module])])
            yield name
            yield from (f"{name}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and called(node) in ("import_module", "__import__") and node.args:
            if isinstance(node.args[0], ast.Constant):
                yield str(node.args[0].value)
        elif isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            waiting.extend(node.orelse)
            continue
        waiting.extend(ast.iter_child_nodes(node))


def called(node: ast.Call) -> str:
    return getattr(node.func, "attr", getattr(node.func, "id", ""))


def upward(source: str, path: str) -> list[str]:
    """Imports of a higher floor."""
    floor = FLOORS[top(path)]
    found = []
    for name in imports(source, path):
        parts = name.split(".")
        if parts[0] != "edge_sale" or len(parts) < 2 or parts[1] not in FLOORS:
            continue  # not ours, or a name out of edge_sale/__init__ itself
        if FLOORS[parts[1]] > floor:
            found.append(f"{path} (floor {floor}) imports {name} (floor {FLOORS[parts[1]]})")
    return found


def outside(source: str, path: str, wanted: set[str]) -> list[str]:
    """Imports of `wanted` modules, or of anything in them."""
    return [
        f"{path} imports {name}"
        for name in imports(source, path)
        if any(name == module or name.startswith(f"{module}.") for module in wanted)
    ]


def environ(source: str, path: str) -> list[str]:
    """Uses of the process's environment variables."""
    names = {"environ", "environb", "getenv", "getenvb", "putenv", "unsetenv"}
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            used = {node.attr} if node.value.id == "os" else set()
        elif isinstance(node, ast.ImportFrom) and node.module == "os":
            used = {alias.name for alias in node.names}
        else:
            continue
        found += [f"{path}, line {node.lineno}: {name}" for name in sorted(used & names)]
    return found


def violations(source: str, path: str) -> list[str]:
    """Everything that is wrong with one file of the package."""
    found = upward(source, path)
    if FLOORS[top(path)] in PURE:
        found += outside(source, path, NETWORK | DATABASE | WEIGHTS)
    elif path not in MAY_SEND and not path.startswith(MAY_LISTEN):
        found += outside(source, path, NETWORK)
    if path not in MAY_READ_ENVIRON:
        found += environ(source, path)
    return found


def test_every_module_has_a_floor():
    """A new module or package is given a floor here before it is merged."""
    assert [path for path in modules() if top(path) not in FLOORS] == []


@pytest.mark.parametrize("path", modules())
def test_imports_go_down_or_along(path):
    """No module imports from a floor above its own, and what is pure stays pure."""
    if top(path) in FLOORS:
        assert violations((PACKAGE / path).read_text(encoding="utf-8"), path) == []


@pytest.mark.parametrize(
    "path, source",
    [
        ("types.py", "from edge_sale.settings import load"),
        ("types.py", "from edge_sale import settings"),
        ("types.py", "from . import settings"),
        ("jury/likert.py", "def f():\n    from ..agents import ways"),
        ("jury/likert.py", "if True:\n    import edge_sale.market as m"),
        ("memory/store.py", "import importlib\nimportlib.import_module('edge_sale.assemble')"),
        ("market.py", "def f():\n    import llama_cpp"),
        ("auction.py", "import sqlite3"),
        ("agents/ways.py", "from apsw import Connection"),
        ("agents/ways.py", "from urllib.request import urlopen"),
        ("agents/ways.py", "from urllib import request"),
        ("engines/llama.py", "import socket"),
        ("catalog/pull.py", "import huggingface_hub"),
        ("catalog/install.py", "async def f():\n    import http.client"),
        ("cli/run.py", "import requests"),
        ("engines/llama.py", "import os\nos.environ['X']"),
        ("engines/llama.py", "import os\ndef f():\n    return os.getenv('X')"),
        ("engines/llama.py", "from os import environ"),
        ("auction.py", "from typing import TYPE_CHECKING\nif not TYPE_CHECKING:\n    import llama_cpp"),
        ("auction.py", "if TYPE_CHECKING:\n    pass\nelse:\n    import llama_cpp"),
    ],
)
def test_what_is_forbidden_is_caught(path, source):
    """The control: each kind of breach is found in a sample that has it."""
    assert len(violations(source, path)) >= 1


@pytest.mark.parametrize(
    "path, source",
    [
        ("types.py", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from edge_sale import market"),
        ("settings.py", "import os\nos.environ.get('X')"),
        ("settings.py", "from edge_sale.errors import ConfigError"),
        ("jury/likert.py", "from edge_sale.scoring import cost\nfrom edge_sale.jury.base import x"),
        ("jury/likert.py", "from . import base\nfrom .. import types"),
        ("engines/remote.py", "import openai"),
        ("catalog/wire.py", "import huggingface_hub"),
        ("engines/llama.py", "import llama_cpp\nimport urllib.parse"),
        ("memory/store.py", "import apsw"),
        ("server/app.py", "import http.server"),
        ("cli/__init__.py", "from edge_sale import __version__"),
    ],
)
def test_what_is_allowed_passes(path, source):
    """The other control: imports that the house allows are not complained about."""
    assert violations(source, path) == []


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=PACKAGE.parent)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_does_nothing():
    """`import edge_sale` writes no file, opens no socket, starts no process and loads nothing heavy."""
    code = """
import sys
seen = []
def hook(event, args):
    if event == "open" and any(mark in str(args[1]) for mark in "wax+"):
        seen.append(f"writes {args[0]}")
    elif event.startswith(("socket.", "subprocess.", "os.system", "os.fork", "os.exec", "os.posix_spawn",
                           "os.mkdir", "os.remove", "os.rename", "sqlite3.")):
        seen.append(f"{event} {args}")
sys.dont_write_bytecode = True
sys.addaudithook(hook)
import edge_sale
heavy = {"llama_cpp", "numpy", "rich", "click", "apsw", "huggingface_hub", "gguf", "openai", "jinja2"}
print([*seen, *sorted(heavy & sys.modules.keys())])
open("/dev/null", "w").close()
print(seen)
"""
    silent, control = run(code).splitlines()
    assert silent == "[]"
    assert control == "['writes /dev/null']"


def test_the_pure_floors_load_nothing_heavy():
    """Importing all of the auction loads no llama.cpp, database or HTTP client, not even through others."""
    pure = [path for path in modules() if FLOORS.get(top(path)) in PURE and not path.endswith("__main__.py")]
    names = [
        f"edge_sale.{path.removesuffix('.py').removesuffix('/__init__').replace('/', '.')}"
        for path in pure
        if path != "__init__.py"
    ]
    heavy = sorted(WEIGHTS | DATABASE | {"huggingface_hub", "requests", "httpx", "openai"})
    code = (
        f"import importlib, json, sys\nfor name in {names!r}: importlib.import_module(name)\n"
        f"print(json.dumps(sorted(set({heavy!r}) & sys.modules.keys())))"
    )
    assert json.loads(run(code)) == []
