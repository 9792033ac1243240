"""What the header says of memory and reading, and the bare loop on real weights."""

from __future__ import annotations

import pytest

from benchmarks import limits
from benchmarks.engine_pool import starter
from edge_sale.catalog.gguf_header import ArrayInfo, GgufInfo, TensorInfo, inspect
from edge_sale.errors import EngineError
from edge_sale.llama.llama_thread import llama_thread


def header(*tensors: TensorInfo, **metadata) -> GgufInfo:
    return GgufInfo(3, "llama", 32, {f"llama.{k.replace('__', '.')}": v for k, v in metadata.items()}, tensors, 0, 0)


def tensor(name: str, *shape: int, bytes: int) -> TensorInfo:
    return TensorInfo(name, shape, "F16", 0, bytes)


EMBEDDING = tensor("token_embd.weight", 8, 100, bytes=1600)
LAYER = tensor("blk.0.ffn_up.weight", 8, 8, bytes=128)


def test_a_tied_embedding_is_read_whole():
    """Without an output matrix of its own the embedding table is the output matrix: every token reads all of it."""
    assert limits.weight_bytes(header(EMBEDDING, LAYER)) == 1600 + 128


def test_of_an_untied_embedding_one_row_is_read():
    """With an output matrix a token reads its own row of the embedding table."""
    output = tensor("output.weight", 8, 100, bytes=1600)
    assert limits.weight_bytes(header(EMBEDDING, LAYER, output)) == 16 + 128 + 1600


def test_of_a_mixture_the_experts_in_use_are_read():
    """Two of eight experts are a quarter of their bytes."""
    experts = tensor("blk.0.ffn_up_exps.weight", 8, 8, 8, bytes=1024)
    assert limits.weight_bytes(header(LAYER, experts, expert_count=8, expert_used_count=2)) == 128 + 256


def test_keys_and_values_of_a_token():
    """layers x heads of the cache x (key + value) x 2 bytes; without lengths of their own a head's share."""
    of = {"block_count": 3, "attention__head_count": 4, "attention__head_count_kv": 2, "embedding_length": 32}
    assert limits.kv_bytes(header(**of), 10) == 3 * 2 * (8 + 8) * 2 * 10
    longer = header(**of, attention__key_length=16, attention__value_length=4)
    assert limits.kv_bytes(longer, 1) == 3 * 2 * (16 + 4) * 2


def test_layers_that_differ_are_not_guessed_at():
    """A header with a list of heads, one a layer, is refused by the name of its key."""
    of = {"block_count": 3, "attention__head_count": 4, "embedding_length": 32}
    with pytest.raises(EngineError, match=r"llama\.attention\.head_count_kv"):
        limits.kv_bytes(header(**of, attention__head_count_kv=ArrayInfo(4, 3)), 1)


def test_copying_takes_time():
    """Memory is copied at a rate that a machine can have: 0.1 to 10,000 GB/s."""
    assert 1e8 < limits.copy_bandwidth(1) < 1e13


@pytest.mark.models
def test_the_starters_header():
    """SmolLM2-135M: 30 layers of 3 heads of 64, so 23,040 bytes a token; its embedding is tied."""
    info = inspect(starter().file)
    assert limits.kv_bytes(info, 1) == 30 * 3 * (64 + 64) * 2
    assert limits.weight_bytes(info) == limits.file_bytes(info)


@pytest.mark.models
def test_the_bare_loop_decodes_what_drawing_did(sequential):
    """After the loop the context holds the prompt and all tokens but the last one."""
    import llama_cpp.llama_cpp as lib

    def run() -> int:
        loop = limits.BareLoop(sequential.llama.model, threads=1, cells=256)
        try:
            loop.run([1, 2, 3, 4], [5, 6, 7])
            return int(lib.llama_memory_seq_pos_max(lib.llama_get_memory(loop._context), 0))
        finally:
            loop.close()

    assert llama_thread().do(run) == 4 + 2 - 1
