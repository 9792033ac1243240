"""`edge-sale bench run`: real models on real tasks, a line a run, resumable after any kill.

First every agent bids, is judged by all, and does every task along its own plan: those runs stand alone in
the table and can be replayed. Then the market sells the same tasks, in several orders, each with an auction
memory of its own that grows from nothing.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any

import numpy as np

from edge_sale import __version__, assemble
from edge_sale.auction.hold import collect
from edge_sale.auction.jury import Jury
from edge_sale.auction.ledger import Ledger, Sum, total
from edge_sale.auction.market import Market
from edge_sale.auction.scheduler import Scheduler
from edge_sale.errors import EdgeSaleError, NoBids, NotFinite, OutOfMemory
from edge_sale.evaluation import run_records, task_sets
from edge_sale.evaluation.cache import Cache, key
from edge_sale.evaluation.grading import Question, grade
from edge_sale.evaluation.records import BadRecord, Trial, lines
from edge_sale.events import silent
from edge_sale.prompts import fingerprint
from edge_sale.settings import Settings
from edge_sale.types import Agent, Bid, Entry, Outcome, Scored

Told = Callable[[str, int, int], None]  # what, done, of how many
SALE = "SALE"
KEPT = 2000  # characters of an answer


@dataclass(slots=True)
class Book:
    """The runs file: what is in it, and where the next line goes."""

    file: Path
    done: set[tuple[str, int, str]] = field(default_factory=set)  # (contender, order, task)
    stream: IO[str] | None = None

    def begin(self, about: dict[str, Any], contenders: Iterable[dict[str, Any]]) -> None:
        """Opens the file, going on where it ends. Raises BadRecord where it belongs to another run."""
        try:
            if self.file.exists() and self.file.stat().st_size:
                _cut_torn_line(self.file)
                self._go_on(about)
                self.stream = self.file.open("a", encoding="utf-8")
                return
            self.stream = self.file.open("w", encoding="utf-8")
        except OSError as error:
            raise EdgeSaleError(f"{self.file}: cannot be written: {error.strerror}") from error
        self.add(about, *contenders)

    def _go_on(self, about: dict[str, Any]) -> None:
        for number, (where, value) in enumerate(lines(self.file)):
            if number == 0:
                for name, now in about.items():
                    if value.get(name) != now:
                        raise BadRecord(
                            f"{where}: these runs have {name} {value.get(name)!r:.80}, now it is {now!r:.80}: "
                            "give another --out, or the same set, models and options to go on"
                        )
            elif value.get("kind") == "sold":
                self.done.add((value["contender"], value["order"], value["task"]))

    def add(self, *values: dict[str, Any]) -> None:
        assert self.stream is not None
        self.stream.write("".join(json.dumps(value, ensure_ascii=False) + "\n" for value in values))
        self.stream.flush()
        for value in values:
            if value["kind"] == "sold":
                self.done.add((value["contender"], value["order"], value["task"]))


def run(
    name: str,
    data: Path,
    out: Path,
    settings: Settings,
    *,
    agents: Sequence[str] = (),
    orders: int = 5,
    limit: int | None = None,
    visible: bool = False,
    told: Told,
) -> int:
    """Measures the settings' pool on the set and writes `out`; how many runs were made now. Raises EdgeSaleError."""
    questions = task_sets.load(name, data, visible=visible)[:limit]
    questions = prove(questions, out.with_name(f"{out.stem}.cache"), settings.sandbox, told)
    parts = assemble.plan(replace(settings, remember=False), agents)
    if parts.missing:
        assemble.market(parts)  # says how to pull what is missing
    prices = {agent.name: agent.price for agent in parts.pool.agents}
    about = {
        "kind": "set",
        "set": name,
        "pool": parts.pool.name,
        "prices": prices,
        "tasks": len(questions),
        "questions": key(*(q.item.task.id + q.item.task.text for q in questions)),
        "visible": visible,
        "seed": settings.seed,
        "prompts": fingerprint(),
        "orders": orders,
        "learned": "live runs",
        "models": {card.name: assemble.identity(card, settings) for card in parts.chat},
        "weights": f"{parts.weights.name} v{parts.weights.version}",
        "edge_sale": __version__,
    }
    book = Book(out)
    book.begin(
        about,
        [_about(agent, "alone", "one agent does everything") for agent in prices]
        + [_about(SALE, "sale", "live auctions; the auction memory grows from nothing in each order")],
    )
    before, jobs = len(book.done), len(questions) * (len(prices) + orders)
    market = assemble.market(parts)

    def step() -> None:
        told("runs", len(book.done), jobs)

    step()
    for question in questions:
        missing = [a for a in market.agents if (a.name, 0, question.item.task.id) not in book.done]
        if missing:
            book.add(*alone(question, market, missing, settings.sandbox))
            step()
    for order in range(orders):
        left = [q for q in shuffled(questions, order) if (SALE, order, q.item.task.id) not in book.done]
        if not left:
            continue
        memory = out.with_name(f"{out.stem}.memory-{order}.sqlite")
        market = assemble.market(assemble.plan(replace(settings, remember=True, memory_file=memory), agents))
        for question in left:
            book.add(sold(question, market, order, settings.sandbox))
            step()
    return len(book.done) - before


