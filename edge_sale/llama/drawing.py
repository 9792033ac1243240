"""Draws answers: all samples of all requests in one batch, each token with the entropy it was drawn at."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from edge_sale.errors import EngineError, TimedOut, naming
from edge_sale.llama.context import Context
from edge_sale.llama.failures import failing_unfinished, measured
from edge_sale.llama.model import Model
from edge_sale.llama.runs import Draw
from edge_sale.llama.sampler import Sampler
from edge_sale.llama.vocabulary import Detokenizer
from edge_sale.types import Generate, Generation


def generate(
    model: Model, context: Context, requests: Sequence[Generate], seconds: float | None
) -> list[list[Generation] | Exception]:
    """The samples of every request, or the exception of a request that failed.

    What is not finished after `seconds` has failed with TimedOut. The answers share the time by their tokens.
    """
    began = time.monotonic()
    failed: dict[int, Exception] = {}
    draws: list[Draw] = []
    try:
        for number, request in enumerate(requests):
            try:
                _open(model, number, request, draws)
            except Exception as error:
                failed[number] = error
        deadline = began + seconds if seconds else float("inf")
        with failing_unfinished(draws, context):
            if draws:
                context.ready(len(draws), max(len(d.tokens) + d.sampling.max_tokens for d in draws))
                _draw_all(model, context, draws, deadline)
    finally:
        for draw in draws:
            draw.sampler.free()
    failed |= {draw.request: draw.error for draw in draws if draw.error}
    failed = {number: naming(error, model.name) for number, error in failed.items()}
    share = (time.monotonic() - began) / (sum(len(d.tokens) + d.drawn for d in draws) or 1)
    return [
        failed.get(number) or [d.generation(share * (len(d.tokens) + d.drawn)) for d in draws if d.request == number]
        for number in range(len(requests))
    ]


def _open(model: Model, number: int, request: Generate, draws: list[Draw]) -> None:
    """Append a draw for each sample of the request. Raises PromptTooLong, BadGrammar."""
    sampling = request.sampling
    prompt = model.tokenize_with_room(request.prompt, max(sampling.max_tokens, request.headroom))
    for sample in range(request.samples):
        draws.append(
            Draw(
                tokens=prompt.tokens,
                sequence=-1,
                want=len(prompt.tokens) - 1,
                prompt=prompt,
                request=number,
                sampling=sampling,
                sampler=Sampler(model.vocabulary, sampling, sampling.seed + sample),
                detokenizer=Detokenizer(model.vocabulary),
                stream=request.on_text if sample == 0 else None,
            )
        )


def _draw_all(model: Model, context: Context, draws: Sequence[Draw], deadline: float) -> None:
    """Continuous batching: a draw that is finished makes room for the next one that waits."""
    began = time.monotonic()
    take_tokens = partial(_take_tokens, model, context)
    waiting, live = deque(draws), list[Draw]()
    while waiting or live:
        if time.monotonic() > deadline:
            raise TimedOut(f"not finished after {time.monotonic() - began:.0f} s")
        if waiting and context.free:
            fresh = [waiting.popleft() for _ in range(min(len(waiting), context.free))]
            live += fresh
            context.begin(fresh, take_tokens, deadline)
        else:
            live.sort(key=lambda draw: draw.sequence)
            take_tokens(live, context.next_logits([(draw.last, draw.position, draw.sequence) for draw in live]))
        if finished := [draw for draw in live if draw.ended or draw.error]:
            live = [draw for draw in live if not draw.ended and not draw.error]
            context.end(finished, live)


def _take_tokens(model: Model, context: Context, draws: Sequence[Draw], logits: NDArray[np.float32]) -> None:
    """Draw the next token of each draw from its row of the last decode."""
    entropies, log_zs = measured(model.name, draws, logits)
    for row, draw in enumerate(draws):
        if draw.error:
            continue
        try:
            token = draw.sampler.pick(logits[row], context.handle, row - len(draws))
        except EngineError as error:
            draw.error = error
            continue
        logprob = float(logits[row, token] - log_zs[row])
        draw.take(token, float(entropies[row]), logprob, model.vocabulary.is_end(token))
