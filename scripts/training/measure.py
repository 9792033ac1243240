"""Measure each bundled model in its four roles, through llama.cpp, on tasks that no training text holds.

    plan, work   pass@1: the model draws a plan and writes code along it, and the code runs
    judge        AUC of the expected score over right and faulty plans; calibration of p(5)
    refine       pass@1 on tasks beyond the model's own range, with and without lessons of the same chain
    entropy      AUC of a plan's mean entropy for telling failures

The embedder is measured by how well it puts tasks of one structure together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np

from edge_sale.agents.local import LESSON_CHARACTERS, tidy, within
from edge_sale.catalog.cards import shipped_dir
from edge_sale.evaluation.bundled_eval import retrieval_eval
from edge_sale.evaluation.bundled_eval.tasks import stream
from edge_sale.evaluation.bundled_tasks import functions
from edge_sale.evaluation.bundled_tasks.functions import STEPS, Made, numbered
from edge_sale.evaluation.bundled_tasks.grading import grade_all
from edge_sale.evaluation.metrics import calibration
from edge_sale.evaluation.report import Figure
from edge_sale.llama.embedder import LlamaEmbedder
from edge_sale.llama.engine import LlamaEngine
from edge_sale.llama.tuning import Tuning
from edge_sale.prompts import render
from edge_sale.scoring.auc import auc
from edge_sale.types import Choose, Generate, Generation, Lesson, Sampling
from training import tasks as training_tasks
from training import written
from training.texts import faulty_plan

NAMES = ("junior", "lists", "texts", "senior")
HALVES = {"lists": "lists", "texts": "texts"}  # the other models know all of the trade
RANGES = {"junior": 2, "lists": 4, "texts": 4, "senior": STEPS}
CROSSED = {
    "junior": 2,
    "lists": 4,
    "texts": 4,
    "senior": 6,
}  # steps at which new words and new compositions are compared
EACH = 100  # tasks a bin
PLAN = Sampling(max_tokens=80, seed=1)
CODE = Sampling(max_tokens=256)
BATCH = 64  # prompts a batch
CONTEXT = 1024


@dataclass(frozen=True, slots=True)
class Bin:
    """The outcomes of the tasks of one kind."""

    right: list[bool]
    entropies: list[float]

    @property
    def share(self) -> float:
        return 100 * sum(self.right) / len(self.right)


def measure(data: Path | None, runs: int, tell: Callable[[str], None]) -> Iterator[Figure]:
    """The figures of all models; `data` is a folder of other weights than the shipped ones."""
    folder = data or shipped_dir() / "bundled"
    best: dict[int, float] = {}
    for name in reversed(NAMES):
        yield from of_model(name, folder, best)
    yield from of_embedder(folder)


def of_embedder(folder: Path) -> Iterator[Figure]:
    """Retrieval of tasks with the same structure by the embedder, and by the senior's own states for comparison."""
    jobs = stream(100 * STEPS, 0, families=20 * STEPS)
    for name in ("embedder", "senior"):
        made = LlamaEmbedder(name, folder / f"{name}.gguf", "", threads=1)
        vectors = np.concatenate(
            [
                made.embed([job.question.item.task.text for job in jobs[start : start + BATCH]])
                for start in range(0, len(jobs), BATCH)
            ]
        ).astype(np.float64)
        found = retrieval_eval.recall(vectors, [job.chain for job in jobs])
        made.close()
        yield Figure(f"embedder: by the {name}, nearest task has the same structure", 100 * found["first"], "%")
        yield Figure(f"embedder: by the {name}, one of the 8 nearest has it", 100 * found["any"], "%")


def of_model(name: str, folder: Path, best: dict[int, float]) -> Iterator[Figure]:
    """The figures of one model. The senior's shares by steps go into `best`; the junior's are compared with them."""
    engine = LlamaEngine(name, folder / f"{name}.gguf", context=CONTEXT, tuning=Tuning(threads=1))
    found, seen = dict[int, float](), list[Bin]()
    for steps in range(1, STEPS + 1):
        one = solved(engine, functions.exam(EACH, steps))
        seen.append(one)
        found[steps] = one.share
        goal = 95.0 if name == "senior" and steps <= 6 else None
        yield Figure(f"{name}: pass@1, {in_steps(steps)}", one.share, "%", goal, bound="least")
    if name == "senior":
        best |= found
    if name == "junior" and best:
        yield from _compared_with_senior(found, best)
    yield from _alone(name, engine, seen)
    engine.close()


def _compared_with_senior(found: dict[int, float], best: dict[int, float]) -> Iterator[Figure]:
    share = {steps: 100 * found[steps] / max(best[steps], 1e-9) for steps in found}
    for steps in (1, 2):
        yield Figure(f"junior: beside senior, {in_steps(steps)}", share[steps], "%", 92.0, bound="least")
    yield Figure(f"junior: beside senior, {STEPS} steps", share[STEPS], "%", 25.0)


def in_steps(count: int) -> str:
    return f"{count} step{'s' * (count > 1)}"


