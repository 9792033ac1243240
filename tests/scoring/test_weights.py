"""Weights files: the shipped one holds, and a wrong one is refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_sale.catalog.cards import load, shipped_dir
from edge_sale.errors import ConfigError
from edge_sale.scoring.scorer import rank
from edge_sale.scoring.signals import SIGNALS
from edge_sale.scoring.weights import Own, Weights, from_table, read, to_table
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
        (("price_length", "pricelength"), "line 5: unknown key [signals] 'pricelength'; known: price_length"),
        (("= 0.5\n[jury]", "= 2\n[jury]"), "line 5: [signals] price_length should be from 0 to 1, is 2"),
        (("version = 1\n", ""), "missing key 'version'; known: name, version, provenance, [signals], [jury]"),
        (
            ("[jury]", "[jurors]"),
            "line 6: unknown key 'jurors'; known: name, version, provenance, [signals], [jury], [reserve_price]; did",
        ),
        (('"w"', '"w'), "not valid TOML"),
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
    carried = dict.fromkeys(SIGNALS, 0.7)
    bid = Bid("a", 0.2, Strategy("p", 50, 1.5, carried), {"x": 1.0, "y": 3.0})
    scored = rank([bid], Weights("w", 1, "", {name: 0.5}, juror=0.0))[0]
    sides = {"cost": scored.cost, "value": scored.value}
    found = SIGNALS[name].of(bid)
    assert found and sides.pop(SIGNALS[name].side) == pytest.approx(0.5 * found)
    assert list(sides.values()) == [0.0]


@pytest.mark.parametrize("name", SIGNALS)
def test_what_a_bid_does_not_carry_counts_as_usual(name: str) -> None:
    """A signal that is not there is neither good nor bad news: the weights say what it usually is."""
    bid = Bid("a", 0.2, Strategy("p", 50, 1.5))
    weights = Weights("w", 1, "", {name: 0.5}, juror=0.0, usual={name: 0.25})
    found = SIGNALS[name].of(bid)
    scored = rank([bid], weights)[0]
    assert {"cost": scored.cost, "value": scored.value}[SIGNALS[name].side] == pytest.approx(
        0.5 * (0.25 if found is None else found)
    )


def test_an_agent_of_its_own_weights_has_them_on_top() -> None:
    """An agent's constant and weights are added to everybody's; one that fitting never saw has the shared ones."""
    own = {"a": Own(2.0, {"entropy": 0.3, "price": 1.0})}
    weights = Weights("w", 1, "", {"entropy": 0.5}, juror=0.0, agents=own)
    known, new = (rank([Bid(name, 0.2, Strategy("p", 50, 1.5))], weights)[0] for name in ("a", "new"))
    assert (known.value, known.cost) == (pytest.approx(2.0 + 0.8 * 1.5), pytest.approx(0.2))
    assert (new.value, new.cost) == (pytest.approx(0.75), 0.0)


def test_weights_survive_being_written_down() -> None:
    """What `to_table` writes is read back the same, and what is not whole is refused by name."""
    own = {"a": Own(2.0, {"entropy": -0.3})}
    usual = {"familiarity": -3.0}
    weights = Weights("w", 3, "here", {"length": -2.5}, 0.1, {"j": -0.2}, agents=own, usual=usual, odds=True)
    table = to_table(weights)
    assert from_table(table, "w.json") == weights
    assert (weights.needs, weights.carried) == ({"length", "entropy"}, frozenset())
    assert Weights("w", 1, "", {"draft_entropy": 0.1}, 0.0).carried == {"draft"}
    for wrong in ({**table, "signals": {"lenght": 1.0}}, {**table, "jury": {"j": float("nan")}}, {"name": "w"}):
        with pytest.raises(ConfigError, match=r"w\.json"):
            from_table(wrong, "w.json")


def test_equals_keep_their_order() -> None:
    """Of two bids that ask the same, the one listed first leads."""
    bids = [Bid(name, 0.1, Strategy("p", 10, 1.0)) for name in ("first", "second")]
    ranked = rank(bids, Weights("w", 1, "", {"price_length": 1.0}, juror=0.0))
    assert [scored.bid.agent for scored in ranked] == ["first", "second"]


def test_no_bids_rank_to_nothing() -> None:
    """An empty market has an empty ranking."""
    assert rank([], Weights("w", 1, "", {}, juror=1.0)) == []
