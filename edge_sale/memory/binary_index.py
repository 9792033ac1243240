"""Which past tasks are worth an exact look: their vectors as sign bits, searched in memory.

A vector of d parts becomes d bits, one a sign, in the table `codes` beside the exact vectors of sqlite-vec: 64
tasks a row, in the transaction that records a task. A process holds them all (48 bytes a task at 384 dimensions:
5 MB for 100,000 tasks, 48 MB for a million) and reads what other processes added before each search.

A search compares bits first (Hamming distance), then weighs the bits of the nearest by the query's own parts, and
gives the best of these to be compared exactly. Rounding a vector to its signs keeps the angle: two unit vectors at
angle a differ in d·a/π bits on average (Charikar, STOC 2002).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edge_sale.memory import rows

if TYPE_CHECKING:
    import apsw

BLOCK = 64  # tasks a row: one bit each of a whole number says which are there
STRIPE = 1 << 15  # tasks compared at a time: what is worked on stays in the processor's cache
WIDEN = 8  # as many times what is wanted are looked at by their weighed bits
GONE = np.uint16(0x3FFF)  # the distance of a task that is not there: vec0 takes 8,192 dimensions at most


def encode(vector: bytes) -> bytes:
    """The sign bits of a float32 vector, padded to whole 8 bytes."""
    bits = np.packbits(np.frombuffer(vector, np.float32) > 0, bitorder="little").tobytes()
    return bits.ljust(-(-len(bits) // 8) * 8, b"\0")


def add(db: apsw.Connection, number: int, vector: bytes) -> None:
    """Keep the code of auction `number`, inside the caller's transaction."""
    code = encode(vector)
    block, place = divmod(number, BLOCK)
    found = rows.select(db, "SELECT taken, bits FROM codes WHERE block = ?", block)
    taken, bits = found[0] if found else (0, bytes(BLOCK * len(code)))
    bits = bits[: place * len(code)] + code + bits[(place + 1) * len(code) :]
    db.execute(
        "INSERT OR REPLACE INTO codes (block, taken, bits) VALUES (?, ?, ?)", (block, _signed(taken | 1 << place), bits)
    )


def remove(db: apsw.Connection, number: int) -> None:
    """Forget the code of auction `number`, inside the caller's transaction, which calls `changed` at its end."""
    block, place = divmod(number, BLOCK)
    for taken, bits in rows.select(db, "SELECT taken, bits FROM codes WHERE block = ?", block):
        size = len(bits) // BLOCK
        left = taken & ~(1 << place) & (1 << BLOCK) - 1
        if not left:
            db.execute("DELETE FROM codes WHERE block = ?", (block,))
            continue
        bits = bits[: place * size] + bytes(size) + bits[(place + 1) * size :]
        db.execute("UPDATE codes SET taken = ?, bits = ? WHERE block = ?", (_signed(left), bits, block))


def changed(db: apsw.Connection) -> None:
    """Tell every process that holds the codes that some are gone or others: they are read anew."""
    db.execute("UPDATE embedder SET edition = edition + 1")