def _alone(name: str, engine: LlamaEngine, seen: Sequence[Bin]) -> Iterator[Figure]:
    if name in HALVES:
        own = [solved(engine, functions.exam(EACH, steps, half=HALVES[name])) for steps in range(1, RANGES[name] + 1)]
        for steps, one in enumerate(own, start=1):
            yield Figure(f"{name}: its own half, {in_steps(steps)}", one.share, "%")
    yield Figure(f"{name}: hand-written prompts", 100 * hand_written(engine, written.WRITTEN), "%")
    yield Figure(f"{name}: hand-written prompts, later ones", 100 * hand_written(engine, written.LATER), "%")
    right = [fine for one in seen for fine in one.right]
    certainty = [-entropy for one in seen for entropy in one.entropies]
    if len(set(right)) > 1:
        yield Figure(f"{name}: AUC of its plans' entropy", auc(certainty, right), "", 0.9, bound="least")
    yield from crossed(name, engine)
    yield from judging(name, engine)
    if name != "senior":
        yield from lessons(name, engine)


def crossed(name: str, engine: LlamaEngine) -> Iterator[Figure]:
    """Where failures come from: pass@1 with known and new wordings, each with known and new compositions."""
    steps = CROSSED[name]
    for chains in (False, True):
        for words in (False, True):
            random = Random(f"crossed {name} {chains} {words}")
            tasks = list[Made]()
            while len(tasks) < EACH:
                made = training_tasks.make(random, steps, half=HALVES.get(name, "all"), held=chains)
                task = training_tasks.reworded(made, random, held=words, fresh=False)
                if functions.telling(task):
                    tasks.append(task)
            what = f"{'new' if chains else 'met'} compositions in {'new' if words else 'met'} words"
            yield Figure(f"{name}: {in_steps(steps)}, {what}", solved(engine, tasks).share, "%")


def solved(engine: LlamaEngine, tasks: Sequence[Made], past: Sequence[Lesson] | None = None) -> Bin:
    """A plan and its code for each task, graded. With `past`, each plan is refined from that one lesson."""
    requests = []
    for place, task in enumerate(tasks):
        known = within([past[place]], LESSON_CHARACTERS) if past else []
        requests.append(_plan_prompt(task.text, known))
    plans = generated(engine, requests)
    answers = worked(engine, plans)
    right = grade_all([functions.question(task) for task in tasks], answers)
    return Bin(right, [plan.entropy for plan in plans])


def hand_written(engine: LlamaEngine, prompts: Sequence[written.Written]) -> float:
    """The share of hand-written prompts that are solved."""
    asked = written.questions(prompts)
    plans = generated(engine, [_plan_prompt(one.item.task.text, []) for one in asked])
    return sum(grade_all(asked, worked(engine, plans))) / len(asked)


def worked(engine: LlamaEngine, plans: Sequence[Generation]) -> list[str]:
    """The code that the model writes along each plan."""
    requests = [
        Generate(
            render(
                "trade/answer",
                plan=tidy("1." + plan.text, cut=plan.ended == "length"),
                task="",
                notes="",
                domain="python",
            ),
            CODE,
        )
        for plan in plans
    ]
    return [drawn.text for drawn in generated(engine, requests)]


def judging(name: str, engine: LlamaEngine) -> Iterator[Figure]:
    """Scores of right and of faulty plans for tasks within the model's range."""
    random = Random(5)
    requests, truth = [], list[bool]()
    for steps in range(1, RANGES[name] + 1):
        for task in functions.exam(EACH // 2, steps, seed=3, half=HALVES.get(name, "all")):
            right = [step.plan for step in task.chain]
            for plan in (right, faulty_plan(task, random)):
                requests.append(Choose(render("trade/likert", task=task.text, plan=numbered(plan)), tuple("012345")))
                truth.append(plan == right)
    scores, sure = list[float](), list[float]()
    for start in range(0, len(requests), BATCH):
        for choice in engine.choose(requests[start : start + BATCH]):
            if isinstance(choice, Exception):
                raise choice
            scores.append(sum(digit * p for digit, p in enumerate(choice.probabilities)))
            sure.append(choice.probabilities[5])
    yield Figure(f"{name}: AUC as a juror, plans in its range", auc(scores, truth), "")
    brier = sum((p - fine) ** 2 for p, fine in zip(sure, truth, strict=True)) / len(truth)
    yield Figure(f"{name}: Brier score of its p(5)", brier, "", 0.1)
    yield Figure(f"{name}: calibration error of its p(5)", calibration(sure, truth)[1], "")


def lessons(name: str, engine: LlamaEngine) -> Iterator[Figure]:
    """Tasks beyond the model's range, alone and with one past task of the same chain."""
    random = Random(6)
    tasks = [
        task
        for steps in range(RANGES[name] + 1, RANGES[name] + 4)
        for task in functions.exam(EACH // 3, steps, seed=4, half=HALVES.get(name, "all"))
    ]
    past = []
    for task in tasks:
        same = functions.reworded(task, random)
        past.append(Lesson("", same.text, same.plan, numbered(faulty_plan(same, random)), "", "", similarity=0.9))
    reach = f"{RANGES[name] + 1} to {RANGES[name] + 3} steps"
    yield Figure(f"{name}: {reach}, without a lesson", solved(engine, tasks).share, "%")
    yield Figure(f"{name}: {reach}, with one", solved(engine, tasks, past).share, "%")


def generated(engine: LlamaEngine, requests: Sequence[Generate]) -> list[Generation]:
    """One sample for each request. Raises the error of any that failed."""
    found: list[Generation] = []
    for start in range(0, len(requests), BATCH):
        for reply in engine.generate(requests[start : start + BATCH]):
            if isinstance(reply, Exception):
                raise reply
            found.append(reply[0])
    return found


def _plan_prompt(text: str, known: Sequence[Lesson]) -> Generate:
    values = {"task": text, "domain": "python"}
    prompt = render("trade/refine", lessons=known, **values) if known else render("trade/plan", **values)
    return Generate(prompt, PLAN)