def prove(questions: Sequence[Question], cache: Path, sandbox: str, told: Told) -> list[Question]:
    """The questions whose grader has proved itself: the reference passes and an empty answer fails.

    A few references that fail here (too slow, or in need of what the sandbox withholds) leave their task
    out, and that is told; where it is more than one in ten, or an empty answer passes, BadRecord is raised.
    """
    known = Cache(cache, "proved")
    sound: list[Question] = []
    broken: list[str] = []
    for number, question in enumerate(questions, start=1):
        name = key(question.item.task.id, question.how, repr(question.key), question.reference)
        if name not in known:
            if grade(question, "", sandbox)[0]:
                raise BadRecord(f"task {question.item.task.id!r}: the grader lets an empty answer pass")
            known.put(name, not question.reference or grade(question, question.reference, sandbox)[0])
        if known[name]:
            sound.append(question)
        else:
            broken.append(question.item.task.id)
        told("grader proved on references", number, len(questions))
    if len(broken) * 10 > len(questions):
        raise BadRecord(
            f"the grader fails the reference of {len(broken)} of {len(questions)} tasks, {broken[0]!r} the first: "
            "is the set whole, and the sandbox working?"
        )
    if broken:
        told(f"left out, their own references fail here: {', '.join(broken)}", len(broken), len(broken))
    if unproved := sum(not question.reference for question in sound):
        told("without a reference to prove their grader on", unproved, unproved)
    return sound


def shuffled(questions: Sequence[Question], order: int) -> list[Question]:
    """The questions in the order of that number; order 0 is the set's own."""
    if order == 0:
        return list(questions)
    return [questions[i] for i in np.random.default_rng(order).permutation(len(questions))]


def alone(question: Question, market: Market, agents: Sequence[Agent], sandbox: str) -> list[dict[str, Any]]:
    """Two lines an agent, for the table and for replays: its bid, judged by all, and its work along it."""
    task, scheduler = question.item.task, market.scheduler
    bids, sat_out = _listen(scheduler, lambda: collect(task, market.agents, scheduler))[0]
    jury = Jury(task, market.agents, scheduler, market.weights, full=True)
    judged, spent = _listen(scheduler, lambda: jury.clear(bids))
    plans = {scored.bid.agent: scored.bid for scored in judged}
    cost = total(spent)
    found: list[dict[str, Any]] = []
    for agent in agents:
        bid = plans.get(agent.name)
        if bid is None:
            found.append(_sold(question, agent.name, 0, [agent.name], False, Sum(), Sum(), note=sat_out[agent.name]))
            continue
        outcome, entries = _listen(scheduler, lambda bid=bid, agent=agent: _work(question, market, agent, bid))  # type: ignore[misc]
        right, score = _graded(question, outcome, sandbox)
        work = total(entries)
        trial = Trial(
            task.id,
            agent.name,
            right,
            work.tokens_in,
            work.tokens_out,
            bid.strategy.text,
            bid.strategy.tokens,
            bid.strategy.entropy,
            outcome.answer[:KEPT],
            work.seconds,
            bid.scores,
            (cost.tokens, cost.dollars, cost.seconds),
            bid.strategy.signals,
        )
        found.append(run_records.to_line(question.item, trial))
        found.append(_sold(question, agent.name, 0, [agent.name], right, work, Sum(), score=score))
    return found


