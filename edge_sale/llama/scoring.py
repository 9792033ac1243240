"""Answers by prefill alone: the likelihood of a text after a prompt, and a choice among single tokens."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from edge_sale.errors import naming
from edge_sale.llama.context import Context, OnRows
from edge_sale.llama.failures import failing_unfinished, measured
from edge_sale.llama.model import Model
from edge_sale.llama.runs import Choosing, Run, Scoring
from edge_sale.types import Choice, Choose, LogLik, LogProb

Q = TypeVar("Q")
R = TypeVar("R", bound=Run)
Reply = TypeVar("Reply")


def loglik(
    model: Model, context: Context, requests: Sequence[LogLik], seconds: float | None
) -> list[LogProb | Exception]:
    """log p(text | prompt) of every request, in nats, or the exception of a request that failed."""

    def run(request: LogLik) -> Scoring:
        targets = model.vocabulary.tokenize_inline(request.text, special=False)
        prompt = model.tokenize_with_room(request.prompt, len(targets))
        want = len(prompt.tokens) - 1 if targets else len(prompt.tokens)  # an empty text wants no logits
        return Scoring(prompt.tokens + targets[:-1], -1, want, targets=targets, prompt=prompt)

    def reply(run: Scoring, seconds: float) -> LogProb:
        return LogProb(run.total, len(run.targets), len(run.prompt.tokens), seconds, run.reused)

    return _read_all(model, context, requests, seconds, run, partial(_score, model), reply)


def _score(model: Model, runs: Sequence[Scoring], logits: NDArray[np.float32]) -> None:
    """Add log p of each run's next target; a run has a row for every target."""
    log_zs = measured(model.name, runs, logits)[1]
    for row, run in enumerate(runs):
        run.total += float(logits[row, run.targets[run.scored]] - log_zs[row])
        run.scored += 1


def choose(
    model: Model, context: Context, requests: Sequence[Choose], seconds: float | None
) -> list[Choice | Exception]:
    """The probabilities of every request's options, which sum to 1, or the exception of a request that failed."""

    def run(request: Choose) -> Choosing:
        prompt = model.tokenize_with_room(request.prompt, 1)
        options = [model.single_token(option) for option in request.options]
        return Choosing(prompt.tokens, -1, len(prompt.tokens) - 1, options=options, prompt=prompt)

    def reply(run: Choosing, seconds: float) -> Choice:
        return Choice(run.probabilities, len(run.tokens), seconds, run.reused)

    return _read_all(model, context, requests, seconds, run, partial(_weigh, model), reply)


def _weigh(model: Model, runs: Sequence[Choosing], logits: NDArray[np.float32]) -> None:
    """Set the probabilities of each run's options, normalised over the options alone."""
    measured(model.name, runs, logits)
    for row, run in enumerate(runs):
        if run.error:
            continue
        weights = np.exp(logits[row, run.options] - logits[row, run.options].max())
        run.probabilities = tuple((weights / weights.sum()).tolist())


def _read_all(
    model: Model,
    context: Context,
    requests: Sequence[Q],
    seconds: float | None,
    run: Callable[[Q], R],
    on_rows: OnRows[R],
    reply: Callable[[R, float], Reply],
) -> list[Reply | Exception]:
    """Make a run of each request, read as many at a time as there is room for, and make the replies.

    The replies share the time by the runs' tokens.
    """
    began = time.monotonic()
    results: list[R | Exception] = []
    for request in requests:
        try:
            results.append(run(request))
        except Exception as error:
            results.append(error)
    runs = [result for result in results if not isinstance(result, Exception)]
    deadline = began + seconds if seconds else float("inf")
    with failing_unfinished(runs, context):
        width = context.ready(len(runs), max(len(r.tokens) for r in runs)) if runs else 1
        for start in range(0, len(runs), width):
            context.begin(runs[start : start + width], on_rows, deadline)
            context.end(runs[start : start + width])
    share = (time.monotonic() - began) / (sum(len(run.tokens) for run in runs) or 1)
    failed = [r if isinstance(r, Exception) else r.error for r in results]
    return [
        naming(error, model.name) if error else reply(cast(R, result), share * len(cast(R, result).tokens))
        for error, result in zip(failed, results, strict=True)
    ]
