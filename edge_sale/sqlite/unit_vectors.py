"""Embedding vectors in the form in which they are stored: float32 of length 1."""

from __future__ import annotations

from typing import Any

import numpy as np

from edge_sale.errors import MemoryFault
from edge_sale.protocols import Embedder


def unit(made: Any, embedder: Embedder) -> bytes:
    """Scale one vector that `embedder` made, shape (1, dimension), to length 1 and return it as float32.

    Raises MemoryFault for a vector of another shape, with NaN or infinite parts, or of length 0.
    """
    raw = np.asarray(made, dtype=np.float64)
    if raw.shape != (1, embedder.dimension):
        raise _refusal(embedder, f"of shape {raw.shape}, not (1, {embedder.dimension})")
    if not np.isfinite(raw).all():
        raise _refusal(embedder, "with NaN or infinite parts")
    largest = np.abs(raw).max()
    if largest < 1e-12:  # sqlite-vec ranks a zero vector above true neighbours: its cosine is undefined
        raise _refusal(embedder, "without a length")
    raw = raw[0] / largest
    vector: np.ndarray[Any, Any] = (raw / np.linalg.norm(raw)).astype(np.float32)
    return vector.tobytes()


def _refusal(embedder: Embedder, what: str) -> MemoryFault:
    return MemoryFault(f"embedder {embedder.name!r} gave a vector {what}; verify its file: edge-sale pull")