class Codes:
    """All codes of one memory, as this process knows them."""

    def __init__(self, dimension: int) -> None:
        self._dimension = dimension
        self._words = -(-dimension // 64)
        self._forget(edition=-1)

    def _forget(self, edition: int) -> None:
        self._edition = edition
        self._blocks: list[int] = []
        self._starts = np.empty(0, np.int64)  # the first number of each block
        self._taken = np.empty(0, bool)
        self._codes = np.empty((self._words, 0), np.uint64)  # a row a word: striding through it is fast
        self._used = 0

    def __len__(self) -> int:
        return int(np.count_nonzero(self._taken[: self._used]))

    @property
    def state(self) -> tuple[int, int, int]:
        """What a search's result depends on, besides its query."""
        return self._edition, self._used, len(self)

    def refresh(self, db: apsw.Connection) -> None:
        """Read what was added since the last time, or everything where something was taken away."""
        (edition,) = rows.one(db, "SELECT edition FROM embedder")
        if edition != self._edition:
            self._forget(edition)
        last = self._blocks[-1] if self._blocks else -1
        found = rows.select(db, "SELECT block, taken, bits FROM codes WHERE block >= ? ORDER BY block", last)
        if found:
            self._take(found)

    def nearest(self, query: bytes, want: int, among: Sequence[int] | None = None, distinct: bool = False) -> list[int]:
        """Numbers of at least `want` tasks that are likely the nearest, in no order; fewer where there are fewer.

        `among` restricts the search to these numbers. With `distinct`, and more tasks than wanted, one stands for all
        with its very code, the newest: a task sold again and again does not crowd out the others.
        """
        distances = self._distances(query)
        if among is not None:
            allowed = np.zeros(self._used, bool)
            allowed[self._places(among)] = True
            distances[~allowed] = GONE
        there = int(np.count_nonzero(distances != GONE))
        look = want * WIDEN if there > want else there
        distinct = distinct and there > want
        while True:
            places = _least(distances, look)
            kept = self._newest_of_each(places) if distinct else places
            if len(kept) >= want or len(places) >= there:
                break
            look *= 8
        if len(kept) > want:
            scores = self._weighed(query, kept)
            kept = kept[np.argpartition(-scores, want - 1)[:want]]
        numbers: list[int] = (self._starts[kept // BLOCK] + kept % BLOCK).tolist()
        return numbers

    # --- helpers -------------------------------------------------------------

    def _take(self, found: list[tuple[int, int, bytes]]) -> None:
        size = self._words * 8
        if any(len(bits) != BLOCK * size for _, _, bits in found):
            raise rows.Torn("codes of another size than the vectors")
        if self._blocks and found[0][0] == self._blocks[-1]:
            self._blocks.pop()  # it has grown: read once more
            self._used -= BLOCK
        start, end = self._used, self._used + BLOCK * len(found)
        if end > len(self._taken):
            room = max(end, len(self._taken) * 5 // 4)
            self._codes = _grown(self._codes, (self._words, room))
            self._taken = _grown(self._taken, (room,))
        raw = np.frombuffer(b"".join(bits for _, _, bits in found), np.uint64)
        self._codes[:, start:end] = raw.reshape(-1, self._words).T
        masks = np.array([taken for _, taken, _ in found], np.int64).view(np.uint8)
        self._taken[start:end] = np.unpackbits(masks, bitorder="little")
        self._blocks += [block for block, _, _ in found]
        self._starts = np.array(self._blocks, np.int64) * BLOCK
        self._used = end

    def _distances(self, query: bytes) -> NDArray[np.uint16]:
        """In how many bits each code differs from the query's; GONE where there is no task."""
        wanted = np.frombuffer(encode(query), np.uint64)
        distances = np.empty(self._used, np.uint16)
        differing, counted = np.empty(STRIPE, np.uint64), np.empty(STRIPE, np.uint8)
        for start in range(0, self._used, STRIPE):
            stripe = self._codes[:, start : min(start + STRIPE, self._used)]
            out = distances[start : start + stripe.shape[1]]
            out[:] = 0
            bits, count = differing[: len(out)], counted[: len(out)]
            for word, of_query in zip(stripe, wanted, strict=True):
                np.bitwise_xor(word, of_query, out=bits)
                np.bitwise_count(bits, out=count)
                out += count
        distances[~self._taken[: self._used]] = GONE
        return distances

    def _places(self, numbers: Sequence[int]) -> NDArray[np.intp]:
        """Where the codes of these numbers are; numbers without one are left out."""
        asked = np.asarray(numbers, np.int64)
        if not self._blocks:
            return np.empty(0, np.intp)
        blocks = np.maximum(np.searchsorted(self._starts, asked, side="right") - 1, 0)
        inside = asked - self._starts[blocks]
        places: NDArray[np.intp] = (blocks * BLOCK + inside)[(inside >= 0) & (inside < BLOCK)]
        return places

    def _newest_of_each(self, places: NDArray[np.intp]) -> NDArray[np.intp]:
        codes = np.ascontiguousarray(self._codes[:, places[::-1]].T)  # the newest first: unique keeps the first
        _, first = np.unique(codes.view(f"V{8 * self._words}").ravel(), return_index=True)
        kept: NDArray[np.intp] = places[::-1][first]
        return kept

    def _weighed(self, query: bytes, places: NDArray[np.intp]) -> NDArray[np.float32]:
        """The query's parts summed with the signs of each code: half as far from the cosine as counting bits."""
        codes = np.ascontiguousarray(self._codes[:, places].T)
        signs = np.unpackbits(codes.view(np.uint8), axis=1, count=self._dimension, bitorder="little")
        # not BLAS: its threads cost more than they give here, above all on a busy machine
        scores: NDArray[np.float32] = np.einsum("ij,j->i", signs.astype(np.float32), np.frombuffer(query, np.float32))
        return scores


def _least(distances: NDArray[np.uint16], want: int) -> NDArray[np.intp]:
    """Places of the `want` least distances, and of all as far as the last of them; never of what is GONE."""
    up_to = np.cumsum(np.bincount(distances, minlength=int(GONE) + 1)[: int(GONE)])
    if up_to[-1] <= want:
        return np.flatnonzero(distances != GONE)
    return np.flatnonzero(distances <= np.searchsorted(up_to, want))


def _signed(mask: int) -> int:
    """SQLite's whole numbers are signed."""
    return mask - (1 << 64) if mask >> 63 else mask


def _grown(old: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    new = np.empty(shape, old.dtype)
    new[..., : old.shape[-1]] = old
    return new
