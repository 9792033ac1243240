"""Compares the engine with llama-cpp-python's own `Llama`, and with what llama.cpp and the machine allow at best.

Both sides have the same GGUF file, prompts, threads and sampler, and begin cold unless a row says otherwise. A row
is a function that yields its figures as it measures them. The sides take turns in rounds (see race.py), and ratios
are medians over the rounds. Everything runs on the process's one llama.cpp thread: OpenMP keeps a team of threads
for every thread that calls it, and a second team would slow both sides down.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from benchmarks import engine_pool, limits, peak_memory
from benchmarks.auctions import auctions, growth, judging, warmth
from benchmarks.race import OURS, Lap, Laps, Tell, against, rate, stopwatch
from benchmarks.sequential import SequentialEngine
from benchmarks.sides import LIMIT, LLAMA, EngineSetup, drawn_by
from edge_sale.catalog import gguf_header
from edge_sale.errors import EngineError
from edge_sale.evaluation.report import Figure
from edge_sale.llama.llama_thread import llama_thread
from edge_sale.prompts import render
from edge_sale.types import Generate, Message, Prompt, Sampling

CONTEXT = 2048  # tokens of the baseline's context: what its longest request needs
# The starter's greedy answer to this prompt is longer than 1,000 tokens, so neither side ends early.
STORY = Prompt((Message("system", "You are brief."), Message("user", "Tell a long story about a fox and a river.")))
DRAFTS, DRAFT_TOKENS = 8, 96
DECODE_GOALS = {LLAMA: 1.05, "llama_decode alone": 0.97}


def measure(data: Path | None, runs: int, tell: Tell) -> Iterator[Figure]:
    """The figures as they are measured, those with goals first. Raises ModelMissing if the starter is not pulled."""
    model = engine_pool.starter()
    ours = engine_pool.new_engine(model)
    llama = SequentialEngine(model.name, model.file, context=CONTEXT, threads=model.threads)
    try:
        setup = EngineSetup(model, ours, llama, runs, tell)
        tell(f"{model.file.name}, {model.threads} threads, {runs} rounds by turns, at most about 15 minutes")
        for row in ROWS:
            if setup.clock.over:
                tell(f"left out, the {LIMIT:.0f} s of this bench are over: {(row.__doc__ or '').splitlines()[0]}")
                continue
            yield from row(setup)
    finally:
        llama.close()
        ours.close()


# --- drawing -----------------------------------------------------------------


def decode_200(setup: EngineSetup) -> Iterator[Figure]:
    """Decoding 200 tokens, entropy on, against create_completion and against llama_decode alone."""
    bare = llama_thread().do(lambda: limits.BareLoop(setup.llama.llama.model, threads=setup.model.threads, cells=512))
    try:
        bandwidth = limits.copy_bandwidth(setup.model.threads)
        laps = decode(setup, 200, bare)
        bandwidth = max(bandwidth, limits.copy_bandwidth(setup.model.threads))
    finally:
        llama_thread().do(bare.close)
    names = {OURS: OURS, LLAMA: LLAMA, "bare": "llama_decode alone"}
    yield from against("decode 200 tokens", {names[side]: laps[side] for side in laps}, DECODE_GOALS)
    read = limits.weight_bytes(gguf_header.inspect(setup.model.file))
    yield Figure("weights read a token", read / 1e6, "MB")
    yield Figure("copy bandwidth", bandwidth / 1e9, "GB/s")
    yield Figure("decode, bound by that bandwidth", bandwidth / read, "tokens/s")
    yield Figure("decode, our share of the bound", 100 * rate(laps[OURS]) * read / bandwidth, "%")


def decode_1000(setup: EngineSetup) -> Iterator[Figure]:
    """Decoding 1,000 tokens, entropy on, against create_completion."""
    yield from against("decode 1000 tokens", decode(setup, 1000), 1.3)


def decode(setup: EngineSetup, count: int, bare: limits.BareLoop | None = None) -> Laps:
    """Write exactly `count` tokens greedily in one sequence, after a cold prompt, on every side."""
    prompt, sampling = setup.llama.tokens(STORY), Sampling(max_tokens=count)
    drawn: list[int] = []

    def ours(_: int) -> Lap:
        setup.forget()
        return complete(stopwatch(lambda: drawn_by(setup.ours, Generate(STORY, sampling))[0].tokens), count)

    def theirs(_: int) -> Lap:
        setup.forget()
        lap = stopwatch(lambda: llama_thread().do(lambda: setup.llama.complete(prompt, sampling, 0))[1])
        llama = setup.llama.llama
        drawn[:] = llama.input_ids[len(prompt) : llama.n_tokens].tolist()
        return complete(lap, count)

    def alone(_: int) -> Lap:
        assert bare is not None
        tokens = [*drawn, 0]  # as on the other sides, the last drawn token is not decoded
        return Lap(count, stopwatch(lambda: llama_thread().do(lambda: bare.run(prompt, tokens)) or 0).seconds)

    sides = {OURS: ours, LLAMA: theirs} | ({"bare": alone} if bare else {})
    return setup.race(f"decode {count}", sides, warm=bare is not None)


def complete(lap: Lap, count: int) -> Lap:
    """The lap. Raises EngineError if fewer than `count` tokens were written, because the sides' work would differ."""
    if lap.work != count:
        raise EngineError(f"one side wrote {lap.work:.0f} of {count} tokens; this model needs another prompt here")
    return lap


