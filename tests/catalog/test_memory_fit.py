"""What a model needs, from its header alone, and what is done where that is not there."""

from __future__ import annotations

import resource
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gguf as reference
import numpy as np
import pytest

from edge_sale.catalog import cards, gguf_header, installed, memory_fit, trial_load
from edge_sale.catalog.gguf_header import GgufInfo
from edge_sale.catalog.memory_fit import choose, largest_context, need, shape
from edge_sale.errors import BadModelFile, DoesNotFit
from edge_sale.hardware import memory
from edge_sale.hardware.memory import Free, Gpu

GB = 10**9


def header(folder: Path, architecture: str = "llama", tensors: Sequence[tuple[int, int]] = (), **keys: Any) -> GgufInfo:
    """The header of a file with these keys: whole numbers, or a list of one for each layer."""
    path = folder / "m.gguf"
    writer = reference.GGUFWriter(path, architecture)
    base: dict[str, Any] = {
        "block_count": 4,
        "embedding_length": 256,
        "feed_forward_length": 512,
        "context_length": 32768,
        "attention.head_count": 4,
        "attention.head_count_kv": 2,
    }
    for key, value in (base | {k.replace("__", "."): v for k, v in keys.items()}).items():
        name = f"{architecture}.{key}"
        if isinstance(value, list):
            writer.add_array(name, value)
        elif isinstance(value, bool):
            writer.add_bool(name, value)
        else:
            writer.add_uint32(name, value)
    writer.add_tensor("token_embd.weight", np.zeros((1000, 256), dtype=np.float16))
    for number, size in enumerate(tensors):
        writer.add_tensor(f"blk.{number}.w", np.zeros(size, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return gguf_header.inspect(path)


def test_a_dense_models_cache_is_counted_by_its_key_value_heads(tmp_path: Path) -> None:
    """4 layers x 2 heads x (64 + 64) x 2 bytes a token; cells come in steps of 256."""
    info = header(tmp_path)
    of = shape(info)
    assert (of.kind, of.cell, of.state, of.vocabulary, of.trained) == ("dense", 4 * 2 * 128 * 2, 0, 1000, 32768)
    assert need(info, 1024).kv == 1024 * 2048
    assert need(info, 1000).kv == need(info, 1024).kv
    assert need(info, 1024).weights == 1000 * 256 * 2


def test_a_hybrid_models_layers_keep_a_state_a_sequence_instead(tmp_path: Path) -> None:
    """Every fourth layer attends (Qwen3.5), or those with heads do (Granite-h, LFM2)."""
    recurrent = {"ssm__state_size": 16, "ssm__inner_size": 512, "ssm__group_count": 2, "ssm__conv_kernel": 4}
    every_fourth = shape(header(tmp_path, "qwen35", full_attention_interval=4, **recurrent))
    by_heads = shape(header(tmp_path, "granitehybrid", attention__head_count_kv=[0, 0, 2, 0], **recurrent))
    state = 3 * (512 + 2 * 2 * 16) + 16 * 512
    for of in (every_fourth, by_heads):
        assert (of.kind, of.cell, of.state) == ("hybrid", 2 * 128 * 2, 3 * state * 4)
    lfm = shape(header(tmp_path, "lfm2", attention__head_count_kv=[0, 2, 0, 2], shortconv__l_cache=3))
    assert (lfm.kind, lfm.cell, lfm.state) == ("hybrid", 2 * 2 * 128 * 2, 2 * 256 * 2 * 4)


def test_sliding_window_layers_may_have_smaller_heads_and_shared_caches(tmp_path: Path) -> None:
    """As Gemma 4 has: two layers slide with heads of 32, the last one looks into another's cache."""
    of = shape(
        header(
            tmp_path,
            "gemma4",
            attention__sliding_window=512,
            attention__sliding_window_pattern=[1, 0, 1, 0],
            attention__key_length=128,
            attention__value_length=128,
            attention__key_length_swa=32,
            attention__value_length_swa=32,
            attention__shared_kv_layers=1,
        )
    )
    assert (of.kind, of.cell) == ("sliding-window", 2 * 2 * (64 + 256 + 64))


def test_an_encoder_keeps_nothing_between_calls(tmp_path: Path) -> None:
    """No cache; its attention sees the whole micro-batch."""
    info = header(tmp_path, "bert", attention__causal=False)
    assert (shape(info).kind, need(info, 4096, 8, batch=4096).kv) == ("encoder", 0)
    assert need(info, 4096, batch=4096).compute > 4096 * 4096 * 2


def test_numbers_that_cannot_be_do_not_stop_the_sum(tmp_path: Path) -> None:
    """A header may say anything that is well formed: the answer is still a number, at once."""
    for keys in ({"attention.head_count": 0}, {"attention.head_count_kv": [1]}):
        assert need(header(tmp_path, **{k.replace(".", "__"): v for k, v in keys.items()}), 4096).total > 0
    for layers in (5000, 2**32 - 1):
        with pytest.raises(BadModelFile, match=f"{layers} layers"):
            shape(header(tmp_path, block_count=layers))
    wild = header(tmp_path, attention__head_count=0, embedding_length=0)
    assert shape(wild).cell == 0


def test_what_fits_is_given_whole_and_else_a_smaller_context(tmp_path: Path) -> None:
    """Halved until it fits; the largest that fits can be asked for."""
    info = header(tmp_path, block_count=200, attention__head_count_kv=4)  # 200 KB a token
    room = Free(4 * GB, 8 * GB, "memory of this machine")
    assert choose(info, room, context=8192).context == 8192
    assert choose(info, room, context=32768).context == 16384
    largest = largest_context(info, room)
    assert need(info, largest).total <= 0.9 * 4 * GB < need(info, largest + 256).total


def test_what_does_not_fit_is_refused_with_numbers_and_a_way_out(tmp_path: Path) -> None:
    """One line: what it needs and of what, what is free and why, and what would do."""
    info = header(tmp_path, block_count=200, attention__head_count_kv=4)
    room = Free(2 * GB, 8 * GB, "memory limit of this container (cgroup)")
    with pytest.raises(DoesNotFit) as caught:
        choose(info, room, context=16384, name="big", shrink=False)
    said = str(caught.value)
    assert said.startswith("big needs 3.4 GB (weights 1 MB, context of 16384 tokens 3.4 GB, compute ")
    assert "2.0 GB are free (memory limit of this container (cgroup))" in said
    assert f"a context of {largest_context(info, room)} tokens would fit" in said
    assert "\n" not in said
    with pytest.raises(DoesNotFit, match=r"choose a model of at most 45 MB; see: edge-sale models --fits"):
        choose(info, Free(50_000_000, 8 * GB, "memory of this machine"), context=512)


def test_layers_go_to_the_gpu_as_far_as_they_fit(tmp_path: Path) -> None:
    """All where there is room, some where there is less, none where the user says 0."""
    info = header(tmp_path, tensors=[(1 << 20, 25)] * 4)  # 420 MB of layers
    large, small = (Free(8 * GB, 8 * GB, "memory", (Gpu("card", size, size),)) for size in (8 * GB, 300_000_000))
    assert choose(info, large, context=1024).gpu_layers == 5
    assert 0 < choose(info, small, context=1024).gpu_layers < 5
    assert choose(info, large, context=1024, gpu_layers=0).gpu_layers == 0
    part = choose(info, small, context=1024)
    assert part.gpu <= 0.9 * 300_000_000 and part.ram < need(info, 1024).total


def test_a_containers_limit_counts_without_the_pages_it_can_give_back(tmp_path: Path) -> None:
    """Version 2 and 1 of control groups; the tightest around this process; "max" is none."""
    own = tmp_path / "cgroup"
    own.write_text("0::/user/app\n")
    root = tmp_path / "sys"
    for folder, most in (("user/app", "max"), ("user", "1000000"), ("", "max")):
        place = root / folder
        place.mkdir(parents=True, exist_ok=True)
        (place / "memory.max").write_text(f"{most}\n")
        (place / "memory.current").write_text("700000\n")
        (place / "memory.stat").write_text("anon 1\ninactive_file 200000\n")
    assert memory.cgroup_left(root, own) == 1000000 - (700000 - 200000)
    (root / "user" / "memory.max").write_text("max\n")
    assert memory.cgroup_left(root, own) is None
    own.write_text("9:memory:/job\n0::/\n")
    old = root / "memory" / "job"
    old.mkdir(parents=True)
    for name, text in (("limit_in_bytes", "5000"), ("usage_in_bytes", "6000"), ("stat", "total_inactive_file 0")):
        (old / f"memory.{name}").write_text(text)
    assert memory.cgroup_left(root, own) == 0
    assert memory.cgroup_left(tmp_path / "nowhere", own) is None


def test_this_machines_memory_is_known() -> None:
    """Some of it is free, and it is said what bounds it."""
    room = memory.free()
    assert 0 < room.ram <= room.total and room.limit


@pytest.mark.models
@pytest.mark.parametrize(
    ("name", "context", "sequences", "batch"),
    [
        ("smollm2-135m", 2048, 1, 512),
        ("smollm2-135m", 8192, 8, 512),
        ("all-minilm-l6-v2", 4096, 8, 4096),
    ],
)
def test_the_estimate_is_within_a_tenth_of_the_measured_peak(
    models_dir: Path, name: str, context: int, sequences: int, batch: int
) -> None:
    """Of a child process that loads the model and reads one full step, as many logits of it as the engine asks."""
    file = installed.ready(cards.load().model(name), models_dir)
    arguments = (f"--context={context}", f"--sequences={sequences}", f"--batch={batch}")
    said, why = trial_load.run(file, *arguments)
    assert why == ""
    if not said["anonymous"]:
        pytest.skip("this system does not tell the peak of a process")
    guess = need(gguf_header.inspect(file), context, sequences, batch).peak
    assert guess == pytest.approx(said["peak"] - said["library"], rel=0.1)


@pytest.mark.models
def test_what_the_formulas_take_for_granted_of_llama_cpp_holds() -> None:
    """16-bit caches, whole sliding windows, the engine's batch."""
    import llama_cpp.llama_cpp as lib

    from edge_sale.llama import context, load_probe
    from edge_sale.llama.tuning import Tuning

    params = lib.llama_context_default_params()
    assert (params.type_k, params.type_v, bool(params.swa_full)) == (1, 1, True)
    assert (Tuning().batch, context.OUTPUTS) == (memory_fit.BATCH, memory_fit.OUTPUTS)
    assert load_probe.OUTPUTS == memory_fit.OUTPUTS


@pytest.mark.models
def test_a_model_is_tried_once_in_a_child_process(models_dir: Path, tmp_path: Path) -> None:
    """The verdict is kept by sha256 and library; another library's does not count."""
    file = installed.ready(cards.load().model("smollm2-135m"), models_dir)
    first = trial_load.loadable(file, "ab" * 32, tmp_path)
    assert first.ok and first.peak > 100_000_000 and 0 < first.seconds < 60
    assert trial_load.read("ab" * 32, tmp_path) == first == trial_load.loadable(Path("/nowhere"), "ab" * 32, tmp_path)
    kept = tmp_path / ".verdicts" / f"{'ab' * 32}.json"
    kept.write_text(kept.read_text().replace(trial_load.library(), "0.0.1"))
    assert trial_load.read("ab" * 32, tmp_path) is None


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import ctypes; ctypes.string_at(0)", "llama.cpp was ended by SIGSEGV while loading in a child process"),
        ("import os; os.abort()", "llama.cpp was ended by SIGABRT while loading in a child process"),
        ("raise SystemExit(7)", "llama.cpp was ended with exit code 7 while loading in a child process"),
    ],
)
def test_a_file_that_breaks_the_library_breaks_a_child(
    code: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message says how it ended; nothing is kept, so a mended library tries again."""
    import sys

    file = tmp_path / "x.gguf"
    file.write_bytes(b"GGUF")
    program = (sys.executable, "-c", f'print(\'{{"stage": "loading"}}\', flush=True)\n{code}')
    monkeypatch.setattr(trial_load.tried, "__defaults__", (program,))
    with pytest.raises(BadModelFile, match=said):
        trial_load.loadable(file, "cd" * 32, tmp_path, "edge-sale pull x --force")
    assert not (tmp_path / ".verdicts").exists()


def test_a_file_that_holds_the_library_up_is_stopped(tmp_path: Path) -> None:
    """After its time limit, with the child gone."""
    import sys

    file = tmp_path / "x.gguf"
    file.write_bytes(b"GGUF")
    said, why = trial_load.run(file, program=(sys.executable, "-c", "import time; time.sleep(60)"), seconds=1)
    assert (said, why) == ({}, "loading it took more than 1 s")


def test_a_gguf_that_is_no_model_is_refused_by_the_real_library(tmp_path: Path) -> None:
    """Well formed, but without what llama.cpp needs; told in a line."""
    header(tmp_path)
    with pytest.raises(BadModelFile, match=r"m.gguf: llama.cpp refuses it in a child process, so it is not loaded"):
        trial_load.loadable(tmp_path / "m.gguf", "ef" * 32, tmp_path)


def test_headers_that_claim_the_largest_numbers_leave_this_process_small(tmp_path: Path) -> None:
    """The check's peak of memory stays below 256 MB, whichever count or length lies."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    header(tmp_path, tensors=[(64, 64)] * 8)
    data = bytearray((tmp_path / "m.gguf").read_bytes()[:4096])
    file = tmp_path / "lie.gguf"
    for at in range(8, 700):
        lie = data.copy()
        lie[at : at + 8] = b"\xff\xff\xff\xff\xff\xff\xff\x7f"[: 8 if at % 2 else 4]
        file.write_bytes(lie)
        try:
            need(gguf_header.inspect(file), 4096)
        except BadModelFile:
            pass
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert (after - before) / 1024 < 256
