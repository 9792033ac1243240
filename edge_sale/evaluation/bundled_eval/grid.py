"""Everyone at everything: each agent's plan for every task, all judgements, and its work along its own plan.

The jobs of many tasks go through the scheduler at once, so that small models are not idle between them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from edge_sale.auction.ledger import total
from edge_sale.auction.market import Market
from edge_sale.auction.scheduler import Scheduler
from edge_sale.errors import EdgeSaleError
from edge_sale.evaluation.bundled_tasks.grading import grade_all
from edge_sale.evaluation.grading import Question
from edge_sale.evaluation.records import Recording, Trial, recording
from edge_sale.events import Event, EventBus, Spent
from edge_sale.types import Agent, Engine, Entry, Job, Outcome, Purpose, Strategy

BITE = 64  # tasks whose jobs share batches
Told = Callable[[int], None]


def everyone(
    questions: Sequence[Question], market: Market, sandbox: str, name: str, told: Told = lambda count: None
) -> Recording:
    """The full grid of trials, graded. Raises EdgeSaleError.

    An agent that gives no plan or no answer has failed the task. `judged` of a trial is what judging all plans
    of its task took.
    """
    trials: list[Trial] = []
    answers: list[tuple[Question, str]] = []
    for start in range(0, len(questions), BITE):
        part = questions[start : start + BITE]
        for trial, question in _bite(part, market):
            trials.append(trial)
            answers.append((question, trial.opening))
        told(len(part))
    right = grade_all([asked for asked, _ in answers], [answer for _, answer in answers], sandbox)
    done = [_graded(trial, ok) for trial, ok in zip(trials, right, strict=True)]
    prices = {agent.name: agent.price for agent in market.agents}
    return recording(name, [question.item for question in questions], prices, done)


def bids(questions: Sequence[Question], market: Market, *, familiar: bool = False) -> list[list[Strategy]]:
    """The plans that agents bid for each task, of those who bid; with `familiar` also how familiar its words are."""
    agents: Sequence[Any] = market.agents
    if familiar:
        agents = [replace(agent, extra_signals=("familiarity",)) for agent in agents]
    every = [(question, agent) for question in questions for agent in agents]
    plans, _ = _drive(market, "bid", {_who(q, a): (a, a.bid(q.item.task)) for q, a in every})
    found = [[plans[_who(question, agent)] for agent in agents] for question in questions]
    return [[plan for plan in row if isinstance(plan, Strategy)] for row in found]


def _graded(trial: Trial, right: bool) -> Trial:
    return replace(trial, success=right and bool(trial.opening.strip()))


def _bite(questions: Sequence[Question], market: Market) -> list[tuple[Trial, Question]]:
    agents = market.agents
    every = [(question, agent) for question in questions for agent in agents]
    plans, bidding = _drive(market, "bid", {_who(q, a): (a, a.bid(q.item.task)) for q, a in every})
    texts = {q.item.task.id: [_text(plans[_who(q, a)]) for a in agents] for q in questions}
    verdicts, judging = _drive(
        market, "judge", {_who(q, a): (a, a.judge(q.item.task, texts[q.item.task.id])) for q, a in every}
    )
    outcomes, working = _drive(
        market,
        "work",
        {_who(q, a): (a, a.execute(q.item.task, _text(plans[_who(q, a)]), lambda text: None)) for q, a in every},
    )
    found: list[tuple[Trial, Question]] = []
    for question in questions:
        judged = total(entry for agent in agents for entry in judging.get(_who(question, agent), ()))
        for place, agent in enumerate(agents):
            who = _who(question, agent)
            plan, outcome = plans[who], outcomes[who]
            strategy = plan if isinstance(plan, Strategy) else Strategy("", 0, 0.0)
            work = total([*bidding.get(who, ()), *working.get(who, ())])  # alone it would plan, too
            scores = {
                juror.name: float(verdicts[_who(question, juror)][place])
                for juror in agents
                if not isinstance(verdicts[_who(question, juror)], Exception)
            }
            trial = Trial(
                question.item.task.id,
                agent.name,
                False,
                work.tokens_in,
                work.tokens_out,
                strategy.text,
                strategy.tokens,
                strategy.entropy,
                outcome.answer if isinstance(outcome, Outcome) else "",
                work.seconds,
                scores,
                (judged.tokens, judged.dollars, judged.seconds),
                strategy.signals,
            )
            found.append((trial, question))
    return found


def _drive(
    market: Market, purpose: Purpose, jobs: Mapping[str, tuple[Agent, Job[Any]]]
) -> tuple[dict[str, Any], dict[str, list[Entry]]]:
    """What came of each job, by who at what, and what it spent."""
    spent: dict[str, list[Entry]] = {}

    def hear(event: Event) -> None:
        if isinstance(event, Spent):
            spent.setdefault(event.entry.who, []).append(event.entry)

    engines: Mapping[str, Engine] = market.scheduler.engines
    scheduler = Scheduler(engines, EventBus(hear), agents={who: agent for who, (agent, _) in jobs.items()})
    done: dict[str, Any] = scheduler.drive({who: job for who, (_, job) in jobs.items()}, purpose)
    for who, reply in done.items():
        if isinstance(reply, EdgeSaleError) and purpose == "judge":
            raise EdgeSaleError(f"{who} could not judge: {reply}") from reply
    return done, spent


def _who(question: Question, agent: Agent) -> str:
    return f"{agent.name} at {question.item.task.id}"


def _text(plan: Any) -> str:
    return plan.text if isinstance(plan, Strategy) else ""
