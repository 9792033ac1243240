"""Recordings of a few lines, as files and as records."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from edge_sale.evaluation.records import Item, Recording, Trial, recording
from edge_sale.types import Task

SMALL, LARGE = "CodeQwen1.5-7B-Chat", "gpt-4-0613"


def write(file: Path, values: Iterable[Any]) -> Path:
    """JSON lines, gzipped where the name says so; a string is written as it is."""
    text = "".join((v if isinstance(v, str) else json.dumps(v)) + "\n" for v in values)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(gzip.compress(text.encode()) if file.suffix == ".gz" else text.encode())
    return file


def mint_task(n: int, family: str = "reasoning/gsm8k") -> dict[str, Any]:
    return {"id": f"t{n}", "family": family, "prompt": f"What is {n} and {n}?"}


def mint_run(n: int, model: str, success: bool = True, **changes: Any) -> dict[str, Any]:
    return {
        "task": f"t{n}",
        "model": model,
        "success": success,
        "prompt_tokens": 90,
        "completion_tokens": 10,
        "turns": 1,
        "thought": f"Add {n} twice.",
        "first": "…",
        "end": "task_success",
        **changes,
    }


def mint(folder: Path, tasks: Sequence[Any] = (), runs: Sequence[Any] = ()) -> Path:
    """Two tasks and four runs of two agents, ten lines at most, unless told otherwise."""
    write(folder / "tasks.jsonl.gz", tasks or [mint_task(1), mint_task(2, "code_generation/mbpp")])
    write(
        folder / "runs.jsonl.gz",
        runs or [mint_run(n, m, success=(n == 1 or m == LARGE)) for n in (1, 2) for m in (SMALL, LARGE)],
    )
    return folder


def full_recording(
    wins: Mapping[str, str], prices: Mapping[str, float] | None = None, checked: str = "", texts: Sequence[str] = ()
) -> Recording:
    """A recording from rows like {"small": "101", "large": "111"}: one task a column, 1 is a success.

    `checked` marks columns in the same way; tokens are 90 in and 10 out.
    """
    count = len(next(iter(wins.values())))
    items = [
        Item(Task(f"t{i}", texts[i] if texts else f"task {i}"), f"bin{i % 2}", checked[i : i + 1] == "1")
        for i in range(count)
    ]
    trials = [
        Trial(f"t{i}", agent, row[i] == "1", 90, 10, plan=f"{agent} plans {i}", plan_tokens=10, entropy=1.0)
        for agent, row in wins.items()
        for i in range(count)
    ]
    return recording("full", items, prices or {a: 10.0**i for i, a in enumerate(wins)}, trials)
