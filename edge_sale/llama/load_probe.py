"""Tries a GGUF in llama.cpp, in a process of its own, because a bad file can crash it.

    python -m edge_sale.llama.load_probe FILE [--context N] [--sequences N] [--batch N] [--threads N]
                                           [--speed] [--text FILE]

prints one JSON line per stage, the last with everything found: whether the file loads and gives finite logits,
the peak of resident memory in bytes, with --speed the tokens per second of prompts and of generation, and with
--text the mean negative log-likelihood per token of that text, in nats.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

OUTPUTS = 64  # rows of logits per batch, as in the engine (context.OUTPUTS)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("file", type=Path)
    for name, default in (("context", 256), ("sequences", 1), ("batch", 512), ("threads", 1)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--speed", action="store_true")
    parser.add_argument("--text", type=Path)
    arguments = parser.parse_args()
    found: dict[str, Any] = {"before": resident()[0]}
    _report("importing")
    probe = LoadProbe(arguments.file, arguments.context, arguments.sequences, arguments.batch, arguments.threads, found)
    probe.load()
    probe.read()
    if arguments.speed:
        probe.speed()
    if arguments.text:
        probe.likelihood(arguments.text.read_text(encoding="utf-8"))
    found["peak"], found["anonymous"] = resident()
    _report("done", ok=True, **found)


class LoadProbe:
    """One model and one context. Every stage adds what it finds to `found`."""

    def __init__(
        self, file: Path, context: int, sequences: int, batch: int, threads: int, found: dict[str, Any]
    ) -> None:
        import llama_cpp.llama_cpp as lib

        self.lib: Any = lib
        self.file, self.context, self.sequences, self.batch = file, context, sequences, batch
        self.threads, self.found = threads, found
        self.log = lib.llama_log_callback(lambda level, text, data: None)
        lib.llama_log_set(self.log, ctypes.c_void_p(0))
        lib.llama_backend_init()
        found["library"] = resident()[0]

    def load(self) -> None:
        """Load the weights and make a context. Ends the process with the reason if llama.cpp refuses."""
        lib, began = self.lib, time.monotonic()
        _report("loading")
        params = lib.llama_model_default_params()
        params.n_gpu_layers = 0
        self.model = lib.llama_model_load_from_file(os.fsencode(self.file), params)
        if not self.model:
            _refuse("llama.cpp refuses it")
        self.encoder = not lib.llama_model_has_decoder(self.model) or self._is_bert()
        self.vocab = lib.llama_model_get_vocab(self.model)
        self.vocabulary = int(lib.llama_vocab_n_tokens(self.vocab))
        self.found["seconds"] = time.monotonic() - began
        context = lib.llama_context_default_params()
        context.n_ctx, context.n_seq_max = self.context, self.sequences
        context.n_batch = context.n_ubatch = self.batch
        context.n_threads = context.n_threads_batch = self.threads
        context.kv_unified, context.no_perf = False, True
        context.n_outputs_max = 0 if self.encoder else min(OUTPUTS, self.batch)
        if self.encoder:
            context.embeddings, context.pooling_type = True, lib.LLAMA_POOLING_TYPE_MEAN
        _report("making a context")
        self.ctx = lib.llama_init_from_model(self.model, context)
        if not self.ctx:
            _refuse("llama.cpp makes no context for it")
        self._batch = lib.llama_batch_init(self.batch, 0, 1)

    def read(self) -> None:
        """Decode a full batch with as many logits as the engine wants: the peak of memory, and where bad files fail."""
        _report("reading")
        each = max(1, min(self.batch, self.context) // self.sequences)
        tokens = [(n % (self.vocabulary - 1)) + 1 for n in range(each)]
        rows = [(token, at, s) for s in range(self.sequences) for at, token in enumerate(tokens)]
        self._fill([(*row, place >= len(rows) - OUTPUTS) for place, row in enumerate(rows)])
        self._run()
        import numpy as np

        if self.encoder:
            pointer, width = self.lib.llama_get_embeddings_seq(self.ctx, 0), self.lib.llama_model_n_embd(self.model)
        else:
            pointer, width = self.lib.llama_get_logits_ith(self.ctx, len(rows) - 1), self.vocabulary
        if not pointer or not np.isfinite(np.ctypeslib.as_array(pointer, (width,))).all():
            _refuse("what it gives is not finite")

    def speed(self) -> None:
        """Tokens per second: a prompt of half the context, then 32 tokens one by one; the better of two."""
        _report("measuring speed")
        length = min(self.batch, self.context // 2)
        prompts, draws = [], []
        for _ in range(2):
            self._clear()
            began = time.monotonic()
            self._fill([(n % (self.vocabulary - 1) + 1, n, 0, n == length - 1) for n in range(length)])
            self._run()
            prompts.append(length / (time.monotonic() - began))
            began, count = time.monotonic(), 0 if self.encoder else 32
            for at in range(length, length + count):
                self._fill([(at % (self.vocabulary - 1) + 1, at, 0, True)])
                self._run()
            draws.append(count / (time.monotonic() - began))
        self.found |= {"prompt_speed": max(prompts), "draw_speed": max(draws)}

    def likelihood(self, text: str) -> None:
        """Mean of -log p over the tokens of the text, each given those before it, within the context."""
        import numpy as np

        _report("measuring likelihood")
        tokens = self._tokens(text)[: self.context]
        self._clear()
        total = 0.0
        for start in range(0, len(tokens) - 1, OUTPUTS):
            part = tokens[start : start + OUTPUTS]
            self._fill([(token, start + n, 0, True) for n, token in enumerate(part)])
            self._run()
            pointer = ctypes.cast(self.lib.llama_get_logits(self.ctx), ctypes.POINTER(ctypes.c_float))
            rows = np.ctypeslib.as_array(pointer, (len(part), self.vocabulary)).astype(np.float64)
            following = tokens[start + 1 : start + 1 + len(part)]
            rows = rows[: len(following)]
            peak = rows.max(axis=1)
            log_z = np.log(np.exp(rows - peak[:, None]).sum(axis=1)) + peak
            total += float((log_z - rows[np.arange(len(following)), following]).sum())
        self.found |= {"tokens": len(tokens) - 1, "nll": total / (len(tokens) - 1)}

    def _is_bert(self) -> bool:
        buffer = ctypes.create_string_buffer(64)
        key = b"general.architecture"
        self.lib.llama_model_meta_val_str(self.model, key, buffer, len(buffer))
        return b"bert" in buffer.value

    def _tokens(self, text: str) -> list[int]:
        data = text.encode()
        out = (self.lib.llama_token * (len(data) + 8))()
        count = self.lib.llama_tokenize(self.vocab, data, len(data), out, len(out), True, False)
        return list(out[:count])

    def _clear(self) -> None:
        if not self.encoder:
            self.lib.llama_memory_clear(self.lib.llama_get_memory(self.ctx), False)

    def _fill(self, rows: list[tuple[int, int, int, bool]]) -> None:
        batch = self._batch
        for at, (token, position, sequence, wanted) in enumerate(rows):
            batch.token[at], batch.pos[at] = token, position
            batch.n_seq_id[at], batch.seq_id[at][0] = 1, sequence
            batch.logits[at] = wanted or self.encoder
        batch.n_tokens = len(rows)

    def _run(self) -> None:
        run = self.lib.llama_encode if self.encoder else self.lib.llama_decode
        if status := run(self.ctx, self._batch):
            _refuse(f"llama.cpp cannot run it (status {status})")


def resident() -> tuple[int, int]:
    """Peak resident bytes of this process, and its anonymous bytes now; (peak, 0) without /proc."""
    try:
        rows = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
        peak, anonymous = (int(rows[key].split()[0]) * 1024 for key in ("VmHWM", "RssAnon"))
        return peak, anonymous
    except (OSError, KeyError, ValueError):
        pass
    try:
        import resource

        scale = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale, 0
    except ImportError:
        return 0, 0


def _report(stage: str, **more: Any) -> None:
    print(json.dumps({"stage": stage, **more}), flush=True)


def _refuse(why: str) -> None:
    _report("refused", ok=False, why=why)
    raise SystemExit(1)


if __name__ == "__main__":
    main()
