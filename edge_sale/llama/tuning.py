"""The settings with which llama.cpp runs a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Flash = Literal["auto", "on", "off"]


@dataclass(frozen=True, slots=True)
class Tuning:
    """How llama.cpp runs a model: threads, tokens per batch, and what goes to a GPU."""

    threads: int = 1  # for writing, one token per sequence at a time
    batch_threads: int = 0  # for reading prompts; 0: as many as for writing
    batch: int = 512  # tokens per decode call, at most
    micro_batch: int = 0  # tokens that llama.cpp computes at once within a batch; 0: the whole batch
    flash: Flash = "auto"  # flash attention
    gpu_layers: int = -1  # -1: all, where the build has a back end for a GPU
    mapped: bool = True  # memory-map the model file; turned off where that would keep the weights in memory twice
