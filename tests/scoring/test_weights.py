"""Weights files: the shipped one holds, and a wrong one is refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_sale.catalog.cards import load, shipped_dir
from edge_sale.errors import ConfigError
from edge_sale.scoring.scorer import rank
from edge_sale.scoring.signals import SIGNALS
from edge_sale.scoring.weights import Weights, read
from edge_sale.types import Bid, Strategy

GOOD = 'name = "w"\nversion = 1\nprovenance = "here"\n[signals]\nprice_length = 0.5\n[jury]\njuror = 0.5\n'


@pytest.mark.parametrize("file", sorted((shipped_dir() / "weights").glob("*.toml")), ids=lambda f: f.stem)
def test_shipped_weights_say_where_they_come_from_and_sum_to_one(file: Path) -> None:
    """Every shipped file has its own name, a provenance, and weights that sum to 1 over the pool it is for."""
    weights, pools = read(file), load().pools
    assert weights.name == file.stem and len(weights.provenance) > 80
    pool = pools[file.stem.rpartition("-")[0]]
    assert pool.weights == file.stem
    jury = sum(weights.of_juror(agent.name) for agent in pool.agents)
    assert sum(weights.signals.values()) + jury == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("price_length", "pricelength"), "unknown signal 'pricelength'; known: price_length"),
        (("= 0.5\n[jury]", "= 2\n[jury]"), "the weight of 'price_length' should be from 0 to 1, is 2"),
        (("version = 1\n", ""), "missing or unknown key: version"),
        (("[jury]", "[jurors]"), "missing or unknown key: jurors, jury"),
        (('"w"', '"w'), "cannot be read as weights"),
    ],
)
def test_wrong_weights_are_refused_by_name(tmp_path: Path, change: tuple[str, str], words: str) -> None:
    """The error names the file and what is wrong with it."""
    file = tmp_path / "mine.toml"
    file.write_text(GOOD.replace(*change))
    with pytest.raises(ConfigError) as error:
        read(file)
    assert str(file) in str(error.value) and words in str(error.value)


def test_a_juror_may_have_a_weight_of_its_own(tmp_path: Path) -> None:
    """[jury] gives single jurors their weight; the others have `juror`."""
    file = tmp_path / "mine.toml"
    file.write_text(GOOD + "expert = 0.9\n")
    bid = Bid("a", 0.0, Strategy("p", 0, 0.0), {"expert": 2.0, "novice": 4.0})
    assert rank([bid], read(file))[0].value == pytest.approx(0.9 * 2 + 0.5 * 4)


@pytest.mark.parametrize("name", SIGNALS)
def test_every_signal_moves_its_side(name: str) -> None:
    """A signal counts as cost or value with its weight, and is the only thing that does."""
    bid = Bid("a", 0.2, Strategy("p", 50, 1.5))
    scored = rank([bid], Weights("w", 1, "", {name: 0.5}, juror=0.0))[0]
    sides = {"cost": scored.cost, "value": scored.value}
    assert sides.pop(SIGNALS[name].side) == pytest.approx(0.5 * SIGNALS[name].of(bid))
    assert list(sides.values()) == [0.0]


def test_equals_keep_their_order() -> None:
    """Of two bids that ask the same, the one listed first leads."""
    bids = [Bid(name, 0.1, Strategy("p", 10, 1.0)) for name in ("first", "second")]
    ranked = rank(bids, Weights("w", 1, "", {"price_length": 1.0}, juror=0.0))
    assert [scored.bid.agent for scored in ranked] == ["first", "second"]


def test_no_bids_rank_to_nothing() -> None:
    """An empty market has an empty ranking."""
    assert rank([], Weights("w", 1, "", {}, juror=1.0)) == []
