"""Check every grader on references before anything is measured with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from edge_sale.evaluation.grading import Question, grade
from edge_sale.evaluation.jsonl_store import BadRecord, KeyedStore, key

Progress = Callable[[str, int, int], None]  # what, done, of how many


def proved(questions: Sequence[Question], cache: Path, sandbox: str, progress: Progress) -> list[Question]:
    """The questions whose grader works: the reference passes, and an empty answer fails.

    A few references fail here, because they are too slow or need what the sandbox withholds. Their tasks are left
    out, and `progress` says so. Raises BadRecord where more than one reference in ten fails, or where an empty answer
    passes. What was checked once is kept in the folder `cache`.
    """
    known = KeyedStore(cache / "proved.jsonl")
    sound: list[Question] = []
    broken: list[str] = []
    for number, question in enumerate(questions, start=1):
        name = key(question.item.task.id, question.how, repr(question.key), question.reference)
        if name not in known:
            if grade(question, "", sandbox)[0]:
                raise BadRecord(f"task {question.item.task.id!r}: the grader lets an empty answer pass")
            known.put(name, not question.reference or grade(question, question.reference, sandbox)[0])
        if known[name]:
            sound.append(question)
        else:
            broken.append(question.item.task.id)
        progress("grader proved on references", number, len(questions))
    if len(broken) * 10 > len(questions):
        raise BadRecord(
            f"the grader fails the reference of {len(broken)} of {len(questions)} tasks, {broken[0]!r} the first: "
            "is the set whole, and the sandbox working?"
        )
    if broken:
        progress(f"left out, their own references fail here: {', '.join(broken)}", len(broken), len(broken))
    if unproved := sum(not question.reference for question in sound):
        progress("without a reference to prove their grader on", unproved, unproved)
    return sound
