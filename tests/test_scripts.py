"""The scripts that people and CI run: they parse, explain themselves, and keep their promises."""

import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# What is started by its name; a .py file there is imported or given to the environment's Python.
SCRIPTS = sorted(
    [*(path for path in (ROOT / "scripts").iterdir() if path.is_file() and not path.suffix), ROOT / ".ci/run"]
)
BASH = [path for path in SCRIPTS if "bash" in path.read_text(encoding="utf-8").splitlines()[0]]

UNWANTED = (
    "CMAKE_ARGS",
    "EDGE_SALE_LLAMA_WHEEL",
    "PYTHON",
    "EDGE_SALE_NO_APT",
    "COVERAGE_FILE",
    "COVERAGE_PROCESS_CONFIG",
)


def run(*command: object, cwd: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if name not in UNWANTED}
    return subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=kept | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )


@pytest.fixture
def bare(tmp_path) -> Path:
    """A checkout with no environment yet, and a folder `bin` with the few programs that any system has."""
    for name in ("scripts", "models"):
        shutil.copytree(ROOT / name, tmp_path / name)
    for name in ("pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "bin").mkdir()
    for name in ("bash", "env", "dirname", "cat", "cksum", "readlink", "sed", "id", "rm", "tail"):
        (tmp_path / "bin" / name).symlink_to(shutil.which(name))
    return tmp_path


def program(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_every_script_says_what_it_is_for(path):
    """The second line of each script is its purpose, and it can be executed."""
    first, second = path.read_text(encoding="utf-8").splitlines()[:2]
    assert first.startswith("#!/")
    assert re.match(r'# .{15,}|"""', second)
    assert os.access(path, os.X_OK)


@pytest.mark.parametrize("path", BASH, ids=lambda path: path.name)
def test_every_script_parses(path):
    """bash reads each script to its end."""
    assert run("bash", "-n", path).stderr == ""


@pytest.mark.parametrize("name", ["setup", "test", "check", "need", "table"])
def test_help_costs_nothing(name, bare):
    """--help answers before anything is set up."""
    done = run(bare / "scripts" / name, "--help", cwd=bare, PATH=str(bare / "bin"))
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout) > 40
    assert not (bare / ".venv").exists()


def test_setup_explains_its_environment():
    """Every variable that scripts/setup listens to stands in its help."""
    text = (ROOT / "scripts/setup").read_text(encoding="utf-8")
    told = run(ROOT / "scripts/setup", "--help").stdout
    for name in set(re.findall(r"EDGE_SALE_(?:LLAMA|NO)_\w+", text)) | {"PYTHON", "CMAKE_ARGS", "--no-models"}:
        assert name in told


def test_an_unknown_option_is_refused():
    """A misspelt option is not taken for none."""
    done = run(ROOT / "scripts/setup", "--no-model")
    assert done.returncode == 2
    assert "usage: scripts/setup" in done.stderr


def test_setup_names_what_is_missing_before_it_starts(bare):
    """With nothing installed: every missing program in one go, how to get them, and nothing begun."""
    done = run(bare / "scripts/setup", cwd=bare, PATH=str(bare / "bin"))
    assert done.returncode == 1
    assert done.stderr.startswith("setup: missing: Python >= 3.11, gcc, g++, cmake, git\n")
    for way in ("apt-get install", "dnf install", "brew install", "EDGE_SALE_LLAMA_WHEEL"):
        assert way in done.stderr
    assert not (bare / ".venv").exists()


def test_setup_names_only_what_is_missing(bare):
    """A program that is there is not asked for; an old Python counts as none."""
    for name in ("gcc", "ninja", "git"):
        program(bare / "bin", name, "exit 0")
    program(bare / "bin", "python3", "exit 1")
    done = run(bare / "scripts/setup", cwd=bare, PATH=str(bare / "bin"))
    assert done.stderr.startswith("setup: missing: Python >= 3.11, g++\n")


def test_a_prebuilt_wheel_needs_no_compiler(bare):
    """With EDGE_SALE_LLAMA_WHEEL the compilers are not asked for."""
    done = run(bare / "scripts/setup", cwd=bare, PATH=str(bare / "bin"), EDGE_SALE_LLAMA_WHEEL=str(bare / "x.whl"))
    assert done.stderr.startswith("setup: missing: Python >= 3.11\n")


@pytest.mark.parametrize("options, missing", [("--group", "gcc, g++, cmake, git"), ("", "Python's venv module, gcc")])
def test_a_uv_without_dependency_groups_is_not_used(options, missing, bare):
    """A uv that knows --group needs no venv module of Python's; an older one counts as none."""
    program(bare / "bin", "uv", f"echo options: {options}")
    program(bare / "bin", "python3", 'case "$2" in *ensurepip*) exit 1 ;; esac')
    done = run(bare / "scripts/setup", cwd=bare, PATH=str(bare / "bin"), EDGE_SALE_NO_UV="")
    assert done.stderr.startswith(f"setup: missing: {missing}")


def test_a_python_that_was_asked_for_and_is_none_is_named(bare):
    """PYTHON=… is taken at its word, and refused by name."""
    done = run(bare / "scripts/setup", cwd=bare, PATH=str(bare / "bin"), PYTHON="python2.7")
    assert done.returncode == 1
    assert done.stderr == "setup: PYTHON=python2.7 is not a Python >= 3.11 that runs\n"


@pytest.mark.skipif(not (ROOT / ".venv/.edge-sale-setup").exists(), reason="scripts/setup did not make .venv")
def test_a_second_setup_returns_at_once():
    """Where all is done, setup says nothing and takes less than 100 ms."""
    run(ROOT / "scripts/setup", "--no-models")
    times = []
    for _ in range(5):
        began = time.perf_counter()
        done = run(ROOT / "scripts/setup", "--no-models")
        times.append(time.perf_counter() - began)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert min(times) < 0.1


def test_need_asks_for_nothing_that_is_there(bare):
    """scripts/need is silent and calls no apt-get for programs on PATH, nor where that is switched off."""
    program(bare / "bin", "apt-get", f"echo called >> {bare}/called")
    for path, off in (("cat", ""), ("no-such-program", "1")):
        done = run(bare / "scripts/need", path, cwd=bare, PATH=str(bare / "bin"), EDGE_SALE_NO_APT=off)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not (bare / "called").exists()


@pytest.mark.skipif(os.getuid() != 0, reason="scripts/need installs as root only")
def test_need_never_fails(bare):
    """An apt-get that cannot install is told in a line; the tests go on without the program."""
    program(bare / "bin", "apt-get", "exit 100")
    done = run(bare / "scripts/need", "bwrap-not-here", cwd=bare, PATH=str(bare / "bin"))
    assert (done.returncode, done.stdout) == (0, "")
    assert "bwrap-not-here: could not be installed" in done.stderr


def test_constraints_pin_every_requirement():
    """Each dependency of the project, for use and for development, has one exact version."""
    table = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    project = table["project"]
    extras = [line for extra in project["optional-dependencies"].values() for line in extra]
    groups = [line for group in table["dependency-groups"].values() for line in group if isinstance(line, str)]
    wanted = [line for line in (*project["dependencies"], *extras, *groups) if not line.startswith("edge-sale[")]
    assert {"pytest>=8.3", "numpy>=2.0", "highspy>=1.10"} <= set(wanted)
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = dict(line.lower().replace("_", "-").split("==") for line in lines if line and line[0] != "#")
    assert all(re.fullmatch(r"\d[\w.+!]*", version) for version in pins.values())
    names = [re.match(r"[\w.-]+", requirement)[0].lower().replace("_", "-") for requirement in wanted]
    assert [name for name in names if name not in pins] == []


def test_what_users_install_names_no_tool_of_developers():
    """Extras are for users; what tests, lints, documents, trains and measures is in groups, which no wheel mentions."""
    table = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert {"test", "lint", "docs", "dev", "train", "bench"} <= table["dependency-groups"].keys()
    assert table["dependency-groups"].keys() & table["project"]["optional-dependencies"].keys() == set()
    groups = {line for group in table["dependency-groups"].values() for line in group if isinstance(line, str)}
    extras = {line for extra in table["project"]["optional-dependencies"].values() for line in extra}
    assert groups & extras == set()


SUM = """
import pytest
def test_one(): pass
def test_two(): assert {two}
@pytest.mark.skip(reason="because")
def test_three(): pass
@pytest.mark.models
def test_four(): {four}
"""


@pytest.mark.parametrize(
    "two, four, line, good",
    [
        ("True", "pass", "3 passed, 0 failed, 1 skipped", True),
        ("False", "assert False", "1 passed, 2 failed, 1 skipped", False),
        ("True", "import os; os.kill(os.getpid(), 11)", "2 passed, 1 failed, 1 skipped", False),
    ],
)
def test_the_suite_ends_with_the_sum_of_both_runs(two, four, line, good, bare):
    """scripts/test counts unit tests and model tests together, a crash as a failure, and says why it skips."""
    program(bare / "scripts", "setup", "exit 0")
    (bare / ".venv").symlink_to(sys.prefix)
    (bare / "test_sample.py").write_text(SUM.format(two=two, four=four))
    done = run(bare / "scripts/test", "test_sample.py", cwd=bare, EDGE_SALE_NO_APT="1")
    assert done.stdout.splitlines()[-1] == line
    assert "because" in done.stdout
    assert (done.returncode == 0) is good


def test_coverage_is_measured_over_all_runs(bare):
    """scripts/test --cov prints a table by folder and one total over both runs and their children, then the sum."""
    program(bare / "scripts", "setup", "exit 0")
    (bare / ".venv").symlink_to(sys.prefix)
    (bare / "test_sample.py").write_text(
        "import pytest, subprocess, sys\n"
        "def test_unit(): import edge_sale.errors\n"
        "def test_child(): subprocess.run([sys.executable, '-c', 'import edge_sale.sqlite.unit_vectors'], check=True)\n"
        "@pytest.mark.models\n"
        "def test_model(): import edge_sale.scoring.signals\n"
    )
    done = run(bare / "scripts/test", "--cov", "test_sample.py", cwd=bare, EDGE_SALE_NO_APT="1", PYTHONPATH=str(ROOT))
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    table = {line.split()[0]: float(line.split()[-1].rstrip("%")) for line in lines if line.endswith("%")}
    assert lines[-1] == "3 passed, 0 failed, 0 skipped"
    assert list(table)[-1] == "total"
    assert 0 < table["total"] < 50
    assert all(table[f"edge_sale/{name}"] > 0 for name in ("*.py", "sqlite", "scoring"))
    assert table["edge_sale/cli"] == 0
