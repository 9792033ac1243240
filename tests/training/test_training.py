"""The bundled models: what is committed is what was trained, and llama.cpp computes it as torch does."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from random import Random

import numpy as np
import pytest

from edge_sale.agents.local import LocalAgent
from edge_sale.catalog import gguf_header as header
from edge_sale.catalog.cards import load, shipped_dir
from edge_sale.catalog.installed import sha256_of
from edge_sale.errors import EdgeSaleError
from edge_sale.evaluation.bundled_tasks import functions
from edge_sale.evaluation.bundled_tasks.functions import exam, question
from edge_sale.evaluation.bundled_tasks.grading import grade_all
from edge_sale.prompts import render
from edge_sale.types import Lesson
from training import out_of_domain, record
from training.held_out import holds_held_out, words_of
from training.unrelated import PARTS
from training.written import WRITTEN

NAMES = ("junior", "lists", "texts", "senior")
LARGEST, TOGETHER = 2_000_000, 8_000_000  # bytes
PROMPTS, NEAR = 200, 1e-2  # how many prompts, and how far logits may be apart
ROUNDED = 3e-2  # where llama.cpp computes in float16
needs_torch = pytest.mark.skipif(
    not all(__import__("importlib.util").util.find_spec(name) for name in ("torch", "tokenizers")),
    reason="torch or tokenizers is not installed; see: ./scripts/setup --train",
)


def weights(name: str) -> Path:
    return shipped_dir() / "bundled" / f"{name}.gguf"


# --- what is committed -----------------------------------------------------------------------


@pytest.mark.parametrize("name", [*NAMES, "embedder"])
def test_a_file_is_the_one_that_was_recorded(name: str):
    """Its sha256, size, seed and data version stand in training.json, and scores were measured on it."""
    known = record.read(shipped_dir() / "bundled")[name]
    file = weights(name)
    assert (known["sha256"], known["bytes"]) == (sha256_of(file), file.stat().st_size)
    assert known["seed"] and known["updates"] and known["scores"]


def test_the_data_is_still_what_the_models_were_trained_on():
    """The generator gives the tasks that it gave when the weights were made; else they should be made anew."""
    assert {known["data"] for known in record.read(shipped_dir() / "bundled").values()} == {record.fingerprint()}


def test_the_family_is_small():
    """Each file is at most 2 MB, all of them at most 8 MB."""
    sizes = [file.stat().st_size for file in weights("senior").parent.glob("*.gguf")]
    assert len(sizes) == len(NAMES) + 1
    assert max(sizes) <= LARGEST
    assert sum(sizes) <= TOGETHER


def test_cards_name_the_files_that_are_there():
    """Size, sha256 and parameters on every card of a bundled model are those of its record."""
    known = {of["file"]: of for of in record.read(shipped_dir() / "bundled").values()}
    cards = [card for card in load().models.values() if card.sources[0].kind == "shipped"]
    assert sorted(card.name for card in cards) == sorted([*(f"bundled-{name}" for name in NAMES), "bundled-embedder"])
    for card in cards:
        spec, of = card.files[0], known[card.files[0].name]
        assert (spec.bytes, spec.sha256, card.parameters) == (of["bytes"], of["sha256"], of["parameters"])


@pytest.mark.parametrize("name", NAMES)
def test_all_that_a_chat_needs_is_in_the_file(name: str):
    """Architecture, vocabulary, merges, end token and chat template."""
    info = header.inspect(weights(name))
    assert info.architecture == "llama"
    for key in ("tokens", "merges", "eos_token_id", "chat_template"):
        assert f"tokenizer.{'ggml.' if key != 'chat_template' else ''}{key}" in info.metadata


# --- training texts ---------------------------------------------------------------------------


def test_what_is_learnt_is_what_agents_ask():
    """The prompt in a training text is to the letter the one that an agent with these prompts sends."""
    task = exam(1, 3)[0]
    agent = LocalAgent("a", "m", 1.0, "quick", "likert", prompts="trade")
    request = next(agent.bid(question(task).item.task))[0]
    assert request.prompt == render("trade/plan", task=task.text, domain="python")
    lesson = Lesson("", task.text, task.plan, "1. sort", "", "", similarity=0.9)
    request = next(agent.bid(question(task).item.task, [lesson]))[0]
    assert request.prompt == render("trade/refine", task=task.text, domain="python", lessons=[lesson])
    request = next(agent.judge(question(task).item.task, [task.plan]))[0]
    assert request.prompt == render("trade/likert", task=task.text, plan=task.plan)
    request = next(agent.execute(question(task).item.task, task.plan, print))[0]
    assert request.prompt == render("trade/answer", task="", plan=task.plan, domain="python", notes="")


def test_a_juror_learns_the_share_of_right_steps():
    """Two of four steps right are 2; all of them 5; one too many is at most 4."""
    from training.texts import common, score

    right = ["a", "b", "c", "d"]
    assert [score(right, plan) for plan in (right, ["a", "b", "x", "y"], [*right, "e"], ["x"], right[::-1])] == [
        5,
        2,
        4,
        0,
        1,
    ]
    assert common(right, ["a", "x", "c"]) == {0, 2}


def test_faulty_plans_are_wrong():
    """A plan with faults never does what the task asks, and has no neighbours that are held out."""
    from edge_sale.evaluation.bundled_tasks.operations import BY_NAME
    from training.tasks import training
    from training.texts import faulty_plan

    def names(steps: list[str]) -> list[str]:
        return [re.sub(r" (?:\d+|[a-z])(?: [a-z])?$", "", step) for step in steps]

    random = Random(1)
    assert names(["keep above 3", "replace a b", "reverse"]) == ["keep above", "replace", "reverse"]
    for task in itertools.islice(training(9, 1, 4), 400):
        plan = faulty_plan(task, random)
        assert functions.numbered(plan) != task.plan
        operations = [BY_NAME[name] for name in names(plan)]
        assert not any(functions.held_out(*pair) for pair in itertools.pairwise(operations)), plan


# --- answers by the hundred -------------------------------------------------------------------


def test_many_answers_are_graded_at_once():
    """Right ones pass, whatever their wording; wrong, endless, silent and escaping ones do not."""
    asked = [question(task) for task in exam(6, 3)]
    right = [one.reference.replace("def solve(", "# mine\ndef solve(") for one in asked]
    assert grade_all(asked, right) == [True] * 6
    escapes = ["while True: pass", "import os\nos._exit(0)", "raise SystemExit(0)"]
    wrong = ["", "def solve(v):\n    return 1", *escapes, "("]
    assert grade_all(asked, wrong) == [False] * 6
    assert grade_all(asked, [right[0], wrong[1], right[2], wrong[3], right[4], wrong[5]]) == [True, False] * 3


def test_what_is_outside_the_trade_for_jurors_is_not_what_the_floor_is_measured_on():
    """No deed that a juror learns to reject is a prompt that the reserve price is fitted to or measured on."""
    learnt = {words_of(text) for name in ("deed", "plain", "thing") for text in PARTS[name]}
    asked = [words_of(text) for text in (*out_of_domain.WANTED, *out_of_domain.FITTED)]
    parts = {words[i:j] for words in asked for i in range(len(words)) for j in range(i + 1, len(words) + 1)}
    assert len(learnt) > 40 and learnt & parts == set()


@needs_torch
@pytest.mark.parametrize("name", NAMES)
def test_no_text_of_any_role_holds_what_is_held_out(name: str, monkeypatch: pytest.MonkeyPatch):
    """Tasks to plan, to work on, to judge and of lessons, as each member's own training begins to read them."""
    from training import texts
    from training.members import MEMBERS

    said = set[str]()

    def heard(prompt: str, **values: object):
        said.update([str(values["task"]), *(lesson.task for lesson in values.get("lessons", ()))])  # type: ignore[attr-defined]
        return render(prompt, **values)

    monkeypatch.setattr(texts, "render", heard)
    member = MEMBERS[name]
    made = texts.texts(member.course, vocabulary(), Random(f"{member.seed} 0"))
    assert all(text.tokens for text in itertools.islice(made, 1000))
    assert len(said) > 1000 and [text for text in said if holds_held_out(text)] == []
    assert {words_of(text) for text in said} & {words_of(one.text) for one in WRITTEN} == set()


