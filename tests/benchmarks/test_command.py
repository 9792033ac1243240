"""`python -m benchmarks`: what it refuses, and what is left of a bench that was stopped."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner

from benchmarks import __main__ as command
from benchmarks import engine, engine_pool
from edge_sale.evaluation.report import Figure
from tests.cli.kit import environment

SCRIPTS = Path(__file__).parents[2] / "scripts"


def test_without_its_model_the_bench_says_what_to_pull(tmp_path):
    """One line with the command, exit 1, nothing on stdout."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "engine"],
        capture_output=True,
        text=True,
        env=environment(tmp_path, EDGE_SALE_MODELS=str(tmp_path)),
        cwd=SCRIPTS,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "edge-sale: not on this machine yet: 'smollm2-135m'; pull with: edge-sale pull smollm2-135m\n"
    )


def test_figures_of_a_stopped_bench_are_printed(monkeypatch):
    """After ^C the figures taken so far come out whole, and the exit code is 130."""

    def measure(data, runs, tell):
        yield Figure("first", 1.0, "s")
        raise KeyboardInterrupt

    monkeypatch.setattr(engine, "measure", measure)
    done = CliRunner().invoke(command.bench, ["engine", "--json"])
    assert done.exit_code == 130
    assert [figure["what"] for figure in json.loads(done.stdout)] == ["first"]
    assert "= first: 1 s" in done.stderr


def test_every_row_says_what_it_measures():
    """A row that is left out is named by the first line of its docstring."""
    assert all(row.__doc__ and row.__doc__.splitlines()[0].endswith(".") for row in engine.ROWS)


def test_tasks_differ():
    """No two of 35 tasks are the same: a cache has none of their answers."""
    assert len({engine_pool.task(number).text for number in range(35)}) == 35


def test_agents_beyond_the_pool_have_names_and_prices_of_their_own():
    """Eight agents on one model: no two of a name, the later ones dearer."""
    agents = engine_pool.agents(8)
    assert len({agent.name for agent in agents}) == 8
    assert min(agent.price for agent in agents[3:]) > max(agent.price for agent in agents[:3])
