"""Bench model files on this machine: header check, verification, pull, load, and the estimate of memory.

Speeds are ratios against `sha256sum` and `curl` on the same file in the same run. The hub is Python's own file server
on loopback, so only the clients are compared.
"""

from __future__ import annotations

import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

from edge_sale.catalog import cards, gguf_header, installed, memory_fit, trial_load
from edge_sale.environment import child_environment
from edge_sale.errors import EdgeSaleError
from edge_sale.evaluation.report import Figure
from edge_sale.hardware.processors import cores
from edge_sale.settings import load

SIZE = 256 << 20  # bytes of the file that is pulled and verified
SHAPES = ((2048, 1), (8192, 1), (8192, 8))  # tokens of context in all, sequences

CARD = """name = "large"
title = "A file to pull"
role = "chat"
licence = "none"
parameters = 1
context = 64
architecture = "llama"
price = 0
[[files]]
name = "large.gguf"
bytes = {size}
sha256 = "{sha256}"
[[sources]]
kind = "hub"
repo = "bench/large"
revision = "main"
"""

PULL = """
import json, sys, time
from pathlib import Path
from edge_sale.catalog import cards
from edge_sale.download import http, pull
http.shared_client()
card, home, ended = cards.read_model(Path(sys.argv[1])), Path(sys.argv[2]), []
began = time.monotonic()
def on_progress(stage, done, total):
    if stage.startswith("downloading") and done == total:
        ended.append(time.monotonic() - began)
pull.pull(card, models_dir=home, egress_log=home / "egress.jsonl", progress=on_progress)
print(json.dumps([ended[0], time.monotonic() - began]))
"""


def measure(data: Path | None, runs: int, tell: Callable[[str], None]) -> Sequence[Figure]:
    """Medians of `runs`. The models of the starter pool must be on this machine."""
    settings, catalogue = load(), cards.load()
    chat, encoder = (catalogue.model(name) for name in catalogue.pool("starter").models)
    file, other = (installed.ready(card, settings.models_dir) for card in (chat, encoder))
    with tempfile.TemporaryDirectory(prefix="edge-sale-bench-") as folder:
        figures = [*header(file, runs), *verification(Path(folder), runs, tell), *pulling(Path(folder), runs, tell)]
    return [*figures, *loading(file, runs, tell), *estimates(file, other, tell)]


def header(file: Path, runs: int) -> list[Figure]:
    """The check before every load, on the starter pool's model."""
    seconds = []
    for _ in range(runs + 2):
        began = time.perf_counter()
        gguf_header.inspect(file)
        seconds.append(time.perf_counter() - began)
    tracemalloc.start()
    gguf_header.inspect(file)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return [
        Figure("header check of the starter", median(seconds) * 1000, "ms", 100),
        Figure("memory of that check", peak / 1e6, "MB", 256),
    ]


def verification(folder: Path, runs: int, tell: Callable[[str], None]) -> list[Figure]:
    """sha256 of a whole file, by our code and by sha256sum, in turn."""
    file = large(folder / "hub" / "bench" / "large" / "resolve" / "main" / "large.gguf")
    ours, theirs = [], []
    program = shutil.which("sha256sum")
    for _ in range(runs):
        ours.append(timed(lambda: installed.sha256_of(file)))
        if program:
            theirs.append(timed(lambda: subprocess.run([program, str(file)], check=True, capture_output=True)))
    figures = [Figure("verification", SIZE / 1e6 / median(ours), "MB/s")]
    if theirs:
        figures.append(Figure("verification, against sha256sum", median(theirs) / median(ours), "×", 0.9, "least"))
    else:
        tell("sha256sum is not here: no comparison")
    return figures