# --- llama.cpp and torch ----------------------------------------------------------------------


@needs_torch
@pytest.mark.parametrize(("name", "count"), [("senior", PROMPTS), ("junior", 20), ("lists", 20), ("texts", 20)])
def test_logits_are_those_of_torch(name: str, count: int, tmp_path: Path):
    """On 200 prompts of the four roles every logit of the exported weights is within 1e-2 of torch's.

    As they are shipped, in float16, llama.cpp rounds what it multiplies them with as well: up to 0.03.
    """
    from training.export import export
    from training.load import load as read

    model = read(weights(name))
    export(model, vocabulary(), tmp_path / "exact.gguf", name, exact=True)
    assert apart(model, tmp_path / "exact.gguf", prompts()[:count]) < NEAR
    assert apart(model, weights(name), prompts()[:20]) < ROUNDED


@needs_torch
def test_the_exporter_loses_nothing(tmp_path: Path):
    """A fresh model, written exactly, has torch's logits to 1e-3; with one head's weights changed it has not."""
    import torch

    from training.export import export
    from training.load import load as read
    from training.model import Llama, Shape

    words = vocabulary()
    torch.manual_seed(3)
    model = Llama(Shape(len(words), width=64, layers=2, heads=2, inner=96))
    export(model, words, tmp_path / "exact.gguf", "fresh", exact=True)
    few = prompts()[::10]
    assert apart(model, tmp_path / "exact.gguf", few) < 1e-3
    back = read(tmp_path / "exact.gguf")
    assert all(torch.equal(a, b) for a, b in zip(model.state_dict().values(), back.state_dict().values(), strict=True))
    with torch.no_grad():
        model.blk[1].attn_q.weight[:32] *= 1.5
    assert apart(model, tmp_path / "exact.gguf", few) > 1e-3


