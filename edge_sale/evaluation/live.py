"""`edge-sale bench run`: real models on real tasks, a line for each run, resumable after any kill.

First every agent bids, is judged by all agents, and does every task along its own plan. These runs stand alone in the
table and can be replayed. Then the market handles the same tasks in several orders. Each order has an auction memory
of its own, which is empty at its start.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from edge_sale import __version__, assemble
from edge_sale.auction.hold import collect
from edge_sale.auction.jury import Jury
from edge_sale.auction.ledger import Ledger, Sum, total
from edge_sale.auction.market import Market
from edge_sale.auction.scheduler import Scheduler
from edge_sale.errors import EdgeSaleError, NoBids, NotFinite, OutOfMemory
from edge_sale.evaluation import run_records, task_sets
from edge_sale.evaluation.grading import Question, grade
from edge_sale.evaluation.jsonl_store import key
from edge_sale.evaluation.proved_questions import Progress, proved
from edge_sale.evaluation.records import Trial
from edge_sale.evaluation.result_lines import KEPT, NO_AGENT, bid_of, result_line, who_tried
from edge_sale.evaluation.runs_file import RunsFile, method_line
from edge_sale.events import silent
from edge_sale.prompts import fingerprint
from edge_sale.protocols import Agent
from edge_sale.settings import Settings
from edge_sale.types import Bid, Entry, Outcome

SALE = "SALE"


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
    progress: Progress,
) -> int:
    """Measure the settings' pool on a task set and write `out`; returns how many runs were made now.

    Raises EdgeSaleError.
    """
    questions = task_sets.load(name, data, visible=visible)[:limit]
    questions = proved(questions, out.with_name(f"{out.stem}.cache"), settings.sandbox, progress)
    parts = assemble.plan(replace(settings, remember=False), agents)
    if parts.missing:
        assemble.market(parts)  # raises the error that says how to pull what is missing
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
    runs = RunsFile(out)
    runs.begin(
        about,
        [method_line(agent, "alone", "one agent does everything") for agent in prices]
        + [method_line(SALE, "sale", "live auctions; the auction memory grows from nothing in each order")],
    )
    before, planned = len(runs.done), len(questions) * (len(prices) + orders)
    market = assemble.market(parts)

    def step() -> None:
        progress("runs", len(runs.done), planned)

    step()
    for question in questions:
        missing = [a for a in market.agents if (a.name, 0, question.item.task.id) not in runs.done]
        if missing:
            runs.add(*alone(question, market, missing, settings.sandbox))
            step()
    for order in range(orders):
        left = [q for q in shuffled(questions, order) if (SALE, order, q.item.task.id) not in runs.done]
        if not left:
            continue
        memory = out.with_name(f"{out.stem}.memory-{order}.sqlite")
        market = assemble.market(assemble.plan(replace(settings, remember=True, memory_file=memory), agents))
        for question in left:
            runs.add(auctioned(question, market, order, settings.sandbox))
            step()
    runs.close()
    return len(runs.done) - before


def shuffled(questions: Sequence[Question], order: int) -> list[Question]:
    """The questions in the order with this number. Order 0 is the set's own."""
    if order == 0:
        return list(questions)
    return [questions[i] for i in np.random.default_rng(order).permutation(len(questions))]


def alone(question: Question, market: Market, agents: Sequence[Agent], sandbox: str) -> list[dict[str, Any]]:
    """Two lines for each agent that bids, judged by all, and works: a trial for replays and a result for the table."""
    task, scheduler = question.item.task, market.scheduler
    bids, sat_out = _with_spending(scheduler, lambda: collect(task, market.agents, scheduler))[0]
    jury = Jury(task, market.agents, scheduler, market.weights, full=True)
    judged, spent = _with_spending(scheduler, lambda: jury.clear(bids))
    plans = {scored.bid.agent: scored.bid for scored in judged}
    cost = total(spent)
    found: list[dict[str, Any]] = []
    for agent in agents:
        bid = plans.get(agent.name)
        if bid is None:
            note = sat_out[agent.name]
            found.append(result_line(question, agent.name, 0, [agent.name], False, Sum(), Sum(), note=note))
            continue
        outcome, entries = _with_spending(
            scheduler,
            lambda bid=bid, agent=agent: _work(question, market, agent, bid),  # type: ignore[misc]
        )
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
        found.append(result_line(question, agent.name, 0, [agent.name], right, work, Sum(), score=score))
    return found


def auctioned(question: Question, market: Market, order: int, sandbox: str) -> dict[str, Any]:
    """The result of one task that the market handles as it handles a user's task."""
    try:
        sale = market.solve(question.item.task, silent)
    except NoBids as no_bids:
        return result_line(question, SALE, order, [NO_AGENT], False, Sum(), Sum(), note=str(no_bids))
    outcome = sale.outcome
    assert outcome is not None
    right, score = _graded(question, outcome, sandbox)
    tried = who_tried(sale, outcome)
    line = result_line(question, SALE, order, tried, right, sale.ledger.work, sale.ledger.auction, score=score)
    line["bids"] = [bid_of(scored) for scored in sale.award.ranked]
    line["text"] = question.item.task.text[:KEPT]
    return line


def _with_spending(scheduler: Scheduler, do: Callable[[], Any]) -> tuple[Any, list[Entry]]:
    """What `do` returns, and what it spent."""
    ledger = Ledger()
    with scheduler.events.heard_by(ledger):
        return do(), ledger.entries


def _work(question: Question, market: Market, agent: Agent, bid: Bid) -> Outcome:
    job = agent.execute(question.item.task, bid.strategy.text, lambda text: None)
    done = market.scheduler.drive({agent.name: job}, "work", market.work_seconds)[agent.name]
    if isinstance(done, OutOfMemory | NotFinite):
        raise done  # a fault of this machine is not a wrong answer of the agent
    if isinstance(done, EdgeSaleError):
        return Outcome(agent.name, "failed", "", notes=(str(done),))
    return done


def _graded(question: Question, outcome: Outcome, sandbox: str) -> tuple[bool, float]:
    return grade(question, outcome.answer, sandbox) if outcome.answer.strip() else (False, 0.0)
