"""Every agent on every task: its plan, its scores of all plans, and its work along its own plan.

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
from edge_sale.event_bus import EventBus
from edge_sale.events import Event, Spent
from edge_sale.protocols import Agent, Engine
from edge_sale.types import Entry, Job, Outcome, Purpose, Strategy

BATCH = 64  # tasks whose jobs share batches
Progress = Callable[[int], None]


def all_trials(
    questions: Sequence[Question], market: Market, sandbox: str, name: str, progress: Progress = lambda count: None
) -> Recording:
    """A graded trial of every agent on every task. Raises EdgeSaleError.

    An agent that gives no plan or no answer has failed the task. A trial's `judged` is what judging all plans of its
    task took.
    """
    trials: list[Trial] = []
    answers: list[tuple[Question, str]] = []
    for start in range(0, len(questions), BATCH):
        part = questions[start : start + BATCH]
        for trial, question in _of_batch(part, market):
            trials.append(trial)
            answers.append((question, trial.opening))
        progress(len(part))
    right = grade_all([asked for asked, _ in answers], [answer for _, answer in answers], sandbox)
    done = [_graded(trial, ok) for trial, ok in zip(trials, right, strict=True)]
    prices = {agent.name: agent.price for agent in market.agents}
    return recording(name, [question.item for question in questions], prices, done)


def _graded(trial: Trial, right: bool) -> Trial:
    return replace(trial, success=right and bool(trial.opening.strip()))


def _of_batch(questions: Sequence[Question], market: Market) -> list[tuple[Trial, Question]]:
    agents = market.agents
    pairs = [(question, agent) for question in questions for agent in agents]
    plans, bidding = drive(market, "bid", {label(q, a): (a, a.bid(q.item.task)) for q, a in pairs})
    texts = {q.item.task.id: [_text(plans[label(q, a)]) for a in agents] for q in questions}
    scores_of, judging = drive(
        market, "judge", {label(q, a): (a, a.judge(q.item.task, texts[q.item.task.id])) for q, a in pairs}
    )
    outcomes, working = drive(
        market,
        "work",
        {label(q, a): (a, a.execute(q.item.task, _text(plans[label(q, a)]), lambda text: None)) for q, a in pairs},
    )
    found: list[tuple[Trial, Question]] = []
    for question in questions:
        judged = total(entry for agent in agents for entry in judging.get(label(question, agent), ()))
        for place, agent in enumerate(agents):
            name = label(question, agent)
            plan, outcome = plans[name], outcomes[name]
            strategy = plan if isinstance(plan, Strategy) else Strategy("", 0, 0.0)
            work = total([*bidding.get(name, ()), *working.get(name, ())])  # an agent alone would plan, too
            scores = {
                juror.name: float(scores_of[label(question, juror)][place])
                for juror in agents
                if not isinstance(scores_of[label(question, juror)], Exception)
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


def drive(
    market: Market, purpose: Purpose, jobs: Mapping[str, tuple[Agent, Job[Any]]]
) -> tuple[dict[str, Any], dict[str, list[Entry]]]:
    """The reply to each job and what it spent, by the job's name. Raises EdgeSaleError where judging failed."""
    spent: dict[str, list[Entry]] = {}

    def on_event(event: Event) -> None:
        if isinstance(event, Spent):
            spent.setdefault(event.entry.who, []).append(event.entry)

    engines: Mapping[str, Engine] = market.scheduler.engines
    scheduler = Scheduler(engines, EventBus(on_event), agents={name: agent for name, (agent, _) in jobs.items()})
    done: dict[str, Any] = scheduler.drive({name: job for name, (_, job) in jobs.items()}, purpose)
    for name, reply in done.items():
        if isinstance(reply, EdgeSaleError) and purpose == "judge":
            raise EdgeSaleError(f"{name} could not judge: {reply}") from reply
    return done, spent


def label(question: Question, agent: Agent) -> str:
    """The name of one agent's job on one task."""
    return f"{agent.name} at {question.item.task.id}"


def _text(plan: Any) -> str:
    return plan.text if isinstance(plan, Strategy) else ""
