"""How jurors score: the arithmetic of the methods, and what real weights make of plans."""

from __future__ import annotations

from typing import Any

import pytest

from edge_sale.agents.local import LocalAgent
from edge_sale.assemble import market, plan
from edge_sale.auction.judging import METHODS, RECOVERED, beginning, likert, recoverability, to_score
from edge_sale.config_file import JURIES
from edge_sale.settings import load
from edge_sale.types import Choice, Job, LogProb, Task

TASK = Task("t", "Write a Python function that returns the longest word in a list of words.", "python")
FITTING = "1. Take the first word as the longest.\n2. Compare each word's length with it.\n3. Return the longest word."
STRAY = "1. Heat the oven.\n2. Mix flour, butter and sugar.\n3. Bake the cookies for ten minutes."


def answer(job: Job[Any], replies: list[Any]) -> tuple[list[Any], Any]:
    """The asks of a job that asks once, and its result for `replies`."""
    requests = list(next(job))
    with pytest.raises(StopIteration) as end:
        job.send(replies)
    return requests, end.value.value


def test_cards_know_every_method() -> None:
    """A pool's card may name exactly the jury methods that exist."""
    assert set(JURIES) == set(METHODS)


def test_likert_is_the_mean_digit() -> None:
    """The score is the expected digit under the juror's own probabilities."""
    replies = [Choice((0, 0, 0, 0, 0.5, 0.5), 90, 0.1), Choice((1, 0, 0, 0, 0, 0), 90, 0.1)]
    requests, scores = answer(likert(TASK, ["good", "bad"]), replies)
    assert scores == [4.5, 0.0]
    assert [request.options for request in requests] == [("0", "1", "2", "3", "4", "5")] * 2


def test_recoverability_is_the_gain_over_no_plan() -> None:
    """A plan that makes the task no likelier scores 0; a gain counts in nats a token."""
    replies = [LogProb(-30.0, 10, 5, 0.1), LogProb(-20.0, 10, 50, 0.1), LogProb(-40.0, 10, 50, 0.1)]
    requests, scores = answer(recoverability(TASK, ["helps", "misleads"]), replies)
    assert scores == [to_score(1.0), 0.0]
    assert {request.text for request in requests} == {f" {TASK.text}"}


def test_of_a_long_task_its_beginning_is_recovered() -> None:
    """Whole words up to RECOVERED characters; a task as long as that is asked for whole."""
    words = "number " * 1000
    for text in (words, "x" * 5000, " " * 5000, words[:RECOVERED]):
        (request, *_), _ = answer(recoverability(Task("t", text, "python"), ["p"]), [LogProb(-1.0, 1, 1, 0.1)] * 2)
        assert len(request.text) <= RECOVERED + 1 and text.startswith(request.text[1:])
        assert request.text.split() == text.split()[: len(request.text.split())] or " " not in text
    assert beginning(words[:RECOVERED]) == words[:RECOVERED]


def test_to_score_stays_within_zero_and_five() -> None:
    """Scores are on the paper's scale, rising with the gain."""
    gains = [-1.0, 0.0, 0.13, 0.57, 1.7, 50.0]
    scores = [to_score(gain) for gain in gains]
    assert scores == sorted(scores) and scores[0] == scores[1] == 0.0 and scores[-1] <= 5.0


@pytest.mark.models
@pytest.mark.parametrize("method", JURIES)
def test_real_jurors_score_within_the_scale(method: str) -> None:
    """Real weights give every plan a score from 0 to 5; recoverability prefers the plan that fits."""
    from dataclasses import replace

    juror = LocalAgent("juror", "smollm2-135m", 0.1, "quick", method)
    scheduler = replace(market(plan(replace(load(), remember=False))).scheduler, agents={"juror": juror})
    scores = scheduler.drive({"juror": juror.judge(TASK, [FITTING, STRAY])}, "judge")["juror"]
    assert isinstance(scores, list) and all(0.0 <= score <= 5.0 for score in scores)
    if method == "recoverability":
        assert scores[0] > scores[1] + 1.0
