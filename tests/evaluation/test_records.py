"""Recordings are read whole or refused with the line: nothing is averaged over a part."""

import pytest

from edge_sale.evaluation import mint
from edge_sale.evaluation.jsonl_store import BadRecord, lines
from edge_sale.evaluation.records import Trial, recording
from tests.evaluation.kit import LARGE, SMALL, full_recording, mint_run, mint_task, write
from tests.evaluation.kit import mint as mint_folder


def test_ten_lines_of_mint_become_a_recording(tmp_path):
    """Tasks carry their family as bin and whether their environment checks work; trials carry the record."""
    read = mint.read(mint_folder(tmp_path), [SMALL, LARGE])
    assert [(i.task.id, i.bin, i.checked, i.task.domain) for i in read.items] == [
        ("t1", "reasoning/gsm8k", False, "text"),
        ("t2", "code_generation/mbpp", True, "python"),
    ]
    assert read.prices == {SMALL: 0.0821, LARGE: 33.0}
    trial = read.trial(read.items[1], SMALL)
    assert (trial.success, trial.tokens, trial.plan, trial.plan_tokens) == (False, 100, "Add 2 twice.", 3)


def test_an_agent_without_a_thought_bids_what_it_said_first(tmp_path):
    """An empty thought does not make an empty plan."""
    runs = [mint_run(1, SMALL, thought="", first="I look around.")]
    read = mint.read(mint_folder(tmp_path, [mint_task(1)], runs), [SMALL])
    assert read.trial(read.items[0], SMALL).plan == "I look around."


@pytest.mark.parametrize(
    "tasks, runs, words",
    [
        ([mint_task(1)], [mint_run(1, SMALL)], f"agent {LARGE!r} has no trial at 1 of 1 tasks, the first 't1'"),
        ([mint_task(1)], [mint_run(1, SMALL), "{half"], "runs.jsonl.gz, line 2: is not JSON"),
        ([mint_task(1)], [mint_run(1, SMALL), "[1]"], "line 2: should be a JSON object, is list"),
        ([mint_task(1)], [mint_run(1, SMALL, success="yes")], "line 1: 'success' should be bool, is 'yes'"),
        ([mint_task(1)], [mint_run(1, SMALL, prompt_tokens=None)], "'prompt_tokens' should be int, is None"),
        ([{"id": "t1"}], [mint_run(1, SMALL)], "tasks.jsonl.gz, line 1: has no 'family'; it has id"),
        ([mint_task(1)], [mint_run(1, SMALL), mint_run(1, SMALL)], f"agent {SMALL!r} has two trials at 't1'"),
        ([mint_task(1)], [mint_run(9, SMALL)], "a trial at 't9', which is no task of the set"),
    ],
)
def test_a_damaged_recording_is_refused_with_its_line(tasks, runs, words, tmp_path):
    """What is wrong and where, never a mean over the rest."""
    with pytest.raises(BadRecord) as caught:
        mint.read(mint_folder(tmp_path, tasks, runs), [SMALL, LARGE])
    assert words in str(caught.value)


def test_a_folder_of_another_set_is_named(tmp_path):
    """A folder that is not there and one that holds something else are told apart."""
    with pytest.raises(BadRecord, match="nowhere: no such folder"):
        mint.read(tmp_path / "nowhere")
    with pytest.raises(BadRecord, match=r"not a MINT recording, it has no tasks\.jsonl\.gz"):
        mint.read(tmp_path)


def test_an_unknown_agent_is_named(tmp_path):
    """An agent that MINT never ran is refused with those it did."""
    with pytest.raises(BadRecord, match="'gpt-9' is not an agent of MINT; there are: Mistral-7B"):
        mint.read(mint_folder(tmp_path), ["gpt-9"])


def test_a_gzip_cut_short_is_a_damaged_recording(tmp_path):
    """A download that broke off is not a shorter recording."""
    file = write(tmp_path / "x.jsonl.gz", [{"a": n} for n in range(500)])
    file.write_bytes(file.read_bytes()[:200])
    with pytest.raises(BadRecord, match=r"x\.jsonl\.gz: cannot be read"):
        list(lines(file))


def test_a_recording_without_tasks_is_refused():
    """Nothing to measure is an error, not a table of zeros."""
    with pytest.raises(BadRecord, match="holds no tasks"):
        recording("empty", [], {"a": 1.0}, [])


def test_a_part_keeps_agents_and_trials():
    """A part is the same recording over fewer items."""
    whole = full_recording({"small": "10", "large": "11"})
    part = whole.subset(whole.items[1:])
    assert (len(part.items), part.agents) == (1, ("small", "large"))
    assert isinstance(part.trial(part.items[0], "large"), Trial)
