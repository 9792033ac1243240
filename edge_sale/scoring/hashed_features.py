"""How a task is worded, as a vector: what an encoder of meaning smooths away, such as the form of the answer.

Words, digits as one sign, marks, and pairs of neighbours are hashed into a fixed number of places; a place
holds the root of its count, and the vector has length 1. Deterministic on every machine.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

PLACES = 4096
_SIGN = re.compile(r"[^\W\d_]+|\d|[^\w\s]")


def vectors(texts: Sequence[str], places: int = PLACES) -> NDArray[np.float64]:
    """A unit vector a text, shape (texts, places); of a text without any sign, zero."""
    found = np.zeros((len(texts), places))
    for row, text in enumerate(texts):
        signs = ["#" if sign.isdigit() else sign for sign in _SIGN.findall(text.lower())]
        for feature in [*signs, *(f"{a} {b}" for a, b in pairwise(signs))]:
            found[row, zlib.crc32(feature.encode()) % places] += 1
    found **= 0.5
    return np.asarray(found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-12), dtype=float)
