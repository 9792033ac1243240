"""Work strategies: how plans become answers, with scripted replies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest

from edge_sale.agents.drafts import SECOND_BATCH, choose
from edge_sale.agents.local import LocalAgent, tidy, within
from edge_sale.agents.work_strategies import WORK_STRATEGIES
from edge_sale.config_file import WORKS
from edge_sale.errors import Cancelled, TimedOut
from edge_sale.types import Generate, Generation, Job, Lesson, Outcome, Task

CODE = Task("t", "Write f in Python.", "python")
TEXT = Task("t", "Explain rain.", "text")
GOOD = "def f(x):\n    return x"
AGENT = LocalAgent("a", "m", 0.1, "quick", "recoverability", samples=3, temperature=0.7, max_tokens=50)


def drawn(text: str, ended: Any = "stop", entropy: float = 1.0) -> Generation:
    return Generation(text, 9, 20, entropy, -0.5, ended, 0.1)


def work(agent: LocalAgent, task: Task, *replies: list[Generation]) -> tuple[list[Generate], Outcome, str]:
    """The first request of each batch, the outcome, and what was shown."""
    shown: list[str] = []
    show: Callable[[str], None] = shown.append
    job: Job[Outcome] = agent.execute(task, "1. First.\n2. Second.", show)
    batch = list(next(job))
    requests = [batch[0]]
    for reply in replies:
        rest = list(reply)
        parts = [[rest.pop(0) for _ in range(min(request.samples, len(rest)))] for request in batch]
        parts[-1] += rest
        try:
            batch = list(job.send(parts))
            requests.append(batch[0])
        except StopIteration as end:
            return requests, end.value, "".join(shown)  # type: ignore[return-value]
    raise AssertionError("the work made more requests than the script has replies")


def test_cards_know_every_work_strategy() -> None:
    """A pool's card may name exactly the work strategies that exist."""
    assert set(WORKS) == set(WORK_STRATEGIES)


def test_quick_answers_once_and_streams() -> None:
    """One request, streamed; its text is the answer."""
    requests, outcome, _ = work(AGENT, TEXT, [drawn(" It rains. ", "end")])
    assert outcome == Outcome("a", "done", "It rains.")
    assert requests[0].on_text is not None and requests[0].samples == 1


def test_work_follows_the_plan_that_was_bid() -> None:
    """The prompt for the answer holds the plan: the winner does not plan again."""
    requests, _, _ = work(AGENT, CODE, [drawn(GOOD)])
    turns = [message.content for message in requests[0].prompt.messages]
    assert turns[-2:] == ["1. First.\n2. Second.", CODE.text]


def test_planner_works_step_by_step() -> None:
    """Each step gets a note that builds on the notes before it; the answer is written from all notes."""
    agent = replace(AGENT, work="planner")
    requests, outcome, _ = work(agent, TEXT, [drawn("Note one.")], [drawn("Note two.")], [drawn("Done.", "end")])
    turns = [[message.content for message in request.prompt.messages] for request in requests]
    assert turns[0][-1].endswith(": 1. First.") and turns[1][-1].endswith(": 2. Second.")
    assert "Note one." not in turns[0] and "Note one." in turns[1]
    assert "Note one.\nNote two." in turns[2] and turns[2][-1] == TEXT.text
    assert (outcome.answer, outcome.steps) == ("Done.", 3)


def test_the_first_of_several_drafts_is_greedy() -> None:
    """One draft is drawn greedily and the others are sampled, all in one batch."""
    job = replace(AGENT, work="drafts").execute(CODE, "1. First.", lambda text: None)
    first, others = next(job)
    assert isinstance(first, Generate) and isinstance(others, Generate)
    assert (first.samples, first.sampling.temperature) == (1, 0.0)
    assert (others.samples, others.sampling.temperature) == (2, AGENT.temperature)


def test_drafts_without_check_keep_the_most_agreed_on() -> None:
    """Without a check, the answer is the draft that most others agree with among those that parse."""
    agent = replace(AGENT, work="drafts")
    replies = [drawn("def f(:"), drawn("def f(:"), drawn("def g(y):\n    return y"), drawn(GOOD), drawn("z = 3")]
    _, outcome, shown = work(agent, CODE, replies)
    assert outcome.answer in ("def g(y):\n    return y", GOOD) and shown == outcome.answer
    assert outcome.verified is None


@dataclass(frozen=True)
class ScriptedChecks:
    """Checks that pass texts which contain `holds`. Texts behave alike if their last words are equal."""

    holds: str = "x"
    fails: str = ""

    def passes(self, task: Task, text: str) -> bool:
        return self.holds in text

    def keep_passing(self, task: Task, texts: Sequence[str]) -> list[bool]:
        return [self.holds in text for text in texts]

    def behaviours(self, task: Task, texts: Sequence[str]) -> list[str]:
        return [text.split()[-1] for text in texts]

    def failure(self, task: Task, text: str) -> str:
        return self.fails


