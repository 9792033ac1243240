"""How a failure is kept to the request that caused it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from edge_sale.errors import Cancelled, NotFinite
from edge_sale.llama.context import Context
from edge_sale.llama.entropy import entropies
from edge_sale.llama.runs import Run


@contextmanager
def failing_unfinished(runs: Sequence[Run], context: Context) -> Iterator[None]:
    """Turn an error into the result of the runs that it leaves unfinished; finished runs keep theirs.

    Only Cancelled is raised further.
    """
    try:
        yield
    except Exception as error:
        context.reset()
        if isinstance(error, Cancelled):
            raise
        for run in runs:
            if not run.finished:
                run.error = run.error or error
    if any(isinstance(run.error, NotFinite) for run in runs):
        context.drop()  # without flash attention, values that are not finite would stay in the cache


def measured(
    model: str, runs: Sequence[Run], logits: NDArray[np.float32]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Entropies and log normalisers of the rows, of which row i belongs to `runs[i]`.

    A run whose row is not finite gets NotFinite as its error, and the others go on.
    """
    found, log_zs = entropies(logits)
    for row in np.flatnonzero(~np.isfinite(found)).tolist():
        runs[row].error = NotFinite(f"model {model!r} gave logits that are not finite; pull it with --force")
    return found, log_zs
