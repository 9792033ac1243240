"""Load the weights of one of our GGUF files into torch, to compare with llama.cpp or to train further."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gguf
import torch

from training.model import Llama, Shape
from training.tokens import MARKS, Vocabulary


def load(file: Path) -> Llama:
    """The model in `file`, its float16 matrices as float32."""
    reader = gguf.GGUFReader(file)

    def number(key: str) -> int:
        field: Any = reader.fields[key]
        return int(field.contents())

    shape = Shape(
        vocabulary=number("llama.vocab_size"),
        width=number("llama.embedding_length"),
        layers=number("llama.block_count"),
        heads=number("llama.attention.head_count"),
        inner=number("llama.feed_forward_length"),
        context=number("llama.context_length"),
    )
    model = Llama(shape)
    weights = {tensor.name: torch.tensor(tensor.data.astype("float32")) for tensor in reader.tensors}
    model.load_state_dict(weights)
    return model.eval()


def vocabulary(file: Path) -> Vocabulary:
    """The vocabulary in `file`, in the form that training uses."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    reader = gguf.GGUFReader(file)
    fields: Any = reader.fields
    tokens = {token: number for number, token in enumerate(fields["tokenizer.ggml.tokens"].contents())}
    merges = [tuple(merge.split(" ")) for merge in fields["tokenizer.ggml.merges"].contents()]
    plain = {token: number for token, number in tokens.items() if token not in MARKS}
    tokenizer = Tokenizer(models.BPE(vocab=plain, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([token for token in tokens if token in MARKS])
    return Vocabulary(tokenizer)
