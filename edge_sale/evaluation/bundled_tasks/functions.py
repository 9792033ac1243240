"""The trade of the bundled models as tasks: small Python functions over lists, texts, words and counts.

A task is a chain of 1 to 8 operations (`operations.OPERATIONS`), told in English; the number of steps is its
complexity. Its plan is the chain in a short, controlled language, its reference one line of Python a step.

Held out by construction, and never in a training text: the `held` wordings of every operation (not even as a part
of other words), four sentence frames, one in twelve pairs of neighbouring operations (`held_out`), and the prompts
of `written`, which people would type: further test sets. `exam` makes tasks all of whose wordings are held out and
which, from two steps on, hold such a pair.
"""

from __future__ import annotations

import ast
import itertools
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from random import Random
from typing import Any, Literal

from edge_sale.evaluation.bundled_tasks import task_text
from edge_sale.evaluation.bundled_tasks.inputs import inputs
from edge_sale.evaluation.bundled_tasks.operations import NAMES, OPERATIONS, Operation, Step
from edge_sale.evaluation.bundled_tasks.written import MORE, WRITTEN
from edge_sale.evaluation.grading import Question
from edge_sale.evaluation.records import Item
from edge_sale.types import Task

VERSION = 2  # of the data: raised with any change to what is generated
STEPS = 8  # the most a task has
PAIRS_HELD = 12  # one pair of neighbours in so many is held out
TRIES = 50  # at a chain in words that are not among the tasks yet
LETTERS = "abcdehilmnorstu"
RANGES: dict[str, tuple[int, int]] = {  # of {k}; elsewhere 2 to 9
    "keep above": (0, 20),
    "keep below": (0, 20),
    "at least": (0, 12),
    "at most": (0, 15),
    "count above": (0, 15),
    "add": (1, 20),
    "subtract": (1, 20),
    "plus": (1, 30),
    "minus": (1, 30),
    "append": (0, 30),
    "prepend": (0, 30),
    "drop every": (1, 9),
    "count of": (1, 9),
    "first": (2, 6),
    "last": (2, 6),
    "skip first": (2, 4),
    "skip last": (2, 4),
    "longer than": (2, 6),
    "shorter than": (3, 8),
    "first words": (2, 4),
    "last words": (2, 4),
    "skip words": (2, 3),
    "skip characters": (2, 4),
    "multiply by": (3, 9),
}

Half = Literal["lists", "texts", "mixed"]


@dataclass(frozen=True, slots=True)
class Made:
    """One generated task: its words, and everything that is known of its answer."""

    text: str
    start: str  # kind of the input: L, T or W
    chain: tuple[Step, ...]

    @property
    def steps(self) -> int:
        return len(self.chain)

    @property
    def half(self) -> Half:
        """Whose half of the trade it is; `mixed` begins with words and ends with numbers in a list."""
        kinds = {self.start, *(step.operation.gives for step in self.chain)}
        if kinds <= {"L", "N"}:
            return "lists"
        return "mixed" if "L" in kinds else "texts"

    @property
    def plan(self) -> str:
        """The right plan, numbered, one step a line."""
        return numbered([step.plan for step in self.chain])

    @property
    def code(self) -> str:
        """The reference: a function `solve`."""
        return program(self.start, self.chain)

    @property
    def id(self) -> str:
        return f"{self.steps}-{zlib.crc32(self.text.encode()):08x}"


def make(random: Random, steps: int, *, half: str = "all", held: bool = False) -> Made:
    """One task. With `held` it is one for tests (see the module), without it one for training."""
    while True:
        start, chain = _chain(random, steps, _half(random) if half == "all" else half)
        pairs = [held_out(a.operation, b.operation) for a, b in itertools.pairwise(chain)]
        if (held and steps > 1 and not any(pairs)) or (not held and any(pairs)):
            continue
        return Made(_worded(start, chain, random, held), start, chain)


def reworded(task: Made, random: Random, *, held: bool = False, fresh: bool = True) -> Made:
    """The same chain in other words and, where `fresh`, with other arguments."""
    chain = tuple(Step(s.operation, arguments(s.operation, random) if fresh else s.values) for s in task.chain)
    return Made(_worded(task.start, chain, random, held), task.start, chain)


def _worded(start: str, chain: Sequence[Step], random: Random, held: bool) -> str:
    """The chain in English; for training in words that hold nothing which is held out."""
    while True:
        text = task_text.sentence(start, task_text.told(chain, random, held=held), random, held=held)
        if held or not (task_text.holds_held_out(text) or task_text.words_of(text) in _written()):
            return text


@cache
def _written() -> frozenset[tuple[str, ...]]:
    return frozenset(task_text.words_of(one.text) for one in (*WRITTEN, *MORE))


def held_out(first: Operation, then: Operation) -> bool:
    """Whether no training text has these two as neighbours, in this order."""
    return zlib.crc32(f"{first.name}>{then.name}".encode()) % PAIRS_HELD == 0


def exam(count: int, steps: int, seed: int = 0, *, half: str = "all") -> list[Made]:
    """`count` different test tasks of so many steps, all held out; their tests can tell a wrong answer."""
    random = Random(f"exam {VERSION} {seed} {steps} {half}")
    found: dict[str, Made] = {}
    while len(found) < count:
        task = make(random, steps, half=half, held=True)
        if telling(task):
            found.setdefault(task.text, task)
    return list(found.values())


