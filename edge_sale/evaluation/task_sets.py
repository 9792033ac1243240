"""Published task sets, read from a folder. Each entry of SETS reads one set and says how it is graded.

A set of your own is JSON lines (`own`): `id` and `prompt`, and either `check` (Python that runs after the answer's
code; exit code 0 passes) or `answer` (a text, or a list of which the answer must equal one). Optional are `domain`
(python or text), `files`, `bin` and `reference` (an answer that must pass the check).
"""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from edge_sale.evaluation.grading import Question
from edge_sale.evaluation.jsonl_store import BadRecord, lines, take
from edge_sale.evaluation.records import Item
from edge_sale.types import Task

SHORT = "Answer with the answer alone, as short as possible."


def load(name: str, folder: Path, *, visible: bool = False) -> list[Question]:
    """The set's questions in the set's order. Raises BadRecord naming file and line.

    With `visible` a task's check is the first assertion of its tests, which agents see and may work against.
    """
    if not folder.exists():
        raise BadRecord(f"{folder}: no such folder; --data takes the folder of the set {name}")
    found = [_with_visible_check(question) if visible else question for question in SETS[name](folder)]
    if not found:
        raise BadRecord(f"{folder}: holds no tasks of the set {name}")
    ids = [question.item.task.id for question in found]
    if twice := {one for one in ids if ids.count(one) > 1}:
        raise BadRecord(f"{folder}: {len(twice)} ids occur twice, such as {min(twice)!r}")
    return found


def set_lines(folder: Path, name: str = "tasks.jsonl") -> Iterator[tuple[str, dict[str, Any]]]:
    """The lines of a set's file, gzipped or not, each with "file, line n". Raises BadRecord."""
    places = [folder] if folder.is_file() else [folder / name, folder / f"{name}.gz"]
    file = next((place for place in places if place.is_file()), None)
    if file is None:
        raise BadRecord(f"{folder}: another set? It has no {name}")
    return lines(file)


def _question(id_: str, text: str, bin_: str, how: str, key: Any, reference: str, domain: str = "text") -> Question:
    return Question(Item(Task(id_, text.strip(), domain), bin_), how, key, reference)


def _with_visible_check(question: Question) -> Question:
    """The question with the first assertion of its tests as its check, which agents see as they see `run --check`."""
    first = question.key.get("example", "") if question.how == "tests" else ""
    if not first:
        return question
    task = question.item.task
    shown = replace(task, check=first)
    return Question(Item(shown, question.item.bin, checked=True), question.how, question.key, question.reference)


# --- code ---------------------------------------------------------------------------------


def mbpp(folder: Path) -> Iterator[Question]:
    """MBPP sanitized in HumanEval's form (CodeT), graded by the recipe that passes every reference."""
    odd = folder / "entry_point_not_called_by_test.json"
    dropped = set(json.loads(odd.read_text(encoding="utf-8"))) if odd.is_file() else set()
    for where, v in set_lines(folder):
        prompt, name = take(where, v, "prompt", str), take(where, v, "entry_point", str)
        if take(where, v, "task_id", str) in dropped:
            continue
        opening, _, rest = prompt.partition("'''")
        head = opening[: opening.rfind("\n") + 1]  # the docstring's indentation differs from the body's
        signature = next(line for line in head.splitlines() if line.startswith("def ")).rstrip(":")
        what = rest.partition("'''")[0].strip()
        text = f"Write a Python function.\n{what}\nThe function is: {signature}"
        checks = take(where, v, "test", str)
        key = {
            "before": "import math\n",
            "tests": f"_ep = {name}\n" + checks.replace("def check(", "def _check(") + "\n_check(_ep)\n",
            "example": _first_assertion(checks),
        }
        reference = f"{head}{take(where, v, 'canonical_solution', str)}"
        yield _question(v["task_id"], text, "mbpp", "tests", key, reference, "python")


def humaneval(folder: Path) -> Iterator[Question]:
    """HumanEval (MIT): HumanEval.jsonl, gzipped or not."""
    name = "tasks.jsonl" if (folder / "tasks.jsonl").is_file() else "HumanEval.jsonl"
    for where, v in set_lines(folder, name):
        prompt = take(where, v, "prompt", str)
        checks = f"{take(where, v, 'test', str)}\ncheck({take(where, v, 'entry_point', str)})\n"
        reference = prompt + take(where, v, "canonical_solution", str)
        text = f"Complete this Python function; give it whole.\n{prompt}"
        key = {"before": _imports(prompt), "tests": checks}
        yield _question(take(where, v, "task_id", str), text, "humaneval", "tests", key, reference, "python")


