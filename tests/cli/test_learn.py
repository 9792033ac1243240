"""`fit`, `signals`, `good` and `bad` as a user meets them, on a real memory file."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from click.testing import CliRunner

from edge_sale import assemble
from edge_sale.cli import cli
from edge_sale.errors import ConfigError, EdgeSaleError
from edge_sale.learning import versions
from edge_sale.memory.history import History
from edge_sale.memory.store import AuctionMemory
from edge_sale.scoring.scorer import rank
from edge_sale.settings import load
from edge_sale.types import Award, Bid, Entry, Outcome, Strategy, Task
from tests.cli.kit import edge, new_home, only_document
from tests.learning.kit import SHIPPED
from tests.memory.kit import Grams

PRICES = {"quick": 0.02, "planner": 0.05, "drafts": 0.08}


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("EDGE_SALE_HOME", str(tmp_path))
    return new_home(tmp_path, 'pool = "starter"\n')


def remember(home: Path, count: int, *, known: bool = True, right=None, first: int = 0, pool: str = "starter") -> None:
    """Auctions of a past in which a sure draft means a right answer, nineteen times in twenty."""
    dice = random.Random(first)
    with AuctionMemory.open(home / "memory.sqlite", Grams()) as memory:
        for n in range(first, first + count):
            bids = []
            for name, price in PRICES.items():
                plan = Strategy(
                    f"1. Plan {n} of {name}.",
                    dice.randint(20, 60),
                    dice.uniform(0.5, 2),
                    {"draft_entropy": dice.uniform(0, 2)},
                )
                bids.append(Bid(name, price, plan, {juror: dice.uniform(0, 5) for juror in PRICES}))
            ranked = tuple(rank(bids, SHIPPED))
            won = ranked[0].bid
            sure = won.strategy.signals["draft_entropy"] < 1
            well = (sure if dice.random() < 0.95 else not sure) if right is None else right
            task = Task(f"{n:04x}", f"Do thing number {n}.")
            outcome = Outcome(won.agent, "done", "x", well if known else None)
            entries = [Entry(won.agent, "work", 100, 50, 1.0, won.price)]
            memory.record(Award(task, ranked[0], ranked[0], ranked), outcome, {"pool": pool, "entries": entries})


def call(*args: str) -> str:
    done = CliRunner().invoke(cli, list(args), catch_exceptions=True)
    if isinstance(done.exception, EdgeSaleError):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.stdout


def in_force() -> str:
    return assemble.plan(load()).weights.name


def test_fit_proposes_applies_and_rolls_back(home):
    """Nothing changes before --apply; then the market sells by the fitted weights; rolled back it is as it was."""
    remember(home, 220)
    told = json.loads(call("fit", "--json", "--seconds", "2"))
    assert told["data"]["outcomes"] == 220 and told["applied"] is None and in_force() == "starter-1"
    assert {row["name"] for row in told["scores"]} >= {"shipped", "paper's program", "outcome model"}
    assert all(row["regret"] is None for row in told["scores"])  # only winners' outcomes are known
    told = json.loads(call("fit", "--apply", "--json", "--seconds", "2"))
    if told["proposed"] is None:
        pytest.fail(f"a draft that tells in nineteen of twenty was not found: {told['scores']}")
    assert told["applied"] == 1 and in_force() == "fit-1"
    parts = assemble.plan(load())
    assert parts.weights.carried == {"draft"}  # bids are made to carry what these weights read
    assert [row["in_force"] for row in json.loads(call("fit", "--list", "--json"))["versions"]] == [True]
    assert "fit-1" in call("fit", "--list") and "in force" in call("fit", "--list")
    call("fit", "--rollback", "0")
    assert in_force() == "starter-1"
    call("fit", "--rollback", "1")
    assert in_force() == "fit-1"


def test_what_config_names_goes_first(home):
    """The user's own `weights` in config.toml stands, whatever was fitted."""
    versions.keep(load().weights_dir, "starter", "outcome model", {}, [], SHIPPED)
    assert in_force() == "fit-1"
    (home / "config.toml").write_text('pool = "starter"\nweights = "starter-1"\n')
    assert in_force() == "starter-1"


def test_damaged_weights_stop_a_run_and_can_be_rolled_back(home):
    """Never silently other weights: the file is named, and the way out that is named works."""
    versions.keep(load().weights_dir, "starter", "outcome model", {}, [], SHIPPED)
    (load().weights_dir / "fit-1.json").write_text("{")
    with pytest.raises(ConfigError, match=r"fit-1\.json.*edge-sale fit --rollback 0"):
        in_force()
    call("fit", "--rollback", "0")
    assert in_force() == "starter-1"


@pytest.mark.parametrize(
    ("past", "words"),
    [
        (None, "nothing recorded yet to learn from"),
        ({"count": 12, "known": False}, "none of the 12 recorded tasks has a known outcome"),
        ({"count": 12, "right": True}, "all 12 known outcomes are right"),
        ({"count": 4}, "4 outcomes are known, at least 10 are needed"),
        ({"count": 12, "pool": "other"}, "nothing recorded yet to learn from"),
    ],
)
def test_what_is_missing_is_said(home, past, words):
    """One line that names what is missing, and nothing is written."""
    if past:
        remember(home, **past)
    with pytest.raises(EdgeSaleError, match=words):
        call("fit", "--apply")
    assert not load().weights_dir.exists()


