"""The trade of the bundled models as test tasks: small Python functions over lists, texts, words and counts.

A task is a chain of 1 to 8 operations (`operations.OPERATIONS`) in English; the number of steps is its complexity.
Its plan is the chain in a short, controlled language. Its reference has one line of Python for each step.

No training text holds what is held out: the `held` wordings of every operation (not even as a part of other words),
four sentence frames, and one in twelve pairs of neighbouring operations (`held_out`). In the tasks made here all
wordings are held out, and tasks of two or more steps hold such a pair. The tasks of training are made from the same
operations by `training/tasks.py` under scripts.
"""

from __future__ import annotations

import ast
import itertools
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from random import Random
from typing import Any, Literal

from edge_sale.evaluation.bundled_tasks import task_text
from edge_sale.evaluation.bundled_tasks.inputs import inputs
from edge_sale.evaluation.bundled_tasks.operations import NAMES, OPERATIONS, Operation, Step
from edge_sale.evaluation.grading import Question
from edge_sale.evaluation.records import Item
from edge_sale.types import Task

VERSION = 2  # of the data: raised with any change to what is generated
STEPS = 8  # the most a task has
PAIRS_HELD = 12  # one pair of neighbours in this many is held out
TRIES = 50  # attempts to word a chain in a way that is not among the tasks yet
LETTERS = "abcdehilmnorstu"
RANGES: dict[str, tuple[int, int]] = {  # of {k}; for other operations 2 to 9
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
    """One generated task: its text, and everything that is known about its answer."""

    text: str
    start: str  # kind of the input: L, T or W
    chain: tuple[Step, ...]

    @property
    def steps(self) -> int:
        return len(self.chain)

    @property
    def half(self) -> Half:
        """The half of the trade it belongs to; `mixed` begins with words and goes on to numbers in a list."""
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


def make(random: Random, steps: int, *, half: str = "all") -> Made:
    """One test task: held-out wordings and, from two steps on, a held-out pair of neighbours."""
    while True:
        start, chain = draw_chain(random, steps, half)
        if steps == 1 or has_held_out_pair(chain):
            return Made(task_text.held_out_sentence(start, chain, random), start, chain)


def reworded(task: Made, random: Random) -> Made:
    """The same chain in other held-out words and with other arguments."""
    chain = tuple(Step(s.operation, arguments(s.operation, random)) for s in task.chain)
    return Made(task_text.held_out_sentence(task.start, chain, random), task.start, chain)


def has_held_out_pair(chain: Sequence[Step]) -> bool:
    """Whether any two neighbours of the chain are held out."""
    return any(held_out(a.operation, b.operation) for a, b in itertools.pairwise(chain))


def held_out(first: Operation, then: Operation) -> bool:
    """Whether no training text has these two operations as neighbours, in this order."""
    return zlib.crc32(f"{first.name}>{then.name}".encode()) % PAIRS_HELD == 0


def exam(count: int, steps: int, seed: int = 0, *, half: str = "all") -> list[Made]:
    """`count` different test tasks of this many steps, whose tests can tell a wrong answer."""
    random = Random(f"exam {VERSION} {seed} {steps} {half}")
    found: dict[str, Made] = {}
    while len(found) < count:
        task = make(random, steps, half=half)
        if telling(task):
            found.setdefault(task.text, task)
    return list(found.values())


def stream(count: int, seed: int = 0, *, families: int = 60, steps: Sequence[int] = range(1, STEPS + 1)) -> list[Made]:
    """Test tasks as one user would ask them: `families` chains come back in other words and with other arguments.

    The numbers of steps are spread evenly over the families, and each family comes once a round, so every number of
    steps has equally many tasks where `count` allows. Raises ValueError where the chains run out of new wordings.
    """
    random = Random(f"stream {VERSION} {seed} {families}")
    kinds = [exam(1, steps[i % len(steps)], seed=seed * 10_000 + i + 1)[0] for i in range(families)]
    found: dict[str, Made] = {}
    while True:
        before = len(found)
        random.shuffle(kinds)
        for kind in kinds:
            again = (reworded(kind, random) for _ in range(TRIES))
            if task := next((one for one in again if one.text not in found and telling(one)), None):
                found[task.text] = task
            if len(found) == count:
                return list(found.values())
        if len(found) == before:
            raise ValueError(f"{families} chains give {before} different tasks, not {count}; ask for more families")


def question(task: Made, seed: int = 0) -> Question:
    """The task as benches ask and grade it. Its bin is its number of steps."""
    given = Task(task.id, task.text, "python")
    tests = assertions(task.code, task.start, seed)
    return Question(Item(given, str(task.steps), checked=True), "tests", {"tests": tests}, task.code)


def assertions(code: str, start: str, seed: int = 0, count: int = 12) -> str:
    """Tests of `solve` on generated inputs, each with the reference's result."""
    cases = [(value, run(code, value)) for value in inputs(start, count, seed)]
    return "\n".join(f"assert solve({value!r}) == {want!r}" for value, want in cases) + "\n"


def telling(task: Made) -> bool:
    """Whether outputs vary with inputs, and leaving out any one step changes them."""
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
    """Whether each step takes the kind of value that the step before it gives."""
    for step in chain:
        if step.operation.takes != start:
            return False
        start = step.operation.gives
    return True


def run(code: str, value: Any) -> Any:
    """The result of a reference. Never used for an agent's answer, which must run in the sandbox."""
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
    """Steps in the form of a plan."""
    return "\n".join(f"{i}. {step}" for i, step in enumerate(steps, start=1))


# --- chains ------------------------------------------------------------------


def draw_chain(random: Random, steps: int, half: str = "all") -> tuple[str, tuple[Step, ...]]:
    """A kind of input and a chain of this many steps on it, of one half of the trade or of any."""
    half = _half(random) if half == "all" else half
    while True:
        start = "L" if half == "lists" else random.choice("TW")
        kind, chain, used = start, list[Step](), set[str]()
        for place in range(steps):
            left = steps - place - 1
            able = [o for o in _by_kind()[kind] if o.name not in used and _can_go_on(o, left, half)]
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


def _can_go_on(operation: Operation, left: int, half: str) -> bool:
    """Whether this many steps can follow the operation: at most two can follow a number."""
    if half == "texts" and operation.gives == "L":
        return False
    return operation.gives != "N" or left <= 2


def arguments(operation: Operation, random: Random) -> dict[str, object]:
    """Random values for the operation's arguments."""
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