def exercism(folder: Path) -> Iterator[Question]:
    """Exercism's Python track (MIT): instructions, a stub, unittest tests and an example solution."""
    levels = {take(w, v, "slug", str): v.get("difficulty", 0) for w, v in set_lines(folder, "difficulty.jsonl")}
    for example in sorted(folder.glob("*/.meta/example.py")):
        exercise = example.parents[1]
        slug = exercise.name
        module = slug.replace("-", "_")
        stub = (exercise / f"{module}.py").read_text(encoding="utf-8")
        text = (exercise / ".docs/instructions.md").read_text(encoding="utf-8")
        checks = (exercise / f"{module}_test.py").read_text(encoding="utf-8")
        key = {"tests": UNITTEST.format(module=module, checks=checks)}
        text = f"{text.strip()}\n\nGive the whole Python module. It begins as:\n{stub}"
        reference = example.read_text(encoding="utf-8")
        yield _question(slug, text, f"difficulty {levels.get(slug, 0)}", "tests", key, reference, "python")


UNITTEST = """
import sys, types, unittest
sys.modules[{module!r}] = sys.modules["answer"]
_tests = types.ModuleType("_tests")
exec(compile({checks!r}, "checks.py", "exec"), _tests.__dict__)
_suite = unittest.defaultTestLoader.loadTestsFromModule(_tests)
assert _suite.countTestCases() > 0
assert unittest.TextTestRunner(stream=sys.stderr).run(_suite).wasSuccessful()
"""


def quixbugs(folder: Path) -> Iterator[Question]:
    """QuixBugs (MIT): a function with a bug on one line; those with JSON test cases."""
    cases = sorted((folder / "json_testcases").glob("*.json"))
    if not cases:
        raise BadRecord(f"{folder}: another set? It has no json_testcases")
    for file in cases:
        name = file.stem
        wrong = (folder / "python_programs" / f"{name}.py").read_text(encoding="utf-8")
        right = (folder / "correct_python_programs" / f"{name}.py").read_text(encoding="utf-8")
        text = f"One line of this Python has a bug. Give it whole, corrected.\n\n{wrong}"
        key = {"tests": quixbugs_tests(file)}
        yield _question(name, text, "quixbugs", "tests", key, right, "python")


QUIX = """
import json as _json, types as _types
for _given, _wanted in {rows!r}:
    _given = _given if isinstance(_given, list) else [_given]
    _got = {name}(*_given)
    _got = list(_got) if isinstance(_got, _types.GeneratorType) else _got
    assert _json.loads(_json.dumps(_got)) == _wanted, f"{name}(*{{_given}}) gives {{_got}}, should be {{_wanted}}"
"""


def quixbugs_tests(file: Path) -> str:
    """A program that tests the function of that name on the file's JSON cases."""
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    return QUIX.format(name=file.stem, rows=rows)


def _first_assertion(checks: str) -> str:
    for node in ast.walk(ast.parse(checks)):
        if isinstance(node, ast.Assert):
            return ast.unparse(node)
    return ""


def _imports(code: str) -> str:
    return "\n".join(line for line in code.splitlines() if line.startswith(("import ", "from ")))


# --- words --------------------------------------------------------------------------------


def cruxeval(folder: Path) -> Iterator[Question]:
    """CRUXEval-O (MIT): what does f(input) return?"""
    for where, v in set_lines(folder):
        text = (
            f"{take(where, v, 'code', str)}\n\nWhat is f({take(where, v, 'input', str)})? "
            "Answer with the Python literal alone."
        )
        output = take(where, v, "output", str)
        yield _question(take(where, v, "id", str), text, "cruxeval", "literal", output, output)


def javascript(folder: Path) -> Iterator[Question]:
    """javascript-questions (MIT): multiple choice."""
    for where, v in set_lines(folder):
        options = take(where, v, "options", dict)
        listed = "\n".join(f"{k}: {text}" for k, text in options.items())
        answer = take(where, v, "answer", str)
        text = f"{take(where, v, 'question', str)}\n{listed}\nAnswer with one letter."
        yield _question(f"js/{v.get('id')}", text, f"{len(options)} options", "letter", answer, answer)