@needs_torch
def test_a_stopped_training_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Stopped half-way it ends with the weights of a training in one go, bit for bit."""
    import dataclasses

    import torch

    from training import train
    from training.members import MEMBERS
    from training.model import Shape

    class Stopped(Exception):
        pass

    def tell(line: str) -> None:
        if ": 4/" in line:
            raise Stopped  # before this checkpoint is written

    monkeypatch.setattr(train, "EVERY", 2)
    monkeypatch.setattr(train, "POOL", 16)
    words = vocabulary()
    shape = Shape(len(words), width=32, layers=1, heads=1, inner=32)
    member = dataclasses.replace(MEMBERS["junior"], shape=shape, updates=6, batch=256)
    for folder in ("whole", "broken"):
        (tmp_path / folder).mkdir()
    whole = train.train("junior", member, words, tmp_path / "whole", str)
    with pytest.raises(Stopped):
        train.train("junior", member, words, tmp_path / "broken", tell)
    said: list[str] = []
    resumed = train.train("junior", member, words, tmp_path / "broken", said.append)
    assert said[0] == "junior: goes on after 2 updates"
    weights = zip(whole.state_dict().values(), resumed.state_dict().values(), strict=True)
    assert all(torch.equal(one, other) for one, other in weights)


@needs_torch
def test_a_checkpoint_of_another_training_is_refused(tmp_path: Path):
    """More updates, or another vocabulary, and the file that is there is not gone on from, nor overwritten."""
    import dataclasses

    from training import train
    from training.members import MEMBERS
    from training.model import Shape

    words = vocabulary()
    shape = Shape(len(words), width=32, layers=1, heads=1, inner=32)
    member = dataclasses.replace(MEMBERS["junior"], shape=shape, updates=1, batch=256)
    train.train("junior", member, words, tmp_path, str)
    kept = (tmp_path / "junior.checkpoint").read_bytes()
    with pytest.raises(EdgeSaleError, match=r"junior\.checkpoint: of another training"):
        train.train("junior", dataclasses.replace(member, updates=2), words, tmp_path, str)
    assert (tmp_path / "junior.checkpoint").read_bytes() == kept


@needs_torch
def test_llama_cpp_cuts_words_as_the_vocabulary_does():
    """Prompts, code and foreign letters have the same tokens in the engine and in training."""
    from edge_sale.llama.engine import LlamaEngine
    from edge_sale.llama.tuning import Tuning

    engine = LlamaEngine("junior", weights("junior"), context=1024, tuning=Tuning(threads=1))
    words = vocabulary()
    odd = ["<|end|> stays letters", "naïve 漢字 🦊\t\n  x", "a1b22  3", "it's DON'T"]
    tasks = [task for steps in range(1, 9) for task in exam(10, steps)]
    asked = [render("trade/plan", task=text, domain="python") for text in [*odd, *(task.text for task in tasks)]]
    asked += [render("trade/answer", task="", plan=task.plan, domain="python", notes="") for task in tasks]
    asked += [render("trade/likert", task=task.text, plan=task.plan) for task in tasks]
    assert [engine._model.tokenize(prompt).tokens for prompt in asked] == [words.chat(prompt) for prompt in asked]
    engine.close()


def vocabulary():
    """The vocabulary that all members share."""
    from training.load import vocabulary as read

    return read(weights("junior"))


def prompts() -> list[list[int]]:
    """200 prompts with their answers, of all four roles, as tokens."""
    from training.texts import Course, texts

    course = Course("all", 8, (0.4, 0.2, 0.2, 0.2))
    return [text.tokens for text in itertools.islice(texts(course, vocabulary(), Random(9)), PROMPTS)]


def apart(model, file: Path, sequences: list[list[int]]) -> float:
    """The largest difference of any logit after any token: llama.cpp without flash attention, float32 cache."""
    import torch
    from llama_cpp import GGML_TYPE_F32, Llama

    llama = Llama(
        str(file),
        n_ctx=1024,
        n_threads=1,
        n_threads_batch=1,
        logits_all=True,
        flash_attn=False,
        type_k=GGML_TYPE_F32,
        type_v=GGML_TYPE_F32,
        verbose=False,
    )
    worst = 0.0
    for tokens in sequences:
        llama.reset()
        llama.eval(tokens)
        with torch.no_grad():
            wanted = model.logits(model(torch.tensor([tokens])))[0].numpy()
        worst = max(worst, float(np.abs(np.array(llama.scores[: len(tokens)]) - wanted).max()))
    llama.close()
    return worst
