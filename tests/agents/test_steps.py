"""Work in a folder step by step, with scripted replies, a real private copy and a real sandbox."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edge_sale.agents.local import LocalAgent
from edge_sale.agents.remote import RemoteAgent
from edge_sale.agents.steps import STEPS
from edge_sale.agents.workspace import Workspace
from edge_sale.errors import PromptTooLong
from edge_sale.event_bus import EventBus
from edge_sale.events import Stepped
from edge_sale.types import Generation, Outcome, Task
from tests.scripted import Heard
from tests.workspace.kit import repository, working_copy, wrapped

TASK = Task("t", "Make f return 2.", "repo", ("a.py",), None, repo=True)
CHECK = "python3 -c 'from a import f; assert f() == 2'"


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def workspace(tmp_path: Path, heard: Heard) -> Workspace:
    root = repository(tmp_path / "p", a__py="def f():\n    return 1\n")
    count = iter(range(100))
    return Workspace(lambda: working_copy(root, tmp_path / f"s{next(count)}"), None, "Rule one.", EventBus(heard))


def drawn(text: str) -> Generation:
    return Generation(text, 9, 20, 1.0, -0.5, "stop", 0.1)


def play(agent: Any, workspace: Workspace, *replies: str | Generation, task: Task = TASK) -> tuple[Outcome, list[Any]]:
    """The outcome of the work, and every request that it made. The script must last."""
    job = agent.execute(task, "1. Edit.", lambda text: None)
    requests = list(next(job))
    for reply in replies:
        try:
            generation = reply if isinstance(reply, Generation) else drawn(reply)
            requests += job.send([[generation] * request.samples for request in requests[-1:]])
        except StopIteration as end:
            return end.value, requests
    raise AssertionError("the work made more requests than the script has replies")


def agent(workspace: Workspace, **more: Any) -> LocalAgent:
    return LocalAgent("a", "m", 0.1, "quick", "recoverability", max_tokens=50, workspace=workspace, **more)


def test_thought_call_and_text_are_requested_in_turn(workspace: Workspace, heard: Heard) -> None:
    """The call is sampled under a grammar, thought and text are free. The answer is the patch."""
    outcome, requests = play(
        agent(workspace),
        workspace,
        "I read.",
        'read(path="a.py")',
        "I edit.",
        'edit(path="a.py", first=2, last=2)',
        "return 2",
        "Done.",
        'finish(answer="f returns 2")',
    )
    assert [bool(request.sampling.grammar) for request in requests[:7]] == [
        False,
        True,
        False,
        True,
        False,
        False,
        True,
    ]
    assert outcome.status == "done" and outcome.verified is None and outcome.steps == 2
    assert outcome.answer.endswith("-    return 1\n+    return 2\n")
    assert outcome.notes == ("f returns 2", "changed a.py (+1 −1)")
    steps = heard.of(Stepped)
    assert [(step.call, step.seen, step.useful) for step in steps] == [
        ('read(path="a.py")', "1 def f():\n2     return 1", True),
        ('edit(path="a.py", first=2, last=2)', "a.py written", True),
    ]


def test_a_call_that_was_cut_off_is_drawn_again_shorter(workspace: Workspace, heard: Heard) -> None:
    """An incomplete command is not run. The grammar of the second try allows only short texts, so the call ends."""
    cut = replace(drawn('search(pattern="0.0.0.0.'), ended="length")
    _, requests = play(
        agent(workspace), workspace, "I look.", cut, 'search(pattern="f")', "Done.", 'finish(answer="x")'
    )
    assert [step.call for step in heard.of(Stepped)] == ['search(pattern="f")']
    assert "sign{0,240}" in requests[1].sampling.grammar and "sign{0,16}" in requests[2].sampling.grammar
    assert requests[1].prompt == requests[2].prompt


def test_prompts_begin_alike_and_stay_small(workspace: Workspace) -> None:
    """The part that never changes comes first, byte for byte. Tools and task take at most about 1,500 tokens."""
    _, requests = play(agent(workspace), workspace, "I read.", 'read(path="a.py")', "Done.", 'finish(answer="x")')
    first, later = requests[0].prompt, requests[2].prompt
    assert later.messages[: len(first.messages)] == first.messages
    assert first.fixed == 1 and "read(path, first=1, last=0)" in first.messages[0].content
    assert sum(len(message.content) for message in first.messages) < 1500 * 3.5
    words = first.messages[-1].content
    assert "Rule one." in words and "Make f return 2." in words and "1. Edit." in words and "Files: a.py" in words


@wrapped
def test_the_check_runs_after_every_edit(workspace: Workspace) -> None:
    """A check that passes ends the work; one that fails is shown to the agent."""
    workspace = replace(workspace, check=CHECK)
    edit = 'edit(path="a.py", first=2, last=2)'
    outcome, requests = play(agent(workspace), workspace, "Hm.", edit, "return 3", "Hm.", edit, "return 2")
    assert (outcome.status, outcome.verified) == ("passed", True)
    assert "the check fails" in requests[3].prompt.messages[-1].content
    assert "AssertionError" in requests[3].prompt.messages[-1].content


@wrapped
def test_a_check_that_passed_before_does_not_end_the_work_at_the_first_edit(workspace: Workspace) -> None:
    """Tests that pass already do not show that a new feature is done. The agent has to finish, and they must pass."""
    workspace = replace(workspace, check="test -f a.py")
    edit = 'edit(path="a.py", first=2, last=2)'
    outcome, _ = play(
        agent(workspace), workspace, "Hm.", edit, "return 3", "Hm.", edit, "return 2", "Ok.", 'finish(answer="x")'
    )
    assert (outcome.status, outcome.verified, outcome.steps) == ("passed", True, 2)


@wrapped
def test_an_agents_own_claim_does_not_count(workspace: Workspace) -> None:
    """An agent that finishes while the check fails goes on, and has failed when its steps run out."""
    workspace = replace(workspace, check=CHECK)
    outcome, _ = play(
        agent(workspace),
        workspace,
        *["Done.", 'finish(answer="done")'] * 2,
        "Hm.",
        'list(path=".")',
        *["Done.", 'finish(answer="done")'] * (STEPS["quick"] - 3),
    )
    assert (outcome.status, outcome.verified) == ("failed", False)


def test_the_same_call_three_times_ends_the_work(workspace: Workspace) -> None:
    """It fails with a note that names the call."""
    outcome, requests = play(agent(workspace), workspace, *["Hm.", 'read(path="a.py")'] * 3)
    assert (
        outcome.status == "failed" and outcome.notes[0] == 'stopped: the same call 3 times in a row: read(path="a.py")'
    )
    assert len(requests) == 6


def offered(request: Any) -> set[str]:
    """The tools that the grammar of a call allows."""
    root = request.sampling.grammar.splitlines()[0].removeprefix("root ::= ")
    return {name.removeprefix("call-") for name in root.split(" | ")}


@wrapped
def test_tools_that_did_not_help_are_closed_until_a_step_is_useful(workspace: Workspace) -> None:
    """No finish before a useful step, no look after one that showed nothing new, no finish after one that failed."""
    workspace, looks = replace(workspace, check=CHECK), {"list", "search", "read"}
    read, finish = 'read(path="a.py")', 'finish(answer="x")'
    calls = [read, read, finish, 'run(command="echo 7")', read, finish, 'list(path=".")', finish]
    _, requests = play(agent(workspace), workspace, *[part for call in calls for part in ("Hm.", call)])
    missing = [{*looks, "edit", "run", "finish"} - offered(request) for request in requests[1::2]]
    assert missing == [{"finish"}, set(), looks, looks | {"finish"}, set(), looks, looks | {"finish"}, set()]
    assert "the same as before" in requests[4].prompt.messages[-1].content


def test_a_look_that_was_refused_may_be_followed_by_another(workspace: Workspace) -> None:
    """A refusal is not useful, but it does not show the same again either."""
    reads = ["Hm.", 'read(path="b.py")', "Hm.", 'read(path="a.py")']
    _, requests = play(agent(workspace), workspace, *reads, "Ok.", 'finish(answer="x")')
    assert "read" in offered(requests[3])


def test_a_repeated_thought_is_replaced_by_the_plans_next_line(workspace: Workspace) -> None:
    """The plan's next line becomes the prefill of the call."""
    job = agent(workspace).execute(TASK, "1. Read it.\n2. Edit it.", lambda text: None)
    requests = list(next(job))
    for reply in ("1. Read it.", 'read(path="a.py")', "1. Read it."):
        requests += job.send([[drawn(reply)] * request.samples for request in requests[-1:]])
    assert requests[1].prompt.prefill == "1. Read it.\n" and requests[3].prompt.prefill == "2. Edit it.\n"


