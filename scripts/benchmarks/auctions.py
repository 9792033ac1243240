"""Rows of the engine's bench about auctions: judging, a whole auction, how its cost grows, and a warm prompt."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks import engine_pool
from benchmarks.race import OURS, Lap, against, seconds, stopwatch
from benchmarks.sequential import SequentialEngine
from benchmarks.sides import LIMIT, LLAMA, EngineSetup, drawn_by
from edge_sale.auction.hold import hold
from edge_sale.auction.judging import METHODS
from edge_sale.auction.scheduler import Scheduler
from edge_sale.errors import EngineError
from edge_sale.evaluation.report import Figure
from edge_sale.event_bus import EventBus
from edge_sale.events import Event, Spent, silent
from edge_sale.llama.llama_thread import llama_thread
from edge_sale.prompts import render
from edge_sale.protocols import Agent, Engine, Memory
from edge_sale.types import Award, Generate, Message, Prompt, Sampling, Task

PLANS = 6
SMALL = 32  # tokens per batch
WRITTEN = {  # the form of a judge's JSON -> its grammar, and the words that ask for it
    "JSON": ('root ::= "{\\"score\\": " [0-5] "}"', '{"score": 0 to 5}'),
    "JSON with a reason": (
        'root ::= "{\\"reason\\": \\"" [a-zA-Z ,.]{20,120} "\\", \\"score\\": " [0-5] "}"',
        '{"reason": a sentence, "score": 0 to 5}',
    ),
}


def judging(setup: EngineSetup) -> Iterator[Figure]:
    """6 plans judged by prefill against 6 scores written as JSON under a grammar."""
    sampling = Sampling(max_tokens=64, temperature=0.9)

    def drawn(number: int) -> list[str]:
        prompt = render("plan", domain="python", task=engine_pool.task(number).text, files=())
        request = Generate(prompt, replace(sampling, seed=100 * number), samples=PLANS)
        return [prompt.prefill + draft.text for draft in drawn_by(setup.ours, request)]

    plans = [drawn(number) for number in range(setup.runs + 1)]
    yield from batch_shapes(setup, plans)

    def method(name: str) -> Callable[[int], Lap]:
        return lambda number: stopwatch(lambda: len(scores(setup.ours, name, engine_pool.task(number), plans[number])))

    def writing(kind: str) -> Callable[[int], Lap]:
        return lambda number: stopwatch(
            lambda: len(json_scores(setup.llama, engine_pool.task(number), plans[number], kind))
        )

    methods = {name: method(name) for name in ("recoverability", "likert")}
    judges = {f"{LLAMA} writing {kind}": writing(kind) for kind in WRITTEN}
    laps = setup.race(f"judge {PLANS} plans", {**methods, **judges})
    goals = {f"{LLAMA} writing JSON": 6.0}
    for name in methods:
        sides = {OURS: laps[name], **{judge: laps[judge] for judge in judges}}
        yield from against(f"judge {PLANS} plans, {name}", sides, goals, unit="s", mid=seconds)


def batch_shapes(setup: EngineSetup, plans: list[list[str]]) -> Iterator[Figure]:
    """How much a juror's scores, 0 to 5, change if only the number of tokens that llama.cpp reads at a time changes."""
    model = setup.model
    small = SequentialEngine(model.name, model.file, context=setup.llama.context, threads=model.threads, batch=SMALL)

    def judged(engine: Engine) -> Any:
        """The engine's scores of all plans, shape (tasks, PLANS)."""
        return np.array([scores(engine, "recoverability", engine_pool.task(n), drawn) for n, drawn in enumerate(plans)])

    try:
        setup.forget()
        llama, others = judged(setup.llama), {f"{LLAMA} reading {SMALL} tokens at a time": small, OURS: setup.ours}
        for name, engine in others.items():
            apart = float(np.abs(judged(engine) - llama).max())
            yield Figure(f"judge {PLANS} plans, scores most apart, {name} against {LLAMA}", apart, "of 5")
    finally:
        small.close()


def scores(engine: Engine, method: str, task: Task, plans: list[str]) -> list[float]:
    """One juror's scores of the plans, by the jury's own method."""
    job = METHODS[method](task, plans)
    requests: Any = next(job)
    request = engine.loglik if method == "recoverability" else engine.choose
    replies = request(requests)
    if failed := [reply for reply in replies if isinstance(reply, Exception)]:
        raise failed[0]
    try:
        job.send(replies)
    except StopIteration as end:
        found: list[float] = end.value
        return found
    raise EngineError(f"the jury's method {method!r} asks twice; this bench knows one question")


def json_scores(llama: SequentialEngine, task: Task, plans: list[str], kind: str) -> list[int]:
    """The scores of a judge that writes them as JSON, one call per plan."""
    grammar, form = WRITTEN[kind]
    sampling = Sampling(max_tokens=160, grammar=grammar)

    def score(plan: str) -> int:
        *before, last = render("likert", task=task.text, plan=plan).messages
        request = last.content.replace("Answer with one digit, 0 to 5.", f"Answer with {form}.")
        tokens = llama.tokens(Prompt((*before, replace(last, content=request))))
        text = llama_thread().do(lambda: llama.complete(tokens, sampling, 0)[0])
        return int(json.loads(text)["score"])

    return [score(plan) for plan in plans]