def pulling(folder: Path, runs: int, tell: Callable[[str], None]) -> list[Figure]:
    """A whole pull from loopback. Its download alone is compared with curl."""
    file = folder / "hub" / "bench" / "large" / "resolve" / "main" / "large.gguf"
    card = folder / "large.toml"
    card.write_text(CARD.format(size=file.stat().st_size, sha256=installed.sha256_of(file)), encoding="utf-8")
    downloads, wholes, curls = [], [], []
    with serving(folder / "hub") as url:
        environment = child_environment(HF_ENDPOINT=url, HF_HUB_OFFLINE="0", NO_PROXY="127.0.0.1", no_proxy="127.0.0.1")
        environment.pop("EDGE_SALE_OFFLINE", None)
        for number in range(runs):
            home = folder / f"pull-{number}"
            command = [sys.executable, "-c", PULL, str(card), str(home)]
            done = subprocess.run(command, env=environment, capture_output=True, text=True)
            if done.returncode:
                raise EdgeSaleError(f"the pull failed: {done.stderr.strip().splitlines()[-1]}")
            download, whole = json.loads(done.stdout)
            downloads.append(download)
            wholes.append(whole)
            shutil.rmtree(home)
            if shutil.which("curl"):
                target, address = folder / "curl.gguf", f"{url}/bench/large/resolve/main/large.gguf"
                get = ["curl", "-sf", "--noproxy", "*", "-o", str(target), address]
                curls.append(timed(lambda get=get: subprocess.run(get, check=True)))  # type: ignore[misc]
                target.unlink()
            tell(f"pull {number}: downloaded in {download:.2f} s, in place after {whole:.2f} s")
    figures = [
        Figure("download from loopback", SIZE / 1e6 / median(downloads), "MB/s"),
        Figure("pull from loopback, verified", SIZE / 1e6 / median(wholes), "MB/s"),
    ]
    if curls:
        figures.append(Figure("download, against curl", median(curls) / median(downloads), "×", 0.9, "least"))
        figures.append(Figure("verified pull, against curl", median(curls) / median(wholes), "×"))
    return figures


def loading(file: Path, runs: int, tell: Callable[[str], None]) -> list[Figure]:
    """How long llama.cpp takes to load the starter pool's weights, from disk and from the file cache."""
    warm, cold = [], []
    for _ in range(runs):
        warm.append(float(measured_load(file)["seconds"]))
        if drop_from_cache(file):
            cold.append(float(measured_load(file)["seconds"]))
    if not cold:
        tell("the file cache cannot be emptied here: no cold load")
    figures = [Figure("warm load of the starter", median(warm) * 1000, "ms")]
    return [*figures, Figure("cold load of the starter", median(cold) * 1000, "ms")] if cold else figures


def estimates(chat: Path, encoder: Path, tell: Callable[[str], None]) -> list[Figure]:
    """How far the estimate is from the measured peak of resident memory. A tenth is allowed."""
    figures = []
    for context, sequences in SHAPES:
        found = measured_load(chat, "--context", str(context), "--sequences", str(sequences))
        guess = memory_fit.need(gguf_header.inspect(chat), context, sequences).peak
        figures.append(
            _deviation(f"estimate, starter, {sequences} × {context // sequences} tokens", guess, found, tell)
        )
    found = measured_load(encoder, "--context", "4096", "--sequences", "8", "--batch", "4096")
    guess = memory_fit.need(gguf_header.inspect(encoder), 4096, 8, batch=4096).peak
    return [*figures, _deviation("estimate, embedder, 8 × 512 tokens", guess, found, tell)]


def _deviation(what: str, guess: int, found: dict[str, float], tell: Callable[[str], None]) -> Figure:
    peak = found["peak"] - found["library"]
    tell(f"{what}: {guess / 1e6:.0f} MB, measured {peak / 1e6:.0f} MB")
    return Figure(f"{what}, off by", abs(guess / peak - 1) * 100, "%", 10)


def measured_load(file: Path, *arguments: str) -> dict[str, float]:
    """Seconds and memory of loading the file in a child process. Raises EdgeSaleError."""
    result, why = trial_load.run(file, "--threads", str(cores()), *arguments)
    if why:
        raise EdgeSaleError(f"{file}: {why}")
    return result


def large(file: Path) -> Path:
    """A GGUF of SIZE bytes with one tensor."""
    file.parent.mkdir(parents=True)
    key, value, name = b"general.architecture", b"llama", b"t"
    start = b"GGUF" + struct.pack("<IQQ", 3, 1, 1) + struct.pack("<Q", len(key)) + key
    start += struct.pack("<IQ", 8, len(value)) + value + struct.pack("<Q", len(name)) + name
    values = (SIZE - 256) // 128 * 32
    start += struct.pack("<IQIQ", 1, values, 0, 0)
    start += bytes(-len(start) % 32)
    with file.open("wb") as out:
        out.write(start)
        block = os.urandom(1 << 20)
        left = values * 4
        while left:
            left -= out.write(block[:left])
    return file


def drop_from_cache(file: Path) -> bool:
    """Drop the file from the system's file cache. False where the system cannot."""
    if not hasattr(os, "posix_fadvise"):
        return False
    with file.open("rb") as stream:
        os.fsync(stream.fileno())
        os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return True


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Python's file server for the folder, on loopback. Yields its address."""
    command = [sys.executable, "-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory", str(folder)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert server.stdout
        line = server.stdout.readline()  # Serving HTTP on 127.0.0.1 port 1234 (http://127.0.0.1:1234/) ...
        port = urlsplit(line.partition("(")[2].partition(")")[0]).port
        yield f"http://127.0.0.1:{port}"
    finally:
        server.kill()
        server.wait()


def timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
