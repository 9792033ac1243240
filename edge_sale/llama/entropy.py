"""The entropy of the model's next-token distribution."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray


def entropies(logits: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Entropy and log normaliser (log Z) of each row of logits, in nats: shapes (rows,) and (rows,).

    H = log Z - E[logit], with the maximum of the row subtracted first. It works row by row, because one row fits
    the processor's cache. float32 is exact to about 1e-5 nats, far below what different batch shapes change.
    """
    found, log_zs = np.empty(len(logits)), np.empty(len(logits))
    shifted, weights = np.empty_like(logits[0]), np.empty_like(logits[0])
    for row, values in enumerate(logits):
        top = values.max()
        np.subtract(values, top, out=shifted)
        np.exp(shifted, out=weights)
        z = float(weights.sum())
        log_z = math.log(z) if z > 0 else math.nan
        # einsum and not BLAS, whose threads would compete with llama.cpp's
        found[row] = log_z - float(np.einsum("i,i->", weights, shifted)) / z
        log_zs[row] = log_z + float(top)
    return found, log_zs
