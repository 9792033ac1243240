"""Recorded agent traces of MINT (https://github.com/xingyaoww/mint-bench, Apache-2.0) as a recording.

The folder holds `tasks.jsonl.gz` (id, family, prompt) and `runs.jsonl.gz` (task, model, success,
prompt_tokens, completion_tokens, thought, first). MINT's agents were asked for no plan, so the opening thought of a
run is its plan. There are no logits, so a plan has no entropy.

An item is `checked` where the environment itself tells whether work is right: the tests of a program, the goal of a
household world. An answer to a question is checked by the answer key alone, which is not `checked`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edge_sale.evaluation.jsonl_store import BadRecord, lines, take
from edge_sale.evaluation.records import Item, Recording, Trial, recording
from edge_sale.types import Task

DOLLARS_PER_BILLION = 0.01125  # the paper's prices: Qwen3 8B $0.09, 14B $0.16, 32B $0.36 per million tokens
BILLIONS = {
    "Mistral-7B-Instruct-v0.2": 7.2,
    "Meta-Llama-3-8B-Instruct": 8.0,
    "CodeQwen1.5-7B-Chat": 7.3,
    "openchat-3.5-1210": 7.2,
    "CodeActAgent-Mistral-7b-v0.1": 7.2,
    "Mixtral-8x7B-Instruct-v0.1": 46.7,
    "deepseek-coder-33b-instruct": 33.3,
    "Qwen1.5-72B-Chat": 72.3,
    "Meta-Llama-3-70B-Instruct": 70.6,
}
# published prices of their time at nine tokens read for one written: $30/60, $1.50/2, $8/24 per million
PUBLISHED = {"gpt-4-0613": 33.0, "gpt-3.5-turbo-0613": 1.55, "claude-2": 9.6}
PRICES = {**{name: round(b * DOLLARS_PER_BILLION, 4) for name, b in BILLIONS.items()}, **PUBLISHED}

POOL = (
    "Mistral-7B-Instruct-v0.2",
    "Meta-Llama-3-8B-Instruct",
    "CodeQwen1.5-7B-Chat",
    "openchat-3.5-1210",
    "CodeActAgent-Mistral-7b-v0.1",
    "gpt-4-0613",
)
CHECKED = ("code_generation", "decision_making")
TOKEN = 4.0  # characters a token, for plans: MINT counts tokens of whole turns only


def read(folder: Path, agents: Sequence[str] = POOL) -> Recording:
    """The recording in `folder`, for these agents. Raises BadRecord naming file and line."""
    tasks, runs = folder / "tasks.jsonl.gz", folder / "runs.jsonl.gz"
    for file in (tasks, runs):
        if not file.is_file():
            what = "no such folder" if not folder.is_dir() else f"not a MINT recording, it has no {file.name}"
            raise BadRecord(f"{folder}: {what}; --data takes the folder with tasks.jsonl.gz and runs.jsonl.gz")
    if unknown := [agent for agent in agents if agent not in PRICES]:
        raise BadRecord(f"{unknown[0]!r} is not an agent of MINT; there are: {', '.join(PRICES)}")
    return recording(
        "mint",
        [_item(where, value) for where, value in lines(tasks)],
        {agent: PRICES[agent] for agent in agents},
        [_trial(where, value) for where, value in lines(runs) if take(where, value, "model", str) in agents],
    )


def _item(where: str, value: dict[str, object]) -> Item:
    family = take(where, value, "family", str)
    domain = "python" if family.startswith("code_generation") else "text"
    task = Task(take(where, value, "id", str), take(where, value, "prompt", str), domain)
    return Item(task, family, checked=family.split("/")[0] in CHECKED)


def _trial(where: str, value: dict[str, object]) -> Trial:
    thought, first = take(where, value, "thought", str), take(where, value, "first", str)
    plan = thought or first  # without an opening thought, the agent's first message is its plan
    return Trial(
        task=take(where, value, "task", str),
        agent=take(where, value, "model", str),
        success=take(where, value, "success", bool),
        tokens_in=take(where, value, "prompt_tokens", int),
        tokens_out=take(where, value, "completion_tokens", int),
        plan=plan,
        plan_tokens=max(1, round(len(plan) / TOKEN)),
        opening=first,
    )
