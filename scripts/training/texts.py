"""The training texts: the four roles of an agent as token sequences, made from generated tasks.

Each sequence is the prompt that an agent of edge-sale sends (`prompts/trade`), then the right reply. Plans are right by
construction. A juror reads a right plan or one with known faults, and its right reply is the share of right steps
(5 where no step is wrong).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from random import Random

from edge_sale.agents.local import LESSON_CHARACTERS, within
from edge_sale.evaluation.bundled_tasks import functions
from edge_sale.evaluation.bundled_tasks.functions import STEPS, Made, numbered
from edge_sale.evaluation.bundled_tasks.inputs import inputs
from edge_sale.evaluation.bundled_tasks.operations import OPERATIONS, Operation, Step
from edge_sale.prompts import render
from edge_sale.types import Lesson
from training.tasks import make, reworded, training
from training.tokens import Vocabulary
from training.unrelated import unrelated_task

WORDS_WEIGHT = 0.4  # of a token of the task's text: enough to learn to recognise tasks of the trade
WORDS_SHARE = 0.25  # share of the texts in which the task's tokens count, to save time
CODE_WEIGHT = 0.5  # code is long and easy
STEP_WEIGHT = 1.0  # of a juror's prediction of one step's correctness, see `_judge`
SCORE_WEIGHT = 3.0
ROLES = ("plan", "work", "judge", "refine")
SHORT_UNTIL, FULL_FROM = (
    0.12,
    0.4,
)  # of the training: tasks have two steps until the first, and all lengths from the second


@dataclass(frozen=True, slots=True)
class Course:
    """What one model learns."""

    half: str  # of the trade: all, lists or texts
    steps: int  # the longest task that it plans on its own
    roles: tuple[float, float, float, float]  # shares of the four ROLES
    longest: int = STEPS  # the longest task whose plan it is given


@dataclass(frozen=True, slots=True)
class Text:
    """Tokens, the token that each position should predict, and the weight of that prediction."""

    tokens: list[int]
    targets: list[int]
    weights: list[float]


def texts(course: Course, words: Vocabulary, random: Random, progress: float = 1.0) -> Iterator[Text]:
    """Endless training texts. Early in the training tasks are short, with few lessons and judgements."""
    course = at(course, progress)
    makers = {"plan": _plan, "work": _work, "judge": _judge, "refine": _refine}
    while True:
        role = random.choices(ROLES, course.roles)[0]
        yield makers[role](course, words, random)


def at(course: Course, progress: float) -> Course:
    """The course at this `progress` (0 to 1) of the training: wordings first, long tasks later."""
    grown = min(1.0, max(0.0, (progress - SHORT_UNTIL) / (FULL_FROM - SHORT_UNTIL)))
    longest = 2 + round(grown * (STEPS - 2))
    plan, work, judge, refine = course.roles
    part = 0.3 + 0.7 * grown
    return Course(course.half, min(course.steps, longest), (plan, work, judge * part, refine * part), longest)


def said(words: Vocabulary, prompt: list[int], answer: str, weight: float) -> Text:
    """A prompt with its reply, up to the end token. Only the reply's tokens have this weight."""
    tokens = [*prompt, *words.encode(answer), words.mark("end")]
    weights = [0.0] * (len(prompt) - 1) + [weight] * (len(tokens) - len(prompt))
    return Text(tokens[:-1], tokens[1:], weights)


def _make(course: Course, random: Random, most: int) -> Made:
    return make(random, random.randint(1, most), half=course.half)


def _plan(course: Course, words: Vocabulary, random: Random) -> Text:
    task = _make(course, random, course.steps)
    prompt = render("trade/plan", task=task.text, domain="python")
    tokens = words.chat(prompt)
    text = said(words, tokens, task.plan.removeprefix("1."), 1.0)
    if random.random() < WORDS_SHARE:
        for place in range(tokens.index(words.mark("end")) - 1):  # the user's turn
            text.weights[place] = WORDS_WEIGHT
    return text


