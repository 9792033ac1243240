"""A model's vocabulary: text to tokens and back."""

from __future__ import annotations

import codecs
import ctypes
from functools import cached_property
from typing import Any

import llama_cpp.llama_cpp as lib

from edge_sale.errors import EngineError


class Vocabulary:
    """The vocabulary of a loaded model. Special tokens that it lacks are -1."""

    def __init__(self, model: Any) -> None:
        self.handle = lib.llama_model_get_vocab(model)
        self.size = int(lib.llama_vocab_n_tokens(self.handle))
        self.bos = int(lib.llama_vocab_bos(self.handle))
        self.eos = int(lib.llama_vocab_eos(self.handle))
        self.sep = int(lib.llama_vocab_sep(self.handle))
        self.adds_bos = bool(lib.llama_vocab_get_add_bos(self.handle))

    @property
    def has_end(self) -> bool:
        """Whether an answer can end. Where a file names no end token, llama.cpp takes some other token for it."""
        return any(t >= 0 and self.is_control(t) for t in (self.eos, int(lib.llama_vocab_eot(self.handle))))

    def is_end(self, token: int) -> bool:
        """Whether the token ends an answer."""
        return bool(lib.llama_vocab_is_eog(self.handle, token))

    def is_control(self, token: int) -> bool:
        """Whether the token is a mark, such as the end of a turn, and not text."""
        return bool(lib.llama_vocab_is_control(self.handle, token))

    def name(self, token: int) -> str:
        """The token as the model file spells it; empty for -1."""
        return str(lib.llama_vocab_get_text(self.handle, token).decode()) if token >= 0 else ""

    def tokenize(self, text: str, *, special: bool) -> list[int]:
        """Token ids of `text`. Control tokens spelled out in it count as such only with `special`."""
        data = text.encode("utf-8", "surrogatepass")
        room = len(data) + 8
        out = (lib.llama_token * room)()
        count = lib.llama_tokenize(self.handle, data, len(data), out, room, False, special)
        if count < 0:
            raise EngineError(f"llama.cpp could not tokenize a text of {len(data)} bytes")
        return list(out[:count])

    def tokenize_inline(self, text: str, *, special: bool) -> list[int]:
        """Token ids of a text that continues a line: without the space that some vocabularies put before it."""
        lead = self.spaced_newline
        tokens = self.tokenize(f"\n{text}" if lead else text, special=special)
        return tokens[len(lead) :] if tokens[: len(lead)] == lead else self.tokenize(text, special=special)

    @cached_property
    def spaced_newline(self) -> list[int]:
        """The tokens of a newline if the vocabulary puts a space before every text (as Llama 2's does), else []."""
        tokens = self.tokenize("\n", special=False)
        return tokens if len(tokens) > 1 and self.piece(tokens[0]) == b" " else []

    def piece(self, token: int) -> bytes:
        """The bytes of one token, of any length; empty for control tokens."""
        size = 64
        while True:
            buffer = ctypes.create_string_buffer(size)
            length = lib.llama_token_to_piece(self.handle, token, buffer, size, 0, False)
            if length >= 0:
                return buffer.raw[:length]
            size = -length


class Detokenizer:
    """Turns tokens into text one by one; an incomplete character waits for its other bytes."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self._utf8 = codecs.getincrementaldecoder("utf-8")("replace")

    def add(self, token: int) -> str:
        """The characters that this token completes."""
        return self._utf8.decode(self._vocabulary.piece(token))

    def end(self) -> str:
        """A replacement character if the last one is incomplete, else nothing."""
        return self._utf8.decode(b"", final=True)