CHECKED = replace(CODE, check="assert f(1) == 1")


def test_drafts_that_pass_and_agree_end_the_drawing() -> None:
    """Two drafts that pass and behave alike are enough: the first of them is the answer, and it is verified."""
    agent = replace(AGENT, work="drafts", checks=ScriptedChecks())
    _, outcome, shown = work(agent, CHECKED, [drawn("y = 1"), drawn("x = 1"), drawn("x  = 1")])
    assert (outcome.answer, outcome.status, outcome.verified) == ("x = 1", "passed", True)
    assert shown == "x = 1"


def test_a_draft_that_uses_its_input_goes_before_drafts_that_ignore_it() -> None:
    """Two constants agree, which counts for nothing: a second batch is drawn, and a draft that uses its input wins."""
    agent = replace(AGENT, work="drafts", checks=ScriptedChecks())
    constant, right = "x = ['1','1','1','1']", "x = ['1','2','3','4']"
    job = agent.execute(CHECKED, "", lambda text: None)
    next(job)
    second = job.send([[drawn(constant)], [drawn(constant), drawn("y = 1")]])
    with pytest.raises(StopIteration) as ended:
        job.send([[drawn(right)] for _ in second])
    assert len(second) == 3 and ended.value.value.answer == right


def test_drafts_of_the_first_batch_still_count_after_the_second() -> None:
    """Of two texts drawn equally often the earlier one wins. A draft that passed is kept if the second batch fails."""
    first, other = "x = ['1','2','3','4']", "x = ['4','3','2','1']"
    agent = replace(AGENT, work="drafts", checks=ScriptedChecks())
    job = agent.execute(CHECKED, "", lambda text: None)
    next(job)
    job.send([[drawn(first)], [drawn("y"), drawn("y = 2")]])
    with pytest.raises(StopIteration) as ended:
        job.send([[drawn(first)], [drawn(other)], [drawn(other)]])
    assert ended.value.value.answer == first  # drawn twice, as the other was, and earlier
    job = agent.execute(CHECKED, "", lambda text: None)
    next(job)
    job.send([[drawn(first)], [drawn("y"), drawn("y = 2")]])
    with pytest.raises(StopIteration) as ended:
        job.throw(TimedOut("m took too long"))
    assert ended.value.value.answer == first
    job = agent.execute(CHECKED, "", lambda text: None)
    next(job)
    job.send([[drawn(first)], [drawn("y"), drawn("y = 2")]])
    with pytest.raises(Cancelled):
        job.throw(Cancelled("stopped"))


def test_under_a_thorough_check_one_draft_is_enough() -> None:
    """Three assertions are hard to pass by chance, so one draft that passes them is the answer."""
    agent = replace(AGENT, work="drafts", checks=ScriptedChecks())
    task = replace(CODE, check="assert f(1) == 1\nassert f(2) == 2\nassert f(3) == 3")
    _, outcome, _ = work(agent, task, [drawn("y = 1"), drawn("x = 1"), drawn("z = 2")])
    assert (outcome.answer, outcome.notes) == ("x = 1", ("draft 2 of 3 passed the check",))


def test_a_single_draft_that_passes_one_assertion_is_compared_with_more() -> None:
    """One assertion lets wrong answers pass: of all drafts that pass, the one that most agree with wins."""
    agent = replace(AGENT, work="drafts", checks=ScriptedChecks())
    more = [drawn("x = 2"), drawn("y = 2"), drawn("x  = 2")] * SECOND_BATCH
    _, outcome, _ = work(agent, CHECKED, [drawn("y = 1"), drawn("x = 1"), drawn("z = 2")], more)
    assert (outcome.answer, outcome.verified) == ("x = 2", True)
    assert outcome.notes == ("draft 4 of 12 passed the check",)


def test_the_second_batch_gets_warmer_and_has_no_plan() -> None:
    """It has SECOND_BATCH parts, each warmer and with its own seeds. Its prompt shows the check but not the plan."""
    job = replace(AGENT, work="drafts", checks=ScriptedChecks()).execute(CHECKED, "1. First.", lambda text: None)
    first = next(job)
    second = job.send([[drawn("y = 1")], [drawn("y = 2")] * 2])
    requests = [request for request in [*first, *second] if isinstance(request, Generate)]
    assert [request.samples for request in requests[2:]] == [3] * SECOND_BATCH
    assert [request.sampling.temperature for request in requests[2:]] == pytest.approx([0.9, 1.1, 1.3])
    planned = ["1. First." in [message.content for message in request.prompt.messages] for request in requests[2:]]
    assert planned == [False] * 3
    seen = f"{CHECKED.text}\nIt must pass: {CHECKED.check}"
    assert [request.prompt.messages[-1].content for request in requests] == [seen] * 5
    assert {request.prompt.prefill for request in requests} == {"```python\n"}
    seeds = {request.sampling.seed + i for request in requests for i in range(request.samples)}
    assert len(seeds) == 3 * (1 + SECOND_BATCH) - 1  # the greedy draft uses no seed