def _work(course: Course, words: Vocabulary, random: Random) -> Text:
    task = _make(course, random, course.longest)
    prompt = words.chat(render("trade/answer", plan=task.plan, task=task.text, domain="python", notes=""))
    return said(words, prompt, task.code, CODE_WEIGHT)


def _judge(course: Course, words: Vocabulary, random: Random) -> Text:
    """A plan and its score. Besides, the last token of each step predicts whether that step is right.

    The product never reads that prediction; it teaches a juror to look at one step at a time.
    """
    if random.random() < 0.06:
        return _judge_stray(course, words, random)
    most = course.steps if random.random() < 0.7 else course.longest
    task = _make(course, random, most)
    right = [step.plan for step in task.chain]
    plan = right if random.random() < 0.4 else faulty_plan(task, random)
    matched = common(right, plan)
    return _verdict(words, task.text, plan, [i in matched for i in range(len(plan))], score(right, plan))


def _judge_stray(course: Course, words: Vocabulary, random: Random) -> Text:
    """A task from outside the trade, for which every plan of the trade is wrong."""
    plan = [step.plan for step in _make(course, random, course.steps).chain]
    return _verdict(words, unrelated_task(random), plan, [False] * len(plan), 0)


def _verdict(words: Vocabulary, task: str, plan: Sequence[str], right: Sequence[bool], score: int) -> Text:
    digits = [words.encode(str(digit))[0] for digit in range(6)]
    prompt = render("trade/likert", task=task, plan=numbered(plan))
    content = prompt.messages[0].content
    ends, place = [], len(content) - len(numbered(plan))
    for line in numbered(plan).split("\n"):
        place += len(line)
        ends.append(place)
        place += 1
    inside, last = words.ends(content, ends)
    tokens = [words.mark("user"), *inside, words.mark("end"), words.mark("assistant")]
    text = Text(tokens, [0] * len(tokens), [0.0] * len(tokens))
    for token, fine in zip(last, right, strict=True):
        text.targets[token + 1] = digits[5 if fine else 0]
        text.weights[token + 1] = STEP_WEIGHT
    text.targets[-1], text.weights[-1] = digits[score], SCORE_WEIGHT
    return text


def _refine(course: Course, words: Vocabulary, random: Random) -> Text:
    """A task after lessons from past ones. A task longer than the agent's own range always has one of its chain."""
    task = _make(course, random, course.longest)
    in_range = task.steps <= course.steps
    others = [_make(course, random, course.longest) for _ in range(random.choice((0, 0, 1, 1, 2)))]
    same_chain = reworded(task, random)
    if in_range and random.random() < 0.4:
        tasks = others or [_make(course, random, course.steps)]
    else:
        tasks = [*others, same_chain]
        if random.random() < 0.2:
            random.shuffle(tasks)
    lessons = [_lesson(one, place, random) for place, one in enumerate(tasks)]
    prompt = render("trade/refine", task=task.text, domain="python", lessons=within(lessons, LESSON_CHARACTERS))
    return said(words, words.chat(prompt), task.plan.removeprefix("1."), 1.0)


def _lesson(task: Made, place: int, random: Random) -> Lesson:
    lost = numbered(faulty_plan(task, random)) if random.random() < 0.8 else task.plan
    return Lesson("", task.text, task.plan, lost, "", "", similarity=0.5 + place / 10)


def score(right: Sequence[str], plan: Sequence[str]) -> int:
    """The share of right steps as 0 to 4; 5 for the right plan."""
    share = len(common(right, plan)) / max(len(right), len(plan))
    return 5 if list(plan) == list(right) else min(4, int(5 * share))


# --- faults ------------------------------------------------------------------