def auctions(setup: EngineSetup) -> Iterator[Figure]:
    """A whole auction of 3 agents with lessons for all, against one call per request with nothing skipped."""
    agents = engine_pool.agents()
    # with a model name for each agent, jurors do not share answers
    separate = [replace(agent, model=f"{agent.model}/{agent.name}") for agent in agents]
    won: dict[str, list[str]] = {OURS: [], LLAMA: [], "replay": []}

    def run(side: str, number: int, engine: engine_pool.RecordingEngine, bidders: list[Any], full: bool) -> Lap:
        def once() -> float:
            award = auction(engine, bidders, engine_pool.task(number), full=full, memory=engine_pool.FixedMemory())
            won[side].append(award.winner.bid.agent)
            return 1.0

        return stopwatch(once)

    def ours(number: int) -> Lap:
        setup.forget()
        return run(OURS, number, engine_pool.RecordingEngine(setup.ours), agents, False)

    def theirs(number: int) -> Lap:
        setup.forget()
        slow = engine_pool.RecordingEngine(setup.llama)
        lap = run(LLAMA, number, slow, separate, True)
        run("replay", number, engine_pool.RecordingEngine(setup.ours, replay=slow.drawn), agents, False)  # not timed
        return lap

    laps = setup.race("auction", {OURS: ours, LLAMA: theirs})
    setup.tell(f"winners: ours {won[OURS]}, Llama's {won[LLAMA]}, ours on Llama's plans {won['replay']}")
    yield from against("auction of 3 agents", laps, 5, unit="s", mid=seconds)
    yield Figure("same winner on the same plans", agreement(won[LLAMA], won["replay"]), "%", 100, "least")
    yield Figure("same winner, each drawing its own plans", agreement(won[LLAMA], won[OURS]), "%")


def agreement(one: list[str], other: list[str]) -> float:
    """Per cent of the places at which both lists have the same name."""
    return 100 * sum(a == b for a, b in zip(one, other, strict=True)) / len(one)


def auction(
    engine: Engine,
    agents: list[Any],
    task: Task,
    *,
    full: bool = False,
    memory: Memory | None = None,
    emit: Callable[[Event], None] = silent,
) -> Award:
    """One auction with every agent on `engine`, whatever its model's name is."""
    by_name: dict[str, Agent] = {agent.name: agent for agent in agents}
    scheduler = Scheduler({agent.model: engine for agent in agents}, EventBus(emit), agents=by_name)
    return hold(task, agents, scheduler, engine_pool.weights(), memory, full=full)


def warmth(setup: EngineSetup) -> Iterator[Figure]:
    """Reading the prompt of a second bid whose first 400 tokens or so were read before, against reading it cold."""

    def bid(number: int) -> float:
        task = engine_pool.task(number)
        prompt = render("refine", domain=task.domain, task=task.text, files=(), lessons=engine_pool.LESSONS[:1])
        drawn_by(setup.ours, Generate(prompt, Sampling(max_tokens=1)))
        return 1.0

    reused: list[int] = []

    def warm(number: int) -> Lap:
        setup.forget()
        bid(number + 1)
        before = setup.ours.reused
        lap = stopwatch(lambda: bid(number))
        reused.append(setup.ours.reused - before)
        return lap

    def cold(number: int) -> Lap:
        setup.forget()
        return stopwatch(lambda: bid(number))

    laps = setup.race("prompt of a second bid", {OURS: warm, "cold": cold})
    setup.tell(f"tokens taken from the cache: {reused}")
    yield from against("prompt of a second bid", laps, 10, unit="s", mid=seconds)


def growth(setup: EngineSetup) -> Iterator[Figure]:
    """How an auction's cost grows with the agents, the plans' length and the task's length: one cold run each."""
    task = engine_pool.task(0)
    for count in (1, 2, 3, 4, 6, 8):
        yield from cost(setup, f"auction of {count} agents", engine_pool.agents(count), task)
    for length in (20, 40, 80, 160):
        yield from cost(setup, f"auction, plans of up to {length} tokens", engine_pool.agents(plan_tokens=length), task)
    for words in (50, 200, 800):
        long = replace(task, text=f"{task.text} The numbers are {', '.join(str(n % 10) for n in range(words))}.")
        yield from cost(
            setup, f"auction, task of {setup.ours.count(user_prompt(long.text))} tokens", engine_pool.agents(), long
        )


def user_prompt(text: str) -> Prompt:
    return Prompt((Message("user", text),))


def cost(setup: EngineSetup, what: str, agents: list[Any], task: Task) -> Iterator[Figure]:
    """Seconds and tokens of one auction without memory; nothing after the end of the bench's time."""
    if setup.clock.over:
        setup.tell(f"left out, the {LIMIT:.0f} s of this bench are over: {what}")
        return
    tokens = 0

    def count(event: Event) -> None:
        nonlocal tokens
        if isinstance(event, Spent):
            tokens += event.entry.tokens_in + event.entry.tokens_out

    setup.forget()
    lap = stopwatch(lambda: auction(setup.ours, agents, task, emit=count) is not None)
    yield Figure(what, lap.seconds, "s")
    yield Figure(f"{what}, read and written", tokens, "tokens")