def test_if_no_draft_passes_the_best_is_repaired_once() -> None:
    """The prompt shows the best draft and what it returns instead. A repair that passes is the answer."""
    agent = replace(AGENT, work="drafts", checks=ScriptedChecks("q", "f(1) gives 2, but it must be 1"))
    failing = [drawn(GOOD), drawn(GOOD), drawn("z = 3")]
    requests, outcome, _ = work(
        agent, CHECKED, failing, failing * SECOND_BATCH, [drawn("q = 1"), drawn("y = 1"), drawn("y = 2")]
    )
    assert (outcome.answer, outcome.status) == ("q = 1", "passed")
    turns = [message.content for message in requests[-1].prompt.messages]
    assert turns[-1] == "f(1) gives 2, but it must be 1. Write it again, correctly."
    assert GOOD in turns[-2]


def test_drafts_that_all_fail_the_check_leave_the_verdict_to_the_market() -> None:
    """If no draft of any batch passes, the best one is the answer, and it is verified like any other."""
    agent = replace(AGENT, work="drafts", checks=ScriptedChecks(holds="never"))
    failing = [drawn(GOOD), drawn(GOOD), drawn("z = 3")]
    _, outcome, _ = work(agent, CHECKED, failing, failing * SECOND_BATCH)
    assert (outcome.answer, outcome.status, outcome.verified) == (GOOD, "done", None)


def test_of_equal_votes_the_most_likely_draft_wins() -> None:
    """Ties go to the draft with the highest mean log probability."""
    assert choose(["a b c", "d e f"], [-1.0, -0.5], "text") == 1


def test_choose_falls_back_where_nothing_parses() -> None:
    """If no draft parses, the most likely one is chosen."""
    assert choose(["def f(:", "def g(:"], [-1.0, -2.0], "python") == 0


def test_bid_needs_room_for_the_work_too() -> None:
    """An agent requests a plan only if plan and answer fit behind the task."""
    request = next(AGENT.bid(TEXT))[0]
    assert isinstance(request, Generate)
    assert request.headroom == AGENT.plan_tokens + AGENT.max_tokens and request.sampling.max_tokens == AGENT.plan_tokens


def test_lessons_are_shown_as_better_and_worse_plans() -> None:
    """A refining agent sees the past task, the plan that lost and the plan that won."""
    lesson = Lesson("a0", "Explain snow.", "1. Better.", "1. Worse.", "b", "a", 0.8)
    request = next(AGENT.bid(TEXT, [lesson]))[0]
    assert isinstance(request, Generate)
    words = "\n".join(message.content for message in request.prompt.messages)
    assert "Explain snow." in words and "1. Worse." in words and "1. Better." in words
    assert request.prompt.messages[-1].content.endswith("Explain rain.")


def test_seeds_differ_by_agent_and_purpose_and_repeat_by_run() -> None:
    """The same run seed gives the same seeds, and no two agents or purposes share one."""
    other = replace(AGENT, name="b")
    assert AGENT.seed_for("bid") == replace(AGENT).seed_for("bid")
    assert len({AGENT.seed_for("bid"), AGENT.seed_for("work"), other.seed_for("bid")}) == 3
    assert AGENT.seed_for("bid") != replace(AGENT, seed=1).seed_for("bid")


def test_lessons_stay_within_their_budget() -> None:
    """Lessons are taken whole by falling similarity, until one does not fit; the most similar one is shown last."""
    lessons = [Lesson(str(i), "t" * 1000, "w", "l", "b", "a", similarity=i / 10) for i in range(5)]
    kept = within(lessons, 2400)
    assert [lesson.auction for lesson in kept] == ["3", "4"]


@pytest.mark.parametrize(
    ("text", "cut", "kept"),
    [
        ("1. Do this.\n2. And th", True, "1. Do this."),
        ("1. Do this.\n2. And that.", True, "1. Do this.\n2. And that."),
        ("1. Do th", True, "1. Do th"),
        ("1. Do this.\n\n2. And th ", False, "1. Do this.\n2. And th"),
    ],
)
def test_plans_are_tidied(text: str, cut: bool, kept: str) -> None:
    """A plan that hit the token limit loses its unfinished step, but never its only one."""
    assert tidy(text, cut=cut) == kept


def test_a_function_is_named_as_its_check_calls_it() -> None:
    """Under a check the answer is shown once, at the end; without one it is shown as it is written."""
    requests, outcome, shown = work(AGENT, CHECKED, [drawn("def solve(n):\n    return n")])
    assert outcome.answer == "def f(n):\n    return n" and shown == outcome.answer
    assert requests[-1].on_text is None
    requests, outcome, _ = work(AGENT, CODE, [drawn("def solve(n):\n    return n")])
    assert outcome.answer == "def solve(n):\n    return n" and requests[-1].on_text is not None
