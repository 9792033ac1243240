"""Modules are short, and their imports make no circle: not between modules, not between folders.

Counted are all modules of edge_sale and of the developers' packages, benchmarks and training, and all imports in
them, those inside functions too; only what type checkers alone read is left out (`if TYPE_CHECKING:`).
"""

import ast
import statistics
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = {"edge_sale": ROOT, "benchmarks": ROOT / "scripts", "training": ROOT / "scripts"}
LONGEST = 350  # lines, as `ruff format` lays them out
MEDIAN = 100

Graph = dict[str, set[str]]


def modules() -> dict[str, Path]:
    """Dotted name -> file."""
    found = {}
    for package, base in PACKAGES.items():
        for file in sorted((base / package).rglob("*.py")):
            name = file.relative_to(base).with_suffix("").as_posix().replace("/", ".")
            found[name.removesuffix(".__init__")] = file
    return found


def lengths() -> dict[str, int]:
    """Dotted name -> lines."""
    return {name: len(file.read_text(encoding="utf-8").splitlines()) for name, file in modules().items()}


def statements(tree: ast.AST) -> Iterator[ast.AST]:
    """Every node that runs: not what stands under `if TYPE_CHECKING:`."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            waiting += node.orelse
        else:
            waiting += ast.iter_child_nodes(node)


def imported(source: str, name: str, package: bool, known: Iterable[str]) -> set[str]:
    """The modules among `known` that a module imports; `from folder import module` imports the module alone."""
    found = set()
    here = name.split(".") if package else name.split(".")[:-1]
    for node in statements(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {nearest(alias.name, known) for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = here[: len(here) + 1 - node.level] if node.level else []
            folder = ".".join([*base, *filter(None, [node.module])])
            found |= {nearest(f"{folder}.{alias.name}", known) for alias in node.names}
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("import_module", "__import__")):
            found |= {nearest(str(arg.value), known) for arg in node.args[:1] if isinstance(arg, ast.Constant)}
    return found - {"", name}


def nearest(name: str, known: Iterable[str]) -> str:
    """The module that a dotted name is, or is in."""
    while name and name not in known:
        name = name.rpartition(".")[0]
    return name


def graph() -> Graph:
    files = modules()
    return {
        name: imported(file.read_text(encoding="utf-8"), name, file.name == "__init__.py", files)
        for name, file in files.items()
    }


def folders(imports: Mapping[str, set[str]]) -> Graph:
    """The same between folders right below edge_sale (a module there is its own), and between the packages."""

    def folder(name: str) -> str:
        return ".".join(name.split(".")[: 2 if name.startswith("edge_sale.") else 1])

    found: Graph = {}
    for name, others in imports.items():
        found.setdefault(folder(name), set()).update(folder(other) for other in others if folder(other) != folder(name))
    return found


def circles(imports: Mapping[str, set[str]]) -> list[list[str]]:
    """Sets of modules that import one another, directly or through others, each sorted."""
    reached: Graph = {}
    for name in imports:
        seen, waiting = set(), list(imports[name])
        while waiting:
            if (other := waiting.pop()) not in seen:
                seen.add(other)
                waiting += imports.get(other, ())
        reached[name] = seen
    found = {
        tuple(sorted(other for other in reached[name] if name in reached[other]))
        for name in imports
        if name in reached[name]
    }
    return [list(circle) for circle in sorted(found)]


def test_no_module_is_long():
    """A module is read at one sitting."""
    long = [f"{name}: {lines} lines" for name, lines in lengths().items() if lines > LONGEST]
    assert long == [], "\n".join(long)


def test_most_modules_are_short():
    """The median module is at most a hundred lines; empty files, which only mark a folder, are not counted."""
    assert statistics.median([lines for lines in lengths().values() if lines]) <= MEDIAN


def test_modules_import_in_no_circle():
    """Whatever a module imports, at its head or when it is called, does not lead back to it."""
    imports = graph()
    assert len(imports) > 200
    found = [" - ".join(circle) for circle in circles(imports)]
    assert found == [], "\n".join(found)


def test_folders_import_in_no_circle():
    """The folders of edge_sale, and the packages, can be put in an order in which each imports only earlier ones."""
    found = [" - ".join(circle) for circle in circles(folders(graph()))]
    assert found == [], "\n".join(found)


@pytest.mark.parametrize(
    "source",
    [
        "import p.b",
        "from p import b",
        "from p.b import thing",
        "from . import b",
        "from .b import thing",
        "def f():\n    from p import b",
        "import importlib\nimportlib.import_module('p.b')",
        "if TYPE_CHECKING:\n    import q\nelse:\n    import p.b",
    ],
)
def test_an_import_is_seen(source):
    """The control: each way to import is found in a sample that has it."""
    assert imported(source, "p.a", False, {"p", "p.a", "p.b", "q"}) == {"p.b"}


def test_what_only_type_checkers_read_is_no_import():
    """The other control: nothing of it runs."""
    assert imported("if TYPE_CHECKING:\n    import p.b\nimport json", "p.a", False, {"p", "p.a", "p.b"}) == set()


def test_a_circle_is_found():
    """The control for circles: a short one and a long one, apart from what only leads to them."""
    imports = {"a": {"b"}, "b": {"a"}, "c": {"d"}, "d": {"e"}, "e": {"c"}, "f": {"a", "c"}, "g": set()}
    assert circles(imports) == [["a", "b"], ["c", "d", "e"]]


def test_a_circle_of_folders_is_found():
    """Folders can be in a circle where their modules are in none."""
    imports = {
        "edge_sale.x.one": {"edge_sale.y.one"},
        "edge_sale.y.two": {"edge_sale.x.two"},
        "edge_sale.x.two": set(),
        "edge_sale.y.one": set(),
    }
    assert circles(imports) == []
    assert circles(folders(imports)) == [["edge_sale.x", "edge_sale.y"]]
