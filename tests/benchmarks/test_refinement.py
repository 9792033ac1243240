"""The bench of refinement: its figures worked by hand, and finished orders are not run again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks import refinement
from edge_sale.settings import load


def line(agent: str, right: bool, *, refined: float | None = None) -> dict:
    """A result line; with `refined`, the winner bid twice, first asking 1."""
    bids = [{"agent": agent, "phase": "opening", "cost": 1.5, "value": 0.5}]
    if refined is not None:
        bids.append({"agent": agent, "phase": "refined", "cost": refined, "value": 0.0})
    return {
        "tried": [agent],
        "success": right,
        "dollars": 0.002,
        "auction": [10, 0.001, 0.0],
        "bids": bids,
        "phase": "opening" if refined is None else "refined",
    }


def test_figures_are_worked_by_hand():
    """Two orders of three tasks: what lessons change is told order by order, with its standard error."""
    large, small = line("large", True), line("small", False)
    without = [[large, large, small], [large, large, large]]
    with_ = [[large, line("small", True, refined=0.5), line("small", True, refined=1.2)], [large, large, small]]
    found = {figure.what: figure for figure in refinement.compared(with_, without, "large")}

    def value(what: str) -> float:
        return found[what].value

    assert value("pass@1, with lessons") == pytest.approx(100 * 5 / 6)
    assert value("pass@1, without lessons") == pytest.approx(100 * 5 / 6)
    assert value("won by cheaper agents, with lessons") == pytest.approx(50)
    assert value("won by cheaper agents, with lessons, third 3") == pytest.approx(100)
    assert value("won by cheaper agents, without lessons, third 1") == 0
    assert value("won by cheaper agents, gained by lessons") == pytest.approx(100 / 3)
    assert value("won by cheaper agents, standard error of that over orders") == pytest.approx(0, abs=1e-9)
    assert value("won by cheaper agents, last third, gained by lessons") == pytest.approx(50)
    assert value("refined bids that ask less than the agent's own first") == 50
    assert value("auctions won by a refined bid") == pytest.approx(100 / 3)
    assert value("work and auction, with lessons") == pytest.approx(3.0)
    assert found["pass@1, gained by lessons"].met is True


def test_an_order_that_is_done_is_not_run_again(tmp_path, monkeypatch):
    """The same tasks, models, prompts and weights come from the folder; other weights are run anew."""
    asked: list[str] = []

    def run_order(jobs, settings, folder, method, order):
        asked.append(method)
        return [line("small", True)]

    monkeypatch.setattr(refinement.live_auctions, "run_order", run_order)
    settings = replace(load(), pool="starter", seed=0)

    def lines(**changes):
        return refinement.order_lines([], replace(settings, **changes), tmp_path, 0, lambda text: None)

    assert lines() == lines() == [line("small", True)]
    assert asked == ["with lessons"]
    lines(refine=False), lines(weights="mixed-1")
    assert asked == ["with lessons", "without lessons", "with lessons"]
