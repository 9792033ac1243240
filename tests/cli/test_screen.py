"""What a person, a pipe and a program see of a run, with scripted agents."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from edge_sale.agents.checks import verifier
from edge_sale.auction.ledger import Sum
from edge_sale.auction.market import Market, Sale
from edge_sale.auction.scheduler import Scheduler
from edge_sale.cli.views.screen import Screen, listeners
from edge_sale.cli.views.tables import AuctionTable, award_view, cost_line
from edge_sale.errors import EngineError, MemoryFault
from edge_sale.scoring.weights import Weights
from edge_sale.types import Bid, Lesson, Outcome, Scored, Strategy, Task
from tests.cli.kit import edge, only_document
from tests.scripted import Scripted, ScriptedMemory, plan

WEIGHTS = Weights("test", 1, "made up", {"price_length": 0.1}, juror=0.4)
AGENTS = ("quick", "planner", "drafts")


def sell(
    hear: Screen,
    answer: str = "yes",
    *,
    domain: str = "text",
    memory: ScriptedMemory | None = None,
    execute: bool = True,
) -> Sale:
    """The run of a scripted market: `good` wins, `dear` loses, `mute` makes no bid."""
    scores = {"1. Do it well.": 5.0, "1. Do it.": 1.0}
    agents = [
        Scripted("good", 0.1, [plan("1. Do it well.")], [scores], Outcome("good", "done", answer)),
        Scripted("dear", 0.9, [plan("1. Do it.")], [scores]),
        Scripted("mute", 0.2, [EngineError("[no] voice")], [scores]),
    ]
    scheduler = Scheduler({}, agents={a.name: a for a in agents})
    parses = verifier(lambda task, answer: None)
    market = Market(agents, scheduler, WEIGHTS, memory, verify=parses, run={"seed": 7})
    hear.loading("three agents")
    sale = market.solve(Task("t1", "Say [bold]yes[/nope].", domain), hear, execute=execute)
    hear.end(sale)
    return sale


@pytest.fixture
def seen(capfd: Any) -> Callable[..., tuple[str, str]]:
    """Returns stdout and stderr of a scripted run with these options. Neither stream is a terminal."""

    def run(
        *, as_json: bool = False, quiet: bool = False, verbose: bool = False, trace: Path | None = None, **sale: Any
    ) -> tuple[str, str]:
        with listeners(as_json=as_json, quiet=quiet, verbose=verbose, trace=trace) as hear:
            sell(hear, **sale)
        out, err = capfd.readouterr()
        return out, err

    return run


def test_stdout_is_the_answer(seen: Callable[..., tuple[str, str]]) -> None:
    """Without options a pipe gets the answer. Table, reason and costs go to stderr without colours."""
    out, err = seen()
    assert out == "yes\n"
    assert "winner" in err and "good asks least" in err and "auction 0 tokens" in err
    assert "mute sat out: [no] voice" in err
    assert "\x1b" not in err


def test_bid_alone_writes_nothing_to_stdout(seen: Callable[..., tuple[str, str]]) -> None:
    """An auction without work has no answer."""
    out, err = seen(execute=False)
    assert out == "" and "work" not in err


def test_quiet_prints_only_the_answer(seen: Callable[..., tuple[str, str]]) -> None:
    """With --quiet the answer is on stdout and nothing on stderr."""
    assert seen(quiet=True) == ("yes\n", "")


def test_an_answer_that_does_not_parse_gets_a_note(seen: Callable[..., tuple[str, str]]) -> None:
    """Broken Python is printed as it is. A note is on stderr, also with --quiet."""
    for quiet in (False, True):
        out, err = seen(quiet=quiet, answer="def f(:", domain="python")
        assert out == "def f(:\n"
        assert err.count("note: the Python in this answer does not parse (line 1:") == 1


def test_an_auction_that_was_not_recorded_gets_a_note(seen: Callable[..., tuple[str, str]]) -> None:
    """If the memory fails at the end, the answer is printed, and every kind of output has the note."""
    for options in ({}, {"quiet": True}):
        out, err = seen(memory=ScriptedMemory(fault=MemoryFault("disk is full")), **options)
        assert out == "yes\n"
        assert err.count("note: this auction was not recorded: disk is full") == 1
    out, _ = seen(as_json=True, memory=ScriptedMemory(fault=MemoryFault("disk is full")))
    document = only_document(out)
    assert (document["recorded"], document["notes"]) == (False, ["this auction was not recorded: disk is full"])


def test_lessons_are_listed(seen: Callable[..., tuple[str, str]]) -> None:
    """One line says which agents have how many lessons, also if no agent may refine from them."""
    lesson = Lesson("t0", "Say no.", "1. Do it.", "1. Do it well.", "dear", "good", 0.9)
    out, err = seen(memory=ScriptedMemory({"good": [lesson], "dear": [lesson, lesson]}))
    assert out == "yes\n"
    line = "lessons from memory: good 1, dear 2; not used: no such agent is cheaper than the leader\n"
    assert line in err


def test_json_is_one_document(seen: Callable[..., tuple[str, str]]) -> None:
    """It holds the whole auction: every bid with its scores, who sat out, the answer and the costs."""
    out, err = seen(as_json=True, answer="caf\u00e9", memory=ScriptedMemory())
    document = only_document(out)
    assert err == ""
    assert (document["winner"], document["answer"], document["status"]) == ("good", "caf\u00e9", "done")
    assert [(bid["bid"]["agent"], bid["won"]) for bid in document["bids"]] == [("good", True), ("dear", False)]
    assert document["bids"][0]["bid"]["scores"] == {"good": 5.0, "dear": 5.0, "mute": 5.0}
    assert document["sat_out"] == {"mute": "[no] voice"}
    assert document["recorded"] is True
    assert set(document["cost"]) == {"auction", "work"}
    assert document["run"] == {"seed": 7}


def test_verbose_prints_every_event(seen: Callable[..., tuple[str, str]]) -> None:
    """With --verbose stderr has one line per event, and stdout has the answer."""
    out, err = seen(verbose=True)
    assert out == "yes\n"
    events = [line.split()[2] for line in err.splitlines() if line[:7].strip().replace(".", "").isdigit()]
    assert [e for e in events if e in ("opened", "placed", "satout", "led", "won", "finished")] == [
        "opened",
        "placed",
        "placed",
        "satout",
        "led",
        "won",
        "finished",
    ]


def test_trace_can_be_replayed(seen: Callable[..., tuple[str, str]], tmp_path: Path) -> None:
    """`edge-sale trace` prints plans, table, reason and answer of a recorded run."""
    file = tmp_path / "t.jsonl"
    seen(quiet=True, trace=file)
    done = edge(tmp_path, "trace", str(file))
    assert (done.returncode, done.stderr) == (0, "")
    for part in (
        "task: Say [bold]yes[/nope].",
        "1. Do it well.",
        "good leads with",
        "mute sat out",
        "winner",
        "good asks least",
        "good: done\nyes\n",
    ):
        assert part in done.stdout


def scored(agent: str, phase: Any = "opening", asking: float = -4.114) -> Scored:
    scores = dict.fromkeys(AGENTS, 4.8)
    bid = Bid(agent, 0.005, Strategy("1. Do it.", 96, 2.46), scores, phase)
    return Scored(bid, 0.185, 0.185 - asking)


def printed(what: Any, width: int) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(what)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("width", [80, 100, 140])
def test_table_shows_every_number_whole(width: int) -> None:
    """At 80 columns and more no cell of a bid is cut off."""
    rows = [scored("planner", "refined"), scored("quick", asking=0.1), scored("drafts")]
    text = printed(AuctionTable(rows, winner=rows[0], sat_out={"slow": "not finished after 60 s"}), width)
    assert max(map(len, text.splitlines())) <= width
    lines = [line for line in text.splitlines() if "0.005" in line]
    assert len(lines) == 3
    for line in lines:
        assert line.split().count("4.8") == 3 and "96" in line and "2.46" in line and "0.185" in line
    assert "planner (refined)" in lines[0] and "-4.114" in lines[0] and lines[0].rstrip().endswith("winner")
    assert "…" not in text and "slow sat out: not finished after 60 s" in text
    assert all(name in text for name in AGENTS)


def test_costs_fit_one_line() -> None:
    """Tokens, seconds and dollars of auction and work fit into 80 columns."""
    line = cost_line(Sum(1200, 289, 20.2, 0.00002), Sum(1500, 335, 40.5, 0.000083))
    assert line == "auction 1489 tokens (45%), 20.2 s · work 1835 tokens, 40.5 s · $0.000103"
    assert len(line) <= 80


def test_narrow_terminal_loses_nothing() -> None:
    """At 40 columns cells wrap, and no text is cut off."""
    text = printed(AuctionTable([scored("quick")]), 40)
    assert max(map(len, text.splitlines())) <= 40 and "…" not in text


def test_leader_is_marked_until_there_is_a_winner() -> None:
    """While the auction runs, the table marks the leader."""
    rows = [scored("quick"), scored("drafts", asking=1.0)]
    assert "leads" in printed(AuctionTable(rows, leader=rows[0]), 140)
    assert "leads" not in printed(AuctionTable(rows, leader=rows[0], winner=rows[1]), 140)


def test_text_of_models_cannot_control_the_terminal(seen: Callable[..., tuple[str, str]]) -> None:
    """Markup in tasks and answers is printed as text, and control characters are replaced."""
    with listeners(as_json=True, quiet=False, verbose=False, trace=None) as hear:
        sale = sell(hear, answer="[red]a[/red]\x1b]0;mine\x07b\tc")
    text = printed(award_view(sale.award, sale.outcome, "why", sale.run), 100)
    assert "Say [bold]yes[/nope]." in text
    assert "[red]a[/red]\N{REPLACEMENT CHARACTER}]0;mine\N{REPLACEMENT CHARACTER}b" in text
    assert "\x1b" not in text and "\x07" not in text