def drafts(setup: EngineSetup) -> Iterator[Figure]:
    """8 drafts of one prompt in a batch against 8 calls, first all of one length, then each to its own end."""
    even = Sampling(max_tokens=DRAFT_TOKENS, temperature=0.8)
    yield from against("8 drafts of equal length", drafting(setup, lambda number: STORY, even), 2.2)
    own = Sampling(max_tokens=DRAFT_TOKENS, temperature=0.5, stop=("```",))
    yield from against("8 drafts of code, each to its end", drafting(setup, code_prompt, own), None)


def code_prompt(number: int) -> Prompt:
    """The prompt with which the starter's agents work on the task."""
    task, plan = engine_pool.task(number), engine_pool.LESSONS[0].won
    prompt = render("answer", domain=task.domain, task=task.text, plan=plan, notes="", earlier=())
    return replace(prompt, prefill=f"{prompt.prefill}\n")


def drafting(setup: EngineSetup, prompt: Callable[[int], Prompt], sampling: Sampling) -> Laps:
    """Write 8 drafts of each round's prompt on both sides."""

    def ours(number: int) -> Lap:
        setup.forget()
        request = Generate(prompt(number), replace(sampling, seed=number * DRAFTS), samples=DRAFTS)
        return stopwatch(lambda: sum(g.tokens - (g.ended == "end") for g in drawn_by(setup.ours, request)))

    def theirs(number: int) -> Lap:
        setup.forget()
        tokens = setup.llama.tokens(prompt(number))

        def calls() -> int:
            return sum(setup.llama.complete(tokens, sampling, number * DRAFTS + i)[1] for i in range(DRAFTS))

        return stopwatch(lambda: llama_thread().do(calls))

    return setup.race("8 drafts", {OURS: ours, LLAMA: theirs})


# --- memory ------------------------------------------------------------------


def peak(setup: EngineSetup) -> Iterator[Figure]:
    """Peak memory of a process that holds one auction, against the weights and KV cache computed from the header."""
    info, found = gguf_header.inspect(setup.model.file), peak_memory.measured()
    computed = limits.file_bytes(info) + limits.kv_bytes(info, found["tokens"])
    yield Figure("peak memory, one auction", found["peak"] / 1e6, "MB")
    yield Figure("of it before any model", found["start"] / 1e6, "MB")
    yield Figure("of it once the model was loaded", found["loaded"] / 1e6, "MB")
    yield Figure(f"weights + KV cache of {found['tokens']} tokens", computed / 1e6, "MB")
    yield Figure("peak memory beyond those", (found["peak"] - computed) / 1e6, "MB", 150)


ROWS = (decode_200, decode_1000, drafts, judging, auctions, warmth, peak, growth)
