"""Outcome files of RouteLLM (https://github.com/lm-sys/RouteLLM, Apache-2.0) as a recording.

`routellm/evals/mmlu/responses/mmlu_*.csv` and `routellm/evals/gsm8k/gsm8k_responses.csv`: a prompt, then a
column of True or False for each agent. The files hold no plans, so there is no jury, and no token counts: the length of
an answer is that of the recorded text (GSM8K) or one token (MMLU's letter).
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from edge_sale.evaluation.jsonl_store import BadRecord
from edge_sale.evaluation.mint import DOLLARS_PER_BILLION, TOKEN
from edge_sale.evaluation.records import Item, Recording, Trial, recording
from edge_sale.types import Task

# Mixtral by its size, as MINT's agents; GPT-4 Turbo as published: $10/30 at nine tokens read for one written
PRICES = {"mixtral-8x7b-instruct-v0.1": round(46.7 * DOLLARS_PER_BILLION, 4), "gpt-4-1106-preview": 12.0}


def read(folder: Path, agents: Sequence[str] = ()) -> Recording:
    """The recording of every such file in `folder` or below. Raises BadRecord naming file and line."""
    files = sorted([*folder.rglob("mmlu_*.csv"), *folder.rglob("gsm8k_responses.csv")])
    if not files:
        what = "no such folder" if not folder.is_dir() else "holds no mmlu_*.csv and no gsm8k_responses.csv"
        raise BadRecord(f"{folder}: {what}; --data takes RouteLLM's folder routellm/evals")
    wanted = tuple(agents) or tuple(PRICES)
    if unknown := [agent for agent in wanted if agent not in PRICES]:
        raise BadRecord(f"{unknown[0]!r} is not an agent of RouteLLM's files; there are: {', '.join(PRICES)}")
    items: list[Item] = []
    trials: list[Trial] = []
    for file in files:
        for place, row in _rows(file, wanted):
            task = Task(f"{file.stem}/{place}", row["prompt"])
            items.append(Item(task, file.stem.removesuffix("_responses").split("_")[0]))
            trials += [_trial(file, place, row, task, agent) for agent in wanted]
    return recording("routellm", items, {agent: PRICES[agent] for agent in wanted}, trials)


def _rows(file: Path, agents: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        with file.open(encoding="utf-8", newline="") as stream:
            reader = csv.DictReader(stream, strict=True)
            lacking = [name for name in ("prompt", *agents) if name not in (reader.fieldnames or ())]
            if lacking:
                raise BadRecord(f"{file}, line 1: has no column {lacking[0]!r}")
            for row in reader:
                if None in row or None in row.values():
                    raise BadRecord(f"{file}, line {reader.line_num}: has not as many fields as line 1")
                yield reader.line_num, row
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadRecord(f"{file}: cannot be read: {error}") from error


def _trial(file: Path, place: int, row: dict[str, str], task: Task, agent: str) -> Trial:
    said = row[agent].strip().lower()
    if said not in ("true", "false"):
        raise BadRecord(f"{file}, line {place}: {agent} should be True or False, is {row[agent]!r:.40}")
    answer = row.get(f"{agent}_response", "")
    read, written = round(len(task.text) / TOKEN), max(1, round(len(answer) / TOKEN))
    return Trial(task.id, agent, said == "true", read, written, opening=answer)