def sold(question: Question, market: Market, order: int, sandbox: str) -> dict[str, Any]:
    """One task sold by the market as any user's is, and graded."""
    try:
        sale = market.solve(question.item.task, silent)
    except NoBids as nobody:
        return _sold(question, SALE, order, ["nobody"], False, Sum(), Sum(), note=str(nobody))
    outcome = sale.outcome
    assert outcome is not None
    right, score = _graded(question, outcome, sandbox)
    tried = list(dict.fromkeys([e.who for e in sale.ledger.entries if e.purpose in ("work", "escalate")]))
    tried = [*(who for who in tried if who != outcome.agent), outcome.agent]
    line = _sold(question, SALE, order, tried, right, sale.ledger.work, sale.ledger.auction, score=score)
    line["bids"] = [_bid(scored) for scored in sale.award.ranked]
    line["text"] = question.item.task.text[:KEPT]
    return line


def _listen(scheduler: Scheduler, do: Callable[[], Any]) -> tuple[Any, list[Entry]]:
    """What `do` gives, and what it spent."""
    ledger = Ledger()
    with scheduler.events.heard_by(ledger):
        return do(), ledger.entries


def _work(question: Question, market: Market, agent: Agent, bid: Bid) -> Outcome:
    job = agent.execute(question.item.task, bid.strategy.text, lambda text: None)
    done = market.scheduler.drive({agent.name: job}, "work", market.work_seconds)[agent.name]
    if isinstance(done, OutOfMemory | NotFinite):
        raise done  # of this machine, not of the agent: never counted as a wrong answer
    if isinstance(done, EdgeSaleError):
        return Outcome(agent.name, "failed", "", notes=(str(done),))
    return done


def _graded(question: Question, outcome: Outcome, sandbox: str) -> tuple[bool, float]:
    return grade(question, outcome.answer, sandbox) if outcome.answer.strip() else (False, 0.0)


def _sold(
    question: Question,
    contender: str,
    order: int,
    tried: list[str],
    right: bool,
    work: Sum,
    auction: Sum,
    *,
    score: float = 0.0,
    note: str = "",
) -> dict[str, Any]:
    line = {
        "kind": "sold",
        "contender": contender,
        "order": order,
        "task": question.item.task.id,
        "bin": question.item.bin,
        "tried": tried,
        "success": right,
        "score": round(score, 4),
        "tokens": work.tokens,
        "dollars": work.dollars,
        "seconds": round(work.seconds, 4),
        "auction": [auction.tokens, auction.dollars, round(auction.seconds, 4)],
        "bids": [],
    }
    return {**line, "note": note} if note else line


def _bid(scored: Scored) -> dict[str, Any]:
    bid = scored.bid
    return {
        "agent": bid.agent,
        "phase": bid.phase,
        "price": bid.price,
        "tokens": bid.strategy.tokens,
        "cost": round(scored.cost, 5),
        "value": round(scored.value, 5),
        "right": None,
        "signals": {"entropy": round(bid.strategy.entropy, 4), **bid.strategy.signals},
        "plan": bid.strategy.text[:KEPT],
        "scores": {name: round(x, 3) for name, x in bid.scores.items()},
    }


def _about(name: str, group: str, source: str) -> dict[str, Any]:
    return {"kind": "contender", "name": name, "group": group, "source": source, "departs": ""}


def _cut_torn_line(file: Path) -> None:
    """Drops the line that a kill cut short: the run it began is made again."""
    with file.open("rb+") as stream:
        data = stream.read()
        end = data.rfind(b"\n") + 1
        if end < len(data):
            stream.truncate(end)
            stream.flush()
            os.fsync(stream.fileno())
