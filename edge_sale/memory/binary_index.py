"""An approximate search over the sign bits of all vectors, held in memory. It picks candidates for the exact search.

A vector of d components becomes d bits, one for each sign. They are stored in the table `codes`, 64 tasks a row, in
the transaction that records a task. A process holds all of them (48 bytes a task at 384 dimensions: 5 MB for 100,000
tasks, 48 MB for a million), and before each search reads what other processes added.

A search first compares bits (Hamming distance). It then scores the nearest by the query's components under their
signs, and returns the best as candidates. Sign bits keep angles: two unit vectors at angle a differ in d·a/π bits on
average (Charikar, STOC 2002).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edge_sale.sqlite.query import Inconsistent, one, select

if TYPE_CHECKING:
    import apsw

BLOCK = 64  # tasks a row: an integer with one bit for each says which exist
STRIPE = 1 << 15  # tasks compared at a time, so that the arrays stay in the processor's cache
WIDEN = 8  # candidates by Hamming distance for each result wanted
MISSING = np.uint16(0x3FFF)  # the distance of a task that does not exist: vec0 has 8,192 dimensions at most


def encode(vector: bytes) -> bytes:
    """Return the sign bits of a float32 vector, padded to a multiple of 8 bytes."""
    bits = np.packbits(np.frombuffer(vector, np.float32) > 0, bitorder="little").tobytes()
    return bits.ljust(-(-len(bits) // 8) * 8, b"\0")


def add(db: apsw.Connection, number: int, vector: bytes) -> None:
    """Store the sign bits of auction `number`. Runs inside the caller's transaction."""
    own = encode(vector)
    block, place = divmod(number, BLOCK)
    found = select(db, "SELECT taken, bits FROM codes WHERE block = ?", block)
    taken, bits = found[0] if found else (0, bytes(BLOCK * len(own)))
    bits = bits[: place * len(own)] + own + bits[(place + 1) * len(own) :]
    db.execute(
        "INSERT OR REPLACE INTO codes (block, taken, bits) VALUES (?, ?, ?)", (block, _signed(taken | 1 << place), bits)
    )


def remove(db: apsw.Connection, number: int) -> None:
    """Delete the sign bits of auction `number`. The caller's transaction must end with `mark_changed`."""
    block, place = divmod(number, BLOCK)
    for taken, bits in select(db, "SELECT taken, bits FROM codes WHERE block = ?", block):
        size = len(bits) // BLOCK
        left = taken & ~(1 << place) & (1 << BLOCK) - 1
        if not left:
            db.execute("DELETE FROM codes WHERE block = ?", (block,))
            continue
        bits = bits[: place * size] + bytes(size) + bits[(place + 1) * size :]
        db.execute("UPDATE codes SET taken = ?, bits = ? WHERE block = ?", (_signed(left), bits, block))


def mark_changed(db: apsw.Connection) -> None:
    """Make every process that holds the index read all of it again, because bits were deleted or replaced."""
    db.execute("UPDATE embedder SET edition = edition + 1")