def stream(count: int, seed: int = 0, *, families: int = 60, steps: Sequence[int] = range(1, STEPS + 1)) -> list[Made]:
    """Test tasks as they come to somebody who has habits: `families` chains come back in other words.

    Arguments and wordings are new each time and every wording is held out. Steps are spread evenly over the families,
    and each family comes once a round, so every number of steps has as many tasks where `count` allows.
    Raises ValueError where `families` chains have no more words for another task.
    """
    random = Random(f"stream {VERSION} {seed} {families}")
    kinds = [exam(1, steps[i % len(steps)], seed=seed * 10_000 + i + 1)[0] for i in range(families)]
    found: dict[str, Made] = {}
    while True:
        before = len(found)
        random.shuffle(kinds)
        for kind in kinds:
            again = (reworded(kind, random, held=True) for _ in range(TRIES))
            if task := next((one for one in again if one.text not in found and telling(one)), None):
                found[task.text] = task
            if len(found) == count:
                return list(found.values())
        if len(found) == before:
            raise ValueError(f"{families} chains give {before} different tasks, not {count}; ask for more families")


def question(task: Made, seed: int = 0) -> Question:
    """The task as benches ask and grade it; its bin is its number of steps."""
    given = Task(task.id, task.text, "python")
    tests = assertions(task.code, task.start, seed)
    return Question(Item(given, str(task.steps), checked=True), "tests", {"tests": tests}, task.code)


def assertions(code: str, start: str, seed: int = 0, count: int = 12) -> str:
    """Tests of `solve` on generated inputs, with what the reference gives for each."""
    cases = [(value, run(code, value)) for value in inputs(start, count, seed)]
    return "\n".join(f"assert solve({value!r}) == {want!r}" for value, want in cases) + "\n"


def telling(task: Made) -> bool:
    """Whether outputs differ with inputs, and leaving out any one step would show."""
    values = inputs(task.start, 12, 0)
    right = [run(task.code, value) for value in values]
    if len({repr(value) for value in right}) < 4:
        return False
    for i in range(task.steps):
        less = (*task.chain[:i], *task.chain[i + 1 :])
        if not fits(task.start, less):
            continue
        if [run(program(task.start, less), value) for value in values] == right:
            return False
    return True


def fits(start: str, chain: Sequence[Step]) -> bool:
    """Whether each step takes what the one before it gives."""
    for step in chain:
        if step.operation.takes != start:
            return False
        start = step.operation.gives
    return True


def run(code: str, value: Any) -> Any:
    """What a reference of ours gives; never for an agent's answer, which belongs in the sandbox."""
    return _solve(code)(ast.literal_eval(repr(value)))


@lru_cache(4096)
def _solve(code: str) -> Any:
    space: dict[str, Any] = {}
    exec(compile(code, "reference.py", "exec"), space)  # noqa: S102 - built from our own table, line by line
    return space["solve"]


def program(start: str, chain: Sequence[Step]) -> str:
    """The chain as a function."""
    end = chain[-1].operation.gives if chain else start
    lines = [f"def solve({NAMES[start]}):", *(f"    {step.code}" for step in chain), f"    return {NAMES[end]}"]
    return "\n".join(lines)


def numbered(steps: Sequence[str]) -> str:
    """Steps as a plan writes them."""
    return "\n".join(f"{i}. {step}" for i, step in enumerate(steps, start=1))


def training(seed: int, least: int, most: int, *, half: str = "all") -> Iterator[Made]:
    """Tasks for training without end: for one seed always the same."""
    random = Random(f"training {VERSION} {seed} {half}")
    while True:
        yield make(random, random.randint(least, most), half=half)


# --- chains ------------------------------------------------------------------


def _chain(random: Random, steps: int, half: str) -> tuple[str, tuple[Step, ...]]:
    while True:
        start = "L" if half == "lists" else random.choice("TW")
        kind, chain, used = start, list[Step](), set[str]()
        for place in range(steps):
            left = steps - place - 1
            able = [o for o in _by_kind()[kind] if o.name not in used and _leads_on(o, left, half)]
            if not able:
                break
            operation = random.choice(able)
            chain.append(Step(operation, arguments(operation, random)))
            used.add(operation.name)
            kind = operation.gives
        if len(chain) == steps and (half != "mixed" or "L" in [step.operation.gives for step in chain]):
            return start, tuple(chain)


def _half(random: Random) -> str:
    return random.choices(("lists", "texts", "mixed"), (45, 40, 15))[0]


def _leads_on(operation: Operation, left: int, half: str) -> bool:
    """Whether so many steps can follow: a number is the end of the road, or nearly."""
    if half == "texts" and operation.gives == "L":
        return False
    return operation.gives != "N" or left <= 2


def arguments(operation: Operation, random: Random) -> dict[str, object]:
    """Values for all that the operation leaves open."""
    values: dict[str, object] = {}
    for name in operation.arguments:
        if name == "k":
            values[name] = random.randint(*RANGES.get(operation.name, (2, 9)))
        else:
            values[name] = random.choice([letter for letter in LETTERS if letter not in values.values()])
    return values


@cache
def _by_kind() -> dict[str, list[Operation]]:
    return {kind: [o for o in OPERATIONS if o.takes == kind] for kind in NAMES}
