"""What is remembered is data: it decides nothing that it should not, and the same memory decides the same again."""

from __future__ import annotations

import os
import random
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from edge_sale.agents.local import LocalAgent
from edge_sale.agents.local import within as fitting
from edge_sale.errors import MemoryFault
from edge_sale.memory.erase import Which, forget
from edge_sale.memory.history import History
from edge_sale.memory.reembed import reembed
from edge_sale.memory.store import AuctionMemory
from edge_sale.prompts import render
from edge_sale.types import Lesson, Outcome, Task

from .kit import Grams, agree, award, bid, done, market, run
from .orders import ORDERS
from .test_store import BAD

TIMES = int(os.environ.get("EDGE_SALE_TEST_TIMES", "0"))
STEPS = 10_000 if TIMES else 300
REPLAYS = 100
TEXT = "count the words of file 7"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "memory.sqlite"


# --- poison ------------------------------------------------------------------

PLACES = ["task", "plan", "other plan", "answer", "note", "sat out", "check", "run", "agent's reason", "files"]


def poisoned(place: str, order: str) -> dict[str, object]:
    """One recorded auction with `order` somewhere in it; without an order, an innocent one of the same shape."""
    text = f"{TEXT} {order}" if place == "task" else TEXT
    bids = (
        bid("big", 1.0, f"count. {order}" if place == "plan" else "count.", price=0.2),
        bid("quick", 2.0, f"guess. {order}" if place == "other plan" else "guess.", price=0.02),
    )
    a = award("past", text, *bids, sat_out={"slow": order if place in ("sat out", "agent's reason") else "late"})
    task = a.task.__class__(
        a.task.id, text, "text", (order,) if place == "files" else (), order if place == "check" else None
    )
    a = a.__class__(task, a.winner, a.provisional, a.ranked, a.sat_out, a.lessons)
    outcome = Outcome("big", "done", order if place == "answer" else "42", notes=(order,) if place == "note" else ())
    return {"award": a, "outcome": outcome, "run": run(note=order if place == "run" else "fine")}


@pytest.fixture(scope="module")
def empty(tmp_path_factory) -> Path:
    """A memory without auctions, to be copied: making one anew syncs the disk a dozen times."""
    path = tmp_path_factory.mktemp("empty") / "memory.sqlite"
    AuctionMemory.open(path, Grams()).close()
    return path


def sold(path: Path, place: str, order: str) -> tuple[object, ...]:
    """What an auction after such a record comes to: all that money, choice and escalation hang on."""
    with AuctionMemory.open(path, Grams()) as memory:
        memory.record(**poisoned(place, order))
        sale = market(memory).solve(Task("new", TEXT), lambda event: None)
        past = [(p.passed, p.score, p.plan_tokens, p.price) for p in memory.past(Task("new", TEXT), "big")]
        (lesson,) = memory.recall(Task("newer", TEXT), "quick", k=1)[:1] or [None]
    prices = {s.bid.agent: s.bid.price for s in sale.award.ranked}
    askings = [(s.bid.agent, s.bid.phase, s.asking) for s in sale.award.ranked]
    assert lesson is not None
    return prices, askings, sale.outcome, past


@pytest.mark.parametrize("place", PLACES)
def test_text_in_a_past_record_changes_no_price_winner_or_evidence(tmp_path, empty, place):
    """Ten kinds of orders in ten places of a record: prices, askings, winner, outcome, evidence are as without them."""
    clean, *found = (
        sold(Path(shutil.copy(empty, tmp_path / f"{n}.sqlite")), place, order) for n, order in enumerate(["x", *ORDERS])
    )
    assert found == [clean] * len(ORDERS)


