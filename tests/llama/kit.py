"""What several engine tests need: chats, an independent reader of the same weights, a scripted engine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_sale.types import Generation, Message, Prompt, Sampling


def chat(text: str, *, system: str = "You are brief.", prefill: str = "") -> Prompt:
    return Prompt((Message("system", system), Message("user", text)), prefill)


def chatml(text: str, *, system: str = "You are brief.", prefill: str = "") -> str:
    """What `chat` of the same words is to a ChatML model, written out by hand."""
    return (
        f"<|im_start|>system\n{system}<|im_end|>\n<|im_start|>user\n{text}<|im_end|>\n<|im_start|>assistant\n{prefill}"
    )


class Independent:
    """llama-cpp-python's high-level class over the same file: one sequence, logits of every position."""

    def __init__(self, weights: Path) -> None:
        from llama_cpp import Llama

        self._llama = Llama(
            str(weights),
            n_ctx=512,
            n_threads=1,
            n_threads_batch=1,
            logits_all=True,
            flash_attn=True,  # as llama.cpp itself chooses; without it logits differ a little
            verbose=False,
        )

    def tokens(self, text: str, *, special: bool = True) -> list[int]:
        return self._llama.tokenize(text.encode(), add_bos=False, special=special)

    def logits(self, tokens: Sequence[int]) -> NDArray[np.float64]:
        """Next-token logits after each of `tokens`, shape (tokens, vocabulary)."""
        self._llama.reset()
        self._llama.eval(tokens)
        return np.array(self._llama.scores[: len(tokens)], dtype=np.float64)

    def greedy(self, tokens: Sequence[int], count: int) -> str:
        self._llama.reset()
        out = self._llama.create_completion(list(tokens), max_tokens=count, temperature=0.0, repeat_penalty=1.0)
        return str(out["choices"][0]["text"])


def log_softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def generation(text: str = "text", tokens: int = 5, prompt_tokens: int = 7) -> Generation:
    return Generation(text, tokens, prompt_tokens, entropy=1.0, logprob=-1.0, ended="end", seconds=0.5)


@dataclass
class ScriptedEngine:
    """Answers each batch with the next line of its script, and keeps what it was asked.

    A line holds one reply per request. It complains about a batch beyond its script or of another length.
    """

    name: str
    script: list[list[Any]]
    context: int = 1000
    asked: list[tuple[str, list[Any], float | None]] = field(default_factory=list)

    def count(self, prompt: Prompt) -> int:
        return len(prompt.messages)

    def generate(self, requests: Sequence[Any], seconds: float | None = None) -> list[Any]:
        return self._play("generate", requests, seconds)

    def loglik(self, requests: Sequence[Any], seconds: float | None = None) -> list[Any]:
        return self._play("loglik", requests, seconds)

    def choose(self, requests: Sequence[Any], seconds: float | None = None) -> list[Any]:
        return self._play("choose", requests, seconds)

    def _play(self, kind: str, requests: Sequence[Any], seconds: float | None) -> list[Any]:
        self.asked.append((kind, list(requests), seconds))
        assert self.script, f"engine {self.name} ran out of script at {kind}"
        line = self.script.pop(0)
        assert len(line) == len(requests), f"engine {self.name} was asked {len(requests)}, scripted {len(line)}"
        return line


@dataclass
class Words:
    """A vocabulary of whole pieces in place of a model's: token i is the i-th piece."""

    pieces: Sequence[str]
    rest: str = ""  # what a half character at the end becomes

    def add(self, token: int) -> str:
        return self.pieces[token]

    def end(self) -> str:
        return self.rest


GREEDY = Sampling(max_tokens=24)
