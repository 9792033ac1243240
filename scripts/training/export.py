"""Write a trained model as a GGUF of the llama architecture: weights, vocabulary, merges and chat template.

Matrices are stored as float16, the rest as float32. `exact` stores all as float32, to compare with torch. The file has
no output matrix: llama.cpp then uses the embedding matrix.
"""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np

from training.model import BASE, EPS, Llama
from training.tokens import MARKS, PRE, TEMPLATE, Vocabulary

LICENCE = "Apache-2.0"


def export(model: Llama, words: Vocabulary, file: Path, title: str, *, exact: bool = False) -> None:
    """Write the file, whole or not at all."""
    staged = file.with_name(f".{file.name}.writing")
    try:
        _write(model, words, staged, title, exact)
        staged.replace(file)
    finally:
        staged.unlink(missing_ok=True)


def _write(model: Llama, words: Vocabulary, file: Path, title: str, exact: bool) -> None:
    shape = model.shape
    out = gguf.GGUFWriter(file, "llama")
    out.add_name(title)
    out.add_license(LICENCE)
    out.add_file_type(gguf.LlamaFileType.ALL_F32 if exact else gguf.LlamaFileType.MOSTLY_F16)
    out.add_context_length(shape.context)
    out.add_embedding_length(shape.width)
    out.add_block_count(shape.layers)
    out.add_feed_forward_length(shape.inner)
    out.add_head_count(shape.heads)
    out.add_head_count_kv(shape.heads)
    out.add_layer_norm_rms_eps(EPS)
    out.add_rope_dimension_count(shape.head)
    out.add_rope_freq_base(BASE)
    out.add_vocab_size(shape.vocabulary)
    _vocabulary(out, words)
    for name, weight in model.state_dict().items():
        values = weight.detach().numpy()
        out.add_tensor(name, values.astype(np.float32 if exact or values.ndim == 1 else np.float16))
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()


def _vocabulary(out: gguf.GGUFWriter, words: Vocabulary) -> None:
    tokens = words.tokens
    out.add_tokenizer_model("gpt2")
    out.add_tokenizer_pre(PRE)
    out.add_token_list(tokens)
    out.add_token_types([gguf.TokenType.CONTROL if t in MARKS else gguf.TokenType.NORMAL for t in tokens])
    out.add_token_merges(words.merges)
    out.add_add_bos_token(False)
    out.add_bos_token_id(words.mark("end"))  # llama.cpp requires one; it is never added
    out.add_eos_token_id(words.mark("end"))
    out.add_chat_template(TEMPLATE)