def test_good_and_bad_are_the_users_word(home):
    """The word goes before the check's, can be taken back, and is what fit learns from."""
    remember(home, 3, right=True)
    history = History.open(home / "memory.sqlite")

    def rights() -> list[bool | None]:
        return [one.outcome.right if one.outcome else None for one in history.auctions()]

    assert rights() == [True, True, True]
    assert json.loads(call("bad", "0001", "--json"))["right"] is False
    assert rights() == [True, False, True]
    assert json.loads(call("bad", "--json"))["auction"] == "0002"  # the last
    assert json.loads(call("good", "0001", "--undo", "--json"))["right"] is True
    assert rights() == [True, True, False]


def test_words_on_nothing_are_refused(home):
    """No history, or an id that is not there: one line with the way out."""
    with pytest.raises(EdgeSaleError, match="nothing is recorded yet"):
        call("good")
    remember(home, 1)
    with pytest.raises(EdgeSaleError, match="unknown auction 'ffff'"):
        call("bad", "ffff")


def test_signals_of_memory_and_of_recorded_runs(home, tmp_path):
    """The telling signal stands first with its interval; runs by path give the same kind of document."""
    remember(home, 60)
    first, *_ = json.loads(call("signals", "--json"))["signals"]
    assert first["signal"] == "draft_entropy" and first["overall"]["high"] < 0.3
    assert first["within"]["auc"] is None  # one known outcome a task
    assert "draft_entropy" in call("signals")
    runs = tmp_path / "runs.jsonl"
    write_runs(runs, 24)
    found = json.loads(call("signals", str(runs), "--json"))
    assert found["outcomes"] == 48 and {"price", "score by a"} <= {one["signal"] for one in found["signals"]}
    assert next(o for o in found["signals"] if o["signal"] == "score by a")["overall"]["auc"] == 1.0


def write_runs(file: Path, tasks: int) -> None:
    """What `bench run` writes: juror a knows which answers are right."""
    prices = {"a": 0.1, "b": 0.9}
    lines = [{"kind": "set", "set": "made", "prices": prices}]
    for n in range(tasks):
        for agent in prices:
            right = (n % 3 == 0) if agent == "a" else (n % 3 == 1)
            lines.append(
                {
                    "kind": "trial",
                    "task": f"t{n}",
                    "agent": agent,
                    "text": f"Do {n}.",
                    "domain": "text",
                    "bin": "x",
                    "checked": False,
                    "success": right,
                    "tokens_in": 10,
                    "tokens_out": 10,
                    "plan": "p",
                    "plan_tokens": 9 + n,
                    "entropy": 1.0 + n % 5,
                    "judged": [1, 0.0, 0.0],
                    "scores": {"a": 4.0 + n / 100 if right else 1.0, "b": 2.0},
                }
            )
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_fit_on_recorded_runs_compares_and_cannot_be_put_in_force(home, tmp_path):
    """Strangers' runs are compared whole, regret too; putting weights for them in force is refused by name."""
    runs = tmp_path / "runs.jsonl"
    write_runs(runs, 40)
    told = json.loads(call("fit", str(runs), "--json", "--seconds", "2"))
    by_name = {row["name"]: row for row in told["scores"]}
    assert told["proposed"] in ("outcome model", "paper's program")
    assert by_name["outcome model"]["passed"] > 0.55 > by_name["b alone"]["passed"]
    assert by_name["outcome model"]["regret"] is not None
    with pytest.raises(EdgeSaleError, match="these runs are of a, b, not in pool 'starter'"):
        call("fit", str(runs), "--apply", "--seconds", "2")
    with pytest.raises(EdgeSaleError, match=r"none\.jsonl: no such file"):
        call("fit", str(tmp_path / "none.jsonl"))


def test_recalibration_is_off_until_asked_for(home):
    """On, constants follow newer outcomes and what drifted is told; shipped weights have nothing to be held to."""
    remember(home, 220)
    call("fit", "--apply", "--seconds", "2")
    fitted = assemble.plan(load()).weights
    remember(home, 60, right=False, first=1000)
    assert assemble.plan(load()).weights == fitted and assemble.plan(load()).notes == ()
    (home / "config.toml").write_text('pool = "starter"\n[learn]\nrecalibrate = true\n')
    parts = assemble.plan(load())
    assert parts.weights.name == "fit-1 recalibrated"
    worst = min(PRICES, key=lambda a: parts.weights.of(a).constant - fitted.of(a).constant)
    assert parts.weights.of(worst).constant < fitted.of(worst).constant - 0.5
    assert any("since the fit" in note and "fit again with: edge-sale fit" in note for note in parts.notes)
    assert "drifted" in call("fit", "--list")
    call("fit", "--rollback", "0")
    assert "predict no chance of success" in assemble.plan(load()).notes[0]


def test_carry_is_named_or_refused(home):
    """What bids carry is off by default; a name that is not there is refused with those that are."""
    assert load().extra_signals == ()
    (home / "config.toml").write_text('pool = "starter"\n[auction]\ncarry = ["drafts"]\n')
    with pytest.raises(ConfigError, match="nothing is called 'drafts'; there are: draft, familiarity"):
        assemble.plan(load())


def test_as_a_process_a_document_stands_alone_on_stdout(home):
    """--json leaves one document on stdout, HiGHS' banner or not, and a user's mistake exits with 1."""
    done = edge(home, "fit", "--json")
    assert (done.returncode, only_document(done.stdout)["exit"]) == (1, 1)
    assert done.stderr.startswith("edge-sale: nothing recorded yet")
    remember(home, 40)
    done = edge(home, "fit", "--json", "--seconds", "2")
    assert done.returncode == 0 and only_document(done.stdout)["data"]["tasks"] == 40