def gsm8k(folder: Path) -> Iterator[Question]:
    """GSM8K (MIT): bins are steps of the reference solution."""
    for number, (where, v) in enumerate(set_lines(folder)):
        answer = take(where, v, "answer", str)
        text = f"{take(where, v, 'question', str)}\nEnd with a line: #### the number"
        steps = min(8, answer.strip().count("\n"))
        yield _question(
            f"gsm8k/{number}", text, f"{steps} steps", "number", answer.rpartition("####")[2].strip(), answer
        )


def hotpotqa(folder: Path) -> Iterator[Question]:
    """HotpotQA, distractor setting, with its passages."""
    for where, v in set_lines(folder):
        context = take(where, v, "context", dict)
        pairs = zip(context["title"], context["sentences"], strict=True)
        passages = "\n\n".join(f"{title}: {''.join(sentences)}" for title, sentences in pairs)
        text = f"{passages}\n\n{take(where, v, 'question', str)} {SHORT}"
        answer = take(where, v, "answer", str)
        yield _question(take(where, v, "id", str), text, str(v.get("type", "hotpotqa")), "exact", [answer], answer)


def nq_open(folder: Path) -> Iterator[Question]:
    """NQ-open with its gold passage (lost-in-the-middle)."""
    for number, (where, v) in enumerate(set_lines(folder)):
        passages = "\n\n".join(f"{c['title']}: {c['text']}" for c in take(where, v, "ctxs", list) if c.get("isgold"))
        answers = take(where, v, "answers", list)
        text = f"{passages}\n\n{take(where, v, 'question', str)}? {SHORT}"
        yield _question(f"nq/{number}", text, "nq_open", "contains", answers, answers[0])


def popqa(folder: Path) -> Iterator[Question]:
    """PopQA: bins are page views of the subject, as powers of ten."""
    for where, v in set_lines(folder):
        answers = take(where, v, "golden_answers", list)
        views = int(take(where, v, "metadata", dict).get("s_pop", 0))
        text = f"{take(where, v, 'question', str)} {SHORT}"
        yield _question(
            take(where, v, "id", str), text, f"views 10^{len(str(views)) - 1}", "contains", answers, answers[0]
        )


def strategyqa(folder: Path) -> Iterator[Question]:
    """StrategyQA (MIT): yes or no."""
    for where, v in set_lines(folder):
        answer = take(where, v, "answer", bool)
        text = f"{take(where, v, 'question', str)} Answer yes or no."
        yield _question(f"strategyqa/{v.get('id')}", text, "strategyqa", "yes_no", answer, "yes" if answer else "no")


def own(file: Path) -> Iterator[Question]:
    """Your own tasks; the format is at the top of this module."""
    known = {"id", "prompt", "domain", "files", "check", "answer", "bin", "reference"}
    for where, v in set_lines(file):
        if unknown := sorted(set(v) - known):
            raise BadRecord(f"{where}: unknown key {unknown[0]!r}; known: {', '.join(sorted(known))}")
        if ("check" in v) == ("answer" in v):
            raise BadRecord(f"{where}: should have either 'check' or 'answer'")
        domain = str(v.get("domain") or ("python" if "check" in v else "text"))
        if domain not in ("python", "text"):
            raise BadRecord(f"{where}: domain is python or text, not {domain!r}")
        files = tuple(map(str, v.get("files", ())))
        task = Task(take(where, v, "id", str), take(where, v, "prompt", str).strip(), domain, files)
        how, key, reference = _grading(where, v)
        yield Question(Item(task, str(v.get("bin", "own"))), how, key, reference)


def _grading(where: str, v: Mapping[str, Any]) -> tuple[str, Any, str]:
    if "check" in v:
        return "tests", {"tests": take(where, v, "check", str)}, str(v.get("reference", ""))
    answer = take(where, v, "answer", (str, list))
    answers = [answer] if isinstance(answer, str) else [str(one) for one in answer]
    if not answers or not all(one.strip() for one in answers):
        raise BadRecord(f"{where}: an empty answer would be right for nothing")
    return "exact", answers, answers[0]


SETS: dict[str, Callable[[Path], Iterator[Question]]] = {
    "mbpp": mbpp,
    "humaneval": humaneval,
    "exercism": exercism,
    "quixbugs": quixbugs,
    "cruxeval": cruxeval,
    "javascript": javascript,
    "gsm8k": gsm8k,
    "hotpotqa": hotpotqa,
    "nq_open": nq_open,
    "popqa": popqa,
    "strategyqa": strategyqa,
    "own": own,
}
