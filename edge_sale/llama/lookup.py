"""Prompt lookup: what comes next is guessed from where the last few tokens stood before.

An edit repeats most of its input; there a guess of many tokens is read in one batch and kept as far as
the model would have written it itself (Saxena, "Prompt Lookup Decoding", 2023).

On a CPU llama.cpp gives a row of logits bit for bit alike in every batch of two rows or more, and others
(by up to 1.7) in a batch of one. So such an answer is decoded two rows at a time even without a guess:
guesses then change no token, they only make it faster. Against an answer decoded one by one it may part
where two tokens are almost equally likely.
"""

from __future__ import annotations

from collections.abc import Sequence

GRAM = 3  # tokens that must agree for a guess: two agree by chance too often
LEAST, MOST = 4, 48  # tokens of a guess; in a batch of 48 a token costs a third of one by itself
LONGEST = 15  # tokens until the next guess, where guesses are wrong


class Lookup:
    """The tokens so far, by the three before each; guesses get longer while they hold."""

    def __init__(self, tokens: Sequence[int]) -> None:
        self._tokens: list[int] = []
        self._after: dict[tuple[int, ...], int] = {}  # the last place that a gram was followed by something
        self._length = LEAST
        self._pause = self._wait = 0  # after a wrong guess the next is put off, each time for longer
        for token in tokens:
            self.add(token)

    def add(self, token: int) -> None:
        if len(self._tokens) >= GRAM:
            self._after[tuple(self._tokens[-GRAM:])] = len(self._tokens)
        self._tokens.append(token)
        self._wait = max(0, self._wait - 1)

    def guess(self, most: int) -> list[int]:
        """At most so many tokens that followed the last time; none where the end is new."""
        place = self._after.get(tuple(self._tokens[-GRAM:]))
        if place is None or self._wait:
            return []
        return self._tokens[place : place + min(most, self._length)]

    def held(self, kept: int, guessed: int) -> None:
        """`kept` of `guessed` tokens were right."""
        self._length = min(2 * self._length, MOST) if kept == guessed else max(LEAST, min(self._length, kept))
        self._pause = 0 if kept else min(2 * self._pause + 1, LONGEST)
        self._wait = self._pause
