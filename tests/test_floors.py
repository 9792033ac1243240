"""The house stands: imports go down or along a floor, and the outside is touched where it should be."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "edge_sale"

# The floor of each folder of edge_sale, or of one module where that says otherwise; docs/architecture.md draws it.
FLOORS = {
    "__init__": 0,
    "types": 0,
    "protocols": 0,
    "errors": 0,
    "events": 0,
    "event_bus": 0,
    "text": 0,
    "legacy_names": 0,
    "prompts": 1,
    "environment": 1,
    "toml_tables": 1,
    "config_file": 1,
    "project": 1,
    "settings": 1,
    "sessions": 1,
    "hardware": 2,
    "sqlite": 2,
    "sandbox": 2,
    "remote": 3,
    "llama": 3,
    "catalog": 3,
    "workspace": 3,
    "memory": 4,
    "download": 4,
    "documents": 4,
    "scoring": 5,
    "auction": 6,
    "agents": 7,
    "learning": 7,
    "policy": 8,
    "remote_setup": 8,
    "result": 8,
    "assemble": 9,
    "api": 10,
    "evaluation": 10,
    "cli": 11,
    "server": 11,
    "__main__": 12,
}

# what needs nothing but Python and numpy
PURE = {
    "types",
    "errors",
    "events",
    "text",
    "legacy_names",
    "prompts",
    "environment",
    "toml_tables",
    "config_file",
    "project",
    "settings",
    "sessions",
    "scoring",
    "auction",
    "agents",
}
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
MAY_SEND = {"remote/client.py", "download/http.py"}
MAY_READ_ENVIRON = {"environment.py"}
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
    if top(path) in PURE:
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
        ("scoring/likert.py", "def f():\n    from ..agents import ways"),
        ("scoring/likert.py", "if True:\n    import edge_sale.assemble as m"),
        ("memory/store.py", "import importlib\nimportlib.import_module('edge_sale.assemble')"),
        ("auction/market.py", "def f():\n    import llama_cpp"),
        ("auction/hold.py", "import sqlite3"),
        ("agents/work_strategies.py", "from apsw import Connection"),
        ("agents/work_strategies.py", "from urllib.request import urlopen"),
        ("agents/work_strategies.py", "from urllib import request"),
        ("llama/engine.py", "import socket"),
        ("download/pull.py", "import huggingface_hub"),
        ("download/install.py", "async def f():\n    import http.client"),
        ("cli/run.py", "import requests"),
        ("llama/engine.py", "import os\nos.environ['X']"),
        ("llama/engine.py", "import os\ndef f():\n    return os.getenv('X')"),
        ("llama/engine.py", "from os import environ"),
        ("auction/hold.py", "from typing import TYPE_CHECKING\nif not TYPE_CHECKING:\n    import llama_cpp"),
        ("auction/hold.py", "if TYPE_CHECKING:\n    pass\nelse:\n    import llama_cpp"),
    ],
)
def test_what_is_forbidden_is_caught(path, source):
    """The control: each kind of breach is found in a sample that has it."""
    assert len(violations(source, path)) >= 1


@pytest.mark.parametrize(
    "path, source",
    [
        ("types.py", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from edge_sale import assemble"),
        ("environment.py", "import os\nos.environ.get('X')"),
        ("settings.py", "from edge_sale.errors import ConfigError"),
        ("auction/jury.py", "from edge_sale.scoring import cost\nfrom edge_sale.auction.base import x"),
        ("auction/jury.py", "from . import base\nfrom .. import types"),
        ("remote/client.py", "import openai"),
        ("download/http.py", "import huggingface_hub"),
        ("llama/engine.py", "import llama_cpp\nimport urllib.parse"),
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


@pytest.mark.unmeasured
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


@pytest.mark.unmeasured
def test_the_pure_floors_load_nothing_heavy():
    """Importing all of the auction loads no llama.cpp, database or HTTP client, not even through others."""
    pure = [path for path in modules() if top(path) in PURE and not path.endswith("__main__.py")]
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
