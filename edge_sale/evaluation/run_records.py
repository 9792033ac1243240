"""The trials of our own runs files as a recording: live plans, entropies, and jurors that bid themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edge_sale.auction.ledger import Sum
from edge_sale.evaluation.jsonl_store import BadRecord, lines, take
from edge_sale.evaluation.judges import Opinion
from edge_sale.evaluation.records import Item, Recording, Trial, recording
from edge_sale.types import Task

NUMBER = (int, float)


def read(file: Path, agents: Sequence[str] = ()) -> Recording:
    """The recording in a runs file. Raises BadRecord naming the line."""
    if not file.is_file():
        raise BadRecord(f"{file}: no such file; bench run writes one with --out")
    items: dict[str, Item] = {}
    trials: list[Trial] = []
    prices: Mapping[str, float] = {}
    name = ""
    for where, value in lines(file):
        if value.get("kind") == "set":
            if name:
                raise BadRecord(f"{where}: a second 'set' line; replay one runs file at a time")
            name, prices = take(where, value, "set", str), take(where, value, "prices", dict)
        elif value.get("kind") == "trial":
            item, trial = from_line(where, value)
            items.setdefault(item.task.id, item)
            trials.append(trial)
    if unknown := [agent for agent in agents if agent not in prices]:
        raise BadRecord(f"{file}: {unknown[0]!r} is not an agent of these runs; there are: {', '.join(prices)}")
    chosen = {agent: float(price) for agent, price in prices.items() if not agents or agent in agents}
    return recording(name or str(file), items.values(), chosen, [t for t in trials if t.agent in chosen])


def to_line(item: Item, trial: Trial) -> dict[str, Any]:
    """A trial as a line of a runs file."""
    return {
        "kind": "trial",
        "task": trial.task,
        "agent": trial.agent,
        "text": item.task.text,
        "domain": item.task.domain,
        "bin": item.bin,
        "checked": item.checked,
        "success": trial.success,
        "tokens_in": trial.tokens_in,
        "tokens_out": trial.tokens_out,
        "seconds": trial.seconds,
        "plan": trial.plan,
        "plan_tokens": trial.plan_tokens,
        "entropy": trial.entropy,
        "scores": dict(trial.scores),
        "judged": list(trial.judged),
        "answer": trial.opening,
        "signals": dict(trial.signals),
    }


def from_line(where: str, value: Mapping[str, Any]) -> tuple[Item, Trial]:
    """The task and the trial of such a line. Raises BadRecord."""
    task = Task(take(where, value, "task", str), take(where, value, "text", str), take(where, value, "domain", str))
    entropy, seconds = value.get("entropy"), value.get("seconds")
    trial = Trial(
        task=task.id,
        agent=take(where, value, "agent", str),
        success=take(where, value, "success", bool),
        tokens_in=take(where, value, "tokens_in", int),
        tokens_out=take(where, value, "tokens_out", int),
        plan=take(where, value, "plan", str),
        plan_tokens=take(where, value, "plan_tokens", int),
        entropy=None if entropy is None else float(take(where, value, "entropy", NUMBER)),
        opening=str(value.get("answer", "")),
        seconds=None if seconds is None else float(take(where, value, "seconds", NUMBER)),
        scores=take(where, value, "scores", dict),
        judged=tuple(take(where, value, "judged", list)),
        signals={name: float(x) for name, x in value.get("signals", {}).items()},
    )
    return Item(task, take(where, value, "bin", str), take(where, value, "checked", bool)), trial


def opinions(of: Recording) -> dict[str, Opinion]:
    """The agents' scores of each other's plans, as given when they bid. A juror that failed anywhere is left out."""
    everyone = [of.trial(item, agent) for item in of.items for agent in of.agents]
    jurors = set.intersection(*(set(trial.scores) for trial in everyone))
    found = {}
    for item in of.items:
        mine = {agent: of.trial(item, agent) for agent in of.agents}
        scores = {j: {agent: float(trial.scores[j]) for agent, trial in mine.items()} for j in sorted(jurors)}
        tokens, dollars, seconds = mine[of.agents[0]].judged
        found[item.task.id] = Opinion(scores, 0.0, Sum(int(tokens), 0, seconds, dollars))
    return found