class BinaryIndex:
    """The sign bits of one memory's vectors, as this process last read them."""

    def __init__(self, dimension: int) -> None:
        self._dimension = dimension
        self._words = -(-dimension // 64)
        self._reset(edition=-1)

    def _reset(self, edition: int) -> None:
        self._edition = edition
        self._blocks: list[int] = []
        self._starts = np.empty(0, np.int64)  # the first number of each block
        self._taken = np.empty(0, bool)
        self._bits = np.empty((self._words, 0), np.uint64)  # a row for each word of 64 bits: fast to stream through
        self._used = 0

    def __len__(self) -> int:
        return int(np.count_nonzero(self._taken[: self._used]))

    @property
    def state(self) -> tuple[int, int, int]:
        """Everything that a search result depends on, besides the query."""
        return self._edition, self._used, len(self)

    def refresh(self, db: apsw.Connection) -> None:
        """Read what was added since the last call, or everything if something was deleted."""
        (edition,) = one(db, "SELECT edition FROM embedder")
        if edition != self._edition:
            self._reset(edition)
        last = self._blocks[-1] if self._blocks else -1
        found = select(db, "SELECT block, taken, bits FROM codes WHERE block >= ? ORDER BY block", last)
        if found:
            self._take(found)

    def nearest(self, query: bytes, want: int, among: Sequence[int] | None = None, distinct: bool = False) -> list[int]:
        """Return the numbers of at least `want` tasks that are likely the nearest, unordered; fewer if there are fewer.

        `among` restricts the search to these numbers. With `distinct`, if there are more tasks than wanted, only the
        newest of several with equal bits is returned: a task auctioned many times does not displace the others.
        """
        distances = self._distances(query)
        if among is not None:
            allowed = np.zeros(self._used, bool)
            allowed[self._places(among)] = True
            distances[~allowed] = MISSING
        existing = int(np.count_nonzero(distances != MISSING))
        look = want * WIDEN if existing > want else existing
        distinct = distinct and existing > want
        while True:
            places = _least(distances, look)
            kept = self._newest_of_each(places) if distinct else places
            if len(kept) >= want or len(places) >= existing:
                break
            look *= 8
        if len(kept) > want:
            scores = self._sign_scores(query, kept)
            kept = kept[np.argpartition(-scores, want - 1)[:want]]
        numbers: list[int] = (self._starts[kept // BLOCK] + kept % BLOCK).tolist()
        return numbers

    # --- helpers -------------------------------------------------------------

    def _take(self, found: list[tuple[int, int, bytes]]) -> None:
        size = self._words * 8
        if any(len(bits) != BLOCK * size for _, _, bits in found):
            raise Inconsistent("binary index of another size than the vectors")
        if self._blocks and found[0][0] == self._blocks[-1]:
            self._blocks.pop()  # it may have grown, so it was read again
            self._used -= BLOCK
        start, end = self._used, self._used + BLOCK * len(found)
        if end > len(self._taken):
            room = max(end, len(self._taken) * 5 // 4)
            self._bits = _grown(self._bits, (self._words, room))
            self._taken = _grown(self._taken, (room,))
        raw = np.frombuffer(b"".join(bits for _, _, bits in found), np.uint64)
        self._bits[:, start:end] = raw.reshape(-1, self._words).T
        masks = np.array([taken for _, taken, _ in found], np.int64).view(np.uint8)
        self._taken[start:end] = np.unpackbits(masks, bitorder="little")
        self._blocks += [block for block, _, _ in found]
        self._starts = np.array(self._blocks, np.int64) * BLOCK
        self._used = end

    def _distances(self, query: bytes) -> NDArray[np.uint16]:
        """Return the Hamming distance of every task to the query; MISSING if there is no such task."""
        wanted = np.frombuffer(encode(query), np.uint64)
        distances = np.empty(self._used, np.uint16)
        differing, counted = np.empty(STRIPE, np.uint64), np.empty(STRIPE, np.uint8)
        for start in range(0, self._used, STRIPE):
            stripe = self._bits[:, start : min(start + STRIPE, self._used)]
            out = distances[start : start + stripe.shape[1]]
            out[:] = 0
            bits, count = differing[: len(out)], counted[: len(out)]
            for word, of_query in zip(stripe, wanted, strict=True):
                np.bitwise_xor(word, of_query, out=bits)
                np.bitwise_count(bits, out=count)
                out += count
        distances[~self._taken[: self._used]] = MISSING
        return distances

    def _places(self, numbers: Sequence[int]) -> NDArray[np.intp]:
        """Return the positions of these numbers. Numbers that are not in the index are left out."""
        asked = np.asarray(numbers, np.int64)
        if not self._blocks:
            return np.empty(0, np.intp)
        blocks = np.maximum(np.searchsorted(self._starts, asked, side="right") - 1, 0)
        inside = asked - self._starts[blocks]
        places: NDArray[np.intp] = (blocks * BLOCK + inside)[(inside >= 0) & (inside < BLOCK)]
        return places

    def _newest_of_each(self, places: NDArray[np.intp]) -> NDArray[np.intp]:
        """Return the position of the newest task for each set of equal bits."""
        bits = np.ascontiguousarray(self._bits[:, places[::-1]].T)  # the newest first: unique keeps the first
        _, first = np.unique(bits.view(f"V{8 * self._words}").ravel(), return_index=True)
        kept: NDArray[np.intp] = places[::-1][first]
        return kept

    def _sign_scores(self, query: bytes, places: NDArray[np.intp]) -> NDArray[np.float32]:
        """Sum the query's components under the signs of each task: twice as close to the cosine as counting bits."""
        bits = np.ascontiguousarray(self._bits[:, places].T)
        signs = np.unpackbits(bits.view(np.uint8), axis=1, count=self._dimension, bitorder="little")
        # not BLAS: its threads cost more than they save here, above all on a busy machine
        scores: NDArray[np.float32] = np.einsum("ij,j->i", signs.astype(np.float32), np.frombuffer(query, np.float32))
        return scores


def _least(distances: NDArray[np.uint16], want: int) -> NDArray[np.intp]:
    """Return the positions of the `want` least distances and of all equal to the largest of these, without MISSING."""
    up_to = np.cumsum(np.bincount(distances, minlength=int(MISSING) + 1)[: int(MISSING)])
    if up_to[-1] <= want:
        return np.flatnonzero(distances != MISSING)
    return np.flatnonzero(distances <= np.searchsorted(up_to, want))


def _signed(mask: int) -> int:
    """Return an unsigned 64-bit mask as the signed integer that SQLite stores."""
    return mask - (1 << 64) if mask >> 63 else mask


def _grown(old: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    new = np.empty(shape, old.dtype)
    new[..., : old.shape[-1]] = old
    return new
