"""The bundled models' vocabulary: a byte-level BPE in which every digit is a token, with four chat markers.

The chat format is `<|user|>…<|end|><|assistant|>…<|end|>`: one token for a turn where ChatML takes five.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any

from edge_sale.types import Prompt

SIZE = 1024
MARKS = ("<|end|>", "<|system|>", "<|user|>", "<|assistant|>")
PRE = "smollm"  # llama.cpp's name for this way of splitting a text before merges
# the assistant's last turn stays open, so that a server continues it as our own engine does
TEMPLATE = (
    "{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}"
    "{% if not (loop.last and message['role'] == 'assistant') %}<|end|>{% endif %}{% endfor %}"
    "{% if add_generation_prompt and messages[-1]['role'] != 'assistant' %}<|assistant|>{% endif %}"
)


class Vocabulary:
    """Text to tokens and back, as llama.cpp does with the same file."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        self._known: dict[str, list[int]] = {}

    @classmethod
    def trained(cls, texts: Iterable[str]) -> Vocabulary:
        """Merges learnt from `texts`; the same texts give the same vocabulary."""
        from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
        )
        tokenizer.decoder = decoders.ByteLevel()
        alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
        trainer = trainers.BpeTrainer(vocab_size=SIZE - len(MARKS), initial_alphabet=alphabet, show_progress=False)
        tokenizer.train_from_iterator(texts, trainer)
        tokenizer.add_special_tokens(list(MARKS))
        return cls(tokenizer)

    @classmethod
    def load(cls, file: Path) -> Vocabulary:
        from tokenizers import Tokenizer

        return cls(Tokenizer.from_file(str(file)))

    def save(self, file: Path) -> None:
        self.tokenizer.save(str(file))

    def __len__(self) -> int:
        return int(self.tokenizer.get_vocab_size())

    def encode(self, text: str) -> list[int]:
        """The tokens of a text in which no marker counts as one."""
        return self._plain.encode(text, add_special_tokens=False).ids

    def ends(self, text: str, places: Iterable[int]) -> tuple[list[int], list[int]]:
        """The tokens of a text, and for each of these places (in characters) the index of the token that ends there."""
        encoded = self._plain.encode(text, add_special_tokens=False)
        at = {end: i for i, (_, end) in enumerate(encoded.offsets)}
        return encoded.ids, [at[place] for place in places]

    def mark(self, name: str) -> int:
        return int(self.tokenizer.token_to_id(f"<|{name}|>"))

    def chat(self, prompt: Prompt) -> list[int]:
        """The tokens of a prompt as the engine gets them from the chat template."""
        tokens: list[int] = []
        for message in prompt.messages:
            tokens += [self.mark(message.role), *self.encode(message.content), self.mark("end")]
        return [*tokens, self.mark("assistant"), *self.encode(prompt.prefill)]

    @property
    def tokens(self) -> list[str]:
        """Every token in GPT-2's characters, by number."""
        by_number = {number: token for token, number in self.tokenizer.get_vocab().items()}
        return [by_number[number] for number in range(len(by_number))]

    @property
    def merges(self) -> list[str]:
        """The merges in order, in the form of GGUF files."""
        merges = json.loads(self.tokenizer.to_str())["model"]["merges"]
        return [merge if isinstance(merge, str) else " ".join(merge) for merge in merges]

    @cached_property
    def _plain(self) -> Any:
        """The tokenizer without markers, so that `<|end|>` in a user's text is plain characters."""
        from tokenizers import Tokenizer

        data = json.loads(self.tokenizer.to_str())
        data["added_tokens"] = []
        return Tokenizer.from_str(json.dumps(data))