def faulty_plan(task: Made, random: Random) -> list[str]:
    """The task's plan with one or more faults. It never does what the task asks, and never adds a held-out pair."""
    known = _held_pairs(task.chain)
    while True:
        plan = list(task.chain)
        for _ in range(random.choice((1, 1, 1, 1, 2, 2, 3, 5))):
            plan = _fault(plan, task, random)
        if _held_pairs(plan) <= known and not _same_results(plan, task):
            return [step.plan for step in plan]


def _held_pairs(chain: Sequence[Step]) -> set[tuple[str, str]]:
    pairs = ((a.operation, b.operation) for a, b in itertools.pairwise(chain))
    return {(a.name, b.name) for a, b in pairs if functions.held_out(a, b)}


def _same_results(plan: Sequence[Step], task: Made) -> bool:
    """Whether plan and task give the same results on some inputs."""
    if not functions.fits(task.start, plan):
        return False
    code = functions.program(task.start, plan)
    values = inputs(task.start, 12, 0)
    return all(functions.run(code, value) == functions.run(task.code, value) for value in values)


def _fault(plan: list[Step], task: Made, random: Random) -> list[Step]:
    kind = random.random()
    place = random.randrange(len(plan))
    if kind < 0.5:
        return [*plan[:place], _another(plan[place], random), *plan[place + 1 :]]
    if kind < 0.62:  # cut short, as by an agent that makes short plans only
        return plan[: random.randint(1, len(plan))]
    if kind < 0.74 and len(plan) > 1:
        return plan[:place] + plan[place + 1 :]
    if kind < 0.86:
        new = _another(plan[place], random)
        return [*plan[:place], new, *plan[place:]]
    if kind < 0.94 and place:
        return [*plan[: place - 1], plan[place], plan[place - 1], *plan[place + 1 :]]
    half = task.half if task.half != "mixed" else "all"
    return list(make(random, random.randint(1, len(plan)), half=half).chain)


def _another(step: Step, random: Random) -> Step:
    """Another step on the same kind of value: other arguments, a similarly named operation, or any operation."""
    operation = step.operation
    kind = random.random()
    if kind < 0.3 and operation.arguments:
        return Step(operation, functions.arguments(operation, random))
    near = _near(operation) if kind < 0.7 else _able(operation.takes)
    chosen = random.choice([one for one in near if one is not operation] or list(_able(operation.takes)))
    return Step(chosen, functions.arguments(chosen, random))


@cache
def _near(operation: Operation) -> tuple[Operation, ...]:
    """Operations on the same kind of value whose names share a word with it."""
    words = set(operation.name.split())
    return tuple(o for o in _able(operation.takes) if words & set(o.name.split()))


@cache
def _able(kind: str) -> tuple[Operation, ...]:
    return tuple(o for o in OPERATIONS if o.takes == kind)


def common(right: Sequence[str], plan: Sequence[str]) -> set[int]:
    """Indices in `plan` of a longest common subsequence with `right`."""
    best = [[0] * (len(plan) + 1) for _ in range(len(right) + 1)]
    for i in reversed(range(len(right))):
        for j in reversed(range(len(plan))):
            same = right[i] == plan[j]
            best[i][j] = best[i + 1][j + 1] + 1 if same else max(best[i + 1][j], best[i][j + 1])
    found, i, j = set[int](), 0, 0
    while i < len(right) and j < len(plan):
        if right[i] == plan[j]:
            found.add(j)
            i, j = i + 1, j + 1
        elif best[i + 1][j] >= best[i][j + 1]:
            i += 1
        else:
            j += 1
    return found


def corpus(count: int) -> Iterator[str]:
    """Texts to learn the vocabulary from: what the models will read and write."""
    tasks = training(7, 1, STEPS)
    for _, task in zip(range(count), tasks, strict=False):
        yield f"Plan: {task.text}"
        yield task.plan
        yield f"Judge: {task.text}\n{task.plan}"
        if len(task.text) % 3 == 0:
            yield task.code