def test_the_temperature_rises_with_steps_that_are_not_useful(workspace: Workspace) -> None:
    """By 0.3 for each of them."""
    script = ["Hm.", 'read(path="b.py")', "Hm.", 'read(path="c.py")', "Done.", 'finish(answer="x")']
    _, requests = play(agent(workspace), workspace, *script)
    assert [request.sampling.temperature for request in requests[::2]] == pytest.approx([0.0, 0.3, 0.6])


def test_text_that_never_parses_ends_the_work(workspace: Workspace) -> None:
    """After five edits of a file in a row that do not parse, the work has failed and its patch is empty."""
    whole, line = 'edit(path="a.py")', 'edit(path="a.py", first=2, last={})'
    script: list[str] = []
    for number in range(3):
        script += ["Hm.", whole, f"def f(:\n  return {number}"]
    for number in range(2):
        script += ["Hm.", line.format(2), f"return ({number}"]
    outcome, _ = play(agent(workspace), workspace, *script)
    assert outcome.status == "failed" and outcome.notes[0] == "stopped: 5 edits of a.py in a row did not parse"
    assert outcome.answer == ""


def test_steps_end(workspace: Workspace) -> None:
    """Work that is not finished after its steps has failed."""
    script = [part for n in range(STEPS["quick"]) for part in ("Hm.", f'read(path="{n}.py")')]
    outcome, _ = play(agent(workspace), workspace, *script)
    assert outcome.status == "failed" and outcome.notes == (f"stopped: not finished after {STEPS['quick']} steps",)


