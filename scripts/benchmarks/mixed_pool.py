"""`./scripts/bench mixed --data DIR`: specialists and the starter's general agents in one market, on a mixed set.

Some of the tasks are of the specialists' trade, generated or written by hand. The others are published tasks of other
kinds, and prompts that only sound like the trade. There is no memory. The bench counts who wins, and grades work on the
trade. The bundled pool alone does the hand-written prompts too, as on a machine where nothing was pulled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from edge_sale import assemble
from edge_sale.auction.market import Market
from edge_sale.catalog.cards import BUNDLED_POOL, MIXED_POOL, load
from edge_sale.errors import EdgeSaleError, NoBids
from edge_sale.evaluation import task_sets
from edge_sale.evaluation.bundled_eval import tasks
from edge_sale.evaluation.grading import Question, grade
from edge_sale.evaluation.report import Figure
from edge_sale.events import silent
from edge_sale.settings import load as settings_of
from training import out_of_domain, written

OTHERS = {"mbpp": "mbpp_sanitized", "gsm8k": "gsm8k", "strategyqa": "strategyqa", "popqa": "popqa_1k"}
EACH = 12  # tasks of each of these
BIN = 6  # tasks of the trade of each number of steps
SEED = 9000


@dataclass(frozen=True, slots=True)
class Shares:
    """The outcomes of some tasks, in shares of all of them, and the mean seconds of an auction."""

    won: float  # by a specialist
    answered: float
    right: float
    seconds: float


def measure(data: Path | None, runs: int, tell: Callable[[str], None]) -> Iterator[Figure]:
    """The figures. `runs` is not used, because greedy plans are the same each time."""
    if data is None:
        raise EdgeSaleError("this bench needs published task sets: --data DIR")
    settings = replace(settings_of(), remember=False, seed=SEED)
    trade = [job.question for job in tasks.exam(BIN, SEED)]
    typed = {"hand-written": written.questions(), "hand-written later": written.questions(written.LATER)}
    others = {name: task_sets.load(name, data / folder)[100 : 100 + EACH] for name, folder in OTHERS.items()}
    # the reserve price was fitted on the first tasks of each set and on other prompts that sound like the trade
    outside = {**others, "next door": out_of_domain.questions()}

    alone = assemble.market(assemble.plan(replace(settings, pool=BUNDLED_POOL)))
    for name, questions in typed.items():
        tell(f"{name}, the bundled pool alone: {len(questions)} tasks")
        one = auctioned(alone, questions, settings.sandbox)
        yield Figure(f"{name}, the bundled pool alone: answered", 100 * one.answered, "%")
        yield Figure(f"{name}, the bundled pool alone: right", 100 * one.right, "%")
    both = assemble.market(assemble.plan(replace(settings, pool=MIXED_POOL)))
    for name, questions in {"generated": trade, **typed}.items():
        tell(f"{name}, both pools: {len(questions)} tasks")
        one = auctioned(both, questions, settings.sandbox)
        yield Figure(f"{name}, of the trade", len(questions), "tasks")
        yield Figure(f"{name}: won by a specialist", 100 * one.won, "%", 95, "least")
        yield Figure(f"{name}: right", 100 * one.right, "%")
        yield Figure(f"{name}: an auction", one.seconds, "s")
    for name, questions in outside.items():
        tell(f"{name}, both pools: {len(questions)} tasks")
        one = auctioned(both, questions, settings.sandbox, execute=False)
        yield Figure(f"{name}, of other kinds", len(questions), "tasks")
        yield Figure(f"{name}: won by a general agent", 100 - 100 * one.won, "%", 95, "least")
        yield Figure(f"{name}: an auction", one.seconds, "s")


def auctioned(market: Market, questions: Sequence[Question], sandbox: str, *, execute: bool = True) -> Shares:
    """Auctions of all questions; without `execute` no agent does the work."""
    special = {agent.name for agent in load().pool(BUNDLED_POOL).agents}
    won = answered = right = 0
    seconds = 0.0
    for question in questions:
        try:
            sale = market.solve(question.item.task, silent, execute=execute)
        except NoBids:
            continue
        won += sale.award.winner.bid.agent in special
        seconds += sale.ledger.auction.seconds
        if sale.outcome is not None:
            answered += 1
            right += grade(question, sale.outcome.answer, sandbox)[0]
    count = len(questions)
    return Shares(won / count, answered / count, right / count, seconds / count)
