"""The wheel: what is in it, and that it works where there is no checkout."""

import ast
import json
import os
import re
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from importlib.metadata import packages_distributions
from importlib.util import find_spec
from pathlib import Path

import pytest

import edge_sale

ROOT = Path(__file__).parents[1]


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def imported() -> set[str]:
    """What comes first in the name of each module that edge_sale imports, wherever."""
    found = set()
    for file in (ROOT / "edge_sale").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.split(".")[0])
    return found


def test_every_dependency_is_imported():
    """What users install, with every extra, the package imports itself; a dependency that nothing uses is gone."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = [*project["dependencies"], *(line for extra in project["optional-dependencies"].values() for line in extra)]
    wanted = {normal(re.match(r"[\w.-]+", line)[0]) for line in lines} - {"edge-sale"}
    assert len(wanted) > 15
    modules = packages_distributions()
    used = {normal(dist) for module in imported() for dist in modules.get(module, [])}
    assert wanted - used == set()
    assert "pytest" not in used, "control: what only tests import does not count"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel, built from the checkout by the backend that pip would call."""
    folder = tmp_path_factory.mktemp("dist")
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    [file] = folder.glob("*.whl")
    return file


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    """A virtual environment elsewhere with the wheel in it; its dependencies are this environment's."""
    folder = tmp_path_factory.mktemp("elsewhere") / "venv"
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin/python"
    packages = Path(
        subprocess.run(
            [python, "-I", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
    )
    if find_spec("pip"):
        client = [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-index"]
    else:  # an environment that uv made
        client = ["uv", "pip", "install", "--python", str(python), "--offline"]
    done = subprocess.run([*client, "--no-deps", str(wheel)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    # Afterwards, or the installer would see the checkout's own edge-sale there. A plain path: .pth files
    # of that folder, such as the editable checkout's, are not read from here.
    (packages / "dependencies.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    return folder


def run(installed: Path, *args: str) -> str:
    """Output of a program of the new environment, started far from the checkout in a home of its own."""
    elsewhere = installed.parent
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in ("PYTHONPATH", "VIRTUAL_ENV") and not name.startswith(("EDGE_SALE_", "COVERAGE_"))
    } | {"HOME": str(elsewhere), "EDGE_SALE_HOME": str(elsewhere / "data")}
    done = subprocess.run(
        [installed / "bin" / args[0], *args[1:]], cwd=elsewhere, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_holds_all_that_a_run_needs(wheel):
    """Every prompt, card, pool and weights file, the example config and the typing mark are in the wheel."""
    names = set(zipfile.ZipFile(wheel).namelist())
    package = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "edge_sale").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    data = {f"edge_sale/{path.relative_to(ROOT).as_posix()}" for path in (ROOT / "models").rglob("*.toml")}
    assert {"edge_sale/models/pools/starter.toml", "edge_sale/models/smollm2-135m.toml"} <= data
    assert any(name.startswith("edge_sale/prompts/") for name in package)
    assert {"edge_sale/config.example.toml", "edge_sale/schemas/result.schema.json"} <= package
    assert sorted((package | data) - names) == []


def test_the_wheel_holds_nothing_else(wheel):
    """No weights but the five that come along, no tests, no caches; and it is small."""
    names = zipfile.ZipFile(wheel).namelist()
    strange = [name for name in names if not name.startswith("edge_sale/") and ".dist-info/" not in name]
    assert strange == []
    heavy = sorted(name for name in names if name.endswith((".gguf", ".safetensors", ".pyc")))
    ours = ("embedder", "junior", "lists", "senior", "texts")
    assert heavy == [f"edge_sale/models/bundled/{name}.gguf" for name in ours]
    assert wheel.stat().st_size < 6 * 2**20
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_the_wheel_holds_the_product_alone(wheel):
    """No bench, training or test is in the wheel, wherever, and its metadata names no tool of developers.

    The evaluation is a command of the product (`edge-sale bench`), so it is there.
    """
    archive = zipfile.ZipFile(wheel)
    inside = {name.removeprefix("edge_sale/") for name in archive.namelist() if ".dist-info/" not in name}
    folders = {part for name in inside for part in Path(name).parts[:-1]}
    assert folders & {"benchmarks", "training", "tests", "scripts", "docs"} == set()
    assert "evaluation/table.py" in inside
    [metadata] = [archive.read(name).decode() for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
    wanted = {line.split()[1] for line in metadata.splitlines() if line.startswith("Requires-Dist:")}
    assert any(name.startswith("numpy") for name in wanted)
    tools = ("pytest", "mypy", "ruff", "torch", "mkdocs", "faiss", "coverage", "hatchling", "hypothesis", "pre-commit")
    assert [name for name in wanted if name.startswith(tools)] == []


def test_the_installed_package_is_the_one_that_runs(installed):
    """Elsewhere, `import edge_sale` finds the wheel's files and not this checkout."""
    found = Path(run(installed, "python", "-c", "import edge_sale; print(edge_sale.__file__)").strip())
    assert found.is_relative_to(installed)


def test_the_command_answers_elsewhere(installed):
    """`edge-sale --version` and `--help` work from the installed wheel."""
    assert edge_sale.__version__ in run(installed, "edge-sale", "--version")
    assert "run" in run(installed, "edge-sale", "--help")


def test_cards_and_pools_are_found_elsewhere(installed):
    """`edge-sale models` lists the shipped cards where there is no checkout to find them in."""
    names = {row["name"] for row in json.loads(run(installed, "edge-sale", "models", "--json"))}
    assert {"smollm2-135m", "all-minilm-l6-v2"} <= names


def test_prompts_are_found_elsewhere(installed):
    """Every prompt that the checkout has can be listed from the installed package."""
    code = (
        "from importlib.resources import files\n"
        "print(sorted(p.name for p in (files('edge_sale') / 'prompts').iterdir() if p.name[0] != '_'))"
    )
    here = sorted(p.name for p in (ROOT / "edge_sale/prompts").iterdir() if p.name[0] != "_")
    assert run(installed, "python", "-c", code).strip() == str(here)


def test_the_installed_wheel_runs_the_first_command(installed):
    """With no checkout, no models pulled and offline: the bundled agents hold an auction, and the winner answers."""
    task = "Write a Python function that keeps the even numbers of a list and returns their sum."
    document = json.loads(run(installed, "edge-sale", "--offline", "run", task, "--seed", "1", "--json"))
    assert {bid["bid"]["agent"] for bid in document["bids"]} <= {"junior", "lists", "senior", "texts"}
    assert document["winner"] in {"junior", "lists", "senior", "texts"}
    assert "def solve" in document["answer"]
    assert document["recorded"]


def test_developers_packages_are_not_installed(installed):
    """`benchmarks` and `training` are found in a checkout alone."""
    code = "from importlib.util import find_spec; print([find_spec(n) for n in ('benchmarks', 'training', 'tests')])"
    assert run(installed, "python", "-c", code).strip() == "[None, None, None]"


def test_the_installed_version_is_the_packages(installed):
    """Metadata and `edge_sale.__version__` say one version."""
    code = "import importlib.metadata as m, edge_sale; print(m.version('edge-sale'), edge_sale.__version__)"
    assert run(installed, "python", "-c", code).split() == [edge_sale.__version__] * 2