def test_a_prompt_that_does_not_fit_shows_fewer_steps_whole(workspace: Workspace) -> None:
    """Earlier steps are shortened to their calls, and the work goes on."""
    job = agent(workspace).execute(TASK, "1. Edit.", lambda text: None)
    next(job)
    job.send([[drawn("Hm.")]])
    before = job.send([[drawn('read(path="a.py")')]])[0]
    after = job.throw(PromptTooLong("m", 9, 8))[0]
    assert len(after.prompt.messages) == len(before.prompt.messages)  # type: ignore[union-attr]
    job.close()


def test_remotes_write_calls_in_their_own_syntax(workspace: Workspace) -> None:
    """Calls are parsed from replies without a grammar. After a reply without a call the prompt says so."""
    remote = RemoteAgent("far", 1.0, mine=True, workspace=workspace)
    outcome, requests = play(
        remote,
        workspace,
        "I will look around.",
        'I edit.\n<tool_call>{"name": "edit", "arguments": '
        '{"path": "a.py", "content": "def f():\\n    return 2"}}</tool_call>',
        '{"name": "finish", "arguments": {"answer": "done"}}',
    )
    assert outcome.status == "done" and "+    return 2" in outcome.answer
    assert "no call was found" in requests[1].prompt.messages[-1].content
    assert not any(request.sampling.grammar for request in requests)


@pytest.mark.parametrize("path", ["a.py", "n.md"])
def test_a_text_that_was_cut_off_replaces_no_file(workspace: Workspace, path: str) -> None:
    """This holds under a grammar and for remotes. A text with an end does, in Markdown with fences of its own too."""
    begun, whole = "x = 1\ny = 2", "# Title\n```sh\nmake\n```\nMore.\n"
    cut = replace(drawn(begun), ended="length")
    ticks = "````" if path == "n.md" else "```"
    done = ["Done.", 'finish(answer="x")']
    outcome, requests = play(agent(workspace), workspace, "I edit.", f'edit(path="{path}")', cut, "So.", *done[1:])
    assert outcome.answer == "" and requests[2].sampling.stop == (f"\n{ticks}",)
    assert "cut off" in requests[3].prompt.messages[-1].content
    remote = RemoteAgent("far", 1.0, mine=True, workspace=workspace)
    reply = replace(drawn(f'edit(path="{path}")\n{ticks}\n{begun}'), ended="length")
    outcome, requests = play(remote, workspace, reply, 'finish(answer="x")')
    assert outcome.answer == "" and "cut off" in requests[1].prompt.messages[-1].content
    for outer in ("````", "```"):
        outcome, _ = play(remote, workspace, f'edit(path="n.md")\n{outer}\n{whole}{outer}\nThat is it.', done[1])
        assert "+More." in outcome.answer and "That is it" not in outcome.answer


def test_somebody_elses_remote_gets_no_earlier_turns(workspace: Workspace) -> None:
    """Earlier turns of a chat go only to the user's own server, in a folder and without."""
    for mine in (False, True):
        remote = RemoteAgent("far", 1.0, mine=mine, workspace=workspace)
        for repo in (False, True):
            task = replace(TASK, repo=repo, earlier=(("my salary is 5", "noted"),))
            request = next(remote.execute(task, "", lambda text: None))[0]
            assert ("my salary" in " ".join(m.content for m in request.prompt.messages)) is mine


def test_every_agent_works_in_a_copy_of_its_own(workspace: Workspace, tmp_path: Path) -> None:
    """An agent does not see what another one wrote, and the user's folder does not change."""
    edit = ["Hm.", 'edit(path="a.py", first=2, last=2)', "return 2", "Done.", 'finish(answer="x")']
    first, _ = play(agent(workspace), workspace, *edit)
    second, _ = play(agent(workspace), workspace, *edit)
    assert first.answer == second.answer != ""
    assert (tmp_path / "p/a.py").read_text() == "def f():\n    return 1\n"
    assert not (tmp_path / "s0/work").exists()
