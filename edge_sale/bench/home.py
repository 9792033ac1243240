"""`./scripts/bench home --data DIR`: specialists and the starter's general agents in one market, on a mixed set.

Half of the tasks are of the specialists' trade, half are published tasks of other kinds. Auctions alone are held,
without memory; who wins is counted, and the specialists' work on their own tasks is graded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from edge_sale import assemble
from edge_sale.bench import sets
from edge_sale.bench.bottle import tasks
from edge_sale.bench.grade import grade
from edge_sale.bench.report import Figure
from edge_sale.catalog.cards import BUNDLED_POOL, HOME_POOL, load
from edge_sale.errors import EdgeSaleError
from edge_sale.events import silent
from edge_sale.settings import load as settings_of

OTHERS = {"mbpp": "mbpp_sanitized", "gsm8k": "gsm8k", "strategyqa": "strategyqa", "popqa": "popqa_1k"}
EACH = 8  # tasks of each of these, and four times as many of the trade
SEED = 9000


def measure(data: Path | None, runs: int, tell: Callable[[str], None]) -> Iterator[Figure]:
    """The figures; `runs` is not used, for greedy plans are the same each time."""
    if data is None:
        raise EdgeSaleError("this bench needs published task sets: --data DIR")
    settings = replace(settings_of(), pool=HOME_POOL, remember=False, seed=SEED)
    market = assemble.market(assemble.plan(settings))
    special = {agent.name for agent in load().pool(BUNDLED_POOL).agents}
    trade = [job.question for job in tasks.exam(EACH // 2, SEED)]
    won = right = 0
    seconds = {True: 0.0, False: 0.0}
    for question in trade:
        sale = market.solve(question.item.task, silent)
        won += sale.award.winner.bid.agent in special
        right += sale.outcome is not None and grade(question, sale.outcome.answer, settings.sandbox)[0]
        seconds[True] += sale.ledger.auction.seconds
    yield Figure("tasks of the trade", len(trade), "")
    yield Figure("of them won by a specialist", 100 * won / len(trade), "%", 95, "least")
    yield Figure("of them done right", 100 * right / len(trade), "%")
    yield Figure("an auction of the trade", seconds[True] / len(trade), "s")
    count = general = 0
    for name, folder in OTHERS.items():
        mine = 0
        questions = sets.load(name, data / folder)[100 : 100 + EACH]  # the floor was fitted on the first ones
        for question in questions:
            sale = market.solve(question.item.task, silent, execute=False)
            mine += sale.award.winner.bid.agent not in special
            seconds[False] += sale.ledger.auction.seconds
        yield Figure(f"{name}: won by a general agent", 100 * mine / len(questions), "%")
        count, general = count + len(questions), general + mine
    yield Figure("other tasks won by a general agent", 100 * general / count, "%", 95, "least")
    yield Figure("an auction of another task", seconds[False] / count, "s")
