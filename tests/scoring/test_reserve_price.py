"""The reserve price: who is held to it, what reaches it, and how a weights file says it."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_sale.errors import ConfigError
from edge_sale.scoring.reserve_price import ReservePrice
from edge_sale.scoring.weights import read
from edge_sale.types import Bid, Strategy

RESERVE_PRICE = ReservePrice(0.5, 4.0, {"familiarity": 2.0}, ("senior",))


def bid(agent: str, familiarity: float) -> Bid:
    return Bid(agent, 1.0, Strategy("1. Do it.", 3, 0.1, {"familiarity": familiarity}))


def test_a_strange_task_is_below_the_reserve_price() -> None:
    """Words that are likely under the agent reach it, unlikely ones do not, and the reason has both numbers."""
    assert RESERVE_PRICE.refuses(bid("senior", -1.0)) == ""
    assert RESERVE_PRICE.refuses(bid("senior", -3.0)) == "not its trade: reaches 0.12, the reserve price is 0.50"


def test_nobody_else_is_held_to_it() -> None:
    """A general agent's bid stands however strange the words."""
    assert (RESERVE_PRICE.reached(bid("quick", -99.0)), RESERVE_PRICE.refuses(bid("quick", -99.0))) == (1.0, "")


@pytest.mark.parametrize("familiarity", [-1e9, 1e9])
def test_extremes_are_numbers(familiarity: float) -> None:
    """No overflow, whatever a model says."""
    assert 0.0 <= RESERVE_PRICE.reached(bid("senior", familiarity)) <= 1.0


HEAD = 'name = "w"\nversion = 1\nprovenance = "made up"\n[signals]\nprice = 0.1\n[jury]\njuror = 0.1\n'
TABLE = '[reserve_price]\nleast = 0.5\nconstant = 4.0\nagents = ["senior"]\nabout = "made up"\n'
REST = "[reserve_price.signals]\nfamiliarity = 2.0\n[reserve_price.errors]\nrefused = 0.01\nlet_in = 0.02\n"


def test_a_weights_file_says_it(tmp_path: Path) -> None:
    """What the file says is what holds, and its signals are asked for; a file without a reserve price has none."""
    file = tmp_path / "w.toml"
    file.write_text(HEAD + TABLE + REST)
    weights = read(file)
    assert weights.reserve_price == ReservePrice(
        0.5, 4.0, {"familiarity": 2.0}, ("senior",), "made up", {"refused": 0.01, "let_in": 0.02}
    )
    assert weights.needs == {"price", "familiarity"}
    file.write_text(HEAD)
    assert read(file).reserve_price is None


@pytest.mark.parametrize(
    ("was", "now", "says"),
    [
        ("least = 0.5", "least = 1.5", "least should be from 0 to 1"),
        ("constant = 4.0", "constant = nan", r"\[reserve_price\] constant should be a finite number, is nan"),
        ("constant = 4.0\n", "", r"missing key \[reserve_price\] 'constant'; known: least, constant, agents, about"),
        ("familiarity = 2.0", "familiarity = '2'", r"\[reserve_price.signals\] familiarity should be a number, is '2'"),
        ("familiarity = 2.0", "fame = 2.0", r"unknown key \[reserve_price.signals\] 'fame'; known: price_length"),
    ],
)
def test_a_bad_reserve_price_is_named(was: str, now: str, says: str, tmp_path: Path) -> None:
    """One line with the file and what is wrong."""
    file = tmp_path / "w.toml"
    file.write_text((HEAD + TABLE + REST).replace(was, now))
    with pytest.raises(ConfigError, match=rf"w\.toml, line \d+: .*{says}"):
        read(file)
