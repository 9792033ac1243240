"""Grade an answer by its set's own rules. A grader that cannot run raises GraderFault; it never says "wrong".

Code is graded in the sandbox: the answer runs, then the tests, between two marks that the answer cannot guess. If the
first mark is missing, the tests did not begin: that is a fault of this machine and not a wrong answer.
"""

from __future__ import annotations

import ast
import math
import re
import secrets
import string
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from edge_sale.agents.answers import code_in
from edge_sale.errors import EdgeSaleError
from edge_sale.evaluation.records import Item
from edge_sale.sandbox.python import run_python

SECONDS = 60.0  # of wall time for an answer with its tests
MEMORY = 2048  # MB: QuixBugs' own knapsack needs more than one


class GraderFault(EdgeSaleError):
    """The grader could not run, so nothing is known about the answer."""


@dataclass(frozen=True, slots=True)
class Question:
    """A task and how its answer is graded: `how` names an entry of GRADERS, `key` is that grader's answer key."""

    item: Item
    how: str
    key: Any
    reference: str = ""  # an answer that must pass; empty where the set has none


def grade(question: Question, answer: str, sandbox: str = "auto") -> tuple[bool, float]:
    """Right or wrong, and a score from 0 to 1 (F1 where the set has one). Raises GraderFault, SandboxMissing."""
    return GRADERS[question.how](answer, question.key, sandbox)


# --- code ---------------------------------------------------------------------------------

PROGRAM = """
import sys, types
print({mark!r}, "began", flush=True)
sys.modules["answer"] = types.ModuleType("answer")
space = sys.modules["answer"].__dict__
exec(compile({before!r}, "before.py", "exec"), space)
exec(compile({answer!r}, "answer.py", "exec"), space)
exec(compile({tests!r}, "tests.py", "exec"), space)
print({mark!r}, "passed", flush=True)
"""


def tests(answer: str, key: dict[str, str], sandbox: str) -> tuple[bool, float]:
    """Whether key["tests"] run to the end in the namespace of the answer's code."""
    for _ in range(2):  # a busy machine may fail to start once, so try again
        mark = secrets.token_hex(8)
        code = PROGRAM.format(mark=mark, before=key.get("before", ""), answer=code_in(answer), tests=key["tests"])
        ran = run_python(code, seconds=SECONDS, memory_mb=MEMORY, mode=sandbox)
        if f"{mark} began" in ran.stdout:
            passed = ran.exit_code == 0 and f"{mark} passed" in ran.stdout
            return passed, float(passed)
    why = " ".join(ran.stderr.split())[-200:] or f"exit code {ran.exit_code}"
    raise GraderFault(f"the tests did not begin: {why}")


# --- words --------------------------------------------------------------------------------


def plain(text: str) -> str:
    """SQuAD's normal form: lower case, no punctuation, no articles, single spaces."""
    bare = "".join(sign for sign in text.lower() if sign not in string.punctuation)
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", bare).split())


def f1(answer: str, gold: str) -> float:
    """SQuAD's F1 over words; yes, no and noanswer must be said alone (HotpotQA)."""
    ours, theirs = plain(answer), plain(gold)
    if ours != theirs and {ours, theirs} & {"yes", "no", "noanswer"}:
        return 0.0
    shared = sum((Counter(ours.split()) & Counter(theirs.split())).values())
    if not shared:
        return float(ours == theirs)
    precision, recall = shared / len(ours.split()), shared / len(theirs.split())
    return 2 * precision * recall / (precision + recall)


def exact(answer: str, key: list[str], sandbox: str) -> tuple[bool, float]:
    """HotpotQA: exact match after SQuAD's normal form; the score is the best F1."""
    return any(plain(answer) == plain(gold) for gold in key), max(f1(answer, gold) for gold in key)


def contains(answer: str, key: list[str], sandbox: str) -> tuple[bool, float]:
    """NQ-open with passages (best_subspan_em) and PopQA: the answer contains a gold answer."""
    found = any(plain(gold) in plain(answer) for gold in key if plain(gold))
    return found, max([float(found), *(f1(answer, gold) for gold in key)])


def number(answer: str, key: str, sandbox: str) -> tuple[bool, float]:
    """GSM8K: the number after ####, else the last number."""
    said = re.findall(r"-?\d[\d,]*(?:\.\d+)?", answer.rpartition("####")[2]) or [""]
    pick = said[0] if "####" in answer else said[-1]
    try:
        right = math.isclose(float(pick.replace(",", "")), float(key.replace(",", "")), abs_tol=1e-6)
    except ValueError:
        right = False
    return right, float(right)


def letter(answer: str, key: str, sandbox: str) -> tuple[bool, float]:
    """Multiple choice: the letter named as the answer, else the first letter that stands alone and is no article."""
    said = re.search(r"answer(?: is)?:?\s*\**\(?([A-H])\b", answer, re.IGNORECASE) or re.search(
        r"(?:^|[\s(*`])([A-H])(?=[).:*`]|\s*$)", answer, re.MULTILINE
    )
    right = said is not None and said[1].upper() == key
    return right, float(right)


def yes_no(answer: str, key: bool, sandbox: str) -> tuple[bool, float]:
    """StrategyQA: the first yes or no, or true or false."""
    said = re.search(r"\b(yes|no|true|false)\b", answer, re.IGNORECASE)
    right = said is not None and (said[1].lower() in ("yes", "true")) == key
    return right, float(right)


def literal(answer: str, key: str, sandbox: str) -> tuple[bool, float]:
    """CRUXEval: the same Python value as the key, compared as literals and not as text."""
    wanted = _value(key)
    text = code_in(answer).strip().strip("`")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    tries = [text, *(lines[-1:]), *(line.rpartition("==")[2].strip() for line in lines[-1:])]
    right = any(text and _value(text) == wanted for text in tries)
    return right, float(right)


def _value(text: str) -> Any:
    try:
        return "literal", repr(ast.literal_eval(text))
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        return "text", text


GRADERS: dict[str, Callable[[str, Any, str], tuple[bool, float]]] = {
    "tests": tests,
    "exact": exact,
    "contains": contains,
    "number": number,
    "letter": letter,
    "yes_no": yes_no,
    "literal": literal,
}
