"""The wording of a text as a vector of hashed features, which keeps what an embedding of meaning smooths away.

The features are words, digits (all alike), punctuation marks, and pairs of neighbours. They are hashed into a fixed
number of places. A place holds the square root of its count, and the vector has length 1. The same text gives the same
vector on every machine.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

PLACES = 4096
_TOKEN = re.compile(r"[^\W\d_]+|\d|[^\w\s]")


def vectors(texts: Sequence[str], places: int = PLACES) -> NDArray[np.float64]:
    """A unit vector for each text, shape (texts, places); the zero vector for a text without features."""
    found = np.zeros((len(texts), places))
    for row, text in enumerate(texts):
        tokens = ["#" if token.isdigit() else token for token in _TOKEN.findall(text.lower())]
        for feature in [*tokens, *(f"{a} {b}" for a, b in pairwise(tokens))]:
            found[row, zlib.crc32(feature.encode()) % places] += 1
    found **= 0.5
    return np.asarray(found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-12), dtype=float)