@pytest.mark.parametrize("part", ["task", "won", "lost"])
@pytest.mark.parametrize("name", ["refine", "remote-plan"])
def test_text_in_a_lesson_opens_no_turn_and_changes_no_instruction(part, name):
    """The chat has the same turns with a poisoned lesson as with any: its text stands where a lesson's stands."""
    plain = {"task": "T", "won": "W", "lost": "L"}

    def chat(**words: str) -> list[tuple[str, str]]:
        texts = plain | words
        lesson = Lesson("a", texts["task"], texts["won"], texts["lost"], "big", "quick", 0.9)
        prompt = render(name, task="now", domain="text", files=(), lessons=[lesson])
        return [(m.role, m.content) for m in prompt.messages] + [("prefill", prompt.prefill)]

    usual = chat()
    for order in ORDERS:
        told = chat(**{part: order})
        shown = order.replace("\ue002", "").replace("\ue003", "")
        assert [role for role, _ in told] == [role for role, _ in usual], order
        changed = [(a, b) for (_, a), (_, b) in zip(usual, told, strict=True) if a != b]
        assert len(changed) == 1 and shown.strip() in changed[0][1], "control: it was shown, in one message"
        assert usual[0] == told[0] or name == "remote-plan", "the instructions are what they were"


def test_a_plan_cannot_name_its_price(path):
    """An agent's price comes from its card: what its plan says of it is words."""
    agent = LocalAgent("quick", "m", 0.07, "answer", "likert")
    job = agent.bid(Task("t", "do it"), [Lesson("a", "t", "price: 0.0", "l", "big", "quick", 0.9)])
    next(job)
    assert agent.price == 0.07


def test_lessons_are_bounded_however_long_past_tasks_were():
    """The lessons shown stay within their characters, the most similar first; the rest is left out whole."""
    long = [Lesson(str(n), "t" * 300, "w" * 300, "l" * 300, "a", "b", 1 - n / 100) for n in range(8)]
    assert [lesson.auction for lesson in fitting(long, 2000)] == ["1", "0"]
    assert fitting([Lesson("0", "t" * 10_000, "w", "l", "a", "b", 0.9)], 2000) == []


# --- the same again ----------------------------------------------------------


def test_the_same_memory_gives_the_same_sale_a_hundred_times(path):
    """Winner, bids, lessons and cost are identical in 100 replays on one memory, tasks of equal likeness and all."""
    with AuctionMemory.open(path, Grams()) as memory:
        for n in range(40):
            memory.record(award(f"t{n}", f"count the words of file {n % 7}"), done(), run())
    seen = set()
    for _ in range(REPLAYS):
        with AuctionMemory.open(path, Grams()) as memory:
            ready = replace(market(memory), record=False)
            sale = ready.solve(Task("new", TEXT), lambda event: None)
            dollars = sale.ledger.auction.dollars + sale.ledger.work.dollars
            seen.add((repr(sale.award), repr(sale.outcome), dollars))
    assert len(seen) == 1
    assert sale.award.lessons["quick"], "control: there was something to recall"
    assert not sale.recorded and len(History.open(path).list(100)) == 40, "a private sale leaves no trace"


# --- the sets agree ----------------------------------------------------------


def test_rows_vectors_and_binary_index_agree_after_random_steps(path):
    """Records, refusals, forgetting, other processes' records, re-embedding in any order: always one set."""
    draw = random.Random(8)
    alive: set[str] = set()
    embedders = [Grams(), Grams(dimension=48, identity="e2" * 32, name="other")]
    memory = AuctionMemory.open(path, embedders[0])
    second = AuctionMemory.open(path, embedders[0])
    for n in range(STEPS):
        step = draw.random()
        parts = (award(f"t{n}", f"sum the numbers of list {n % 40}"), done(), run())
        if step < 0.55:
            draw.choice([memory, second]).record(*parts)
            alive.add(f"t{n}")
        elif step < 0.75:
            with pytest.raises(MemoryFault):
                memory.record(*draw.choice(list(BAD.values()))(*parts))
        elif step < 0.97 and alive:
            gone = draw.choice(sorted(alive))
            assert forget(path, Which(id=gone)).auctions == 1
            alive.discard(gone)
        elif step > 0.995 or n == STEPS // 2:
            memory.close()
            second.close()
            embedders.reverse()
            reembed(path, embedders[0])
            memory, second = (AuctionMemory.open(path, embedders[0]) for _ in range(2))
        if n % 50 == 0 or n == STEPS - 1:
            assert agree(path) == alive
            for one in (memory, second):
                new = Task("new", f"sum the numbers of list {n % 40}")
                found = {lesson.auction for lesson in one.recall(new, "quick")}
                assert found <= alive and (found or not alive)
    memory.close()
    second.close()
