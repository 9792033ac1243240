"""Draws the next token from logits, by llama.cpp's samplers and grammars."""

from __future__ import annotations

import ctypes
import re
from itertools import accumulate
from typing import Any

import llama_cpp.llama_cpp as lib
import numpy as np
from numpy.typing import NDArray

from edge_sale.errors import BadGrammar
from edge_sale.llama.vocabulary import Vocabulary
from edge_sale.types import Sampling

PENALTY_TOKENS = 64  # the repeat penalty looks this far back
MAX_NESTING = 200  # groups within groups: llama.cpp's grammar parser recurses for each, until the stack ends
_CANDIDATE = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])  # llama_token_data
_LITERALS = re.compile(r'"(?:\\.|[^"\\])*"|\[(?:\\.|[^\]\\])*\]|#[^\n]*', re.DOTALL)


class Sampler:
    """Draws the tokens of one answer. The owner frees it."""

    def __init__(self, vocabulary: Vocabulary, sampling: Sampling, seed: int) -> None:
        """Raises BadGrammar: a sampler over a broken grammar would crash the process."""
        self._grammar = bool(sampling.grammar)
        self._likeliest = sampling.temperature <= 0 and sampling.repeat_penalty == 1.0 and not self._grammar
        self._chain = _new_chain(vocabulary, sampling, seed)

    def pick(self, logits: NDArray[np.float32], context: Any, row: int) -> int:
        """The next token. `logits`, shape (vocabulary,), is row `row` of the last decode of `context`.

        Raises BadGrammar where the grammar allows no token.
        """
        if self._likeliest:
            return int(logits.argmax())  # what llama.cpp's greedy sampler finds, without building its candidates
        if self._grammar:
            return self._pick_within_grammar(logits)
        return int(lib.llama_sampler_sample(self._chain, context, row))

    def free(self) -> None:
        """Free the memory; the sampler cannot be used afterwards."""
        lib.llama_sampler_free(self._chain)

    def _pick_within_grammar(self, logits: NDArray[np.float32]) -> int:
        candidates = np.zeros(len(logits), dtype=_CANDIDATE)
        candidates["id"], candidates["logit"] = np.arange(len(logits)), logits
        data = ctypes.cast(candidates.ctypes.data, lib.llama_token_data_p)
        array = lib.llama_token_data_array(data, len(logits), -1, False)
        lib.llama_sampler_apply(self._chain, ctypes.byref(array))
        # accepting a token that the grammar does not allow would end the process
        if array.selected < 0 or not np.isfinite(array.data[array.selected].logit):
            raise BadGrammar("the grammar allows no next token; every path through it should end")
        token = int(array.data[array.selected].id)
        lib.llama_sampler_accept(self._chain, token)
        return token


def _new_chain(vocabulary: Vocabulary, sampling: Sampling, seed: int) -> Any:
    """llama.cpp's chain of samplers: grammar, repeat penalty, then the draw."""
    grammar = _new_grammar(vocabulary, sampling.grammar) if sampling.grammar else None
    chain = lib.llama_sampler_chain_init(lib.llama_sampler_chain_default_params())
    if grammar:
        lib.llama_sampler_chain_add(chain, grammar)
    if sampling.repeat_penalty != 1.0:
        penalties = lib.llama_sampler_init_penalties(vocabulary.size, PENALTY_TOKENS, sampling.repeat_penalty, 0.0, 0.0)
        lib.llama_sampler_chain_add(chain, penalties)
    if sampling.temperature <= 0:
        lib.llama_sampler_chain_add(chain, lib.llama_sampler_init_greedy())
        return chain
    if sampling.top_k > 0:
        lib.llama_sampler_chain_add(chain, lib.llama_sampler_init_top_k(sampling.top_k))
    lib.llama_sampler_chain_add(chain, lib.llama_sampler_init_top_p(sampling.top_p, 1))
    lib.llama_sampler_chain_add(chain, lib.llama_sampler_init_min_p(sampling.min_p, 1))
    lib.llama_sampler_chain_add(chain, lib.llama_sampler_init_temp(sampling.temperature))
    # 0xFFFFFFFF means "draw a seed at random" to llama.cpp
    lib.llama_sampler_chain_add(chain, lib.llama_sampler_init_dist(seed % 0xFFFFFFFF))
    return chain


def _new_grammar(vocabulary: Vocabulary, text: str) -> Any:
    """The sampler of a grammar. Raises BadGrammar, also for texts that llama.cpp would cut short or crash on."""
    first = (text.strip().splitlines() or [""])[0][:60]
    try:
        data = text.encode()
    except UnicodeEncodeError as error:
        raise BadGrammar(f"the grammar that begins {first!r} holds half a character; write it as UTF-8") from error
    if b"\0" in data:
        raise BadGrammar(f"the grammar that begins {first!r} holds a NUL byte; write \\x00 for it")
    steps = ({"(": 1, ")": -1}.get(letter, 0) for letter in _LITERALS.sub("", text))
    if max(accumulate(steps), default=0) > MAX_NESTING:
        raise BadGrammar(
            f"the grammar that begins {first!r} nests over {MAX_NESTING} groups; give the inner ones names"
        )
    grammar = lib.llama_sampler_init_grammar(vocabulary.handle, data, b"root")
    if not grammar:
        raise BadGrammar(f"llama.cpp cannot parse the grammar that begins {first!r}; correct it or leave it out")
    return grammar
